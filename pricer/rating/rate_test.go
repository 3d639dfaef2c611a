package rating_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

func day(s string) time.Time {
	t, err := events.ParseTimeOrDate(s)
	if err != nil {
		panic(err)
	}
	return t
}

// app is a span of an app with one instance of 1024 MB.
func app(start, end string) *events.Span {
	return &events.Span{
		Kind: events.KindApp, Start: day(start), End: day(end), Since: day(start),
		Footprint: events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(1024)},
	}
}

// rates makes a catalogue with VAT of 0.2 from the components of one plan for everything.
func rates(plans ...string) *catalogue.Catalogue {
	GinkgoHelper()
	return parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: 2001-01-01, rate: 0.2}]\n", plans...)
}

func parse(head string, plans ...string) *catalogue.Catalogue {
	text := head + "plans:\n"
	for _, p := range plans {
		if !strings.Contains(p, "match:") {
			p = "match: {}, " + p
		}
		if !strings.Contains(p, "name: p") {
			p = "name: p, " + p
		}
		text += "  - {" + p + "}\n"
	}
	c, err := catalogue.Check("rates.yaml", []byte(text))
	if err != nil {
		panic(fmt.Sprintf("%v\n%s", err, text))
	}
	return c
}

func formulaPlan(from, formula string) string {
	return fmt.Sprintf(`valid_from: %s, components: [{name: c, formula: "%s", vat: Standard}]`, from, formula)
}

const hourly = "ceil(seconds / 3600) * 0.01"

// written lists lines as "start end component quantity amount vat", times without zeros.
func written(lines []rating.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%s %s %s %s %s %s", short(l.Start), short(l.End), l.Component.Name, l.Quantity,
			l.Amount, l.VAT))
	}
	return out
}

func short(t time.Time) string { return strings.TrimSuffix(events.FormatTime(t), "T00:00:00Z") }

func total(lines []rating.Line) (amount, withVAT string) {
	var a, v events.Decimal
	for _, l := range lines {
		a, v = a.Add(l.Amount), v.Add(l.VAT)
	}
	return a.String(), a.Add(v).String()
}

