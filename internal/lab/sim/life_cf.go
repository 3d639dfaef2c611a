package sim

import (
	"math"
)

func (w *World) actApp() {
	if len(w.platform.Apps) < w.grown(w.config.Apps) {
		w.createApp()
		return
	}
	a := pick(w, w.platform.Apps)
	switch {
	case a.Deploying(): // its owner waits
	case !a.Started:
		w.actStopped(a)
	default:
		w.actStarted(a)
	}
}

func (w *World) createApp() {
	processes := []ProcessSpec{{"web", 1 + w.random.IntN(4), memories[w.random.IntN(len(memories))]}}
	if w.chance(30) {
		processes = append(processes, ProcessSpec{"worker", w.random.IntN(3), memories[w.random.IntN(len(memories))]})
	}
	if w.chance(5) {
		processes = append(processes, ProcessSpec{"clock", w.random.IntN(2), 256})
	}
	a := w.platform.CreateApp(pick(w, w.platform.Spaces), "", w.name(appNames), pick(w, w.buildpacks), processes...)
	w.planned[appCategory] += len(processes)
	w.build(a, thenStart)
}

func (w *World) actStopped(a *App) {
	switch n := w.random.IntN(100); {
	case n < 80:
		if a.Builds == 0 || n < 40 {
			w.planned[appCategory] += len(a.Processes)
			w.platform.StartApp(a)
		}
	case n < 95:
		process := pick(w, a.Processes)
		w.platform.ScaleProcess(process, w.random.IntN(6), process.MemoryMB)
	default:
		w.deleteApp(a)
	}
}

func (w *World) actStarted(a *App) {
	if w.config.Quirks && w.actOddly(a) {
		return
	}
	process := pick(w, a.Processes)
	switch n := w.random.IntN(100); {
	case n < 45:
		low := 0
		if process.Type == "web" {
			low = 1
		}
		w.planned[appCategory]++
		w.platform.ScaleProcess(process, low+w.random.IntN(8), process.MemoryMB)
	case n < 55:
		w.planned[appCategory]++
		w.platform.ScaleProcess(process, process.Instances, memories[w.random.IntN(len(memories))])
	case n < 73:
		w.planned[appCategory] += 2 * len(a.Processes)
		w.platform.RestartApp(a)
	case n < 82:
		w.planned[appCategory] += len(a.Processes)
		w.platform.StopApp(a)
	case n < 90:
		w.planned[appCategory] += 2*a.Processes[0].Instances + 2*len(a.Processes)
		w.platform.BeginDeploy(a)
		w.later(w.between(20*second, 90*second), item{what: deployGoesOn, app: a})
	case n < 94:
		w.platform.Crash(process)
	default:
		w.actRarely(a)
	}
}

// actRarely does something rare to a started app. Builds are rare: every new app brings one, and a
// large young world has its share of builds from new apps alone.
func (w *World) actRarely(a *App) {
	switch n := w.random.IntN(100); {
	case n < 10:
		w.restage(a)
	case n < 18:
		w.deleteApp(a)
	case n < 50:
		w.platform.RenameApp(a, w.name(appNames))
	case n < 55:
		w.platform.RenameSpace(a.Space, w.name(spaceNames))
	case n < 90:
		if !a.Docker() {
			w.platform.SetBuildpack(a, pick(w, w.buildpacks[:len(w.buildpacks)-1])) // all but docker
		}
	default:
		if len(a.Droplets) > 0 {
			w.platform.AssignDroplet(a, pick(w, a.Droplets))
		}
	}
}

func (w *World) deleteApp(a *App) {
	if a.Builds > 0 || a.Deploying() {
		return
	}
	w.planned[appCategory] += len(a.Processes)
	w.platform.DeleteApp(a)
}

func (w *World) actTask() {
	if len(w.platform.Apps) == 0 {
		w.actApp()
		return
	}
	a := pick(w, w.platform.Apps)
	pending := 0
	for _, t := range a.Tasks {
		if t.Pending() {
			pending++
		}
	}
	if pending >= maxPending {
		return
	}
	t := w.platform.CreateTask(a, w.name(taskNames), memories[w.random.IntN(len(memories))])
	if w.chance(3) {
		return // never starts; the app's end tells
	}
	w.planned[taskCategory] += 2
	w.later(w.between(0, 5*second), item{what: taskRuns, task: t})
}

func (w *World) actBuild() {
	if len(w.platform.Apps) == 0 {
		w.actApp()
		return
	}
	w.restage(pick(w, w.platform.Apps))
}

