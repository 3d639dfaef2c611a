package sim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// line is an event as the specifications below read it.
type line struct {
	GUID      string
	CreatedAt string `json:"created_at"`
	State     json.RawMessage
	App       pair
	Process   nullable
	Space     pair
	Buildpack nullable
	Task      nullable
	Memory    sizes `json:"memory_in_mb_per_instance"`
	Count     sizes `json:"instance_count"`

	Service  pair     `json:"service_instance"`
	Plan     nullable `json:"service_plan"`
	Offering nullable `json:"service_offering"`
	Broker   nullable `json:"service_broker"`
}

type nullable struct{ GUID, Name, Type *string }

type sizes struct{ Current, Previous *int }

// states is "current<previous", or the plain state of a service's event.
func (l *line) states() string {
	var state struct{ Current, Previous *string }
	if json.Unmarshal(l.State, &state) != nil {
		return strings.Trim(string(l.State), `"`)
	}
	return or(state.Current) + "<" + or(state.Previous)
}

// ruby is the buildpack of the apps below.
var ruby = sim.Buildpack{GUID: "bp", Name: "ruby_buildpack"}

// facts is a platform with one space, and its events.
type facts struct {
	*sim.Platform
	lines []line
	about []sim.Event // without their JSON
	space *sim.Space
}

// newFacts makes a platform for each spec of the container.
func newFacts() *facts {
	f := &facts{}
	BeforeEach(func() {
		f.lines, f.about = nil, nil
		f.Platform = sim.NewPlatform(1, func(e sim.Event) {
			var l line
			Expect(json.Unmarshal(e.JSON, &l)).To(Succeed())
			e.JSON = nil
			f.lines, f.about = append(f.lines, l), append(f.about, e)
			Expect(e.GUID).To(Equal(l.GUID))
			Expect(e.Time.Format(time.RFC3339)).To(Equal(l.CreatedAt))
			Expect(l.states()).To(HavePrefix(e.State))
		})
		f.SetTime(day)
		f.space = f.AddSpace(f.AddOrg("org", "retail"), "space", "dev")
	})
	return f
}

// app makes an app, by default with one web process.
func (f *facts) app(specs ...sim.ProcessSpec) *sim.App {
	if len(specs) == 0 {
		specs = []sim.ProcessSpec{{Type: "web", Instances: 2, MemoryMB: 512}}
	}
	return f.CreateApp(f.space, "A", "shop", ruby, specs...)
}

func (f *facts) later(d time.Duration) { f.SetTime(f.Now().Add(d)) }

// states are the states of the events.
func (f *facts) states() []string {
	var list []string
	for i := range f.lines {
		list = append(list, f.lines[i].states())
	}
	return list
}

// spans are the platform's truth in short: kind, times, instances, buildpack or plan.
func (f *facts) spans() []string {
	var list []string
	for _, s := range f.Truth() {
		end := "…"
		if !s.End.IsZero() {
			end = s.End.Format(time.TimeOnly)
		}
		list = append(list, fmt.Sprintf("%s %s-%s %d %s%s", s.Kind, s.Start.Format(time.TimeOnly), end,
			s.Footprint.Instances, s.Footprint.Buildpack, s.Footprint.Plan))
	}
	return list
}

