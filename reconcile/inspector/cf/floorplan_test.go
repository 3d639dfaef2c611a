package cf_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

const day = 24 * time.Hour

var _ = Describe("A floorplan", func() {
	var r *rig
	BeforeEach(func() {
		r = found(lively())
		r.at(5 * day)
	})

	It("has what runs, with its size, place and name, at the platform's time", func() {
		f := r.inspects(cf.Ask{AfterSequence: 42, Billed: []string{events.KindApp, events.KindService}})
		truth := r.truth()
		Expect(len(truth)).To(BeNumerically(">", 20))
		Expect(keys(f)).To(ConsistOf(slices.Collect(maps.Keys(truth))))
		Expect(slices.IsSortedFunc(keys(f), reconcile.Key.Compare)).To(BeTrue())
		for i := range f.Materials {
			m := &f.Materials[i]
			s := truth[m.Key()]
			Expect([]string{m.App, m.Tenant, m.Space}).To(Equal([]string{s.App, s.Tenant, s.Space}))
			Expect(m.Footprint.PlanGUID).To(Equal(s.Footprint.PlanGUID))
			Expect(m.Footprint.Plan).To(Equal(s.Footprint.Plan))
			Expect(m.Footprint.Broker).To(Equal(s.Footprint.Broker))
			Expect(m.Footprint.ProcessType).To(Equal(s.Footprint.ProcessType))
			if m.Kind != events.KindService {
				Expect(m.Footprint.Instances.Or(99)).To(BeEquivalentTo(s.Footprint.Instances))
				Expect(m.Footprint.MemoryMB.Or(99)).To(BeEquivalentTo(s.Footprint.MemoryMB))
			}
			Expect(m.Footprint.Buildpack).To(BeEmpty(), "nobody asked")
			Expect(m.Since).To(BeTemporally(">=", s.Start.Truncate(time.Second)), "an upper bound of the beginning")
			Expect(m.Doubt).To(BeEmpty())
			Expect(json.Valid(m.Evidence)).To(BeTrue())
			Expect(string(m.Evidence)).To(ContainSubstring(m.Resource))
		}
		for _, l := range f.Listings {
			Expect(l.Complete).To(BeTrue(), "%+v", l)
		}
		Expect([]string{f.Source, f.Foundation}).To(Equal([]string{"cf", "eu"}))
		Expect(f.AfterSequence).To(BeEquivalentTo(42))
		Expect(f.Begun).To(Equal(r.Now().Truncate(time.Second)))
		Expect(f.Seen).To(Equal(f.Begun))
	})

	It("keeps the evidence of the materials that are wanted", func() {
		f := r.inspects(cf.Ask{Wanted: func(m *reconcile.Material) bool { return m.Kind == events.KindService }})
		for i := range f.Materials {
			Expect(f.Materials[i].Evidence != nil).To(Equal(f.Materials[i].Kind == events.KindService))
		}
	})

	It("has a process with 0 instances of a started app, and none of a stopped app", func() {
		a, b := r.started("zero"), r.started("stopped")
		r.Do(func(p *sim.Platform) {
			p.ScaleProcess(a.Processes[0], 0, 64)
			p.StopApp(b)
		})
		f := r.inspects(cf.Ask{})
		Expect(material(f, a.GUID).Footprint.Instances).To(Equal(events.Some(0)))
		Expect(material(f, b.GUID)).To(BeNil())
		Expect(f.Complete(events.KindApp)).To(BeTrue())
	})

	It("has tasks that are RUNNING and CANCELING, which both run, and none that is PENDING", func() {
		a := r.started("a")
		var pending, running, canceling *sim.Task
		r.Do(func(p *sim.Platform) {
			pending, running, canceling = p.CreateTask(a, "p", 32), p.CreateTask(a, "r", 32), p.CreateTask(a, "c", 32)
			p.RunTask(running)
			p.RunTask(canceling)
			p.CancelTask(canceling)
		})
		f := r.inspects(cf.Ask{})
		Expect(material(f, pending.GUID)).To(BeNil())
		Expect(material(f, running.GUID).Footprint).To(Equal(events.Footprint{
			Instances: events.Some(1), MemoryMB: events.Some(32),
		}))
		Expect(material(f, canceling.GUID)).NotTo(BeNil())
		Expect(listing(f, events.KindTask).Why).To(BeEmpty())
	})

	It("has sums beside it that count tasks as they are billed", func() {
		a := r.started("a")
		before, err := r.inspector().Sums(context.Background())
		Expect(err).NotTo(HaveOccurred())
		r.Do(func(p *sim.Platform) {
			p.CreateTask(a, "p", 1)
			for memory := range 2 {
				t := p.CreateTask(a, "r", 16<<memory)
				p.RunTask(t)
				if memory == 1 {
					p.CancelTask(t)
				}
			}
		})
		after, err := r.inspector().Sums(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect([]int64{after.Tasks - before.Tasks, after.MemoryMB - before.MemoryMB}).To(Equal([]int64{2, 48}))
		f := r.inspects(cf.Ask{})
		var all reconcile.Sums
		for i := range f.Materials {
			all.Add(&f.Materials[i], 1)
		}
		Expect(all.Plus(f.Beside, 1)).To(Equal(reconcile.Sums{
			Instances: after.Instances, MemoryMB: after.MemoryMB, Services: after.Services, Tasks: after.Tasks,
		}))
	})

	It("has no user-provided service instance, and nothing of an excluded space", func() {
		var own *sim.Service
		var excluded string
		r.Do(func(p *sim.Platform) {
			own = p.CreateService(p.Spaces[0], "", "own", nil)
			excluded = p.Spaces[1].Name
		})
		all := r.inspects(cf.Ask{})
		Expect(material(all, own.GUID)).To(BeNil())
		r.config.ExcludeSpaces = "^" + excluded + "$"
		some := r.inspects(cf.Ask{})
		Expect(len(some.Materials)).To(And(BeNumerically("<", len(all.Materials)), BeNumerically(">", 5)))
		for i := range some.Materials {
			Expect(some.Materials[i].SpaceName).NotTo(Equal(excluded))
		}
		Expect(some.Complete(events.KindApp)).To(BeTrue(), "the usage summary counts the space all the same")
		Expect(all.Beside).To(Equal(reconcile.Sums{}))
		var left reconcile.Sums
		for i := range all.Materials {
			if m := &all.Materials[i]; m.SpaceName == excluded {
				left.Add(m, 1)
			}
		}
		Expect(some.Beside).To(Equal(left))
	})

	It("names the buildpack of the next event, where it is asked for", func() {
		ruby, url := r.started("ruby"), r.app("custom")
		r.Do(func(p *sim.Platform) {
			p.SetBuildpack(url, sim.Buildpack{
				Name: "https://git.example.org/bp.git?token=PLANTED",
				GUID: p.Buildpacks[1].GUID, Final: p.Buildpacks[1].Name,
			})
			p.StartApp(url)
		})
		f := r.inspects(cf.Ask{Droplets: cf.NoShelf{}})
		Expect(material(f, ruby.GUID).Name).To(Equal("ruby"))
		Expect(material(f, ruby.GUID).SpaceName).To(Equal(ruby.Space.Name))
		Expect(material(f, ruby.GUID).Footprint.Buildpack).To(Equal(ruby.Buildpack.Name))
		Expect(material(f, ruby.GUID).Footprint.BuildpackGUID).To(Equal(ruby.Buildpack.GUID))
		Expect(material(f, url.GUID).Footprint.Buildpack).To(Equal("https://git.example.org/bp.git?token=***"))
		Expect(material(f, url.GUID).Footprint.BuildpackGUID).To(Equal(url.Buildpack.GUID))
		Expect(string(material(f, url.GUID).Evidence)).NotTo(ContainSubstring("PLANTED"))
	})

	It("has the service instance of a plan that is not shown at all, with the plan's guid", func() {
		r.rewrite = func(path, body string) string {
			if path == "/v3/service_instances" {
				return strings.ReplaceAll(body, `"service_plans":`, `"nothing":`)
			}
			return body
		}
		r.before = func(q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/v3/service_plans/") {
				q.URL.Path = "/v3/service_plans/hidden"
			}
		}
		s := r.service("scoped")
		f := r.inspects(cf.Ask{})
		Expect(material(f, s.GUID).Footprint).To(Equal(events.Footprint{PlanGUID: s.Plan.GUID}))
		Expect(listing(f, events.KindService).Complete).To(BeTrue())
		Expect(listing(f, events.KindService).Note).To(ContainSubstring("a plan that is not shown"))
	})

	It("is incomplete for what stands in a space that the API does not show", func() {
		r.rewrite = func(_, body string) string { return strings.ReplaceAll(body, `"spaces":`, `"nothing":`) }
		f := r.inspects(cf.Ask{})
		Expect(f.Materials).To(BeEmpty())
		Expect(listing(f, events.KindApp).Why).To(ContainSubstring("in spaces that the API does not show"))
		Expect(listing(f, events.KindService).Complete).To(BeFalse())
	})

	It("has the service instance of a plan that the list leaves out, with its names", func() {
		r.before = func(q *http.Request) {
			if q.URL.Path == "/v3/service_instances" {
				query := q.URL.Query()
				for name := range query {
					if strings.HasPrefix(name, "fields[service_plan") {
						query.Del(name)
					}
				}
				q.URL.RawQuery = query.Encode()
			}
		}
		s := r.service("scoped")
		f := r.inspects(cf.Ask{})
		Expect(material(f, s.GUID).Footprint).To(Equal(events.Footprint{
			Plan: s.Plan.Name, PlanGUID: s.Plan.GUID, Offering: s.Plan.Offering, OfferingGUID: s.Plan.OfferingGUID,
			Broker: s.Plan.Broker, BrokerGUID: s.Plan.BrokerGUID,
		}))
	})
})

