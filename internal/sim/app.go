package sim

import "strconv"

// App is an app with its processes.
type App struct {
	GUID, Name string
	Space      *Space
	Buildpack  Buildpack
	Started    bool
	Processes  []*Process // the first is the web process that takes the traffic
	Tasks      []*Task    // not ended
	Builds     int        // open at once

	old           *Process // the web process that a rolling deployment replaces
	target        int      // instances that the deployment is to reach
	json          string   // "app" of every event
	buildpackJSON string
	staging       track
	index         int // in Platform.Apps
	deleted       bool
}

// Process is one process of an app: the resource that app usage is metered by.
type Process struct {
	GUID, Type          string
	App                 *App
	Instances, MemoryMB int
	json                string
	started             bool
	track               track
}

// ProcessSpec says how a new app's process looks.
type ProcessSpec struct {
	Type                string
	Instances, MemoryMB int
}

// Deploying reports whether a rolling deployment is under way.
func (a *App) Deploying() bool { return a.old != nil }

// CreateApp makes a stopped app: no events. The first process has the app's guid, as Cloud Controller gives it to web.
// An empty guid gets a random one.
func (p *Platform) CreateApp(space *Space, guid, name string, buildpack Buildpack, processes ...ProcessSpec) *App {
	a := &App{GUID: p.orNew(guid), Name: name, Space: space, index: len(p.Apps)}
	a.json = `"app":{"guid":` + quote(a.GUID) + `,"name":` + quote(name) + `},`
	a.setBuildpack(buildpack)
	for i, spec := range processes {
		id := a.GUID
		if i > 0 {
			id = p.newGUID().String()
		}
		a.Processes = append(a.Processes, newProcess(a, id, spec))
	}
	p.Apps = append(p.Apps, a)
	return a
}

func newProcess(a *App, guid string, spec ProcessSpec) *Process {
	return &Process{
		GUID: guid, Type: spec.Type, App: a, Instances: spec.Instances, MemoryMB: spec.MemoryMB,
		json: `"process":{"guid":` + quote(guid) + `,"type":` + quote(spec.Type) + `},`,
	}
}

func (a *App) setBuildpack(b Buildpack) {
	a.Buildpack = b
	a.buildpackJSON = `"buildpack":{"guid":` + quoteOrNull(b.GUID) + `,"name":` + quoteOrNull(b.Name) + `},`
}

// StartApp starts every process, also those with 0 instances. Nothing happens to an app that is started.
func (p *Platform) StartApp(a *App) {
	if a.Started {
		return
	}
	a.Started = true
	for _, process := range a.Processes {
		p.startProcess(process)
	}
}

// StopApp stops every process. Nothing happens to an app that is stopped.
func (p *Platform) StopApp(a *App) {
	if !a.Started {
		return
	}
	a.Started = false
	for _, process := range a.Processes {
		p.stopProcess(process)
	}
}

// RestartApp stops and starts every process within the same second.
func (p *Platform) RestartApp(a *App) {
	p.StopApp(a)
	p.StartApp(a)
}

// ScaleProcess changes the size. A started process reports one STARTED with the sizes before; a stopped one nothing.
func (p *Platform) ScaleProcess(process *Process, instances, memoryMB int) {
	before, beforeMB := process.Instances, process.MemoryMB
	process.Instances, process.MemoryMB = instances, memoryMB
	if !process.started || before == instances && beforeMB == memoryMB {
		return
	}
	p.truth.change(&process.track, p.second(), process.footprint())
	p.processEvent(process, "STARTED", "STARTED", before, beforeMB)
}

// Crash ends an instance unasked. The platform restarts it, desired state does not change: no events, no span.
func (p *Platform) Crash(*Process) {}

