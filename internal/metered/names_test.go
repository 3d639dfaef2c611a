package metered_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/metered"
)

var _ = Describe("a name that does not exist", func() {
	DescribeTable("is told with those that it may have been meant for", func(name, known, message string) {
		names := map[string]bool{}
		for _, n := range strings.Fields(known) {
			names[n] = true
		}
		Expect(metered.UnknownName("tenant", name, names)).To(MatchError(message))
	},
		Entry("a letter wrong", "prd", "prod stage", `there is no tenant "prd": did you mean prod?`),
		Entry("two letters in the wrong order", "retial", "retail logistics",
			`there is no tenant "retial": did you mean retail?`),
		Entry("capitals", "PROD", "prod stage", `there is no tenant "PROD": did you mean prod?`),
		Entry("a part of it", "4e7a1100", "10915700-0002 4e7a1100-0001",
			`there is no tenant "4e7a1100": did you mean 4e7a1100-0001?`),
		Entry("more than it", "cf-eu-prod", "eu us", `there is no tenant "cf-eu-prod": did you mean eu?`),
		Entry("several, the nearest first", "euu", "europe eu-2 eu xeuuu",
			`there is no tenant "euu": did you mean eu, xeuuu?`),
		Entry("nothing like it", "x", "prod stage", `there is no tenant "x": there is prod, stage`),
		Entry("nothing like it, of many", "x", "b1 b2 b3 b4 b5 b6 b7",
			`there is no tenant "x": there is b1, b2, b3, b4, b5, and 2 more`),
		Entry("there is none", "x", "", `there is no tenant "x", and no other yet`),
	)

	It("is none where it is empty, or known", func() {
		Expect(metered.UnknownName("tenant", "", nil)).To(Succeed())
		Expect(metered.UnknownName("tenant", "prod", map[string]bool{"prod": true})).To(Succeed())
	})
})
