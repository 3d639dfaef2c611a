package trace

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
)

// Record is all that USAGE, METERED and BILLING say about the subject of one resource. Its messages
// come in the order of their streams; the streams may come in any order. It keeps what it is given.
type Record struct {
	metered uint64 // sequence of USAGE up to which METERED goes
	billed  uint64 // sequence of METERED up to which BILLING goes

	facts     []*Fact            // by sequence
	first     map[string]uint64  // by id of the fact: the sequence of its first message
	spans     []*Span            // in order of their messages
	published map[string]*Span   // by id: those that stand
	named     map[uint64][]*Span // by sequence in USAGE: the spans that name the fact
	stands    map[string]*standing.Subject
	holds     map[string]events.Hold // by id: each that was listed, as it was listed last
	anomalies []anomaly
	charges   map[string][]*Charge // by id of the span
	entries   map[string]*Charge   // by id
	inOrder   []*Charge            // of BILLING
	corrects  []correction         // of closed months
	unrated   map[string]UnratedPart
}

// Fact is a fact with its place in USAGE.
type Fact struct {
	events.Usage
	Sequence uint64
}

// correction is a correction of a closed month.
type correction struct {
	charge   *Charge
	repriced uint64 // sequence in METERED of the catalogue that prices the month again; 0 for none
}

// of reports whether a correction is of a span: of one that stood when a catalogue priced its month
// again, or else of one that changed its month after the closing.
func (x *correction) of(s Span) bool {
	c := x.charge
	switch {
	case s.Kind != c.Kind || s.Resource != c.Resource || s.Start.Format(events.MonthForm) != c.Month:
		return false
	case x.repriced == 0:
		return s.Corrected
	}
	return s.Sequence < x.repriced && (s.Retracted == 0 || s.Retracted > x.repriced)
}

type anomaly struct {
	events.Anomaly
	cause uint64 // sequence in USAGE
}

// NewRecord returns a record without messages. METERED goes as far as the first sequence, of USAGE,
// and BILLING as far as the second one, of METERED.
func NewRecord(metered, billed uint64) *Record {
	return &Record{
		metered: metered, billed: billed, first: map[string]uint64{}, published: map[string]*Span{},
		named: map[uint64][]*Span{}, stands: map[string]*standing.Subject{}, holds: map[string]events.Hold{},
		charges: map[string][]*Charge{}, entries: map[string]*Charge{}, unrated: map[string]UnratedPart{},
	}
}

// Fact takes a fact of the subject.
func (r *Record) Fact(u *events.Usage, sequence uint64) *Fact {
	f := &Fact{*u, sequence}
	r.facts = append(r.facts, f)
	if _, known := r.first[u.ID]; !known {
		r.first[u.ID] = sequence
	}
	return f
}

// Metered takes a message of METERED about the subject.
func (r *Record) Metered(m *events.Metered, sequence uint64) {
	for i := range m.Retracted {
		if s := r.published[m.Retracted[i].ID]; s != nil {
			s.Retracted = sequence
			s.Corrected = s.Corrected || m.Correction != ""
			delete(r.published, s.ID)
		}
	}
	for i := range m.Closed {
		s := &Span{Span: m.Closed[i], Sequence: sequence, Corrected: m.Correction != ""}
		r.spans, r.published[s.ID] = append(r.spans, s), s
		for _, fact := range s.Evidence {
			r.named[fact] = append(r.named[fact], s)
		}
	}
	for _, a := range m.Anomalies {
		r.anomalies = append(r.anomalies, anomaly{a, m.Cause.Sequence})
	}
	for _, h := range m.Held {
		r.holds[h.ID] = h
	}
	if r.stands[m.Tenant] == nil {
		r.stands[m.Tenant] = &standing.Subject{}
	}
	r.stands[m.Tenant].Apply(m)
}

