package sim

import (
	"fmt"
	"math"
)

// Categories of events, with a world's intended share of each.
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
	// rest is the shortest time between two changes of a service or an instance: no two share a
	// second.
	rest = minute
	// maxPending limits the pending tasks of an app.
	maxPending = 3
	// maxBuilds limits the open builds of an app.
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

// step does the next action or follow-up before `to`; false when there is none.
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

// gap is the time to the next action: random, longer at night, and long enough for the events to
// last until the end of the stretch. Where a stretch is used up, the next one begins.
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

// act does one thing, in the category furthest behind its share, give or take a little.
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

func (w *World) later(delay int64, it item) {
	it.at = w.platform.now + delay
	w.agenda.push(it)
}

// follow does a consequence of an earlier action.
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

// finish sends the pending notifications, and with Drain brings everything to an end.
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

// name makes a new name.
func (w *World) name(of []string) string {
	w.names++
	return fmt.Sprintf("%s-%d", pick(w, of), w.names)
}

func pick[T any](w *World, of []T) T { return of[w.random.IntN(len(of))] }
