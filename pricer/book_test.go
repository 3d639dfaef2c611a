package pricer_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer"
)

const flat = `
currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2000-01-01, rate: "0.2"}
plans:
  - name: app
    match: {kind: app}
    valid_from: 2000-01-01
    components:
      - {name: hour, formula: "ceil(seconds / 3600) * instances * %s", currency: GBP, vat: Standard}
`

func hour(h int) time.Time { return time.Date(2001, 1, 1, h, 0, 0, 0, time.UTC) }

// span is a span of a process from hour to hour, with kind, resource and hours as its id.
func span(kind, resource string, from, to int) events.Span {
	return events.Span{
		ID: fmt.Sprintf("%s/%s/%d-%d", kind, resource, from, to), Kind: kind, Resource: resource, Tenant: "org",
		Name:  "shop",
		Start: hour(from), End: hour(to), Since: hour(from), Footprint: events.Footprint{
			Instances: events.Some(1),
			MemoryMB:  events.Some(1024),
		},
		Evidence: []uint64{1, 2},
	}
}

func metered(id string, retracted, closed []events.Span) *events.Metered {
	return &events.Metered{
		ID: id, Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "app-1",
		Cause: events.Cause{ID: "fact", Sequence: 1, Event: "STOPPED", Time: hour(0)}, Retracted: retracted,
		Closed: closed,
	}
}

// account adds up the entries of a book, as a ledger would.
type account struct {
	charges  []events.Charge
	unrated  map[string]bool
	messages int
}

func (a *account) post(e *pricer.Entries) {
	a.messages++
	a.charges = append(a.charges, e.Charges...)
	if a.unrated == nil {
		a.unrated = map[string]bool{}
	}
	for _, id := range e.Settled {
		if !a.unrated[id] {
			panic("settles " + id + ", which is not open")
		}
		delete(a.unrated, id)
	}
	for _, u := range e.Unrated {
		a.unrated[u.ID] = true
	}
}

func (a *account) sum() (amount, vat string) {
	var x, y events.Decimal
	for _, c := range a.charges {
		x, y = x.Add(c.Amount), y.Add(c.VAT)
	}
	return x.String(), y.String()
}

