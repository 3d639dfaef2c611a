package paas_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/catalogue/paas"
)

// priceList is a config with one plan for apps.
func priceList(currencyRates, vatRates, formula string) string {
	return fmt.Sprintf(`{"currency_rates": [%s], "vat_rates": [%s], "pricing_plans": [{"name": "app",
  "valid_from": "2017-01-01", "plan_guid": "f4d4b95a-f55e-4593-8d54-3364c25798c4",
  "components": [{"name": "c", "formula": %q, "currency_code": "GBP", "vat_code": "Standard"}]}]}`,
		currencyRates, vatRates, formula)
}

const (
	pounds   = `{"code": "GBP", "valid_from": "epoch", "rate": 1}`
	standard = `{"code": "Standard", "valid_from": "epoch", "rate": 0.2}`
)

func converted(config string, pages ...paas.ServicePlan) *catalogue.Catalogue {
	GinkgoHelper()
	prices, err := paas.Convert("folder/config.json", []byte(config), pages, "")
	Expect(err).NotTo(HaveOccurred())
	Expect(string(prices.Catalogue)).To(HavePrefix("# Prices of alphagov/paas-billing, from config.json.\n"))
	parsed, err := catalogue.Check("rates.yaml", prices.Catalogue)
	Expect(err).NotTo(HaveOccurred(), "%s", prices.Catalogue)
	Expect(parsed.Plans).To(HaveLen(prices.Plans))
	return parsed
}

var _ = Describe("A price list of paas-billing", func() {
	It("keeps each plan_guid and each formula as it was written", func() {
		const text = "ceil($time_in_seconds::numeric/3600)\t*\n\"0\""
		formula := strings.ReplaceAll(text, `"0"`, "0.01")
		plan := converted(priceList(pounds, standard, formula)).Plans[0]
		Expect(plan.GUID).To(Equal("f4d4b95a-f55e-4593-8d54-3364c25798c4"))
		Expect(plan.Components[0].Dialect).To(Equal(catalogue.DialectPaas))
		Expect(plan.Components[0].Formula.Text()).To(Equal(formula))
		Expect(plan.Components[0].Formula.String()).To(Equal("ceil(seconds / 3600) * 0.01"))
	})

	It("has a formula without a variable in its dialect, too", func() {
		f := converted(priceList(pounds, standard, "5/3 + 2^3^2")).Plans[0].Components[0].Formula
		Expect(f.String()).To(Equal("floor(5 / 3) + (2^3)^2"))
	})

	DescribeTable("is in the currency with the rate 1",
		func(rates, currency, problem string) {
			prices, err := paas.Convert("config.json", []byte(priceList(rates, standard, "1")), nil, "")
			if problem != "" {
				Expect(err).To(MatchError(ContainSubstring(problem)))
				return
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(string(prices.Catalogue)).To(ContainSubstring("\ncurrency: " + currency + "\n"))
		},
		Entry("GBP first", pounds+`, {"code": "EUR", "valid_from": "epoch", "rate": 1.0}, {"code": "USD", "valid_from": "epoch", "rate": 1}`,
			"GBP", ""),
		Entry("or the only one", `{"code": "EUR", "valid_from": "epoch", "rate": 1}, {"code": "GBP", "valid_from": "epoch", "rate": 1.1}`,
			"EUR", ""),
		Entry("and in none without one", `{"code": "GBP", "valid_from": "epoch", "rate": 1}, {"code": "GBP", "valid_from": "2017-02-01", "rate": 2}`,
			"", "give it with --currency"),
	)

	It("is in another currency when that is said", func() {
		rates := `{"code": "GBP", "valid_from": "epoch", "rate": 1}, {"code": "GBP", "valid_from": "2017-02-01", "rate": 2}`
		prices, err := paas.Convert("config.json", []byte(priceList(rates, standard, "1")), nil, "GBP")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(prices.Catalogue)).To(ContainSubstring(`{code: GBP, valid_from: 2017-02-01, rate: "2"}`))
	})

	DescribeTable("has rates and times as PostgreSQL reads them",
		func(from, rate, line string) {
			vat := fmt.Sprintf(`{"code": "Standard", "valid_from": %q, "rate": %s}`, from, rate)
			prices, err := paas.Convert("config.json", []byte(priceList(pounds, vat, "1")), nil, "")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(prices.Catalogue)).To(ContainSubstring("{code: Standard, " + line + "}"))
		},
		Entry(nil, "epoch", "0.2", `valid_from: 1970-01-01, rate: "0.2"`),
		Entry(nil, "2011-01-1", "2E-1", `valid_from: 2011-01-01, rate: "0.2"`),
		Entry(nil, "2011-01-01 00:00:00", `"0.175"`, `valid_from: 2011-01-01, rate: "0.175"`),
		Entry(nil, "2011-01-01 00:00:00+01", "0", `valid_from: 2010-12-31T23:00:00Z, rate: "0"`),
		Entry(nil, "2011-01-01T00:00:00.5Z", "1e-20", `valid_from: 2011-01-01T00:00:00.5Z, rate: "0.00000000000000000001"`),
	)

	DescribeTable("is refused with the place of the mistake",
		func(config, problem string) {
			_, err := paas.Convert("config.json", []byte(config), nil, "")
			Expect(err).To(MatchError(ContainSubstring(problem)))
		},
		Entry("nothing", " \n", "config.json:1:1: the file is empty"),
		Entry("no JSON", "{\n  \"vat_rates\": [,]}", "config.json:2:17: not valid JSON"),
		Entry("a file without an end", "{\n  \"vat_rates\": [",
			"config.json:2:17: not valid JSON: the file ends too early"),
		Entry("a list", "[]", "config.json:1:1: the config must be an object, not a list"),
		Entry("two values", priceList(pounds, standard, "1")+"\n{}", "config.json:4:1: a second JSON value"),
		Entry("no plans", "{}", "config.json:1:1: the config has no pricing_plans"),
		Entry("a plan that is none", `{"pricing_plans": [1]}`, "config.json:1:20: an entry of pricing_plans must be an object, not a number"),
		Entry("plans that are no list", `{"pricing_plans": {}}`, "config.json:1:19: pricing_plans must be a list, not an object"),
		Entry("nesting", strings.Repeat("[", 30), "nested more than 20 deep"),
		Entry("size", strings.Repeat(" ", paas.MaxConfig+1), "more than 16777216 bytes"),
		Entry("a rate with too many digits", priceList(pounds, `{"code": "Standard", "valid_from": "epoch", "rate": 1e-21}`, "1"),
			`"1e-21" is no decimal number`),
		Entry("a rate that is no number", priceList(pounds, `{"code": "Standard", "valid_from": "epoch", "rate": "x"}`, "1"),
			`rate: "x" is no decimal number`),
		Entry("a formula behind escapes, at its beginning", priceList(pounds, standard, "1 +\n\t;"),
			"config.json:3:43: plan \"app\", component \"c\": formula: unexpected \";\""),
	)
})

