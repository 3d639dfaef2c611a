package catalogue_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

var _ = Describe("The difference between two catalogues", func() {
	const before = `
currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2017-01-01, rate: "0.2"}
  - {code: Zero, valid_from: 2017-01-01, rate: "0"}
currency_rates: [{code: USD, valid_from: 2017-01-01, rate: "0.8"}]
plans:
  - name: app
    match: {kind: app}
    valid_from: 2017-01-01
    components:
      - {name: instance, formula: "ceil(seconds/3600)*0.01", currency: USD, vat: Standard}
      - {name: memory, quantity: "memory_mb / 1024 * seconds / 3600", unit: GiB-hour, unit_price: "0.004"}
      - {name: fee, formula: "1"}
  - {name: old, match: {kind: task}, valid_from: 2017-01-01, components: [{name: c, formula: "1"}]}
  - {name: java, match: {kind: app, buildpack: "java*"}, valid_from: 2017-01-01, components: [{name: c, formula: "1"}]}
`
	said := func(a, b string) (all []string) {
		GinkgoHelper()
		for _, d := range catalogue.Differences(read(a), read(b)) {
			all = append(all, d.Of+": "+d.Text)
		}
		return all
	}

	It("is said in the words of the catalogue, the part of a price that differs alone", func() {
		Expect(said(before, `
currency: EUR
vat_rates:
  - {code: Standard, valid_from: 2017-01-01, rate: "0.2"}
  - {code: Standard, valid_from: 2026-12-01, rate: "0.25"}
currency_rates:
  - {code: USD, valid_from: 2017-01-01, rate: "0.8"}
  - {code: GBP, valid_from: 2017-01-01, rate: "1.1"}
plans:
  - {name: java, match: {kind: app, buildpack: "java*"}, valid_from: 2017-01-01, components: [{name: c, formula: "1"}]}
  - name: app
    match: {kind: app, space: "prod*"}
    valid_from: 2017-01-01
    defaults: {instances: 1, memory_mb: 0}
    restart: month
    components:
      - {name: instance, formula: "ceil(seconds / 3600) * 0.02", currency: USD, vat: Standard}
      - {name: memory, quantity: "memory_mb / 1024 * seconds / 3600", unit: GiB-hour, unit_price: "0.005"}
      - {name: rebate, formula: "-1", credit: true}
  - {name: app, match: {kind: app}, valid_from: 2026-12-01T12:00:00Z, components: [{name: c, formula: "2"}]}
`)).To(Equal([]string{
			"the billing currency: goes from GBP to EUR",
			"VAT rate Standard: goes from 0.2 from 2017-01-01 to 0.2 from 2017-01-01, 0.25 from 2026-12-01",
			"VAT rate Zero: is gone; it was 0 from 2017-01-01",
			"currency rate EUR: is new: 1",
			"currency rate GBP: goes from 1 to 1.1 from 2017-01-01",
			`plan java, from 2017-01-01: component c goes from "1" in GBP to "1" in EUR`,
			"plan app, from 2017-01-01: is for kind app, space prod*, and was for kind app",
			"plan app, from 2017-01-01: the defaults go from none to instances 1, memory_mb 0",
			"plan app, from 2017-01-01: restart goes from none to month",
			`plan app, from 2017-01-01: component instance: the formula goes from "ceil(seconds / 3600) * 0.01" to ` +
				`"ceil(seconds / 3600) * 0.02"`,
			`plan app, from 2017-01-01: component memory goes from 0.004 GBP per GiB-hour of "memory_mb / 1024 * ` +
				`seconds / 3600" to 0.005 EUR per GiB-hour of "memory_mb / 1024 * seconds / 3600"`,
			`plan app, from 2017-01-01: component rebate is new: "-1" in EUR, a credit`,
			`plan app, from 2017-01-01: component fee is gone; it was "1" in GBP`,
			"plan app, from 2026-12-01T12:00:00Z: is new, for kind app",
			`plan app, from 2026-12-01T12:00:00Z: component c is new: "2" in EUR`,
			"plan old, from 2017-01-01: is gone; it was for kind task",
			"the order of the plans: differs: of two plans that are equally specific the later one in the file wins",
		}))
	})

	It("names a unit price alone where the rest of the component is the same", func() {
		price := func(p string) string {
			return plans(`name: app, match: {kind: app}, components: [{name: memory, quantity: "seconds", unit: second, ` +
				`unit_price: "` + p + `", currency: USD}]`)
		}
		Expect(said(price("0.1"), price("0.2"))).To(Equal([]string{
			"plan app, from 2001-01-01: component memory: the unit price goes from 0.1 to 0.2 USD per second",
		}))
	})

	It("is none where the texts alone differ", func() {
		Expect(said(before, "# a comment\n"+before)).To(BeEmpty())
		Expect(said(plans(`name: app, match: {kind: app}, components: [{name: c, formula: "1*2"}]`),
			plans(`name: app, match: {kind: app}, components: [{name: c, formula: "1 * 2.0"}]`))).To(BeEmpty())
	})
})
