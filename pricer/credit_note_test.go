package pricer

import (
	"maps"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// TestCreditNoteAlone seals the credit note of a month that is opened again, and not the statement
// behind it: opened once more and closed as it was first, the month proposes nothing.
func TestCreditNoteAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		hours := rapid.IntRange(1, 9).Draw(t, "hours")
		span := func(hours int) []events.Span {
			return []events.Span{{
				ID: "s" + strconv.Itoa(hours), Kind: "app", Resource: "a", Tenant: "org", Start: worldBegins,
				Since: worldBegins, End: worldBegins.Add(time.Duration(hours) * time.Hour),
				Footprint: events.Footprint{Instances: events.Some(1)},
			}}
		}
		changed := func(id string, retracted, closed []events.Span) {
			w.step(events.TypeMetered, &events.Metered{
				ID: id, Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "app",
				Retracted: retracted, Closed: closed,
			})
		}
		january := func(id string, reopened bool) {
			w.open = "2026-02"
			if reopened {
				w.open = "2026-01"
			}
			w.step(events.TypeClosing, &events.Closing{
				ID: id, Source: "cf", Foundation: "prod", Month: "2026-01", Reopened: reopened,
			})
		}
		w.step(events.TypeCatalogue, &events.Catalogue{Version: "v1", YAML: priced(1)})
		changed("m1", nil, span(hours))
		january("c1", false)
		first := Proposed(w.p)[0]
		first.Number = 1
		w.step(statement.SealType, &first)

		january("c2", true)
		changed("m2", span(hours), span(hours+1))
		january("c3", false)
		note := Proposed(w.p)[0]
		note.Number = 2
		january("c4", true)
		changed("m3", span(hours+1), span(hours))
		january("c5", false)
		w.step(statement.SealType, &note)
		if said, posted := w.net(); !maps.Equal(said, posted) {
			t.Fatalf("the statements say %v, and the entries %v", said, posted)
		}
	})
}
