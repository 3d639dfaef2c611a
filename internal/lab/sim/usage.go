package sim

import (
	"slices"
	"strconv"
)

const (
	noProcess   = `"process":{"guid":null,"type":null},`
	noBuildpack = `"buildpack":{"guid":null,"name":null},`
	noTask      = `"task":{"guid":null,"name":null},`
)

// appUsage is the content of an app usage event. The parts are JSON members with their comma.
type appUsage struct {
	id                         string // the event's own guid
	app                        *App
	resource, state, previous  string // an empty previous state is null
	process, buildpack, task   string
	instances, instancesBefore int
	memoryMB, memoryMBBefore   int
}

func (p *Platform) processEvent(process *Process, state, previous string, before, beforeMB int) {
	a := process.App
	p.appEvent(&appUsage{
		app: a, resource: process.GUID, state: state, previous: previous,
		process: process.json, buildpack: a.buildpackJSON, task: noTask,
		instances: process.Instances, instancesBefore: before, memoryMB: process.MemoryMB, memoryMBBefore: beforeMB,
	})
}

// buildEvent writes an event of staging. Only BUILDPACK_SET knows the buildpack's guid.
func (p *Platform) buildEvent(a *App, state, previous string, buildpack Buildpack) {
	p.appEvent(&appUsage{
		app: a, resource: a.GUID, state: state, previous: previous,
		process: noProcess, buildpack: buildpack.json(), task: noTask,
		instances: 1, instancesBefore: 1, memoryMB: stagingMemoryMB, memoryMBBefore: stagingMemoryMB,
	})
}

// taskEvent reports the task's own state as the previous one, as Cloud Controller does.
func (p *Platform) taskEvent(t *Task, state, previous string) {
	p.appEvent(&appUsage{
		app: t.App, resource: t.GUID, state: state, previous: previous,
		process: noProcess, buildpack: noBuildpack, task: t.json,
		instances: 1, instancesBefore: 1, memoryMB: t.MemoryMB, memoryMBBefore: t.MemoryMB,
	})
}

// appEvent emits a v3 app usage event with the presenter's keys in the presenter's order
// (app/presenters/v3/app_usage_event_presenter.rb).
func (p *Platform) appEvent(u *appUsage) {
	if u.id == "" {
		u.id = p.newGUID().String()
	}
	b := p.eventHead(u.id)
	b = append(b, `"state":{"current":"`...)
	b = append(b, u.state...)
	b = append(b, `","previous":`...)
	b = appendQuotedOrNull(b, u.previous)
	b = append(b, `},`...)
	b = append(b, u.app.json...)
	b = append(b, u.process...)
	b = append(b, u.app.Space.json...)
	b = append(b, u.buildpack...)
	b = append(b, u.task...)
	b = append(b, `"memory_in_mb_per_instance":{"current":`...)
	b = strconv.AppendInt(b, int64(u.memoryMB), 10)
	b = append(b, `,"previous":`...)
	if u.memoryMBBefore == null {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(u.memoryMBBefore), 10)
	}
	b = append(b, `},"instance_count":{"current":`...)
	b = strconv.AppendInt(b, int64(u.instances), 10)
	b = append(b, `,"previous":`...)
	b = strconv.AppendInt(b, int64(u.instancesBefore), 10)
	b = append(b, `},`...)
	p.eventTail(b, "/v3/app_usage_events/", u.id, Event{List: ListApp, State: u.state, Resource: u.resource})
}

// serviceUsage is the content of a service usage event.
type serviceUsage struct {
	id          string // the event's own guid
	service     *Service
	space       string // "space" and "organization", with their comma
	name, state string
	plan        *Plan // nil for a user-provided one
}

func (p *Platform) serviceEvent(s *Service, state string) {
	p.emitService(&serviceUsage{service: s, space: s.Space.json, name: s.Name, state: state, plan: s.Plan})
}

