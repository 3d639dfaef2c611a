package proof_test

import (
	"testing"
	"time"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/projector"
)

// quirk is a platform on a path of Cloud Controller that looks like a loss and is none.
type quirk struct {
	*sim.Platform
	space *sim.Space
}

var ruby = sim.Buildpack{GUID: "ruby-guid", Name: "ruby_buildpack"}

// app makes a started app of a web process with 3 × 512 MB.
func (q *quirk) app() *sim.App {
	a := q.CreateApp(q.space, "", "shop", ruby, sim.ProcessSpec{Type: "web", Instances: 3, MemoryMB: 512})
	q.StartApp(a)
	q.pass(2 * time.Hour)
	return a
}

func (q *quirk) pass(d time.Duration) { q.SetTime(q.Now().Add(d)) }

// stopAndStart ends a path with ordinary events.
func (q *quirk) stopAndStart(a *sim.App) {
	q.pass(2 * time.Hour)
	q.StopApp(a)
	q.pass(time.Hour)
	q.StartApp(a)
	q.pass(time.Hour)
	q.ScaleProcess(a.Processes[0], 7, 256)
}

// TestOddPathsAreNoLosses takes each path of which the events look like a loss. None is a
// lost_change, and no process is billed with more than ran.
func TestOddPathsAreNoLosses(t *testing.T) {
	all := func(string, string) bool { return true }
	for name, path := range map[string]func(*quirk){
		"scaled while stopped": func(q *quirk) {
			a := q.app()
			q.StopApp(a)
			q.ScaleProcess(a.Processes[0], 5, 1024)
			q.pass(time.Hour)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"stopped during a deployment, whose updater scales the stopped processes": func(q *quirk) {
			a := q.app()
			q.BeginDeploy(a)
			q.pass(time.Hour)
			q.ContinueDeploy(a)
			q.StopDuringDeploy(a)
			q.pass(time.Hour)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"the old web process at 0, scaled up again by a cancel": func(q *quirk) {
			a := q.app()
			q.BeginDeploy(a)
			for range 3 {
				q.pass(time.Hour)
				q.ContinueDeploy(a)
			}
			q.pass(time.Hour)
			q.CancelDeploy(a)
			q.stopAndStart(a)
		},
		"memory and instances in one save": func(q *quirk) {
			a := q.app()
			q.ScaleProcess(a.Processes[0], 4, 1024)
			q.stopAndStart(a)
		},
		"stop and size in one save": func(q *quirk) {
			a := q.app()
			q.StopAndScale(a, 9, 2048)
			q.pass(time.Hour)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"new buildpacks, scaled without a restage": func(q *quirk) {
			a := q.app()
			q.SetBuildpack(a, sim.Buildpack{Name: "https://example.com/custom.git"})
			q.ScaleProcess(a.Processes[0], 4, 512)
			q.stopAndStart(a)
		},
		"a rolling deployment with another buildpack": func(q *quirk) {
			a := q.app()
			q.SetBuildpack(a, sim.Buildpack{GUID: "java-guid", Name: "java_buildpack"})
			q.BeginBuild(a)
			q.pass(time.Minute)
			q.AssignDroplet(a, q.EndBuild(a, true))
			q.BeginDeploy(a)
			for !q.ContinueDeploy(a) {
				q.pass(time.Hour)
			}
			q.stopAndStart(a)
		},
		"a canceled deployment that another one supersedes": func(q *quirk) {
			a := q.app()
			q.SupersedeDeploy(a.Processes[0], 2)
			q.stopAndStart(a)
		},
		"STARTED<STARTED right after STOPPED": func(q *quirk) {
			a := q.app()
			q.StopDuringScale(a, 5)
			q.pass(5 * time.Hour)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"STARTED<STOPPED twice": func(q *quirk) {
			a := q.app()
			q.StopApp(a)
			q.pass(time.Hour)
			q.StartTwice(a)
			q.stopAndStart(a)
		},
		"a first row STARTED<STARTED with null for the memory": func(q *quirk) {
			a := q.CreateStarted(q.space, "docker", sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 1024})
			q.pass(time.Hour)
			q.ScaleProcess(a.Processes[0], 3, 1024)
			q.stopAndStart(a)
		},
		"a scaling and a stop before a stale row of a reseed": func(q *quirk) {
			a, b := q.app(), q.app()
			q.StaleReseed(func() {
				q.pass(2 * time.Second)
				q.ScaleProcess(a.Processes[0], 1, 256)
				q.StopApp(b)
			})
			q.stopAndStart(a)
			q.pass(time.Hour)
			q.StartApp(b)
			q.stopAndStart(b)
		},
		"a stale WAS_RUNNING behind a STOPPED": func(q *quirk) {
			a := q.app()
			backfill := q.BeginBackfill()
			q.StopApp(a)
			backfill.Write(all)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"repaired endings": func(q *quirk) {
			a := q.app()
			task := q.CreateTask(a, "migrate", 128)
			q.RunTask(task)
			service := q.CreateService(q.space, "", "db", q.Plans[0])
			backfill := q.BeginBackfill()
			q.StopApp(a)
			q.EndTask(task)
			q.DeleteService(service)
			backfill.Write(all)
			q.RepairEndings()
			q.pass(time.Hour)
			q.StartApp(a)
			q.stopAndStart(a)
		},
		"services updated without a change, by plan, by name, and by both": func(q *quirk) {
			s := q.CreateService(q.space, "", "db", q.Plans[0])
			for range 2 {
				q.pass(time.Hour)
				q.TouchService(s)
			}
			q.pass(time.Hour)
			q.ChangePlan(s, q.Plans[1])
			q.pass(time.Hour)
			q.RenameService(s, "db-2")
			q.pass(time.Hour)
			q.ChangePlanAndName(s, q.Plans[0], "db-3")
			q.pass(time.Hour)
			q.DeleteService(s)
		},
		"tasks canceled before they run, and deleted with their app": func(q *quirk) {
			a := q.app()
			canceled, pending := q.CreateTask(a, "canceled", 64), q.CreateTask(a, "pending", 64)
			q.CancelTask(canceled)
			q.RunTask(canceled)
			q.CancelTask(pending)
			q.pass(time.Hour)
			q.DeleteApp(a)
		},
		"an app deleted while it stages": func(q *quirk) {
			a := q.app()
			q.BeginBuild(a)
			q.pass(time.Minute)
			q.AbandonBuild(a)
			q.pass(3 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			meter, err := projector.NewMeter(projector.Config{})
			if err != nil {
				t.Fatal(err)
			}
			o := newOutcome()
			var sequence uint64
			q := &quirk{}
			q.Platform = sim.NewPlatform(1, func(e sim.Event) {
				var d jsondoc.Document
				if err := d.Parse(e.JSON); err != nil {
					t.Fatal(err)
				}
				u, err := usageevent.FromDocument("proof", &d)
				if err != nil {
					t.Fatal(err)
				}
				sequence++
				meter.Fact(&u, sequence, o.apply)
			})
			q.SetTime(time.Date(2026, 10, 1, 6, 0, 0, 0, time.UTC))
			q.space = q.AddSpace(q.AddOrg("", "org"), "", "space")
			q.Plans = []*sim.Plan{{GUID: "s", Name: "small"}, {GUID: "l", Name: "large"}}
			path(q)
			q.pass(2 * time.Hour)
			o.horizon = q.Now()
			meter.Horizon(&events.Horizon{Source: events.SourceCF, Foundation: "proof", Time: q.Now()}, sequence+1,
				o.apply)

			if len(o.lost) > 0 {
				t.Errorf("nothing is lost, and %v", o.lost)
			}
			j := judge(q.Truth(), o, true, func(j *judgement) {
				j.lossy = func(at resource) bool { return at.kind == events.KindApp }
			})
			for _, wrong := range j.found {
				t.Error(wrong)
			}
		})
	}
}