// DeleteApp deletes an app with its tasks. Cloud Controller takes the droplet away first, so the STOPPED events of a
// running app have no buildpack unless it is a custom one. Tasks that never started get a TASK_STOPPED, too.
// The app must have no open builds and no deployment under way.
func (p *Platform) DeleteApp(a *App) {
	if a.Builds > 0 || a.Deploying() {
		panic("sim: DeleteApp during a build or a deployment")
	}
	for len(a.Tasks) > 0 {
		p.endTask(a.Tasks[len(a.Tasks)-1], true)
	}
	if a.Buildpack.GUID != "" {
		a.setBuildpack(Buildpack{})
	}
	p.StopApp(a)
	a.deleted = true
	last := len(p.Apps) - 1
	p.Apps[a.index] = p.Apps[last]
	p.Apps[a.index].index = a.index
	p.Apps[last] = nil
	p.Apps = p.Apps[:last]
}

// BeginDeploy begins a rolling deployment of a started app: a new web process with a guid of its own starts with one
// instance beside the old one. ContinueDeploy does the rest.
func (p *Platform) BeginDeploy(a *App) {
	if !a.Started || a.Deploying() {
		panic("sim: BeginDeploy needs a started app without a deployment under way")
	}
	old := a.Processes[0]
	a.old, a.target = old, old.Instances
	web := newProcess(a, p.newGUID().String(), ProcessSpec{old.Type, min(1, old.Instances), old.MemoryMB})
	a.Processes[0] = web
	p.startProcess(web)
}

// ContinueDeploy takes one step: an instance of the old process away (down to STARTED with 0 instances), one of the new
// process more. The last step destroys the old process and restarts all that are not web; then it returns true.
func (p *Platform) ContinueDeploy(a *App) (done bool) {
	if !a.Deploying() {
		return true
	}
	web, old := a.Processes[0], a.old
	if old.Instances == 0 && web.Instances >= a.target {
		p.stopProcess(old)
		a.old = nil
		for _, process := range a.Processes[1:] {
			p.stopProcess(process)
			p.startProcess(process)
		}
		return true
	}
	if old.Instances > 0 {
		p.ScaleProcess(old, old.Instances-1, old.MemoryMB)
	}
	if web.Instances < a.target {
		p.ScaleProcess(web, web.Instances+1, web.MemoryMB)
	}
	return false
}

// BeginBuild begins staging. Several builds of one app may be open at once.
func (p *Platform) BeginBuild(a *App) {
	a.Builds++
	if a.Builds == 1 {
		p.truth.begin(&a.staging, p.second(), a.identity(KindStaging, a.GUID, a.Name), a.stagingFootprint())
	} else {
		p.truth.change(&a.staging, p.second(), a.stagingFootprint())
	}
	p.buildEvent(a, "STAGING_STARTED", "STAGING", false)
}

// EndBuild ends one build; a successful one sets the buildpack, in the v3 API's shape, without a process.
func (p *Platform) EndBuild(a *App, success bool) {
	if a.Builds == 0 {
		panic("sim: EndBuild without an open build")
	}
	a.Builds--
	if a.Builds == 0 {
		p.truth.end(&a.staging, p.second())
	} else {
		p.truth.change(&a.staging, p.second(), a.stagingFootprint())
	}
	p.buildEvent(a, "STAGING_STOPPED", "STAGING", false)
	if success {
		p.buildEvent(a, "BUILDPACK_SET", "STAGED", true)
	}
}

func (p *Platform) startProcess(process *Process) {
	process.started = true
	a := process.App
	p.truth.begin(&process.track, p.second(), a.identity(KindApp, process.GUID, a.Name), process.footprint())
	p.processEvent(process, "STARTED", "STOPPED", process.Instances, process.MemoryMB)
}

func (p *Platform) stopProcess(process *Process) {
	if !process.started {
		return
	}
	process.started = false
	p.truth.end(&process.track, p.second())
	p.processEvent(process, "STOPPED", "STARTED", process.Instances, process.MemoryMB)
}

