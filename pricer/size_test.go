package pricer_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer"
)

// No message of BILLING is longer than events.MaxBody, with all strings as long as the projector
// lets them be.
func TestNoBillingMessageIsTooLong(t *testing.T) {
	yaml := `currency: GBP
vat_rates: [{code: Standard, valid_from: 2017-01-01, rate: "0.2"}]
currency_rates: []
plans:
  - name: ` + strings.Repeat("p", 200) + `
    match: {kind: app}
    valid_from: 2017-01-01
    components:
      - {name: instance, formula: "seconds", currency: GBP, vat: Standard}
      - {name: ` + strings.Repeat("c", 200) + `, formula: "1 / 3", currency: GBP, vat: Standard}
`
	rapid.Check(t, func(t *rapid.T) {
		long := strings.Repeat(rapid.SampledFrom([]string{"a", "\x01", "é"}).Draw(t, "character"), 512)
		m := events.Metered{ID: "m", Source: long, Foundation: long, Tenant: long, Kind: "app", Resource: long}
		spans := rapid.SampledFrom([]int{1, 20, 250}).Draw(t, "spans")
		kind := rapid.SampledFrom([]string{"app", "task"}).Draw(t, "kind") // no plan is for tasks
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range spans {
			s := events.Span{
				ID: events.ID("span", string(rune(i))), Kind: kind, Resource: long, App: long, Tenant: long,
				Space: long, SpaceName: long, Name: long, Start: at.Add(time.Duration(i) * time.Hour),
				Footprint: events.Footprint{Buildpack: long, BuildpackGUID: long, Plan: long, Flavor: long},
			}
			s.End, s.Since = s.Start.Add(time.Hour), s.Start
			m.Closed = append(m.Closed, s)
		}
		charges, unrated := 0, 0
		emit := func(e *pricer.Entries) {
			b := events.Billing{
				Source: e.Source, Foundation: e.Foundation, Tenant: e.Tenant, Kind: e.Kind, Resource: e.Resource,
				Charges: e.Charges,
			}
			u := events.UnratedNotice{
				Source: e.Source, Foundation: e.Foundation, Tenant: e.Tenant, Kind: e.Kind, Resource: e.Resource,
				Unrated: e.Unrated, Settled: e.Settled,
			}
			if size := max(len(b.AppendJSON(nil)), len(u.AppendJSON(nil))); size > events.MaxBody {
				t.Fatalf("a message has %d bytes", size)
			}
			charges, unrated = charges+len(e.Charges), unrated+len(e.Unrated)
		}
		book := pricer.NewBook()
		if err := book.Catalogue(&events.Catalogue{Version: "v", YAML: yaml}, "c", emit); err != nil {
			t.Fatal(err)
		}
		book.Metered(&m, emit)
		want := [2]int{2 * spans, 0}
		if kind == "task" {
			want = [2]int{0, spans}
		}
		if got := [2]int{charges, unrated}; got != want {
			t.Fatalf("%d charges and unrated parts, not %d", got, want)
		}
	})
}
