package cf

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/cf/words"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file compares a fact with the facts of its resource before it. Facts say the time before
// them: the state, the size of a process that was STARTED, the plan of a DELETED. Where they
// contradict the timeline, a fact is missing, and the time between the last fact and this one is
// held. Source for the values that prove something: cloud_controller_ng,
// app/models/runtime/process_model.rb and app/repositories/{app,service}_usage_event_repository.rb.
//
// A contradiction is no proof that a collector lost something: restored databases, and tools that
// write to them, make one, too.

// lockWait is the longest time that one API server waits for another's lock on a process. Facts so
// close together may contradict each other without a loss: the values before are of when the row
// was read, not of when it was locked. Clocks of API servers differ by less.
const lockWait = time.Minute

// lastKind is the kind of the last fact about the state of a resource.
type lastKind uint8

const (
	unheard  lastKind = iota // none, or none since a gap
	ordinary                 // it was reported as it happened
	baseline                 // the state at some time: a reseed, WAS_RUNNING, a fact that a race may have made
)

// last is the last fact about the state of a resource.
type last struct {
	kind  lastKind
	at    timeline.Moment // when it counts
	time  timeline.Moment // as reported
	ended bool            // it was an ending
}

// remember makes the fact the last one. BUILDPACK_SET repeats the state and changes none.
func (f *fold) remember(x *fact) {
	kind := ordinary
	switch {
	case x.verb == nothing || x.verb == buildpackSet:
		return
	case x.verb == wasRunning && f.last.kind != unheard && !f.last.ended:
		f.last.kind = baseline // it says nothing that the timeline does not say
		return
	case x.reseeded, x.verb == wasRunning, x.before == assumed, f.racing:
		kind = baseline
	}
	f.last = last{kind: kind, at: f.at, time: x.time, ended: x.verb == ended}
	if f.racing {
		f.segment.doubt = cause{fact: x.id, note: reasons.Baseline}
	}
}

// stale reports whether a row of a reseed stands behind a younger row of the same table: it was
// read before, and written after. Cloud Controller empties the table and fills it in two
// statements.
func (f *fold) stale(x *fact) bool {
	return x.reseeded && f.last.kind == ordinary && f.unproven.gap == nil && f.last.time.Add(lockWait) >= x.time
}

// compare holds the time since the last fact if this one contradicts it.
func (f *fold) compare(x *fact) {
	switch {
	case f.last.kind == unheard:
	case f.process.kind == events.KindApp:
		f.compareProcess(x)
	case f.process.kind == events.KindService:
		f.comparePlan(x)
	}
}

func (f *fold) compareProcess(x *fact) {
	s := &f.segment
	switch {
	case x.reseeded:
		if f.running && s.size.Instances == x.size.Instances && s.size.MemoryMB == x.size.MemoryMB {
			s.doubt = cause{}
		}
	case x.verb != began && x.verb != ended:
	case f.running && x.verb == began && x.before == rested:
		f.dispute(x, reasons.LostEnding, s.size, f.none(s.size))
	case !f.running && f.last.ended && x.before == ran:
		size := f.sizeBefore(x)
		f.dispute(x, reasons.LostBeginning, size, f.none(size))
	case f.running && x.before == ran:
		f.fillMemory(x)
		least, most := f.between(x)
		if timeline.SameCounts(least, most) {
			s.doubt = cause{}
			return
		}
		f.dispute(x, reasons.LostSize, most, least)
		f.resized = !f.running && x.extra != nil && (x.extra.instances.Known() || x.extra.memory.Known())
	}
}

// comparePlan compares the plan that a deletion names. An update names the plan after it, and so
// contradicts nothing.
func (f *fold) comparePlan(x *fact) {
	s := &f.segment
	if x.verb != ended || !f.running || x.size.PlanGUID == "" || s.size.PlanGUID == "" ||
		x.size.PlanGUID == s.size.PlanGUID {
		return
	}
	f.dispute(x, reasons.LostPlan, s.size, x.size)
}

// dispute holds the time since the last fact, and ends the run there: most is the size to be billed
// on release, least the other bound. Facts that are close together raise nothing.
func (f *fold) dispute(x *fact, why reasons.Note, most, least *events.Footprint) {
	from, was := f.last.at, f.segment
	by := cause{fact: x.id, note: why}
	if f.running {
		from = max(from, was.start)
	}
	if why == reasons.LostSize && from == f.at {
		return // the missing size lasted no time
	}
	near := f.at <= from.Add(lockWait)
	gap, missing := f.explained(from)
	switch {
	case gap != nil:
		by, from = cause{gap: gap, fact: x.id, note: reasons.Within}, max(from, missing)
		if f.running {
			most = was.size
		}
	case near && why != reasons.LostPlan:
		f.race(x, why, from, least)
		return
	case f.running && was.doubt.holds():
		by = was.doubt
	case f.last.kind != ordinary:
		by.note = reasons.Baseline
	case !near:
		f.contradicted(x, why, from)
	}
	p := part{since: from, of: x.of, size: most, flags: events.InferredStart, opener: x.id, opening: x.sequence}
	excluded := x.of.excluded
	if gap == nil {
		p.bounds = &bounds{least: least}
	}
	if f.running {
		excluded = was.excluded
		f.put(from, x.sequence)
		f.running = false
		p.since, p.of, p.opener, p.opening, p.more = was.since, was.of, was.opener, was.opening, was.more
		p.ending = x.sequence
		if from == was.start {
			p.flags = was.flags
		}
		if gap == nil {
			p.bounds.tracked = was.size
		}
	}
	if !excluded {
		f.emit(p, from, f.at, by)
	}
}

