package statements_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// entries draws entries of a month, corrections among them.
func entries(t *rapid.T) (all []events.Charge) {
	for i := range rapid.IntRange(0, 20).Draw(t, "entries") {
		amount := events.NewDecimal(rapid.Int64Range(-1e6, 1e6).Draw(t, "amount"), -6)
		c := events.Charge{
			ID: events.ID("charge", fmt.Sprint(i)), Entry: events.EntryCharge, Period: "2026-11", Kind: "app",
			Tenant: "t", Plan: "app", Component: rapid.SampledFrom([]string{"memory", "instance"}).Draw(t, "component"),
			Unit: rapid.SampledFrom([]string{"", "GiB-hour"}).Draw(t, "unit"), Catalogue: "v1",
			Quantity: events.NewDecimal(1, 0), Amount: amount, VAT: amount.Mul(events.NewDecimal(2, -1)),
			VATRate: "0.2", Currency: "GBP", Name: rapid.SampledFrom([]string{"", "shop"}).Draw(t, "name"),
		}
		if rapid.Bool().Draw(t, "correction") {
			c.Entry, c.Month = events.EntryCorrection, "2026-10"
		}
		all = append(all, c)
	}
	return all
}

func made(all []events.Charge) statement.Statement {
	var d statements.Draft
	for i := range all {
		d.Add(&all[i], statements.Price{})
	}
	return d.Statement(&statement.Statement{
		Source: "cf", Foundation: "f", Tenant: "t", Month: "2026-11", Revision: 1,
	})
}

// TestOrder: a statement and its digest do not depend on the order of the entries, the digest is
// that of the lines of JSON without names by id, and the lines add up to the entries.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t)
		x := made(all)
		y := made(rapid.Permutation(all).Draw(t, "order"))
		if a, b := x.AppendJSON(nil), y.AppendJSON(nil); !slices.Equal(a, b) {
			t.Fatalf("one order gives\n%s\nand another\n%s", a, b)
		}
		slices.SortFunc(all, func(a, b events.Charge) int { return strings.Compare(a.ID, b.ID) })
		var text []byte
		var sum events.Decimal
		for i := range all {
			all[i].Name = ""
			text = append(all[i].AppendJSON(text), '\n')
			sum = sum.Add(all[i].Amount)
		}
		digest := sha256.Sum256(text)
		if x.Digest != hex.EncodeToString(digest[:]) || x.Entries != uint64(len(all)) {
			t.Fatalf("the digest of %d entries is %s", x.Entries, x.Digest)
		}
		for _, l := range x.Lines {
			sum = sum.Sub(l.Amount)
			if l.Unit == "" && !l.Quantity.IsZero() {
				t.Fatal("a formula has no quantity")
			}
		}
		if !sum.IsZero() {
			t.Fatalf("the lines lack %s", sum)
		}
	})
}

// TestCreditNote: a credit note and its statement come to nothing, exactly and as rounded.
func TestCreditNote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := made(entries(t))
		x.Number = 7
		c := statements.CreditNote(&x, time.Time{})
		if c.Credits != 7 || c.Number != 0 || c.ID == x.ID || c.Digest != x.Digest {
			t.Fatalf("the credit note is %+v", c)
		}
		for i := range x.Lines {
			a, b := &x.Lines[i], &c.Lines[i]
			if !a.Amount.Add(b.Amount).IsZero() || !a.RoundedAmount.Add(b.RoundedAmount).IsZero() ||
				!a.Quantity.Add(b.Quantity).IsZero() || !a.RoundedVAT.Add(b.RoundedVAT).IsZero() {
				t.Fatalf("the lines are %+v and %+v", a, b)
			}
		}
		for i := range x.Totals {
			if !x.Totals[i].Total.Add(c.Totals[i].Total).IsZero() {
				t.Fatalf("the totals are %+v and %+v", x.Totals[i], c.Totals[i])
			}
		}
	})
}

// TestDifference: what one statement says more than another, and the other, are the one.
func TestDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := made(entries(t)), made(entries(t))
		if !statements.Same(&x, &x) {
			t.Fatal("a statement is not itself")
		}
		more := statements.Difference(x.Month, x.Lines, y.Lines)
		if statements.Same(&x, &y) != (len(more) == 0) {
			t.Fatalf("the difference is %+v", more)
		}
		z := statement.Statement{Lines: slices.Concat(y.Lines, more)}
		if rest := statements.Difference(x.Month, z.Lines, x.Lines); len(rest) != 0 {
			t.Fatalf("the difference leaves %+v", rest)
		}
	})
}

// TestLists: a statement lists the earliest usage that is not billed, and counts the rest.
func TestLists(t *testing.T) {
	var d statements.Draft
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range 150 {
		d.Held = append(d.Held, statement.Unbilled{
			Kind: "app", Resource: strings.Repeat("é", 400), Start: begin.Add(time.Duration(150-i) * time.Hour),
		})
	}
	d.Unlisted = 3
	x := d.Statement(&statement.Statement{})
	if len(x.Held) != 100 || x.HeldOmitted != 53 || !x.Held[0].Start.Equal(begin.Add(time.Hour)) ||
		len(x.Held[0].Resource) != 500 {
		t.Fatalf("%d are listed, %d are not, the first is %+v", len(x.Held), x.HeldOmitted, x.Held[0])
	}
}