var _ = Describe("Rating a span", func() {
	DescribeTable("costs what paas-billing charges",
		func(c *catalogue.Catalogue, span *events.Span, amount, withVAT string) {
			lines, unrated := rating.Rate(c, "file", span)
			Expect(unrated).To(BeEmpty())
			a, v := total(lines)
			Expect([]string{a, v}).To(Equal([]string{amount, withVAT}))
		},
		Entry("a build of a minute", rates(formulaPlan("2001-01-01", hourly)), app("2001-01-01",
			"2001-01-01T00:01:00Z"), "0.01", "0.012"),
		Entry("an hour", rates(formulaPlan("2001-01-01", hourly)), app("2001-01-01", "2001-01-01T01:00:00Z"), "0.01",
			"0.012"),
		Entry("a formula that changes from 1 to 33", rates(formulaPlan("2001-01-01", "1"), formulaPlan("2017-02-01",
			"33")),
			app("2017-01-01", "2017-03-01"), "34", "40.8"),
		Entry("a billing currency that doubles", parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: "+
			"2001-01-01, rate: 0.2}]\n"+
			"currency_rates: [{code: GBP, valid_from: 2001-01-01, rate: 1}, {code: GBP, valid_from: 2017-02-01, "+
			"rate: 2}]\n",
			formulaPlan("2001-01-01", "1")), app("2017-01-01", "2017-03-01"), "3", "3.6"),
		Entry("a cropped span in dollars", parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: "+
			"2001-01-01, rate: 0.2}]\n"+
			"currency_rates: [{code: USD, valid_from: 2001-01-01, rate: 0.8}]\n",
			`valid_from: 2001-01-01, components: [{name: c, formula: "100", currency: USD, vat: Standard}]`),
			app("2001-01-01", "2001-02-01"), "80", "96"),
		Entry("745 hours", rates(formulaPlan("2001-01-01", hourly)), app("2001-01-01", "2001-02-01T01:00:00Z"), "7.45",
			"8.94"),
	)

	It("has a line for each component", func() {
		c := rates(`valid_from: 2001-01-01, components: [{name: instance, formula: "0.01", vat: Standard},` +
			`{name: memory, quantity: "memory_mb / 1024 * seconds / 3600", unit: GiB-hour, unit_price: 0.004},{name: free, formula: 0}]`)
		lines, unrated := rating.Rate(c, "file", app("2001-01-01", "2001-01-01T00:30:00Z"))
		Expect(unrated).To(BeEmpty())
		Expect(written(lines)).To(Equal([]string{
			"2001-01-01 2001-01-01T00:30:00Z instance 1 0.01 0.002",
			"2001-01-01 2001-01-01T00:30:00Z memory 0.5 0.002 0",
			"2001-01-01 2001-01-01T00:30:00Z free 1 0 0",
		}))
		Expect(lines[1].Unit).To(Equal("GiB-hour"))
		Expect(lines[1].Seconds.String()).To(Equal("1800"))
		Expect(lines[0].VATCode).To(Equal("Standard"))
		Expect(lines[0].Currency).To(Equal("GBP"))
	})

	It("costs no second started hour where a span was cut, and still has the line", func() {
		span := app("2001-01-01T00:40:00Z", "2001-01-01T00:50:00Z")
		span.Since = day("2001-01-01")
		lines, _ := rating.Rate(rates(formulaPlan("2001-01-01", hourly)), "file", span)
		Expect(written(lines)).To(Equal([]string{"2001-01-01T00:40:00Z 2001-01-01T00:50:00Z c 0 0 0"}))
	})

	It("knows microseconds", func() {
		lines, _ := rating.Rate(rates(formulaPlan("2001-01-01", "seconds")), "file", app("2001-01-01T00:00:00.000001Z",
			"2001-01-01T00:00:01Z"))
		Expect(written(lines)[0]).To(HaveSuffix("c 1 0.999999 0.1999998"))
		Expect(lines[0].Seconds.String()).To(Equal("0.999999"))
	})

	It("rounds half-even to 12 places, once", func() {
		lines, _ := rating.Rate(rates(formulaPlan("2001-01-01", "seconds / 3")), "file", app("2001-01-01",
			"2001-01-01T00:00:02Z"))
		Expect(written(lines)[0]).To(HaveSuffix("c 1 0.666666666667 0.133333333333"))
	})

	It("begins anew in every calendar month when the plan restarts", func() {
		c := rates("restart: month, " + formulaPlan("2001-01-01", hourly))
		lines, _ := rating.Rate(c, "file", app("2001-01-31T23:30:00Z", "2001-03-01T00:30:00Z"))
		Expect(written(lines)).To(Equal([]string{
			"2001-01-31T23:30:00Z 2001-02-01 c 1 0.01 0.002",
			"2001-02-01 2001-03-01 c 1 6.72 1.344",
			"2001-03-01 2001-03-01T00:30:00Z c 1 0.01 0.002",
		}))
	})

	It("goes on over a new plan version whose prices for a component are equal", func() {
		c := rates(
			`valid_from: 2001-01-01, components: [{name: same, formula: "1 + floor(seconds / 86400 / 45)"}, {name: other, formula: "1"}]`,
			`valid_from: 2001-02-01, components: [{name: same, formula: "1.0 + floor(seconds/86400/45)"}, {name: other, formula: "2"}]`)
		lines, _ := rating.Rate(c, "file", app("2001-01-01", "2001-03-01"))
		Expect(written(lines)).To(Equal([]string{
			"2001-01-01 2001-03-01 same 1 2 0",
			"2001-01-01 2001-02-01 other 1 1 0",
			"2001-02-01 2001-03-01 other 1 2 0",
		}))
		span := app("2001-02-10", "2001-03-01")
		span.Since = day("2001-01-01")
		lines, _ = rating.Rate(c, "file", span)
		Expect(written(lines)).To(Equal([]string{"2001-02-10 2001-03-01 same 0 1 0", "2001-02-10 2001-03-01 other " +
			"0 0 0"}))
	})

	It("does not split where a rate is stated again with the same value", func() {
		c := parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: 2001-01-01, rate: 0.2}, {code: Standard, "+
			"valid_from: 2001-02-01, rate: 0.20}]\n",
			formulaPlan("2001-01-01", "1"))
		lines, _ := rating.Rate(c, "file", app("2001-01-01", "2001-03-01"))
		Expect(lines).To(HaveLen(1))
	})

	It("takes what the footprint does not have from the plan's defaults", func() {
		c := rates(`defaults: {memory_mb: 512, storage_mb: 2048}, ` + formulaPlan("2001-01-01",
			"instances + memory_mb + storage_mb + volume_gb"))
		service := &events.Span{
			Kind: events.KindService, Start: day("2001-01-01"), End: day("2001-01-02"),
			Since: day("2001-01-01"),
		}
		lines, _ := rating.Rate(c, "file", service)
		Expect(lines[0].Amount.String()).To(Equal("2561"))
		lines, _ = rating.Rate(c, "file", app("2001-01-01", "2001-01-02"))
		Expect(lines[0].Amount.String()).To(Equal("3073"))
	})

	It("costs nothing with 0 instances", func() {
		span := app("2001-01-01", "2001-01-02")
		span.Footprint.Instances = events.Some(0)
		lines, unrated := rating.Rate(rates(formulaPlan("2001-01-01", "1 / instances")), "file", span)
		Expect(unrated).To(BeEmpty())
		Expect(written(lines)).To(Equal([]string{"2001-01-01 2001-01-02 c 0 0 0"}))
	})

	It("has no lines for a span that is running or has no length", func() {
		span := app("2001-01-01", "2001-01-01")
		lines, unrated := rating.Rate(rates(formulaPlan("2001-01-01", "1")), "file", span)
		Expect(lines).To(BeEmpty())
		Expect(unrated).To(BeEmpty())
		span.End = time.Time{}
		lines, unrated = rating.Rate(rates(formulaPlan("2001-01-01", "1")), "file", span)
		Expect(lines).To(BeEmpty())
		Expect(unrated).To(BeEmpty())
	})

	It("does not lose time in runs of centuries", func() {
		lines, _ := rating.Rate(rates(`valid_from: 0001-01-01, components: [{name: c, formula: seconds}]`), "file",
			app("0001-06-01", "2001-06-01"))
		Expect(lines[0].Seconds.String()).To(Equal("63113904000"))
		Expect(lines[0].Amount.String()).To(Equal("63113904000"))
	})
})

