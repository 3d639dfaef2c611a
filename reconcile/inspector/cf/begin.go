package cf

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// interval is where a beginning lies. It is one time where it is told exactly.
type interval struct{ low, high time.Time }

// at is a change at a time.
func (i *interval) at(t time.Time) { i.low, i.high = t, t }

// by is what may have been a change at a time, or none because it was so before.
func (i *interval) by(t time.Time) { i.high = t }

// when is the interval as a sight has it, with the platform's own upper bound.
func (i *interval) when(changed time.Time) when {
	if i.low.Equal(i.high) && !i.low.IsZero() {
		return when{at: i.low}
	}
	return when{notBefore: i.low, notAfter: earlier(i.high, changed)}
}

// run is a process as its audit events tell it, from one to the next.
type run struct {
	began             interval
	running, known    bool // running means nothing where it is not known
	instances, memory events.Count
}

// processBegin is when a running process took up its size.
//
// An audit event tells what a user asked for, and not that it changed anything: a started app can
// be started, and a process scaled to its size. So each is a change where the state before is
// known: by an audit event, or by what is billed at the proof. Else it is an upper bound. A
// deployment changes processes by itself, behind it nothing is known.
func (h *history) processBegin(p *process, billed *reconcile.Material) when {
	r := run{began: interval{low: p.created}}
	from := p.created
	if billed.Sequence != 0 && h.reaches(billed.Proof) && !billed.Proof.Before(from) {
		from = billed.Proof
		r.running, r.known = true, true
		r.instances, r.memory = billed.Footprint.Instances, billed.Footprint.MemoryMB
		r.began.high = from
	}
	for i := range h.audits {
		if a := &h.audits[i]; !a.at.Before(from) {
			r.take(a, p.guid)
		}
	}
	contradicts := r.known && !r.running || r.instances.Known() && r.instances != p.instances ||
		r.memory.Known() && r.memory != p.memory
	if contradicts {
		return when{notBefore: p.created, notAfter: p.changed}
	}
	return r.began.when(p.changed)
}

// take has a process go through an audit event.
func (r *run) take(a *audit, process string) {
	switch {
	case a.kind == auditDeployment:
		*r = run{began: interval{low: a.at}}
	case a.kind == auditCreate:
		r.known, r.running = a.state != "STARTED", false
	case a.kind == auditRestart:
		r.began.at(a.at)
		r.known, r.running = true, true
	case a.starts():
		switch {
		case !r.known:
			r.began.by(a.at)
		case !r.running:
			r.began.at(a.at)
		}
		r.known, r.running = true, true
	case a.stops(process):
		r.known, r.running = true, false
	case a.scales(process):
		r.scale(a)
	}
}

// scale has a process take up a size.
func (r *run) scale(a *audit) {
	sure, unsure := false, false
	for _, of := range []struct {
		was *events.Count
		to  events.Count
	}{{&r.instances, a.instances}, {&r.memory, a.memory}} {
		switch {
		case !of.to.Known():
		case !of.was.Known():
			unsure = true
			*of.was = of.to
		case *of.was != of.to:
			sure = true
			*of.was = of.to
		}
	}
	switch {
	case r.known && !r.running: // it is started with the size later
	case sure:
		r.began.at(a.at)
	case unsure:
		r.began.by(a.at)
	}
}

// serviceBegin is when a service instance took up its plan: when it was made, if nothing was done
// to it since; or when an update gave it the present plan in the place of another one.
func (h *history) serviceBegin(s *service, billed *reconcile.Material) when {
	if s.operation == "create" {
		return when{at: s.created}
	}
	began, plan, from := interval{low: s.created}, "", s.created
	if billed.Sequence != 0 && h.reaches(billed.Proof) && !billed.Proof.Before(from) {
		plan, from = billed.Footprint.PlanGUID, billed.Proof
		began.high = from
	}
	for i := range h.audits {
		a := &h.audits[i]
		switch {
		case a.at.Before(from) || a.plan == "":
		case a.kind == auditServiceCreate:
			began.at(s.created)
			plan = a.plan
		case a.kind != auditServiceUpdate || a.plan == plan:
		case plan == "":
			began.by(a.at)
			plan = a.plan
		default:
			began.at(a.at)
			plan = a.plan
		}
	}
	if plan != "" && plan != s.plan {
		return when{notBefore: s.created, notAfter: s.changed}
	}
	return began.when(s.changed)
}