// The facts are Cloud Controller's, by its own specs (cloudfoundry/cloud_controller_ng), named in
// each entry.
var _ = Describe("Cloud Controller's facts", func() {
	f := newFacts()

	Describe("of processes (spec/unit/models/runtime/process_model_spec.rb)", func() {
		It("creates one without an event (:1410)", func() {
			f.app()
			Expect(f.lines).To(BeEmpty())
		})
		It("starts with one event and stops with one (:1502, :1513)", func() {
			a := f.app()
			f.StartApp(a)
			f.StartApp(a)
			Expect(f.states()).To(Equal([]string{"STARTED<STOPPED"}))
			f.StopApp(a)
			f.StopApp(a)
			Expect(f.states()).To(Equal([]string{"STARTED<STOPPED", "STOPPED<STARTED"}))
		})
		It("scales a started one with one event, a stopped one with none (:1525, :1534, :1543, :1552)", func() {
			a := f.app()
			f.ScaleProcess(a.Processes[0], 3, 256)
			Expect(f.lines).To(BeEmpty())
			f.StartApp(a)
			f.ScaleProcess(a.Processes[0], 4, 256)
			f.ScaleProcess(a.Processes[0], 4, 1024)
			Expect(f.states()).To(Equal([]string{"STARTED<STOPPED", "STARTED<STARTED", "STARTED<STARTED"}))
		})
		It("destroys a started one with one event, a stopped one with none (:1609, :1617)", func() {
			a := f.app()
			f.StartApp(a)
			f.DeleteApp(a)
			Expect(f.states()).To(Equal([]string{"STARTED<STOPPED", "STOPPED<STARTED"}))
			f.lines = nil
			f.DeleteApp(f.app())
			Expect(f.lines).To(BeEmpty())
		})
		It("tells the sizes before (spec/unit/repositories/app_usage_event_repository_spec.rb:188)", func() {
			a := f.app()
			f.StartApp(a)
			f.ScaleProcess(a.Processes[0], 5, 1024)
			Expect([]int{
				*f.lines[1].Count.Current, *f.lines[1].Count.Previous, *f.lines[1].Memory.Current,
				*f.lines[1].Memory.Previous,
			}).
				To(Equal([]int{5, 2, 1024, 512}))
		})
		It("restarts two processes with two endings and two beginnings, a stopped app with two beginnings "+
			"(spec/unit/actions/app_restart_spec.rb:110, :159)", func() {
			a := f.app(sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}, sim.ProcessSpec{
				Type:     "worker",
				MemoryMB: 64,
			})
			f.RestartApp(a)
			f.RestartApp(a)
			Expect(f.states()).To(Equal([]string{
				"STARTED<STOPPED", "STARTED<STOPPED", "STOPPED<STARTED", "STOPPED<STARTED", "STARTED<STOPPED",
				"STARTED<STOPPED",
			}))
			Expect(f.about[2].Call).To(Equal(f.about[5].Call), "one call")
			Expect(f.about[1].Call).NotTo(Equal(f.about[2].Call))
		})
		It("is silent about a crash and about names, until the next event", func() {
			a := f.app()
			f.StartApp(a)
			f.Crash(a.Processes[0])
			f.RenameApp(a, "store")
			f.RenameSpace(f.space, "prod")
			f.RenameOrg(f.space.Org, "trade")
			Expect(f.lines).To(HaveLen(1))
			f.ScaleProcess(a.Processes[0], 1, 512)
			Expect([]string{f.lines[1].App.Name, f.lines[1].Space.Name}).To(Equal([]string{"store", "prod"}))
		})
		It("takes a deployment back: the new web process ends, the old one is what it was", func() {
			a := f.app()
			f.StartApp(a)
			f.BeginDeploy(a)
			f.ContinueDeploy(a)
			f.CancelDeploy(a)
			Expect(f.states()[2:]).To(Equal([]string{
				"STARTED<STARTED", "STARTED<STARTED", "STARTED<STARTED",
				"STOPPED<STARTED",
			}))
			Expect(a.Processes).To(HaveLen(1))
			Expect([]any{a.Processes[0].GUID, a.Processes[0].Instances, a.Deploying()}).To(Equal([]any{"A", 2, false}))
		})
		It("ends both web processes of a deployment when the app stops or goes", func() {
			a := f.app()
			f.StartApp(a)
			f.BeginDeploy(a)
			f.DeleteApp(a)
			Expect(f.states()).To(Equal([]string{
				"STARTED<STOPPED", "STARTED<STOPPED", "STOPPED<STARTED",
				"STOPPED<STARTED",
			}))
			Expect(f.about[2].Resource).NotTo(Equal(f.about[3].Resource))
		})
	})

	Describe("of buildpacks (spec/unit/repositories/app_usage_event_repository_spec.rb)", func() {
		It("has a custom one's URL and no guid (:110), with what Cloud Controller hides (:122) and what it does "+
			"not", func() {
			f.StartApp(f.CreateApp(f.space, "", "c",
				sim.Buildpack{Name: "https://***:***@git.example.com/b.git?token=x"},
				sim.ProcessSpec{Type: "web"}))
			Expect(f.lines[0].Buildpack.GUID).To(BeNil())
			Expect(*f.lines[0].Buildpack.Name).To(Equal("https://***:***@git.example.com/b.git?token=x"))
		})
		It("has the first custom URL beside the final one's guid, where there are several", func() {
			a := f.CreateApp(f.space, "", "m", sim.Buildpack{
				Name: "https://example.com/apt.git", GUID: "bp",
				Final: "ruby_buildpack",
			}, sim.ProcessSpec{Type: "web"})
			f.BeginBuild(a)
			f.EndBuild(a, true)
			f.StartApp(a)
			f.DeleteApp(a)
			var found []string
			for _, l := range f.lines {
				found = append(found, or(l.Buildpack.GUID)+" "+or(l.Buildpack.Name))
			}
			Expect(found).To(Equal([]string{
				"null https://example.com/apt.git", "null https://example.com/apt.git", "bp ruby_buildpack",
				"bp https://example.com/apt.git", "null https://example.com/apt.git",
			}))
		})
		It("has neither for docker, not even for a build (:137, :423)", func() {
			a := f.CreateApp(f.space, "", "d", sim.Buildpack{}, sim.ProcessSpec{Type: "web"})
			f.BeginBuild(a)
			f.EndBuild(a, true)
			f.StartApp(a)
			Expect(f.states()).To(Equal([]string{
				"STAGING_STARTED<STAGING", "STAGING_STOPPED<STAGING",
				"BUILDPACK_SET<STAGED", "STARTED<STOPPED",
			}))
			for _, l := range f.lines {
				Expect([]any{l.Buildpack.GUID, l.Buildpack.Name}).To(HaveEach(BeNil()))
			}
		})
		It("shows a custom buildpack that the app is configured with before anything is staged with it, at the next "+
			"event", func() {
			a := f.app()
			f.StartApp(a)
			f.SetBuildpack(a, sim.Buildpack{Name: "https://example.com/b.git"})
			Expect(f.lines).To(HaveLen(1))
			f.later(time.Hour)
			f.ScaleProcess(a.Processes[0], 3, 512)
			Expect([]string{*f.lines[1].Buildpack.GUID, *f.lines[1].Buildpack.Name}).To(Equal([]string{
				"bp",
				"https://example.com/b.git",
			}))
			Expect(f.spans()).To(Equal([]string{"app 00:00:00-01:00:00 2 ruby_buildpack", "app 01:00:00-… 3 " +
				"https://example.com/b.git"}))
		})
		It("keeps the droplet's buildpack while another of the foundation's is configured, until the droplet "+
			"changes", func() {
			a := f.app()
			f.StartApp(a)
			f.SetBuildpack(a, sim.Buildpack{GUID: "go", Name: "go_buildpack"})
			f.BeginBuild(a)
			droplet := f.EndBuild(a, true)
			f.ScaleProcess(a.Processes[0], 3, 512)
			f.AssignDroplet(a, droplet)
			Expect(f.states()).To(HaveLen(5))
			f.RestartApp(a)
			Expect([]string{*f.lines[4].Buildpack.Name, *f.lines[5].Buildpack.Name, *f.lines[6].Buildpack.Name}).
				To(Equal([]string{"ruby_buildpack", "go_buildpack", "go_buildpack"}))
			Expect(a.Droplet).To(BeIdenticalTo(droplet))
		})
	})

	Describe("of builds", func() {
		It("reports 1 × 1024 MB, previous STAGING, no process (app_usage_event_repository_spec.rb:333)", func() {
			a := f.app()
			f.BeginBuild(a)
			Expect([]any{
				*f.lines[0].Count.Current, *f.lines[0].Count.Previous, *f.lines[0].Memory.Current,
				*f.lines[0].Memory.Previous,
			}).
				To(Equal([]any{1, 1, 1024, 1024}))
			Expect([]any{f.lines[0].Process.GUID, f.lines[0].Process.Type, f.lines[0].Task.GUID}).To(HaveEach(BeNil()))
			Expect(f.lines[0].App.GUID).To(Equal("A"))
		})
		It("ends a failed one without BUILDPACK_SET (spec/unit/models/runtime/build_model_spec.rb:242), a staged one "+
			"with one (staging_completion_handler_spec.rb:500)", func() {
			a := f.app()
			f.BeginBuild(a)
			f.BeginBuild(a)
			Expect(f.EndBuild(a, false)).To(BeNil())
			Expect(f.EndBuild(a, true)).NotTo(BeNil())
			Expect(f.states()).To(Equal([]string{
				"STAGING_STARTED<STAGING", "STAGING_STARTED<STAGING", "STAGING_STOPPED<STAGING",
				"STAGING_STOPPED<STAGING", "BUILDPACK_SET<STAGED",
			}))
		})
	})

	Describe("of tasks (spec/unit/models/runtime/task_model_spec.rb)", func() {
		It("reports one when it runs, not when it is made (:8, :111), without a process "+
			"(app_usage_event_repository_spec.rb:234)", func() {
			a := f.app()
			t := f.CreateTask(a, "t", 256)
			Expect(f.lines).To(BeEmpty())
			f.RunTask(t)
			Expect(f.states()).To(Equal([]string{"TASK_STARTED<PENDING"}))
			Expect([]any{
				f.lines[0].Process.GUID, f.lines[0].Process.Type, f.lines[0].Buildpack.GUID,
				f.lines[0].Buildpack.Name,
			}).To(HaveEach(BeNil()))
			Expect(f.about[0].Resource).To(Equal(t.GUID))
		})
		It("is silent about one that fails while it is pending (:48), or is canceled before it ran (:75)", func() {
			a := f.app()
			f.EndTask(f.CreateTask(a, "fails", 256))
			t := f.CreateTask(a, "canceled", 256)
			f.CancelTask(t)
			f.RunTask(t)
			f.EndTask(t)
			Expect(f.lines).To(BeEmpty())
			Expect(a.Tasks).To(BeEmpty())
		})
		It("reports the end of one that was canceled while it ran (:62), once (:87)", func() {
			t := f.CreateTask(f.app(), "t", 256)
			f.RunTask(t)
			f.CancelTask(t)
			Expect(t.State()).To(Equal("CANCELING"))
			f.EndTask(t)
			f.EndTask(t)
			Expect(f.states()).To(Equal([]string{"TASK_STARTED<PENDING", "TASK_STOPPED<CANCELING"}))
		})
		It("ends every task of an app that is deleted, started or not (:134, spec/unit/actions/task_delete_spec.rb:64)",
			func() {
				a := f.app()
				f.CreateTask(a, "pending", 256)
				f.RunTask(f.CreateTask(a, "running", 256))
				canceling := f.CreateTask(a, "canceling", 256)
				f.RunTask(canceling)
				f.CancelTask(canceling)
				f.lines = nil
				f.later(time.Minute)
				f.DeleteApp(a)
				Expect(f.states()).To(ConsistOf("TASK_STOPPED<PENDING", "TASK_STOPPED<RUNNING",
					"TASK_STOPPED<CANCELING"))
				Expect(f.spans()).To(HaveLen(2))
			})
	})

	Describe("of service instances", func() {
		small := &sim.Plan{
			GUID: "s", Name: "small", OfferingGUID: "o", Offering: "postgres", BrokerGUID: "b",
			Broker: "broker",
		}
		It("reports CREATED, UPDATED for plan and name, DELETED (managed_service_instance_spec.rb:150, "+
			"service_instance_spec.rb:199, :215, :230)", func() {
			s := f.CreateService(f.space, "", "db", small)
			f.ChangePlan(s, &sim.Plan{GUID: "l", Name: "large"})
			f.RenameService(s, "orders")
			f.DeleteService(s)
			Expect(f.states()).To(Equal([]string{"CREATED", "UPDATED", "UPDATED", "DELETED"}))
			Expect(*f.lines[2].Plan.Name).To(Equal("large"))
			Expect(f.lines[2].Service.Name).To(Equal("orders"))
			Expect(f.about).To(HaveEach(HaveField("List", sim.ListService)))
		})
		It("is silent about parameters and the same name (service_instances_controller_spec.rb:1775, :1891)", func() {
			s := f.CreateService(f.space, "", "db", small)
			f.UpdateService(s)
			f.RenameService(s, "db")
			Expect(f.lines).To(HaveLen(1))
		})
		It("reports user-provided ones without a plan (user_provided_service_instance_spec.rb:112)", func() {
			f.DeleteService(f.CreateService(f.space, "", "mine", nil))
			Expect(f.states()).To(Equal([]string{"CREATED", "DELETED"}))
			Expect([]any{f.lines[0].Plan.GUID, f.lines[0].Offering.Name, f.lines[0].Broker.GUID}).To(HaveEach(BeNil()))
			Expect(f.lines[0].Service.Type).To(Equal("user_provided_service_instance"))
		})
		It("has one that the broker failed to make until somebody deletes it "+
			"(service_instance_create_managed.rb#precursor)", func() {
			s := f.CreateService(f.space, "", "db", small)
			f.later(time.Minute)
			f.FailProvision(s)
			f.later(time.Minute)
			f.DeleteService(s)
			Expect(f.states()).To(Equal([]string{"CREATED", "DELETED"}))
			Expect(f.spans()).To(Equal([]string{"service 00:00:00-00:02:00 0 small"}))
		})
	})
})
