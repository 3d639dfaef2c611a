package sim

import (
	"math"
)

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
