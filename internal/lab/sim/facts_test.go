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

// The facts are those of Cloud Controller's own specs (cloudfoundry/cloud_controller_ng), which
// each entry names.
var _ = Describe("Cloud Controller's facts", func() {
	var (
		p     *sim.Platform
		lines []line
		about []sim.Event
		space *sim.Space
		ruby  = sim.Buildpack{GUID: "bp", Name: "ruby_buildpack"}
	)
	BeforeEach(func() {
		lines, about = nil, nil
		p = sim.NewPlatform(1, func(e sim.Event) {
			var l line
			Expect(json.Unmarshal(e.JSON, &l)).To(Succeed())
			e.JSON = nil
			lines, about = append(lines, l), append(about, e)
			Expect(e.GUID).To(Equal(l.GUID))
			Expect(e.Time.Format(time.RFC3339)).To(Equal(l.CreatedAt))
			Expect(l.states()).To(HavePrefix(e.State))
		})
		p.SetTime(day)
		space = p.AddSpace(p.AddOrg("org", "retail"), "space", "dev")
	})
	app := func(specs ...sim.ProcessSpec) *sim.App {
		if len(specs) == 0 {
			specs = []sim.ProcessSpec{{Type: "web", Instances: 2, MemoryMB: 512}}
		}
		return p.CreateApp(space, "A", "shop", ruby, specs...)
	}
	later := func(d time.Duration) { p.SetTime(p.Now().Add(d)) }
	told := func() []string {
		var list []string
		for i := range lines {
			list = append(list, lines[i].states())
		}
		return list
	}
	// running tells what the truth has as running: kind, instances and buildpack, or plan.
	spans := func() []string {
		var list []string
		for _, s := range p.Truth() {
			end := "…"
			if !s.End.IsZero() {
				end = s.End.Format(time.TimeOnly)
			}
			list = append(list, fmt.Sprintf("%s %s-%s %d %s%s", s.Kind, s.Start.Format(time.TimeOnly), end,
				s.Footprint.Instances, s.Footprint.Buildpack, s.Footprint.Plan))
		}
		return list
	}

	Describe("of processes (spec/unit/models/runtime/process_model_spec.rb)", func() {
		It("creates one without an event (:1410)", func() {
			app()
			Expect(lines).To(BeEmpty())
		})
		It("starts with one event and stops with one (:1502, :1513)", func() {
			a := app()
			p.StartApp(a)
			p.StartApp(a)
			Expect(told()).To(Equal([]string{"STARTED<STOPPED"}))
			p.StopApp(a)
			p.StopApp(a)
			Expect(told()).To(Equal([]string{"STARTED<STOPPED", "STOPPED<STARTED"}))
		})
		It("scales a started one with one event, a stopped one with none (:1525, :1534, :1543, :1552)", func() {
			a := app()
			p.ScaleProcess(a.Processes[0], 3, 256)
			Expect(lines).To(BeEmpty())
			p.StartApp(a)
			p.ScaleProcess(a.Processes[0], 4, 256)
			p.ScaleProcess(a.Processes[0], 4, 1024)
			Expect(told()).To(Equal([]string{"STARTED<STOPPED", "STARTED<STARTED", "STARTED<STARTED"}))
		})
		It("destroys a started one with one event, a stopped one with none (:1609, :1617)", func() {
			a := app()
			p.StartApp(a)
			p.DeleteApp(a)
			Expect(told()).To(Equal([]string{"STARTED<STOPPED", "STOPPED<STARTED"}))
			lines = nil
			p.DeleteApp(app())
			Expect(lines).To(BeEmpty())
		})
		It("tells the sizes before (spec/unit/repositories/app_usage_event_repository_spec.rb:188)", func() {
			a := app()
			p.StartApp(a)
			p.ScaleProcess(a.Processes[0], 5, 1024)
			Expect([]int{
				*lines[1].Count.Current, *lines[1].Count.Previous, *lines[1].Memory.Current,
				*lines[1].Memory.Previous,
			}).
				To(Equal([]int{5, 2, 1024, 512}))
		})
		It("restarts two processes with two endings and two beginnings, a stopped app with two beginnings "+
			"(spec/unit/actions/app_restart_spec.rb:110, :159)", func() {
			a := app(sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}, sim.ProcessSpec{
				Type:     "worker",
				MemoryMB: 64,
			})
			p.RestartApp(a)
			p.RestartApp(a)
			Expect(told()).To(Equal([]string{
				"STARTED<STOPPED", "STARTED<STOPPED", "STOPPED<STARTED", "STOPPED<STARTED", "STARTED<STOPPED",
				"STARTED<STOPPED",
			}))
			Expect(about[2].Call).To(Equal(about[5].Call), "one call")
			Expect(about[1].Call).NotTo(Equal(about[2].Call))
		})
		It("is silent about a crash and about names, until the next event", func() {
			a := app()
			p.StartApp(a)
			p.Crash(a.Processes[0])
			p.RenameApp(a, "store")
			p.RenameSpace(space, "prod")
			p.RenameOrg(space.Org, "trade")
			Expect(lines).To(HaveLen(1))
			p.ScaleProcess(a.Processes[0], 1, 512)
			Expect([]string{lines[1].App.Name, lines[1].Space.Name}).To(Equal([]string{"store", "prod"}))
		})
		It("takes a deployment back: the new web process ends, the old one is what it was", func() {
			a := app()
			p.StartApp(a)
			p.BeginDeploy(a)
			p.ContinueDeploy(a)
			p.CancelDeploy(a)
			Expect(told()[2:]).To(Equal([]string{
				"STARTED<STARTED", "STARTED<STARTED", "STARTED<STARTED",
				"STOPPED<STARTED",
			}))
			Expect(a.Processes).To(HaveLen(1))
			Expect([]any{a.Processes[0].GUID, a.Processes[0].Instances, a.Deploying()}).To(Equal([]any{"A", 2, false}))
		})
		It("ends both web processes of a deployment when the app stops or goes", func() {
			a := app()
			p.StartApp(a)
			p.BeginDeploy(a)
			p.DeleteApp(a)
			Expect(told()).To(Equal([]string{
				"STARTED<STOPPED", "STARTED<STOPPED", "STOPPED<STARTED",
				"STOPPED<STARTED",
			}))
			Expect(about[2].Resource).NotTo(Equal(about[3].Resource))
		})
	})

	Describe("of buildpacks (spec/unit/repositories/app_usage_event_repository_spec.rb)", func() {
		It("has a custom one's URL and no guid (:110), with what Cloud Controller hides (:122) and what it does "+
			"not", func() {
			p.StartApp(p.CreateApp(space, "", "c", sim.Buildpack{Name: "https://***:***@git.example.com/b.git?token=x"},
				sim.ProcessSpec{Type: "web"}))
			Expect(lines[0].Buildpack.GUID).To(BeNil())
			Expect(*lines[0].Buildpack.Name).To(Equal("https://***:***@git.example.com/b.git?token=x"))
		})
		It("has the first custom URL beside the final one's guid, where there are several", func() {
			a := p.CreateApp(space, "", "m", sim.Buildpack{
				Name: "https://example.com/apt.git", GUID: "bp",
				Final: "ruby_buildpack",
			}, sim.ProcessSpec{Type: "web"})
			p.BeginBuild(a)
			p.EndBuild(a, true)
			p.StartApp(a)
			p.DeleteApp(a)
			var found []string
			for _, l := range lines {
				found = append(found, or(l.Buildpack.GUID)+" "+or(l.Buildpack.Name))
			}
			Expect(found).To(Equal([]string{
				"null https://example.com/apt.git", "null https://example.com/apt.git", "bp ruby_buildpack",
				"bp https://example.com/apt.git", "null https://example.com/apt.git",
			}))
		})
		It("has neither for docker, not even for a build (:137, :423)", func() {
			a := p.CreateApp(space, "", "d", sim.Buildpack{}, sim.ProcessSpec{Type: "web"})
			p.BeginBuild(a)
			p.EndBuild(a, true)
			p.StartApp(a)
			Expect(told()).To(Equal([]string{
				"STAGING_STARTED<STAGING", "STAGING_STOPPED<STAGING",
				"BUILDPACK_SET<STAGED", "STARTED<STOPPED",
			}))
			for _, l := range lines {
				Expect([]any{l.Buildpack.GUID, l.Buildpack.Name}).To(HaveEach(BeNil()))
			}
		})
		It("shows a custom buildpack that the app is configured with before anything is staged with it, at the next "+
			"event", func() {
			a := app()
			p.StartApp(a)
			p.SetBuildpack(a, sim.Buildpack{Name: "https://example.com/b.git"})
			Expect(lines).To(HaveLen(1))
			later(time.Hour)
			p.ScaleProcess(a.Processes[0], 3, 512)
			Expect([]string{*lines[1].Buildpack.GUID, *lines[1].Buildpack.Name}).To(Equal([]string{
				"bp",
				"https://example.com/b.git",
			}))
			Expect(spans()).To(Equal([]string{"app 00:00:00-01:00:00 2 ruby_buildpack", "app 01:00:00-… 3 " +
				"https://example.com/b.git"}))
		})
		It("keeps the droplet's buildpack while another of the foundation's is configured, until the droplet "+
			"changes", func() {
			a := app()
			p.StartApp(a)
			p.SetBuildpack(a, sim.Buildpack{GUID: "go", Name: "go_buildpack"})
			p.BeginBuild(a)
			droplet := p.EndBuild(a, true)
			p.ScaleProcess(a.Processes[0], 3, 512)
			p.AssignDroplet(a, droplet)
			Expect(told()).To(HaveLen(5))
			p.RestartApp(a)
			Expect([]string{*lines[4].Buildpack.Name, *lines[5].Buildpack.Name, *lines[6].Buildpack.Name}).
				To(Equal([]string{"ruby_buildpack", "go_buildpack", "go_buildpack"}))
			Expect(a.Droplet).To(BeIdenticalTo(droplet))
		})
	})

	Describe("of builds", func() {
		It("reports 1 × 1024 MB, previous STAGING, no process (app_usage_event_repository_spec.rb:333)", func() {
			a := app()
			p.BeginBuild(a)
			Expect([]any{
				*lines[0].Count.Current, *lines[0].Count.Previous, *lines[0].Memory.Current,
				*lines[0].Memory.Previous,
			}).
				To(Equal([]any{1, 1, 1024, 1024}))
			Expect([]any{lines[0].Process.GUID, lines[0].Process.Type, lines[0].Task.GUID}).To(HaveEach(BeNil()))
			Expect(lines[0].App.GUID).To(Equal("A"))
		})
		It("ends a failed one without BUILDPACK_SET (spec/unit/models/runtime/build_model_spec.rb:242), a staged one "+
			"with one (staging_completion_handler_spec.rb:500)", func() {
			a := app()
			p.BeginBuild(a)
			p.BeginBuild(a)
			Expect(p.EndBuild(a, false)).To(BeNil())
			Expect(p.EndBuild(a, true)).NotTo(BeNil())
			Expect(told()).To(Equal([]string{
				"STAGING_STARTED<STAGING", "STAGING_STARTED<STAGING", "STAGING_STOPPED<STAGING",
				"STAGING_STOPPED<STAGING", "BUILDPACK_SET<STAGED",
			}))
		})
	})

	Describe("of tasks (spec/unit/models/runtime/task_model_spec.rb)", func() {
		It("reports one when it runs, not when it is made (:8, :111), without a process "+
			"(app_usage_event_repository_spec.rb:234)", func() {
			a := app()
			t := p.CreateTask(a, "t", 256)
			Expect(lines).To(BeEmpty())
			p.RunTask(t)
			Expect(told()).To(Equal([]string{"TASK_STARTED<PENDING"}))
			Expect([]any{
				lines[0].Process.GUID, lines[0].Process.Type, lines[0].Buildpack.GUID,
				lines[0].Buildpack.Name,
			}).To(HaveEach(BeNil()))
			Expect(about[0].Resource).To(Equal(t.GUID))
		})
		It("is silent about one that fails while it is pending (:48), or is canceled before it ran (:75)", func() {
			a := app()
			p.EndTask(p.CreateTask(a, "fails", 256))
			t := p.CreateTask(a, "canceled", 256)
			p.CancelTask(t)
			p.RunTask(t)
			p.EndTask(t)
			Expect(lines).To(BeEmpty())
			Expect(a.Tasks).To(BeEmpty())
		})
		It("reports the end of one that was canceled while it ran (:62), once (:87)", func() {
			t := p.CreateTask(app(), "t", 256)
			p.RunTask(t)
			p.CancelTask(t)
			Expect(t.State()).To(Equal("CANCELING"))
			p.EndTask(t)
			p.EndTask(t)
			Expect(told()).To(Equal([]string{"TASK_STARTED<PENDING", "TASK_STOPPED<CANCELING"}))
		})
		It("ends every task of an app that is deleted, started or not (:134, spec/unit/actions/task_delete_spec.rb:64)",
			func() {
				a := app()
				p.CreateTask(a, "pending", 256)
				p.RunTask(p.CreateTask(a, "running", 256))
				canceling := p.CreateTask(a, "canceling", 256)
				p.RunTask(canceling)
				p.CancelTask(canceling)
				lines = nil
				later(time.Minute)
				p.DeleteApp(a)
				Expect(told()).To(ConsistOf("TASK_STOPPED<PENDING", "TASK_STOPPED<RUNNING", "TASK_STOPPED<CANCELING"))
				Expect(spans()).To(HaveLen(2))
			})
	})

	Describe("of service instances", func() {
		small := &sim.Plan{
			GUID: "s", Name: "small", OfferingGUID: "o", Offering: "postgres", BrokerGUID: "b",
			Broker: "broker",
		}
		It("reports CREATED, UPDATED for plan and name, DELETED (managed_service_instance_spec.rb:150, "+
			"service_instance_spec.rb:199, :215, :230)", func() {
			s := p.CreateService(space, "", "db", small)
			p.ChangePlan(s, &sim.Plan{GUID: "l", Name: "large"})
			p.RenameService(s, "orders")
			p.DeleteService(s)
			Expect(told()).To(Equal([]string{"CREATED", "UPDATED", "UPDATED", "DELETED"}))
			Expect(*lines[2].Plan.Name).To(Equal("large"))
			Expect(lines[2].Service.Name).To(Equal("orders"))
			Expect(about).To(HaveEach(HaveField("List", sim.ListService)))
		})
		It("is silent about parameters and the same name (service_instances_controller_spec.rb:1775, :1891)", func() {
			s := p.CreateService(space, "", "db", small)
			p.UpdateService(s)
			p.RenameService(s, "db")
			Expect(lines).To(HaveLen(1))
		})
		It("reports user-provided ones without a plan (user_provided_service_instance_spec.rb:112)", func() {
			p.DeleteService(p.CreateService(space, "", "mine", nil))
			Expect(told()).To(Equal([]string{"CREATED", "DELETED"}))
			Expect([]any{lines[0].Plan.GUID, lines[0].Offering.Name, lines[0].Broker.GUID}).To(HaveEach(BeNil()))
			Expect(lines[0].Service.Type).To(Equal("user_provided_service_instance"))
		})
		It("has one that the broker failed to make until somebody deletes it "+
			"(service_instance_create_managed.rb#precursor)", func() {
			s := p.CreateService(space, "", "db", small)
			later(time.Minute)
			p.FailProvision(s)
			later(time.Minute)
			p.DeleteService(s)
			Expect(told()).To(Equal([]string{"CREATED", "DELETED"}))
			Expect(spans()).To(Equal([]string{"service 00:00:00-00:02:00 0 small"}))
		})
	})

	Describe("of purge and reseed", func() {
		It("has one row for every started process, with the process' guid and no type "+
			"(app_usage_event_repository_spec.rb:505)", func() {
			a := app(sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}, sim.ProcessSpec{
				Type:     "worker",
				MemoryMB: 64,
			})
			p.StartApp(a)
			p.CreateApp(space, "", "stopped", ruby, sim.ProcessSpec{Type: "web"})
			p.RunTask(p.CreateTask(a, "t", 256))
			p.BeginBuild(a)
			lines = nil
			later(time.Hour)
			p.Reseed(sim.ListApp)
			Expect(told()).To(Equal([]string{"STARTED<STARTED", "STARTED<STARTED"}))
			for i, process := range a.Processes {
				Expect([]any{lines[i].GUID, *lines[i].Process.GUID, lines[i].CreatedAt}).To(Equal([]any{
					process.GUID,
					process.GUID, "2026-10-01T01:00:00Z",
				}))
				Expect(lines[i].Process.Type).To(BeNil())
				Expect([]int{*lines[i].Count.Current, *lines[i].Count.Previous}).To(HaveEach(process.Instances))
				Expect(*lines[i].Buildpack.Name).To(Equal("ruby_buildpack"))
			}
			Expect(p.Truth()).To(HaveLen(4), "nothing has changed")
		})
		It("names the droplet's buildpack where a custom one is configured, and rates by it from then on", func() {
			p.StartApp(p.CreateApp(space, "", "m", sim.Buildpack{
				Name: "https://example.com/apt.git", GUID: "bp",
				Final: "ruby_buildpack",
			},
				sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
			later(time.Hour)
			p.Reseed(sim.ListApp)
			Expect(*lines[1].Buildpack.Name).To(Equal("ruby_buildpack"))
			Expect(spans()).To(Equal([]string{
				"app 00:00:00-01:00:00 1 https://example.com/apt.git",
				"app 01:00:00-… 1 ruby_buildpack",
			}))
		})
		It("creates every service instance, at that time, with its guid (service_usage_event_repository_spec.rb:106)",
			func() {
				managed := p.CreateService(space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				provided := p.CreateService(space, "", "mine", nil)
				lines = nil
				later(time.Hour)
				p.Reseed(sim.ListService)
				Expect(told()).To(Equal([]string{"CREATED", "CREATED"}))
				Expect([]string{lines[0].GUID, lines[1].GUID}).To(Equal([]string{managed.GUID, provided.GUID}))
				Expect(lines[1].CreatedAt).To(Equal("2026-10-01T01:00:00Z"))
			})
	})

	Describe("of the WAS_RUNNING backfill (pull request 5210, spec/unit/lib/database/was_running_backfill_spec.rb)",
		func() {
			all := func(string, string) bool { return true }
			It("has one baseline for each process (:167), task, also a canceling one (:337), and service instance", func() {
				a := app(sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}, sim.ProcessSpec{
					Type:     "worker",
					MemoryMB: 64,
				})
				p.StartApp(a)
				p.CreateTask(a, "pending", 256)
				t := p.CreateTask(a, "t", 256)
				p.RunTask(t)
				p.CancelTask(t)
				p.CreateService(space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				truth := p.Truth()
				lines, about = nil, nil
				later(time.Hour)
				p.Backfill(all)
				Expect(told()).To(Equal([]string{
					"WAS_RUNNING<null", "WAS_RUNNING<null", "TASK_WAS_RUNNING<null",
					"WAS_RUNNING",
				}))
				Expect([]string{
					about[0].Resource, about[1].Resource,
					about[2].Resource,
				}).To(Equal([]string{a.Processes[0].GUID, a.Processes[1].GUID, t.GUID}))
				Expect(*lines[0].Process.Type).To(Equal("web"))
				Expect([]int{
					*lines[0].Count.Current, *lines[0].Count.Previous,
					*lines[0].Memory.Previous,
				}).To(Equal([]int{2, 2, 512}))
				Expect(lines[0].GUID).NotTo(Equal(a.GUID))
				Expect(p.Truth()).To(Equal(truth))
				p.RepairEndings()
				Expect(lines).To(HaveLen(4))
			})
			It("writes only what the table lacks", func() {
				p.StartApp(app())
				p.CreateService(space, "", "db", nil)
				lines = nil
				p.Backfill(func(kind, resource string) bool { return kind == sim.KindApp && resource == "A" })
				Expect(told()).To(Equal([]string{"WAS_RUNNING<null"}))
			})
			It("repairs baselines of what had ended when they were written (:250), with their footprint, at the time of "+
				"the repair", func() {
				a := app()
				p.StartApp(a)
				t := p.CreateTask(a, "t", 256)
				p.RunTask(t)
				s := p.CreateService(space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				backfill := p.BeginBackfill()
				later(time.Minute)
				p.ScaleProcess(a.Processes[0], 7, 512)
				p.EndTask(t)
				p.StopApp(a)
				p.DeleteService(s)
				later(time.Minute)
				lines = nil
				backfill.Write(all)
				later(time.Hour)
				p.RepairEndings()
				p.RepairEndings()
				Expect(told()).To(Equal([]string{
					"WAS_RUNNING<null", "TASK_WAS_RUNNING<null", "WAS_RUNNING", "STOPPED<WAS_RUNNING",
					"TASK_STOPPED<TASK_WAS_RUNNING", "DELETED",
				}))
				Expect([]any{*lines[3].Count.Current, lines[3].CreatedAt}).To(Equal([]any{2, "2026-10-01T01:02:00Z"}))
				Expect(lines[3].GUID).NotTo(Equal(lines[0].GUID))
			})
			It("does not end what runs again", func() {
				a := app()
				p.StartApp(a)
				backfill := p.BeginBackfill()
				p.StopApp(a)
				backfill.Write(all)
				p.StartApp(a)
				lines = nil
				p.RepairEndings()
				Expect(lines).To(BeEmpty())
			})
		})

	Describe("of clocks that differ", func() {
		It("has created_at by the server that is called, and a truth that never goes backward for one "+
			"resource", func() {
			p.SetClocks(30 * time.Second)
			a := app()
			p.StartApp(a)
			p.SetClocks(-10 * time.Second)
			later(time.Second)
			s := p.CreateService(space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
			p.StopApp(a)
			p.StartApp(a)
			later(time.Minute)
			p.StopApp(a)
			Expect([]string{lines[0].CreatedAt, lines[1].CreatedAt, lines[2].CreatedAt}).
				To(Equal([]string{"2026-10-01T00:00:30Z", "2026-09-30T23:59:51Z", "2026-09-30T23:59:51Z"}))
			Expect(about[1].At).To(Equal(day.Add(time.Second)))
			Expect(spans()).To(Equal([]string{"app 00:00:30-00:00:51 2 ruby_buildpack", "service 23:59:51-… 0 small"}))

			p.SetClocks(time.Hour)
			p.RenameService(s, "orders")
			p.SetClocks()
			p.DeleteService(s)
			Expect(spans()[1]).To(Equal("service 23:59:51-01:01:01 0 small"), "a report without a change counts, too")
		})
		It("counts a baseline, which has the database's time, as a report", func() {
			p.SetClocks(-time.Hour)
			a := app()
			p.StartApp(a)
			p.Backfill(func(string, string) bool { return true })
			later(time.Minute)
			p.StopApp(a)
			Expect([]string{lines[1].CreatedAt, lines[2].CreatedAt}).To(Equal([]string{
				"2026-10-01T00:00:00Z",
				"2026-09-30T23:01:00Z",
			}))
			Expect(spans()).To(Equal([]string{"app 23:00:00-00:00:00 2 ruby_buildpack"}))
		})
		It("takes one server for each call, by chance", func() {
			p.SetClocks(0, time.Hour, 2*time.Hour)
			a := app(sim.ProcessSpec{Type: "web"}, sim.ProcessSpec{Type: "worker"})
			seen := map[string]bool{}
			for range 30 {
				p.RestartApp(a)
				last := lines[len(lines)-1]
				Expect(lines[len(lines)-2].CreatedAt).To(Equal(last.CreatedAt))
				seen[last.CreatedAt] = true
			}
			Expect(seen).To(HaveLen(3))
		})
	})

	It("keeps the five newest droplets and the current one", func() {
		a := app()
		p.StartApp(a)
		first := a.Droplet
		for range 8 {
			p.BeginBuild(a)
			p.EndBuild(a, true)
		}
		Expect(a.Droplets).To(HaveLen(5))
		Expect(a.Droplets).To(ContainElement(BeIdenticalTo(first)))
		Expect(a.Droplet).To(BeIdenticalTo(first))
	})

	It("deletes an organization with all that is in it", func() {
		a := app()
		p.StartApp(a)
		p.CreateService(space, "", "db", nil)
		other := p.AddSpace(p.AddOrg("", "other"), "", "dev")
		p.CreateApp(other, "", "stays", ruby)
		p.DeleteOrg(space.Org)
		Expect(told()).To(Equal([]string{"STARTED<STOPPED", "CREATED", "STOPPED<STARTED", "DELETED"}))
		Expect([]int{len(p.Orgs), len(p.Spaces), len(p.Apps), len(p.Services)}).To(Equal([]int{1, 1, 1, 0}))
		Expect(a.Deleted()).To(BeTrue())
	})
})
