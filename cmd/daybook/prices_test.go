package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// serve runs projector and pricer until the spec ends.
func (s *site) serve() {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	p, err := projector.New(projector.Config{Cut: timeline.CutDay}, projector.Deps{
		Bus: s.bus, Log: slog.New(slog.DiscardHandler),
	})
	Expect(err).NotTo(HaveOccurred())
	q := pricer.New(pricer.Config{}, pricer.Deps{Bus: s.bus, Log: slog.New(slog.DiscardHandler)})
	go func() { ended <- p.Run(ctx) }()
	go func() { ended <- q.Run(ctx) }()
	DeferCleanup(func() {
		cancel()
		Expect(<-ended).To(Succeed())
		Expect(<-ended).To(Succeed())
	})
}

// priced is a catalogue file made of another one.
func priced(prices string, change func(string) string) string {
	GinkgoHelper()
	text, err := os.ReadFile(prices)
	Expect(err).NotTo(HaveOccurred())
	changed := change(string(text))
	Expect(changed).NotTo(Equal(string(text)))
	file := filepath.Join(GinkgoT().TempDir(), "changed.yaml")
	Expect(os.WriteFile(file, []byte(changed), 0o600)).To(Succeed())
	return file
}

// dearer, fewer and foreign are changes of the simulator's prices.
func dearer(text string) string { return strings.ReplaceAll(text, "0.01", "0.0173") }

func fewer(text string) string {
	return strings.ReplaceAll(text, "{kind: app", "{tenant: nobody, kind: app")
}

func foreign(text string) string { return strings.ReplaceAll(text, "GBP", "CHF") }

// exactBill is the exact net amount of each month, tenant and currency on the bill.
func (s *site) exactBill() map[string]events.Decimal {
	GinkgoHelper()
	var bill struct {
		Lines []struct{ Month, Tenant, Amount, Currency string }
	}
	Expect(json.Unmarshal([]byte(s.ran("bill", "--format", "json")), &bill)).To(Succeed())
	sums := map[string]events.Decimal{}
	for _, l := range bill.Lines {
		amount, err := events.ParseDecimal(l.Amount)
		Expect(err).NotTo(HaveOccurred())
		key := l.Month + " " + l.Tenant + " " + l.Currency
		sums[key] = sums[key].Add(amount)
	}
	return sums
}

// effectOf is the effect that the pricer put out for the version in force.
func (s *site) effectOf(ctx context.Context) *effect.Effect {
	GinkgoHelper()
	act, found, err := acts.InForce(ctx, s.bus)
	Expect(err).NotTo(HaveOccurred())
	Expect(found).To(BeTrue())
	effects, err := preview.Effects(ctx, s.bus)
	Expect(err).NotTo(HaveOccurred())
	e := effects[preview.Cause(&act)]
	Expect(e).NotTo(BeNil())
	return e
}