var _ = Describe("What has no price", func() {
	reasons := func(unrated []rating.Unrated) []string {
		var out []string
		for _, u := range unrated {
			out = append(out, short(u.Start)+" "+short(u.End)+" "+u.Reason)
		}
		return out
	}

	It("is the time before the first valid_from", func() {
		lines, unrated := rating.Rate(rates(formulaPlan("2001-02-01", hourly)), "file", app("2001-01-01",
			"2001-02-01T00:10:00Z"))
		Expect(reasons(unrated)).To(Equal([]string{"2001-01-01 2001-02-01 no plan that matches is in force"}))
		Expect(written(lines)).To(Equal([]string{"2001-02-01 2001-02-01T00:10:00Z c 1 0.01 0.002"}))
	})

	It("is what no plan matches", func() {
		lines, unrated := rating.Rate(rates("match: {kind: task}, "+formulaPlan("2001-01-01", "1")), "file",
			app("2001-01-01", "2001-01-02"))
		Expect(lines).To(BeEmpty())
		Expect(reasons(unrated)).To(Equal([]string{"2001-01-01 2001-01-02 no plan matches: none is for the kind app"}))
	})

	It("is the time before a component's currency or VAT code has a rate: never half a price", func() {
		c := parse("currency: GBP\nvat_rates: [{code: Standard, valid_from: 2001-01-10, rate: 0.2}]\n",
			`valid_from: 2001-01-01, components: [{name: a, formula: "1"}, {name: b, formula: "1", vat: Standard}]`)
		lines, unrated := rating.Rate(c, "file", app("2001-01-01", "2001-01-20"))
		Expect(reasons(unrated)).To(Equal([]string{"2001-01-01 2001-01-10 plan p: the VAT code Standard has no rate " +
			"before 2001-01-10T00:00:00Z"}))
		Expect(written(lines)).To(Equal([]string{"2001-01-10 2001-01-20 a 1 1 0", "2001-01-10 2001-01-20 b 1 1 0.2"}))
	})

	It("is the part in which one formula cannot be computed", func() {
		c := rates(
			`valid_from: 2001-01-01, components: [{name: a, formula: "seconds"}, {name: b, formula: "1"}]`,
			`valid_from: 2001-01-02, components: [{name: a, formula: "seconds"}, {name: b, formula: "2 ^ (memory_mb / 10)"}]`,
			`valid_from: 2001-01-03, components: [{name: a, formula: "seconds"}, {name: b, formula: "2"}]`)
		lines, unrated := rating.Rate(c, "file", app("2001-01-01", "2001-01-04"))
		Expect(reasons(unrated)).To(Equal([]string{"2001-01-02 2001-01-03 plan p, component b: formula 2 ^ " +
			"(memory_mb / 10): column 3: the exponent must be a whole number from -100 to 100"}))
		Expect(written(lines)).To(Equal([]string{
			"2001-01-01 2001-01-02 a 1 86400 0", "2001-01-01 2001-01-02 b 1 1 0",
			"2001-01-03 2001-01-04 a 1 86400 0", "2001-01-03 2001-01-04 b 1 2 0",
		}), "the other component begins a new piece behind it, too")
		behind := app("2001-01-03T12:00:00Z", "2001-01-04")
		behind.Since = day("2001-01-01")
		lines, _ = rating.Rate(c, "file", behind)
		Expect(written(lines)).To(Equal([]string{
			"2001-01-03T12:00:00Z 2001-01-04 a 0 43200 0", "2001-01-03T12:00:00Z 2001-01-04 b 0 0 0",
		}))
	})

	It("is the memory of a flavour that nobody reported, unless the plan has a default for it or does not ask", func() {
		database := app("2001-01-01", "2001-01-02")
		database.Kind, database.Footprint = events.KindInstance, events.Footprint{FlavorID: "7"}
		lines, unrated := rating.Rate(rates(formulaPlan("2001-01-01", "memory_mb * 2")), "file", database)
		Expect(lines).To(BeEmpty())
		Expect(reasons(unrated)).To(ConsistOf(ContainSubstring(`memory_mb of flavour "7" is not known`)))
		for plan, amount := range map[string]string{"defaults: {memory_mb: 512}, " + formulaPlan("2001-01-01",
			"memory_mb * 2"): "1024", formulaPlan("2001-01-01", "3"): "3"} {
			lines, unrated = rating.Rate(rates(plan), "file", database)
			Expect(unrated).To(BeEmpty())
			Expect(lines[0].Amount.String()).To(Equal(amount))
		}
	})

	It("is the memory of a process that nobody reported; a default of 0 is one", func() {
		process := app("2001-01-01", "2001-01-02")
		process.Footprint.MemoryMB = events.Count{}
		_, unrated := rating.Rate(rates(formulaPlan("2001-01-01", "1 + memory_mb * 2")), "file", process)
		Expect(reasons(unrated)).To(ConsistOf(ContainSubstring("component c: memory_mb is not known")))
		volume := app("2001-01-01", "2001-01-02")
		volume.Kind, volume.Footprint = events.KindVolume, events.Footprint{}
		_, unrated = rating.Rate(rates(formulaPlan("2001-01-01", "1 + volume_gb")), "file", volume)
		Expect(reasons(unrated)).To(ConsistOf(ContainSubstring("component c: volume_gb is not known")))
		for _, span := range []*events.Span{process, volume} {
			lines, unrated := rating.Rate(rates("defaults: {memory_mb: 0, volume_gb: 0}, "+formulaPlan("2001-01-01",
				"1 + memory_mb * 2 + volume_gb")), "file", span)
			Expect(unrated).To(BeEmpty())
			Expect(lines[0].Amount.String()).To(Equal("1"))
		}
	})

	It("is an amount too large to be true", func() {
		c := rates(`valid_from: 2001-01-01, components: [{name: a, quantity: "10^20 * seconds", unit: u, unit_price: 100000000000000}]`)
		_, unrated := rating.Rate(c, "file", app("2001-01-01", "2001-01-04"))
		Expect(unrated).To(HaveLen(1))
		Expect(unrated[0].Reason).To(ContainSubstring("more than 30 digits"))
	})
})

