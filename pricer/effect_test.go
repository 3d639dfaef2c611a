package pricer_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// published puts a version in force and returns its effect.
func published(book *pricer.Book, version, text string) []effect.Row {
	GinkgoHelper()
	Expect(book.Catalogue(&events.Catalogue{Version: version, YAML: text}, "publish-"+version,
		func(*pricer.Entries) {})).To(Succeed())
	return book.Effect().Rows()
}

// of is a span of a tenant.
func of(tenant string, s events.Span) events.Span {
	s.Tenant = tenant
	return s
}

func side(currency, amount, vat string) effect.Side {
	GinkgoHelper()
	decimal := func(s string) events.Decimal {
		d, err := events.ParseDecimal(s)
		Expect(err).NotTo(HaveOccurred())
		return d
	}
	return effect.Side{Currency: currency, Amount: decimal(amount), VAT: decimal(vat)}
}

// text is a row in JSON: amounts are compared by value.
func text(rows []effect.Row) (all []string) {
	for i := range rows {
		all = append(all, string(rows[i].AppendJSON(nil)))
	}
	return all
}

var _ = Describe("The effect of a catalogue version", func() {
	var book *pricer.Book
	BeforeEach(func() {
		book = pricer.NewBook()
		december := span("app", "q", 0, 1)
		december.ID, december.Start, december.Since = "december", hour(-10), hour(-10)
		task := span("task", "t", 0, 2)
		published(book, "v1", fmt.Sprintf(flat, "0.01"))
		Expect(book.Metered(metered("m1", nil, []events.Span{
			of("b", span("app", "p", 0, 2)), of("a", december), of("b", task),
		}), func(*pricer.Entries) {})).To(BeEmpty())
	})

	It("is the bill before and after it, by month and tenant", func() {
		rows := published(book, "v2", fmt.Sprintf(flat, "0.05"))
		before, after := side("GBP", "0.02", "0.004"), side("GBP", "0.1", "0.02")
		before.Unrated, before.UnratedSeconds = 1, events.NewDecimal(7200, 0)
		after.Unrated, after.UnratedSeconds = 1, events.NewDecimal(7200, 0)
		Expect(text(rows)).To(Equal(text([]effect.Row{
			{Month: "2000-12", Tenant: "a", Before: side("GBP", "0.11", "0.022"), After: side("GBP", "0.55", "0.11")},
			{Month: "2001-01", Tenant: "b", Before: before, After: after},
		})))
	})

	It("names the time that loses its price, the plans that appear and disappear, and the currency", func() {
		rows := published(book, "v2", `
currency: USD
plans:
  - {name: batch, match: {kind: task}, valid_from: 2000-01-01, components: [{name: c, formula: "1"}]}
  - {name: app, match: {kind: app}, valid_from: 2001-01-01T01:00:00Z, components: [{name: c, formula: "2"}]}
`)
		Expect(rows).To(HaveLen(2))
		Expect(rows[0].NewlyUnrated).To(Equal(uint32(1)))
		Expect(rows[0].NewlyUnratedSeconds.String()).To(Equal("39600"))
		Expect(rows[0].After).To(HaveField("Currency", "USD"))
		Expect(rows[0].Disappearing).To(Equal([]string{"app"}))
		Expect(rows[1].NewlyUnrated).To(Equal(uint32(1)), "half of the span")
		Expect(rows[1].NewlyUnratedSeconds.String()).To(Equal("3600"))
		Expect(rows[1].Appearing).To(Equal([]string{"batch"}))
		Expect(rows[1].Disappearing).To(BeEmpty())
		Expect(rows[1].After.Amount.String()).To(Equal("3"))
	})

	It("has no difference where the prices are the same, and the whole bill where there was none", func() {
		for _, row := range published(book, "v2", "# the same\n"+fmt.Sprintf(flat, "0.01")) {
			Expect(row.Changes()).To(BeFalse())
		}
		first := pricer.NewBook()
		Expect(first.Metered(metered("m1", nil, []events.Span{of("b", span("app", "p", 0, 2))}),
			func(*pricer.Entries) {})).To(BeEmpty())
		rows := published(first, "v1", fmt.Sprintf(flat, "0.01"))
		Expect(rows).To(HaveLen(1))
		Expect(rows[0].Before.Currency).To(BeEmpty())
		Expect(rows[0].Before.Unrated).To(Equal(uint32(1)))
		Expect(rows[0].After.Amount.String()).To(Equal("0.02"))
	})

	It("of rolling back is the opposite", func() {
		forth := published(book, "v2", fmt.Sprintf(flat, "0.05"))
		back := published(book, "v1", fmt.Sprintf(flat, "0.01"))
		Expect(back).To(HaveLen(len(forth)))
		for i := range forth {
			Expect(back[i].Before.Equal(&forth[i].After)).To(BeTrue())
			Expect(back[i].After.Equal(&forth[i].Before)).To(BeTrue())
		}
	})
})

