package answer

import (
	"context"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// maxListed is how many anomalies, holds or parts without a price an answer lists.
const maxListed = 10_000

// cut is the beginning of a list, and how much is behind it.
func cut[T any](all []T) (first []T, more int) {
	if len(all) > maxListed {
		return all[:maxListed], len(all) - maxListed
	}
	return all, 0
}

// AnomaliesQuestion asks for the standing anomalies.
type AnomaliesQuestion struct {
	Whose
	Kind string `query:"kind" json:"kind,omitempty" enum:"app,task,staging,service,instance" doc:"Only this kind of subject."`
	Code string `query:"code" json:"code,omitempty" maxLength:"64" doc:"Only this code, such as lost_change."`
}

// Anomalies are facts in conflict with others, by tenant, kind, code, time and resource.
type Anomalies struct {
	Position  Position  `json:"position"`
	Anomalies []Anomaly `json:"anomalies"`
	Omitted   int       `json:"omitted,omitempty" doc:"How many more there are."`
}

// Anomaly is a standing anomaly.
type Anomaly struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Code       string `json:"code"`
	Resource   string `json:"resource,omitempty"`
	Time       string `json:"time" format:"date-time"`
	Until      string `json:"until,omitempty" format:"date-time" doc:"It stands until then; none: until it is decided."`
	Held       bool   `json:"held"`
	Message    string `json:"message"`
}

// Anomalies answers with the standing anomalies.
func (a *Answers) Anomalies(ctx context.Context, asker *Asker, x *AnomaliesQuestion) (*Anomalies, error) {
	q, err := x.query(&asker.Usage)
	if err != nil {
		return nil, err
	}
	filter := anomalies.Filter{
		Foundation: q.Foundation, Tenant: q.Tenant, Owners: q.Owners, Kind: x.Kind, Code: x.Code,
	}
	var all []anomalies.Entry
	out := &Anomalies{Anomalies: []Anomaly{}}
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		all, out.Omitted, err = r.Anomalies(ctx, filter)
		return len(all), err
	})
	if err != nil {
		return nil, err
	}
	all, more := cut(all)
	out.Position, out.Omitted = position(at), out.Omitted+more
	for i := range all {
		out.Anomalies = append(out.Anomalies, NewAnomaly(&all[i]))
	}
	return out, nil
}

// NewAnomaly is the form of an anomaly.
func NewAnomaly(e *anomalies.Entry) Anomaly {
	x := Anomaly{
		Source: e.Source, Foundation: e.Foundation, Tenant: e.Tenant, Kind: e.Kind, Code: e.Code,
		Resource: e.Resource, Time: timeText(e.Time), Held: e.Held, Message: e.Message,
	}
	if !e.Held {
		x.Until = timeText(e.Until)
	}
	return x
}

// UnratedQuestion asks for usage without a price.
type UnratedQuestion struct {
	Whose
	What
	Month string `query:"month" json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Only this month."`
}

// UnratedParts are parts of spans without a price, by tenant, kind, foundation, resource and
// start.
type UnratedParts struct {
	Position Position      `json:"position"`
	Unrated  []UnratedPart `json:"unrated"`
	Omitted  int           `json:"omitted,omitempty" doc:"How many more there are."`
}

// UnratedPart is a part of a span without a price.
type UnratedPart struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	Foundation string    `json:"foundation"`
	Tenant     string    `json:"tenant"`
	Space      string    `json:"space,omitempty"`
	Kind       string    `json:"kind"`
	Resource   string    `json:"resource"`
	Name       string    `json:"name,omitempty"`
	Span       string    `json:"span"`
	Start      string    `json:"start" format:"date-time"`
	End        string    `json:"end" format:"date-time"`
	Footprint  Footprint `json:"footprint"`
	Reason     string    `json:"reason"`
}

// Unrated answers with usage without a price.
func (a *Answers) Unrated(ctx context.Context, asker *Asker, x *UnratedQuestion) (*UnratedParts, error) {
	q, err := x.queried(&x.Whose, &asker.Usage)
	if err != nil {
		return nil, err
	}
	q.Period = x.Month
	var all []ledger.Unrated
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		all, err = r.Unrated(ctx, q)
		return len(all), err
	})
	if err != nil {
		return nil, err
	}
	out := &UnratedParts{Position: position(at), Unrated: []UnratedPart{}}
	all, out.Omitted = cut(all)
	for i := range all {
		out.Unrated = append(out.Unrated, NewUnrated(&all[i]))
	}
	return out, nil
}

