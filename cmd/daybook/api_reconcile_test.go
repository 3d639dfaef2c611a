package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/api/auth"
	answers "github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
)

// The resources of a kept plan.
const (
	goneApp   = "90000000-0000-4000-8000-000000000001"
	newApp    = "90000000-0000-4000-8000-000000000002"
	keptAs    = "90000000-0000-5000-8000-000000000003"
	nameThere = "checkout"
)

// keptPlan is a plan of the demo, with a refused stop and a start.
func keptPlan() *plans.Planned {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	material := func(resource, name string) *reconcile.Material {
		return &reconcile.Material{
			Kind: events.KindApp, Resource: resource, App: resource, Tenant: demo.Retail, Space: "s", SpaceName: "prod",
			Name: name, Footprint: events.Footprint{Instances: events.Some(2), MemoryMB: events.Some(64)},
			Since: at.Add(-48 * time.Hour), Evidence: []byte(`{"guid":"` + resource + `","name":"` + name + `"}`),
		}
	}
	return &plans.Planned{Dry: "it was asked for", Plan: &reconcile.Plan{
		ID: keptAs, Source: events.SourceCF, Foundation: "demo", Made: at, Expires: at.Add(reconcile.Life), Seen: at,
		Horizon:  at,
		Listings: []reconcile.Listing{{Kind: "app", Count: 1, Complete: true}, {Kind: "task", Why: "half"}},
		Remodels: []reconcile.Remodel{{
			ID: "1", Type: reconcile.MissingStart, Stage: reconcile.Starts, Act: reconcile.Hold,
			Key: reconcile.Key{Kind: events.KindApp, Resource: newApp}, There: material(newApp, nameThere), At: at,
			First: at, Stake: []reconcile.Money{{Currency: "GBP", Amount: "-0.5"}},
		}, {
			ID: "2", Type: reconcile.MissingStop, Stage: reconcile.Reports, Act: reconcile.Report,
			Key: reconcile.Key{Kind: events.KindApp, Resource: goneApp}, Billed: material(goneApp, "shop"), At: at,
			First: at.Add(-25 * time.Hour), Stake: []reconcile.Money{{Currency: "GBP", Amount: "3"}},
		}},
		Refused: []reconcile.Refusal{{Kind: "app", Type: reconcile.MissingStop, Count: 1, Billed: 9, Why: "too many"}},
		Notes:   []reconcile.Note{{Code: reconcile.NoteMore, Text: "a note"}},
	}}
}

// answering does requests by a function.
type answering func(r *requests.Request) (*requests.Done, error)

func (a answering) Do(_ context.Context, r *requests.Request) (*requests.Done, error) { return a(r) }

