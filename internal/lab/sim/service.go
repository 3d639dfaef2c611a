package sim

import "time"

// Plan is a service plan with its offering and broker.
type Plan struct {
	GUID, Name, OfferingGUID, Offering, BrokerGUID, Broker string
}

// Service is a service instance. Without a plan it is a user-provided one: a note of credentials,
// reported but not run by the foundation, so the truth has no span of it.
type Service struct {
	Record
	GUID, Name string
	Space      *Space
	Plan       *Plan
	Failed     bool // the broker did not make it; it is there all the same until somebody deletes it
	Operation  Operation

	track     track
	index     int   // in Platform.Services
	busyUntil int64 // Unix microseconds; World changes it no sooner
	deleted   bool
}

// Operation is the last operation of a service instance.
type Operation struct {
	Type             string // create or update
	Created, Updated time.Time
}

// operate notes an operation at the present time.
func (p *Platform) operate(s *Service, kind string) {
	at := unixUTC(p.second())
	s.Operation = Operation{kind, at, at}
}

// requestOf is a user's request with a name and a plan, as far as there are both.
func requestOf(name string, plan *Plan) map[string]any {
	request := map[string]any{}
	if name != "" {
		request["name"] = name
	}
	if plan != nil {
		request["relationships"] = map[string]any{
			"service_plan": map[string]any{"data": map[string]any{"guid": plan.GUID}},
		}
	}
	return request
}

// CreateService makes a service instance; a nil plan makes a user-provided one. An empty guid gets
// a random one. The event is there before the broker is asked
// (ServiceInstanceCreateManaged#precursor).
func (p *Platform) CreateService(space *Space, guid, name string, plan *Plan) *Service {
	p.call()
	s := &Service{Record: p.record(), GUID: p.orNew(guid), Name: name, Space: space, Plan: plan, index: len(p.Services)}
	p.Services = append(p.Services, s)
	if plan != nil {
		p.truth.begin(&s.track, p.second(), s.identity(), s.footprint())
	}
	p.operate(s, "create")
	p.serviceEvent(s, "CREATED")
	p.auditService(s, "create", requestOf(name, plan))
	return s
}

// FailProvision notes the broker's failure to make the service instance: no event. Cloud Controller
// reports it as existing until DeleteService, and so it is billed.
func (p *Platform) FailProvision(s *Service) {
	p.call()
	s.Failed = true
	p.operate(s, "create")
}

// ChangePlan moves a managed service instance to another plan.
func (p *Platform) ChangePlan(s *Service, plan *Plan) {
	p.call()
	s.Plan = plan
	p.touch(&s.Record)
	p.operate(s, "update")
	p.auditService(s, "update", requestOf("", plan))
	p.truth.change(&s.track, p.second(), s.identity(), s.footprint())
	p.serviceEvent(s, "UPDATED")
}

// RenameService changes the name only; the event looks like a change of plan to the same plan. The
// same name is no event.
func (p *Platform) RenameService(s *Service, name string) {
	p.call()
	if name == s.Name {
		return
	}
	s.Name = name
	p.touch(&s.Record)
	p.operate(s, "update")
	p.auditService(s, "update", map[string]any{"name": name})
	p.truth.seen(&s.track, p.second())
	p.serviceEvent(s, "UPDATED")
}

// UpdateService changes parameters, tags or metadata: no event.
func (p *Platform) UpdateService(s *Service) {
	p.call()
	p.touch(&s.Record)
	p.operate(s, "update")
	p.auditService(s, "update", map[string]any{"parameters": "[PRIVATE DATA HIDDEN]"})
}

// DeleteService deletes a service instance.
func (p *Platform) DeleteService(s *Service) {
	p.call()
	p.truth.end(&s.track, p.second())
	p.serviceEvent(s, "DELETED")
	p.auditService(s, "delete", nil)
	s.deleted = true
	last := len(p.Services) - 1
	p.Services[s.index] = p.Services[last]
	p.Services[s.index].index = s.index
	p.Services[last] = nil
	p.Services = p.Services[:last]
}

func (s *Service) identity() identity {
	return identity{
		kind: KindService, resource: s.GUID, tenant: s.Space.Org.GUID, space: s.Space.GUID, spaceName: s.Space.Name,
		name: s.Name,
	}
}

func (s *Service) footprint() Footprint {
	return Footprint{
		Plan: s.Plan.Name, PlanGUID: s.Plan.GUID, Offering: s.Plan.Offering, OfferingGUID: s.Plan.OfferingGUID,
		Broker: s.Plan.Broker, BrokerGUID: s.Plan.BrokerGUID,
	}
}
