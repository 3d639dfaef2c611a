package sim_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// brief is an event in short, for comparisons.
func brief(line []byte) string {
	var e struct {
		State   json.RawMessage
		Process struct{ GUID, Type *string }
		Count   struct{ Current, Previous int } `json:"instance_count"`
		Bp      struct{ Name *string }          `json:"buildpack"`
		Plan    struct{ Name *string }          `json:"service_plan"`
		Type    string                          `json:"event_type"`
	}
	Expect(json.Unmarshal(line, &e)).To(Succeed())
	if e.Type != "" {
		return strings.TrimPrefix(e.Type, "trove.instance.")
	}
	var state struct{ Current, Previous string }
	if json.Unmarshal(e.State, &state) != nil {
		return fmt.Sprintf("%s %s", strings.Trim(string(e.State), `"`), or(e.Plan.Name))
	}
	return fmt.Sprintf("%s<%s %s %d<%d %s", state.Current, state.Previous, or(e.Process.Type), e.Count.Current,
		e.Count.Previous, or(e.Bp.Name))
}

func or(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

var day = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

var _ = Describe("a platform", func() {
	var (
		p      *sim.Platform
		events []string
		raw    [][]byte
		space  *sim.Space
		ruby   = sim.Buildpack{GUID: "bp", Name: "ruby_buildpack"}
	)
	at := func(clock string) {
		t, err := time.Parse(time.TimeOnly, clock)
		Expect(err).NotTo(HaveOccurred())
		p.SetTime(day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute +
			time.Duration(t.Second())*time.Second))
	}
	// truth lists the spans of a kind in short, in the order of their starts: start-end and size.
	truth := func(kind string, size func(sim.Footprint) any) []string {
		var list []string
		for _, s := range p.Truth() {
			if s.Kind != kind {
				continue
			}
			end := "…"
			if !s.End.IsZero() {
				end = s.End.Format(time.TimeOnly)
			}
			list = append(list, fmt.Sprintf("%s-%s %v", s.Start.Format(time.TimeOnly), end, size(s.Footprint)))
		}
		return list
	}
	instances := func(f sim.Footprint) any { return f.Instances }
	BeforeEach(func() {
		events, raw = nil, nil
		p = sim.NewPlatform(1, func(e sim.Event) {
			line := append([]byte(nil), e.JSON...)
			raw = append(raw, line)
			var envelope struct {
				Message string `json:"oslo.message"`
			}
			if Expect(json.Unmarshal(line, &envelope)).To(Succeed()); envelope.Message != "" {
				line = []byte(envelope.Message)
			}
			events = append(events, brief(line))
		})
		p.SetTime(day)
		space = p.AddSpace(p.AddOrg("org", "retail"), "space", "dev")
	})

	It("writes a usage event exactly as the v3 API prints it", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512})
		at("10:00:00")
		p.StartApp(a)
		var e struct{ GUID string }
		Expect(json.Unmarshal(raw[0], &e)).To(Succeed())
		Expect(string(raw[0])).To(Equal(`{"guid":"` + e.GUID +
			`","created_at":"2026-10-01T10:00:00Z","updated_at":"2026-10-01T10:00:00Z",` +
			`"state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"A","name":"shop"},"process":{"guid":"A","type":"web"},` +
			`"space":{"guid":"space","name":"dev"},"organization":{"guid":"org"},"buildpack":{"guid":"bp","name":"ruby_buildpack"},` +
			`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":512,"previous":512},` +
			`"instance_count":{"current":2,"previous":2},` +
			`"links":{"self":{"href":"https://api.cf.example.org/v3/app_usage_events/` + e.GUID + `"}}}`))
	})

	It("splits a run where a started app is scaled, and is silent where a stopped one is", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512})
		p.ScaleProcess(a.Processes[0], 2, 512)
		at("01:00:00")
		p.StartApp(a)
		at("02:00:00")
		p.ScaleProcess(a.Processes[0], 5, 512)
		p.ScaleProcess(a.Processes[0], 5, 512)
		at("03:00:00")
		p.StopApp(a)
		Expect(events).To(Equal([]string{
			"STARTED<STOPPED web 2<2 ruby_buildpack", "STARTED<STARTED web 5<2 ruby_buildpack", "STOPPED<STARTED web " +
				"5<5 ruby_buildpack",
		}))
		Expect(truth(sim.KindApp, instances)).To(Equal([]string{"01:00:00-02:00:00 2", "02:00:00-03:00:00 5"}))
	})

	It("restarts within a second: two runs that touch", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512},
			sim.ProcessSpec{Type: "worker", MemoryMB: 64})
		p.StartApp(a)
		at("01:00:00")
		p.RestartApp(a)
		Expect(events[2:]).To(Equal([]string{
			"STOPPED<STARTED web 1<1 ruby_buildpack", "STOPPED<STARTED worker 0<0 ruby_buildpack",
			"STARTED<STOPPED web 1<1 ruby_buildpack", "STARTED<STOPPED worker 0<0 ruby_buildpack",
		}))
		Expect(p.Truth()).To(HaveLen(4))
		Expect(sim.Merge(p.Truth())).To(HaveLen(2))
		at("02:00:00")
		p.StopApp(a)
		Expect(p.Truth()).To(HaveLen(4))
		Expect(sim.Merge(p.Truth())).To(HaveLen(2))
	})

	It("deploys by starting a new web process before the old one stops", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512},
			sim.ProcessSpec{Type: "worker", Instances: 1, MemoryMB: 64})
		p.StartApp(a)
		at("01:00:00")
		p.BeginDeploy(a)
		at("01:01:00")
		Expect(p.ContinueDeploy(a)).To(BeFalse())
		at("01:02:00")
		Expect(p.ContinueDeploy(a)).To(BeFalse())
		at("01:03:00")
		Expect(p.ContinueDeploy(a)).To(BeTrue())
		Expect(events[2:]).To(Equal([]string{
			"STARTED<STOPPED web 1<1 ruby_buildpack",
			"STARTED<STARTED web 1<2 ruby_buildpack", "STARTED<STARTED web 2<1 ruby_buildpack",
			"STARTED<STARTED web 0<1 ruby_buildpack",
			"STOPPED<STARTED web 0<0 ruby_buildpack",
			"STOPPED<STARTED worker 1<1 ruby_buildpack", "STARTED<STOPPED worker 1<1 ruby_buildpack",
		}))
		Expect(a.Processes[0].GUID).NotTo(Equal("A"))
		Expect(truth(sim.KindApp, func(f sim.Footprint) any {
			return fmt.Sprint(f.ProcessType,
				f.Instances)
		})).To(ConsistOf(
			"00:00:00-01:01:00 web2", "01:01:00-01:02:00 web1", "01:02:00-01:03:00 web0",
			"01:00:00-01:01:00 web1", "01:01:00-… web2",
			"00:00:00-01:03:00 worker1", "01:03:00-… worker1",
		))
	})

	It("deletes an app with its tasks, also those that never started, and forgets the buildpack first", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512})
		p.StartApp(a)
		p.RunTask(p.CreateTask(a, "runs", 256))
		p.CreateTask(a, "waits", 256)
		at("00:10:00")
		p.DeleteApp(a)
		Expect(events[1:]).To(ConsistOf(
			"TASK_STARTED<PENDING null 1<1 null", "TASK_STOPPED<RUNNING null 1<1 null", "TASK_STOPPED<PENDING null "+
				"1<1 null",
			"STOPPED<STARTED web 1<1 null",
		))
		Expect(truth(sim.KindTask, instances)).To(Equal([]string{"00:00:00-00:10:00 1"}))
		Expect(p.Apps).To(BeEmpty())
	})

	It("keeps a custom buildpack's URL to the end, and never has one for docker", func() {
		custom := p.CreateApp(space, "", "c", sim.Buildpack{Name: "https://***:***@git.example.com/b.git"},
			sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64})
		docker := p.CreateApp(space, "", "d", sim.Buildpack{}, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64})
		for _, a := range []*sim.App{custom, docker} {
			p.StartApp(a)
			p.DeleteApp(a)
		}
		Expect(events).To(Equal([]string{
			"STARTED<STOPPED web 1<1 https://***:***@git.example.com/b.git", "STOPPED<STARTED web 1<1 " +
				"https://***:***@git.example.com/b.git",
			"STARTED<STOPPED web 1<1 null", "STOPPED<STARTED web 1<1 null",
		}))
		Expect(p.Truth()).To(BeEmpty(), "they ran for no time")
	})

	It("lets a canceled task run until it has ended", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512})
		task := p.CreateTask(a, "t", 256)
		p.RunTask(task)
		at("00:05:00")
		p.CancelTask(task)
		at("00:05:10")
		p.EndTask(task)
		p.EndTask(task)
		Expect(events).To(Equal([]string{"TASK_STARTED<PENDING null 1<1 null", "TASK_STOPPED<CANCELING null 1<1 null"}))
		Expect(truth(sim.KindTask, instances)).To(Equal([]string{"00:00:00-00:05:10 1"}))
	})

	It("adds up builds of one app", func() {
		a := p.CreateApp(space, "A", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512})
		p.BeginBuild(a)
		at("00:01:00")
		p.BeginBuild(a)
		at("00:03:00")
		p.EndBuild(a, false)
		at("00:04:00")
		p.EndBuild(a, true)
		Expect(events).To(Equal([]string{
			"STAGING_STARTED<STAGING null 1<1 ruby_buildpack", "STAGING_STARTED<STAGING null 1<1 ruby_buildpack",
			"STAGING_STOPPED<STAGING null 1<1 ruby_buildpack", "STAGING_STOPPED<STAGING null 1<1 ruby_buildpack",
			"BUILDPACK_SET<STAGED null 1<1 ruby_buildpack",
		}))
		Expect(truth(sim.KindStaging, instances)).To(Equal([]string{
			"00:00:00-00:01:00 1", "00:01:00-00:03:00 2",
			"00:03:00-00:04:00 1",
		}))
	})

	It("splits a service at a change of plan, not at a new name", func() {
		small, large := &sim.Plan{GUID: "s", Name: "small"}, &sim.Plan{GUID: "l", Name: "large"}
		s := p.CreateService(space, "", "db", small)
		p.CreateService(space, "", "mine", nil)
		at("01:00:00")
		p.RenameService(s, "orders")
		at("02:00:00")
		p.ChangePlan(s, large)
		at("03:00:00")
		p.DeleteService(s)
		Expect(events).To(Equal([]string{
			"CREATED small", "CREATED null", "UPDATED small", "UPDATED large",
			"DELETED large",
		}))
		Expect(truth(sim.KindService, func(f sim.Footprint) any { return f.Plan })).To(ConsistOf(
			"00:00:00-02:00:00 small", "02:00:00-03:00:00 large"), "a user-provided one does not run")
	})

	It("bills a database from its creation, which is told when it is up, in two tracks", func() {
		i := p.CreateInstance(&sim.Project{ID: "t"}, "db", sim.Flavor{ID: "1", Name: "tiny", MemoryMB: 512}, 1)
		at("00:05:00")
		Expect(p.Truth()).To(BeEmpty())
		p.Send(p.Activate(i))
		at("01:00:00")
		volume := p.ResizeVolume(i, 3)
		at("01:00:02")
		p.Send(volume)
		at("02:00:00")
		p.Send(p.ResizeFlavor(i, sim.Flavor{ID: "2", Name: "small", MemoryMB: 2048}))
		at("03:00:00")
		gone := p.DeleteInstance(i)
		at("03:00:30")
		p.Send(gone)
		Expect(events).To(Equal([]string{"create", "modify_volume", "modify_flavor", "delete"}))
		Expect(truth(sim.KindInstance,
			func(f sim.Footprint) any { return f.Flavor })).To(Equal([]string{
			"00:00:00-02:00:00 tiny",
			"02:00:00-03:00:00 small",
		}))
		Expect(truth(sim.KindVolume,
			func(f sim.Footprint) any { return f.VolumeGB })).To(Equal([]string{
			"00:00:00-01:00:00 1",
			"01:00:00-03:00:00 3",
		}))
	})

	DescribeTable("prices what ran, by hand",
		func(do func(), kind string, expected string) {
			do()
			amount, ok := new(big.Rat).SetString(expected)
			Expect(ok).To(BeTrue())
			Expect(p.TrueBill(day.Add(2*time.Hour), day.Add(2*time.Hour)).Total().Cmp(amount)).To(BeZero(),
				"got %s", p.TrueBill(day.Add(2*time.Hour), day.Add(2*time.Hour)).Total().FloatString(12))
			for _, kinds := range p.TrueBill(day.Add(2*time.Hour), day.Add(2*time.Hour)) {
				Expect(kinds).To(HaveKey(kind))
			}
		},
		Entry("an app: 3600 s × 2 × 512 MiB", func() {
			a := p.CreateApp(space, "", "a", ruby, sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512})
			p.StartApp(a)
			at("01:00:00")
			p.StopApp(a)
		}, sim.KindApp, "0.0036864"),
		Entry("a java app costs twice that, up to the horizon", func() {
			p.StartApp(p.CreateApp(space, "", "a", sim.Buildpack{GUID: "j", Name: "java_buildpack"},
				sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}))
		}, sim.KindApp, "0.0147456"),
		Entry("a task: started hours", func() {
			t := p.CreateTask(p.CreateApp(space, "", "a", ruby), "t", 64)
			p.RunTask(t)
			at("01:00:01")
			p.EndTask(t)
		}, sim.KindTask, "0.02"),
		Entry("a small service: whole hours are not rounded up", func() {
			s := p.CreateService(space, "", "s", &sim.Plan{Name: "small"})
			at("01:00:00")
			p.DeleteService(s)
		}, sim.KindService, "0.02"),
		Entry("any other service: 7200 s", func() { p.CreateService(space, "", "s", &sim.Plan{Name: "large"}) },
			sim.KindService, "0.072"),
		Entry("staging: 60 s × 1024 MiB", func() {
			a := p.CreateApp(space, "", "a", ruby)
			p.BeginBuild(a)
			at("00:01:00")
			p.EndBuild(a, true)
		}, sim.KindStaging, "0.00018432"),
		Entry("a database: 7200 s × 512 MiB and 10 GiB", func() {
			p.Activate(p.CreateInstance(&sim.Project{ID: "t"}, "db", sim.Flavor{ID: "1", Name: "tiny", MemoryMB: 512},
				10))
		}, sim.KindVolume, "0.0109728"),
	)
})
