package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/lab/tap"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// asCommand makes the test's program daybook itself, for a process of its own.
const asCommand = "DAYBOOK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// executor is a daybook in a process of its own.
type executor struct {
	*exec.Cmd
	out bytes.Buffer
}

// execute starts one.
func execute(ctx context.Context, args ...string) *executor {
	GinkgoHelper()
	program, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
	e := &executor{Cmd: exec.CommandContext(ctx, program, args...)}
	e.Env = append(os.Environ(), asCommand+"=1")
	e.Stdout, e.Stderr = &e.out, &e.out
	Expect(e.Start()).To(Succeed())
	return e
}

// status is the exit status at its end; -1 where it was killed.
func (e *executor) status() int {
	GinkgoHelper()
	var exit *exec.ExitError
	err := e.Wait()
	Expect(err == nil || errors.As(err, &exit)).To(BeTrue(), "%v", err)
	return e.ProcessState.ExitCode()
}

// sums are the seconds that METERED has in a foundation up to a time, by resource and size.
func (r *reconciled) sums(ctx context.Context, foundation string, upto time.Time) map[string]time.Duration {
	GinkgoHelper()
	all := map[string]time.Duration{}
	running := map[string][]events.Span{}
	add := func(s *events.Span, sign int) {
		end := s.End
		if s.Running() || end.After(upto) {
			end = upto
		}
		if s.Start.Before(end) {
			key := fmt.Sprintf("%s %s %+v", s.Resource, s.Tenant, s.Footprint)
			if all[key] += time.Duration(sign) * end.Sub(s.Start); all[key] == 0 {
				delete(all, key)
			}
		}
	}
	_, err := r.bus.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{
		Filters: []string{events.MeteredResourcesFilter(foundation, "")},
	}, func(in *bus.Stored) error {
		var m events.Metered
		if err := m.DecodeJSON(in.Data); err != nil {
			return err
		}
		for i := range m.Closed {
			add(&m.Closed[i], 1)
		}
		for i := range m.Retracted {
			add(&m.Retracted[i], -1)
		}
		running[in.Subject] = slices.Clone(m.Running)
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	for _, spans := range running {
		for i := range spans {
			add(&spans[i], 1)
		}
	}
	return all
}

// facts are the ids of a foundation's observations in USAGE.
func (r *reconciled) facts(ctx context.Context, foundation string) (all []string) {
	GinkgoHelper()
	Expect(acts.List(ctx, r.bus, events.ActObservation, foundation, func(a *acts.Act) error {
		all = append(all, a.ID)
		return nil
	})).To(Succeed())
	return all
}

var _ = Describe("The executors of a plan", func() {
	It("store the same facts once, and take them back, whoever is killed at whichever write", func(ctx SpecContext) {
		scale.Long(Skip)
		every := os.Getenv(scale.KillsVariable) != "" // make proof: else behind each write of a stage alone
		c := newCloud(3, 40, 4)
		r := newReconciled(ctx, map[string]*cloud{"eu": c})
		status, _, errs := r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		c.lose(func(p *sim.Platform) {
			for i := range 3 {
				p.StartApp(p.CreateApp(p.Apps[0].Space, "", fmt.Sprintf("new-%d", i),
					sim.Buildpack{GUID: "b", Name: "ruby"}, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
				p.ScaleProcess(p.Apps[i].Processes[0], 3, 128)
				p.DeleteApp(p.Apps[10+i])
			}
			p.DeleteService(p.Services[0])
		})
		status, _, errs = r.reconcile("--plan")
		Expect(status).To(BeZero(), errs)
		planned, err := plans.Last(ctx, r.bus, events.SourceCF, "eu")
		Expect(err).NotTo(HaveOccurred())
		plan := planned.Plan
		var wanted []string // ids of the observations, in the order of the plan
		stages := map[reconcile.Stage]int{}
		for i := range plan.Remodels {
			m := &plan.Remodels[i]
			Expect(m.Act).To(Equal(reconcile.Settle))
			stages[m.Stage]++
			wanted = append(wanted, events.ID("observation", plan.ID, m.Key.Kind, m.Key.Resource))
		}
		Expect(stages).To(Equal(map[reconcile.Stage]int{reconcile.Starts: 3, reconcile.Changes: 3, reconcile.Stops: 4}))
		before := r.sums(ctx, "eu", plan.Seen)

		address, err := url.Parse(r.url)
		Expect(err).NotTo(HaveOccurred())
		t, err := tap.Start(ctx, address.Host, "usage.act.observation.")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(t.Close)
		applies := append([]string{"reconcile", "apply", plan.ID, "--by", "ann"}, r.plain...)
		reverts := []string{
			"reconcile", "revert", plan.ID, "--foundation", "eu", "--by", "bob", "--note", "a mistake",
		}
		kills := 0
		// killed runs an executor, and kills it at its n-th write: before the server has it, or
		// once so many facts are stored and no answer came.
		killed := func(n int, passes bool, facts int, args []string) {
			GinkgoHelper()
			var e *executor
			started := make(chan struct{})
			t.At(n, passes, func() {
				defer GinkgoRecover()
				<-started
				if passes {
					Eventually(func() []string { return r.facts(ctx, "eu") }).Should(HaveLen(facts))
				}
				Expect(e.Process.Kill()).To(Succeed())
			})
			e = execute(ctx, append(slices.Clone(args), "--nats", t.URL())...)
			close(started)
			Expect(e.status()).To(Equal(-1), "%s", e.out.String())
			t.At(0, false, nil)
			Expect(r.facts(ctx, "eu")).To(HaveLen(facts))
			kills++
		}
		both := func(args []string) (texts [2]string) {
			GinkgoHelper()
			var all [2]*executor
			for i := range all {
				all[i] = execute(ctx, append(slices.Clone(args), "--nats", r.url)...)
			}
			for i := range all {
				Expect(all[i].status()).To(BeZero(), "%s", all[i].out.String())
				texts[i] = all[i].out.String()
			}
			return texts
		}

		By("killed at each write of an application")
		stored := 0
		for _, stage := range []reconcile.Stage{reconcile.Starts, reconcile.Changes, reconcile.Stops} {
			for n := 1; every && n <= stages[stage]; n++ {
				killed(n, false, stored, applies)
			}
			stored += stages[stage]
			killed(stages[stage], true, stored, applies)
			Expect(r.facts(ctx, "eu")).To(Equal(wanted[:stored]))
		}
		By("two that go on at the same time")
		both(applies)
		Expect(r.facts(ctx, "eu")).To(Equal(wanted))
		Expect(r.billed(ctx, "eu")).To(ConsistOf(c.running()))
		Expect(r.sums(ctx, "eu", plan.Seen)).NotTo(Equal(before))

		By("killed at the write of a reversion, and two that go on at the same time")
		killed(1, false, stored, reverts)
		killed(1, true, stored+1, reverts)
		for _, text := range both(reverts) {
			Expect(text).To(ContainSubstring("was taken back before"))
		}
		Expect(r.facts(ctx, "eu")).To(Equal(append(wanted, events.ID("reversion", plan.ID))))
		Expect(r.sums(ctx, "eu", plan.Seen)).To(Equal(before))
		e := execute(ctx, append(slices.Clone(applies), "--nats", r.url)...)
		Expect(e.status()).To(Equal(1))
		Expect(e.out.String()).To(ContainSubstring("the plan is reverted"))
		Expect(r.facts(ctx, "eu")).To(HaveLen(stored + 1))
		scale.Figure(GinkgoT(), "executors of a plan: %d kills at its writes, %d facts once each, and its reversion: "+
			"the sums of before", kills, stored)
	})
})
