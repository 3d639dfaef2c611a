package memory

import (
	"fmt"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Of the sums by day only those of the newest months are more than a few bytes each.
func TestOldMonthsArePacked(t *testing.T) {
	const months, resources, days = 12, 20, 28
	l, at := New(), ledger.Positions{}
	for month := range months {
		from := time.Date(2026, time.January+time.Month(month), 1, 0, 0, 0, 0, time.UTC)
		b := ledger.Batch{}
		for i := range resources * days {
			b.Charges = append(b.Charges, ledger.Charge{Charge: events.Charge{
				Period: from.Format(events.MonthForm), Tenant: "t", Kind: events.KindApp, Plan: "p", Component: "c",
				Resource: events.ID(fmt.Sprint(i % resources)), Start: from.AddDate(0, 0, i/resources),
				Quantity: events.NewDecimal(int64(i), 0), Amount: events.NewDecimal(int64(i), -3),
			}})
		}
		b.From = at
		at.Billing++
		b.Positions = at
		if err := l.Post(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	cells, packed := 0, 0
	for _, m := range l.days.months {
		packed += len(m.packed)
		for _, r := range m.resources {
			cells += len(r.cells)
		}
	}
	if cells != openMonths*resources*days {
		t.Errorf("%d sums are not packed", cells)
	}
	if old := (months - openMonths) * resources * days; packed == 0 || packed > 10*old {
		t.Errorf("%d old sums take %d bytes", old, packed)
	}
	sums, err := l.Totals(t.Context(), ledger.Query{By: []ledger.Dimension{ledger.ByDay, ledger.ByResource}})
	if err != nil || len(sums) != months*resources*days {
		t.Errorf("got %d sums: %v", len(sums), err)
	}
}