// For any history of spans, retractions, corrections and versions, the preview of a version is its
// effect, and both are what the bill of each tenant and month becomes.
func TestThePreviewIsTheEffect(t *testing.T) {
	texts := []string{
		fmt.Sprintf(flat, "0.01"), fmt.Sprintf(flat, "0.05"),
		"currency: EUR\nplans:\n  - {name: x, match: {kind: app, tenant: a}, valid_from: 2001-01-01T05:00:00Z, " +
			"components: [{name: c, formula: \"seconds / 3\"}]}\n",
		"currency: GBP\nplans:\n  - {name: app, match: {kind: task}, valid_from: 2000-01-01, " +
			"components: [{name: c, formula: \"1 / 7\"}]}\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		book, preview := pricer.NewBook(), pricer.NewSilentBook()
		bill, open := map[string]events.Decimal{}, map[string]events.Span{}
		corrections := rapid.Bool().Draw(t, "corrections") // then a month's bill is more than what stands
		post := func(e *pricer.Entries) {
			for _, c := range e.Charges {
				key := c.Period + " " + c.Tenant + " " + c.Currency
				bill[key] = bill[key].Add(c.Amount)
			}
		}
		none := func(*pricer.Entries) { t.Fatal("a preview posts nothing") }
		for i := range rapid.IntRange(1, 25).Draw(t, "messages") {
			id := fmt.Sprint("m", i)
			if n := rapid.IntRange(0, 7).Draw(t, "message"); n < len(texts) {
				next, err := catalogue.Parse("c", []byte(texts[n]))
				if err != nil {
					t.Fatal(err)
				}
				seen := text(preview.Preview(next, nil).Rows())
				c := events.Catalogue{Version: fmt.Sprint("v", n), YAML: texts[n]}
				for _, b := range []struct {
					book *pricer.Book
					emit func(*pricer.Entries)
				}{{book, post}, {preview, none}} {
					if err := b.book.Catalogue(&c, id, b.emit); err != nil {
						t.Fatal(err)
					}
				}
				rows := book.Effect().Rows()
				if got := text(rows); fmt.Sprint(got) != fmt.Sprint(seen) {
					t.Fatalf("the preview was\n%s\nand the effect is\n%s", seen, got)
				}
				for i := range rows {
					r := &rows[i]
					key := r.Month + " " + r.Tenant + " " + r.After.Currency
					if !corrections && bill[key].Cmp(r.After.Amount) != 0 {
						t.Fatalf("%s: the bill says %s, and the effect %s", key, bill[key], r.After.Amount)
					}
				}
				continue
			}
			m := metered(id, nil, nil)
			if len(open) > 0 && rapid.Bool().Draw(t, "retract") {
				id := rapid.SampledFrom(slices.Sorted(maps.Keys(open))).Draw(t, "retracted")
				m.Retracted = append(m.Retracted, open[id])
				delete(open, id)
				if corrections {
					m.Correction = "2001-02"
				}
			}
			from := rapid.IntRange(-5, 20).Draw(t, "from")
			s := of(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "tenant"),
				span(rapid.SampledFrom([]string{"app", "task"}).Draw(t, "kind"), id, from, from+rapid.IntRange(1,
					9).Draw(t, "hours")))
			m.Closed = append(m.Closed, s)
			open[s.ID] = s
			book.Metered(m, post)
			preview.Metered(m, none)
		}
	})
}