func (process *Process) footprint() Footprint {
	b := process.App.Buildpack
	return Footprint{
		Instances: process.Instances, MemoryMB: process.MemoryMB, ProcessType: process.Type,
		Buildpack: b.Name, BuildpackGUID: b.GUID,
	}
}

// stagingMemoryMB is what every build is reported with, whatever it used: BuildModel::STAGING_MEMORY.
const stagingMemoryMB = 1024

func (a *App) stagingFootprint() Footprint {
	return Footprint{Instances: a.Builds, MemoryMB: stagingMemoryMB, Buildpack: a.Buildpack.Name}
}

func (a *App) identity(kind, resource, name string) identity {
	return identity{
		kind: kind, resource: resource, app: a.GUID, tenant: a.Space.Org.GUID,
		space: a.Space.GUID, spaceName: a.Space.Name, name: name,
	}
}

const (
	noProcess   = `"process":{"guid":null,"type":null},`
	noBuildpack = `"buildpack":{"guid":null,"name":null},`
	noTask      = `"task":{"guid":null,"name":null},`
)

func (p *Platform) processEvent(process *Process, state, previous string, before, beforeMB int) {
	a := process.App
	p.appEvent(a, state, previous, process.json, a.buildpackJSON, noTask, process.Instances, before, process.MemoryMB, beforeMB)
}

// buildEvent writes what staging reports. Only BUILDPACK_SET knows the buildpack's guid.
func (p *Platform) buildEvent(a *App, state, previous string, withGUID bool) {
	buildpack := a.buildpackJSON
	if !withGUID && a.Buildpack.GUID != "" {
		buildpack = `"buildpack":{"guid":null,"name":` + quote(a.Buildpack.Name) + `},`
	}
	p.appEvent(a, state, previous, noProcess, buildpack, noTask, 1, 1, stagingMemoryMB, stagingMemoryMB)
}

// appEvent emits a v3 app usage event with the presenter's keys in the presenter's order
// (app/presenters/v3/app_usage_event_presenter.rb). The parts are JSON members with their comma.
func (p *Platform) appEvent(a *App, state, previous, process, buildpack, task string, instances, before, memoryMB, beforeMB int) {
	id := p.newGUID()
	b := p.eventHead(id)
	b = append(b, `"state":{"current":"`...)
	b = append(b, state...)
	b = append(b, `","previous":"`...)
	b = append(b, previous...)
	b = append(b, `"},`...)
	b = append(b, a.json...)
	b = append(b, process...)
	b = append(b, a.Space.json...)
	b = append(b, buildpack...)
	b = append(b, task...)
	b = append(b, `"memory_in_mb_per_instance":{"current":`...)
	b = strconv.AppendInt(b, int64(memoryMB), 10)
	b = append(b, `,"previous":`...)
	b = strconv.AppendInt(b, int64(beforeMB), 10)
	b = append(b, `},"instance_count":{"current":`...)
	b = strconv.AppendInt(b, int64(instances), 10)
	b = append(b, `,"previous":`...)
	b = strconv.AppendInt(b, int64(before), 10)
	b = append(b, `},`...)
	p.eventTail(b, "/v3/app_usage_events/", id)
}

func (p *Platform) eventHead(id guid) []byte {
	stamp := p.stamps.at(p.second())
	b := append(p.buffer[:0], `{"guid":"`...)
	b = id.append(b)
	b = append(b, `","created_at":"`...)
	b = append(b, stamp...)
	b = append(b, `","updated_at":"`...)
	b = append(b, stamp...)
	return append(b, `",`...)
}

func (p *Platform) eventTail(b []byte, path string, id guid) {
	b = append(b, `"links":{"self":{"href":"`...)
	b = append(b, p.host...)
	b = append(b, path...)
	b = id.append(b)
	b = append(b, `"}}}`...)
	p.buffer = b
	p.emit(Event{Time: unixUTC(p.second()), JSON: b})
}
