package cf

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the effect of a gap on a timeline: the facts of a list between two times may be
// missing. A run at the beginning of the gap is held from then on, until a fact after the gap says
// how it went on: after the gap nothing is missing.

// gap is a gap of one list, or of both.
type gap struct {
	id       string
	sequence uint64          // in USAGE: it stands before the first fact after it
	from, to timeline.Moment // from is MinMoment where nothing was known before
	reason   string
	list     string // empty for both
}

// about reports whether the gap is in the list of a kind.
func (g *gap) about(kind string) bool { return g.list == "" || g.list == events.ListOf(kind) }

// precedes reports whether the gap stands before a fact. A late fact stands where the fact before
// it stands; but one found after the gap, with a time after it, stands behind the gap: nothing in
// between was collected.
func (g *gap) precedes(x *fact) bool {
	return g.sequence <= x.key().Root() || x.insertion() != nil && g.sequence < x.sequence && g.to <= x.time
}

// unproven is the time since a gap without a fact after it. Gaps without a fact between them make
// one.
type unproven struct {
	gap      *gap // the first of them; nil for none
	from, to timeline.Moment
	// old is set when the gap's month was closed before anything was heard of the resource.
	old bool
	// listed is the time when a rescan found the run neither ended nor changed: only facts before
	// it are unproven. MinMoment for none.
	listed timeline.Moment
}

// open reports whether the time from doubt.from on is not proven.
func (d *unproven) open() bool { return d.gap != nil && d.listed == timeline.MinMoment }

// cause is the reason of a hold. The hold's id depends on it, and not on where the part begins and
// ends.
type cause struct {
	gap  *gap
	fact factID // that began the part, if it began after the gap or the gap reaches back over its end
	note reasons.Note
}

// holds reports whether the cause is one.
func (c *cause) holds() bool { return c.gap != nil || c.note > reasons.Old }

// code is the code of the cause's hold.
func (c *cause) code() string {
	if c.gap != nil {
		return events.HoldGap
	}
	return reasons.Code(c.note)
}

// id is the cause's part of a hold's id.
func (c *cause) id() string {
	if c.gap == nil {
		return c.fact.String()
	}
	if c.fact == (factID{}) {
		return c.gap.id
	}
	return c.gap.id + "/" + c.fact.String()
}

// reason explains the hold to an operator.
func (c *cause) reason(end timeline.Moment) string {
	if c.gap == nil {
		return reasons.Of(c.note)
	}
	return reasons.Gap{From: c.gap.from, To: c.gap.to, Reason: c.gap.reason}.Of(c.note, end)
}

// gap is the step for a gap.
func (s *state) gap(g *gap) {
	s.last.kind = unheard
	if g.to > s.until && g.to != timeline.MaxMoment {
		s.until, s.untilBy = g.to, g
	}
	// A confirmed gap may come again, perhaps by another API server's clock: the same time is
	// unproven again. A gap with a later beginning, by however little, leaves the confirmed time
	// before it.
	if s.unproven.open() || s.unproven.gap != nil && g.from <= s.unproven.from {
		s.unproven.to, s.unproven.listed = max(s.unproven.to, g.to), timeline.MinMoment
		return
	}
	from := g.from
	switch {
	case s.running:
		from = max(from, s.segment.start)
	case from != timeline.MinMoment:
		from = max(from, s.at)
	}
	s.unproven = unproven{gap: g, from: from, to: g.to, listed: timeline.MinMoment}
}

// listedAgain is the step for a beginning that a rescan found still listed. Cloud Controller keeps
// the latest beginning of a run: it had neither ended nor changed then. The beginning of an unknown
// run is a beginning like any other.
func (f *fold) listedAgain(x *fact) {
	f.learn(x.size.ProcessType)
	x = f.filled(x)
	switch {
	case f.running:
		s := &f.segment
		if f.unproven.gap != nil && x.time == s.sizeAt && x.size.Instances == s.size.Instances &&
			x.size.MemoryMB == s.size.MemoryMB &&
			x.size.PlanGUID == s.size.PlanGUID {
			f.unproven.listed = max(f.unproven.listed, x.listed())
		}
	case !f.known:
		f.at = max(f.at, x.time)
		f.unproven = unproven{}
		f.change(x, 0)
		f.last = last{kind: baseline, at: f.at, time: x.time}
	}
}

// confirm is the step for the first fact after a gap. Between the gap's end and the fact nothing is
// missing.
func (f *fold) confirm(x *fact) {
	d := &f.unproven
	if d.listed != timeline.MinMoment && x.time > d.listed {
		f.unproven = unproven{}
		return
	}
	d.listed = timeline.MinMoment
	to := min(d.to, f.at)
	if d.old && !f.running && d.from == timeline.MinMoment {
		d.from = to
	}
	switch f.process.kind {
	case events.KindTask:
		f.confirmTask(x, to)
	case events.KindService:
		f.confirmService(x, to)
	default:
		f.confirmApp(x, to)
	}
}