var _ = Describe("A listing", func() {
	var r *rig
	BeforeEach(func() {
		r = found(lively())
		r.at(5 * day)
	})
	kinds := []string{events.KindApp, events.KindService}

	It("leaves out nothing that lives, though others are deleted and made while it is read", func() {
		r.turn(func(k *cc.Knobs) { k.PageDeletes, k.PageCreates = 0.3, 0.3 })
		before := r.truth()
		f := r.inspects(cf.Ask{})
		lived := 0
		for key := range r.truth() {
			if _, then := before[key]; then && key.Kind != events.KindTask {
				lived++
				Expect(keys(f)).To(ContainElement(key))
			}
		}
		Expect(lived).To(And(BeNumerically(">", 5), BeNumerically("<", len(before))))
		notes := ""
		for _, l := range f.Listings {
			notes += l.Note
		}
		Expect(notes).To(ContainSubstring("changed from page to page"))
	})

	It("of half of what is there does not agree with the usage summary, and is taken three times", func() {
		r.turn(func(k *cc.Knobs) { k.PartialLists = 1 })
		f := r.inspects(cf.Ask{})
		for _, kind := range kinds {
			l := listing(f, kind)
			Expect(l.Complete).To(BeFalse())
			Expect(l.Why).To(And(ContainSubstring("the usage summary"), ContainSubstring("it was taken 3 times")))
			Expect(f.CompleteFor(kind, f.Materials[0].Tenant)).To(BeFalse())
		}
	})

	DescribeTable("asks for what the one list left out, and the other names", func(half string) {
		r = found(quiet())
		for i := range 13 {
			r.started(fmt.Sprint("app-", i))
		}
		r.before = func(q *http.Request) {
			r.turn(func(k *cc.Knobs) {
				k.PartialLists = 0
				if q.URL.Path == half && !q.URL.Query().Has("guids") && !q.URL.Query().Has("app_guids") {
					k.PartialLists = 1
				}
			})
		}
		f := r.inspects(cf.Ask{})
		Expect(listing(f, events.KindApp).Why).To(BeEmpty())
		Expect(keys(f)).To(HaveLen(13))
	},
		Entry("apps", "/v3/apps"),
		Entry("processes, where each app has one", "/v3/processes"),
	)

	It("with fewer rows than it tells of is incomplete, though the sums agree", func() {
		r.rewrite = func(path, body string) string {
			if path != "/v3/service_instances" {
				return body
			}
			return strings.Replace(body, `"total_results":`, `"total_results":1`, 1)
		}
		f := r.inspects(cf.Ask{})
		Expect(listing(f, events.KindService).Why).To(ContainSubstring("service instances were listed"))
		Expect(f.Complete(events.KindApp)).To(BeTrue())
	})

	It("that no sum of the usage summary agrees with says both numbers", func() {
		r.rewrite = func(path, body string) string {
			if path != "/v3/info/usage_summary" {
				return body
			}
			return strings.Replace(body, `"memory_in_mb":`, `"memory_in_mb":9`, 1)
		}
		f := r.inspects(cf.Ask{})
		for _, kind := range []string{events.KindApp, events.KindTask} {
			Expect(listing(f, kind).Why).To(MatchRegexp(`have \d+ MiB of started instances and running tasks, the usage `+
				`summary 9\d+`), "it is not told which of both")
		}
	})

	It("counts a service instance once that stands on two pages, as a shared one might", func() {
		twice := 0
		r.rewrite = func(path, body string) string {
			if path != "/v3/service_instances" {
				return body
			}
			head, rows, _ := strings.Cut(body, `"resources":[`)
			first, _, more := strings.Cut(rows, `},{"created_at"`)
			if !more || twice > 0 {
				return body
			}
			twice++
			return head + `"resources":[` + first + `},` + rows
		}
		r.config.API.ListSize = 500
		f := r.inspects(cf.Ask{})
		Expect(twice).To(Equal(1))
		Expect(listing(f, events.KindService).Complete).To(BeTrue())
		Expect(listing(f, events.KindService).Note).To(ContainSubstring("1 service instances stood on two pages"))
	})

	It("is complete where the second take agrees", func() {
		r.turn(func(k *cc.Knobs) { k.PartialLists = 1 })
		summaries := 0
		r.before = func(q *http.Request) {
			if strings.HasSuffix(q.URL.Path, "usage_summary") {
				if summaries++; summaries == 2 {
					r.turn(func(k *cc.Knobs) { k.PartialLists = 0 })
				}
			}
		}
		f := r.inspects(cf.Ask{})
		Expect(keys(f)).To(ConsistOf(slices.Collect(maps.Keys(r.truth()))))
		Expect(f.Complete(events.KindApp) && f.Complete(events.KindService)).To(BeTrue(), "%+v", f.Listings)
		Expect(summaries).To(Equal(4), "one before, one behind each of two takes, one at the end")
	})

	It("that is empty with status 200 is incomplete", func() {
		r.turn(func(k *cc.Knobs) { k.EmptyLists = 1 })
		f := r.inspects(cf.Ask{})
		Expect(f.Materials).To(BeEmpty())
		for _, kind := range kinds {
			Expect(listing(f, kind).Why).To(ContainSubstring("the lists have 0"))
			Expect(f.Empty(kind)).To(BeFalse())
		}
	})

	It("that is empty, as the usage summary has it, is incomplete if the kind is billed", func() {
		r = found(quiet())
		r.started("a")
		f := r.inspects(cf.Ask{})
		Expect(f.Complete(events.KindTask)).To(BeTrue())
		f = r.inspects(cf.Ask{Billed: []string{events.KindTask}})
		Expect(listing(f, events.KindTask).Why).To(ContainSubstring("it is billed, and listed as empty"))
		Expect(f.Empty(events.KindTask)).To(BeTrue())
		Expect(f.Empty(events.KindApp)).To(BeFalse())
		Expect(f.Complete(events.KindApp)).To(BeTrue())
		r = found(quiet())
		f = r.inspects(cf.Ask{Billed: kinds})
		Expect(f.Materials).To(BeEmpty())
		Expect(f.Empty(events.KindTask)).To(BeFalse(), "nothing at all is shown")
	})

	It("is none without the scope for all organizations", func() {
		r.turn(func(k *cc.Knobs) { k.MissingGlobalScope = true })
		_, err := r.inspector().Inspect(context.Background(), cf.Ask{})
		Expect(err).To(MatchError(cfapi.ErrNoGlobalRead))
		_, err = r.inspector().Sums(context.Background())
		Expect(err).To(MatchError(cfapi.ErrNoGlobalRead))
	})

	It("is none where the scope is lost on the way, wherever that is", func() {
		r.config.API.ListSize = 30
		r.asked.Store(0)
		r.inspects(cf.Ask{})
		whole := int(r.asked.Load()) - 2 // without the root document and the token
		Expect(whole).To(BeNumerically(">", 5))
		for n := 1; n < whole; n++ {
			r.turn(func(k *cc.Knobs) { k.ScopeAfter = n })
			_, err := r.inspector().Inspect(context.Background(), cf.Ask{Droplets: cf.NoShelf{}})
			Expect(err).To(MatchError(cfapi.ErrNoGlobalRead), "after %d of %d requests", n, whole)
		}
	})

	It("of an API server that lags does not agree with the summary of one that does not", func() {
		a := r.started("new")
		r.turn(func(k *cc.Knobs) { k.LagRate = 1 })
		r.Do(func(p *sim.Platform) { p.ScaleProcess(a.Processes[0], 7, 64) })
		r.before = func(q *http.Request) {
			r.turn(func(k *cc.Knobs) {
				k.LagRate = 1
				if strings.HasSuffix(q.URL.Path, "usage_summary") {
					k.LagRate = 0
				}
			})
		}
		f := r.inspects(cf.Ask{})
		Expect(material(f, a.GUID).Footprint.Instances).To(Equal(events.Some(2)), "as it was")
		Expect(listing(f, events.KindApp).Why).To(ContainSubstring("started instances, the usage summary"))
		Expect(f.Complete(events.KindService)).To(BeTrue())
	})

	It("stays within a tenth of the rate limit, and says when it may be taken", func() {
		r.turn(func(k *cc.Knobs) { k.RateLimit, k.RetryAfter = 50, cc.Duration(time.Hour) })
		r.asked.Store(0)
		_, err := r.inspector().Inspect(context.Background(), cf.Ask{})
		var wait *cfapi.WaitError
		Expect(errors.As(err, &wait)).To(BeTrue(), "%v", err)
		Expect(wait.Until).To(BeTemporally(">", time.Now().Add(50*time.Minute)))
		Expect(r.asked.Load()).To(BeNumerically("<=", 5+2))
	})

	It("waits where the API answers 429, and is taken to its end", func() {
		r.turn(func(k *cc.Knobs) { k.RateLimitRate, k.RateLimit, k.RetryAfter = 0.2, 10_000, 0 })
		f := r.inspects(cf.Ask{})
		Expect(f.Complete(events.KindApp)).To(BeTrue())
		Expect(r.Status().Faults["rate_limit"]).To(BeNumerically(">", 1))
	})
})

