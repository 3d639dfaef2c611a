package sim

// Plan is a service plan with its offering and broker.
type Plan struct {
	GUID, Name, OfferingGUID, Offering, BrokerGUID, Broker string
}

// Service is a service instance. Without a plan it is a user-provided one: a note of credentials that the foundation
// reports but does not run, so the truth has no span of it.
type Service struct {
	GUID, Name string
	Space      *Space
	Plan       *Plan

	track     track
	index     int   // in Platform.Services
	busyUntil int64 // Unix microseconds; World changes it no sooner
	deleted   bool
}

// CreateService makes a service instance; a nil plan makes a user-provided one. An empty guid gets a random one.
func (p *Platform) CreateService(space *Space, guid, name string, plan *Plan) *Service {
	s := &Service{GUID: p.orNew(guid), Name: name, Space: space, Plan: plan, index: len(p.Services)}
	p.Services = append(p.Services, s)
	if plan != nil {
		p.truth.begin(&s.track, p.second(), identity{
			kind: KindService, resource: s.GUID, tenant: space.Org.GUID, space: space.GUID, spaceName: space.Name, name: name,
		}, s.footprint())
	}
	p.serviceEvent(s, "CREATED")
	return s
}

// ChangePlan moves a managed service instance to another plan.
func (p *Platform) ChangePlan(s *Service, plan *Plan) {
	s.Plan = plan
	p.truth.change(&s.track, p.second(), s.footprint())
	p.serviceEvent(s, "UPDATED")
}

// RenameService changes the name only; the event looks like a change of plan to the same plan.
func (p *Platform) RenameService(s *Service, name string) {
	s.Name = name
	p.serviceEvent(s, "UPDATED")
}

// DeleteService deletes a service instance.
func (p *Platform) DeleteService(s *Service) {
	p.truth.end(&s.track, p.second())
	p.serviceEvent(s, "DELETED")
	s.deleted = true
	last := len(p.Services) - 1
	p.Services[s.index] = p.Services[last]
	p.Services[s.index].index = s.index
	p.Services[last] = nil
	p.Services = p.Services[:last]
}

func (s *Service) footprint() Footprint {
	return Footprint{
		Plan: s.Plan.Name, PlanGUID: s.Plan.GUID, Offering: s.Plan.Offering, OfferingGUID: s.Plan.OfferingGUID,
		Broker: s.Plan.Broker, BrokerGUID: s.Plan.BrokerGUID,
	}
}

// serviceEvent emits a v3 service usage event (app/presenters/v3/service_usage_event_presenter.rb). Its state is a plain
// string, and nothing in it tells the size before.
func (p *Platform) serviceEvent(s *Service, state string) {
	id := p.newGUID()
	plan, kind := s.Plan, "managed_service_instance"
	if plan == nil {
		plan, kind = &Plan{}, "user_provided_service_instance"
	}
	b := p.eventHead(id)
	b = append(b, `"state":"`...)
	b = append(b, state...)
	b = append(b, `",`...)
	b = append(b, s.Space.json...)
	b = append(b, `"service_instance":{"guid":`...)
	b = appendQuoted(b, s.GUID)
	b = append(b, `,"name":`...)
	b = appendQuoted(b, s.Name)
	b = append(b, `,"type":"`...)
	b = append(b, kind...)
	b = append(b, `"},`...)
	b = appendPair(b, "service_plan", plan.GUID, plan.Name)
	b = appendPair(b, "service_offering", plan.OfferingGUID, plan.Offering)
	b = appendPair(b, "service_broker", plan.BrokerGUID, plan.Broker)
	p.eventTail(b, "/v3/service_usage_events/", id)
}

func appendPair(b []byte, key, guid, name string) []byte {
	b = append(b, '"')
	b = append(b, key...)
	b = append(b, `":{"guid":`...)
	b = appendQuotedOrNull(b, guid)
	b = append(b, `,"name":`...)
	b = appendQuotedOrNull(b, name)
	return append(b, `},`...)
}
