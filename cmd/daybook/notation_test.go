package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// notationEvents is the address of the events in their links.
const notationEvents = "https://api.example.com/v3/app_usage_events/"

// The compact notation of the transcripts: one event a line,
//
//	2001-01-01T00:00Z app-started process=P app=A instances=1 memory=1024 buildpack=java
//
// which becomes the JSON line that the platform would report. Blank lines and lines that begin with
// # are passed over; a line that begins with ! is taken verbatim after it, for input that is wrong.
// What is left out has the defaults below.

// words are the keys and values of a line.
type words map[string]string

func (w words) or(key, otherwise string) string {
	if v, ok := w[key]; ok {
		return v
	}
	return otherwise
}

// nullable is nil for an empty or missing value, which JSON writes as null.
func (w words) nullable(key string) any {
	if w[key] == "" {
		return nil
	}
	return w[key]
}

func (w words) number(key string, otherwise int) int {
	n, err := strconv.Atoi(w.or(key, strconv.Itoa(otherwise)))
	if err != nil {
		panic(fmt.Sprintf("%s=%s is not a number", key, w[key]))
	}
	return n
}

// jsonLines turns a transcript's events into JSON lines.
func jsonLines(notation string) (string, error) {
	var out strings.Builder
	for i, line := range strings.Split(notation, "\n") {
		line = strings.TrimSpace(line)
		if verbatim, ok := strings.CutPrefix(line, "!"); ok {
			out.WriteString(verbatim + "\n")
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		l, err := parseLine(line)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
		b, err := l.json(fmt.Sprintf("event-%d", i+1))
		if err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
		out.Write(append(b, '\n'))
	}
	return out.String(), nil
}

// notationLine is a line of the notation.
type notationLine struct {
	at    time.Time
	verb  string // app-started
	words words
}

func parseLine(line string) (notationLine, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return notationLine{}, fmt.Errorf("%q: expected a time, an event and key=value pairs", line)
	}
	at, err := moment(fields[0])
	if err != nil {
		return notationLine{}, err
	}
	w := words{}
	for _, f := range fields[2:] {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return notationLine{}, fmt.Errorf("%q is not key=value", f)
		}
		w[key] = value
	}
	return notationLine{at, fields[1], w}, nil
}

// json is the event as the platform would report it, under a guid unless the line gives one.
func (l notationLine) json(guid string) ([]byte, error) {
	l.words["guid"] = l.words.or("guid", guid)
	event, err := l.words.event(l.verb, l.at)
	if err != nil {
		return nil, err
	}
	return json.Marshal(event)
}

// moment reads a time with or without seconds.
func moment(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04Z", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2001-01-01T00:00Z", s)
}

