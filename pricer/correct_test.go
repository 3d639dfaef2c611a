package pricer

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/posted"
)

// Entries stand in the order of each subject's first one, and corrections in that of each one's
// first part, however they are interleaved.
func TestEntriesAndCorrectionsKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var groups grouping
		k := corrections{cause: "cause", groups: &groups}
		for range 2 { // emit empties both
			subjects, parts := []string{}, map[string][]string{} // in order
			sums := map[string]int64{}
			settled := 0
			for range rapid.IntRange(0, 60).Draw(t, "entries") {
				subject := fmt.Sprint("app-", rapid.IntRange(0, 9).Draw(t, "subject"))
				month := fmt.Sprint("2026-0", rapid.IntRange(1, 4).Draw(t, "month"))
				to := groups.of(&posted.Span{Subject: subject})
				if _, known := parts[subject]; !known {
					subjects, parts[subject] = append(subjects, subject), []string{}
				}
				if rapid.Bool().Draw(t, "settles") {
					to.Settled = append(to.Settled, "u")
					if settled++; groups.size() != settled {
						t.Fatalf("%d entries, want %d", groups.size(), settled)
					}
					continue
				}
				amount := rapid.Int64Range(1, 9).Draw(t, "amount")
				c := events.Charge{Month: month, Amount: events.NewDecimal(amount, 0)}
				k.sum(to, &c, "", 1)
				key := subject + month
				if sums[key] == 0 {
					parts[subject] = append(parts[subject], month)
				}
				sums[key] += amount
			}
			k.emit()
			var got, want []string
			for _, subject := range subjects {
				for _, month := range parts[subject] {
					want = append(want, fmt.Sprint(subject, month, events.NewDecimal(sums[subject+month], 0)))
				}
			}
			groups.emit(func(e *Entries) {
				for i := range e.Charges {
					got = append(got, fmt.Sprint(e.Resource, e.Charges[i].Month, e.Charges[i].Amount))
				}
			})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			if groups.size() != 0 {
				t.Fatal("something is left")
			}
		}
	})
}
