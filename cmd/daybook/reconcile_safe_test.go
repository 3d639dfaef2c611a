package main

import (
	"fmt"
	"os"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// deleteApps deletes some apps, and returns their guids.
func deleteApps(n int, gone *[]string) func(p *sim.Platform) {
	return func(p *sim.Platform) {
		for range n {
			a := p.Apps[len(p.Apps)-1]
			*gone = append(*gone, a.GUID)
			p.DeleteApp(a)
		}
	}
}

var _ = Describe("A reconciliation by a platform that shows too little", func() {
	It("stops nothing, says why, and stops what is gone once the platform shows all", func(ctx SpecContext) {
		scale.Long(Skip)
		c := newCloud(1, 9, 4)
		r := newReconciled(ctx, map[string]*cloud{"eu": c})
		status, out, errs := r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		Expect(out).To(ContainSubstring("0 differences."))
		var gone []string
		c.lose(deleteApps(2, &gone))
		c.lose(func(p *sim.Platform) {
			gone = append(gone, p.Services[0].GUID)
			p.DeleteService(p.Services[0])
		})

		for _, lie := range []struct {
			name   string
			scoped int
			hollow bool
			turn   func(k *cc.Knobs)
			status int
			said   string
			metric string
		}{
			{
				name: "half of each list", scoped: -1, turn: func(k *cc.Knobs) { k.PartialLists = 1 }, status: 3,
				said:   `app: \d+ listed, not complete: the lists have \d+ started\s+instances, the usage summary \d+`,
				metric: `daybook_reconcile_incomplete{foundation="eu",kind="app"} 1`,
			},
			{
				name: "empty lists", scoped: -1, turn: func(k *cc.Knobs) { k.EmptyLists = 1 }, status: 3,
				said:   `service: 0 listed, not complete: the lists have 0 managed\s+service instances, the usage summary 3`,
				metric: `daybook_reconcile_incomplete{foundation="eu",kind="service"} 1`,
			},
			{
				name: "nothing at all, and a summary of nothing", scoped: -1, hollow: true,
				turn: func(k *cc.Knobs) { k.EmptyLists = 1 }, status: 3,
				said:   `app: 0 listed, not complete: it is billed, and listed as\s+empty`,
				metric: `daybook_reconcile_incomplete{foundation="eu",kind="app"} 1`,
			},
			{
				name: "a token without the scope", scoped: 0, turn: func(*cc.Knobs) {}, status: 1,
				said:   `the token may not read the usage events of all organizations`,
				metric: `daybook_reconcile_rounds_total{foundation="eu",result="failed"} [1-9]\d*`,
			},
			{
				name: "a token that loses the scope at once", scoped: 1, turn: func(*cc.Knobs) {}, status: 1,
				said: `the token may not read the usage events of all organizations`,
			},
			{
				name: "a token that loses the scope among the lists", scoped: 4, turn: func(*cc.Knobs) {}, status: 1,
				said: `the token may not read the usage events of all organizations`,
			},
		} {
			By(lie.name)
			c.lie(lie.scoped, lie.hollow, lie.turn)
			status, out, errs := r.reconcile()
			Expect(status).To(Equal(lie.status), "%s%s", out, errs)
			Expect(out + errs).To(MatchRegexp(lie.said))
			if lie.metric != "" {
				c.lie(lie.scoped, lie.hollow, lie.turn)
				r.metrics(ctx, lie.metric)
			}
			Expect(r.observations(ctx, "")).To(BeEmpty())
			c.honest()
		}

		_, out, errs = r.daybook("reconcile", "list")
		Expect(out).To(MatchRegexp(`cf eu: (agrees|differs|is not compared with the\s+platform since)`), errs)

		By("an API server that lags by seconds")
		var news string
		c.mu.Lock()
		c.still = 3 // to the end of an inspection
		c.mu.Unlock()
		c.lie(-1, false, func(k *cc.Knobs) { k.LagRate, k.Lag = 1, cc.Duration(90*time.Second) })
		c.Do(func(p *sim.Platform) {
			news = p.Apps[0].GUID
			p.StopApp(p.Apps[0])
		})
		status, out, errs = r.daybook(append([]string{"reconcile", "plan"}, r.plain...)...)
		Expect(status).To(BeZero(), errs)
		Expect(out).NotTo(MatchRegexp(`(?m)^missing_start .*` + news))
		c.honest()

		By("the truth")
		status, out, errs = r.reconcile()
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(out).To(ContainSubstring("3 differences, 3 enacted."))
		Expect(r.observations(ctx, "")).To(ConsistOf("gone "+gone[0], "gone "+gone[1], "gone "+gone[2]))
		Expect(r.billed(ctx, "eu")).To(ConsistOf(c.running()))
	})

	It("stops nothing that a deletion has moved from page to page", func(ctx SpecContext) {
		scale.Long(Skip)
		c := newCloud(2, 30, 12)
		r := newReconciled(ctx, map[string]*cloud{"eu": c})
		status, _, errs := r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		c.lie(-1, false, func(k *cc.Knobs) { k.PageDeletes = 1 })
		for range 2 {
			status, out, errs := r.reconcile()
			Expect(status).To(BeElementOf(0, 3), "%s%s", out, errs)
		}
		c.honest()
		Expect(len(c.running())).To(And(BeNumerically("<", 36), BeNumerically(">", 3)))
		Expect(r.observations(ctx, "")).To(BeEmpty(), "every deletion was an event, too")
		Eventually(func() []string { return r.billed(ctx, "eu") }).Should(ConsistOf(c.running()))
	})
})

var _ = Describe("Reconciliations of many foundations", func() {
	It("have the guard in each, of 50 resources, and take the flag that a refusal prints", func(ctx SpecContext) {
		scale.Long(Skip)
		clouds, gone := map[string]*cloud{}, map[string]*[]string{}
		n := 4
		if os.Getenv(scale.KillsVariable) != "" { // make proof
			n = 20
		}
		for i := range n {
			clouds[fmt.Sprintf("f%02d", i)] = newCloud(uint64(i), 38, 12)
		}
		r := newReconciled(ctx, clouds)
		status, _, errs := r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		for name, c := range clouds {
			gone[name] = &[]string{}
			if name == "f02" { // too many of two kinds
				c.lose(deleteApps(5, gone[name]))
				c.lose(func(p *sim.Platform) {
					for range 4 {
						*gone[name] = append(*gone[name], p.Services[0].GUID)
						p.DeleteService(p.Services[0])
					}
				})
				continue
			}
			c.lose(deleteApps(3, gone[name]))
		}
		status, out, errs := r.reconcile()
		Expect(status).To(Equal(3), errs)
		for name := range clouds {
			if name == "f02" {
				Expect(r.observations(ctx, name)).To(BeEmpty())
				continue
			}
			Expect(r.observations(ctx, name)).To(HaveLen(3), name)
		}
		flags := regexp.MustCompile(`--allow\s+\S+`).FindAllString(out, -1)
		Expect(flags).To(HaveLen(2))
		var advice []string
		for _, flag := range flags {
			advice = append(advice, regexp.MustCompile(`\s+`).Split(flag, -1)...)
		}
		Expect(advice).To(ConsistOf("--allow", "f02/app=5", "--allow", "f02/service=4"))
		status, out, errs = r.reconcile(advice[:2]...)
		Expect(status).To(Equal(3), "%s%s", out, errs)
		Expect(len(r.observations(ctx, "f02"))).To(BeElementOf(4, 5), "the other kind is refused as a whole")
		plan := regexp.MustCompile(`f02: plan (\S+),`).FindStringSubmatch(out)[1]
		apply := func(allow ...string) (status int, out, errs string) {
			line := append([]string{"reconcile", "apply", plan, "--act", "settle", "--by", "ann"}, r.plain...)
			return r.daybook(append(line, allow...)...)
		}
		status, out, errs = apply("--allow", "f02/service=7")
		Expect(status).To(Equal(1), "%s%s", out, errs)
		Expect(errs).To(ContainSubstring(plans.ErrNotRefused.Error()))
		status, out, errs = apply(advice[2:]...)
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(r.observations(ctx, "f02")).To(HaveLen(9))
		for name, c := range clouds {
			Expect(r.billed(ctx, name)).To(ConsistOf(c.running()), name)
		}
		scale.Figure(GinkgoT(), "guard over stops: %d foundations of 50 resources, refused in the one with too many", n)
	})

	It("leave a clone with the same guids alone", func(ctx SpecContext) {
		scale.Long(Skip)
		clouds := map[string]*cloud{"eu": newCloud(3, 6, 3), "clone": newCloud(3, 6, 3)}
		Expect(clouds["eu"].running()).To(ConsistOf(clouds["clone"].running()))
		r := newReconciled(ctx, clouds)
		status, _, errs := r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		var gone []string
		clouds["eu"].lose(deleteApps(2, &gone))
		clouds["eu"].lose(func(p *sim.Platform) {
			gone = append(gone, p.Services[1].GUID)
			p.DeleteService(p.Services[1])
		})
		status, out, errs := r.reconcile()
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(r.observations(ctx, "eu")).To(HaveLen(3))
		Expect(r.observations(ctx, "clone")).To(BeEmpty())
		Expect(r.billed(ctx, "eu")).To(ConsistOf(clouds["eu"].running()))
		Expect(r.billed(ctx, "clone")).To(ConsistOf(clouds["clone"].running()))
		Expect(r.billed(ctx, "clone")).To(ContainElements(gone))

		plan := regexp.MustCompile(`eu: plan (\S+),`).FindStringSubmatch(out)[1]
		status, _, errs = r.daybook("reconcile", "revert", plan, "--foundation", "clone", "--by", "ann")
		Expect(status).To(Equal(1), errs)
		Expect(r.observations(ctx, "")).To(HaveLen(3), "the plan of another foundation is none of the clone's")
	})
})
