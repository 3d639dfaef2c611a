package pricer_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer"
)

const feeAndHours = `
currency: GBP
plans:
  - name: app
    match: {kind: app}
    valid_from: 2000-01-01
    components:
      - {name: fee, formula: "%[1]d"}
      - {name: hour, formula: "ceil(seconds / 3600) * 0.0%[1]d"}
`

var _ = Describe("A month that is opened again", func() {
	It("begins no second fee and no second started hour in the months behind it", func() {
		book, posted := pricer.NewBook(), account{}
		since := time.Date(2026, 10, 20, 0, 30, 0, 0, time.UTC)
		border := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		run := func(id string, from, to time.Time) {
			GinkgoHelper()
			s := events.Span{
				ID: id, Kind: "app", Resource: "p", Tenant: "org", Start: from, End: to, Since: since,
				Footprint: events.Footprint{Instances: events.Some(1)},
			}
			Expect(book.Metered(metered("metered-"+id, nil, []events.Span{s}), posted.post)).To(BeEmpty())
		}
		prices := func(version string, price int) {
			GinkgoHelper()
			Expect(book.Catalogue(&events.Catalogue{Version: version, YAML: fmt.Sprintf(feeAndHours, price)},
				"publish-"+version, posted.post)).To(Succeed())
		}
		month := func(id string, reopened bool) {
			GinkgoHelper()
			Expect(book.Closing(&events.Closing{
				ID: id, Source: "cf", Foundation: "prod", Month: "2026-10", Reopened: reopened,
			}, id, posted.post)).To(Succeed())
		}
		sums := func() map[string]string {
			all := map[string]events.Decimal{}
			for i := range posted.charges {
				c := &posted.charges[i]
				key := c.Period + " " + c.Component
				all[key] = all[key].Add(c.Amount)
			}
			out := map[string]string{}
			for key, sum := range all {
				out[key] = sum.String()
			}
			return out
		}

		prices("a", 5)
		run("october", since, border)
		month("closes", false)
		run("november", border, border.Add(30*time.Minute))
		prices("b", 7)
		Expect(sums()).To(Equal(map[string]string{
			"2026-10 fee": "5", "2026-10 hour": "14.4", "2026-11 fee": "7", "2026-11 hour": "0.07",
		}), "the other prices begin a piece at the border of the closed month")
		month("reopens", true)
		Expect(sums()).To(Equal(map[string]string{
			"2026-10 fee": "7", "2026-10 hour": "20.16", "2026-11 fee": "0", "2026-11 hour": "0",
		}), "one piece of 288 started hours since October")
	})
})
