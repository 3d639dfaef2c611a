package rating_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("A price for a space", func() {
	It("is that of the spans in it, by the space's name or guid", func() {
		cat, err := catalogue.Check("rates.yaml", []byte(`currency: GBP
plans:
  - {name: app, match: {kind: app}, valid_from: 2001-01-01, components: [{name: c, formula: "1"}]}
  - {name: production, match: {kind: app, space: "prod*"}, valid_from: 2001-01-01, components: [{name: c, formula: "2"}]}
  - {name: sandbox, match: {kind: app, space: s-3}, valid_from: 2001-01-01, components: [{name: c, formula: "3"}]}
`))
		Expect(err).NotTo(HaveOccurred())
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		plan := func(space, name string) string {
			s := events.Span{
				Kind: events.KindApp, Resource: "P", Space: space, SpaceName: name, Start: start, Since: start,
				End: start.Add(time.Hour), Footprint: events.Footprint{Instances: events.Some(1)},
			}
			lines, unrated := rating.Rate(cat, "prod", &s)
			Expect(unrated).To(BeEmpty())
			return lines[0].Plan.Name
		}
		Expect(plan("s-1", "dev")).To(Equal("app"))
		Expect(plan("s-2", "production")).To(Equal("production"))
		Expect(plan("s-3", "sandbox")).To(Equal("sandbox"))
	})
})
