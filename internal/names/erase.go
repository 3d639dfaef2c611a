package names

import (
	"bytes"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Message puts guids in the places of erased names in a message of any stream. Amounts, ids,
// digests and everything else of it stay; a message without such names is not touched. A message
// that can not be read, in a form of names, is left as it is: nobody else reads it either.
func (e *Erasures) Message(m *bus.Stored) {
	if e.None() {
		return
	}
	var body interface {
		DecodeJSON(b []byte) error
		AppendJSON(b []byte) []byte
	}
	var erase func() bool
	switch m.Header(events.HeaderType) {
	case events.TypeUsage:
		u := &events.Usage{}
		body, erase = u, func() bool { return e.Usage(u) }
	case events.TypeMetered:
		x := &events.Metered{}
		body, erase = x, func() bool { return e.Metered(x) }
	case events.TypeBilling:
		x := &events.Billing{}
		body, erase = x, func() bool { return e.Billing(x) }
	case events.TypeUnrated:
		x := &events.UnratedNotice{}
		body, erase = x, func() bool { return e.Unrated(x) }
	case events.TypeAct:
		a := &events.Act{}
		body, erase = a, func() bool { return e.Observation(a) }
	default:
		q := &events.Quarantined{}
		body, erase = q, func() bool { return e.Quarantined(q) }
		if !strings.HasPrefix(m.Subject, quarantined) {
			return
		}
		if e.concerns(m.Data) && (q.DecodeJSON(m.Data) != nil || q.ID == "") {
			e.foreign(m)
			return
		}
	}
	if e.concerns(m.Data) && body.DecodeJSON(m.Data) == nil && erase() {
		m.Data = body.AppendJSON(nil)
	}
}

// quarantined begins the subjects of QUARANTINE.
const quarantined = "quarantine."

// foreign puts guids in the places of names in a foreign message of QUARANTINE: its body is the
// input.
func (e *Erasures) foreign(m *bus.Stored) {
	q := events.Quarantined{Input: string(m.Data)}
	if tokens := strings.Split(m.Subject, "."); len(tokens) > 2 {
		q.Foundation, _ = events.Untoken(tokens[2])
	}
	if e.Quarantined(&q) {
		m.Data = []byte(q.Input)
	}
}

// concerns reports whether a message may be of an erased tenant: it has its guid.
func (e *Erasures) concerns(data []byte) bool {
	for guid := range e.guids {
		if bytes.Contains(data, []byte(guid)) {
			return true
		}
	}
	return !e.plain
}

// Usage puts guids in the places of names in a fact, and in the platform's JSON. It reports whether
// the tenant's names are erased.
func (e *Erasures) Usage(u *events.Usage) bool {
	if !e.Has(Tenant{u.Source, u.Foundation, u.Tenant}) {
		return false
	}
	known := map[string]string{}
	note := func(name *string, guid string) {
		if *name != "" {
			known[*name], *name = guid, guid
		}
	}
	note(&u.Name, resourceOf(u.Kind, u.App, u.Resource))
	note(&u.SpaceName, u.Space)
	if len(u.Raw) > 0 {
		u.Raw = eraseJSON(u.Raw, u.Tenant, known, platformNames)
	}
	return true
}

// Observation is Usage for an act with an observation, and for the JSON of both sides.
func (e *Erasures) Observation(a *events.Act) bool {
	o := &a.Observation
	if a.Kind != events.ActObservation || !e.Has(Tenant{a.Source, a.Foundation, o.Tenant}) {
		return false
	}
	known := map[string]string{}
	for _, f := range [...]struct {
		name *string
		guid string
	}{{&o.Name, resourceOf(o.Kind, o.App, o.Resource)}, {&o.SpaceName, o.Space}} {
		if *f.name != "" {
			known[*f.name], *f.name = f.guid, f.guid
		}
	}
	if len(o.Evidence) > 0 {
		o.Evidence = eraseJSON(o.Evidence, o.Tenant, known, anyNames)
	}
	return true
}

// Metered is Usage for spans.
func (e *Erasures) Metered(m *events.Metered) bool {
	if !e.Has(Tenant{m.Source, m.Foundation, m.Tenant}) {
		return false
	}
	for _, spans := range [][]events.Span{m.Retracted, m.Closed, m.Running} {
		for i := range spans {
			eraseSpan(&spans[i])
		}
	}
	return true
}

// Span is Usage for one span of a foundation.
func (e *Erasures) Span(source, foundation string, s *events.Span) bool {
	if !e.Has(Tenant{source, foundation, s.Tenant}) {
		return false
	}
	eraseSpan(s)
	return true
}

func eraseSpan(s *events.Span) {
	if s.Name != "" {
		s.Name = resourceOf(s.Kind, s.App, s.Resource)
	}
	if s.SpaceName != "" {
		s.SpaceName = s.Space
	}
}

// Billing is Usage for charges.
func (e *Erasures) Billing(m *events.Billing) bool {
	if !e.Has(Tenant{m.Source, m.Foundation, m.Tenant}) {
		return false
	}
	for i := range m.Charges {
		eraseCharge(&m.Charges[i])
	}
	return true
}

// Charge is Usage for one charge of a foundation.
func (e *Erasures) Charge(source, foundation string, c *events.Charge) bool {
	if !e.Has(Tenant{source, foundation, c.Tenant}) {
		return false
	}
	eraseCharge(c)
	return true
}

func eraseCharge(c *events.Charge) {
	if c.Name != "" {
		c.Name = resourceOf(c.Kind, c.App, c.Resource)
	}
}

// Unrated is Usage for parts without a price.
func (e *Erasures) Unrated(n *events.UnratedNotice) bool {
	if !e.Has(Tenant{n.Source, n.Foundation, n.Tenant}) {
		return false
	}
	for i := range n.Unrated {
		eraseUnrated(&n.Unrated[i])
	}
	return true
}

// UnratedPart is Usage for one part without a price of a foundation.
func (e *Erasures) UnratedPart(source, foundation string, u *events.Unrated) bool {
	if !e.Has(Tenant{source, foundation, u.Tenant}) {
		return false
	}
	eraseUnrated(u)
	return true
}

func eraseUnrated(u *events.Unrated) {
	if u.Name != "" {
		u.Name = u.Resource
	}
}

// Quarantined puts guids in the places of names in input that has the guid of an erased tenant.
// Input that is no JSON object is left out as a whole: nobody can tell the names in it.
func (e *Erasures) Quarantined(q *events.Quarantined) bool {
	erased := false
	for t := range e.tenants {
		if t.Foundation != q.Foundation || !strings.Contains(q.Input, t.GUID) {
			continue
		}
		known := map[string]string{}
		q.Input = string(eraseJSON([]byte(q.Input), t.GUID, known, anyNames))
		for name, guid := range known {
			q.Reason = strings.ReplaceAll(q.Reason, `"`+name+`"`, `"`+guid+`"`)
		}
		erased = true
	}
	return erased
}

// resourceOf is the guid of what has the name of a span or a fact.
func resourceOf(kind, app, resource string) string {
	if app != "" && (kind == events.KindApp || kind == events.KindStaging) {
		return app
	}
	return resource
}
