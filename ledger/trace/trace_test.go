package trace_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger/trace"
)

// The page about bills has a row for each answer and each reason, and no other.
func TestAnswersAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/bills.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(page), "## What became of an event")
	if !found {
		t.Fatal("docs/bills.md has no part about events")
	}
	var rows, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(part, -1) {
		rows = append(rows, row[1])
	}
	for _, answer := range trace.Answers() {
		want = append(want, string(answer))
		o := trace.Outcome{Answer: answer}
		if o.Sentence() == "" {
			t.Errorf("%s has no sentence", answer)
		}
	}
	for _, reason := range trace.Reasons() {
		want = append(want, string(reason))
		if reason.Sentence() == "" {
			t.Errorf("%s has no sentence", reason)
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the page has %q, the package %q", rows, want)
	}
}

// A hold without an end is over where usage is proven again: a second ending of a later run is of
// no discarded usage.
func TestAHoldEndsWhereUsageIsProven(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 3, 10, minute, 0, 0, time.UTC) }
	r := trace.NewRecord(10, 10)
	fact := func(event string, minute int, sequence uint64) *trace.Fact {
		return r.Fact(&events.Usage{
			ID: event + at(minute).String(), Kind: events.KindApp, Resource: "app", Event: event,
			Time: at(minute),
		}, sequence)
	}
	fact(events.EventStarted, 0, 1)
	in := fact(events.EventStopped, 5, 2)
	fact(events.EventStarted, 10, 3)
	fact(events.EventStopped, 20, 4)
	behind := fact(events.EventStopped, 21, 5)
	fact(events.EventStarted, 20, 6)

	r.Metered(&events.Metered{Held: []events.Hold{{ID: "hold", Resource: "app", Start: at(0)}}}, 1)
	r.Metered(&events.Metered{
		Closed: []events.Span{{ID: "span", Resource: "app", Start: at(10), End: at(20), Evidence: []uint64{3, 4}}},
	}, 2)

	if o := r.Outcome(in); o.Because != trace.Discarded {
		t.Errorf("an ending in the hold: %s", o.Because)
	}
	if o := r.Outcome(behind); o.Because != trace.NoTime {
		t.Errorf("a second ending of a later run: %s", o.Because)
	}
}
