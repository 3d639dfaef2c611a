package cf

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/cf/words"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the pure core for Cloud Foundry: a fold over the facts of one process, task or
// service instance in the order of the API, and the gaps of their list. The output of a step is
// final; anything that may still change is in the state. So the step for the newest fact alone (the
// fast path) and the fold of all facts (after a late one) agree.
//
// Invariants:
//   - parts are put out in order of time and do not overlap;
//   - state.at never goes back, so no part is negative;
//   - the open segment has the parts of a segment without an end: up to `published` they have been
//     put out.

// part is a stretch of time with one footprint, in use for sure or perhaps.
type part struct {
	start, end, since timeline.Moment
	of                *labels
	size              *events.Footprint
	flags             events.Flags
	opener            factID   // of the fact at its beginning
	opening           uint64   // evidence: the fact at its beginning,
	more              []uint64 // others about it,
	ending            uint64   // and the fact at its end; 0 for none
	inferred          bool     // no fact says the end
	cause             cause    // why it is held; zero if it is not
	bounds            *bounds  // of a contradiction; nil for others
	earlier           []timeline.Stretch
}

// bounds are the sizes beside part.size, which is the most, of a part that a fact contradicts.
type bounds struct {
	least   *events.Footprint // 0 instances: it did not run
	tracked *events.Footprint // the size before the part; nil for none
}

// segment is the open end of a timeline: the footprint in use.
type segment struct {
	start, since timeline.Moment
	of           *labels
	size         *events.Footprint
	flags        events.Flags
	opener       factID // id of the fact at its beginning
	opening      uint64
	more         []uint64
	// sizeAt is the time of the newest beginning or change with this size.
	sizeAt timeline.Moment
	// Before heldTo the segment is held, for heldBy.
	heldTo   timeline.Moment
	heldBy   cause
	doubt    cause // why all of it is held, until a fact shows that it runs; zero for none
	excluded bool  // its space is not metered
	behind   behind
	earlier  []timeline.Stretch // what the run had before, where only guids were others; the latest first
}

// behind is the footprint of a run up to the start of a segment; size is nil where the run begins
// there.
type behind struct {
	since   timeline.Moment
	of      *labels
	size    *events.Footprint
	earlier []timeline.Stretch
}

// upTo is what a run has had up to a time. A segment that lasts no time was never in use.
func (s *segment) upTo(at timeline.Moment) behind {
	if s.start == at {
		return s.behind
	}
	return behind{s.since, s.of, s.size, s.earlier}
}

// state is the state of the fold.
type state struct {
	at       timeline.Moment // of the newest fact
	known    bool            // a beginning was seen, or its lack has been reported
	running  bool
	segment  segment  // while running
	unproven unproven // a gap without a fact after it
	// Before until nothing is complete: gaps reach up to there.
	until   timeline.Moment
	untilBy *gap
	held    []part // holds with an end
	last    last
	typed   string // the type of the process; empty while no fact has said it
}

func newState() state { return state{at: timeline.MinMoment, until: timeline.MinMoment} }

// fold applies facts and gaps to a state.
type fold struct {
	*state
	rules   *Foundation
	process *process
	// The output of the steps. Holds are pending while they go on; holds with an end are state.
	parts     []part
	pending   []part
	anomalies []events.Anomaly
	counted   []string // holds whose decisions counted
	// ahead are the gaps after the step: a gap may reach back over facts before it.
	ahead []*gap
	// showing is set while the open segment is looked at: nothing of it is final.
	showing bool
	resized bool // the fact of this step contradicts the size before, and reports a change
	racing  bool // the fact of this step may be about a process that is stopped
	// inferring is set while a run ends at f.at by an observation.
	inferring bool
}

// farBack is the distance by which a fact may lie before an earlier one without an anomaly.
const farBack = time.Hour

