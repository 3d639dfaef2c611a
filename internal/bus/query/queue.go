package query

import "sync"

// Limits of the questions of one service.
const (
	maxAtOnce      = 8       // answers at the same time
	maxEach        = 4       // of them, those of one asker
	maxWaiting     = 256     // waiting questions
	maxWaitingEach = 32      // of them, those of one asker
	maxBytes       = 8 << 20 // of waiting questions
)

// queue gives the places for answers to askers by turns: one with many questions delays its own.
// It is safe for concurrent use.
type queue struct {
	mu      sync.Mutex // guards the rest
	running int
	waiting int
	bytes   int
	askers  map[string]*asker // with a question that waits or is being answered
	turns   []string          // askers with a question that waits, in the order of their turns
}

// asker has the questions of one asker.
type asker struct {
	running int
	waiting []question
}

// question is a question that waits for a place.
type question struct {
	asker string
	bytes int
	// answer answers it.
	answer func()
}

func newQueue() *queue { return &queue{askers: map[string]*asker{}} }

// add takes a question. now: it has a place, and is to be answered; else it waits, or it is one too
// many.
func (q *queue) add(x question) (now, taken bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.askers[x.asker]
	if a == nil {
		a = &asker{}
	}
	switch {
	case q.running < maxAtOnce && a.running < maxEach: // nobody waits who could have the place
		q.running++
		a.running++
		now = true
	case q.waiting == maxWaiting || len(a.waiting) == maxWaitingEach || q.bytes+x.bytes > maxBytes:
		return false, false
	default:
		if len(a.waiting) == 0 {
			q.turns = append(q.turns, x.asker)
		}
		a.waiting = append(a.waiting, x)
		q.waiting, q.bytes = q.waiting+1, q.bytes+x.bytes
	}
	q.askers[x.asker] = a
	return now, true
}

// done gives the place of an answered question back, and returns the question that has it now.
func (q *queue) done(asker string) (next question, is bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	before := q.askers[asker]
	before.running--
	if before.running == 0 && len(before.waiting) == 0 {
		delete(q.askers, asker)
	}
	for i, name := range q.turns {
		a := q.askers[name]
		if a.running == maxEach {
			continue
		}
		next, a.waiting = a.waiting[0], a.waiting[1:]
		q.turns = append(q.turns[:i:i], q.turns[i+1:]...)
		if len(a.waiting) > 0 {
			q.turns = append(q.turns, name)
		}
		q.waiting, q.bytes = q.waiting-1, q.bytes-next.bytes
		q.running++
		a.running++
		return next, true
	}
	return question{}, false
}
