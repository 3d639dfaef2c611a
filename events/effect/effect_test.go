package effect_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
)

// The parts of an effect are no longer than asked, and have all rows, in order.
func TestParted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := effect.Effect{
			Version: "v2", Former: "v1", Cause: events.Cause{ID: events.ID("cause"), Sequence: 9, Event: "catalogue"},
		}
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			whole.Rows = append(whole.Rows, effect.Row{
				Month: "2026-11", Tenant: strings.Repeat("t", rapid.IntRange(1, 300).Draw(t, "tenant")),
				After: effect.Side{Currency: "GBP", Amount: events.NewDecimal(1, -2)},
			})
		}
		const most = 1500
		parts := whole.Parted(most)
		var rows []effect.Row
		for i := range parts {
			p := &parts[i]
			p.ID = events.ID("part")
			if p.Part != uint32(i) || p.Parts != uint32(len(parts)) || p.Version != "v2" || p.Cause != whole.Cause {
				t.Fatalf("part %d of %d is %+v", i, len(parts), p)
			}
			if n := len(p.AppendJSON(nil)); n > most {
				t.Fatalf("a part has %d bytes", n)
			}
			rows = append(rows, p.Rows...)
		}
		if !slices.EqualFunc(rows, whole.Rows, func(a, b effect.Row) bool { return a.Tenant == b.Tenant }) {
			t.Fatal("rows are missing, or in another order")
		}
		whole.ID, whole.Parts = events.ID("part"), 1
		if n := len(whole.AppendJSON(nil)); n < most-50 && len(parts) != 1 {
			t.Fatalf("an effect of %d bytes has %d parts", n, len(parts))
		}
	})
}
