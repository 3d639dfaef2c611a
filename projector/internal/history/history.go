// Package history reads the past of a resource before a fact: its facts and decisions in USAGE, and
// its spans in METERED. It holds all facts to the same conditions as the projector.
package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage/reread"
	"github.com/daybook-billing/daybook/projector/internal/rederive"
)

// Limits of the reading for one fact. Beyond them a late one is held.
const (
	maxBytes  = 64 << 20 // of facts and decisions about the resource: some 100,000
	maxSpans  = 100_000  // published
	maxPlaces = 1000     // late facts of other resources before a fact
)

// Timed refuses a message without a time.
func Timed(at time.Time) error {
	if at.IsZero() {
		return errors.New("it says no time")
	}
	return nil
}

// TooLong refuses a message with a string too long for a collector.
func TooLong(field string) error {
	return fmt.Errorf("its %s is longer than %d bytes", field, limit.MaxID)
}

// Fact decodes a fact, and cuts labels that are too long: it returns their fields. The error is the
// reason why no collector publishes such a message.
func Fact(names *events.Interner, u *events.Usage, in *bus.Stored) (labels []string, err error) {
	if err := names.DecodeFact(u, in.Data); err != nil {
		return nil, err
	}
	labels, long := limit.Usage(u)
	if long != "" {
		return nil, TooLong(long)
	}
	if err := limit.Times(u.Time, u.Observed, u.Created, u.Listed); err != nil {
		return nil, err
	}
	if u.AfterSequence >= in.Sequence {
		return nil, fmt.Errorf("it follows message %d, which does not stand before it", u.AfterSequence)
	}
	return labels, Timed(u.Time)
}

// Observation refuses an act that no reconciliation gives.
func Observation(a *events.Act) error {
	o := &a.Observation
	switch {
	case o.Plan == "":
		return errors.New("it names no plan")
	case o.Finding == events.FindingReverted:
		return nil
	case o.Finding != events.FindingRunning && o.Finding != events.FindingGone:
		return fmt.Errorf("it finds %q", o.Finding)
	case o.Resource == "" || o.Tenant == "" && o.Finding == events.FindingRunning:
		return errors.New("it names no resource, or no tenant")
	case !reconciled(a.Source, o.Kind):
		return fmt.Errorf("it is about kind %q of source %q, which is not reconciled", o.Kind, a.Source)
	case o.At.After(o.Seen):
		return errors.New("it counts from a time after the look")
	}
	return errors.Join(Timed(o.At), limit.Times(o.At, o.Seen))
}

// reconciled reports whether observations are about a kind.
func reconciled(source, kind string) bool {
	switch kind {
	case events.KindApp, events.KindTask, events.KindService:
		return source == events.SourceCF
	case events.KindInstance, events.KindVolume:
		return source == events.SourceTrove
	}
	return false
}

// Reading reads the past of a fact's resource.
type Reading struct {
	names    *events.Interner
	of       events.Usage
	sequence uint64
	past     rederive.Past
	begun    bool
	bytes    int
	late     map[uint64]uint64 // by sequence of a fact: the one before it; 0 for none
	open     []uint64          // facts before late ones, perhaps not in late
	asked    uint64            // the last of them asked for
	places   int               // how many were
	spans    map[string]events.Span
}

// New returns a reading for a fact, the message of USAGE with a sequence.
func New(names *events.Interner, of *events.Usage, sequence uint64) *Reading {
	return &Reading{
		names: names, of: *of, sequence: sequence, late: map[uint64]uint64{}, open: []uint64{of.AfterSequence},
		spans: map[string]events.Span{},
	}
}

// About reports whether the reading is for the fact with a sequence.
func (r *Reading) About(sequence uint64) bool { return r != nil && r.sequence == sequence }

// Needs is the next part to be read; nil for none.
func (r *Reading) Needs() *reread.Needed {
	of := &r.of
	if !r.begun {
		r.begun = true
		return &reread.Needed{
			Inputs: []string{
				events.UsageResourceFilter(of.Source, of.Foundation, of.Kind, of.SubjectResource()),
				events.ActSubject(events.ActDecision, of.Source, of.Foundation),
				events.ActSubject(events.ActRetirement, of.Source, of.Foundation),
				events.ActSubject(events.ActObservation, of.Source, of.Foundation),
			},
			Own: []string{events.MeteredResourceFilter(of.Source, of.Foundation, of.Kind, of.SubjectResource())},
			Gone: func() {
				r.lacks("messages of USAGE are gone: what is left may not be all that the month was derived from")
			},
		}
	}
	for len(r.open) > 0 && r.past.Lacks == "" {
		at := r.open[len(r.open)-1]
		if _, known := r.late[at]; known || at == 0 {
			r.open = r.open[:len(r.open)-1]
			continue
		}
		if r.places++; r.places > maxPlaces {
			r.lacks("its place is behind more than %d other late facts", maxPlaces)
		} else if r.asked == at {
			r.lacks("message %d of USAGE, which tells its place, is gone", at)
		} else {
			r.asked = at
			return &reread.Needed{Input: at}
		}
	}
	return nil
}

