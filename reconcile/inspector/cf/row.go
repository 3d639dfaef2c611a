package cf

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// app is a row of /v3/apps.
type app struct {
	guid, name, space string
	started           bool
	droplet           string // current one; empty for none
	custom            string // URL of the first custom buildpack; empty for none
	processes         int    // listed ones
	raw               []byte // evidence; nil where it is not kept
}

// process is a row of /v3/processes.
type process struct {
	guid, kind, app   string
	instances, memory events.Count
	created, changed  time.Time
	stopped           bool   // it was made while its app runs, and was never started
	doubt             string // why it may be stopped; empty for none
	raw               []byte
}

// task is a row of /v3/tasks.
type task struct {
	guid, name, app, state string
	memory                 events.Count
	created, changed       time.Time
	raw                    []byte
}

// service is a row of /v3/service_instances.
type service struct {
	guid, name, kind, space, plan string
	created, changed              time.Time
	operation                     string // type of the last operation
	settled                       bool   // it has succeeded
	raw                           []byte
}

// space is a space with its tenant.
type space struct{ guid, name, tenant string }

// named is a plan, an offering or a broker, with the guid of what it is of.
type named struct{ guid, name, of string }

// rowReader reads rows of the API.
type rowReader struct {
	d *jsondoc.Document
	jsondoc.Reader
}

// read reads one row by a function. The error names the row by its guid.
func read(raw []byte, what string, row func(r *rowReader, v jsondoc.Value)) error {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r := &rowReader{d: d}
	row(r, d.Root())
	if err := r.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", what, d.Root().Get("guid").Text(), err)
	}
	return nil
}

// related is the guid of a relationship; empty for none.
func related(v jsondoc.Value, name string) string {
	return v.Get("relationships").Get(name).Get("data").Get("guid").Text()
}

func (r *rowReader) needRelated(v jsondoc.Value, name string) string {
	guid := related(v, name)
	if guid == "" {
		r.Fail(v.Get("relationships").Get(name), "relationships", name, "a guid")
	}
	return guid
}

// times are created_at, and updated_at where it is set.
func (r *rowReader) times(v jsondoc.Value) (created, changed time.Time) {
	created, err := events.ParseTime(v.Get("created_at").Text())
	if err != nil {
		r.Fail(v.Get("created_at"), "", "created_at", "a time")
	}
	if changed, err = events.ParseTime(v.Get("updated_at").Text()); err != nil || changed.Before(created) {
		changed = created
	}
	return created, changed
}

func readApp(raw []byte) (a app, err error) {
	err = read(raw, "app", func(r *rowReader, v jsondoc.Value) {
		a = app{
			guid: r.NeedText(v, "", "guid"), name: r.Text(v, "", "name"), space: r.needRelated(v, "space"),
			started: r.NeedText(v, "", "state") == "STARTED", droplet: related(v, "current_droplet"),
		}
		v.Get("lifecycle").Get("data").Get("buildpacks").Each(func(_ []byte, b jsondoc.Value) {
			if name := b.Text(); a.custom == "" && custom(name) {
				a.custom = redact.Value(name)
			}
		})
	})
	return a, err
}

// scpForm is a Git address such as git@github.com:org/repo.git.
var scpForm = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// custom reports whether a buildpack is named by its URL.
func custom(name string) bool { return strings.Contains(name, "://") || scpForm.MatchString(name) }

func readProcess(raw []byte) (p process, err error) {
	err = read(raw, "process", func(r *rowReader, v jsondoc.Value) {
		p = process{
			guid: r.NeedText(v, "", "guid"), kind: r.Text(v, "", "type"), app: r.needRelated(v, "app"),
			instances: r.NeedCount(v, "", "instances"), memory: r.NeedCount(v, "", "memory_in_mb"),
		}
		p.created, p.changed = r.times(v)
	})
	return p, err
}

func readTask(raw []byte) (t task, err error) {
	err = read(raw, "task", func(r *rowReader, v jsondoc.Value) {
		t = task{
			guid: r.NeedText(v, "", "guid"), name: r.Text(v, "", "name"), app: r.needRelated(v, "app"),
			state: r.NeedText(v, "", "state"), memory: r.NeedCount(v, "", "memory_in_mb"),
		}
		t.created, t.changed = r.times(v)
	})
	return t, err
}

// managed is the type of service instances that a broker has made.
const managed = "managed"

func readService(raw []byte) (s service, err error) {
	err = read(raw, "service instance", func(r *rowReader, v jsondoc.Value) {
		s = service{
			guid: r.NeedText(v, "", "guid"), name: r.Text(v, "", "name"), kind: r.NeedText(v, "", "type"),
			space: r.needRelated(v, "space"), operation: v.Get("last_operation").Get("type").Text(),
			settled: v.Get("last_operation").Get("state").Text() == "succeeded",
		}
		if s.kind == managed {
			s.plan = r.needRelated(v, "service_plan")
		}
		s.created, s.changed = r.times(v)
	})
	return s, err
}

func readSpace(raw []byte) (s space, err error) {
	err = read(raw, "space", func(r *rowReader, v jsondoc.Value) {
		s = space{r.NeedText(v, "", "guid"), r.Text(v, "", "name"), r.needRelated(v, "organization")}
	})
	return s, err
}

// readNamed reads a plan, an offering or a broker; of is its relationship to the next of them.
func readNamed(raw []byte, of string) (n named, err error) {
	err = read(raw, "service", func(r *rowReader, v jsondoc.Value) {
		n = named{guid: r.NeedText(v, "", "guid"), name: r.Text(v, "", "name")}
		if of != "" {
			n.of = r.needRelated(v, of)
		}
	})
	return n, err
}
