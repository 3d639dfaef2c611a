package query

import (
	"fmt"
	"strings"
	"testing"
)

// in adds questions of an asker, and returns how many have a place, wait, and are too many.
func in(q *queue, asker string, n, bytes int) (now, wait, refused int) {
	for range n {
		switch has, taken := q.add(question{asker: asker, bytes: bytes}); {
		case has:
			now++
		case taken:
			wait++
		default:
			refused++
		}
	}
	return now, wait, refused
}

func TestAnAskerDelaysTheirOwnQuestions(t *testing.T) {
	q := newQueue()
	if now, wait, refused := in(q, "a", 100, 1); now != maxEach || wait != maxWaitingEach ||
		refused != 100-maxEach-maxWaitingEach {
		t.Fatalf("of one asker's 100 questions %d have a place, %d wait, %d are refused", now, wait, refused)
	}
	if now, _, _ := in(q, "b", 1, 1); now != 1 {
		t.Fatal("the question of another one has no place")
	}
	in(q, "b", 10, 1)
	in(q, "c", 2, 1)
	var order []string
	for _, ended := range strings.Fields("b b b b a b c") {
		next, is := q.done(ended)
		if !is {
			t.Fatalf("nothing is answered behind one of %s, after %v", ended, order)
		}
		order = append(order, next.asker)
	}
	// All of the places of a are taken up to the fifth end; b and c have theirs by turns.
	if got := strings.Join(order, " "); got != "b c b c a b b" {
		t.Errorf("the order is %s", got)
	}
}

func TestTheQueueHasLimits(t *testing.T) {
	q := newQueue()
	all := 0
	for i := range 100 {
		_, wait, _ := in(q, fmt.Sprint(i), maxEach, 1)
		all += wait
	}
	if all != maxWaiting {
		t.Errorf("%d questions wait", all)
	}
	q = newQueue()
	in(q, "a", maxEach, 0)
	if _, wait, refused := in(q, "a", 5, maxBytes/4); wait != 4 || refused != 1 {
		t.Errorf("%d long questions wait, and %d are refused", wait, refused)
	}
}

func TestNothingIsKeptOfAnAskerWhoIsAnswered(t *testing.T) {
	q := newQueue()
	for i := range 50 {
		in(q, fmt.Sprint(i), 3, 7)
	}
	running := []string{}
	for i := range 50 { // in the order of the questions
		if a := q.askers[fmt.Sprint(i)]; a != nil {
			for range a.running {
				running = append(running, fmt.Sprint(i))
			}
		}
	}
	for len(running) > 0 {
		next, is := q.done(running[0])
		running = running[1:]
		if is {
			running = append(running, next.asker)
		}
	}
	if len(q.askers)+len(q.turns)+q.waiting+q.bytes+q.running != 0 {
		t.Errorf("%+v is left", q)
	}
}