var _ = Describe("The API about reconciliations", Ordered, func() {
	var s *site
	var a *asked
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		a = s.ask(ctx, func(d *api.Deps) { d.Queries = s.bus })
	})
	send := func(path, body string) (int, string) {
		GinkgoHelper()
		w := a.do(http.MethodPost, "/v1/reconcile/"+path, strings.NewReader(body))
		return w.Code, w.Body.String()
	}

	It("shows that nothing was reconciled yet", func() {
		var state answers.Reconciliations
		a.get(&state, "reconcile")
		Expect(state.Plans).To(BeEmpty())
		Expect(s.ran("reconcile", "list")).To(ContainSubstring("Nothing was reconciled yet"))
	})

	It("shows the last plan in numbers, its differences by choice, and the evidence of both sides", func(
		ctx SpecContext,
	) {
		Expect(plans.Keep(ctx, s.bus, keptPlan())).To(Succeed())
		var state answers.Reconciliations
		a.get(&state, "reconcile", "foundation", "demo")
		Expect(state.Plans).To(HaveLen(1))
		p := state.Plans[0]
		Expect([]any{p.Plan, p.Differences, p.Stored, p.Notes, p.Refused, p.Enacted}).
			To(Equal([]any{keptAs, 2, 0, 1, 1, false}))
		Expect(p.Stakes).To(Equal([]answers.Stake{{Currency: "GBP", TooMuch: "3", TooLittle: "0.5"}}))
		Expect(p.Types).To(ConsistOf(
			answers.TypeCount{Type: "missing_start", Age: "new", Count: 1},
			answers.TypeCount{Type: "missing_stop", Age: "day", Count: 1},
		))
		for _, x := range []struct {
			name, value string
			resources   []string
		}{
			{"kind", "app", []string{newApp, goneApp}},
			{"kind", "task", nil},
			{"type", "missing_stop", []string{goneApp}},
			{"age", "day", []string{goneApp}},
			{"age", "week", nil},
			{"at_least", "0.5", []string{newApp, goneApp}},
			{"at_least", "0.51", []string{goneApp}},
			{"source", "trove", nil},
		} {
			var found answers.Remodels
			a.get(&found, "reconcile/remodels", x.name, x.value)
			var resources []string
			for i := range found.Remodels {
				resources = append(resources, found.Remodels[i].Resource)
				Expect(found.Remodels[i].There).To(BeNil(), "evidence is asked for")
			}
			Expect(resources).To(Equal(x.resources), x.name+"="+x.value)
		}
		var full answers.Plan
		a.get(&full, "reconcile/plans/"+keptAs)
		Expect(full.Remodels[0].There.Evidence).To(MatchJSON(`{"guid":"` + newApp + `","name":"checkout"}`))
		Expect(full.Remodels[1].Billed.Evidence).NotTo(BeEmpty())
	})

	It("shows no money to whom may see usage alone, and nothing to a tenant", func() {
		defer func() { a.asker = everything() }()
		a.asker = auth.Access{All: auth.Usage}
		var full answers.Plan
		a.get(&full, "reconcile/plans/"+keptAs)
		Expect(full.Stakes).To(BeEmpty())
		Expect(full.Remodels[0].PerDay).To(BeEmpty())
		retail := events.Owner{Foundation: "demo", Tenant: demo.Retail}
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{retail: auth.Operate}}
		for _, path := range []string{"", "/remodels", "/limitations", "/plans/" + keptAs} {
			Expect(a.do(http.MethodGet, "/v1/reconcile"+path, nil).Code).To(Equal(http.StatusNotFound), path)
		}
	})

	It("leaves resources alone until a time, and says so", func() {
		body := `{"source":"cf","foundation":"demo","until":"2999-01-01T00:00:00Z","note":"a training"`
		status, text := send("limitations", body+`}`)
		Expect([]any{status, text}).To(ConsistOf(422, ContainSubstring("would leave everything alone")))
		status, text = send("limitations", strings.Replace(body, "2999", "1999", 1)+`,"kind":"task"}`)
		Expect([]any{status, text}).To(ConsistOf(422, ContainSubstring("no time to come")))
		status, text = send("limitations", body+`,"kind":"task"}`)
		Expect(status).To(Equal(http.StatusOK), text)
		var all answers.Limitations
		a.get(&all, "reconcile/limitations")
		Expect(all.Limitations).To(Equal([]answers.Limitation{{
			Source: "cf", Foundation: "demo", Kind: "task", Until: "2999-01-01T00:00:00Z", By: "ann",
			Note: "a training",
		}}))
	})

	It("takes an enacted plan back, once", func(ctx SpecContext) {
		body := `{"source":"cf","foundation":"demo","note":"a mistake"}`
		status, text := send("plans/"+keptAs+"/reversion", body)
		Expect([]any{status, text}).To(ConsistOf(404, ContainSubstring("nothing of it was enacted")))
		at := keptPlan().Plan.Seen
		_, err := acts.Observe(ctx, s.bus, "cf", "demo", keptAs, []events.Observation{{
			Finding: events.FindingGone, Kind: events.KindApp, Resource: goneApp, At: at, Seen: at,
		}}, "ann", "", at)
		Expect(err).NotTo(HaveOccurred())
		s.serve()
		status, text = send("plans/"+keptAs+"/reversion", body)
		Expect([]any{status, text}).To(ConsistOf(200, ContainSubstring("is taken back")))
		status, text = send("plans/"+keptAs+"/reversion", body)
		Expect([]any{status, text}).To(ConsistOf(200, ContainSubstring("was taken back before")))
	})

	It("asks the reconciliation that runs for what needs the platform, and says its answer", func(ctx SpecContext) {
		status, text := send("plans/"+keptAs+"/application", `{"note":"looked at"}`)
		Expect([]any{status, text}).To(ConsistOf(503, ContainSubstring("start daybook reconcile, or use its commands")))
		var last requests.Request
		var refusal error
		serving, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			doer := answering(func(r *requests.Request) (*requests.Done, error) {
				last = *r
				return &requests.Done{Plan: keptAs, Text: "so it is"}, refusal
			})
			ended <- requests.Serve(serving, s.bus, map[plans.Place]requests.Doer{{
				Source: "cf", Foundation: "demo",
			}: doer}, slog.New(slog.NewTextHandler(GinkgoWriter, nil)))
		}()
		defer func() {
			stop()
			Expect(<-ended).To(Succeed())
		}()
		Eventually(func() int { // until it is there to be asked
			status, _ := send("plans/"+keptAs+"/application", `{"note":"looked at","allow":["app=1"]}`)
			return status
		}).Should(Equal(http.StatusOK))
		Expect(last).To(Equal(requests.Request{
			Act: requests.Apply, Plan: keptAs, Allow: []string{"app=1"}, By: "ann", Note: "looked at",
		}))
		status, text = send("plans", `{"source":"cf","foundation":"demo"}`)
		Expect([]any{status, last.Act, text}).To(ConsistOf(200, requests.Plan, ContainSubstring("so it is")))
		status, _ = send("additions", `{"source":"cf","foundation":"demo","act":"end","kind":"app","resource":"x",`+
			`"at":"2026-11-02T00:00:00Z","note":"it was deleted"}`)
		Expect([]any{status, last.Act, last.Resource}).To(Equal([]any{200, requests.End, "x"}))
		for _, code := range []int{404, 409, 422} {
			refusal = &query.Error{Status: code, Text: "no: it is too old"}
			status, text = send("plans/"+keptAs+"/application", `{"note":"looked at"}`)
			Expect([]any{status, text}).To(ConsistOf(code, ContainSubstring("no: it is too old")))
		}
	})

	It("has a page with all of it, and with the forms to decide", func() {
		password := "a long password"
		of := s.withPages(GinkgoT().Context(), password)
		b := of.browser()
		b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		_, _, text := b.page(http.MethodGet, "/ui/operate/reconcile", nil)
		Expect(text).To(And(ContainSubstring("checkout"), ContainSubstring("£3.00"), ContainSubstring("too many"),
			ContainSubstring("a training")))
		guard := regexp.MustCompile(`name="guard" value="([^"]+)"`).FindStringSubmatch(text)
		Expect(guard).NotTo(BeNil())
		form := url.Values{
			"act": {"ignore"}, "source": {"cf"}, "foundation": {"demo"}, "kind": {"app"}, "resource": {newApp},
			"until": {"2998-01-01"}, "note": {"a test of ours"},
		}
		status, _, _ := b.page(http.MethodPost, "/ui/operate/reconcile", form)
		Expect(status).To(Equal(http.StatusForbidden), "without the guard of the session")
		form.Set("guard", guard[1])
		status, at, text := b.page(http.MethodPost, "/ui/operate/reconcile", form)
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(at).To(HavePrefix("/ui/operate/reconcile"))
		Expect(text).To(And(ContainSubstring("It is left alone until 2998-01-01"), ContainSubstring("a test of ours")))
		form.Set("act", "apply")
		form.Set("plan", keptAs)
		_, _, text = b.page(http.MethodPost, "/ui/operate/reconcile", form)
		Expect(text).To(ContainSubstring("use the commands of daybook reconcile"))
		_, _, text = b.page(http.MethodGet, "/ui/operate/reconcile/"+keptAs+"/app/"+newApp, nil)
		Expect(text).To(And(ContainSubstring("checkout"), ContainSubstring("&#34;guid&#34;")))
	})

	It("shows guids alone once the names of a tenant are erased: in lists, evidence, pages and commands", func() {
		password := "a long password"
		b := s.withPages(GinkgoT().Context(), password).browser()
		b.page(http.MethodPost, "/ui/sign-in", url.Values{"user": {"ann"}, "password": {password}})
		everything := func() map[string]string {
			all := map[string]string{}
			for _, path := range []string{"", "/remodels", "/plans/" + keptAs} {
				all[path] = a.do(http.MethodGet, "/v1/reconcile"+path, nil).Body.String()
			}
			for _, args := range [][]string{{"list"}, {"list", "--format", "json"}, {"show", "--foundation", "demo"}} {
				all[strings.Join(args, " ")] = s.ran(append([]string{"reconcile"}, args...)...)
			}
			for _, path := range []string{"", "/" + keptAs + "/app/" + newApp, "/" + keptAs + "/app/" + goneApp} {
				_, _, all["page "+path] = b.page(http.MethodGet, "/ui/operate/reconcile"+path, nil)
			}
			return all
		}
		named := 0
		for _, text := range everything() {
			if strings.Contains(text, "checkout") {
				named++
			}
		}
		Expect(named).To(BeNumerically(">=", 6))
		s.ran("names", "erase", demo.Retail, "--yes", "--by", "ann", "--note", "the contract has ended")
		Eventually(func() (left []string) {
			for where, text := range everything() {
				for _, name := range []string{nameThere, `"shop"`, ">shop<", "prod\"", ">prod<"} {
					if strings.Contains(text, name) {
						left = append(left, where+": "+name)
					}
				}
			}
			return left
		}).Should(BeEmpty())
		Expect(everything()["/plans/"+keptAs]).To(ContainSubstring(`"name":"` + newApp + `"`))
	})
})

