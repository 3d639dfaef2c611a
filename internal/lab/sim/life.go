package sim

import (
	"fmt"
	"math"
)

// Categories of events, with the share of each that a world aims for.
const (
	appCategory = iota
	taskCategory
	stagingCategory
	serviceCategory
	troveCategory
	categories
)

var shares = [categories]float64{0.75, 0.10, 0.05, 0.05, 0.05}

const (
	second = int64(1e6) // of the platform's microseconds
	minute = 60 * second
	hour   = 60 * minute
	// rest is how long a service or an instance keeps its size at least, so that no two changes
	// share a second.
	rest = minute
	// maxPending limits the tasks of an app that never start.
	maxPending = 3
	// maxBuilds limits the builds of an app that are open at once.
	maxBuilds = 3
)

// liveThrough runs until the time or the events are used up, and comes to the world's end.
func (w *World) liveThrough() {
	for !w.stopped && w.emitted < w.config.Events && w.step(w.end) {
	}
	w.finish()
}

// liveTo runs until a time.
func (w *World) liveTo(to int64) {
	for w.step(to) {
	}
}

// step does the next thing that happens before `to`; false when there is none.
func (w *World) step(to int64) bool {
	if w.nextAction == 0 {
		w.nextAction = w.start + w.gap()
	}
	if at, ok := w.agenda.next(); ok && at <= w.nextAction {
		if at >= to {
			return false
		}
		w.follow(w.agenda.pop())
		return true
	}
	if w.nextAction >= to {
		return false
	}
	w.platform.setMicro(w.nextAction)
	w.act()
	w.nextAction += w.gap()
	return true
}

// gap is the time to the next action: random, longer at night, and such that the events last until
// the end of the stretch. Where a stretch is used up, the next one begins.
func (w *World) gap() int64 {
	for w.platform.now >= w.stretch || w.emitted >= w.quota {
		w.stretch += w.end - w.start
		w.quota += w.config.Events
	}
	perAction := float64(w.emitted+len(w.agenda.items)+2) / float64(w.actions+1)
	left := float64(max(1, w.quota-w.emitted-len(w.agenda.items)))
	mean := float64(w.stretch-w.platform.now) / math.Max(1, left/perAction)
	if h := w.platform.now / hour % 24; h < 6 || h >= 20 {
		mean *= 1.6
	} else {
		mean *= 0.8
	}
	return 1 + int64(mean*w.random.ExpFloat64())
}

// act does one thing, in the category that is furthest behind its share, give or take a little.
func (w *World) act() {
	w.actions++
	total := 0
	for _, n := range w.planned {
		total += n
	}
	best, chosen := math.Inf(-1), appCategory
	for c, share := range shares {
		if behind := share*float64(total) - float64(w.planned[c]) + 4*w.random.Float64(); behind > best {
			best, chosen = behind, c
		}
	}
	switch chosen {
	case taskCategory:
		w.actTask()
	case stagingCategory:
		w.actBuild()
	case serviceCategory:
		w.actService()
	case troveCategory:
		w.actTrove()
	default:
		w.actApp()
	}
}

// grown is how many of a kind should live now.
func (w *World) grown(whole int) int {
	share := 5 * float64(w.platform.now-w.start) / float64(w.end-w.start)
	return int(math.Ceil(float64(whole) * math.Min(1, share)))
}

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

// actRarely does what few do to a started app. Builds are among it: every new app brings one, and a
// large young world has its share of builds from those alone.
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

// restage builds an app again, beside a build that may be under way.
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

// createService makes one that the broker may fail to make.
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

func (w *World) actTrove() {
	p := w.platform
	w.planned[troveCategory]++
	if len(p.Database) < w.grown(w.config.Instances) || len(p.Database) == 0 {
		i := p.CreateInstance(pick(w, w.projects), w.name(serviceNames), pick(w, w.flavours), 1+w.random.IntN(50))
		i.busyUntil = math.MaxInt64
		w.later(w.between(30*second, 10*minute), item{what: instanceIsUp, instance: i})
		return
	}
	i := pick(w, p.Database)
	if i.busyUntil > p.now {
		return
	}
	i.busyUntil = p.now + rest
	delay := w.between(second/10, 5*second)
	n := 40 + w.random.IntN(60)
	if w.config.Exists {
		n = w.random.IntN(100)
	}
	switch {
	case n < 40: // a task manager reports all databases in one round
		for _, i := range p.Database {
			if i.busyUntil != math.MaxInt64 {
				w.send(second/10, p.Exists(i))
				w.planned[troveCategory]++
			}
		}
	case n < 60:
		w.send(delay, p.ResizeVolume(i, i.VolumeGB+1+w.random.IntN(20)))
	case n < 85:
		flavor := pick(w, w.flavours)
		if flavor != i.Flavor {
			w.send(delay, p.ResizeFlavor(i, flavor))
		}
	default:
		w.send(delay+w.between(second, 50*second), p.DeleteInstance(i))
	}
}

func (w *World) send(delay int64, n Notification) {
	w.later(delay, item{what: notificationIsSent, note: &n})
}

func (w *World) later(delay int64, it item) {
	it.at = w.platform.now + delay
	w.agenda.push(it)
}

// follow does what an earlier action brought about.
func (w *World) follow(it item) {
	p := w.platform
	p.setMicro(it.at)
	switch it.what {
	case buildEnds:
		w.endBuild(it.app, it.then)
	case deployGoesOn:
		if w.chance(3) {
			p.CancelDeploy(it.app)
		} else if !p.ContinueDeploy(it.app) {
			w.later(w.between(20*second, 90*second), it)
		}
	case taskRuns:
		if it.task.Ended() {
			return // the app went first
		}
		w.runTask(it)
	case taskIsCanceled:
		p.CancelTask(it.task)
		it.what = taskEnds
		w.later(w.between(second, 20*second), it)
	case taskEnds:
		p.EndTask(it.task)
	case provisionFails, failedServiceGoes:
		w.failService(it)
	case instanceIsUp:
		it.instance.busyUntil = p.now + rest
		p.Send(p.Activate(it.instance))
	case notificationIsSent:
		p.Send(*it.note)
	}
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

// failService is a provisioning that failed, and what its owner does about it: deleting it, and
// often trying again.
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

// finish sends the notifications that are still under way, and with Drain brings everything to an
// end.
func (w *World) finish() {
	for len(w.agenda.items) > 0 {
		it := w.agenda.pop()
		if w.config.Drain || it.what == instanceIsUp || it.what == notificationIsSent {
			w.follow(it)
		}
	}
	if !w.config.Drain {
		return
	}
	p := w.platform
	for len(p.Apps) > 0 {
		p.setMicro(p.now + second)
		p.DeleteApp(p.Apps[len(p.Apps)-1])
	}
	for len(p.Services) > 0 {
		p.setMicro(p.now + second)
		p.DeleteService(p.Services[len(p.Services)-1])
	}
	for len(p.Database) > 0 {
		p.setMicro(p.now + second)
		n := p.DeleteInstance(p.Database[len(p.Database)-1])
		p.setMicro(p.now + 3*second)
		p.Send(n)
	}
}

// between is a random number of microseconds in [low, high).
func (w *World) between(low, high int64) int64 { return low + w.random.Int64N(high-low) }

func (w *World) chance(percent int) bool { return w.random.IntN(100) < percent }

// name makes a name that no other has.
func (w *World) name(of []string) string {
	w.names++
	return fmt.Sprintf("%s-%d", pick(w, of), w.names)
}

func pick[T any](w *World, of []T) T { return of[w.random.IntN(len(of))] }
