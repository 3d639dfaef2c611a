package cc

import (
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// audit is an audit event.
type audit struct {
	sim.Audit
	id int
}

// takeAudit keeps an audit event of the world.
func (f *Foundation) takeAudit(a sim.Audit) {
	f.audit++
	f.audits = append(f.audits, audit{a, f.audit})
	// Old ones go in bulk: Cloud Controller's own job runs once a day.
	const bulk = 4096
	if cutoff := f.auditCutoff(); len(f.audits) > bulk && f.audits[bulk/2].Created.Before(cutoff) {
		f.audits = append([]audit(nil), f.audits[bulk/2:]...)
	}
}

func (f *Foundation) auditCutoff() time.Time {
	return f.world.Platform().Now().Add(-time.Duration(f.knobs.AuditRetention))
}

// auditEvents are the audit events of the organizations that the token reads. Source:
// app/presenters/v3/event_presenter.rb.
func (f *Foundation) auditEvents(r *request, p *params) (items []item) {
	cutoff := f.auditCutoff()
	for i := range f.audits {
		a := &f.audits[i]
		if a.Created.Before(cutoff) || !p.passes("types", a.Type) || !p.passes("target_guids", a.Target) ||
			!f.passesSpace(r, p, a.Space) {
			continue
		}
		record := sim.Record{ID: int64(a.id), Created: a.Created}
		guid := uuidOf("audit", strconv.Itoa(a.id))
		items = append(items, item{record, guid, "", func() object {
			return resource(r.base, "audit_events", guid, record, object{
				"type":   a.Type,
				"actor":  object{"guid": uuidOf("user", "somebody"), "type": "user", "name": "somebody"},
				"target": object{"guid": a.Target, "type": a.TargetType, "name": a.TargetName},
				"data":   a.Data,
				"space":  object{"guid": a.Space.GUID}, "organization": object{"guid": a.Space.Org.GUID},
			})
		}})
	}
	return items
}

// stats is GET /v3/processes/:guid/stats. A process that is not meant to run has instances that are
// down, as has one whose instances find no place. Source: lib/cloud_controller/diego/reporters.
func (f *Foundation) stats(r *request) answer {
	if f.knobs.NoStats {
		return unknownRequest.answer()
	}
	for _, a := range f.seen().Apps {
		for _, process := range a.All() {
			if process.GUID != r.PathValue("guid") || !f.mayRead(r, a.Space.Org.GUID) {
				continue
			}
			state, instances := "DOWN", []object{}
			if process.Started() {
				state = "RUNNING"
			}
			for i := range process.Instances {
				instances = append(instances, object{"type": process.Type, "index": i, "state": state, "uptime": 0})
			}
			return jsonAnswer(200, object{"resources": instances})
		}
	}
	return notFound("Process").answer()
}
