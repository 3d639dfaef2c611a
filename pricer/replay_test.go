package pricer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// replayed compares once, as a replay does, and returns what it publishes.
func replayed(t rapid.TB, stream, billing []bus.Stored, cause string) (out []bus.Stored) {
	t.Helper()
	p := newProcessor()
	r := NewComparer(p)
	for again := true; again; {
		for i := range billing {
			if err := r.Stored(&billing[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i := range stream {
			if err := p.Step(&stream[i], func(o stage.Output) {
				if err := r.Derived(&o); err != nil {
					t.Fatal(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		stream = nil // the second round derives the same
		var err error
		if again, err = r.Compare(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Difference(events.Cause{ID: cause, Event: "replay"},
		func(o stage.Output) { out = append(out, stored(o)) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// A replay publishes nothing where all is as it should be, though a closed month has corrections in
// another one; and nothing after one that has repaired what was lost
// or stored twice.
func TestReplayComesToRest(t *testing.T) {
	stream := corrected()
	var billing []bus.Stored
	p := newProcessor()
	for i := range stream {
		if err := p.Step(&stream[i], func(o stage.Output) { billing = append(billing, stored(o)) }); err != nil {
			t.Fatal(err)
		}
	}
	want := totals(t, billing)
	if len(want) != 2 {
		t.Fatalf("the story is not one of two months: %v", want)
	}
	for name, stands := range map[string][]bus.Stored{
		"as it should be":        billing,
		"nothing":                nil,
		"the first is lost":      billing[1:],
		"the last is lost":       billing[:len(billing)-1],
		"the first stands twice": append([]bus.Stored{billing[0]}, billing...),
		"the last stands twice":  append([]bus.Stored{billing[len(billing)-1]}, billing...),
	} {
		first := replayed(t, stream, stands, "replay-1")
		if name == "as it should be" && len(first) > 0 {
			t.Errorf("%s: %s", name, first[0].Data)
		}
		all := append(append([]bus.Stored{}, stands...), first...)
		if again := replayed(t, stream, all, "replay-2"); len(again) > 0 {
			t.Errorf("%s: a second replay publishes %s", name, again[0].Data)
		}
		got := totals(t, all)
		var sum, wanted events.Decimal
		for month := range got {
			sum = sum.Add(got[month])
		}
		for month := range want {
			wanted = wanted.Add(want[month])
		}
		if sum.Cmp(wanted) != 0 {
			t.Errorf("%s: %v is charged, %v is right", name, got, want)
		}
	}
}

// A replay ends with what METERED says last about the months of a foundation, where BILLING lacks
// it: the bill of a closed month is final again.
func TestReplayRestoresTheClosing(t *testing.T) {
	reopened := stored(stage.Output{Type: events.TypeClosing, Body: &events.Closing{
		ID: "reopened", Source: "cf", Foundation: "prod", Month: "2026-01", Reopened: true, By: "ann",
	}})
	for name, stream := range map[string][]bus.Stored{
		"closed": corrected(), "reopened": append(corrected(), reopened),
	} {
		var billing []bus.Stored
		last := -1
		p := newProcessor()
		for i := range stream {
			if err := p.Step(&stream[i], func(o stage.Output) {
				if o.Type == events.TypeClosing {
					last = len(billing)
				}
				billing = append(billing, stored(o))
			}); err != nil {
				t.Fatal(err)
			}
		}
		var want, got events.Closing
		if err := want.DecodeJSON(billing[last].Data); err != nil {
			t.Fatal(err)
		}
		out := replayed(t, stream, slices.Delete(billing, last, last+1), "replay-1")
		if len(out) != 1 || out[0].Header(events.HeaderType) != events.TypeClosing {
			t.Fatalf("%s: the replay publishes %d messages", name, len(out))
		}
		if err := got.DecodeJSON(out[0].Data); err != nil {
			t.Fatal(err)
		}
		if got.ID == want.ID || got.Cause.ID != "replay-1" {
			t.Errorf("%s: id %s, cause %s", name, got.ID, got.Cause.ID)
		}
		if got.ID, got.Cause = want.ID, want.Cause; got != want {
			t.Errorf("%s: the replay says %+v, lost was %+v", name, got, want)
		}
	}
}

// A replay takes nothing back because the catalogues are gone.
func TestReplayWithoutItsCatalogues(t *testing.T) {
	stream := corrected()
	var billing []bus.Stored
	p := newProcessor()
	for i := range stream {
		if err := p.Step(&stream[i], func(o stage.Output) { billing = append(billing, stored(o)) }); err != nil {
			t.Fatal(err)
		}
	}
	compared := newProcessor()
	r := NewComparer(compared)
	steps(t, compared, stream[1:]) // the catalogue is the first
	for i := range billing {
		if err := r.Stored(&billing[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Compare(); !errors.Is(err, stage.ErrInputChanged) || !strings.Contains(err.Error(),
		"the catalogue c, which is gone from METERED") {
		t.Fatalf("got %v", err)
	}
	anew := append(append([]bus.Stored{}, stream[1:]...), stored(stage.Output{
		Type: events.TypeCatalogue, Body: &events.Catalogue{
			Version: "c", YAML: fmt.Sprintf(testCatalogue, 5), Reprice: []string{"2026-01"},
		},
	}))
	// January closed without a price, so February's statement will ask for it.
	var sum events.Decimal
	moved := totals(t, replayed(t, anew, billing, "replay-1"))
	for _, amount := range moved {
		sum = sum.Add(amount)
	}
	if len(moved) != 2 || !sum.IsZero() || moved["2026-01"].Cmp(totals(t, billing)["2026-01"].Neg()) != 0 {
		t.Fatalf("with the catalogue published again: %v", moved)
	}
}

// totals are the amounts by month.
func totals(t *testing.T, billing []bus.Stored) map[string]events.Decimal {
	t.Helper()
	sums := map[string]events.Decimal{}
	for i := range billing {
		if billing[i].Header(events.HeaderType) != events.TypeBilling {
			continue
		}
		var b events.Billing
		if err := b.DecodeJSON(billing[i].Data); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Charges {
			sums[c.Period] = sums[c.Period].Add(c.Amount)
		}
	}
	return sums
}
