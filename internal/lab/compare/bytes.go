package compare

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/stage"
)

// maxDifferences is how many differences of one stream are told one by one.
const maxDifferences = 5

// Bytes returns the differences between two runs, message by message; none when they are equal.
func Bytes(before, after *Run) []string {
	var found []string
	for _, name := range streams() {
		found = append(found, limited(name, sameMessages(name, before, after))...)
	}
	if before.Bill != after.Bill {
		found = append(found, "the bill: "+firstLine(before.Bill, after.Bill))
	}
	return found
}

func sameMessages(stream string, before, after *Run) []string {
	was, is := before.Streams[stream], after.Streams[stream]
	var found []string
	if len(was) != len(is) {
		found = append(found, fmt.Sprintf("%d messages before, %d after", len(was), len(is)))
	}
	for i := range min(len(was), len(is)) {
		b, a := &was[i], &is[i]
		if b.Subject != a.Subject {
			found = append(found, fmt.Sprintf("message %d: subject %s before, %s after", i+1, b.Subject, a.Subject))
		}
		bh, ah := lasting(b), lasting(a)
		if last := i == len(was)-1; !last {
			bh, ah = withoutCheckpoint(bh), withoutCheckpoint(ah)
		}
		if !slices.Equal(bh, ah) {
			found = append(found, fmt.Sprintf("message %d (%s): headers %v before, %v after", i+1, b.Subject, bh, ah))
		}
		if bb, ab := body(stream, b), body(stream, a); !bytes.Equal(bb, ab) {
			found = append(found, fmt.Sprintf("message %d (%s): body %s", i+1, b.Subject,
				firstLine(string(bb), string(ab))))
		}
	}
	return found
}

// lasting are the headers without the values of the moment: the server's own, and the beginnings of
// batches.
func lasting(m *Message) []events.Header {
	return slices.DeleteFunc(slices.Clone(m.Headers), func(h events.Header) bool {
		return strings.HasPrefix(h.Key, "Nats-") || h.Key == stage.HeaderLogic || h.Key == stage.HeaderBase
	})
}

// withoutCheckpoint leaves out the headers at the end of a batch.
func withoutCheckpoint(headers []events.Header) []events.Header {
	return slices.DeleteFunc(headers, func(h events.Header) bool {
		switch h.Key {
		case stage.HeaderChain, stage.HeaderCount, stage.HeaderSourceID:
			return true
		}
		return false
	})
}

// body is the body of a message: of an act without its time, in QUARANTINE without the reason, a
// text for people.
func body(stream string, m *Message) []byte {
	if m.kind() == events.TypeAct {
		var a events.Act
		if err := a.DecodeJSON(m.Body); err != nil {
			return m.Body
		}
		a.Time = time.Time{}
		return a.AppendJSON(nil)
	}
	if stream != events.StreamQuarantine {
		return m.Body
	}
	var q events.Quarantined
	if err := q.DecodeJSON(m.Body); err != nil {
		return m.Body
	}
	q.Reason = ""
	return q.AppendJSON(nil)
}

// firstLine shows the first difference of two texts.
func firstLine(before, after string) string {
	const around = 80
	at := 0
	for at < len(before) && at < len(after) && before[at] == after[at] {
		at++
	}
	cut := func(s string) string { return s[max(0, at-around/2):min(len(s), at+around)] }
	return fmt.Sprintf("differs at byte %d: %q before, %q after", at, cut(before), cut(after))
}

// limited puts a stream's name before its differences and keeps the first of them.
func limited(name string, found []string) []string {
	more := len(found) - maxDifferences
	if more > 0 {
		found = append(found[:maxDifferences:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	for i := range found {
		found[i] = name + ": " + found[i]
	}
	return found
}
