package sim

import "slices"

// App is an app with its processes.
type App struct {
	Record
	GUID, Name string
	Space      *Space
	// Buildpack is in the events of processes: the first custom URL of the present configuration,
	// else the name in the current droplet, with the guid in the current droplet. Before the first
	// start it is the configured one.
	Buildpack Buildpack
	Started   bool
	Processes []*Process // the first is the web process with the traffic
	Tasks     []*Task    // not ended
	Ended     []*Task    // that did, the last ones
	Builds    int        // open at once
	Droplet   *Droplet   // current; nil until the first start
	Droplets  []*Droplet // the newest keepDroplets, oldest first, and the current one

	configured    Buildpack   // for the next build
	open          []Buildpack // of the open builds, oldest first
	stagedWith    string      // the buildpack of the newest build
	old           *Process    // the web process before a rolling deployment
	target        int         // instances at the end of the deployment
	json          string      // "app" of every event
	buildpackJSON string
	staging       track
	index         int // in Platform.Apps
	deleted       bool
}

// Process is one process of an app: the resource of app usage.
type Process struct {
	Record
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

// Droplet is the result of a successful build. Its buildpack's Name is the final one, where there
// are several.
type Droplet struct {
	Record
	GUID      string
	App       *App
	Buildpack Buildpack
}

// keepDroplets is how many staged droplets Cloud Controller keeps of an app
// (max_staged_droplets_stored).
const keepDroplets = 5

// Docker reports whether the app is a docker app.
func (a *App) Docker() bool { return a.configured == Buildpack{} }

// Configured is the buildpack of the app's next build.
func (a *App) Configured() Buildpack { return a.configured }

// Deploying reports whether a rolling deployment is under way.
func (a *App) Deploying() bool { return a.old != nil }

// Deleted reports whether the app is gone.
func (a *App) Deleted() bool { return a.deleted }

// All lists the processes, during a rolling deployment with both web processes.
func (a *App) All() []*Process {
	if a.old == nil {
		return a.Processes
	}
	return append(slices.Clone(a.Processes), a.old)
}

// Started reports whether the process is meant to run. It may have 0 instances then.
func (process *Process) Started() bool { return process.started }

// CreateApp makes a stopped app: no events. The first process has the app's guid, as Cloud
// Controller gives it to web. An empty guid gets a random one.
func (p *Platform) CreateApp(space *Space, guid, name string, buildpack Buildpack, processes ...ProcessSpec) *App {
	p.call()
	a := &App{Record: p.record(), GUID: p.orNew(guid), Space: space, index: len(p.Apps), configured: buildpack}
	a.rename(name)
	a.setBuildpack(buildpack)
	for i, spec := range processes {
		id := a.GUID
		if i > 0 {
			id = p.newGUID().String()
		}
		a.Processes = append(a.Processes, p.newProcess(a, id, spec))
	}
	p.Apps = append(p.Apps, a)
	p.auditApp(a, "audit.app.create", nil)
	return a
}

// AddProcess makes a stopped process of an app, as a droplet with another process type does: no
// event, and it does not run, even in a started app, until the app is started again.
func (p *Platform) AddProcess(a *App, spec ProcessSpec) *Process {
	p.call()
	process := p.newProcess(a, newGUID(p.aside).String(), spec)
	a.Processes = append(a.Processes, process)
	p.auditProcess(process, "audit.app.process.create", nil)
	return process
}

// LabelProcess changes labels: no event, but another updated_at.
func (p *Platform) LabelProcess(process *Process) {
	p.call()
	p.touch(&process.Record)
	p.auditProcess(process, "audit.app.process.update", map[string]any{"metadata": map[string]any{}})
}

func (p *Platform) newProcess(a *App, guid string, spec ProcessSpec) *Process {
	return &Process{
		Record: p.record(),
		GUID:   guid, Type: spec.Type, App: a, Instances: spec.Instances, MemoryMB: spec.MemoryMB,
		json: `"process":{"guid":` + quote(guid) + `,"type":` + quote(spec.Type) + `},`,
	}
}

// RenameApp changes the name: no event. The app's next event has it.
func (p *Platform) RenameApp(a *App, name string) {
	p.call()
	a.rename(name)
	p.touch(&a.Record)
	p.auditApp(a, "audit.app.update", map[string]any{"name": name})
}

func (a *App) rename(name string) {
	a.Name = name
	a.json = `"app":{"guid":` + quote(a.GUID) + `,"name":` + quote(name) + `},`
}

// SetBuildpack changes the app's configuration: no event, and no new droplet. A custom buildpack's
// URL stands in the next event of a process all the same
// (AppUsageEventRepository#buildpack_name_for_app).
func (p *Platform) SetBuildpack(a *App, buildpack Buildpack) {
	p.call()
	a.configured = buildpack
	p.touch(&a.Record)
	p.auditApp(a, "audit.app.update", map[string]any{"lifecycle": map[string]any{"type": "buildpack"}})
	if a.Droplet == nil {
		a.setBuildpack(buildpack)
	} else {
		a.report()
	}
}

// AssignDroplet makes a droplet the current one: no event, and running processes go on as before.
func (p *Platform) AssignDroplet(a *App, d *Droplet) {
	p.call()
	a.Droplet = d
	a.report()
	a.forgetDroplets()
	p.touch(&a.Record)
	p.auditApp(a, "audit.app.droplet.mapped", nil)
}

// report sets the buildpack for the events of processes.
func (a *App) report() {
	var b Buildpack
	if a.Droplet != nil {
		b = a.Droplet.Buildpack
	}
	if a.configured.Custom() {
		b.Name = a.configured.Name
	}
	if b != a.Buildpack {
		a.setBuildpack(b)
	}
}

func (a *App) setBuildpack(b Buildpack) {
	a.Buildpack = b
	a.buildpackJSON = b.json()
}

func (b Buildpack) json() string {
	return `"buildpack":{"guid":` + quoteOrNull(b.GUID) + `,"name":` + quoteOrNull(b.Name) + `},`
}

// newDroplet makes a droplet of the staged app.
func (p *Platform) newDroplet(a *App, staged Buildpack) *Droplet {
	if staged.Final != "" {
		staged = Buildpack{GUID: staged.GUID, Name: staged.Final}
	}
	d := &Droplet{Record: p.record(), GUID: newGUID(p.aside).String(), App: a, Buildpack: staged}
	a.Droplets = append(a.Droplets, d)
	a.forgetDroplets()
	return d
}

func (a *App) forgetDroplets() {
	for excess := len(a.Droplets) - keepDroplets; excess > 0; excess-- {
		i := 0
		if a.Droplets[0] == a.Droplet {
			i = 1
		}
		a.Droplets = slices.Delete(a.Droplets, i, i+1)
	}
}

// StartApp starts every process, even with 0 instances. Nothing happens to a started app. Before
// its first start an app gets its newest droplet, or one made for it.
func (p *Platform) StartApp(a *App) {
	p.call()
	p.startApp(a)
	p.auditApp(a, "audit.app.start", nil)
}

func (p *Platform) startApp(a *App) {
	if a.Started {
		return
	}
	if a.Droplet == nil {
		if len(a.Droplets) == 0 {
			p.newDroplet(a, a.configured)
		}
		a.Droplet = a.Droplets[len(a.Droplets)-1]
		a.report()
	}
	a.Started = true
	p.touch(&a.Record)
	for _, process := range a.Processes {
		p.startProcess(process)
	}
}

// StopApp stops every process, and with them a deployment under way. Nothing happens to a stopped
// app.
func (p *Platform) StopApp(a *App) {
	p.call()
	p.stopApp(a)
	p.auditApp(a, "audit.app.stop", nil)
}

func (p *Platform) stopApp(a *App) {
	if !a.Started {
		return
	}
	a.Started = false
	p.touch(&a.Record)
	for _, process := range a.All() {
		p.stopProcess(process)
	}
	a.old = nil
}

// RestartApp stops and starts every process within the same second, by one API server.
func (p *Platform) RestartApp(a *App) {
	p.call()
	p.stopApp(a)
	p.startApp(a)
	p.auditApp(a, "audit.app.restart", nil)
}

// ScaleProcess changes the size. A started process reports one STARTED with the sizes before; a
// stopped one nothing.
func (p *Platform) ScaleProcess(process *Process, instances, memoryMB int) {
	p.call()
	p.scale(process, instances, memoryMB)
	p.auditProcess(process, "audit.app.process.scale",
		map[string]any{"instances": instances, "memory_in_mb": memoryMB})
}

func (p *Platform) scale(process *Process, instances, memoryMB int) {
	before, beforeMB := process.Instances, process.MemoryMB
	process.Instances, process.MemoryMB = instances, memoryMB
	if before != instances || beforeMB != memoryMB {
		p.touch(&process.Record)
	}
	if !process.started || before == instances && beforeMB == memoryMB {
		return
	}
	p.truth.change(&process.track, p.second(), process.identity(), process.footprint())
	p.processEvent(process, "STARTED", "STARTED", before, beforeMB)
}

// Crash ends an instance unasked. The platform restarts it, desired state does not change: no
// events, no span.
func (p *Platform) Crash(*Process) {}

// DeleteApp deletes an app with its tasks. Cloud Controller takes the droplet away first, so the
// STOPPED events of a running app have no guid of a buildpack, and no name of one unless it is a
// custom one. Pending tasks get a TASK_STOPPED, too. The app must have no open builds.
func (p *Platform) DeleteApp(a *App) {
	if a.Builds > 0 {
		panic("sim: DeleteApp during a build")
	}
	p.call()
	for len(a.Tasks) > 0 {
		p.endTask(a.Tasks[len(a.Tasks)-1], true)
	}
	a.Droplet, a.Droplets = nil, nil
	a.report()
	p.stopApp(a)
	for _, process := range a.Processes {
		p.auditProcess(process, "audit.app.process.delete", nil)
	}
	p.auditApp(a, "audit.app.delete-request", nil)
	a.deleted = true
	last := len(p.Apps) - 1
	p.Apps[a.index] = p.Apps[last]
	p.Apps[a.index].index = a.index
	p.Apps[last] = nil
	p.Apps = p.Apps[:last]
}

// BeginDeploy begins a rolling deployment of a started app: a new web process with a guid of its
// own starts with one instance beside the old one. ContinueDeploy does the rest.
func (p *Platform) BeginDeploy(a *App) {
	if !a.Started || a.Deploying() {
		panic("sim: BeginDeploy needs a started app without a deployment under way")
	}
	p.call()
	old := a.Processes[0]
	a.old, a.target = old, old.Instances
	web := p.newProcess(a, p.newGUID().String(), ProcessSpec{old.Type, min(1, old.Instances), old.MemoryMB})
	a.Processes[0] = web
	p.startProcess(web)
	p.auditApp(a, "audit.app.deployment.create", nil)
}

// ContinueDeploy takes one step: an instance of the old process away (down to STARTED with 0
// instances), one of the new process more. The last step destroys the old process and restarts all
// but web; then it returns true.
func (p *Platform) ContinueDeploy(a *App) (done bool) {
	if !a.Deploying() {
		return true
	}
	p.call()
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
		p.scale(old, old.Instances-1, old.MemoryMB)
	}
	if web.Instances < a.target {
		p.scale(web, web.Instances+1, web.MemoryMB)
	}
	return false
}

