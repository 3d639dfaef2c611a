package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer"
)

// sent sends a body, and reads the answer into `to`; into none where it is a refusal.
func (a *asked) sent(to any, path string, body any) (status int, text string) {
	GinkgoHelper()
	data, err := json.Marshal(body)
	Expect(err).NotTo(HaveOccurred())
	w := a.do(http.MethodPost, "/v1/"+path, strings.NewReader(string(data)))
	if w.Code == http.StatusOK {
		Expect(json.Unmarshal(w.Body.Bytes(), to)).To(Succeed(), w.Body.String())
	}
	return w.Code, w.Body.String()
}

// seals has the pricer of a site seal statements until the spec ends.
func (s *site) seals() {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	p := pricer.New(pricer.Config{}, pricer.Deps{Bus: s.bus, Seals: s.bus, Log: slog.New(slog.DiscardHandler)})
	go func() { ended <- p.Run(ctx) }()
	DeferCleanup(func() {
		cancel()
		Expect(<-ended).To(Succeed())
	})
}

var _ = Describe("The months by the API", func() {
	type act struct {
		Foundation string  `json:"foundation,omitempty"`
		Note       string  `json:"note"`
		Expect     *uint64 `json:"expect,omitempty"`
		Mode       string  `json:"mode,omitempty"`
		Grace      *uint32 `json:"grace_seconds,omitempty"`
	}

	It("are closed as the preview says, opened again, and refused as by the command", func(ctx SpecContext) {
		first, second, prices := month(100)
		s := newSite(ctx)
		s.serve()
		s.seals()
		s.ran("month", "mode", "manual", "--by", "ann")
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", "--horizon", "2026-11-02T20:00:00Z", first)
		Eventually(s.months).Should(ContainElement(And(HaveField("Month", "2026-10"), HaveField("Sums",
			Not(BeEmpty())))))
		a := s.ask(ctx)
		look := func(month string) operate.Closings {
			GinkgoHelper()
			var x operate.Closings
			a.get(&x, "months/"+month+"/closing", "foundation", "file")
			return x
		}
		var acted operate.MonthActs
		refuses := func(path, detail string) {
			GinkgoHelper()
			status, text := a.sent(&acted, path, act{Foundation: "file", Note: "n"})
			Expect(status).To(Equal(http.StatusConflict), text)
			Expect(text).To(ContainSubstring(detail))
		}

		By("refusing what the command refuses")
		refuses("months/2026-11/closing", acts.ErrMonthNotOver.Error())
		refuses("months/2026-10/reopening", acts.ErrMonthOpen.Error())
		Expect(look("2026-11").Closings).To(HaveEach(And(
			HaveField("Refused", acts.ErrMonthNotOver.Error()), HaveField("Statements", BeEmpty()))))

		By("refusing an expectation that does not stand any more")
		seen := look("2026-10")
		s.ran("collect", "file", second)
		Eventually(func() uint64 { return look("2026-10").Metered }).Should(BeNumerically(">", seen.Metered))
		status, text := a.sent(&acted, "months/2026-10/closing",
			act{Foundation: "file", Note: "n", Expect: &seen.Metered})
		Expect(status).To(Equal(http.StatusConflict))
		Expect(text).To(ContainSubstring("look again"))

		By("closing what was seen")
		seen = look("2026-10")
		Expect(seen.Closings).NotTo(BeEmpty())
		status, text = a.sent(&acted, "months/2026-10/closing",
			act{Foundation: "file", Note: "signed", Expect: &seen.Metered})
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(acted.Acts).To(HaveLen(len(seen.Closings)))
		Expect(acted.Acts).To(HaveEach(HaveField("State", "closed")))
		proposed := map[string]operate.Statement{}
		for _, c := range seen.Closings {
			for _, x := range c.Statements {
				proposed[c.Source+" "+x.Tenant] = x
			}
		}
		Expect(proposed).NotTo(BeEmpty())
		Eventually(func() int { return len(s.statements(ctx)) }).Should(Equal(len(proposed)))
		for _, x := range s.statements(ctx) {
			p := proposed[x.Source+" "+x.Tenant]
			var totals []string
			for _, t := range x.Totals {
				totals = append(totals, t.Currency+" "+t.Amount.String()+" "+t.VAT.String()+" "+t.Total.String())
			}
			var said []string
			for _, t := range p.Totals {
				said = append(said, t.Currency+" "+t.Amount+" "+t.VAT+" "+t.Total)
			}
			Expect(said).To(Equal(totals), "tenant %s", x.Tenant)
			Expect([]any{p.Revision, p.Held, p.Unrated}).To(Equal([]any{x.Revision, len(x.Held), len(x.Unrated)}))
		}
		Expect(s.months()).To(ContainElement(And(HaveField("Month", "2026-10"), HaveField("State", "closed"),
			HaveField("By", "ann"))))
		refuses("months/2026-10/closing", acts.ErrMonthClosed.Error())

		By("opening it again")
		status, text = a.sent(&acted, "months/2026-10/reopening", act{Foundation: "file", Note: "a dispute"})
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(acted.Acts).To(HaveEach(HaveField("State", "open again")))
		Expect(look("2026-10").Closings).To(HaveEach(HaveField("Statements", BeEmpty())), "they would be equal")
		refuses("months/2026-09/reopening", acts.ErrMonthOpen.Error())
	})

	It("close as is said, by whom, and not behind another word", func(ctx SpecContext) {
		s := demonstrated(ctx)
		a := s.ask(ctx)
		policies := func() (said []string) {
			GinkgoHelper()
			var all operate.Policies
			a.get(&all, "months/policies", "foundation", "trove-wiki")
			for _, p := range all.Policies {
				said = append(said, fmt.Sprintf("%s %d %s", p.Mode, p.GraceSeconds, p.By))
			}
			return said
		}
		Expect(policies()).To(Equal([]string{"automatic 432000 "}))
		var acted operate.PolicyActs
		none := uint64(0)
		status, text := a.sent(&acted, "months/mode", act{Mode: "manual", Note: "n", Expect: &none})
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(policies()).To(Equal([]string{"manual 432000 ann"}))
		grace := uint32(3600)
		word := act{Foundation: "trove-wiki", Grace: &grace, Note: "n", Expect: &none}
		status, text = a.sent(&acted, "months/grace", word)
		Expect(status).To(Equal(http.StatusConflict))
		Expect(text).To(ContainSubstring("ann has said meanwhile how months close"))
		word.Expect = &acted.Acts[0].Usage
		status, text = a.sent(&acted, "months/grace", word)
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(policies()).To(Equal([]string{"manual 3600 ann"}))

		By("taking no word of who may not decide, and of nobody about what they do not see")
		words := func() (n int) {
			for _, kind := range []string{events.ActMode, events.ActGrace, events.ActClosing, events.ActReopening} {
				Expect(acts.List(ctx, s.bus, kind, "", func(*acts.Act) error { n++; return nil })).To(Succeed())
			}
			return n
		}
		before := words()
		tries := func(foundation string, want int) (texts []string) {
			GinkgoHelper()
			for _, path := range []string{"months/mode", "months/2026-10/closing", "months/2026-10/reopening"} {
				word := act{Foundation: foundation, Note: "n"}
				if path == "months/mode" {
					word.Mode = "manual"
				}
				status, text := a.sent(&acted, path, word)
				Expect(status).To(Equal(want), "%s: %s", path, text)
				texts = append(texts, text)
			}
			return texts
		}
		a.as(auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "trove-wiki", Tenant: "x"}: auth.Operate}})
		tries("trove-wiki", http.StatusForbidden)
		a.as(auth.Access{Tenants: map[events.Owner]auth.Rights{{Foundation: "trove-wiki"}: auth.Operate}})
		Expect(tries("demo", http.StatusNotFound)).To(Equal(tries("nowhere", http.StatusNotFound)))
		status, _ = a.sent(&acted, "months/mode", act{Note: "n", Mode: "manual"})
		Expect(status).To(Equal(http.StatusForbidden), "of all foundations")
		others, nobody := a.do(http.MethodGet, "/v1/months/2026-10/closing?foundation=demo", nil),
			a.do(http.MethodGet, "/v1/months/2026-10/closing?foundation=nowhere", nil)
		Expect(others.Code).To(Equal(http.StatusNotFound))
		Expect(others.Body.String()).To(Equal(nobody.Body.String()))
		a.as(auth.Access{All: auth.Read})
		tries("trove-wiki", http.StatusForbidden)
		Expect(words()).To(Equal(before))
	})
})
