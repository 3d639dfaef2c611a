package cf

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

// ErrUnknownEvent is wrapped by the error for a usage event with an unknown state. Such an event
// may matter: it is quarantined, not passed over.
var ErrUnknownEvent = errors.New("unknown usage event")

// FromDocument turns one v3 app or service usage event of the API into a fact of the foundation. It
// may parse the document again, without its secrets.
//
// Source for the shapes, and for the members with null: cloud_controller_ng's presenters
// (app/presenters/v3/{app,service}_usage_event_presenter.rb): an app usage event has an object in
// "state", a service usage event has a string there.
//
// The id is derived from list, guid and created_at, because guids repeat after a purge and reseed.
// Secrets in URLs are removed from all strings, in the fact's fields and in Raw alike; otherwise
// Raw is the event byte for byte, or without white space between tokens when it stood on several
// lines. The result shares no memory with the document.
//
// Errors are a *jsondoc.FieldError with the path, or wrap ErrUnknownEvent.
func FromDocument(foundation string, d *jsondoc.Document) (events.Usage, error) {
	if redact.MayHoldSecret(d.Bytes()) {
		if clean, changed := d.ReplaceTexts(redact.Value); changed {
			if err := d.Parse(clean); err != nil {
				return events.Usage{}, fmt.Errorf("after removing secrets: %w", err)
			}
		}
	}
	e := event{root: d.Root()}
	var u events.Usage
	switch e.root.Get("state").Kind() {
	case jsondoc.Object:
		u = e.app(foundation)
	case jsondoc.String:
		u = e.service(foundation)
	default:
		e.Fail(e.root.Get("state"), "", "state", "an object (app usage event) or a string (service usage event)")
	}
	if e.unknown != "" {
		return events.Usage{}, fmt.Errorf("%w: %s", ErrUnknownEvent, e.unknown)
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
	root    jsondoc.Value
	unknown string // the unknown part of the event; empty when all is known
}

// common reads the members of app and service usage events alike; list is "app" or "service".
func (e *event) common(foundation, list string) events.Usage {
	guid := e.NeedText(e.root, "", "guid")
	if len(guid) > limit.MaxID {
		e.Fail(e.root.Get("guid"), "", "guid", jsondoc.WantShort)
	}
	created := e.time("created_at")
	organization := e.Object(e.root, "", "organization")
	space := e.Object(e.root, "", "space")
	return events.Usage{
		ID:         events.ID("usage", events.SourceCF, foundation, list, guid, events.FormatTime(created)),
		Source:     events.SourceCF,
		Foundation: foundation,
		Tenant:     e.NeedText(organization, "organization", "guid"),
		Time:       created,
		Space:      e.Text(space, "space", "guid"),
		SpaceName:  e.Text(space, "space", "name"),
	}
}

func (e *event) time(key string) time.Time {
	v := e.root.Get(key)
	t, err := events.ParseTime(v.Text())
	if err != nil || t.Year() < cfapi.FirstYear || t.Year() >= cfapi.EndYear {
		e.Fail(v, "", key, "an RFC 3339 time from the year 2000 on, before 2200")
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
	state := e.root.Get("state")
	current := e.NeedText(state, "state", "current")
	about, begins := appState(current)
	if about == 0 {
		if current != "" {
			e.unknown = fmt.Sprintf("state.current: found %q, expected one of STARTED, STOPPED, WAS_RUNNING, "+
				"TASK_STARTED, TASK_STOPPED, TASK_WAS_RUNNING, STAGING_STARTED, STAGING_STOPPED, BUILDPACK_SET",
				cfapi.Excerpt(current))
		}
		return events.Usage{}
	}
	u := e.common(foundation, "app")
	u.Event, u.Previous = current, e.Text(state, "state", "previous")
	u.Footprint = e.footprint(begins)
	u.PreviousInstances, u.PreviousMemoryMB = e.previous(&u.Footprint)
	e.subject(&u, about)
	return u
}

// subject fills in the resource of the event.
//
// Staging in v3 reports a BUILDPACK_SET without a process: one a build, whatever becomes of the
// droplet, with the build's memory. It is information only and must touch no timeline of a process,
// so it stands with the app's builds, under kind staging, with its own event name; projectors pass
// it over.
func (e *event) subject(u *events.Usage, about role) {
	app := e.Object(e.root, "", "app")
	process := e.Object(e.root, "", "process")
	task := e.Object(e.root, "", "task")
	if about == ofBuildpack {
		about = ofStaging
		if e.Text(process, "process", "guid") != "" {
			about = ofProcess
		}
	}
	u.Name = e.Text(app, "app", "name")
	switch about {
	case ofTask:
		u.Kind, u.Resource = events.KindTask, e.NeedText(task, "task", "guid")
		u.App = e.Text(app, "app", "guid")
		u.Name = e.Text(task, "task", "name")
	case ofStaging:
		u.Kind, u.Resource = events.KindStaging, e.NeedText(app, "app", "guid")
		u.App = u.Resource
	default:
		u.Kind, u.Resource = events.KindApp, e.NeedText(process, "process", "guid")
		u.App = e.Text(app, "app", "guid") // null on rows from before v3
	}
}

func (e *event) footprint(begins bool) events.Footprint {
	instances := e.Object(e.root, "", "instance_count")
	memory := e.Object(e.root, "", "memory_in_mb_per_instance")
	buildpack := e.Object(e.root, "", "buildpack")
	count := e.Count
	if begins {
		count = e.NeedCount
	}
	return events.Footprint{
		Instances:     count(instances, "instance_count", "current"),
		MemoryMB:      count(memory, "memory_in_mb_per_instance", "current"),
		ProcessType:   e.Text(e.Object(e.root, "", "process"), "process", "type"),
		Buildpack:     redact.Value(e.Text(buildpack, "buildpack", "name")),
		BuildpackGUID: e.Text(buildpack, "buildpack", "guid"),
	}
}

// previous reads the size before the event, where it differs from the size after it.
func (e *event) previous(now *events.Footprint) (instances, memory events.Count) {
	differing := func(object string, current events.Count) events.Count {
		before := e.Count(e.Object(e.root, "", object), object, "previous")
		if before == current {
			return events.Count{}
		}
		return before
	}
	return differing("instance_count", now.Instances), differing("memory_in_mb_per_instance", now.MemoryMB)
}

// service reads a service usage event. User-provided instances are facts too: they have neither
// plan, offering nor broker, so that their footprint is empty, and the projector passes them over.
func (e *event) service(foundation string) events.Usage {
	state := e.root.Get("state").Text()
	switch state {
	case events.EventCreated, events.EventUpdated, events.EventDeleted, events.EventWasRunning:
	default:
		e.unknown = fmt.Sprintf("state: found %q, expected one of CREATED, UPDATED, DELETED, WAS_RUNNING",
			cfapi.Excerpt(state))
		return events.Usage{}
	}
	u := e.common(foundation, "service")
	instance := e.Object(e.root, "", "service_instance")
	plan := e.Object(e.root, "", "service_plan")
	offering := e.Object(e.root, "", "service_offering")
	broker := e.Object(e.root, "", "service_broker")
	u.Event, u.Kind = state, events.KindService
	u.Resource = e.NeedText(instance, "service_instance", "guid")
	u.Name = e.Text(instance, "service_instance", "name")
	userProvided := e.Text(instance, "service_instance", "type") == "user_provided_service_instance"
	u.Footprint = events.Footprint{
		Plan:         e.Text(plan, "service_plan", "name"),
		PlanGUID:     e.Text(plan, "service_plan", "guid"),
		Offering:     e.Text(offering, "service_offering", "name"),
		OfferingGUID: e.Text(offering, "service_offering", "guid"),
		Broker:       e.Text(broker, "service_broker", "name"),
		BrokerGUID:   e.Text(broker, "service_broker", "guid"),
	}
	if !userProvided && state != events.EventDeleted && u.Footprint.Plan == "" {
		// only a user-provided instance has no plan; no other must pass for a free one
		e.NeedText(plan, "service_plan", "guid")
	}
	return u
}
