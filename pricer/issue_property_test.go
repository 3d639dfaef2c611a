package pricer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// seal seals the first of what is proposed, as the shell does, perhaps as another program would
// have derived it.
func (w *world) seal(most int, otherwise bool) {
	for _, x := range Proposed(w.p)[:min(most, len(Proposed(w.p)))] {
		w.number++
		x.Number = w.number
		if otherwise && !x.CreditNote() && len(x.Lines) > 0 && rapid.Bool().Draw(w.T, "otherwise") {
			x.Lines = slices.Clone(x.Lines)
			x.Lines[0].Amount = x.Lines[0].Amount.Add(events.NewDecimal(7, 0))
			x.Settle()
		}
		parts := x.Parted(rapid.SampledFrom([]int{1, events.MaxBody}).Draw(w.T, "part"))
		for i := range parts {
			w.step(statement.SealType, &parts[i])
		}
	}
}

// forge tells a seal that is not of the next statement: an anomaly, and nothing else.
func (w *world) forge() {
	all, next := w.issued(), w.number+1
	var x statement.Statement
	if waiting := Proposed(w.p); len(waiting) > 0 {
		x = waiting[0]
	}
	if len(all) > 0 && (x.ID == "" || rapid.Bool().Draw(w.T, "of an issued one")) {
		x = all[rapid.IntRange(0, len(all)-1).Draw(w.T, "issued")]
		x.Part, x.Parts = 0, 1
	}
	if x.ID == "" {
		return
	}
	issued := x.Number > 0
	forged := map[string]func(){
		"again":               func() { x.Number = min(next-1, x.Number) },
		"a number too far":    func() { x.Number = next + 1 },
		"another tenant's id": func() { x.Tenant += "x" },
		"another revision": func() {
			x.Revision += 2
			x.ID = statementID(&x)
		},
		"a part too late": func() { x.Part, x.Parts, x.ID = 1, 2, statement.PartID(x.ID, 1) },
		"a part too many": func() { x.Part, x.Parts = 1, 1 },
		"other totals": func() {
			x.Totals = []statement.Total{{Currency: "GBP", Total: events.NewDecimal(1, 6)}}
		},
		"an unfinished month": func() {
			x.Month, x.Credits, x.Revision = "2026-09", 0, 1
			x.ID = statementID(&x)
		},
	}
	how := rapid.SampledFrom(slices.Sorted(maps.Keys(forged))).Draw(w.T, "forged")
	if x.Number = next; issued && how == "again" {
		x.Number = rapid.Uint64Range(1, next).Draw(w.T, "number")
	} else {
		forged[how]()
	}
	before, waits := len(w.billing), len(Proposed(w.p))
	w.forging = true
	w.step(statement.SealType, &x)
	w.forging = false
	if out := w.billing[before:]; len(out) != 1 ||
		!strings.Contains(string(out[0].Data), `"code":"refused_seal"`) || len(Proposed(w.p)) != waits {
		w.Fatalf("%s, number %d where %d is next: %s", how, x.Number, next, said(out))
	}
}

// statementID is the id of a statement or a credit note.
func statementID(x *statement.Statement) string {
	what := "statement"
	if x.CreditNote() {
		what = "credit note"
	}
	return events.ID(what, x.Source, x.Foundation, x.Tenant, x.Month, fmt.Sprint(x.Revision))
}

// entries are the entries of BILLING by the month that they are posted to: the charges that stand,
// and the corrections.
func (w *world) entries() map[string]map[string]events.Charge {
	all := map[string]map[string]events.Charge{}
	for i := range w.billing {
		var b events.Billing
		if w.billing[i].Header(events.HeaderType) != events.TypeBilling || b.DecodeJSON(w.billing[i].Data) != nil {
			continue
		}
		for _, c := range b.Charges {
			if all[c.Period] == nil {
				all[c.Period] = map[string]events.Charge{}
			}
			if c.Entry == events.EntryReversal {
				delete(all[c.Period], c.Reverses)
			} else {
				all[c.Period][c.ID] = c
			}
		}
	}
	return all
}