// Billing takes a message of BILLING with charges of the subject.
func (r *Record) Billing(b *events.Billing, sequence uint64) {
	for i := range b.Charges {
		c := &Charge{Charge: b.Charges[i], Sequence: sequence}
		r.entries[c.ID], r.inOrder = c, append(r.inOrder, c)
		if c.Entry == events.EntryCorrection {
			x := correction{charge: c}
			if b.Cause.Event == events.ActCatalogue {
				x.repriced = b.Cause.Sequence
			}
			r.corrects = append(r.corrects, x)
			continue
		}
		r.charges[c.Span] = append(r.charges[c.Span], c)
		if reversed := r.entries[c.Reverses]; reversed != nil {
			reversed.Reversed = true
		}
	}
}

// Unrated takes a message of BILLING about parts without a price.
func (r *Record) Unrated(u *events.UnratedNotice, sequence uint64) {
	for i := range u.Unrated {
		r.unrated[u.Unrated[i].ID] = UnratedPart{u.Unrated[i], sequence}
	}
	for _, id := range u.Settled {
		delete(r.unrated, id)
	}
}

// Facts are the facts of the subject, in order of USAGE.
func (r *Record) Facts() []*Fact { return r.facts }

// Outcome is what became of a fact of the record.
func (r *Record) Outcome(f *Fact) *Outcome {
	o := &Outcome{}
	for _, s := range r.named[f.Sequence] {
		o.Spans = append(o.Spans, *s)
	}
	slices.SortStableFunc(o.Spans, func(a, b Span) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Sequence, b.Sequence))
	})
	told := map[string]bool{}
	for i := range o.Spans {
		id := o.Spans[i].ID
		if told[id] {
			continue // published, retracted, and published again
		}
		told[id] = true
		for _, c := range r.charges[id] {
			o.Charges = append(o.Charges, *c)
		}
	}
	for i := range r.corrects {
		if x := &r.corrects[i]; slices.ContainsFunc(o.Spans, x.of) {
			o.Charges = append(o.Charges, *x.charge)
		}
	}
	for _, part := range r.unrated {
		if told[part.Span] {
			o.Unrated = append(o.Unrated, part)
		}
	}
	slices.SortFunc(o.Unrated, func(a, b UnratedPart) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	r.standing(f, o)
	for i := range r.anomalies {
		if a := &r.anomalies[i]; a.Resource == f.Resource && (a.Time.Equal(f.Time) || a.cause == f.Sequence) {
			o.Anomalies = append(o.Anomalies, a.Anomaly)
		}
	}
	r.answer(f, o)
	return o
}

// standing adds what runs and is held.
func (r *Record) standing(f *Fact, o *Outcome) {
	for _, tenant := range sortedKeys(r.stands) {
		running, held := r.stands[tenant].Of(f.Resource)
		for i := range running {
			if slices.Contains(running[i].Evidence, f.Sequence) {
				o.Running = append(o.Running, running[i])
			}
		}
		for i := range held {
			if touches(held[i].Start, held[i].End, f.Time) {
				o.Holds = append(o.Holds, held[i])
			}
		}
	}
}

// touches reports whether a time is in an interval or at its end; a zero end is none.
func touches(start, end, at time.Time) bool {
	return !at.Before(start) && (end.IsZero() || !at.After(end))
}

// answer chooses the answer: the first that holds.
func (r *Record) answer(f *Fact, o *Outcome) {
	switch {
	case f.Sequence > r.metered:
		o.Answer = Unmetered
	case slices.ContainsFunc(o.Spans, func(s Span) bool { return s.Corrected }):
		o.Answer = Corrected
	case slices.ContainsFunc(o.Charges, stands):
		o.Answer = Charged
	case len(o.Unrated) > 0:
		o.Answer = Unrated
	case slices.ContainsFunc(o.Spans, func(s Span) bool { return s.Retracted == 0 }):
		o.Answer = Unpriced
		if !slices.ContainsFunc(o.Spans, func(s Span) bool { return s.Retracted == 0 && s.Sequence > r.billed }) {
			o.Answer, o.Because = NoEffect, NoCharge
		}
	case len(o.Running) > 0:
		o.Answer = Running
	case len(o.Holds) > 0:
		o.Answer = Held
	case len(o.Spans) > 0:
		o.Answer = Replaced
	default:
		o.Answer, o.Because = NoEffect, r.because(f, o)
	}
}

