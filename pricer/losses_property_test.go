package pricer

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// lose takes messages with entries out of BILLING, replays, and starts behind the replay.
func (w *world) lose() {
	w.billing = slices.DeleteFunc(w.billing, func(m bus.Stored) bool {
		return m.Header(events.HeaderType) == events.TypeBilling && rapid.IntRange(0, 3).Draw(w.T, "lost") == 0
	})
	cause := fmt.Sprint("replay-", len(w.billing))
	w.billing = append(w.billing, replayed(w.T, w.stream, w.billing, cause)...)
	if out := replayed(w.T, w.stream, w.billing, cause+"-again"); len(out) > 0 {
		w.Fatalf("a second replay publishes %s", out[0].Data)
	}
	w.base.BaseInput, w.base.BaseOutput = uint64(len(w.stream)), uint64(len(w.billing))
	w.p, w.whole = newProcessor(), wholeProcessor()
	stream := w.stream
	for i := range stream {
		if err := take(w.whole, nil, &stream[i], func(stage.Output) {}); err != nil {
			w.Fatal(err)
		}
		if err := take(w.p, stream[:i], &stream[i], func(stage.Output) {}); err != nil {
			w.Fatal(err)
		}
	}
	for i := range w.billing {
		if err := w.whole.Adopt(&w.billing[i]); err != nil {
			w.Fatal(err)
		}
		if err := w.p.Adopt(&w.billing[i]); err != nil {
			w.Fatal(err)
		}
	}
	for _, p := range []*processor{w.whole, w.p} {
		if err := p.Adopt(nil); err != nil {
			w.Fatal(err)
		}
	}
	for _, x := range Proposed(w.p) {
		var d statements.Draft
		for _, c := range w.entries()[x.Month] {
			d.Add(&c, statements.Price{})
		}
		if own := d.Statement(&x); !x.CreditNote() && statements.Same(&own, &x) && own.Digest != x.Digest {
			w.Fatalf("%s is not of its entries in BILLING", x.AppendJSON(nil))
		}
	}
}

// TestLossesAndStatements: whatever BILLING loses, behind a replay the entries of each closed month
// add up to its statements and credit notes again, and all of them to the bill of full knowledge. A
// statement without a seal has the entries of BILLING, and not those that are derived.
func TestLossesAndStatements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		otherwise := rapid.Bool().Draw(t, "another program has sealed")
		w.publish()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0, 1, 2:
				w.month()
			case 3:
				w.publish()
			case 4:
				w.restart()
			case 5, 6:
				w.seal(rapid.IntRange(1, 3).Draw(t, "seals"), otherwise)
			case 7:
				w.lose()
			default:
				w.fact()
			}
		}
		w.seal(len(Proposed(w.p)), otherwise)
		if said, posted := w.net(); !maps.Equal(said, posted) {
			t.Fatalf("the statements say %v, the entries %v", said, posted)
		}
		if got, want := w.bill(); !maps.Equal(got, want) {
			t.Fatalf("the entries are %v, full knowledge says %v", got, want)
		}
	})
}
