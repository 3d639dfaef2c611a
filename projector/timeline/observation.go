package timeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Observation is an act with an Observation as a timeline keeps it.
type Observation struct {
	ID       string
	Sequence uint64             // of the act
	Said     events.Observation // without its evidence
	// Mute is set where nothing can be derived from it any more.
	Mute bool
}

// ObservationOf is the observation of an act.
func ObservationOf(a *events.Act, sequence uint64) *Observation {
	o := &Observation{ID: a.ID, Sequence: sequence, Said: a.Observation}
	o.Said.Evidence = nil
	return o
}

// Gone reports whether the observation finds that the resource does not run.
func (o *Observation) Gone() bool { return o.Said.Finding == events.FindingGone }

// Event is the name of the observation as an event.
func (o *Observation) Event() string {
	if o.Gone() {
		return events.EventAbsent
	}
	return events.EventObserved
}

// keptObservations is the time, by the horizon, for which an observation can be reverted, and for
// which a later event can refute it.
const keptObservations = 400 * 24 * time.Hour

// Kept reports whether the observation can still be reverted.
func (o *Observation) Kept(r *Rules) bool {
	return r.Folded == MinMoment || !o.Said.Seen.Add(keptObservations).Before(r.Folded.Time())
}

// Observations are the observations of one resource: by the fact behind which they stand, and then
// by their acts.
type Observations []Observation

// Put adds an observation in its place. It reports false for one that is there.
func (l *Observations) Put(o *Observation) bool {
	if slices.ContainsFunc(*l, func(x Observation) bool { return x.ID == o.ID || x.Sequence == o.Sequence }) {
		return false
	}
	at, _ := slices.BinarySearchFunc(*l, o, func(x Observation, o *Observation) int {
		return cmp.Or(cmp.Compare(x.Said.AfterSequence, o.Said.AfterSequence), cmp.Compare(x.Sequence, o.Sequence))
	})
	*l = slices.Insert(slices.Clip(*l), at, *o)
	return true
}

// Revert drops the observations of a plan. It reports whether there were any.
func (l *Observations) Revert(plan string) bool {
	n := len(*l)
	*l = slices.DeleteFunc(slices.Clone(*l), func(o Observation) bool { return o.Said.Plan == plan })
	return len(*l) < n
}

// Has reports whether an observation of a plan is among them.
func (l Observations) Has(plan string) bool {
	return slices.ContainsFunc(l, func(o Observation) bool { return o.Said.Plan == plan })
}

// Sign is what a fact says about the time before it.
type Sign uint8

// The signs.
const (
	Silent Sign = iota // nothing
	Ran                // it ran
	Began              // it did not run: a run begins
)

// Signs are the facts of a resource, in order.
type Signs interface {
	// Behind is the number of facts up to the place of an observation.
	Behind(o *Observation) int
	// Count is the number of facts.
	Count() int
	// Sign is what a fact says; ok is false for one that is not the platform's.
	Sign(fact int) (sign Sign, at Moment, ok bool)
}

// Effective tells which observations have an effect, by the facts behind them; the others are as if
// they had never been.
//
//   - A fact behind an observation in order that happened before the look: the observation did not
//     know it, and has no effect.
//   - A fact that says that the resource ran on, or an observation that it runs, refutes an absence
//     without a new beginning between. An observation does not refute a time that the platform
//     tells.
//   - An observation of a held run gives way to a later one, settled from the same time on or
//     before, without a fact between.
//
// open reports that the next fact may change that: it has not been said of an absence what follows.
func (l Observations) Effective(facts Signs) (effective []bool, open bool) {
	effective = make([]bool, len(l))
	for i := len(l) - 1; i >= 0; i-- {
		o := &l[i]
		if effective[i] = !o.Mute && !known(o, facts) && !l.settled(i, effective, facts); !effective[i] || !o.Gone() {
			continue
		}
		refuted, said := l.refuted(i, effective, facts)
		effective[i], open = !refuted, open || !said
	}
	return effective, open
}

// known reports whether a fact behind an observation happened before the look.
func known(o *Observation, facts Signs) bool {
	seen := MomentOf(o.Said.Seen)
	for j := facts.Behind(o); j < facts.Count(); j++ {
		if _, at, ok := facts.Sign(j); ok && at <= seen {
			return true
		}
	}
	return false
}

// settled reports whether a later observation settles the beginning of a held run. The later
// observations are judged.
func (l Observations) settled(i int, effective []bool, facts Signs) bool {
	o := &l[i]
	for k := i + 1; k < len(l) && o.Said.Hold && !o.Gone() && facts.Behind(&l[k]) == facts.Behind(o); k++ {
		switch later := &l[k]; {
		case !effective[k]:
		case later.Gone():
			return false
		case !later.Said.Hold:
			return !later.Said.At.After(o.Said.At)
		}
	}
	return false
}

// refuted reports whether an absence is refuted by what follows, and whether anything says so or
// the opposite. The later observations are judged.
func (l Observations) refuted(i int, effective []bool, facts Signs) (refuted, said bool) {
	j := facts.Behind(&l[i])
	for k := i + 1; ; k++ {
		to := facts.Count()
		if k < len(l) {
			to = facts.Behind(&l[k])
		}
		for ; j < to; j++ {
			switch sign, _, ok := facts.Sign(j); {
			case ok && sign == Ran:
				return true, true
			case ok && sign == Began:
				return false, true
			}
		}
		switch {
		case k >= len(l):
			return false, false
		case effective[k] && !l[k].Gone():
			return !l[i].Said.Exact && !l[k].Said.Exact, true
		}
	}
}

// Observations writes observations.
func (p *Packer) Observations(list Observations) {
	p.Length(len(list))
	for i := range list {
		o := &list[i]
		s := &o.Said
		p.Raw(o.ID)
		p.Uint(o.Sequence)
		for _, t := range observationTexts(s) {
			p.Text(*t)
		}
		p.Footprint(&s.Footprint)
		for _, t := range observationTimes(s) {
			p.Time(*t)
		}
		p.Uint(s.AfterSequence)
		p.Bool(s.Exact)
		p.Bool(s.Hold)
		p.Bool(o.Mute)
	}
}

// Observations reads observations.
func (r *Reader) Observations() (list Observations) {
	for range r.Length() {
		o := Observation{ID: r.Raw(), Sequence: r.Uint()}
		s := &o.Said
		for _, t := range observationTexts(s) {
			*t = r.Text()
		}
		s.Footprint = *r.Footprint()
		for _, t := range observationTimes(s) {
			*t = r.Time()
		}
		s.AfterSequence, s.Exact, s.Hold, o.Mute = r.Uint(), r.Bool(), r.Bool(), r.Bool()
		list = append(list, o)
	}
	return list
}

func observationTexts(s *events.Observation) [10]*string {
	return [...]*string{
		&s.Finding, &s.Plan, &s.Remodel, &s.Kind, &s.Resource, &s.App, &s.Tenant, &s.Space, &s.SpaceName, &s.Name,
	}
}

func observationTimes(s *events.Observation) [4]*time.Time {
	return [...]*time.Time{&s.At, &s.NotBefore, &s.NotAfter, &s.Seen}
}