// changing is a catalogue in which everything changes in the first days of 2001: versions, winners,
// rates, restart.
func changing(t *rapid.T) *catalogue.Catalogue {
	date := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("2001-01-%02d", rapid.IntRange(1, 31).Draw(t,
			"day"))
	})
	text := "currency: GBP\nvat_rates:\n  - {code: V, valid_from: 2000-12-01, rate: 0.15}\n"
	for _, d := range rapid.SliceOfNDistinct(date, 0, 2, rapid.ID).Draw(t, "vat") {
		text += "  - {code: V, valid_from: " + d + ", rate: 0.2}\n"
	}
	text += "currency_rates:\n  - {code: USD, valid_from: " + date.Draw(t, "first rate") + ", rate: 0.7}\n  - {code: " +
		"USD, valid_from: 2001-02-10, rate: 0.8123}\n"
	text += "plans:\n"
	for _, name := range []string{"wide", "narrow"} {
		match := map[string]string{"wide": "{kind: app}", "narrow": "{kind: app, process_type: web}"}[name]
		for _, d := range rapid.SliceOfNDistinct(date, 1, 3, rapid.ID).Draw(t, name) {
			restart := rapid.SampledFrom([]string{"", "restart: month, ", "restart: never, "}).Draw(t, "restart")
			formulas := []string{
				hourly, "seconds / 7 + 1", "(seconds / 3000)^2 - 4", "round(seconds / 86400) * 0.333",
				"2 ^ (60 * instances)", "100 * ceil(seconds / 3600) / hours_in_month",
			}
			if restart == "restart: never, " {
				formulas = formulas[:5]
			}
			formula := rapid.SampledFrom(formulas).Draw(t, "formula")
			currency := rapid.SampledFrom([]string{"", ", currency: USD"}).Draw(t, "currency")
			text += fmt.Sprintf("  - {name: %s, match: %s, valid_from: %s, %scomponents: [{name: f, formula: "+
				"\"%s\"%s, vat: V, credit: true}, "+
				"{name: q, quantity: \"memory_mb * ceil(seconds / 500000) / 1024\", unit: u, unit_price: 0.0037, "+
				"vat: V}]}\n", name, match, d, restart, formula, currency)
		}
	}
	c, err := catalogue.Check("rates.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// However a run is cut into spans, the sums for each component and the unrated time are those of
// the uncut run.
func TestCutsCostNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := changing(t)
		begin := day("2000-12-20")
		instant := rapid.Map(rapid.Int64Range(0, 60*86400*1_000_000),
			func(us int64) time.Time { return begin.Add(time.Duration(us) * time.Microsecond) })
		if rapid.Bool().Draw(t, "whole days") {
			instant = rapid.Map(rapid.IntRange(0, 60), func(days int) time.Time { return begin.AddDate(0, 0, days) })
		}
		cuts := rapid.SliceOfN(instant, 2, 8).Draw(t, "cuts")
		slices.SortFunc(cuts, time.Time.Compare)
		span := events.Span{
			Kind: events.KindApp, Start: cuts[0], End: cuts[len(cuts)-1], Since: cuts[0],
			Footprint: events.Footprint{Instances: events.Some(2), MemoryMB: events.Some(700), ProcessType: "web"},
		}
		whole := sums(c, span)
		var pieces []map[string]events.Decimal
		for i := range cuts[1:] {
			part := span
			part.Start, part.End = cuts[i], cuts[i+1]
			pieces = append(pieces, sums(c, part))
		}
		if added := add(pieces...); !same(added, whole) {
			t.Fatalf("uncut %v\ncut   %v", whole, added)
		}
	})
}