// apply is the step for a fact.
func (f *fold) apply(x *fact) {
	if x.listed() != timeline.MinMoment {
		f.listedAgain(x)
		return
	}
	f.learn(x.size.ProcessType)
	if x.verb > retired {
		f.look(x)
		return
	}
	x = f.filled(x)
	far := x.insertion() == nil && x.time.Add(farBack) < f.at && x.verb != wasRunning && x.verb != nothing
	f.at, f.resized, f.racing = max(f.at, x.time), false, false
	if x.verb == retired {
		f.retire(x)
		return
	}
	if f.stale(x) {
		f.last.kind = baseline
		return
	}
	f.hear(x)
	active := f.running
	switch x.verb {
	case began, changed:
		var flags events.Flags
		if x.verb == changed || x.before == ran && !f.resized {
			flags = events.InferredStart // it was there before; only matters when nothing is open
		}
		f.change(x, flags)
	case wasRunning:
		if !f.running {
			f.change(x, events.InferredStart)
		}
	case ended:
		f.end(x)
	case buildpackSet:
		if f.running {
			f.buildpack(x)
		}
	}
	f.remember(x)
	if far && (active || f.running) {
		f.anomaly(events.AnomalyClock, x.time, words.EventName(f.process.kind, x.verb)+" says "+x.time.String()+
			", long before the fact that the platform lists before it, of "+f.at.String()+
			"; it counts from then. Check the clocks of the platform's API servers")
	}
}

func (f *fold) anomaly(code string, at timeline.Moment, message string) {
	f.anomalies = append(f.anomalies,
		events.Anomaly{Code: code, Resource: f.process.name, Time: at.Time(), Message: message})
}

// end is the fold for an ending. A second one is noise.
func (f *fold) end(x *fact) {
	switch {
	case f.running:
		f.lastName(x)
		f.close(f.at, x.sequence)
	case !f.known:
		f.known = true
		f.anomaly(events.AnomalyOrphanEnding, x.time,
			words.EventName(f.process.kind, x.verb)+" without a beginning: the resource never ran, or its "+
				"beginning was not collected")
	}
}

// retire is the step for the end of the foundation. It confirms nothing that a gap leaves unproven.
func (f *fold) retire(x *fact) {
	if f.running {
		f.close(f.at, x.sequence)
	}
	f.unproven, f.last = unproven{}, last{kind: unheard, at: f.at, time: x.time, ended: true}
}

// change makes the fact's footprint the one in use.
func (f *fold) change(x *fact, flags events.Flags) {
	size := x.size
	if f.running {
		if timeline.SameSize(f.segment.size, size) && f.segment.of.tenant == x.of.tenant {
			f.relabel(x)
			f.segment.sizeAt = x.time
			return
		}
		f.divide(x, size)
		return
	}
	f.open(x, f.at, size, flags)
}

// divide ends the segment within a run and begins the next one.
func (f *fold) divide(x *fact, size *events.Footprint) {
	was := f.segment.upTo(f.at)
	f.close(f.at, x.sequence)
	f.open(x, f.at, size, 0)
	f.segment.behind = was
	f.goOn()
}

// goOn: a footprint that is the one from before segments of no time has been in use since then, and
// prices that count from there go on.
func (f *fold) goOn() {
	s, was := &f.segment, f.segment.behind
	if was.size == nil {
		return
	}
	s.since, s.earlier = s.start, nil
	switch before := f.withType(was.size); {
	case was.of.tenant != s.of.tenant:
	case timeline.SameSize(before, s.size):
		s.since, s.size, s.earlier = was.since, before, was.earlier
	case timeline.SameButGUIDs(before, s.size):
		s.earlier = timeline.Before(timeline.Stretch{Since: was.since, Size: before}, was.earlier)
	}
}

// open begins a segment. The fact's labels are taken over.
func (f *fold) open(x *fact, at timeline.Moment, size *events.Footprint, flags events.Flags) {
	f.known, f.running = true, true
	f.segment = segment{
		start: at, since: at, of: x.of, size: size, flags: flags, opener: x.id, opening: x.sequence, sizeAt: x.time,
		heldTo: timeline.MinMoment, excluded: x.of.excluded,
	}
	f.holdBeforeGapEnds(x)
}

// holdBeforeGapEnds holds the open segment up to the end of the gap before the fact: facts of that
// time are missing.
func (f *fold) holdBeforeGapEnds(x *fact) {
	if f.segment.start < f.until {
		f.segment.heldTo = f.until
		f.segment.heldBy = cause{gap: f.untilBy, fact: x.id, note: reasons.Incomplete}
	}
}

// close ends the open segment.
func (f *fold) close(at timeline.Moment, sequence uint64) {
	f.put(at, sequence)
	f.running = false
}