// stands reports whether an entry is a charge that stands, or a correction: a month that closed
// without a price and was priced again has these alone.
func stands(c Charge) bool {
	return c.Entry == events.EntryCorrection || c.Entry == events.EntryCharge && !c.Reversed
}

// because is why a fact that no span names has no effect: the first reason that holds.
func (r *Record) because(f *Fact, o *Outcome) Because {
	switch {
	case r.first[f.ID] < f.Sequence, !f.Listed.IsZero():
		return Repeated
	case f.observed():
		if r.covered(f) == (f.Event == events.EventObserved) {
			return Known
		}
		return Overruled
	case f.Event == events.EventBuildpackSet && f.Kind == events.KindStaging,
		f.Kind == events.KindService && f.Footprint.Plan == "" && f.Footprint.PlanGUID == "":
		return NoUsage
	case len(o.Anomalies) > 0:
		return Refused
	case !ends(f.Event) && r.covered(f):
		return Known
	case r.wasHeld(f):
		return Discarded
	case r.atOnce(f):
		return NoTime
	case ends(f.Event) && !r.began(f):
		return Ended
	}
	return OutOfScope
}

// ends reports whether an event is an ending.
func ends(event string) bool {
	switch event {
	case events.EventStopped, events.EventTaskStopped, events.EventStagingStopped, events.EventDeleted,
		events.EventTroveDelete, events.EventRetired, events.EventAbsent:
		return true
	}
	return false
}

// used yields the spans of a resource that stand, and those that run.
func (r *Record) used(resource string) iter.Seq[*events.Span] {
	return func(yield func(*events.Span) bool) {
		for _, s := range r.spans {
			if s.Retracted == 0 && s.Resource == resource && !yield(&s.Span) {
				return
			}
		}
		for _, all := range r.stands {
			running, _ := all.Of(resource)
			for i := range running {
				if !yield(&running[i]) {
					return
				}
			}
		}
	}
}

// covered reports whether a span that stands or runs covers the fact's time.
func (r *Record) covered(f *Fact) bool {
	for s := range r.used(f.Resource) {
		if !f.Time.Before(s.Start) && (s.Running() || f.Time.Before(s.End)) {
			return true
		}
	}
	return false
}

// wasHeld reports whether a hold touched the fact's time, and no usage was proven from its start to
// there: that ends a hold. It stands no more, else it were the answer.
func (r *Record) wasHeld(f *Fact) bool {
	for id := range r.holds {
		h := r.holds[id]
		if h.Resource == f.Resource && touches(h.Start, h.End, f.Time) && !r.provenIn(f.Resource, h.Start, f.Time) {
			return true
		}
	}
	return false
}

// provenIn reports whether a span that stands or runs begins between two times, or at one of them.
func (r *Record) provenIn(resource string, from, to time.Time) bool {
	for s := range r.used(resource) {
		if touches(from, to, s.Start) {
			return true
		}
	}
	return false
}

// began reports whether the facts before an ending have something for it to end.
func (r *Record) began(f *Fact) bool {
	var last *Fact
	open := 0 // builds
	for _, o := range r.facts {
		if o.Resource != f.Resource || o.Sequence == f.Sequence || o.Time.After(f.Time) ||
			o.Time.Equal(f.Time) && o.Sequence > f.Sequence {
			continue
		}
		if last == nil || !o.Time.Before(last.Time) {
			last = o
		}
		switch {
		case o.Event == events.EventStagingStarted:
			open++
		case o.Event == events.EventStagingStopped && open > 0:
			open--
		}
	}
	if f.Kind == events.KindStaging {
		return open > 0
	}
	return last != nil && !ends(last.Event)
}

// atOnce reports whether the state that a fact began, or ended, lasted no time: another fact of the
// resource counts from the same instant. That is one of the same time, or one behind it in USAGE
// with an earlier time.
func (r *Record) atOnce(f *Fact) bool {
	return slices.ContainsFunc(r.facts, func(o *Fact) bool {
		return o.Resource == f.Resource && o.Sequence != f.Sequence && (!ends(f.Event) || !ends(o.Event)) &&
			(o.Time.Equal(f.Time) || o.Sequence > f.Sequence && o.Time.Before(f.Time))
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