func (f *fold) confirmApp(x *fact, to timeline.Moment) {
	switch {
	case x.verb == buildpackSet && !f.running:
		return // says nothing of an unknown run
	case x.before == ran && x.verb != wasRunning:
		size := f.sizeBefore(x)
		if f.running && f.segment.size.Buildpack == x.size.Buildpack &&
			f.segment.size.BuildpackGUID == x.size.BuildpackGUID {
			f.resume(x, to, size, reasons.Within)
			return
		}
		// The fact says the size before it, but not the buildpack.
		if f.unproven.from == timeline.MinMoment {
			f.unproven.from = to
		}
		f.resume(x, f.at, size, reasons.PriorBuildpack)
		return
	case x.verb == wasRunning && f.running, x.verb == buildpackSet:
		f.resume(x, f.at, f.sizeBefore(x), reasons.Within)
		return
	case x.verb == began && f.running: // it had ended
		f.close(to, x.sequence)
	case x.verb == ended && f.running: // nothing says up to when it ran: a repaired ending
		f.close(f.at, x.sequence)
	}
	f.unproven = unproven{}
}

// confirmTask: a task runs once. A fact about a task from before the gap proves its run through the
// gap.
func (f *fold) confirmTask(x *fact, to timeline.Moment) {
	if !f.running && !f.known && x.verb == ended && x.before == ran {
		f.resume(x, to, x.size, reasons.Within)
		return
	}
	f.unproven = unproven{}
}

// confirmService: a deletion says the plan in force, everything else the plan from then on.
func (f *fold) confirmService(x *fact, to timeline.Moment) {
	size := x.size
	if f.running && size.Plan == "" && size.PlanGUID == "" {
		size = f.segment.size
	}
	planned := size.Plan != "" || size.PlanGUID != ""
	switch {
	case x.verb == ended && f.known && !f.running: // a second ending
	case x.verb == ended && planned:
		f.resume(x, to, size, reasons.Within)
		return
	case f.running && x.verb != ended:
		f.resume(x, f.at, size, reasons.Within)
		return
	case x.verb == changed && planned:
		if f.unproven.from == timeline.MinMoment {
			f.unproven.from = to
		}
		f.resume(x, f.at, size, reasons.PriorPlan)
		return
	}
	f.unproven = unproven{}
}

// sizeBefore is the size before an app's fact: from the fact, else the size in use.
func (f *fold) sizeBefore(x *fact) *events.Footprint {
	size := *x.size
	if x.extra != nil && x.verb != wasRunning {
		if x.extra.instances.Known() {
			size.Instances = x.extra.instances
		}
		if x.extra.memory.Known() {
			size.MemoryMB = x.extra.memory
		}
	}
	if f.running {
		was := f.segment.size
		same := func(a, b events.Count) bool { return a == b || !a.Known() }
		if same(size.Instances, was.Instances) && same(size.MemoryMB, was.MemoryMB) {
			return was
		}
		if size.ProcessType == "" {
			size.ProcessType = was.ProcessType
		}
	}
	return f.rules.sizes.Of(&size, x.size)
}

// resume ends the unproven time: from `at` on the size was in use; before, since the gap began, it
// is held. A run with the same size as before the gap goes on, and so do prices that count from its
// beginning.
func (f *fold) resume(x *fact, at timeline.Moment, size *events.Footprint, why reasons.Note) {
	d := f.unproven
	if d.old && !f.running {
		at, why = f.at, reasons.Old
	}
	at = min(max(at, d.from), f.at)
	if f.running {
		f.put(at, x.sequence)
		f.unproven = unproven{}
		s := &f.segment
		s.start, s.flags, s.heldTo, s.opener, s.doubt = at, events.InferredStart, timeline.MinMoment, x.id, cause{}
		s.behind = behind{}
		if !timeline.SameSize(s.size, size) {
			s.since, s.size, s.earlier = at, size, nil
		}
		s.more = append([]uint64(nil), x.sequence)
	} else {
		if d.from != timeline.MinMoment {
			p := part{since: d.from, of: x.of, size: size, flags: events.InferredStart, opening: x.sequence}
			if !x.of.excluded {
				f.emit(p, d.from, at, cause{gap: d.gap, note: why})
			}
		}
		f.unproven = unproven{}
		f.open(x, at, size, events.InferredStart)
	}
	f.holdBeforeGapEnds(x)
}
