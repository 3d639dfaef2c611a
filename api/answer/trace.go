package answer

import (
	"context"

	"github.com/daybook-billing/daybook/ledger/trace"
)

// EventQuestion asks for the fate of an event.
type EventQuestion struct {
	Event string `path:"event" json:"event" maxLength:"256" doc:"Guid of a usage event of Cloud Foundry, message_id of a notification of Trove, or a sequence of USAGE."`
}

// Traces are the fates of the messages about an event.
type Traces struct {
	Traces []Trace `json:"traces"`
}

// Trace is the fate of a message about an event.
type Trace struct {
	Answer     string          `json:"answer" enum:"charged,corrected,unrated,running,unpriced,held,replaced,no_effect,unmetered,quarantined,control,unreadable"`
	Because    string          `json:"because,omitempty" doc:"Why it has no effect."`
	Sentence   string          `json:"sentence"`
	Stream     string          `json:"stream"`
	Sequence   uint64          `json:"sequence" doc:"In the stream."`
	Type       string          `json:"type"`
	ID         string          `json:"id,omitempty" doc:"Of the message."`
	Source     string          `json:"source,omitempty"`
	Foundation string          `json:"foundation,omitempty"`
	Tenant     string          `json:"tenant,omitempty"`
	Kind       string          `json:"kind,omitempty"`
	Resource   string          `json:"resource,omitempty"`
	Name       string          `json:"name,omitempty"`
	Event      string          `json:"event,omitempty"`
	Time       string          `json:"time,omitempty" format:"date-time"`
	Reason     string          `json:"reason,omitempty" doc:"Why it was not understood."`
	Spans      []Span          `json:"spans"`
	Running    []Span          `json:"running"`
	Charges    []TracedCharge  `json:"charges" doc:"None for those who may not see money."`
	Unrated    []TracedUnrated `json:"unrated"`
	Holds      []TracedHold    `json:"holds"`
	Anomalies  []TracedAnomaly `json:"anomalies"`
}

// TracedCharge is an entry of a span with an event in its evidence.
type TracedCharge struct {
	Charge
	Reversed bool `json:"reversed" doc:"It was taken back since."`
}

// TracedUnrated is a part of a span without a price.
type TracedUnrated struct {
	ID      string `json:"id"`
	Billing uint64 `json:"billing" doc:"Sequence in BILLING."`
	Span    string `json:"span"`
	Start   string `json:"start" format:"date-time"`
	End     string `json:"end" format:"date-time"`
	Reason  string `json:"reason"`
}

// TracedHold is a hold at the time of an event.
type TracedHold struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Start  string `json:"start" format:"date-time"`
	End    string `json:"end,omitempty" format:"date-time"`
	Reason string `json:"reason"`
}

// TracedAnomaly is an anomaly at the time of an event.
type TracedAnomaly struct {
	Code    string `json:"code"`
	Time    string `json:"time" format:"date-time"`
	Message string `json:"message"`
}

// Trace answers with the fate of an event, for each message about it in the asker's scope:
// messages about nobody's usage are for askers with everybody's.
func (a *Answers) Trace(ctx context.Context, asker *Asker, x *EventQuestion) (*Traces, error) {
	view, err := a.View(ctx)
	if err != nil {
		return nil, err
	}
	all, err := trace.Event(ctx, view, asker.Usage.owners(), x.Event)
	if err != nil {
		return nil, err
	}
	out := &Traces{Traces: []Trace{}}
	for i := range all {
		f := &all[i]
		if f.Answer == trace.Unknown {
			continue
		}
		out.Traces = append(out.Traces, NewTrace(asker, f))
	}
	if len(out.Traces) == 0 {
		return nil, errNone
	}
	return out, nil
}

// NewTrace is the form of an event's fate, within an asker's scope.
func NewTrace(asker *Asker, f *trace.Found) Trace {
	x := Trace{
		Answer: string(f.Answer), Because: string(f.Because), Sentence: f.Sentence(), Stream: f.Stream,
		Sequence: f.Sequence, Type: f.Type, Spans: []Span{}, Running: []Span{}, Charges: []TracedCharge{},
		Unrated: []TracedUnrated{}, Holds: []TracedHold{}, Anomalies: []TracedAnomaly{},
	}
	if u := f.Fact; u != nil {
		x.ID = u.ID
		x.Source, x.Foundation, x.Tenant, x.Kind = u.Source, u.Foundation, u.Tenant, u.Kind
		x.Resource, x.Name, x.Event, x.Time = u.Resource, u.Name, u.Event, timeText(u.Time)
	}
	if q := f.Input; q != nil {
		x.ID, x.Source, x.Foundation, x.Reason = q.ID, q.Source, q.Foundation, q.Reason
	}
	for i := range f.Spans {
		x.Spans = append(x.Spans, newTracedSpan(&f.Spans[i]))
	}
	for i := range f.Running {
		x.Running = append(x.Running, newSpan(&f.Running[i]))
	}
	for i := range f.Charges {
		c := &f.Charges[i]
		if asker.Money.Has(x.Foundation, c.Tenant) {
			x.Charges = append(x.Charges, TracedCharge{tracedCharge(x.Source, x.Foundation, c), c.Reversed})
		}
	}
	for i := range f.Unrated {
		u := &f.Unrated[i]
		x.Unrated = append(x.Unrated, TracedUnrated{
			u.ID, u.Sequence, u.Span, timeText(u.Start), timeText(u.End), u.Reason,
		})
	}
	for i := range f.Holds {
		h := &f.Holds[i]
		x.Holds = append(x.Holds, TracedHold{h.ID, h.Code, timeText(h.Start), timeText(h.End), h.Reason})
	}
	for i := range f.Anomalies {
		n := &f.Anomalies[i]
		x.Anomalies = append(x.Anomalies, TracedAnomaly{n.Code, timeText(n.Time), n.Message})
	}
	return x
}