func (w words) event(name string, at time.Time) (map[string]any, error) {
	source, what, _ := strings.Cut(name, "-")
	state := strings.ToUpper(strings.ReplaceAll(what, "-", "_"))
	switch source {
	case "app":
		return w.usage(state, at, w.or("app", "A"), w.or("process", w.or("app", "A")), w.or("type", "web"), "", 1024),
			nil
	case "task":
		return w.usage("TASK_"+state, at, w.or("app", "A"), "", "", w.or("task", "T"), 1024), nil
	case "staging":
		if state != "BUILDPACK_SET" {
			state = "STAGING_" + state
		}
		return w.usage(state, at, w.or("app", "A"), "", "", "", 1024), nil
	case "service":
		return w.service(state, at), nil
	case "trove":
		return w.notification(what, at), nil
	}
	return nil, fmt.Errorf("%q is not an event: expected app-…, task-…, staging-…, service-… or trove-…", name)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// usage is a v3 app usage event as Cloud Controller's presenter writes it:
// app/presenters/v3/app_usage_event_presenter.rb.
func (w words) usage(state string, at time.Time, app, process, processType, task string, memory int) map[string]any {
	counts := func(key string, otherwise int) map[string]any {
		n := w.number(key, otherwise)
		return map[string]any{"current": n, "previous": w.number("was-"+key, n)}
	}
	return map[string]any{
		"guid": w["guid"], "created_at": at.Format(time.RFC3339), "updated_at": at.Format(time.RFC3339),
		"state":        map[string]any{"current": state, "previous": w.nullable("previous")},
		"app":          map[string]any{"guid": app, "name": w.or("name", "shop")},
		"process":      map[string]any{"guid": orNull(process), "type": orNull(processType)},
		"space":        map[string]any{"guid": "S", "name": "dev"},
		"organization": map[string]any{"guid": w.or("org", "O")},
		"buildpack": map[string]any{
			"guid": w.nullable("buildpack-guid"),
			"name": w.nullable("buildpack"),
		},
		"task":                      map[string]any{"guid": orNull(task), "name": orNull(task)},
		"memory_in_mb_per_instance": counts("memory", memory),
		"instance_count":            counts("instances", 1),
		"links":                     map[string]any{"self": map[string]any{"href": notationEvents + w["guid"]}},
	}
}

// service is a v3 service usage event: app/presenters/v3/service_usage_event_presenter.rb. plan=
// (empty) is a user-provided one.
func (w words) service(state string, at time.Time) map[string]any {
	kind, plan := "managed_service_instance", w.or("plan", "small")
	named := func(name string) map[string]any { return map[string]any{"guid": name + "-guid", "name": name} }
	none := map[string]any{"guid": nil, "name": nil}
	p, offering, broker := named(plan), named("postgres"), named("pg-broker")
	p["guid"] = w.or("plan-guid", plan+"-guid")
	if plan == "" {
		kind, p, offering, broker = "user_provided_service_instance", none, none, none
	}
	return map[string]any{
		"guid": w["guid"], "created_at": at.Format(time.RFC3339), "updated_at": at.Format(time.RFC3339), "state": state,
		"space": map[string]any{"guid": "S", "name": "dev"}, "organization": map[string]any{"guid": w.or("org", "O")},
		"service_instance": map[string]any{"guid": w.or("service", "D"), "name": w.or("name", "db"), "type": kind},
		"service_plan":     p, "service_offering": offering, "service_broker": broker,
		"links": map[string]any{"self": map[string]any{"href": "https://api.example.com/v3/service_usage_events/" +
			w["guid"]}},
	}
}

// notification is a Trove notification as the messaging driver sends it (v1 body). The line's time
// is the notification's; at= is when it took effect, created= when the instance was created, seen=
// the end of the audit period, which is audit= long, server= (empty) an instance for which no
// server was made.
func (w words) notification(what string, at time.Time) map[string]any {
	name := "trove.instance." + strings.ReplaceAll(what, "-", "_")
	p := map[string]any{"instance_id": w.or("instance", "I"), "tenant_id": w.or("tenant", "project")}
	if what == "resize-volume-end" {
		name, p["new_size"] = "dbaas.instance_resize_volume.end", w.number("volume", 1)
	} else {
		p["instance_name"], p["state"], p["created_at"] = w.or("name", "db"), w.or("state", "ACTIVE"), w["created"]
		p["instance_type"], p["instance_type_id"] = w.nullable("flavor"), w.or("flavor-id", w["flavor"])
	}
	if what != "exists" && what != "resize-volume-end" {
		p["instance_size"] = w.number("ram", 512)
		if _, ok := w["volume"]; ok {
			p["volume_size"] = w.number("volume", 1)
		}
		if _, ok := w["old-volume"]; ok {
			p["old_volume_size"] = w.number("old-volume", 1)
		}
		if _, ok := w["old-ram"]; ok {
			p["old_instance_size"] = w.number("old-ram", 512)
		}
	}
	for word, key := range map[string]string{
		"server": "nova_instance_id", "volume-id": "nova_volume_id",
		"region": "region", "service": "service_id", "zone": "availability_zone",
	} {
		if _, ok := w[word]; ok {
			p[key] = w.nullable(word)
		}
	}
	if seen, ok := w["seen"]; ok {
		end, err := moment(seen)
		if err != nil {
			panic(err)
		}
		period, err := time.ParseDuration(w.or("audit", "1h"))
		if err != nil {
			panic(err)
		}
		p["audit_period_beginning"], p["audit_period_ending"] = end.Add(-period).Format(time.RFC3339),
			end.Format(time.RFC3339)
	}
	for prefix, key := range map[string]string{"modify": "modify_at", "delete": "deleted_at"} {
		if strings.HasPrefix(what, prefix) {
			p[key] = w["at"]
		}
	}
	return map[string]any{
		"message_id": w.or("id", "message-"+w["guid"]), "publisher_id": w.or("publisher", "0.0.0.0"),
		"event_type": name, "priority": "INFO",
		"timestamp": at.Format("2006-01-02 15:04:05.000000"), "payload": p,
	}
}