// CancelDeploy takes a deployment back: the old process gets its instances again, the new one is
// destroyed. Nothing happens to an app without one.
func (p *Platform) CancelDeploy(a *App) {
	if !a.Deploying() {
		return
	}
	p.call()
	web, old := a.Processes[0], a.old
	p.scale(old, a.target, old.MemoryMB)
	p.stopProcess(web)
	a.Processes[0], a.old = old, nil
	p.auditApp(a, "audit.app.deployment.cancel", nil)
}

// BeginBuild begins staging with the configured buildpack. Several builds of one app may be open at
// once.
func (p *Platform) BeginBuild(a *App) {
	p.call()
	a.Builds++
	a.open = append(a.open, a.configured)
	a.stagedWith = a.configured.Name
	if a.Builds == 1 {
		p.truth.begin(&a.staging, p.second(), a.identity(KindStaging, a.GUID, a.Name), a.stagingFootprint())
	} else {
		p.truth.change(&a.staging, p.second(), a.identity(KindStaging, a.GUID, a.Name), a.stagingFootprint())
	}
	p.buildEvent(a, "STAGING_STARTED", "STAGING", Buildpack{Name: a.configured.Name})
	p.auditApp(a, "audit.app.build.create", nil)
}

// EndBuild ends the oldest open build. A successful one sets the buildpack, in the v3 API's shape,
// without a process, and returns its droplet; a failed one returns nil.
func (p *Platform) EndBuild(a *App, success bool) *Droplet {
	if a.Builds == 0 {
		panic("sim: EndBuild without an open build")
	}
	p.call()
	a.Builds--
	staged := a.open[0]
	a.open = slices.Delete(a.open, 0, 1)
	if a.Builds == 0 {
		p.truth.end(&a.staging, p.second())
	} else {
		p.truth.change(&a.staging, p.second(), a.identity(KindStaging, a.GUID, a.Name), a.stagingFootprint())
	}
	p.buildEvent(a, "STAGING_STOPPED", "STAGING", Buildpack{Name: staged.Name})
	if !success {
		return nil
	}
	d := p.newDroplet(a, staged)
	p.buildEvent(a, "BUILDPACK_SET", "STAGED", d.Buildpack)
	return d
}