// show puts out the parts of the open segment as they are now.
func (f *fold) show() {
	if f.running {
		f.showing = true
		f.put(timeline.MaxMoment, 0)
		f.showing = false
	}
}

// put puts out the parts of the open segment up to `end`.
func (f *fold) put(end timeline.Moment, ending uint64) {
	s := &f.segment
	if s.excluded {
		return
	}
	p := part{
		start: s.start, end: end, since: s.since, of: s.of, size: s.size, flags: s.flags, opener: s.opener,
		opening: s.opening, more: s.more, ending: ending, earlier: s.earlier,
	}
	if s.heldTo > p.start {
		f.emit(p, p.start, min(s.heldTo, end), s.heldBy)
		p.start = s.heldTo
		p.flags |= events.InferredStart
	}
	if !f.unproven.open() {
		f.emit(p, p.start, end, s.doubt)
		return
	}
	f.emit(p, p.start, min(f.unproven.from, end), s.doubt)
	f.emit(p, max(p.start, f.unproven.from), end, cause{gap: f.unproven.gap})
}

// emit puts out the part of p from `from` to `to`: billed, or held for a cause unless an operator
// has decided. Nothing is before the epoch.
func (f *fold) emit(p part, from, to timeline.Moment, by cause) {
	p.start, p.end, p.since = max(from, f.rules.epoch), to, max(p.since, f.rules.epoch)
	p.inferred = f.inferring && !by.holds() && to == f.at
	if p.start >= p.end {
		return
	}
	// a task runs once: no fact of it can be missing between two
	if !by.holds() && f.process.kind != events.KindTask {
		for _, g := range f.ahead {
			if !g.about(f.process.kind) || g.from >= p.end {
				continue
			}
			if g.from > p.start {
				sure := p
				sure.end, sure.inferred = g.from, false
				f.parts = append(f.parts, sure)
				p.start, p.flags = g.from, p.flags|events.InferredStart
			}
			by = cause{gap: g, fact: p.opener} // a gap may reach back over several parts
			break
		}
	}
	if by.holds() {
		p.earlier = nil // what is released is a piece of its own
		decision, given := f.process.decided(&by)
		if given {
			f.counted = append(f.counted, decision.Hold)
		}
		switch {
		case !given:
			p.cause = by
			if f.showing {
				f.pending = append(f.pending, p)
			} else {
				f.held = append(slices.Clip(f.held), p)
			}
			return
		case !decision.Release:
			return
		}
		f.release(&p, &decision.Footprint)
	}
	f.parts = append(f.parts, p)
}

// relabel takes over names from a later fact. Names alone never end a span.
func (f *fold) relabel(x *fact) {
	if of := f.segment.of; of != x.of && (of.name != x.of.name || of.spaceName != x.of.spaceName ||
		of.space != x.of.space) {
		f.segment.of = x.of
	}
}

// lastName takes over the name of an ending, the last that the resource had. The name of its space
// stays: a price may ask for it.
func (f *fold) lastName(x *fact) {
	if of := f.segment.of; x.of.name != "" && x.of.name != of.name {
		last := *of
		last.name = x.of.name
		f.segment.of = f.rules.labels.Of(&last, x.of)
	}
}

// buildpack is a BUILDPACK_SET of a process (staged through the v2 API, where the buildpack is not
// known when the process starts): it fills an unknown buildpack back to the start of the segment,
// and divides at a different one.
func (f *fold) buildpack(x *fact) {
	s := &f.segment
	size := *s.size
	size.Buildpack, size.BuildpackGUID = x.size.Buildpack, x.size.BuildpackGUID
	known := s.size.Buildpack != "" || s.size.BuildpackGUID != ""
	switch {
	case size.Buildpack == "" && size.BuildpackGUID == "", size == *s.size:
	case known:
		before := *s
		f.divide(x, f.rules.sizes.Of(&size))
		f.segment.of, f.segment.sizeAt, f.segment.excluded = before.of, before.sizeAt, before.excluded
		f.segment.doubt = before.doubt
	default:
		s.size = f.rules.sizes.Of(&size)
		s.more = append(slices.Clip(s.more), x.sequence)
		f.goOn()
	}
}
