package catalogue_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

var _ = Describe("A price", func() {
	said := func(line string) string { return strings.Join(problems(plans("name: a, "+line)), "\n") }

	DescribeTable("is refused where a footprint of the plan would find it wrong",
		func(line, message string) { Expect(said(line)).To(ContainSubstring(message)) },
		Entry("with the place",
			`match: {kind: app}, valid_from: 2001-01-01, components: [{name: c, formula: "1 / memory_mb"}]`,
			"rates.yaml:4:94: formula: memory_mb can be 0, and nothing can be divided by it"),
		Entry(nil, `match: {}, components: [{name: c, formula: "1 / (seconds - seconds)"}]`, "division by zero"),
		Entry(nil, `match: {}, components: [{name: c, quantity: "1 / (memory_mb * 0)", unit: u, unit_price: 1}]`,
			"quantity: no footprint can compute this: division by zero"),
		Entry(nil, `match: {}, components: [{name: c, formula: "seconds ^ 1000"}]`, "no footprint can compute this"),
		Entry(nil, `match: {}, components: [{name: c, formula: "seconds ^ 0.5"}]`, "no footprint can compute this"),
		Entry("a service has what the plan says",
			`match: {kind: service}, components: [{name: c, formula: "1 / memory_mb"}]`,
			"division by zero: memory_mb is always 0"),
		Entry(nil,
			`match: {kind: service}, defaults: {instances: 2}, components: [{name: c, formula: "1 / (instances - 2)"}]`,
			"instances - 2 is always 0"),
		Entry(nil, `match: {kind: volume}, components: [{name: c, formula: "1 / volume_gb"}]`, "volume_gb can be 0"),
		Entry("of a flavour's memory", `match: {kind: instance}, components: [{name: c, formula: "1 / memory_mb"}]`,
			"memory_mb can be 0"),
		Entry("negative", `match: {}, components: [{name: c, formula: "0 - seconds"}]`,
			"it is negative for every footprint; write max(0, …), or mark a component that takes off the bill with "+
				"credit: true"),
		Entry("negative for some", `match: {}, components: [{name: c, formula: "seconds - 3600"}]`,
			"it is negative, -3599.999999999, for seconds 0.000000001; write max(0, …)"),
		Entry("negative for a size",
			`match: {kind: app}, components: [{name: c, formula: "seconds * (memory_mb - 512)"}]`,
			"it is negative, -0.000000512, for seconds 0.000000001, memory_mb 0"),
		Entry("a negative quantity", `match: {}, components: [{name: c, quantity: "-seconds", unit: s, unit_price: 2}]`,
			"quantity: it is negative for every footprint"),
		Entry("falling", `match: {}, components: [{name: c, formula: "max(0, 100 - seconds)"}]`,
			"it falls from 99.999999999 after 0.000000001 seconds to 99 for seconds 1, so that a part would cost "+
				"less than nothing"),
		Entry("by the month and never",
			`match: {}, restart: never, components: [{name: c, formula: "seconds / hours_in_month"}]`,
			"formula: with a variable that is about the month each month begins a piece, but the plan says restart: "+
				"never"),
		Entry("a negative unit price",
			`match: {}, components: [{name: c, quantity: "seconds", unit: s, unit_price: -2}]`,
			"unit_price is -2; it cannot be negative"),
		Entry("a credit that is no truth value", `match: {}, components: [{name: c, formula: "1", credit: "yes"}]`,
			`credit must be true or false, not the text "yes"`),
	)

	DescribeTable("is taken where every footprint of the plan has it",
		func(line string) { Expect(said(line)).To(BeEmpty()) },
		Entry("0 instances are never asked",
			`match: {kind: app}, components: [{name: c, formula: "seconds / instances"}]`),
		Entry(nil, `match: {kind: app}, components: [{name: c, formula: "seconds / max(1, memory_mb)"}]`),
		Entry(nil,
			`match: {kind: service}, defaults: {memory_mb: 512}, components: [{name: c, formula: "seconds / memory_mb"}]`),
		Entry(nil, `match: {}, components: [{name: c, formula: "1000 * seconds / seconds_in_month"}]`),
		Entry(nil,
			`match: {}, restart: month, components: [{name: c, formula: "seconds / (seconds_in_month - 2419199)"}]`),
		Entry("the first hour free", `match: {}, components: [{name: c, formula: "seconds - min(seconds, 3600)"}]`),
		Entry("the advice for a negative one", `match: {}, components: [{name: c, formula: "max(0, seconds - 3600)"}]`),
		Entry("the advice for a divisor", `match: {}, components: [{name: c, formula: "seconds / (memory_mb + 1)"}]`),
		Entry("a started hour",
			`match: {}, components: [{name: c, formula: "ceil(seconds / 3600) * instances * 0.01"}]`),
		Entry("a cap", `match: {}, components: [{name: c, formula: "min(5, seconds / 3600 * 0.01)"}]`),
		Entry("a credit", `match: {}, components: [{name: c, formula: "0 - seconds", credit: true}]`),
		Entry("a credit's unit price",
			`match: {}, components: [{name: c, quantity: "seconds", unit: s, unit_price: -2, credit: true}]`),
		Entry("nothing for a quantity",
			`match: {}, components: [{name: c, quantity: "-seconds", unit: s, unit_price: 0}]`),
		Entry("an exponent of some sizes", `match: {kind: app}, components: [{name: c, formula: "2 ^ instances"}]`),
	)

	DescribeTable("is read where it was published, for it is in force",
		func(line string) {
			text := plans("name: a, " + line)
			Expect(problems(text)).NotTo(BeEmpty())
			_, err := catalogue.Parse("catalogue.v1", []byte(text))
			Expect(err).NotTo(HaveOccurred())
		},
		Entry(nil, `match: {kind: app}, components: [{name: c, formula: "seconds / memory_mb"}]`),
		Entry(nil, `match: {}, components: [{name: c, quantity: "1 / (memory_mb * 0)", unit: u, unit_price: 1}]`),
		Entry(nil, `match: {}, components: [{name: c, formula: "seconds - 3600"}]`),
		Entry(nil, `match: {}, restart: never, components: [{name: c, formula: "seconds / hours_in_month"}]`),
	)
})
