package catalogue_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

var _ = Describe("A process of unknown type", func() {
	untyped := catalogue.Resource{Kind: events.KindApp, Footprint: events.Footprint{Buildpack: "ruby"}}
	choice := func(r catalogue.Resource, lines ...string) string {
		choices := read(plans(lines...)).Choices(&r)
		last := choices[len(choices)-1]
		if last.Plan == nil {
			return last.Reason
		}
		return last.Plan.Name
	}

	It("has no price while a plan by type may be the right one, and is not priced by the general plan", func() {
		Expect(choice(untyped, `name: app, match: {kind: app}`,
			`name: worker, match: {kind: app, process_type: worker}`)).
			To(Equal("the process type is not known, and plan worker is by type: the next event that says the type " +
				"decides"))
		Expect(choice(untyped,
			`name: worker, match: {kind: app, process_type: "w*"}`)).To(ContainSubstring("is by type"))
	})
	It("has a price where no plan by type would win", func() {
		Expect(choice(untyped, `name: app, match: {kind: app}`)).To(Equal("app"))
		Expect(choice(untyped, `name: ruby, match: {kind: app, buildpack: ruby, tenant: "*"}`,
			`name: worker, match: {kind: app, process_type: worker}`)).To(Equal("ruby"), "it is more specific")
		Expect(choice(untyped, `name: app, match: {kind: app}`,
			`name: worker, match: {kind: app, process_type: worker, buildpack: java}`)).To(Equal("app"),
			"another buildpack's plan never matches")
		Expect(choice(untyped, `name: app, match: {kind: app}`, `name: any, match: {kind: app, process_type: "*"}`)).
			To(Equal("any"), "a plan for all types matches every type")
	})
	It("is not what a process of a type is, nor a task, which has none", func() {
		typed, task := untyped, untyped
		typed.Footprint.ProcessType, task.Kind = "web", events.KindTask
		general := []string{
			`name: app, match: {kind: app}`, `name: task, match: {kind: task}`,
			`name: worker, match: {kind: app, process_type: worker}`,
			`name: t, match: {kind: task, process_type: worker}`,
		}
		Expect(choice(typed, general...)).To(Equal("app"))
		Expect(choice(task, general...)).To(Equal("task"))
	})
	It("has the same reason in the choice and in the explanation where the best plan has no rate yet", func() {
		c := read(plans(`name: app, valid_from: 2019-01-01, match: {kind: app, tenant: "*", foundation: "*"}, `+
			`components: [{name: c, formula: "1", currency: USD}]`,
			`name: worker, valid_from: 2019-01-01, match: {kind: app, process_type: worker}`))
		choices := c.Choices(&untyped)
		Expect(choices[1].Reason).To(ContainSubstring("the currency USD has no rate before 2020-01-01"))
		Expect(c.Explain(untyped, at("2019-06-01")).Why).To(Equal(choices[1].Reason))
		Expect(choices[2].Plan.Name).To(Equal("app"), "the plan by type never wins against it")
	})
	It("has a price until the plan by type comes into force", func() {
		c := read(plans(`name: app, match: {kind: app}`,
			`name: worker, valid_from: 2026-02-01, match: {kind: app, process_type: worker}`))
		choices := c.Choices(&untyped)
		Expect(choices).To(HaveLen(3))
		Expect(choices[1].Plan.Name).To(Equal("app"))
		Expect(choices[2].From).To(Equal(at("2026-02-01")))
		Expect(choices[2].Plan).To(BeNil())
		e := c.Explain(untyped, at("2026-03-01"))
		Expect(e.Winner).To(BeNil())
		Expect(e.Why).To(Equal(choices[2].Reason))
		Expect(c.Explain(untyped, at("2026-01-01")).Winner.Name).To(Equal("app"))
	})
})

var _ = Describe("A resource that no plan matches", func() {
	DescribeTable("is told by which fields the nearest plan does not",
		func(reason string, lines ...string) {
			c := read(plans(lines...))
			Expect(c.Choices(&java)[0].Reason).To(Equal(reason))
			Expect(c.Explain(java, at("2002-01-01")).Why).To(Equal(reason))
		},
		Entry("none of its kind", "no plan matches: none is for the kind app", `name: t, match: {kind: task}`),
		Entry("one field", `no plan matches; the nearest is worker: process_type "worker" is not "web"`,
			`name: ruby, match: {kind: app, process_type: clock, tenant: other}`,
			`name: worker, match: {kind: app, process_type: worker}`),
		Entry("a name and a guid",
			`no plan matches; the nearest is other: buildpack "ruby" is neither "https://github.com/cf/java-buildpack" nor "bp-guid"`,
			`name: other, match: {kind: app, buildpack: ruby}`),
		Entry("a space, by its guid alone",
			`no plan matches; the nearest is other: space "prod" is neither the name of space "space-guid" nor its guid`,
			`name: other, match: {space: prod}`),
	)
})
