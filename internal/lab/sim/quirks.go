package sim

// This file is the rare paths of Cloud Controller on which an event does not say the time before it
// as a reader expects, though nothing is lost. Sources: cloud_controller_ng,
// app/models/runtime/process_model.rb (the values before are those of when the object was read),
// lib/cloud_controller/deployment_updater/actions, app/actions/v2/app_create.rb and app_update.rb.

// StopAndScale stops a process and changes its size in one save, as PUT /v2/apps does: the row
// names the new size, which never ran, and the old one as the size before. It is of an app with one
// process.
func (p *Platform) StopAndScale(a *App, instances, memoryMB int) {
	if len(a.Processes) != 1 || a.Deploying() {
		panic("sim: StopAndScale needs an app with one process and without a deployment")
	}
	p.call()
	process := a.Processes[0]
	before, beforeMB := process.Instances, process.MemoryMB
	process.Instances, process.MemoryMB = instances, memoryMB
	p.touch(&process.Record)
	if !process.started {
		return
	}
	a.Started, process.started = false, false
	p.touch(&a.Record)
	p.truth.end(&process.track, p.second())
	p.processEvent(process, "STOPPED", "STARTED", before, beforeMB)
}

// SupersedeDeploy is a canceled deployment that another one supersedes: the updater sets a started
// process to 0 through one object and goes on with another one, read before. Both rows say the same
// size before (scale_down_canceled_processes.rb, down_scaler.rb).
func (p *Platform) SupersedeDeploy(process *Process, instances int) {
	if !process.started {
		return
	}
	p.call()
	before := process.Instances
	p.touch(&process.Record)
	for _, n := range []int{0, instances} {
		process.Instances = n
		p.truth.change(&process.track, p.second(), process.identity(), process.footprint())
		p.processEvent(process, "STARTED", "STARTED", before, process.MemoryMB)
	}
}

// StopDuringScale stops an app while the updater, which has read its first process before, waits
// for the lock: it writes a STARTED<STARTED about a process that stays stopped (up_scaler.rb).
func (p *Platform) StopDuringScale(a *App, instances int) {
	if !a.Started {
		return
	}
	p.call()
	process := a.Processes[0]
	p.stopApp(a)
	before := process.Instances
	process.Instances = instances
	p.touch(&process.Record)
	p.truth.seen(&process.track, p.second())
	p.processEvent(process, "STARTED", "STARTED", before, process.MemoryMB)
}

// StartTwice is a start of an app while a deployment restarts its last process: AppStart takes no
// lock on processes, and both write STARTED<STOPPED. Nothing happens to a started app.
func (p *Platform) StartTwice(a *App) {
	if a.Started {
		return
	}
	p.call()
	p.startApp(a)
	last := a.Processes[len(a.Processes)-1]
	p.truth.seen(&last.track, p.second())
	p.processEvent(last, "STARTED", "STOPPED", last.Instances, last.MemoryMB)
}

// StopDuringDeploy stops an app during a rolling deployment. The updater goes on to scale the
// stopped processes: no events.
func (p *Platform) StopDuringDeploy(a *App) {
	if !a.Deploying() {
		return
	}
	p.call()
	web, target := a.Processes[0], a.target
	p.stopApp(a)
	web.Instances = target
	p.touch(&web.Record)
}

// CreateStarted makes a started app of one process, as POST /v2/apps with a state does: its first
// row is STARTED<STARTED, and null for the memory before.
func (p *Platform) CreateStarted(space *Space, name string, process ProcessSpec) *App {
	a := p.CreateApp(space, "", name, Buildpack{}, process)
	p.newDroplet(a, Buildpack{})
	a.Droplet, a.Started = a.Droplets[0], true
	web := a.Processes[0]
	web.started = true
	p.truth.begin(&web.track, p.second(), web.identity(), web.footprint())
	p.processEvent(web, "STARTED", "STARTED", web.Instances, null)
	return a
}

// null is a size that an event does not say.
const null = -1

// TouchService is a PUT of a service instance without a change, as v2 writes it for user-provided
// ones: an UPDATED (vcap_serialization.rb, update_from_hash).
func (p *Platform) TouchService(s *Service) {
	p.call()
	p.truth.seen(&s.track, p.second())
	p.serviceEvent(s, "UPDATED")
}

// ChangePlanAndName changes both in one save: one UPDATED.
func (p *Platform) ChangePlanAndName(s *Service, plan *Plan, name string) {
	p.call()
	s.Plan, s.Name = plan, name
	p.touch(&s.Record)
	p.operate(s, "update")
	p.auditService(s, "update", requestOf(name, plan))
	p.truth.change(&s.track, p.second(), s.identity(), s.footprint())
	p.serviceEvent(s, "UPDATED")
}

// StaleReseed is a purge and reseed while the API is in use: the rows of started processes are read
// now, and stand behind the rows of all that `meanwhile` does, with the time of the reading. Cloud
// Controller empties the table and fills it in two statements.
func (p *Platform) StaleReseed(meanwhile func()) {
	p.call()
	at := p.now
	var rows []*appUsage
	for _, process := range p.started() {
		rows = append(rows, &appUsage{
			id: process.GUID, app: process.App, resource: process.GUID, state: "STARTED", previous: "STARTED",
			process:   `"process":{"guid":` + quote(process.GUID) + `,"type":null},`,
			buildpack: process.App.Droplet.Buildpack.json(), task: noTask,
			instances: process.Instances, instancesBefore: process.Instances,
			memoryMB: process.MemoryMB, memoryMBBefore: process.MemoryMB,
		})
	}
	meanwhile()
	now := p.now
	p.call()
	p.now = at
	for _, row := range rows {
		p.appEvent(row)
	}
	p.now = now
}

// actOddly is a life's share of these paths. It reports whether it did something with the started
// app.
func (w *World) actOddly(a *App) bool {
	p := w.platform
	process := pick(w, a.Processes)
	switch n := w.random.IntN(100); {
	case n < 2 && len(a.Processes) == 1:
		p.StopAndScale(a, 1+w.random.IntN(6), memories[w.random.IntN(len(memories))])
	case n < 4:
		p.SupersedeDeploy(process, 1+w.random.IntN(4))
	case n < 6:
		p.StopDuringScale(a, 1+w.random.IntN(4))
	case n < 8:
		p.ScaleProcess(process, 1+w.random.IntN(6), memories[w.random.IntN(len(memories))])
	case n < 10:
		p.StopApp(a)
		p.StartTwice(a)
	case n < 12:
		p.BeginDeploy(a)
		p.ContinueDeploy(a)
		p.StopDuringDeploy(a)
	case n < 14 && len(a.Droplets) > 0:
		p.AssignDroplet(a, pick(w, a.Droplets))
		p.BeginDeploy(a)
		w.later(w.between(20*second, 90*second), item{what: deployGoesOn, app: a})
	default:
		return false
	}
	w.planned[appCategory] += 2
	return true
}

// AbandonBuild deletes an app with one open build: the build has no end, ever, and so is not billed
// (build_delete.rb).
func (p *Platform) AbandonBuild(a *App) {
	if a.Builds != 1 {
		panic("sim: AbandonBuild needs an app with one open build")
	}
	a.Builds, a.open = 0, nil
	p.truth.forget(&a.staging)
	p.DeleteApp(a)
}
