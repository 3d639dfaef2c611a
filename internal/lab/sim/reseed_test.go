package sim_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("Cloud Controller's facts", func() {
	f := newFacts()

	Describe("of purge and reseed", func() {
		It("has one row for every started process, with the process' guid and no type "+
			"(app_usage_event_repository_spec.rb:505)", func() {
			a := f.app(sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}, sim.ProcessSpec{
				Type:     "worker",
				MemoryMB: 64,
			})
			f.StartApp(a)
			f.CreateApp(f.space, "", "stopped", ruby, sim.ProcessSpec{Type: "web"})
			f.RunTask(f.CreateTask(a, "t", 256))
			f.BeginBuild(a)
			f.lines = nil
			f.later(time.Hour)
			f.Reseed(sim.ListApp)
			Expect(f.states()).To(Equal([]string{"STARTED<STARTED", "STARTED<STARTED"}))
			for i, process := range a.Processes {
				Expect([]any{f.lines[i].GUID, *f.lines[i].Process.GUID, f.lines[i].CreatedAt}).To(Equal([]any{
					process.GUID,
					process.GUID, "2026-10-01T01:00:00Z",
				}))
				Expect(f.lines[i].Process.Type).To(BeNil())
				Expect([]int{*f.lines[i].Count.Current, *f.lines[i].Count.Previous}).To(HaveEach(process.Instances))
				Expect(*f.lines[i].Buildpack.Name).To(Equal("ruby_buildpack"))
			}
			Expect(f.Truth()).To(HaveLen(4), "nothing has changed")
		})
		It("names the droplet's buildpack where a custom one is configured, and changes nothing", func() {
			f.StartApp(f.CreateApp(f.space, "", "m", sim.Buildpack{
				Name: "https://example.com/apt.git", GUID: "bp",
				Final: "ruby_buildpack",
			},
				sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
			f.later(time.Hour)
			f.Reseed(sim.ListApp)
			Expect(*f.lines[1].Buildpack.Name).To(Equal("ruby_buildpack"))
			Expect(f.spans()).To(Equal([]string{"app 00:00:00-… 1 https://example.com/apt.git"}))
		})
		It("creates every service instance, at that time, with its guid (service_usage_event_repository_spec.rb:106)",
			func() {
				managed := f.CreateService(f.space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				provided := f.CreateService(f.space, "", "mine", nil)
				f.lines = nil
				f.later(time.Hour)
				f.Reseed(sim.ListService)
				Expect(f.states()).To(Equal([]string{"CREATED", "CREATED"}))
				Expect([]string{f.lines[0].GUID, f.lines[1].GUID}).To(Equal([]string{managed.GUID, provided.GUID}))
				Expect(f.lines[1].CreatedAt).To(Equal("2026-10-01T01:00:00Z"))
			})
	})

	Describe("of the WAS_RUNNING backfill (pull request 5210, spec/unit/lib/database/was_running_backfill_spec.rb)",
		func() {
			all := func(string, string) bool { return true }
			It("has one baseline for each process (:167), task, also a canceling one (:337), and service "+
				"instance", func() {
				a := f.app(sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}, sim.ProcessSpec{
					Type:     "worker",
					MemoryMB: 64,
				})
				f.StartApp(a)
				f.CreateTask(a, "pending", 256)
				t := f.CreateTask(a, "t", 256)
				f.RunTask(t)
				f.CancelTask(t)
				f.CreateService(f.space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				truth := f.Truth()
				f.lines, f.about = nil, nil
				f.later(time.Hour)
				f.Backfill(all)
				Expect(f.states()).To(Equal([]string{
					"WAS_RUNNING<null", "WAS_RUNNING<null", "TASK_WAS_RUNNING<null",
					"WAS_RUNNING",
				}))
				Expect([]string{
					f.about[0].Resource, f.about[1].Resource,
					f.about[2].Resource,
				}).To(Equal([]string{a.Processes[0].GUID, a.Processes[1].GUID, t.GUID}))
				Expect(*f.lines[0].Process.Type).To(Equal("web"))
				Expect([]int{
					*f.lines[0].Count.Current, *f.lines[0].Count.Previous,
					*f.lines[0].Memory.Previous,
				}).To(Equal([]int{2, 2, 512}))
				Expect(f.lines[0].GUID).NotTo(Equal(a.GUID))
				Expect(f.Truth()).To(Equal(truth))
				f.RepairEndings()
				Expect(f.lines).To(HaveLen(4))
			})
			It("writes only what the table lacks", func() {
				f.StartApp(f.app())
				f.CreateService(f.space, "", "db", nil)
				f.lines = nil
				f.Backfill(func(kind, resource string) bool { return kind == sim.KindApp && resource == "A" })
				Expect(f.states()).To(Equal([]string{"WAS_RUNNING<null"}))
			})
			It("repairs baselines of what had ended when they were written (:250), with their footprint, at the time "+
				"of the repair", func() {
				a := f.app()
				f.StartApp(a)
				t := f.CreateTask(a, "t", 256)
				f.RunTask(t)
				s := f.CreateService(f.space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
				backfill := f.BeginBackfill()
				f.later(time.Minute)
				f.ScaleProcess(a.Processes[0], 7, 512)
				f.EndTask(t)
				f.StopApp(a)
				f.DeleteService(s)
				f.later(time.Minute)
				f.lines = nil
				backfill.Write(all)
				f.later(time.Hour)
				f.RepairEndings()
				f.RepairEndings()
				Expect(f.states()).To(Equal([]string{
					"WAS_RUNNING<null", "TASK_WAS_RUNNING<null", "WAS_RUNNING", "STOPPED<WAS_RUNNING",
					"TASK_STOPPED<TASK_WAS_RUNNING", "DELETED",
				}))
				Expect([]any{*f.lines[3].Count.Current, f.lines[3].CreatedAt}).To(Equal([]any{
					2,
					"2026-10-01T01:02:00Z",
				}))
				Expect(f.lines[3].GUID).NotTo(Equal(f.lines[0].GUID))
			})
			It("does not end what runs again", func() {
				a := f.app()
				f.StartApp(a)
				backfill := f.BeginBackfill()
				f.StopApp(a)
				backfill.Write(all)
				f.StartApp(a)
				f.lines = nil
				f.RepairEndings()
				Expect(f.lines).To(BeEmpty())
			})
		})

	Describe("of clocks that differ", func() {
		It("has created_at by the server that is called, and a truth that never goes backward for one "+
			"resource", func() {
			f.SetClocks(30 * time.Second)
			a := f.app()
			f.StartApp(a)
			f.SetClocks(-10 * time.Second)
			f.later(time.Second)
			s := f.CreateService(f.space, "", "db", &sim.Plan{GUID: "s", Name: "small"})
			f.StopApp(a)
			f.StartApp(a)
			f.later(time.Minute)
			f.StopApp(a)
			Expect([]string{f.lines[0].CreatedAt, f.lines[1].CreatedAt, f.lines[2].CreatedAt}).
				To(Equal([]string{"2026-10-01T00:00:30Z", "2026-09-30T23:59:51Z", "2026-09-30T23:59:51Z"}))
			Expect(f.about[1].At).To(Equal(day.Add(time.Second)))
			Expect(f.spans()).To(Equal([]string{"app 00:00:30-00:00:51 2 ruby_buildpack", "service 23:59:51-… 0 " +
				"small"}))

			f.SetClocks(time.Hour)
			f.RenameService(s, "orders")
			f.SetClocks()
			f.DeleteService(s)
			Expect(f.spans()[1]).To(Equal("service 23:59:51-01:01:01 0 small"), "a report without a change counts, too")
		})
		It("counts a baseline, which has the database's time, as a report", func() {
			f.SetClocks(-time.Hour)
			a := f.app()
			f.StartApp(a)
			f.Backfill(func(string, string) bool { return true })
			f.later(time.Minute)
			f.StopApp(a)
			Expect([]string{f.lines[1].CreatedAt, f.lines[2].CreatedAt}).To(Equal([]string{
				"2026-10-01T00:00:00Z",
				"2026-09-30T23:01:00Z",
			}))
			Expect(f.spans()).To(Equal([]string{"app 23:00:00-00:00:00 2 ruby_buildpack"}))
		})
		It("takes one server for each call, by chance", func() {
			f.SetClocks(0, time.Hour, 2*time.Hour)
			a := f.app(sim.ProcessSpec{Type: "web"}, sim.ProcessSpec{Type: "worker"})
			seen := map[string]bool{}
			for range 30 {
				f.RestartApp(a)
				last := f.lines[len(f.lines)-1]
				Expect(f.lines[len(f.lines)-2].CreatedAt).To(Equal(last.CreatedAt))
				seen[last.CreatedAt] = true
			}
			Expect(seen).To(HaveLen(3))
		})
	})

	It("keeps the five newest droplets and the current one", func() {
		a := f.app()
		f.StartApp(a)
		first := a.Droplet
		for range 8 {
			f.BeginBuild(a)
			f.EndBuild(a, true)
		}
		Expect(a.Droplets).To(HaveLen(5))
		Expect(a.Droplets).To(ContainElement(BeIdenticalTo(first)))
		Expect(a.Droplet).To(BeIdenticalTo(first))
	})

	It("deletes an organization with all that is in it", func() {
		a := f.app()
		f.StartApp(a)
		f.CreateService(f.space, "", "db", nil)
		other := f.AddSpace(f.AddOrg("", "other"), "", "dev")
		f.CreateApp(other, "", "stays", ruby)
		f.DeleteOrg(f.space.Org)
		Expect(f.states()).To(Equal([]string{"STARTED<STOPPED", "CREATED", "STOPPED<STARTED", "DELETED"}))
		Expect([]int{len(f.Orgs), len(f.Spaces), len(f.Apps), len(f.Services)}).To(Equal([]int{1, 1, 1, 0}))
		Expect(a.Deleted()).To(BeTrue())
	})
})
