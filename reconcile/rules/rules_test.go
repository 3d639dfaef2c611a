package rules_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/rules"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Rules of a reconciliation")
}

var _ = Describe("The rules of a file", func() {
	It("are read as they stand", func() {
		got, err := rules.Parse("rules.yaml", []byte(`
settle: 10m
allow: [app=12, eu/service=7]
acts:
  - {foundation: eu, kind: task, type: missing_stop, act: settle, at: earliest}
  - act: report
limitations:
  - {space: "sandbox-*", until: 2027-01-01, by: ann, note: a training}
`))
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(reconcile.Rules{
			Settle: 10 * time.Minute, Allow: []reconcile.Allowance{
				{Kind: "app", Count: 12}, {Foundation: "eu", Kind: "service", Count: 7},
			},
			Acts: []reconcile.ActRule{
				{Foundation: "eu", Kind: "task", Type: reconcile.MissingStop, Act: reconcile.Settle, At: "earliest"},
				{Act: reconcile.Report},
			},
			Limitations: []reconcile.Limitation{{
				Space: "sandbox-*", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), By: "ann", Note: "a training",
			}},
		}))
	})

	DescribeTable("have each mistake named by its place", func(text string, words ...string) {
		_, err := rules.Parse("r.yaml", []byte(text))
		Expect(err).To(HaveOccurred())
		Expect(strings.Split(err.Error(), "\n")).To(HaveLen(len(words)), "%v", err)
		for _, word := range words {
			Expect(err).To(MatchError(ContainSubstring(word)))
		}
	},
		Entry("nothing", "", "r.yaml:1:1: there are no rules"),
		Entry("a list", "- a", "r.yaml:1:1: expected the rules"),
		Entry("no YAML", "a: [", "r.yaml: not valid YAML"),
		Entry("an unknown key", "settel: 1m", `r.yaml:1:1: "settel" is unknown here; known are acts, allow`),
		Entry("a key twice", "allow: [app=1]\nallow: [app=2]", "r.yaml:2:1: allow stands twice, first in line 1"),
		Entry("a time", "settle: soon", `r.yaml:1:9: "soon" is no time`),
		Entry("a number", "allow: [app=0]", `r.yaml:1:9: "app=0" is no number of stops of a kind, such as app=12`),
		Entry("a number of everything", "allow: [12]", `"12" is no number of stops of a kind`),
		Entry("a number of builds", "allow: [staging=12]", "the kinds are app, task, service, instance, volume"),
		Entry("an act", "acts:\n  - act: delete", `r.yaml:2:10: "delete" is none of report, hold, settle`),
		Entry("no act, and a kind", "acts:\n  - kind: build", `r.yaml:2:11: "build" is none of app`,
			"r.yaml:2:5: a rule needs act"),
		Entry("nobody", "limitations:\n  - {kind: app}", "r.yaml:2:5: a limitation needs by and note"),
		Entry("everything", "limitations:\n  - {by: a, note: b}", "say what to leave alone"),
		Entry("no time", "limitations:\n  - {kind: app, by: a, note: b, until: never}", `"never" is no time`),
		Entry("too much", strings.Repeat("#", rules.MaxSize+1), "use patterns"),
	)
})
