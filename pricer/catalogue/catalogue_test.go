package catalogue_test

import (
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

func read(text string) *catalogue.Catalogue {
	GinkgoHelper()
	c, err := catalogue.Check("rates.yaml", []byte(text))
	Expect(err).NotTo(HaveOccurred())
	return c
}

func problems(text string) []string {
	_, err := catalogue.Check("rates.yaml", []byte(text))
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func at(s string) time.Time {
	GinkgoHelper()
	t, err := events.ParseTimeOrDate(s)
	Expect(err).NotTo(HaveOccurred())
	return t
}

// plans makes a catalogue of plans; each line is the inside of a plan's YAML mapping.
func plans(lines ...string) string {
	text := "currency: GBP\ncurrency_rates: [{code: USD, valid_from: 2020-01-01, rate: 0.8}]\nplans:\n"
	for _, line := range lines {
		if !strings.Contains(line, "valid_from") {
			line += ", valid_from: 2001-01-01"
		}
		if !strings.Contains(line, "components") {
			line += `, components: [{name: c, formula: "1"}]`
		}
		text += "  - {" + line + "}\n"
	}
	return text
}

var java = catalogue.Resource{
	Foundation: "prod", Tenant: "org-1", Space: "space-guid", SpaceName: "dev", Kind: events.KindApp,
	Footprint: events.Footprint{
		Buildpack: "https://github.com/cf/java-buildpack", BuildpackGUID: "bp-guid",
		ProcessType: "web",
	},
}

func winner(c *catalogue.Catalogue, r catalogue.Resource, when string) string {
	GinkgoHelper()
	e := c.Explain(r, at(when))
	name := "none"
	if e.Winner != nil {
		name = e.Winner.Name
	}
	var chosen *catalogue.Plan
	for _, choice := range c.Choices(&r) {
		if !choice.From.After(at(when)) {
			chosen = choice.Plan
		}
	}
	Expect(chosen).To(BeIdenticalTo(e.Winner), "the explanation and the choice agree")
	return name
}

var _ = Describe("Reading a catalogue", func() {
	It("takes everything that a catalogue can have", func() {
		data, err := os.ReadFile("../testdata/catalogue.yaml")
		Expect(err).NotTo(HaveOccurred())
		c := read(string(data))
		Expect(c.Currency).To(Equal("GBP"))
		Expect(c.Plans).To(HaveLen(7))
		postgres := c.Plans[4]
		Expect(postgres.Restart).To(Equal(catalogue.RestartMonthly))
		Expect(postgres.Defaults.Instances.String()).To(Equal("2"))
		Expect(postgres.Components[0].Formula.String()).To(Equal("ceil(seconds / 3600) * instances * 0.05"))
		Expect(postgres.Components[0].Currency).To(Equal("GBP"))
		Expect(postgres.Components[1].UnitPrice.String()).To(Equal("0.0002"))
		rate, until := c.Plans[0].Components[0].VATRates.At(at("2010-06-01"))
		Expect(rate.Value.String()).To(Equal("0.175"))
		Expect(until).To(Equal(at("2011-01-04")))
	})

	It("names its content by 12 hexadecimal digits", func() {
		a, b := read(plans("name: a, match: {kind: app}")), read(plans("name: b, match: {kind: app}"))
		Expect(a.Digest()).To(MatchRegexp("^[0-9a-f]{12}$"))
		Expect(a.Digest()).NotTo(Equal(b.Digest()))
		Expect(a.Digest()).To(Equal(read(plans("name: a, match: {kind: app}")).Digest()))
	})

	It("reports every mistake with line, column and what to do", func() {
		data, err := os.ReadFile("../testdata/mistakes.yaml")
		Expect(err).NotTo(HaveOccurred())
		expected, err := os.ReadFile("../testdata/mistakes.txt")
		Expect(err).NotTo(HaveOccurred())
		_, err = catalogue.Check("mistakes.yaml", data)
		Expect(err).To(BeAssignableToTypeOf(catalogue.Problems{}))
		Expect(strings.Split(err.Error(), "\n")).To(Equal(strings.Split(strings.TrimSpace(string(expected)), "\n")))
	})

	It("reads a formula of paas-billing in its dialect: by its variables, or when it is marked so", func() {
		c, err := catalogue.Check("rates.yaml", []byte(plans(`name: a, match: {}, plan_guid: "7f", components: [`+
			`{name: variables, formula: "$time_in_seconds * 2^3^2"}, `+
			`{name: quantity, quantity: "$number_of_nodes", unit: node, unit_price: "2"}, `+
			`{name: marked, dialect: paas-billing, formula: "5/3"}, {name: own, formula: "2^3^2"}]`)))
		Expect(err).NotTo(HaveOccurred())
		plan := c.Plans[0]
		Expect(plan.GUID).To(Equal("7f"))
		Expect(plan.Components[0].Formula.String()).To(Equal("seconds * (2^3)^2"))
		Expect(plan.Components[1].Quantity.String()).To(Equal("instances"))
		Expect(plan.Components[2].Formula.String()).To(Equal("floor(5 / 3)"))
		Expect(plan.Components[3].Formula.String()).To(Equal("2^3^2"))
		var dialects []catalogue.Dialect
		for _, component := range plan.Components {
			dialects = append(dialects, component.Dialect)
		}
		Expect(dialects).To(Equal([]catalogue.Dialect{"paas-billing", "paas-billing", "paas-billing", ""}))
	})

	DescribeTable("refuses",
		func(text string, expected ...string) {
			var matchers []any
			for _, e := range expected {
				matchers = append(matchers, HavePrefix("rates.yaml:"+e))
			}
			Expect(problems(text)).To(ConsistOf(matchers...))
		},
		Entry("an empty file", "", "1:1: the catalogue is empty"),
		Entry("a file of comments", "# nothing\n", "1:1: the catalogue is empty"),
		Entry("a list", "- a", "1:1: the catalogue must be a mapping"),
		Entry("broken YAML", "currency: GBP\nplans: [", "2:1: not valid YAML"),
		Entry("two documents", plans("name: a, match: {}")+"---\ncurrency: GBP\n", "5:1: a second YAML document"),
		Entry("aliases", "currency: &c GBP\nplans: *c", "1:11: anchors (&c) are not supported", "2:8: aliases (*c) "+
			"are not supported"),
		Entry("too large a file", strings.Repeat("#", catalogue.MaxSize+1), "1:1: the catalogue has 4194305 bytes"),
		Entry("no plans", "currency: GBP\nplans: []", "2:8: plans is an empty list"),
		Entry("a plan without components", plans("name: a, match: {}, components: []"), "4:38: plan a has no "+
			"components"),
		Entry("a place of what has none", plans("name: a, match: {kind: app, datastore: mysql}"),
			"4:34: a resource of kind app has no datastore"),
		Entry("a misspelt field", plans("name: a, match: {kind: instance, datastor: mysql}"),
			`4:39: match: unknown key "datastor": did you mean "datastore"`),
		Entry("an unknown dialect", plans(`name: a, match: {}, components: [{name: c, dialect: excel, formula: "1"}]`),
			`4:58: dialect "excel" is unknown; known is paas-billing`),
		Entry("two dialects in a formula", plans(`name: a, match: {}, components: [{name: c, formula: "$memory_in_mb * seconds"}]`),
			`4:75: formula: unknown name "seconds" in a formula of paas-billing`),
		Entry("a cast in Daybook's own dialect", plans(`name: a, match: {}, components: [{name: c, formula: "seconds::integer"}]`),
			`4:66: formula: unexpected ":"`),
		Entry("a field that the kind does not have", plans("name: a, match: {kind: service, buildpack: x}"),
			"4:38: a resource of kind service has no buildpack"),
		Entry("a bad character in a quoted formula",
			plans(`name: a, match: {}, valid_from: 2001-01-01, components: [{name: c, formula: "1 + é;"}]`),
			"4:87: formula: unknown name"),
		Entry("a bad character in a plain formula", "currency: GBP\nplans:\n- name: a\n  match: {}\n  valid_from: "+
			"2001-01-01\n  components:\n  - name: c\n    formula: 1 +\n      2;\n", `9:8: formula: unexpected ";"`),
		Entry("a formula over the end of a quoted line", "currency: GBP\nplans:\n- name: a\n  match: {}\n  "+
			"valid_from: 2001-01-01\n  components:\n  - name: c\n    formula: 'ceil(1 +\n      2'\n",
			`9:8: formula: missing ")"`),
		Entry("an undefined VAT code", plans("name: a, match: {}, components: [{name: c, formula: 1, vat: X}]"),
			`4:66: unknown VAT code "X": none is defined`),
	)

	It("bounds what it says about a file of mistakes", func() {
		Expect(len(problems(plans(slices.Repeat([]string{"x: 1"}, 100)...)))).To(Equal(101))
	})
})

var _ = Describe("Choosing a plan", func() {
	It("takes the one with more fields", func() {
		c := read(plans("name: fields, match: {kind: app, tenant: '*'}", "name: literal, match: {buildpack: "+
			"'https://github.com/cf/*'}"))
		Expect(winner(c, java, "2002-01-01")).To(Equal("fields"))
	})

	It("then the one with more literal characters", func() {
		c := read(plans("name: long, match: {kind: app, buildpack: '*java*'}", "name: short, match: {kind: app, "+
			"buildpack: 'https*'}", "name: all, match: {kind: app, buildpack: '*'}"))
		Expect(winner(c, java, "2002-01-01")).To(Equal("short"))
	})

	It("then the one that stands later in the file", func() {
		c := read(plans("name: first, match: {kind: app, buildpack: 'http*'}", "name: second, match: {kind: app, "+
			"buildpack: '*java'}"))
		r := java
		r.Footprint.Buildpack = "http://java"
		Expect(winner(c, r, "2002-01-01")).To(Equal("second"))
	})

	DescribeTable("compares globs with the name or the id",
		func(field, glob string, matches bool) {
			c := read(plans("name: a, match: {" + field + ": '" + glob + "'}"))
			Expect(winner(c, java, "2002-01-01") == "a").To(Equal(matches))
		},
		Entry(nil, "buildpack", "*java*", true),
		Entry("slashes are ordinary", "buildpack", "https:*buildpack", true),
		Entry("the whole string", "buildpack", "java", false),
		Entry("an id", "buildpack", "bp-guid", true),
		Entry(nil, "buildpack", "bp-????", true),
		Entry(nil, "buildpack", "bp-???", false),
		Entry("case", "buildpack", "BP-guid", false),
		Entry(nil, "process_type", "web", true),
		Entry(nil, "tenant", "org-*", true),
		Entry(nil, "foundation", "prod", true),
		Entry(nil, "foundation", "test", false),
		Entry("a space's name", "space", "d?v", true),
		Entry("a space's guid", "space", "space-guid", true),
		Entry("another space", "space", "production", false),
		Entry("brackets are ordinary", "buildpack", "https://github.com/cf/[a-z]ava-buildpack", false),
		Entry("fields of another kind", "plan", "*", false),
		Entry(nil, "kind", "task", false),
	)

	It("keeps a price from valid_from until the next version of the same name", func() {
		c := read(plans(
			"name: a, match: {kind: app}, valid_from: 2003-01-01, components: [{name: second, formula: 1}]",
			"name: a, match: {kind: app}, valid_from: 2001-01-01, components: [{name: first, formula: 1}]"))
		Expect(c.Plans[1].Until).To(Equal(at("2003-01-01")))
		Expect(c.Plans[0].Until).To(BeZero())
		Expect(winner(c, java, "2000-12-31")).To(Equal("none"))
		choices := c.Choices(&java)
		Expect(choices).To(HaveLen(3))
		Expect(choices[0].Reason).To(ContainSubstring("no plan that matches is in force"))
		Expect(choices[1].Plan).To(BeIdenticalTo(c.Plans[1]))
		Expect(choices[2].Plan).To(BeIdenticalTo(c.Plans[0]))
	})

	It("falls back to a wider plan where the next version of a narrower one matches something else", func() {
		c := read(plans("name: wide, match: {kind: app}", "name: narrow, match: {kind: app, buildpack: '*java*'}",
			"name: narrow, match: {kind: app, buildpack: 'ruby'}, valid_from: 2005-01-01"))
		Expect(winner(c, java, "2004-12-31")).To(Equal("narrow"))
		Expect(winner(c, java, "2005-01-01")).To(Equal("wide"))
	})

	It("waits for the plan's currency to have a rate", func() {
		c := read(plans("name: a, match: {kind: app}, components: [{name: c, formula: 1, currency: USD}]"))
		Expect(winner(c, java, "2019-12-31")).To(Equal("none"))
		Expect(winner(c, java, "2020-01-01")).To(Equal("a"))
		Expect(c.Choices(&java)[1].Reason).To(Equal("plan a: the currency USD has no rate before 2020-01-01T00:00:00Z"))
	})

	DescribeTable("matches a database by its place, and nothing else",
		func(match string, kind string, matches bool) {
			c := read(plans("name: a, match: {" + match + "}"))
			db := catalogue.Resource{Kind: kind, Footprint: events.Footprint{
				Datastore: "mysql", DatastoreID: "2f3ff068", Region: "eu-1", AvailabilityZone: "nova",
			}}
			Expect(winner(c, db, "2002-01-01") == "a").To(Equal(matches))
		},
		Entry(nil, "datastore: mysql", events.KindInstance, true),
		Entry("by the service_id", "datastore: 2f3ff068", events.KindVolume, true),
		Entry(nil, "datastore: redis", events.KindInstance, false),
		Entry(nil, "region: 'eu-*'", events.KindVolume, true),
		Entry(nil, "region: us", events.KindVolume, false),
		Entry(nil, "availability_zone: nova", events.KindInstance, true),
		Entry(nil, "availability_zone: other", events.KindInstance, false),
		Entry("an app has none", "region: '*'", events.KindApp, false),
	)

	It("chooses by each of the fields of a place, though it remembers choices", func() {
		c := read(plans("name: all, match: {kind: instance}", "name: mysql, match: {kind: instance, datastore: mysql}",
			"name: eu, match: {kind: instance, region: eu, datastore: '*'}",
			"name: zone, match: {kind: instance, availability_zone: a, region: '*', datastore: '*'}"))
		db := catalogue.Resource{Kind: events.KindInstance}
		Expect(winner(c, db, "2002-01-01")).To(Equal("all"))
		db.Footprint.Datastore = "mysql"
		Expect(winner(c, db, "2002-01-01")).To(Equal("mysql"))
		db.Footprint.Region = "eu"
		Expect(winner(c, db, "2002-01-01")).To(Equal("eu"))
		db.Footprint.AvailabilityZone = "a"
		Expect(winner(c, db, "2002-01-01")).To(Equal("zone"))
	})

	It("tells resources apart by what plans ask for only", func() {
		c := read(plans("name: a, match: {kind: app, buildpack: '*java*'}"))
		other := java
		other.Tenant, other.Footprint.Buildpack, other.Footprint.BuildpackGUID = "org-2", "ruby", ""
		Expect(winner(c, java, "2002-01-01")).To(Equal("a"))
		Expect(winner(c, other, "2002-01-01")).To(Equal("none"))
		other.Footprint.Buildpack = "java"
		Expect(winner(c, other, "2002-01-01")).To(Equal("a"))
	})

	It("explains every plan version that it considered", func() {
		c := read(plans("name: app, match: {kind: app}", "name: java, match: {kind: app, buildpack: '*java*'}",
			"name: ruby, match: {kind: app, buildpack: ruby}", "name: java, match: {kind: app, buildpack: '*java*'}, "+
				"valid_from: 2009-01-01"))
		e := c.Explain(java, at("2002-01-01"))
		Expect(strings.Split(strings.TrimSpace(e.String()), "\n")).To(Equal([]string{
			`plan java (line 5, valid from 2001-01-01T00:00:00Z): more fields in its match (2 against 1 of app)`,
			`- java (line 7, valid from 2009-01-01T00:00:00Z, match {kind: app, buildpack: *java*}): not in force before 2009-01-01T00:00:00Z`,
			`* java (line 5, valid from 2001-01-01T00:00:00Z, match {kind: app, buildpack: *java*}): more fields in its match (2 against 1 of app)`,
			`- app (line 4, valid from 2001-01-01T00:00:00Z, match {kind: app}): plan java has more fields in its match (2 against 1 of app)`,
			`- ruby (line 6, valid from 2001-01-01T00:00:00Z, match {kind: app, buildpack: ruby}): buildpack "ruby" is neither "https://github.com/cf/java-buildpack" nor "bp-guid"`,
		}))
	})
})