var _ = Describe("The book", func() {
	var book *pricer.Book
	var posted account
	catalogue := func(version, price string) {
		GinkgoHelper()
		Expect(book.Catalogue(&events.Catalogue{Version: version, YAML: fmt.Sprintf(flat, price)}, "publish-"+version,
			posted.post)).To(Succeed())
	}
	BeforeEach(func() { book, posted = pricer.NewBook(), account{} })

	It("charges a closed span once, with everything that a bill needs", func() {
		catalogue("v1", "0.01")
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 2)}), posted.post)).To(BeEmpty())
		Expect(posted.charges).To(HaveLen(1))
		c := posted.charges[0]
		Expect(c.Entry).To(Equal(events.EntryCharge))
		Expect(c.Span).To(Equal("app/p/0-2"))
		Expect([]string{c.Plan, c.Component, c.Catalogue, c.Period, c.Currency, c.VATCode}).To(Equal([]string{
			"app",
			"hour", "v1", "2001-01", "GBP", "Standard",
		}))
		Expect([]string{c.Amount.String(), c.VAT.String(), c.Seconds.String()}).To(Equal([]string{
			"0.02", "0.004",
			"7200",
		}))
	})

	It("reverses a retracted span by the exact negative, and charges its replacement", func() {
		catalogue("v1", "0.01")
		whole, short := span("app", "p", 0, 24), span("app", "p", 0, 3)
		Expect(book.Metered(metered("m1", nil, []events.Span{whole}), posted.post)).To(BeEmpty())
		Expect(book.Metered(metered("m2", []events.Span{whole}, []events.Span{short}), posted.post)).To(BeEmpty())
		Expect(posted.charges).To(HaveLen(3))
		charge, reversal := posted.charges[0], posted.charges[1]
		Expect(reversal.Entry).To(Equal(events.EntryReversal))
		Expect(reversal.Reverses).To(Equal(charge.ID))
		Expect(reversal.Amount.Add(charge.Amount).IsZero()).To(BeTrue())
		Expect(reversal.Seconds.Add(charge.Seconds).IsZero()).To(BeTrue())
		amount, vat := posted.sum()
		Expect([]string{amount, vat}).To(Equal([]string{"0.03", "0.006"}))
	})

	It("never gives two charges of one span published twice the same id", func() {
		catalogue("v1", "0.01")
		s := span("app", "p", 0, 1)
		Expect(book.Metered(metered("m1", nil, []events.Span{s}), posted.post)).To(BeEmpty())
		Expect(book.Metered(metered("m2", []events.Span{s}, nil), posted.post)).To(BeEmpty())
		Expect(book.Metered(metered("m3", nil, []events.Span{s}), posted.post)).To(BeEmpty())
		ids := map[string]bool{}
		for _, c := range posted.charges {
			ids[c.ID] = true
		}
		Expect(ids).To(HaveLen(3))
	})

	It("lists what no plan prices, and rates it when a catalogue arrives that does", func() {
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 2)}), posted.post)).To(BeEmpty())
		Expect(posted.unrated).To(HaveLen(1))
		Expect(posted.charges).To(BeEmpty())
		catalogue("v1", "0.01")
		Expect(posted.unrated).To(BeEmpty())
		amount, _ := posted.sum()
		Expect(amount).To(Equal("0.02"))
	})

	It("settles what was unrated of a span that is retracted", func() {
		s := span("app", "p", 0, 2)
		Expect(book.Metered(metered("m1", nil, []events.Span{s}), posted.post)).To(BeEmpty())
		Expect(book.Metered(metered("m2", []events.Span{s}, nil), posted.post)).To(BeEmpty())
		Expect(posted.unrated).To(BeEmpty())
	})

	It("re-rates by a new catalogue: reversal and new charge net to the new price", func() {
		catalogue("v1", "0.01")
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 2)}), posted.post)).To(BeEmpty())
		catalogue("v2", "0.05")
		Expect(posted.charges).To(HaveLen(3))
		amount, vat := posted.sum()
		Expect([]string{amount, vat}).To(Equal([]string{"0.1", "0.02"}))
	})

	It("puts an earlier version in force again when it is published again", func() {
		catalogue("v1", "0.01")
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 2)}), posted.post)).To(BeEmpty())
		catalogue("v2", "0.05")
		Expect(book.Catalogue(&events.Catalogue{Version: "v1", YAML: fmt.Sprintf(flat, "0.01")}, "publish-v1-again",
			posted.post)).To(Succeed())
		amount, vat := posted.sum()
		Expect([]string{amount, vat}).To(Equal([]string{"0.02", "0.004"}))
		By("for what comes later, too")
		Expect(book.Metered(metered("m2", nil, []events.Span{span("app", "p", 2, 3)}), posted.post)).To(BeEmpty())
		amount, _ = posted.sum()
		Expect(amount).To(Equal("0.03"))
		By("and nothing changes when it is in force")
		before := posted.messages
		Expect(book.Catalogue(&events.Catalogue{Version: "v1", YAML: fmt.Sprintf(flat, "0.01")}, "publish-v1-thrice",
			posted.post)).To(Succeed())
		Expect(posted.messages).To(Equal(before))
		ids := map[string]bool{}
		for _, c := range posted.charges {
			ids[c.ID] = true
		}
		Expect(ids).To(HaveLen(len(posted.charges)))
	})

	It("posts nothing for a new catalogue with the same prices", func() {
		catalogue("v1", "0.01")
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 2)}), posted.post)).To(BeEmpty())
		before := posted.messages
		catalogue("v2", "0.01")
		Expect(posted.messages).To(Equal(before))
		By("still reversing by the price that was charged")
		Expect(book.Metered(metered("m2", []events.Span{span("app", "p", 0, 2)}, nil), posted.post)).To(BeEmpty())
		amount, vat := posted.sum()
		Expect([]string{amount, vat}).To(Equal([]string{"0", "0"}))
	})

	It("keeps the former catalogue when one does not parse, or has other prices under the name of an earlier "+
		"one", func() {
		catalogue("v1", "0.01")
		Expect(book.Catalogue(&events.Catalogue{Version: "v2", YAML: "currency: nonsense"}, "x",
			posted.post)).To(MatchError(ContainSubstring("catalogue.v2")))
		Expect(book.Catalogue(&events.Catalogue{Version: "v1", YAML: fmt.Sprintf(flat, "9")}, "x",
			posted.post)).To(MatchError(ContainSubstring("never changes")))
		Expect(book.Metered(metered("m1", nil, []events.Span{span("app", "p", 0, 1)}), posted.post)).To(BeEmpty())
		amount, _ := posted.sum()
		Expect(amount).To(Equal("0.01"))
	})

	It("charges a span once, and reverses only what it charged, though METERED says otherwise; that is an "+
		"anomaly", func() {
		catalogue("v1", "0.01")
		s := span("app", "p", 0, 1)
		anomalies := book.Metered(metered("m1", []events.Span{s}, nil), posted.post)
		Expect(anomalies).To(ConsistOf(HaveField("Code", events.AnomalyInconsistent)))
		Expect(posted.charges).To(BeEmpty())
		Expect(book.Metered(metered("m2", nil, []events.Span{s}), posted.post)).To(BeEmpty())
		anomalies = book.Metered(metered("m3", nil, []events.Span{s}), posted.post)
		Expect(anomalies).To(ConsistOf(HaveField("Message", ContainSubstring("closes once more span app/p/0-1"))))
		Expect(posted.charges).To(HaveLen(1))
	})

	It("puts out one message a kind, and divides those with very many entries", func() {
		catalogue("v1", "0.01")
		spans := []events.Span{span("instance", "i", 0, 1), span("app", "p", 0, 1)}
		for h := range 1200 {
			spans = append(spans, span("app", "many", h, h+1))
		}
		Expect(book.Metered(metered("m1", nil, spans), posted.post)).To(BeEmpty())
		Expect(posted.messages).To(Equal(1+5), "the unrated instance; 1,201 charges by 250")
		Expect(posted.charges).To(HaveLen(1201))
	})
})

