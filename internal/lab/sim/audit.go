package sim

import "time"

// Audit is an audit event: what a user has asked the foundation to do. What happens by itself (the
// end of a task, a step of a deployment) has none. Source: cloud_controller_ng, app/repositories,
// app_event_repository.rb, process_event_repository.rb, task_event_repository.rb and
// service_event_repository.rb.
type Audit struct {
	Type    string    // audit.app.start
	Created time.Time // in whole seconds, by the API server's clock
	// Target is the guid of the app, of its processes and tasks too, or of the service instance.
	Target, TargetType, TargetName string
	Space                          *Space
	Data                           map[string]any
}

// OnAudit has a function take the audit events from now on. They are no usage events, and nobody
// takes them unless asked to.
func (p *Platform) OnAudit(take func(Audit)) { p.audits = take }

func (p *Platform) audit(a Audit) {
	if p.audits != nil {
		a.Created = unixUTC(p.second())
		p.audits(a)
	}
}

func (p *Platform) auditApp(a *App, kind string, request map[string]any) {
	p.auditOf(a, kind, request, nil)
}

func (p *Platform) auditProcess(process *Process, kind string, request map[string]any) {
	p.auditOf(process.App, kind, request, map[string]any{"process_guid": process.GUID, "process_type": process.Type})
}

func (p *Platform) auditTask(t *Task, kind string) {
	p.auditOf(t.App, kind, map[string]any{"name": t.Name, "memory_in_mb": t.MemoryMB},
		map[string]any{"task_guid": t.GUID})
}

// auditOf is an audit event with an app as its target.
func (p *Platform) auditOf(a *App, kind string, request, data map[string]any) {
	if p.audits == nil {
		return
	}
	if data == nil {
		data = map[string]any{}
	}
	if request != nil {
		data["request"] = request
	}
	p.audit(Audit{
		Type: kind, Target: a.GUID, TargetType: "app", TargetName: a.Name, Space: a.Space, Data: data,
	})
}

func (p *Platform) auditService(s *Service, verb string, request map[string]any) {
	if p.audits == nil {
		return
	}
	kind, data := "service_instance", map[string]any{}
	if s.Plan == nil {
		kind = "user_provided_service_instance"
	}
	if request != nil {
		data["request"] = request
	}
	p.audit(Audit{
		Type: "audit." + kind + "." + verb, Target: s.GUID, TargetType: kind, TargetName: s.Name, Space: s.Space,
		Data: data,
	})
}