// emitService emits a v3 service usage event (app/presenters/v3/service_usage_event_presenter.rb).
// Its state is a plain string, and nothing in it tells the size before.
func (p *Platform) emitService(u *serviceUsage) {
	if u.id == "" {
		u.id = p.newGUID().String()
	}
	plan, kind := u.plan, "managed_service_instance"
	if plan == nil {
		plan, kind = &Plan{}, "user_provided_service_instance"
	}
	b := p.eventHead(u.id)
	b = append(b, `"state":"`...)
	b = append(b, u.state...)
	b = append(b, `",`...)
	b = append(b, u.space...)
	b = append(b, `"service_instance":{"guid":`...)
	b = appendQuoted(b, u.service.GUID)
	b = append(b, `,"name":`...)
	b = appendQuoted(b, u.name)
	b = append(b, `,"type":"`...)
	b = append(b, kind...)
	b = append(b, `"},`...)
	b = appendPair(b, "service_plan", plan.GUID, plan.Name)
	b = appendPair(b, "service_offering", plan.OfferingGUID, plan.Offering)
	b = appendPair(b, "service_broker", plan.BrokerGUID, plan.Broker)
	p.eventTail(b, "/v3/service_usage_events/", u.id, Event{
		List: ListService, State: u.state,
		Resource: u.service.GUID,
	})
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

func (p *Platform) eventHead(id string) []byte {
	stamp := p.stamps.at(p.second())
	b := append(p.buffer[:0], `{"guid":`...)
	b = appendQuoted(b, id)
	b = append(b, `,"created_at":"`...)
	b = append(b, stamp...)
	b = append(b, `","updated_at":"`...)
	b = append(b, stamp...)
	return append(b, `",`...)
}

// eventTail finishes the line and emits it, with the rest of the event in the last argument.
func (p *Platform) eventTail(b []byte, path, id string, what Event) {
	b = append(b, `"links":{"self":{"href":"`...)
	b = append(b, p.host...)
	b = append(b, path...)
	b = append(b, id...)
	b = append(b, `"}}}`...)
	p.buffer = b
	what.Time, what.At, what.Call, what.GUID, what.JSON = unixUTC(p.second()), p.Now(), p.calls, id, b
	p.emit(what)
}

// Reseed writes the rows of destructively_purge_all_and_reseed after the list is emptied: one row
// for each running resource, by one API server, with the guid of the resource instead of one of its
// own. Tasks and builds get none. A process' row names no type, and the droplet's buildpack even
// where a custom URL is configured (AppUsageEventRepository#purge_and_reseed_started_apps!,
// ServiceUsageEventRepository#purge_and_reseed_service_instances!). Nothing changes with it: a
// process is rated by the buildpack of its newest other report.
func (p *Platform) Reseed(list string) {
	p.call()
	switch list {
	case ListApp:
		for _, process := range p.started() {
			receipt := process.App.Droplet.Buildpack
			p.truth.seen(&process.track, p.second())
			p.appEvent(&appUsage{
				id: process.GUID, app: process.App, resource: process.GUID, state: "STARTED", previous: "STARTED",
				process: `"process":{"guid":` + quote(process.GUID) + `,"type":null},`, buildpack: receipt.json(),
				task:      noTask,
				instances: process.Instances, instancesBefore: process.Instances,
				memoryMB: process.MemoryMB, memoryMBBefore: process.MemoryMB,
			})
		}
	case ListService:
		for _, s := range p.services() {
			p.truth.seen(&s.track, p.second())
			p.emitService(&serviceUsage{
				id: s.GUID, service: s, space: s.Space.json, name: s.Name, state: "CREATED",
				plan: s.Plan,
			})
		}
	default:
		panic("sim: Reseed knows the lists " + ListApp + " and " + ListService + ", not " + list)
	}
}

// started lists the started processes in the order of their rows.
func (p *Platform) started() []*Process {
	var started []*Process
	for _, a := range p.Apps {
		for _, process := range a.All() {
			if process.started {
				started = append(started, process)
			}
		}
	}
	slices.SortFunc(started, func(a, b *Process) int { return int(a.ID - b.ID) })
	return started
}

// runningTasks lists the running tasks, with canceling ones, in the order of their rows.
func (p *Platform) runningTasks() []*Task {
	var running []*Task
	for _, a := range p.Apps {
		for _, t := range a.Tasks {
			if t.started {
				running = append(running, t)
			}
		}
	}
	slices.SortFunc(running, func(a, b *Task) int { return int(a.ID - b.ID) })
	return running
}

// services lists the service instances in the order of their rows.
func (p *Platform) services() []*Service {
	services := slices.Clone(p.Services)
	slices.SortFunc(services, func(a, b *Service) int { return int(a.ID - b.ID) })
	return services
}