// lacks notes why nothing can be derived: the first reason counts.
func (r *Reading) lacks(format string, args ...any) {
	if r.past.Lacks == "" {
		r.past.Lacks = fmt.Sprintf(format, args...)
	}
}

// Input takes a message of USAGE.
func (r *Reading) Input(in *bus.Stored) {
	switch kind := in.Header(events.HeaderType); {
	case in.Sequence == r.asked:
		r.place(in, kind)
	case kind == events.TypeUsage:
		u := new(events.Usage)
		if _, err := Fact(r.names, u, in); err == nil && u.Resource == r.of.Resource { // else the projector said so
			r.follow(in.Sequence, u)
			r.input(in, rederive.Input{Sequence: in.Sequence, Fact: u})
		}
	case kind == events.TypeAct:
		r.act(in)
	}
}

// follow notes where a fact belongs.
func (r *Reading) follow(sequence uint64, u *events.Usage) {
	r.late[sequence] = u.AfterSequence
	if u.AfterSequence != 0 {
		r.open = append(r.open, u.AfterSequence)
	}
}

func (r *Reading) input(in *bus.Stored, input rederive.Input) {
	if r.bytes += len(in.Data); r.bytes > maxBytes {
		r.lacks("more facts are about it than are read again, %d MiB", maxBytes>>20)
		return
	}
	r.past.Inputs = append(r.past.Inputs, input)
}

// place takes a message of another resource before a late fact: a late one tells the place of both.
func (r *Reading) place(in *bus.Stored, kind string) {
	u := new(events.Usage)
	if kind == events.TypeUsage {
		if _, err := Fact(r.names, u, in); err != nil || u.Source != r.of.Source || u.Foundation != r.of.Foundation {
			u.AfterSequence = 0
		}
	}
	if r.follow(in.Sequence, u); u.AfterSequence != 0 {
		r.input(in, rederive.Input{Sequence: in.Sequence, Fact: u})
	}
}

// act takes a decision about the subject, a retirement or an observation.
func (r *Reading) act(in *bus.Stored) {
	a := new(events.Act)
	if err := a.DecodeJSON(in.Data); err != nil {
		return
	}
	if _, long := limit.Act(a); long != "" || a.Misplaced(in.Subject) != nil {
		return
	}
	word := &a.Decision
	switch {
	case a.Kind == events.ActRetirement && !a.Retirement.At.IsZero() && !a.Retirement.At.After(a.Time):
		r.lacks("its foundation was retired")
	case a.Kind == events.ActDecision && word.Kind == r.of.Kind && word.Resource == r.of.SubjectResource() &&
		(word.Action == events.ActionRelease || word.Action == events.ActionDiscard):
		r.input(in, rederive.Input{Sequence: in.Sequence, Decision: a})
	case a.Kind == events.ActObservation && Observation(a) == nil && r.concerns(&a.Observation):
		a.Observation.Evidence = nil
		r.input(in, rederive.Input{Sequence: in.Sequence, Observation: a})
	}
}

// concerns reports whether an observation is about the resource, or takes one of it back.
func (r *Reading) concerns(o *events.Observation) bool {
	switch {
	case o.Finding == events.FindingReverted:
		return slices.ContainsFunc(r.past.Inputs, func(in rederive.Input) bool {
			return in.Observation != nil && in.Observation.Observation.Plan == o.Plan
		})
	case o.Kind == events.KindVolume:
		return r.of.Kind == events.KindInstance && o.Resource == r.of.Resource
	}
	return o.Kind == r.of.Kind && o.Resource == r.of.Resource
}

// Output takes a message of METERED.
func (r *Reading) Output(out *bus.Stored) error {
	if out.Header(events.HeaderType) != events.TypeMetered {
		return nil
	}
	var m events.Metered
	if err := r.names.DecodeMetered(&m, out.Data); err != nil {
		return fmt.Errorf("a fact may change what it published: %w. `daybook verify` tells more", err)
	}
	for i := range m.Retracted {
		delete(r.spans, m.Retracted[i].ID)
	}
	for i := range m.Closed {
		if s := &m.Closed[i]; s.Resource == r.of.Resource {
			s.Publication, s.Correction = m.ID, m.Correction
			r.spans[s.ID] = *s
		}
	}
	if len(r.spans) > maxSpans {
		r.lacks("it has more spans than are read again, %d", maxSpans)
		clear(r.spans)
	}
	return nil
}

// Past is the past, read to its end.
func (r *Reading) Past() *rederive.Past {
	slices.SortFunc(r.past.Inputs, func(a, b rederive.Input) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, s := range r.spans {
		r.past.Published = append(r.past.Published, s)
	}
	rederive.Sort(r.past.Published)
	return &r.past
}
