package usageevent

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// layout is where the members of a usage event stand:
//
//	v3             {"guid", "created_at", "state": {"current", "previous"}, "app": {"guid", …}, …}
//	v2             {"metadata": {"guid", "created_at"}, "entity": {"state", "previous_state", …}}
//	a row          {"guid", "created_at", "raw_message": an event of v3, or an entity of v2}
//	a bare entity  {"guid", "created_at", "state", "previous_state", …}
//
// Rows are those of the tables of alphagov/paas-billing. Source for the names of v2:
// app/controllers/runtime/{app,service}_usage_events_controller.rb of cloud_controller_ng, and its
// upgrade guide: app_guid of v2 is process.guid of v3, and parent_app_guid is app.guid.
type layout struct {
	head   jsondoc.Value // has guid and created_at
	headIn string        // its path
	body   jsondoc.Value // has everything else
	in     string        // its path
	v2     bool          // of an app or a service
	v2App  bool
}

// layoutOf finds the layout of an event.
func layoutOf(root jsondoc.Value) layout {
	l := layout{head: root, body: root}
	if entity := root.Get("entity"); entity.Kind() == jsondoc.Object {
		l.body, l.in = entity, "entity"
		l.head, l.headIn = root.Get("metadata"), "metadata"
	} else if row := root.Get("raw_message"); row.Kind() == jsondoc.Object {
		l.body, l.in = row, "raw_message"
	}
	if l.body.Get("state").Kind() != jsondoc.Object {
		l.v2App = hasAny(l.body, "app_guid", "parent_app_guid", "task_guid")
		l.v2 = l.v2App || hasAny(l.body, "service_instance_guid")
	}
	return l
}

// GUID is the guid of an event in any layout; empty where it has none, or cannot be read.
func GUID(raw []byte) string {
	doc := jsondoc.Borrow()
	defer doc.Return()
	if doc.Parse(raw) == nil {
		return layoutOf(doc.Root()).head.Get("guid").Text()
	}
	return ""
}

func hasAny(v jsondoc.Value, keys ...string) bool {
	for _, key := range keys {
		if v.Get(key).Exists() {
			return true
		}
	}
	return false
}

// Is reports whether an object looks like a usage event in any layout; see FromDocument.
// noHead reports that it has neither guid nor created_at, as an entity of v2 cut out of its row.
func Is(root jsondoc.Value) (is, noHead bool) {
	l := layoutOf(root)
	switch {
	case !l.body.Get("state").Exists():
		return false, false
	case l.in != "":
		return true, false
	case root.Get("guid").Exists():
		return true, false
	}
	return l.v2, l.v2
}

// group is one of the objects of v3; in v2 its members stand in the entity, under other names.
type group struct {
	jsondoc.Value
	in   string // path of the value
	flat string // name of the group in v2
}

func (e *event) group(name string) group {
	if e.v2 {
		return group{e.body, e.in, name}
	}
	g := group{Value: e.Object(e.body, e.in, name), in: name}
	if e.in != "" {
		g.in = e.in + "." + name
	}
	return g
}

// key is the name of a member.
func (g group) key(name string) string {
	if g.flat == "" {
		return name
	}
	return flatName(g.flat, name)
}

// path is the path of a member, as in state.current.
func (g group) path(name string) string {
	if g.in == "" {
		return g.key(name)
	}
	return g.in + "." + g.key(name)
}

// flatName is the name in v2 of a member of a group in v3.
func flatName(group, name string) string {
	switch group {
	case "state", "instance_count", "memory_in_mb_per_instance":
		if name == "previous" {
			return "previous_" + group
		}
		return group
	case "app":
		return "parent_app_" + name
	case "process":
		if name == "type" {
			return "process_type"
		}
		return "app_" + name
	case "organization":
		return "org_" + name
	case "service_offering":
		if name == "name" {
			return "service_label"
		}
		return "service_" + name
	}
	return group + "_" + name
}

func (e *event) text(g group, key string) string     { return e.Text(g.Value, g.in, g.key(key)) }
func (e *event) needText(g group, key string) string { return e.NeedText(g.Value, g.in, g.key(key)) }

func (e *event) count(g group, key string) events.Count { return e.Count(g.Value, g.in, g.key(key)) }

func (e *event) needCount(g group, key string) events.Count {
	return e.NeedCount(g.Value, g.in, g.key(key))
}