// explained is the gap that explains a contradiction after `from`, with the beginning of the time
// that it explains: a gap that reaches over the time between the facts, from before or from behind.
func (f *fold) explained(from timeline.Moment) (*gap, timeline.Moment) {
	if from < f.until {
		return f.untilBy, from
	}
	for _, g := range f.ahead {
		if g.about(f.process.kind) && g.from < f.at {
			return g, g.from
		}
	}
	return nil, 0
}

// race bills the smaller of two sizes between facts that are close together. A process that is
// STARTED again so soon after its STOPPED may still be stopped: its run is in doubt until a later
// fact shows it.
func (f *fold) race(x *fact, why reasons.Note, from timeline.Moment, least *events.Footprint) {
	switch {
	case why == reasons.LostBeginning:
		f.racing = x.verb == began
	case why == reasons.LostSize && timeline.SameCounts(least, f.segment.size):
		f.segment.doubt = cause{}
	default:
		was := f.segment
		f.put(from, x.sequence)
		f.running = false
		if why == reasons.LostSize && !was.excluded {
			f.emit(part{
				since: from, of: was.of, size: least, flags: events.InferredStart, opener: was.opener,
				opening: was.opening, more: was.more, ending: x.sequence,
			}, from, f.at, cause{})
		}
	}
}

// contradicted notes the anomaly.
func (f *fold) contradicted(x *fact, why reasons.Note, from timeline.Moment) {
	if f.at <= f.rules.epoch || x.of.excluded {
		return
	}
	f.anomaly(events.AnomalyLostChange, x.time, "contradiction: "+words.EventName(f.process.kind, x.verb)+" of "+
		x.time.String()+" says "+reasons.Says(why)+"; the time since the last event of it, of "+
		from.String()+", is held")
}

// none is the lower bound of a size that may not have been in use.
func (f *fold) none(size *events.Footprint) *events.Footprint {
	none := *size
	none.Instances = events.Some(0)
	return f.rules.sizes.Of(&none, size)
}

// between returns the smaller and the larger of the size in use and the size before the fact, by
// quantity. A size that the fact does not say is not compared.
func (f *fold) between(x *fact) (least, most *events.Footprint) {
	low := *f.segment.size
	high := low
	said := [2]events.Count{x.size.Instances, x.size.MemoryMB}
	if x.extra != nil {
		for i, before := range [2]events.Count{x.extra.instances, x.extra.memory} {
			if before.Known() {
				said[i] = before
			}
		}
	}
	if x.null&nullInstances == 0 {
		timeline.Spread(&low.Instances, &high.Instances, said[0])
	}
	if x.null&nullMemory == 0 {
		timeline.Spread(&low.MemoryMB, &high.MemoryMB, said[1])
	}
	return f.rules.sizes.Of(&low, f.segment.size), f.rules.sizes.Of(&high, f.segment.size)
}

// release makes a released part the part to be billed: its size is completed by the operator's
// decision. The run from before goes on where it has the same size.
func (f *fold) release(p *part, said *events.Footprint) {
	size := f.rules.sizes.Of(timeline.Completed(p.size, said), p.size)
	if p.bounds != nil && (p.bounds.tracked == nil || !timeline.SameSize(p.bounds.tracked, size)) {
		p.since = p.start
	}
	p.size, p.bounds = size, nil
}

// sameBounds reports whether two held parts have the same bounds.
func sameBounds(a, b *bounds) bool {
	return a == nil && b == nil || a != nil && b != nil && *a.least == *b.least
}

// report puts out the new anomalies. A contradiction waits until no late fact can explain it.
func (t *process) report(ch *timeline.Change, was, is []events.Anomaly) {
	for _, a := range was {
		if a.Code == events.AnomalyLostChange && !slices.Contains(is, a) {
			t.waiting = slices.DeleteFunc(t.waiting, func(w events.Anomaly) bool { return w == a })
		}
	}
	for _, a := range is {
		switch {
		case slices.Contains(was, a):
		case a.Code == events.AnomalyLostChange && timeline.MomentOf(a.Time) > t.rules.Settled:
			t.wait(a)
		default:
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
}

// wait has an anomaly wait for the end of the time in which a late fact may explain it.
func (t *process) wait(a events.Anomaly) {
	t.waiting = append(t.waiting, a)
	t.rules.due = min(t.rules.due, timeline.MomentOf(a.Time))
}

// settle puts out the waiting anomalies that no late fact explains any more.
func (t *process) settle(ch *timeline.Change) {
	waiting := t.waiting
	t.waiting = nil
	for _, a := range waiting {
		if timeline.MomentOf(a.Time) > t.rules.Settled {
			t.wait(a)
		} else {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
}