func sums(c *catalogue.Catalogue, span events.Span) map[string]events.Decimal {
	out := map[string]events.Decimal{}
	lines, unrated := rating.Rate(c, "file", &span)
	for _, l := range lines {
		key := l.Plan.Name + " " + l.Component.Name
		out = add(out, map[string]events.Decimal{
			key + " quantity": l.Quantity, key + " amount": l.Amount, key + " vat": l.VAT, "seconds " +
				l.Component.Name: l.Seconds,
		})
	}
	for _, u := range unrated {
		out = add(out, map[string]events.Decimal{u.Reason: events.SecondsBetween(u.Start, u.End)})
	}
	return out
}

func add(maps ...map[string]events.Decimal) map[string]events.Decimal {
	out := map[string]events.Decimal{}
	for _, m := range maps {
		for key, x := range m {
			if sum := out[key].Add(x); !sum.IsZero() {
				out[key] = sum
			} else {
				delete(out, key)
			}
		}
	}
	return out
}

func same(a, b map[string]events.Decimal) bool {
	return len(a) == len(b) && !slices.ContainsFunc(keys(a), func(k string) bool { return a[k].Cmp(b[k]) != 0 })
}

func keys(m map[string]events.Decimal) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func BenchmarkRate(b *testing.B) {
	data, err := os.ReadFile("../testdata/catalogue.yaml")
	if err != nil {
		b.Fatal(err)
	}
	c, err := catalogue.Check("catalogue.yaml", data)
	if err != nil {
		b.Fatal(err)
	}
	span := app("2026-11-01T00:10:00Z", "2026-11-01T07:20:31Z")
	for _, since := range []string{"2026-11-01T00:10:00Z", "2016-10-01"} {
		span.Since = day(since)
		b.Run("since "+since, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if lines, _ := rating.Rate(c, "prod", span); len(lines) != 2 {
					b.Fatal("two components")
				}
			}
		})
	}
}