// restage builds an app again, perhaps beside a build under way.
func (w *World) restage(a *App) {
	if a.Builds >= maxBuilds {
		return
	}
	then := thenNothing
	if w.chance(60) {
		then = thenRestart
	}
	w.build(a, then)
}

// build stages; a build ends well within the hour.
func (w *World) build(a *App, then afterBuild) {
	w.planned[stagingCategory] += 3
	w.platform.BeginBuild(a)
	w.later(w.between(20*second, 15*minute), item{what: buildEnds, app: a, then: then})
}

func (w *World) actService() {
	services := w.platform.Services
	w.planned[serviceCategory]++
	if len(services) < w.grown(w.config.Services) || len(services) == 0 {
		var plan *Plan
		if !w.chance(20) {
			plan = pick(w, pick(w, w.plans))
		}
		w.createService(pick(w, w.platform.Spaces), w.name(serviceNames), plan)
		return
	}
	s := pick(w, services)
	if s.busyUntil > w.platform.now {
		return
	}
	if w.config.Quirks && w.chance(10) {
		w.touch(s)
		return
	}
	switch n := w.random.IntN(100); {
	case n < 50 && s.Plan != nil:
		for _, offering := range w.plans {
			if offering[0].OfferingGUID == s.Plan.OfferingGUID {
				w.changePlan(s, offering)
			}
		}
	case n < 55:
		w.planned[serviceCategory]--
		w.platform.UpdateService(s)
	case n < 77:
		w.platform.RenameService(s, w.name(serviceNames))
	default:
		w.platform.DeleteService(s)
	}
	s.busyUntil = w.platform.now + rest
}

// touch updates a service without a change, or its plan and name at once.
func (w *World) touch(s *Service) {
	s.busyUntil = w.platform.now + rest
	for _, offering := range w.plans {
		if s.Plan != nil && offering[0].OfferingGUID == s.Plan.OfferingGUID {
			w.platform.ChangePlanAndName(s, pick(w, offering), w.name(serviceNames))
			return
		}
	}
	w.platform.TouchService(s)
}

// createService makes a service, unless the broker fails.
func (w *World) createService(space *Space, name string, plan *Plan) {
	s := w.platform.CreateService(space, "", name, plan)
	s.busyUntil = w.platform.now + rest
	if plan != nil && w.chance(6) {
		s.busyUntil = math.MaxInt64
		w.planned[serviceCategory]++
		w.later(w.between(10*second, 10*minute), item{what: provisionFails, service: s})
	}
}

// changePlan moves to any other plan of the offering.
func (w *World) changePlan(s *Service, offering []*Plan) {
	plan := pick(w, offering)
	if plan == s.Plan {
		w.planned[serviceCategory]--
		return
	}
	w.platform.ChangePlan(s, plan)
}

func (w *World) endBuild(a *App, then afterBuild) {
	if a.Builds == 0 {
		return // somebody else has ended it
	}
	droplet := w.platform.EndBuild(a, then == thenStart || w.chance(90))
	if droplet == nil || a.Deploying() || a.deleted {
		return
	}
	switch {
	case then == thenRestart && a.Started:
		w.planned[appCategory] += 2 * len(a.Processes)
		w.platform.AssignDroplet(a, droplet)
		w.platform.RestartApp(a)
	case then == thenStart:
		w.platform.StartApp(a)
	}
}

// runTask starts a task, unless somebody cancels it before. A few have ended already when they are
// reported to start.
func (w *World) runTask(it item) {
	n := w.random.IntN(100)
	delay := int64(float64(20*minute) * w.random.ExpFloat64())
	it.what = taskEnds
	if n < 2 {
		w.platform.CancelTask(it.task)
		w.later(w.between(second, 20*second), it)
		return
	}
	w.platform.RunTask(it.task)
	switch {
	case n < 6: // very fast: the sync with Diego, every 30 s, misses it
		delay = w.between(0, 30*second)
	case n < 11:
		it.what = taskIsCanceled
	}
	w.later(delay, it)
}

// failService is a failed provisioning, and its owner's reaction: deleting it, and often trying
// again.
func (w *World) failService(it item) {
	s := it.service
	if s.deleted {
		return
	}
	if it.what == provisionFails {
		w.platform.FailProvision(s)
		it.what = failedServiceGoes
		w.later(w.between(10*second, 2*hour), it)
		return
	}
	w.platform.DeleteService(s)
	if w.chance(50) {
		w.planned[serviceCategory]++
		w.createService(s.Space, s.Name, s.Plan)
	}
}
