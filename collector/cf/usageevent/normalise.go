package usageevent

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/redact"
)

// ErrUnknown is wrapped by the error for a usage event with an unknown state. Such an event
// may matter: it is quarantined, not passed over.
var ErrUnknown = errors.New("unknown usage event")

// FromDocument turns one app or service usage event into a fact of the foundation. It may parse the
// document again, without its secrets.
//
// The event has the form of the v3 API, or that of v2 (see layout). Source for the shapes, and for
// the members with null: cloud_controller_ng's presenters
// (app/presenters/v3/{app,service}_usage_event_presenter.rb): in v3 an app usage event has an
// object in "state", a service usage event has a string there.
//
// The id is derived from list, guid and created_at, because guids repeat after a purge and reseed;
// it is the same in both forms. Secrets in URLs are removed from all strings, in the fact's fields
// and in Raw alike; otherwise Raw is the event byte for byte, or without white space between tokens
// when it stood on several lines. The result shares no memory with the document.
//
// Errors are a *jsondoc.FieldError with the path, or wrap ErrUnknown.
func FromDocument(foundation string, d *jsondoc.Document) (events.Usage, error) {
	if redact.MayHoldSecret(d.Bytes()) {
		if clean, changed := d.ReplaceTexts(redact.Value); changed {
			if err := d.Parse(clean); err != nil {
				return events.Usage{}, fmt.Errorf("after removing secrets: %w", err)
			}
		}
	}
	e := event{layout: layoutOf(d.Root())}
	var u events.Usage
	switch state := e.body.Get("state"); {
	case state.Kind() == jsondoc.Object && !e.v2, state.Kind() == jsondoc.String && e.v2App:
		u = e.app(foundation)
	case state.Kind() == jsondoc.String:
		u = e.service(foundation)
	case e.v2:
		e.Fail(state, e.in, "state", "a string")
	default:
		e.Fail(state, "", "state", "an object (app usage event) or a string (service usage event)")
	}
	if e.unknown != "" {
		return events.Usage{}, fmt.Errorf("%w: %s", ErrUnknown, e.unknown)
	}
	if err := e.Err(); err != nil {
		return events.Usage{}, err
	}
	if _, long := limit.Usage(&u); long != "" {
		return events.Usage{}, jsondoc.TooLong(long)
	}
	u.Raw = d.OneLine()
	return u, nil
}

// event reads one usage event.
type event struct {
	jsondoc.Reader
	layout
	unknown string // the unknown part of the event; empty when all is known
}

// common reads the members of app and service usage events alike; list is "app" or "service".
func (e *event) common(foundation, list string) events.Usage {
	guid := e.NeedText(e.head, e.headIn, "guid")
	if len(guid) > limit.MaxID {
		e.Fail(e.head.Get("guid"), e.headIn, "guid", jsondoc.WantShort)
	}
	created := e.time("created_at")
	organization := e.group("organization")
	space := e.group("space")
	return events.Usage{
		ID:         events.ID("usage", events.SourceCF, foundation, list, guid, events.FormatTime(created)),
		Source:     events.SourceCF,
		Foundation: foundation,
		Tenant:     e.needText(organization, "guid"),
		Time:       created,
		Space:      e.text(space, "guid"),
		SpaceName:  e.text(space, "name"),
	}
}

func (e *event) time(key string) time.Time {
	v := e.head.Get(key)
	t, err := events.ParseTime(v.Text())
	if err != nil || t.Year() < cfapi.FirstYear || t.Year() >= cfapi.EndYear {
		e.Fail(v, e.headIn, key, "an RFC 3339 time from the year 2000 on, before 2200")
	}
	return t
}

// role is the subject of an app usage event.
type role uint8

const (
	ofProcess role = iota + 1
	ofTask
	ofStaging
	ofBuildpack
)

// appState returns the role of an app usage event in this state, 0 for an unknown state. begins
// reports whether something begins with it: its size must be known.
func appState(state string) (about role, begins bool) {
	switch state {
	case events.EventStarted, events.EventWasRunning:
		return ofProcess, true
	case events.EventStopped:
		return ofProcess, false
	case events.EventTaskStarted, events.EventTaskWasRunning:
		return ofTask, true
	case events.EventTaskStopped:
		return ofTask, false
	case events.EventStagingStarted:
		return ofStaging, true
	case events.EventStagingStopped:
		return ofStaging, false
	case events.EventBuildpackSet:
		return ofBuildpack, false
	}
	return 0, false
}