var _ = Describe("Pages of service plans", func() {
	It("join an id of the broker's catalogue to guids", func() {
		plans, notes, err := paas.ReadPages("pages.json", []byte(
			`{"pagination": {"total_results": 2, "previous": null}, "resources": [{"guid": "a", "broker_catalog": {"id": "X"}}]}
{"pagination": {"total_results": 2, "previous": {"href": "…"}}, "resources": [{"guid": "b", "broker_catalog": {"id": "Y"}}]}`))
		Expect(err).NotTo(HaveOccurred())
		Expect(notes).To(BeEmpty())
		Expect(plans).To(Equal([]paas.ServicePlan{{GUID: "a", UniqueID: "X"}, {GUID: "b", UniqueID: "Y"}}))
	})

	DescribeTable("are refused where they are none",
		func(page, problem string) {
			_, _, err := paas.ReadPages("pages.json", []byte(page))
			Expect(err).To(MatchError(ContainSubstring(problem)))
		},
		Entry(nil, "[]", "pages.json:1:1: a page of service plans must be an object, not a list"),
		Entry(nil, "{}", "this has none"),
		Entry("of the API's version 2", `{"resources": [{"guid": "a", "entity": {"unique_id": "X"}}]}`,
			"pages.json:1:16: service plan a has no broker_catalog"),
		Entry(nil, `{"resources": [{"guid": 1, "broker_catalog": []}]}`, "guid must be text, not a number"),
	)
})

// Whatever the names, times and guids of plans are, each plan and each of its service plans has its
// price at each time.
func TestEachPlanHasItsPrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		guid := func(n int) string { return fmt.Sprintf("0000000%d-0000-4000-8000-000000000000", n) }
		type version struct {
			name, from string
			guid       int
		}
		versions := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) version {
			return version{
				name: rapid.SampledFrom([]string{"a", "b", "a (00000001)", "true", "1"}).Draw(t, "name"),
				from: rapid.SampledFrom([]string{"epoch", "2017-01-01", "2018-01-01"}).Draw(t, "from"),
				guid: rapid.IntRange(1, 3).Draw(t, "guid"),
			}
		}), 1, 8, func(v version) string { return v.from + guid(v.guid) }).Draw(t, "versions")
		var plans []string
		price := map[string]string{} // by guid and beginning
		for i, v := range versions {
			plans = append(plans, fmt.Sprintf(`{"name": %q, "valid_from": %q, "plan_guid": %q, "components": [
{"name": "c", "formula": "%d", "currency_code": "GBP", "vat_code": "Standard"}]}`, v.name, v.from, guid(v.guid), i+1))
			price[guid(v.guid)+v.from] = fmt.Sprint(i + 1)
		}
		pages := []paas.ServicePlan{{GUID: "east", UniqueID: guid(1)}, {GUID: "west", UniqueID: guid(1)}}
		prices, err := paas.Convert("c.json", []byte(fmt.Sprintf(
			`{"currency_rates": [%s], "vat_rates": [%s], "pricing_plans": [%s]}`, pounds, standard, strings.Join(plans, ","))),
			pages, "")
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := catalogue.Check("c.yaml", prices.Catalogue)
		if err != nil {
			t.Fatalf("%v\n%s", err, prices.Catalogue)
		}
		for event, id := range map[string]string{"east": guid(1), "west": guid(1), guid(2): guid(2), guid(3): guid(3)} {
			resource := catalogue.Resource{Kind: "service"}
			resource.Footprint.Plan, resource.Footprint.PlanGUID = "any", event
			expected := ""
			choices := parsed.Choices(&resource)
			for _, from := range []string{"epoch", "2017-01-01", "2018-01-01"} {
				if p, ok := price[id+from]; ok {
					expected = p
				}
				found := ""
				for _, c := range choices {
					if c.From.Format(time.DateOnly) > strings.Replace(from, "epoch", "1970-01-01", 1) {
						break
					}
					found = ""
					if c.Plan != nil {
						found = c.Plan.Components[0].Formula.String()
					}
				}
				if found != expected {
					t.Fatalf("service plan %s costs %q from %s, not %q\n%s", event, found, from, expected,
						prices.Catalogue)
				}
			}
		}
	})
}