// proposedRight compares the statements that are proposed for a month that has just closed with the
// entries of BILLING.
func (w *world) proposedRight(month string) {
	of := w.entries()[month]
	var text []byte
	for _, id := range slices.Sorted(maps.Keys(of)) {
		c := of[id]
		text = append(c.AppendJSON(text), '\n')
	}
	digest := sha256.Sum256(text)
	for _, x := range Proposed(w.p) {
		if x.Month == month && !x.CreditNote() && x.Digest != hex.EncodeToString(digest[:]) {
			w.Fatalf("the digest of %s is not that of its %d entries\n%s", x.AppendJSON(nil), len(of), text)
		}
	}
}

// issued are the statements and credit notes in BILLING. Each stands there once, under its number.
func (w *world) issued() (all []statement.Statement) {
	for i := range w.billing {
		var x statement.Statement
		if w.billing[i].Header(events.HeaderType) != statement.Type {
			continue
		}
		if err := x.DecodeJSON(w.billing[i].Data); err != nil {
			w.Fatal(err)
		}
		if x.Part == 0 {
			all = append(all, x)
		}
		all[len(all)-1].Join(&x)
	}
	for i := range all {
		if all[i].Number != uint64(i+1) {
			w.Fatalf("statement %d of BILLING has the number %d", i+1, all[i].Number)
		}
	}
	return all
}

// net is the sum of each closed month, as the statements and credit notes say, and as the entries
// do.
func (w *world) net() (said, posted map[string]string) {
	statements, entries := map[string]events.Decimal{}, map[string]events.Decimal{}
	for _, x := range w.issued() {
		for _, l := range x.Lines {
			statements[x.Month] = statements[x.Month].Add(l.Amount)
		}
	}
	for i := range w.billing {
		var b events.Billing
		if w.billing[i].Header(events.HeaderType) != events.TypeBilling || b.DecodeJSON(w.billing[i].Data) != nil {
			continue
		}
		for _, c := range b.Charges {
			entries[c.Period] = entries[c.Period].Add(c.Amount)
		}
	}
	maps.DeleteFunc(statements, func(month string, _ events.Decimal) bool { return month >= w.open })
	maps.DeleteFunc(entries, func(month string, _ events.Decimal) bool { return month >= w.open })
	return nonZero(statements), nonZero(entries)
}

// TestStatements: whatever the order of late facts, closings, reopenings, re-ratings and seals, and
// whatever another program has derived and sealed, or somebody else has forged, the entries of each
// closed month add up to its statements and credit notes, and all of them to the bill of full
// knowledge. What is sealed is published as it is, once; a restart changes nothing, and a replay
// publishes nothing.
func TestStatements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		otherwise := rapid.Bool().Draw(t, "another program has sealed")
		w.publish()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0, 1, 2:
				open := w.open
				if w.month(); w.open > open {
					w.proposedRight(events.MonthAfter(w.open, -1))
				}
			case 3:
				w.publish()
			case 4:
				w.restart()
			case 5, 6:
				w.seal(rapid.IntRange(1, 3).Draw(t, "seals"), otherwise)
			case 7:
				w.forge()
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
		if out := replayed(t, w.stream, w.billing, "replay"); len(out) > 0 {
			t.Fatalf("a replay publishes %s", out[0].Data)
		}
	})
}

// TestMissingStatement: a replay publishes a statement that BILLING has lost.
func TestMissingStatement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.publish()
		for len(Proposed(w.p)) == 0 && w.open < "2026-04" {
			w.fact()
			w.month()
		}
		w.seal(1, false)
		lost := slices.DeleteFunc(slices.Clone(w.billing), func(m bus.Stored) bool {
			return m.Header(events.HeaderType) == statement.Type
		})
		if got, want := len(replayed(t, w.stream, lost, "replay")), len(w.billing)-len(lost); got != want {
			t.Fatalf("%d messages are published for %d lost ones", got, want)
		}
	})
}