func (e *event) app(foundation string) events.Usage {
	state := e.group("state")
	current := e.needText(state, "current")
	about, begins := appState(current)
	if about == 0 {
		if current != "" {
			e.unknown = fmt.Sprintf("%s: found %q, expected one of STARTED, STOPPED, WAS_RUNNING, "+
				"TASK_STARTED, TASK_STOPPED, TASK_WAS_RUNNING, STAGING_STARTED, STAGING_STOPPED, BUILDPACK_SET",
				state.path("current"), cfapi.Excerpt(current))
		}
		return events.Usage{}
	}
	u := e.common(foundation, "app")
	u.Event, u.Previous = current, e.text(state, "previous")
	u.Footprint = e.footprint(begins)
	u.PreviousInstances, u.PreviousMemoryMB = e.previous(&u.Footprint)
	if about == ofProcess && u.Previous == events.EventStarted {
		u.NoPreviousInstances = e.unsaid("instance_count")
		u.NoPreviousMemory = e.unsaid("memory_in_mb_per_instance")
	}
	e.subject(&u, about)
	u.Reseeded = about == ofProcess && e.reseeded(&u)
	return u
}

// reseeded reports whether an event is a row of a purge and reseed: it has the guid of its
// resource.
func (e *event) reseeded(u *events.Usage) bool {
	return u.Resource == e.Text(e.head, e.headIn, "guid")
}

// subject fills in the resource of the event.
//
// Staging in v3 reports a BUILDPACK_SET without a process: one a build, whatever becomes of the
// droplet, with the build's memory. It is information only and must touch no timeline of a process,
// so it stands with the app's builds, under kind staging, with its own event name; projectors pass
// it over.
func (e *event) subject(u *events.Usage, about role) {
	app := e.group("app")
	process := e.group("process")
	task := e.group("task")
	if about == ofBuildpack {
		about = ofStaging
		if e.text(process, "guid") != "" {
			about = ofProcess
		}
	}
	u.Name = e.text(app, "name")
	switch about {
	case ofTask:
		u.Kind, u.Resource = events.KindTask, e.needText(task, "guid")
		u.App = e.text(app, "guid")
		u.Name = e.text(task, "name")
	case ofStaging:
		u.Kind, u.Resource = events.KindStaging, e.needText(app, "guid")
		u.App = u.Resource
	default:
		u.Kind, u.Resource = events.KindApp, e.needText(process, "guid")
		u.App = e.text(app, "guid") // null on rows from before v3
		if u.Name == "" && e.v2 {
			u.Name = e.Text(e.body, e.in, "app_name") // and so is its name
		}
	}
}

func (e *event) footprint(begins bool) events.Footprint {
	instances := e.group("instance_count")
	memory := e.group("memory_in_mb_per_instance")
	buildpack := e.group("buildpack")
	count := e.count
	if begins {
		count = e.needCount
	}
	return events.Footprint{
		Instances:     count(instances, "current"),
		MemoryMB:      count(memory, "current"),
		ProcessType:   e.text(e.group("process"), "type"),
		Buildpack:     redact.Value(e.text(buildpack, "name")),
		BuildpackGUID: e.text(buildpack, "guid"),
	}
}

// previous reads the size before the event, where it differs from the size after it.
func (e *event) previous(now *events.Footprint) (instances, memory events.Count) {
	differing := func(name string, current events.Count) events.Count {
		before := e.count(e.group(name), "previous")
		if before == current {
			return events.Count{}
		}
		return before
	}
	return differing("instance_count", now.Instances), differing("memory_in_mb_per_instance", now.MemoryMB)
}

// unsaid reports whether the event says no size before.
func (e *event) unsaid(object string) bool {
	return !e.count(e.group(object), "previous").Known()
}

// service reads a service usage event. User-provided instances are facts too: they have neither
// plan, offering nor broker, so that their footprint is empty, and the projector passes them over.
func (e *event) service(foundation string) events.Usage {
	state := e.body.Get("state").Text()
	switch state {
	case events.EventCreated, events.EventUpdated, events.EventDeleted, events.EventWasRunning:
	default:
		e.unknown = fmt.Sprintf("state: found %q, expected one of CREATED, UPDATED, DELETED, WAS_RUNNING",
			cfapi.Excerpt(state))
		return events.Usage{}
	}
	u := e.common(foundation, "service")
	instance := e.group("service_instance")
	plan := e.group("service_plan")
	offering := e.group("service_offering")
	broker := e.group("service_broker")
	u.Event, u.Kind = state, events.KindService
	u.Resource = e.needText(instance, "guid")
	u.Reseeded = e.reseeded(&u)
	u.Name = e.text(instance, "name")
	userProvided := e.text(instance, "type") == "user_provided_service_instance"
	u.Footprint = events.Footprint{
		Plan:         e.text(plan, "name"),
		PlanGUID:     e.text(plan, "guid"),
		Offering:     e.text(offering, "name"),
		OfferingGUID: e.text(offering, "guid"),
		Broker:       e.text(broker, "name"),
		BrokerGUID:   e.text(broker, "guid"),
	}
	if !userProvided && state != events.EventDeleted && u.Footprint.Plan == "" {
		// only a user-provided instance has no plan; no other must pass for a free one
		e.needText(plan, "guid")
	}
	return u
}