// After any messages in any order, the account equals the price of the posted spans under the last
// catalogue.
func TestAccountEqualsWhatStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, posted := pricer.NewBook(), account{}
		standing := map[string]events.Span{}
		price, published := "", map[string]string{}
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := fmt.Sprint("m", step)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				price = rapid.SampledFrom([]string{"0.01", "0.03", "1/3"}).Draw(t, "price")
				if again := rapid.Bool().Draw(t, "again"); published[price] == "" || !again {
					published[price] = id
				}
				if err := book.Catalogue(&events.Catalogue{Version: published[price], YAML: fmt.Sprintf(flat, price)},
					id, posted.post); err != nil {
					t.Fatal(err)
				}
			case 1, 2:
				for _, s := range standing {
					if anomalies := book.Metered(metered(id, []events.Span{s}, nil), posted.post); len(anomalies) > 0 {
						t.Fatal(anomalies)
					}
					delete(standing, s.ID)
					break
				}
			default:
				from := rapid.IntRange(0, 50).Draw(t, "from")
				s := span("app", "p", from, from+rapid.IntRange(1, 5).Draw(t, "hours"))
				if _, again := standing[s.ID]; again {
					continue
				}
				if anomalies := book.Metered(metered(id, nil, []events.Span{s}), posted.post); len(anomalies) > 0 {
					t.Fatal(anomalies)
				}
				standing[s.ID] = s
			}
		}
		fresh, want := pricer.NewBook(), account{}
		if price != "" {
			if err := fresh.Catalogue(&events.Catalogue{Version: "v", YAML: fmt.Sprintf(flat, price)}, "v",
				want.post); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range standing {
			if anomalies := fresh.Metered(metered("all", nil, []events.Span{s}), want.post); len(anomalies) > 0 {
				t.Fatal(anomalies)
			}
		}
		a, v := posted.sum()
		wa, wv := want.sum()
		if a != wa || v != wv || len(posted.unrated) != len(want.unrated) {
			t.Fatalf("the account has %s + %s and %d unrated, what stands costs %s + %s and %d unrated", a, v,
				len(posted.unrated), wa, wv, len(want.unrated))
		}
	})
}
