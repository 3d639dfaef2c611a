package cf_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
)

var _ = Describe("A look at one resource", func() {
	var r *rig
	var a *sim.App
	BeforeEach(func() {
		r = found(quiet())
		r.at(time.Hour)
		a = r.started("a")
	})
	do := func(after time.Duration, verb func(p *sim.Platform)) time.Time {
		r.at(after)
		r.Do(verb)
		return start.Add(after)
	}
	web := func() reconcile.Material { return billed(a.Processes[0], start.Add(time.Hour)) }
	one := func(m reconcile.Material) reconcile.Sight { return r.looks(m)[0] }

	It("finds a process that runs, with its size, and since when", func() {
		s := one(web())
		Expect(s.There).To(BeTrue())
		Expect(s.Material.Footprint.Instances).To(Equal(events.Some(2)))
		Expect(s.Material.Footprint.ProcessType).To(Equal("web"))
		Expect(s.Material.Tenant).To(Equal(a.Space.Org.GUID))
		Expect(s.Material.SpaceName).To(Equal(a.Space.Name))
		Expect(s.Seen).To(Equal(r.Now().Truncate(time.Second)))
		Expect(json.Valid(s.Evidence)).To(BeTrue())
		Expect(string(s.Evidence)).To(And(ContainSubstring(`"process":{`), ContainSubstring(`"app":{`),
			ContainSubstring("audit.app.start")))
		s = one(reconcile.Material{Kind: events.KindApp, Resource: a.GUID})
		Expect(s.Began).To(Equal(start.Add(time.Hour)), "it was made, then started: the audit events tell both")
	})

	It("finds out when a process was stopped, by the audit event, whatever renewed updated_at since", func() {
		stopped := do(2*time.Hour, func(p *sim.Platform) { p.StopApp(a) })
		do(3*time.Hour, func(p *sim.Platform) { p.LabelProcess(a.Processes[0]) })
		s := one(web())
		Expect(s.There).To(BeFalse())
		Expect(s.Doubt).To(BeEmpty())
		Expect(s.Ended).To(Equal(stopped))
	})

	It("finds out when an app was deleted, and not when it was stopped before the last proof", func() {
		do(2*time.Hour, func(p *sim.Platform) { p.StopApp(a) })
		do(3*time.Hour, func(p *sim.Platform) { p.StartApp(a) })
		deleted := do(4*time.Hour, func(p *sim.Platform) { p.DeleteApp(a) })
		m := web()
		m.Proof = start.Add(3 * time.Hour)
		s := one(m)
		Expect(s.There).To(BeFalse())
		Expect(s.Ended).To(Equal(deleted))
		Expect(string(s.Evidence)).To(ContainSubstring(`"process":{"status":404,"code":10010}`))
	})

	It("takes a stop close behind the proof, and a start behind it, for those before it: clocks differ", func() {
		do(2*time.Hour+5*time.Second, func(p *sim.Platform) { p.StopApp(a) })
		do(2*time.Hour+9*time.Second, func(p *sim.Platform) { p.StartApp(a) })
		deleted := do(5*time.Hour, func(p *sim.Platform) { p.DeleteApp(a) })
		m := web()
		m.Proof = start.Add(2 * time.Hour) // of the start, by a clock that is 9 seconds late
		Expect(one(m).Ended).To(Equal(deleted))
	})

	It("takes the first end behind the last proof: it may have run a second time unseen", func() {
		stopped := do(2*time.Hour, func(p *sim.Platform) { p.StopApp(a) })
		do(3*time.Hour, func(p *sim.Platform) { p.StartApp(a) })
		do(4*time.Hour, func(p *sim.Platform) { p.DeleteApp(a) })
		Expect(one(web()).Ended).To(Equal(stopped))
	})

	It("knows bounds alone where audit events since the last proof are gone", func() {
		do(20*day, func(p *sim.Platform) { p.StopApp(a) })
		deleted := do(40*day, func(p *sim.Platform) { p.DeleteApp(a) })
		r.turn(func(k *cc.Knobs) { k.AuditRetention = cc.Duration(10 * day) })
		s := one(web())
		Expect(s.There).To(BeFalse())
		Expect(s.Ended).To(BeZero(), "it was stopped before, and nothing tells of that")
		Expect(s.NotAfter).To(Equal(deleted))
	})

	It("knows bounds alone behind a deployment, which replaces processes by itself", func() {
		old := a.Processes[0]
		proof := start.Add(time.Hour)
		begun := do(2*time.Hour, func(p *sim.Platform) { p.BeginDeploy(a) })
		do(3*time.Hour, func(p *sim.Platform) {
			for !p.ContinueDeploy(a) {
			}
		})
		s := r.looks(billed(old, proof), billed(a.Processes[0], time.Time{}))
		Expect(s[0].There).To(BeFalse())
		Expect(s[0].Ended).To(BeZero())
		Expect(s[0].NotBefore).To(Equal(proof), "another deployment may have ended it first")
		Expect(s[1].There).To(BeTrue())
		Expect(s[1].Began).To(BeZero())
		Expect(s[1].NotBefore).To(Equal(begun))
		Expect(s[1].NotAfter).To(Equal(start.Add(3 * time.Hour)))
	})

	It("knows bounds alone behind a proof that is younger than a deployment: it may have been under way", func() {
		do(2*time.Hour, func(p *sim.Platform) { p.BeginDeploy(a) })
		do(3*time.Hour, func(p *sim.Platform) {
			for !p.ContinueDeploy(a) {
			}
		})
		m := billed(a.Processes[0], start.Add(3*time.Hour))
		deleted := do(5*time.Hour, func(p *sim.Platform) { p.DeleteApp(a) })
		Expect(one(m)).To(And(HaveField("Ended", BeZero()), HaveField("NotBefore", m.Proof),
			HaveField("NotAfter", deleted)))
	})

	It("finds out when a process was scaled, and that another request for its size changed nothing", func() {
		scaled := do(2*time.Hour, func(p *sim.Platform) { p.ScaleProcess(a.Processes[0], 5, 64) })
		m := web()
		m.Footprint.Instances = events.Some(2) // as it is billed
		do(3*time.Hour, func(p *sim.Platform) { p.ScaleProcess(a.Processes[0], 5, 64) })
		s := one(m)
		Expect(s.Material.Footprint.Instances).To(Equal(events.Some(5)))
		Expect(s.Began).To(Equal(scaled))
		unknown := one(reconcile.Material{Kind: events.KindApp, Resource: a.GUID})
		Expect(unknown.Began).To(BeZero(), "the size before is not known")
		Expect(unknown.NotBefore).To(Equal(start.Add(time.Hour)))
		Expect(unknown.NotAfter).To(Equal(scaled))
	})

	It("takes a start of a started app for no beginning", func() {
		do(2*time.Hour, func(p *sim.Platform) { p.StartApp(a) })
		Expect(one(reconcile.Material{Kind: events.KindApp, Resource: a.GUID}).Began).To(Equal(start.Add(time.Hour)))
		restarted := do(3*time.Hour, func(p *sim.Platform) { p.RestartApp(a) })
		Expect(one(reconcile.Material{Kind: events.KindApp, Resource: a.GUID}).Began).To(Equal(restarted))
	})

	It("knows the bounds of the end of a task: it was canceled, it is no longer there", func() {
		var task *sim.Task
		do(2*time.Hour, func(p *sim.Platform) { task = p.CreateTask(a, "t", 32); p.RunTask(task) })
		m := reconcile.Material{
			Kind: events.KindTask, Resource: task.GUID, App: a.GUID, Proof: start.Add(2 * time.Hour),
		}
		canceled := do(3*time.Hour, func(p *sim.Platform) { p.CancelTask(task) })
		s := one(m)
		Expect(s.There).To(BeTrue(), "it is CANCELING, and billed")
		Expect(s.Material.Footprint.MemoryMB).To(Equal(events.Some(32)))
		ended := do(4*time.Hour, func(p *sim.Platform) { p.EndTask(task) })
		s = one(m)
		Expect(s.Told).To(BeTrue(), "it is shown as FAILED")
		Expect([]time.Time{s.NotBefore, s.NotAfter}).To(Equal([]time.Time{canceled, ended}))
		deleted := do(5*time.Hour, func(p *sim.Platform) { p.DeleteApp(a) })
		s = one(m)
		Expect(s.There).To(BeFalse())
		Expect(s.Told).To(BeFalse(), "it went with its app, and nothing shows it any more")
		Expect(s.Ended).To(BeZero())
		Expect([]time.Time{s.NotBefore, s.NotAfter}).To(Equal([]time.Time{canceled, deleted}))
	})

	It("has a doubt about a task that is PENDING", func() {
		var task *sim.Task
		r.Do(func(p *sim.Platform) { task = p.CreateTask(a, "t", 32) })
		s := one(reconcile.Material{Kind: events.KindTask, Resource: task.GUID, App: a.GUID})
		Expect(s.There).To(BeFalse())
		Expect(s.Doubt).To(ContainSubstring("PENDING"))
	})

	It("finds out when a service instance was made, took up its plan, and was deleted", func() {
		r.at(2 * time.Hour)
		db := r.service("db")
		m := reconcile.Material{Kind: events.KindService, Resource: db.GUID}
		Expect(one(m).Began).To(Equal(start.Add(2 * time.Hour)))
		changed := do(3*time.Hour, func(p *sim.Platform) { p.ChangePlan(db, p.Plans[1]) })
		do(4*time.Hour, func(p *sim.Platform) { p.UpdateService(db); p.RenameService(db, "other") })
		s := one(m)
		Expect(s.There).To(BeTrue())
		Expect(s.Began).To(Equal(changed))
		Expect(s.Material.Footprint.PlanGUID).To(Equal(db.Plan.GUID))
		Expect(s.Material.Footprint.Plan).To(Equal(db.Plan.Name))
		Expect(s.Material.Name).To(Equal("other"))
		deleted := do(5*time.Hour, func(p *sim.Platform) { p.DeleteService(db) })
		s = one(m)
		Expect(s.There).To(BeFalse())
		Expect(s.Ended).To(Equal(deleted))
	})

	It("names the current buildpack where it is asked for", func() {
		sights, err := r.inspector().Look(context.Background(), []reconcile.Material{web()}, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(sights[0].Material.Footprint.Buildpack).To(Equal(a.Buildpack.Name))
		Expect(sights[0].Material.Footprint.BuildpackGUID).To(Equal(a.Buildpack.GUID))
		Expect(one(web()).Material.Footprint.Buildpack).To(BeEmpty())
	})

	It("believes no 404 without the scope, before or behind it", func() {
		i := r.inspector()
		for n := 1; n <= 3; n++ {
			r.turn(func(k *cc.Knobs) { k.ScopeAfter = n })
			sights, err := i.Look(context.Background(), []reconcile.Material{web()}, false)
			Expect(err).To(MatchError(cfapi.ErrNoGlobalRead), "after %d", n)
			Expect(sights).To(BeEmpty())
		}
		r.turn(func(k *cc.Knobs) { k.MissingGlobalScope, k.ScopeAfter = true, 0 })
		_, err := r.inspector().Look(context.Background(), []reconcile.Material{web()}, false)
		Expect(err).To(MatchError(cfapi.ErrNoGlobalRead))
	})

	It("believes no 404 of a router, and none about an endpoint", func() {
		r.config.API.Retries = -1
		r.before = func(q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/v3/processes/") {
				q.URL.Path = "/v3/nothing"
			}
		}
		sights, err := r.inspector().Look(context.Background(), []reconcile.Material{web()}, false)
		Expect(err).To(MatchError(ContainSubstring("404")))
		Expect(sights).To(BeEmpty())
	})

	It("returns what it has proven when the rate limit allows no more", func() {
		var many []reconcile.Material
		for i := range 120 {
			many = append(many, reconcile.Material{Kind: events.KindService, Resource: fmt.Sprintf("gone-%03d", i)})
		}
		r.turn(func(k *cc.Knobs) { k.RateLimit, k.RetryAfter = 800, cc.Duration(time.Hour) })
		sights, err := r.inspector().Look(context.Background(), many, false)
		var wait *cfapi.WaitError
		Expect(errors.As(err, &wait)).To(BeTrue(), "%v", err)
		Expect(sights).To(HaveLen(50))
		Expect(sights[49].There).To(BeFalse())
		Expect(r.Status().Tokens).To(Equal(1))
	})

	It("keeps evidence within its limit, as JSON", func() {
		for range 12 {
			do(2*time.Hour, func(p *sim.Platform) {
				p.RenameApp(a, strings.Repeat("long", 900))
				p.RestartApp(a)
			})
		}
		s := one(web())
		Expect(len(s.Evidence)).To(And(BeNumerically("<=", 16<<10), BeNumerically(">", 8<<10)))
		Expect(json.Valid(s.Evidence)).To(BeTrue())
		Expect(string(s.Evidence)).To(ContainSubstring("left out:"))
	})
})
