package cf

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Types of audit events. Source: cloud_controller_ng, app/repositories/event_types.rb.
const (
	auditCreate        = "audit.app.create"
	auditStart         = "audit.app.start"
	auditRestart       = "audit.app.restart"
	auditStop          = "audit.app.stop"
	auditDelete        = "audit.app.delete-request"
	auditUpdate        = "audit.app.update" // in v2 of the API it starts, stops and scales
	auditDeployment    = "audit.app.deployment.create"
	auditScale         = "audit.app.process.scale"
	auditProcessDelete = "audit.app.process.delete"
	auditTaskCancel    = "audit.app.task.cancel"
	auditServiceCreate = "audit.service_instance.create"
	auditServiceUpdate = "audit.service_instance.update"
	auditServiceDelete = "audit.service_instance.delete"
	auditServicePurge  = "audit.service_instance.purge"
)

// auditTypes are those that tell when something began or ended.
func auditTypes() []string {
	return []string{
		auditCreate, auditStart, auditRestart, auditStop, auditDelete, auditUpdate, auditDeployment, auditScale,
		auditProcessDelete, auditTaskCancel, auditServiceCreate, auditServiceUpdate, auditServiceDelete,
		auditServicePurge,
	}
}

// audit is an audit event, as far as it tells of times.
type audit struct {
	kind, target      string
	at                time.Time
	process, task     string
	state             string       // of an app, as v2 asks for it
	instances, memory events.Count // as a request asks for them
	plan              string       // guid, as a request asks for it
	raw               []byte
}

func readAudit(raw []byte) (a audit, err error) {
	err = read(raw, "audit event", func(r *rowReader, v jsondoc.Value) {
		data := v.Get("data")
		request := data.Get("request")
		a = audit{
			kind: r.NeedText(v, "", "type"), target: v.Get("target").Get("guid").Text(),
			process: data.Get("process_guid").Text(), task: data.Get("task_guid").Text(),
			state: request.Get("state").Text(), plan: cmp.Or(request.Get("service_plan_guid").Text(),
				related(request, "service_plan")),
			raw: slices.Clone(raw),
		}
		a.at, _ = r.times(v)
		var loose jsondoc.Reader // a request is what a user sent
		a.instances = loose.Count(request, "request", "instances")
		a.memory = loose.Count(request, "request", "memory_in_mb")
		if v2 := loose.Count(request, "request", "memory"); v2.Known() {
			a.memory = v2
		}
	})
	return a, err
}

// starts, stops report what an audit event of its app does to a process.
func (a *audit) starts() bool {
	return a.kind == auditStart || a.kind == auditRestart || a.kind == auditUpdate && a.state == "STARTED"
}

func (a *audit) stops(process string) bool {
	return a.kind == auditStop || a.kind == auditDelete || a.kind == auditUpdate && a.state == "STOPPED" ||
		a.kind == auditProcessDelete && a.process == process
}

// scales reports whether an audit event gives a process a size.
func (a *audit) scales(process string) bool {
	return a.kind == auditScale && a.process == process ||
		a.kind == auditUpdate && a.state == "" && (a.instances.Known() || a.memory.Known())
}

// when is the time of a change: at, or its bounds. All of them are zero where nothing is told.
type when struct{ at, notBefore, notAfter time.Time }

// history is the audit events of one app or service instance in their order, and the time of the
// oldest one that the foundation keeps.
type history struct {
	audits []audit
	oldest time.Time
}

// reaches reports whether nothing behind a time is forgotten.
func (h *history) reaches(t time.Time) bool {
	return !t.IsZero() && !h.oldest.IsZero() && !h.oldest.After(t)
}

// processEnd is when the run of a process ended that is known to have been under way at the proof.
//
// It is the first stop or deletion behind the proof, if all that happened since then is kept. The
// proof is by the clock of an API server, audit events are by the database's: a stop that comes
// close behind the proof, and a start behind it, may be of before the proof. A deployment destroys
// and restarts processes by itself, without an audit event for each: with one the end has bounds
// alone. One of before the proof may have been under way then, and nothing tells of its end.
func (h *history) processEnd(process string, proof time.Time) (w when) {
	if !h.reaches(proof) {
		return h.lastStop(process)
	}
	w.notBefore = proof
	for i := range h.audits {
		a := &h.audits[i]
		switch {
		case !a.at.After(proof), a.stops(process) && a.at.Sub(proof) <= skew && h.startedSince(a.at.Add(-time.Second)):
		case a.kind == auditDeployment, a.stops(process) && h.deployed(proof):
			return h.afterDeployment(process, proof)
		case a.stops(process):
			return when{at: a.at}
		}
	}
	return w
}

// deployed reports whether a deployment was begun up to a time.
func (h *history) deployed(by time.Time) bool {
	return slices.ContainsFunc(h.audits, func(a audit) bool {
		return a.kind == auditDeployment && !a.at.After(by.Add(skew))
	})
}

// afterDeployment is an end with a deployment, behind a time: at the next stop at the latest.
func (h *history) afterDeployment(process string, since time.Time) when {
	w := when{notBefore: since}
	for i := range h.audits {
		if a := &h.audits[i]; !a.at.Before(since) && a.stops(process) {
			w.notAfter = a.at
			return w
		}
	}
	return w
}

// lastStop is the bound of an end with an unknown beginning: the first stop behind the last start.
func (h *history) lastStop(process string) (w when) {
	for i := range h.audits {
		switch a := &h.audits[i]; {
		case a.starts():
			w = when{}
		case a.stops(process) && w.notAfter.IsZero():
			w.notAfter = a.at
		}
	}
	return w
}

// skew is how far the clocks of a foundation's servers are apart at the most.
const skew = 30 * time.Second

// startedSince reports whether the app was started after a time. All processes that it has then are
// started with it.
func (h *history) startedSince(created time.Time) bool {
	return slices.ContainsFunc(h.audits, func(a audit) bool { return a.starts() && a.at.After(created) })
}

// taskEnd has the bounds of the end of a task: no audit event tells it. A canceled one ends later,
// and each ends with its app at the latest.
func (h *history) taskEnd(guid string, proof time.Time) (w when) {
	w.notBefore = proof
	for i := range h.audits {
		switch a := &h.audits[i]; {
		case a.kind == auditTaskCancel && a.task == guid:
			w.notBefore = later(w.notBefore, a.at)
		case a.kind == auditDelete:
			w.notAfter = a.at
		}
	}
	return w
}

// serviceEnd is when a service instance was deleted. It is deleted once.
func (h *history) serviceEnd(proof time.Time) when {
	for i := range h.audits {
		if a := &h.audits[i]; a.kind == auditServiceDelete || a.kind == auditServicePurge {
			return when{at: a.at}
		}
	}
	if h.reaches(proof) {
		return when{notBefore: proof}
	}
	return when{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