// NewUnrated is the form of a part without a price.
func NewUnrated(u *ledger.Unrated) UnratedPart {
	return UnratedPart{
		ID: u.ID, Source: u.Source, Foundation: u.Foundation, Tenant: u.Tenant, Space: u.Space, Kind: u.Kind,
		Resource: u.Resource, Name: u.Name, Span: u.Span, Start: timeText(u.Start), End: timeText(u.End),
		Footprint: NewFootprint(&u.Footprint), Reason: u.Reason,
	}
}

// HoldsQuestion asks for held usage.
type HoldsQuestion struct {
	Whose
	Resource string `query:"resource" json:"resource,omitempty" maxLength:"1024" doc:"Only this resource."`
	Kind     string `query:"kind" json:"kind,omitempty" enum:"app,task,staging,service,instance,volume" doc:"Only this kind."`
}

// Holds are parts of timelines, possible and not proven, by kind, resource, foundation
// and start.
type Holds struct {
	Position Position `json:"position"`
	Holds    []Hold   `json:"holds"`
	Omitted  int      `json:"omitted,omitempty" doc:"How many more there are."`
}

// Hold is usage, possible and not proven: it is not billed.
type Hold struct {
	ID         string     `json:"id"`
	Source     string     `json:"source"`
	Foundation string     `json:"foundation"`
	Tenant     string     `json:"tenant"`
	Kind       string     `json:"kind"`
	Resource   string     `json:"resource"`
	Name       string     `json:"name,omitempty" doc:"Where something of the resource runs."`
	Code       string     `json:"code"`
	Start      string     `json:"start" format:"date-time"`
	End        string     `json:"end,omitempty" format:"date-time" doc:"None while it goes on."`
	Footprint  Footprint  `json:"footprint" doc:"What is billed on release, as far as it is known: the most that may have been in use."`
	Lower      *Footprint `json:"lower,omitempty" doc:"The least that may have been in use, or the other plan: a release chooses."`
	Reason     string     `json:"reason"`
}

// Holds answers with held usage.
func (a *Answers) Holds(ctx context.Context, asker *Asker, x *HoldsQuestion) (*Holds, error) {
	q, err := (&What{Resource: x.Resource, Kind: x.Kind}).queried(&x.Whose, &asker.Usage)
	if err != nil {
		return nil, err
	}
	var all []ledger.Held
	var names map[[2]string]string
	out := &Holds{Holds: []Hold{}}
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		var more int
		if all, out.Omitted, err = r.Held(ctx, q); err == nil {
			all, more = cut(all)
			out.Omitted += more
			names, err = called(ctx, r, q, all)
		}
		return len(all), err
	})
	if err != nil {
		return nil, err
	}
	out.Position = position(at)
	for i := range all {
		h := &all[i]
		out.Holds = append(out.Holds, NewHold(h, names[[2]string{h.Foundation, h.Resource}]))
	}
	return out, nil
}

// NewHold is the form of a hold, of a resource with a name.
func NewHold(h *ledger.Held, name string) Hold {
	x := Hold{
		ID: h.ID, Source: h.Source, Foundation: h.Foundation, Tenant: h.Tenant, Kind: h.Kind,
		Resource: h.Resource, Name: name, Code: h.Code, Start: timeText(h.Start), End: timeText(h.End),
		Footprint: NewFootprint(&h.Footprint), Reason: h.Reason,
	}
	if h.Lower != (events.Footprint{}) {
		lower := NewFootprint(&h.Lower)
		x.Lower = &lower
	}
	return x
}

// maxCalled is how many tenants are asked for by one for names, and not all together.
const maxCalled = 20

// called are the names of running resources, by foundation and resource: a cloned foundation has
// the same guids. They are those of the held resources' tenants. A hold has no name.
func called(ctx context.Context, r ledger.Reader, q ledger.Query, held []ledger.Held) (map[[2]string]string, error) {
	owners := map[events.Owner]bool{}
	for i := range held {
		owners[events.Owner{Foundation: held[i].Foundation, Tenant: held[i].Tenant}] = true
	}
	if len(owners) > maxCalled {
		owners = map[events.Owner]bool{{Foundation: q.Foundation, Tenant: q.Tenant}: true}
	}
	names := map[[2]string]string{}
	for o := range owners {
		q.Foundation, q.Tenant = o.Foundation, o.Tenant
		running, err := r.Running(ctx, q)
		if err != nil {
			return nil, err
		}
		for j := range running {
			s := &running[j]
			if key := [2]string{s.Foundation, s.Resource}; names[key] == "" {
				names[key] = s.Name
			}
		}
	}
	return names, nil
}