var _ = Describe("A process that was made while its app runs", func() {
	var r *rig
	var a *sim.App
	var worker *sim.Process
	BeforeEach(func() {
		r = found(quiet())
		a = r.started("a")
		r.at(time.Hour)
		r.Do(func(p *sim.Platform) {
			worker = p.AddProcess(a, sim.ProcessSpec{Type: "worker", Instances: 3, MemoryMB: 64})
		})
	})

	It("is not there: it is not in the sum, and has no instance up", func() {
		f := r.inspects(cf.Ask{})
		Expect(keys(f)).To(Equal([]reconcile.Key{{Kind: events.KindApp, Resource: a.GUID}}))
		Expect(listing(f, events.KindApp).Complete).To(BeTrue())
	})

	It("is there once its app is started again", func() {
		r.Do(func(p *sim.Platform) { p.RestartApp(a) })
		f := r.inspects(cf.Ask{})
		Expect(material(f, worker.GUID).Footprint.Instances).To(Equal(events.Some(3)))
		Expect(r.looks(billed(worker, time.Time{}))[0].There).To(BeTrue())
	})

	It("has a doubt when it is looked at alone: all of its instances are down", func() {
		s := r.looks(billed(worker, start), billed(a.Processes[0], start))
		Expect(s[0].There).To(BeFalse())
		Expect(s[0].Doubt).To(ContainSubstring("never started"))
		Expect(s[1].There).To(BeTrue())
		Expect(s[1].Doubt).To(BeEmpty())
	})

	It("has a doubt where the sums do not decide: it proves neither a start nor a stop", func() {
		r.rewrite = func(_, body string) string {
			return strings.Replace(body, `"started_instances":2`, `"started_instances":3`, 1)
		}
		f := r.inspects(cf.Ask{})
		Expect(material(f, worker.GUID).Doubt).To(ContainSubstring("all of its instances are down"))
		Expect(material(f, a.GUID).Doubt).To(BeEmpty())
		Expect(listing(f, events.KindApp).Complete).To(BeTrue())
		Expect(listing(f, events.KindApp).Note).To(ContainSubstring("1 processes may not run"))
	})

	It("makes the listing incomplete where the API tells no instances", func() {
		r.turn(func(k *cc.Knobs) { k.NoStats = true })
		f := r.inspects(cf.Ask{})
		Expect(listing(f, events.KindApp).Why).To(ContainSubstring(
			"the lists have 5 started instances, the usage summary 2"))
		Expect(r.looks(billed(worker, start))[0].Doubt).To(ContainSubstring("the API does not tell"))
	})
})
