package cf

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// materials are what the survey has found, without excluded spaces. unplaced counts by kind what
// stands in a space that the API does not show: it can be billed to nobody. beside is what the
// usage summary counts beside the materials.
func (s *survey) materials() (all []reconcile.Material, unplaced map[string]int, beside reconcile.Sums) {
	unplaced = map[string]int{}
	all = make([]reconcile.Material, 0, len(s.processes)+len(s.tasks)+len(s.services))
	held := 0
	add := func(m reconcile.Material, of *space, answers ...answer) {
		if of == nil {
			unplaced[m.Kind]++
			beside.Add(&m, 1)
			return
		}
		if s.excluded != nil && s.excluded.MatchString(of.name) {
			beside.Add(&m, 1)
			return
		}
		m.Tenant, m.Space, m.SpaceName = of.tenant, of.guid, of.name
		if held < maxHeld && (s.ask.Wanted == nil || s.ask.Wanted(&m)) {
			m.Evidence = evidence(answers)
			held += len(m.Evidence)
		}
		all = append(all, m)
	}
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil && a.started && !p.stopped {
			m := ofProcess(p, a)
			if pack, known := s.packs[a.droplet]; known {
				m.Footprint.Buildpack, m.Footprint.BuildpackGUID = pack.of(a)
			}
			add(m, s.spaceOf(a.space), answer{"process", p.raw}, answer{"app", a.raw})
		}
	}
	for _, t := range s.tasks {
		if a := s.apps[t.app]; a != nil && t.there() {
			add(ofTask(t), s.spaceOf(a.space), answer{"task", t.raw})
		}
	}
	for _, one := range s.services {
		add(ofService(one, s.offers), s.spaceOf(one.space), answer{"service_instance", one.raw})
	}
	if s.doubts() > 0 { // which of them the summary counts is not told
		n := s.sum()
		beside.Instances += s.summary.Instances - n.instances
		beside.MemoryMB += s.summary.MemoryMB - n.memory
	}
	return all, unplaced, beside
}

func (s *survey) spaceOf(guid string) *space {
	if of, known := s.spaces[guid]; known {
		return &of
	}
	return nil
}

// ofProcess is the material of a process of a started app, without space and buildpack.
func ofProcess(p *process, a *app) reconcile.Material {
	return reconcile.Material{
		Kind: events.KindApp, Resource: p.guid, App: p.app, Name: a.name, Since: p.changed, Doubt: p.doubt,
		Footprint: events.Footprint{Instances: p.instances, MemoryMB: p.memory, ProcessType: p.kind},
	}
}

// there reports whether a task runs: it is billed until its end, whoever asks it to end.
func (t *task) there() bool { return t.state == "RUNNING" || t.state == "CANCELING" }

// ofTask is the material of a task, without its space.
func ofTask(t *task) reconcile.Material {
	return reconcile.Material{
		Kind: events.KindTask, Resource: t.guid, App: t.app, Name: t.name, Since: t.changed,
		Footprint: events.Footprint{Instances: events.Some(1), MemoryMB: t.memory},
	}
}

// ofService is the material of a managed service instance, without its space.
func ofService(one *service, offers *offers) reconcile.Material {
	m := reconcile.Material{Kind: events.KindService, Resource: one.guid, Name: one.name, Since: one.changed}
	m.Footprint = offers.footprint(one.plan)
	return m
}