var _ = Describe("A reconciliation that runs", func() {
	It("does what is asked of it over the API: a plan, its enactment, a person's own word", func(ctx SpecContext) {
		c := newCloud(2, 5, 1)
		r := newReconciled(ctx, map[string]*cloud{"eu": c})
		var lost string
		c.lose(func(p *sim.Platform) {
			p.StartApp(p.CreateApp(p.Spaces[0], "", "unseen", sim.Buildpack{GUID: "b", Name: "ruby"},
				sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
			lost = p.Apps[len(p.Apps)-1].GUID
		})
		args := append([]string{
			"reconcile", "--act", "settle", "--every", "1h", "--alarm", "1h", "--http", "127.0.0.1:0",
		}, r.plain...)
		r.background(ctx, args...)
		a := r.ask(ctx, func(d *api.Deps) { d.Queries = r.bus })
		var plan answers.Plan
		send := func(path, body string) (out answers.PlanOutcome) {
			GinkgoHelper()
			w := a.do(http.MethodPost, "/v1/reconcile/"+path, strings.NewReader(body))
			Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
			Expect(json.Unmarshal(w.Body.Bytes(), &out)).To(Succeed())
			return out
		}
		var state answers.Reconciliations
		Eventually(func() []answers.PlanSummary {
			if a.do(http.MethodGet, "/v1/reconcile", nil).Code == http.StatusOK {
				a.get(&state, "reconcile")
			}
			return state.Plans
		}).Should(HaveLen(1))
		a.get(&plan, "reconcile/plans/"+state.Plans[0].Plan)
		Expect(plan.Dry).To(ContainSubstring("the first one"))
		Expect(plan.Remodels).To(HaveLen(1))
		Expect(plan.Remodels[0].Resource).To(Equal(lost))

		out := send("plans/"+plan.Plan+"/application", `{"note":"looked at"}`)
		Expect(out.Text).To(ContainSubstring("1 stored now"))
		Expect(r.observations(ctx, "eu")).To(Equal([]string{"running " + lost}))
		Expect(send("plans/"+plan.Plan+"/application", `{"note":"again"}`).Text).To(ContainSubstring("0 stored now"))
		a.get(&plan, "reconcile/plans/"+plan.Plan)
		Expect(plan.Enacted).To(BeTrue())
		Expect(plan.Remodels[0].Sequence).NotTo(BeZero())
		Eventually(func() []string { return r.billed(ctx, "eu") }).Should(ContainElement(lost))

		body := `{"source":"cf","foundation":"eu","note":"a mistake"}`
		Expect(send("plans/"+plan.Plan+"/reversion", body).Text).To(ContainSubstring("is taken back"))
		Expect(r.billed(ctx, "eu")).NotTo(ContainElement(lost))
		w := a.do(http.MethodPost, "/v1/reconcile/plans/"+plan.Plan+"/application", strings.NewReader(`{"note":"x"}`))
		Expect(w.Code).To(Equal(http.StatusConflict), w.Body.String())

		By("a person's own word, with the platform's answer")
		horizon := plan.Horizon
		out = send("additions", `{"source":"cf","foundation":"eu","act":"adopt","kind":"app","resource":"`+lost+
			`","at":"`+horizon+`","note":"it ran"}`)
		Eventually(func() []string { return r.billed(ctx, "eu") }).Should(ContainElement(lost))
		send("plans/"+out.Plan+"/reversion", body)
		Expect(r.billed(ctx, "eu")).NotTo(ContainElement(lost))
		w = a.do(http.MethodPost, "/v1/reconcile/additions", strings.NewReader(
			`{"source":"cf","foundation":"eu","act":"end","kind":"app","resource":"nothing","at":"`+horizon+`","note":"x"}`))
		Expect(w.Code).To(Equal(http.StatusConflict), w.Body.String())
		Expect(w.Body.String()).To(ContainSubstring("there is nothing to end"))

		By("another plan")
		out = send("plans", `{"source":"cf","foundation":"eu"}`)
		Expect(out.Plan).NotTo(Equal(plan.Plan))
		a.get(&state, "reconcile")
		Expect(state.Plans[0].Plan).To(Equal(out.Plan))
	})
})