func (p *Platform) startProcess(process *Process) {
	process.started = true
	p.touch(&process.Record)
	p.truth.begin(&process.track, p.second(), process.identity(), process.footprint())
	p.processEvent(process, "STARTED", "STOPPED", process.Instances, process.MemoryMB)
}

func (p *Platform) stopProcess(process *Process) {
	if !process.started {
		return
	}
	process.started = false
	p.touch(&process.Record)
	p.truth.end(&process.track, p.second())
	p.processEvent(process, "STOPPED", "STARTED", process.Instances, process.MemoryMB)
}

func (process *Process) identity() identity {
	return process.App.identity(KindApp, process.GUID, process.App.Name)
}

func (process *Process) footprint() Footprint {
	b := process.App.Buildpack
	return Footprint{
		Instances: process.Instances, MemoryMB: process.MemoryMB, ProcessType: process.Type,
		Buildpack: b.Name, BuildpackGUID: b.GUID,
	}
}

// stagingMemoryMB is in the events of every build, whatever it used: BuildModel::STAGING_MEMORY.
const stagingMemoryMB = 1024

// stagingFootprint has the buildpack of the newest build: events do not name the ended one of
// several.
func (a *App) stagingFootprint() Footprint {
	return Footprint{Instances: a.Builds, MemoryMB: stagingMemoryMB, Buildpack: a.stagedWith}
}

func (a *App) identity(kind, resource, name string) identity {
	return identity{
		kind: kind, resource: resource, app: a.GUID, tenant: a.Space.Org.GUID,
		space: a.Space.GUID, spaceName: a.Space.Name, name: name,
	}
}
