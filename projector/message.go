package projector

import (
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Limits of one Metered message. Spans beyond them go into further parts, which repeat Running and
// Held: the two together leave room for the largest span.
const (
	maxSpans        = 250 // retracted and closed
	maxRunningBytes = 320 << 10
	maxHeldBytes    = 128 << 10
	maxEvidence     = 1000 // of one span
)

// message is the frame of the Metered messages of one cause on one subject.
type message struct {
	f     *foundation
	sub   *subject
	cause events.Cause
}

// leave puts out the end of everything under the subject.
func (o message) leave(m *Meter, emit func(*events.Metered)) {
	o.frame(m)
	x := &m.message
	x.ID = o.id(0)
	emit(x)
}

// frame fills in the fields of all messages.
func (o message) frame(m *Meter) {
	r := &o.f.rules
	m.message = events.Metered{
		Source: r.Source, Foundation: r.Foundation, Tenant: o.sub.tenant, Kind: o.sub.key.kind,
		Resource: o.sub.key.resource,
		Cause:    o.cause,
		Running:  m.message.Running[:0], Held: m.message.Held[:0],
	}
}

func (o message) id(part int) string {
	return events.ID("metered", o.cause.ID, o.sub.tenant, o.sub.key.kind, o.sub.key.resource, strconv.Itoa(part))
}

func (o message) emitChange(m *Meter, emit func(*events.Metered)) {
	if !m.ch.Empty() {
		o.emit(m, emit)
	}
}

// emit puts out a change with all open spans and all holds, in several parts if it is large.
func (o message) emit(m *Meter, emit func(*events.Metered)) {
	o.frame(m)
	x, ch, r := &m.message, &m.ch, &o.f.rules
	running, held := x.Running, x.Held
	for _, e := range o.sub.listed {
		running = e.Running(running)
		held = e.Held(held)
	}
	shorten(running)
	shorten(ch.Retracted)
	shorten(ch.Closed)
	omit(x, running, held)
	o.identify(ch.Retracted)
	o.identify(ch.Closed)
	if correction(r, ch.Retracted) || correction(r, ch.Closed) {
		x.Correction = r.Closed.Time().Format("2006-01")
	}
	anomalies, retracted, closed := ch.Anomalies, ch.Retracted, ch.Closed
	for part := 0; ; part++ {
		x.ID = o.id(part)
		anomalies, retracted, closed = x.Fill(maxSpans, anomalies, retracted, closed)
		emit(x)
		if len(anomalies)+len(retracted)+len(closed) == 0 {
			return
		}
	}
}

// omit lists the first running and held parts that a message has room for, and counts the others.
func omit(x *events.Metered, running []events.Span, held []events.Hold) {
	x.Running, running, _ = events.Fit(running, events.MaxRunning, maxRunningBytes)
	x.Held, held, _ = events.Fit(held, events.MaxHeld, maxHeldBytes)
	x.RunningOmitted, x.HeldOmitted = uint32(len(running)), uint32(len(held)) //nolint:gosec // far below 2^32
}

// shorten keeps the earliest evidence of spans with very much.
func shorten(spans []events.Span) {
	for i := range spans {
		s := &spans[i]
		s.Evidence = s.Evidence[:min(len(s.Evidence), maxEvidence)]
	}
}

// correction reports whether spans lie in a closed month.
func correction(r *timeline.Rules, spans []events.Span) bool {
	return r.Closed != timeline.MinMoment && slices.ContainsFunc(spans,
		func(s events.Span) bool { return timeline.MomentOf(s.Start) < r.Closed })
}

// identify gives spans their ids. An id depends on the content of the span and on nothing else: the
// same span has the same id whenever it is published or retracted.
func (o message) identify(spans []events.Span) {
	var scratch [512]byte
	for i := range spans {
		s := &spans[i]
		f := &s.Footprint
		b := scratch[:0]
		for _, text := range [...]string{
			s.Tenant, f.ProcessType, f.Buildpack, f.BuildpackGUID, f.Plan, f.PlanGUID, f.Offering, f.OfferingGUID,
			f.Broker, f.BrokerGUID,
			f.Flavor, f.FlavorID,
		} {
			b = append(append(b, text...), 0)
		}
		for _, count := range [...]events.Count{f.Instances, f.MemoryMB, f.VolumeGB} {
			if n, ok := count.Get(); ok {
				b = strconv.AppendUint(b, uint64(n), 10)
			}
			b = append(b, 0)
		}
		for _, t := range [...]time.Time{s.Start, s.End, s.Since} {
			b = append(events.AppendTime(b, t), 0)
		}
		s.ID = events.ID("span", o.f.rules.Source, o.f.rules.Foundation, s.Kind, s.Resource, string(b))
	}
}