var _ = Describe("A catalogue that is published", func() {
	var s *site
	var first, second, prices string
	BeforeEach(func(ctx SpecContext) {
		first, second, prices = month(400)
		s = newSite(ctx)
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
	})

	DescribeTable("changes the bill as what-if says, to the last digit", func(ctx SpecContext,
		change func(string) string, note string,
	) {
		other := priced(prices, change)
		before := s.exactBill()
		said := s.ran("what-if", "--catalogue", other, "--format", "json")
		Expect(s.ran("catalogue", "publish", "--yes", "--wait", "0", "--currency-from", "2026-10", other)).To(
			ContainSubstring(note))
		s.work(ctx, timeline.CutDay)
		put := s.effectOf(ctx)
		var printed strings.Builder
		Expect(print.EffectJSON(&printed, put, put.Cause.Sequence-1)).To(Succeed())
		Expect(printed.String()).To(Equal(said))
		after := s.exactBill()
		for _, r := range put.Rows {
			key := r.Month + " " + r.Tenant + " "
			Expect(before[key+r.Before.Currency].Cmp(r.Before.Amount)).To(BeZero(), key)
			Expect(after[key+r.After.Currency].Cmp(r.After.Amount)).To(BeZero(), key)
		}
	},
		Entry("with higher prices", dearer, "2026-10"),
		Entry("with fewer plans", fewer, "newly without a price: "),
		Entry("with another currency", foreign, "the currency goes from GBP to CHF"),
		Entry("with the same prices", func(text string) string { return "# again\n" + text }, "No open month changes"),
	)

	It("has another billing currency from the first open month on alone, and says so", func(ctx SpecContext) {
		other := priced(prices, foreign)
		for _, refused := range []struct{ from, why string }{
			{"--exact", "the billing currency goes from GBP to CHF, from the first day of 2026-10 on, the first open " +
				"month: --currency-from 2026-10 says that this is meant"},
			{"--currency-from=2026-11", "2026-10 is open, too, and would be billed in CHF from its first day on: " +
				"close it before (daybook month close 2026-10)"},
			{"--currency-from=2026-09", "--currency-from 2026-10 says that this is meant"},
		} {
			status, _, notices := s.daybook("catalogue", "publish", "--yes", refused.from, other)
			Expect(status).To(Equal(1), notices)
			Expect(notices).To(ContainSubstring(refused.why))
		}
		Expect(s.ran("catalogue", "list")).NotTo(ContainSubstring("\nB "))
		status, _, notices := s.daybook("catalogue", "check", "--against", prices, other)
		Expect(status).To(Equal(1))
		Expect(notices).To(MatchRegexp(`the billing currency is CHF, and that of .* GBP: daybook catalogue publish ` +
			`takes it with --currency-from and the first open month`))
		Expect(s.ran("catalogue", "check", "--against", other, other)).To(ContainSubstring(": ok, "))
		Expect(s.ran("catalogue", "check", "--against", "A", prices)).To(ContainSubstring(": ok, "))
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--currency-from", "2026-10", other)
		s.work(ctx, timeline.CutDay)
		status, _, notices = s.daybook("catalogue", "rollback", "--yes")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("the billing currency goes from CHF to GBP"))
	})

	It("is put in force by the pricer with the effect that was shown", func() {
		s.serve()
		said := s.ran("catalogue", "publish", "--yes", "--by", "ann", "--note", "new year", priced(prices, dearer))
		Expect(said).To(ContainSubstring("The pricer has put it in force, with this effect to the last digit.\n"))
		for line := range strings.Lines(said) {
			Expect(len(line)).To(BeNumerically("<=", 101), line)
		}
		Expect(s.ran("catalogue", "list")).To(MatchRegexp(`ann +new year +in force`))
		Expect(s.ran("catalogue", "history")).To(MatchRegexp(
			`(?s)  A.*nothing was metered in an open month.*by ann: new year  \(in force\)\n- 2026-10: .* GBP; `))
	})

	It("is told of where the pricer has not put it in force in time", func() {
		Expect(s.ran("catalogue", "publish", "--yes", "--wait", "1ms", priced(prices, dearer))).To(ContainSubstring(
			"the pricer has not put it in force within 1ms: it does not run, or is behind. daybook catalogue history " +
				"shows the effect when it has\n"))
		Expect(s.ran("catalogue", "history")).To(HaveSuffix("- the pricer has not put it in force\n"))
	})

	It("is in force again after another one: the bill is what it was", func(ctx SpecContext) {
		before := s.exactBill()
		other := priced(prices, dearer)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "B", other)
		s.work(ctx, timeline.CutDay)
		Expect(s.exactBill()).NotTo(Equal(before))
		for _, again := range [][]string{
			{"catalogue", "publish", "--yes", "--wait", "0", "--name", "A", prices},
			{"catalogue", "rollback", "--yes", "--wait", "0", "--by", "bob"},
			{"catalogue", "rollback", "A", "--yes", "--wait", "0", "--note", "too much"},
		} {
			Expect(s.ran(again...)).To(ContainSubstring("is in force from there on"))
			s.work(ctx, timeline.CutDay)
			if again[1] == "rollback" && again[2] != "A" {
				Expect(s.ran("catalogue", "show")).To(Equal(string(must(os.ReadFile(other)))))
				continue
			}
			Expect(s.exactBill()).To(Equal(before))
			Expect(s.ran("catalogue", "show")).To(Equal(string(must(os.ReadFile(prices)))))
		}
		Expect(strings.Count(s.ran("catalogue", "history", "--format", "json"), "\n")).To(Equal(5))
		Expect(s.ran("catalogue", "list")).To(MatchRegexp(`(?m)^A .*too much +in force\nB `))
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "A", prices)).To(
			Equal("catalogue A is in force already; nothing changed\n"))
	})

	It("is shown as refused where the pricer refuses it, and the one before it is in force for all", func(
		ctx SpecContext,
	) {
		before := s.exactBill()
		for _, c := range []events.Catalogue{
			{Version: "A", YAML: dearer(string(must(os.ReadFile(prices))))}, {Version: "B", YAML: "plans: ["},
		} {
			a := events.Act{ID: "by hand " + c.Version, Kind: events.ActCatalogue, Catalogue: c}
			last := must(s.bus.Stream(ctx, events.StreamUsage)).Last
			must(s.bus.Append(ctx, events.StreamUsage, []bus.Message{{
				Subject: events.ActSubject(a.Kind, "", ""), Data: a.AppendJSON(nil),
				Header: events.AppendHeaders(nil, a.ID, events.TypeAct, "test"),
			}}, bus.Expect{Last: last}))
		}
		s.work(ctx, timeline.CutDay)
		Expect(s.exactBill()).To(Equal(before))
		Expect(s.ran("catalogue", "list")).To(MatchRegexp(`(?s)\nA +.* in force\nB +.* refused\nB: refused, the ` +
			`version before it stays in force: catalogue.B:1:`))
		Expect(s.ran("catalogue", "history")).To(MatchRegexp(`(?s)A  \(in force\)\n.*A\n- refused, .*A version ` +
			`never changes.*B\n- refused, .*catalogue.B:1:`))
		Expect(s.ran("catalogue", "history", "--format", "json")).To(MatchRegexp(
			`"in_force":true,"refused":"".*\n.*"in_force":false,"refused":"catalogue version .*\n.*"refused":"catalogue.B:`))
		Expect(s.ran("catalogue", "show")).To(Equal(string(must(os.ReadFile(prices)))))
		Expect(s.ran("catalogue", "publish", "--yes", "--name", "A", prices)).To(
			Equal("catalogue A is in force already; nothing changed\n"))
		Expect(s.ran("what-if", "--catalogue", prices)).To(ContainSubstring("A is in force"))
		status, _, notices := s.daybook("catalogue", "rollback", "--yes")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("no version was in force before the present one"))
	})

	It("is refused with --expect where usage has come since, and is told from its effect otherwise", func(
		ctx SpecContext,
	) {
		other := priced(prices, dearer)
		look, err := preview.Take(ctx, s.bus)
		Expect(err).NotTo(HaveOccurred())
		parsed, err := catalogue.Check("other", must(os.ReadFile(other)))
		Expect(err).NotTo(HaveOccurred())
		seen := must(look.Effect("other", parsed, nil))
		s.ran("collect", "file", second)
		s.work(ctx, timeline.CutDay)
		expected := strconv.FormatUint(look.Sequence, 10)
		status, _, notices := s.daybook("catalogue", "publish", "--yes", "--expect", expected, other)
		Expect(status).To(Equal(1))
		Expect(notices).To(MatchRegexp(`METERED has \d+ messages about usage, months or catalogues behind message ` +
			expected + `: look again`))
		Expect(s.ran("catalogue", "list")).NotTo(ContainSubstring("\nB "))

		advice := regexp.MustCompile(`(?m)^daybook (catalogue publish --expect \d+) FILE publishes it`).
			FindStringSubmatch(s.ran("what-if", "--catalogue", other))
		Expect(advice).NotTo(BeNil())
		s.ran(append(strings.Fields(advice[1]), "--yes", "--wait", "0", other)...)
		s.work(ctx, timeline.CutDay)
		put := s.effectOf(ctx)
		between, err := metered.Changes(ctx, s.bus, look.Sequence, put.Cause.Sequence)
		Expect(err).NotTo(HaveOccurred())
		Expect(between).To(BeNumerically(">", 0))
		Expect(put.Equal(seen)).To(BeFalse())
		var said strings.Builder
		Expect(print.Compared(&said, put, false, between, false)).To(Succeed())
		Expect(strings.Join(strings.Fields(said.String()), " ")).To(HavePrefix("The pricer has put it in force; " +
			strconv.Itoa(between) +
			" messages about usage, months or catalogues came in between, and its effect is: MONTH "))
	})

	It("leaves a closed month, and names it; what --closed says is what --reprice-closed posts", func(ctx SpecContext) {
		s.ran("collect", "file", second, "--horizon", "2026-11-10T00:00:00Z")
		s.work(ctx, timeline.CutDay)
		other := priced(prices, dearer)
		Expect(s.ran("what-if", "--catalogue", other)).To(ContainSubstring("it would change 2026-10."))
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "B", other)
		s.work(ctx, timeline.CutDay)
		Expect(s.ran("catalogue", "history")).To(ContainSubstring(
			"- closed months that it would change, and leaves: 2026-10\n"))
		var want []string
		for line := range strings.Lines(s.ran("what-if", "--catalogue", other, "--closed", "--format", "json")) {
			var row struct{ Month, Tenant, Difference string }
			Expect(json.Unmarshal([]byte(line), &row)).To(Succeed())
			if row.Month != "" && row.Difference != "0" {
				want = append(want, row.Month+" "+row.Tenant+" "+row.Difference)
			}
		}
		Expect(want).NotTo(BeEmpty())
		s.serve()
		for _, month := range []string{"2026-11", "2062-10"} {
			status, out, notices := s.daybook("catalogue", "publish", "--yes", "--reprice-closed", "2026-10,"+month,
				other)
			Expect(status).To(Equal(1))
			Expect(out).To(BeEmpty())
			Expect(notices).To(ContainSubstring("no closed usage stands in " + month + ": the month is open, or " +
				"nothing is metered in it. daybook month list shows which months are closed"))
		}
		Expect(s.ran("month", "list")).To(ContainSubstring("2026-10"))
		said := s.ran("catalogue", "publish", "--yes", "--closed", "--reprice-closed", "2026-10",
			"--name", "B", other)
		Expect(said).To(And(ContainSubstring("Closed months, each as if --reprice-closed named it alone"),
			MatchRegexp(`(?s)\n2026-10  total .*\n2026-10 is closed: its difference is posted as corrections in the `+
				`first open month\.\n.*Closed months, each`),
			ContainSubstring("with this effect to the last digit"), Not(ContainSubstring("would change 2026-10"))))
		Expect(s.ran("catalogue", "history")).To(MatchRegexp(
			`(?s)\(in force\)\n- closed months that it prices, too, the difference as corrections: 2026-10\n` +
				`- 2026-10: `))
		var corrected []string
		for _, r := range s.effectOf(ctx).Rows {
			if difference := r.After.Amount.Sub(r.Before.Amount); r.Month == "2026-10" && !difference.IsZero() {
				corrected = append(corrected, r.Month+" "+r.Tenant+" "+difference.String())
			}
		}
		Expect(corrected).To(Equal(want))
		var bill struct {
			Lines []struct {
				Tenant, Amount string
				Of             string `json:"correction_of"`
			}
		}
		Expect(json.Unmarshal([]byte(s.ran("bill", "--format", "json")), &bill)).To(Succeed())
		sums := map[string]events.Decimal{}
		for _, l := range bill.Lines {
			if l.Of != "" {
				sums[l.Of+" "+l.Tenant] = sums[l.Of+" "+l.Tenant].Add(must(events.ParseDecimal(l.Amount)))
			}
		}
		var posted []string
		for key, sum := range sums {
			posted = append(posted, key+" "+sum.String())
		}
		Expect(posted).To(ConsistOf(want))
	})

	It("is not published without a question, or --yes", func() {
		other := priced(prices, dearer)
		status, out, notices := s.daybook("catalogue", "publish", other)
		Expect(status).To(Equal(2))
		Expect(out).To(BeEmpty())
		Expect(notices).To(ContainSubstring("give --yes to publish without a question"))
		status, _, notices = s.daybook("catalogue", "rollback", "--yes")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("no version was in force before the present one"))
		status, _, notices = s.daybook("catalogue", "show", "C")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("daybook catalogue list shows those that were"))
	})

	It("is compared with a version, or a file, in words", func() {
		other := priced(prices, func(text string) string { return strings.ReplaceAll(text, "0.01", "0.02") })
		Expect(s.ran("catalogue", "diff", "A", prices)).To(HavePrefix("No price differs"))
		Expect(s.ran("catalogue", "diff", "A", other)).To(ContainSubstring("goes from"))
		Expect(daybook("", "catalogue", "diff", prices, other).stdout).To(Equal(s.ran("catalogue", "diff", "A", other)))
	})
})

// must is a value without an error.
func must[T any](value T, err error) T {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	return value
}
