package cf

import (
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/reasons"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file writes timelines into snapshots and reads them. Reading derives the states after the
// facts again.

// packer writes the values of Cloud Foundry.
type packer struct{ *timeline.Packer }

func (p packer) labels(l *labels) {
	if timeline.Known(p.Packer, *l) {
		return
	}
	for _, t := range l.texts() {
		p.Text(*t)
	}
	p.Bool(l.excluded)
}

func (l *labels) texts() [5]*string {
	return [...]*string{&l.app, &l.tenant, &l.space, &l.spaceName, &l.name}
}

// gap writes a gap; nil for none.
func (p packer) gap(g *gap) {
	if p.Bool(g != nil); g == nil || timeline.Known(p.Packer, g) {
		return
	}
	p.Raw(g.id)
	p.Uint(g.sequence)
	p.Moment(g.from)
	p.Moment(g.to)
	p.Text(g.reason)
	p.Text(g.list)
}

func (p packer) id(id factID) { p.Bytes = append(p.Bytes, id[:]...) }

// insertion writes the sequences from the root to a place; none for nil.
func (p packer) insertion(at *insertion) {
	var path []uint64
	for ; at != nil; at = at.After {
		path = append(path, at.Sequence)
	}
	slices.Reverse(path)
	p.numbers(path)
}

func (p packer) key(k key) {
	p.Uint(k.Sequence)
	p.insertion(k.Late)
}

func (p packer) fact(x *fact) {
	p.Uint(x.sequence)
	p.id(x.id)
	p.Moment(x.time)
	p.labels(x.of)
	p.Footprint(x.size)
	p.Uint(uint64(x.verb) | uint64(x.before)<<3 | uint64(x.null)<<5)
	p.Bool(x.reseeded)
	p.Bool(x.extra != nil)
	if x.extra != nil {
		p.insertion(x.extra.late)
		p.Moment(x.extra.listed)
		p.Count(x.extra.instances)
		p.Count(x.extra.memory)
	}
}

func (p packer) numbers(list []uint64) {
	p.Length(len(list))
	for _, n := range list {
		p.Uint(n)
	}
}

func (p packer) cause(c *cause) {
	p.gap(c.gap)
	p.id(c.fact)
	p.Uint(uint64(c.note))
}

func (p packer) state(s *state) {
	p.Moment(s.at)
	p.Bool(s.known)
	p.Bool(s.running)
	if s.running {
		p.segment(&s.segment)
	}
	p.gap(s.unproven.gap)
	p.Moment(s.unproven.from)
	p.Moment(s.unproven.to)
	p.Moment(s.unproven.listed)
	p.Bool(s.unproven.old)
	p.Moment(s.until)
	p.gap(s.untilBy)
	p.held(s.held)
	p.Uint(uint64(s.last.kind))
	p.Moment(s.last.at)
	p.Moment(s.last.time)
	p.Bool(s.last.ended)
	p.Text(s.typed)
}

func (p packer) segment(g *segment) {
	p.Moment(g.start)
	p.Moment(g.since)
	p.labels(g.of)
	p.Footprint(g.size)
	p.Uint(uint64(g.flags))
	p.id(g.opener)
	p.Uint(g.opening)
	p.numbers(g.more)
	p.Moment(g.sizeAt)
	p.Moment(g.heldTo)
	p.cause(&g.heldBy)
	p.cause(&g.doubt)
	p.Bool(g.excluded)
	p.Bool(g.behind.size != nil)
	if g.behind.size != nil {
		p.Moment(g.behind.since)
		p.labels(g.behind.of)
		p.Footprint(g.behind.size)
		p.Stretches(g.behind.earlier)
	}
	p.Stretches(g.earlier)
}

func (p packer) held(held []part) {
	p.Length(len(held))
	for i := range held {
		h := &held[i]
		p.Moment(h.start)
		p.Moment(h.end)
		p.Moment(h.since)
		p.labels(h.of)
		p.Footprint(h.size)
		p.Uint(uint64(h.flags))
		p.Uint(h.opening)
		p.numbers(h.more)
		p.Uint(h.ending)
		p.cause(&h.cause)
		p.bounds(h.bounds)
	}
}

func (p packer) bounds(b *bounds) {
	p.Bool(b != nil)
	if b == nil {
		return
	}
	p.Footprint(b.least)
	p.Bool(b.tracked != nil)
	if b.tracked != nil {
		p.Footprint(b.tracked)
	}
}

// Pack implements timeline.Platform.
func (f *Foundation) Pack(tp *timeline.Packer) {
	p := packer{tp}
	p.Length(len(f.all))
	for _, g := range f.all {
		p.gap(g)
	}
	p.Length(len(f.gaps))
	p.Uint(f.folded)
	p.Uint(f.dropped)
	p.state(&f.base[0])
	p.state(&f.base[1])
	p.Length(len(f.insertions))
	for _, sequence := range slices.Sorted(maps.Keys(f.insertions)) {
		p.insertion(f.insertions[sequence])
		p.Moment(f.insertions[sequence].Found)
	}
	p.Uint(f.forgotten)
}

func (t *resource) pack(p packer) {
	base := t.base
	if p.Alone {
		base = t.baseline()
	}
	p.Bool(base != nil)
	if base != nil {
		p.state(base)
		p.key(t.baselineKey())
		p.Uint(t.passed.sequence)
		p.Moment(t.passed.to)
	}
	p.Length(len(t.facts))
	for i := range t.facts {
		p.fact(&t.facts[i])
	}
	p.Decisions(t.decisions)
	p.LateFacts(t.late)
	p.Bool(t.keeps)
}

// Pack implements timeline.Timeline.
func (t *process) Pack(p *timeline.Packer) {
	t.pack(packer{p})
	p.Observations(t.observations)
	p.Moment(t.published)
	p.Length(len(t.waiting))
	for i := range t.waiting {
		a := &t.waiting[i]
		p.Text(a.Code)
		p.Text(a.Resource)
		p.Time(a.Time)
		p.Text(a.Message)
	}
}

// Pack implements timeline.Timeline.
func (t *builds) Pack(p *timeline.Packer) {
	t.pack(packer{p})
	p.Length(t.clean)
	packer{p}.held(t.cleanHolds)
}

// reader reads the values of Cloud Foundry.
type reader struct {
	*timeline.Reader
	of *Foundation
}

func (r reader) labels() *labels {
	l := timeline.Seen(r.Reader, func() *labels {
		var l labels
		for _, t := range l.texts() {
			*t = r.Text()
		}
		l.excluded = r.Bool()
		return &l
	})
	if l == nil {
		l = &labels{}
	}
	return l
}

// gap reads a gap; nil for none. The foundation has it once.
func (r reader) gap() *gap {
	if !r.Bool() {
		return nil
	}
	return timeline.Seen(r.Reader, func() *gap {
		g := &gap{id: r.Raw(), sequence: r.Uint(), from: r.Moment(), to: r.Moment(), reason: r.Text(), list: r.Text()}
		if i := slices.IndexFunc(r.of.all, func(o *gap) bool { return o.sequence == g.sequence }); i >= 0 {
			return r.of.all[i]
		}
		return g
	})
}

func (r reader) id() (id factID) {
	r.Fill(id[:])
	return id
}

// step is an insertion of a foundation, by the sequence before it and its own.
type step struct {
	of              *Foundation
	after, sequence uint64
}

// insertion reads a place; nil for none. Equal places share their memory.
func (r reader) insertion() *insertion {
	insertions := timeline.Table[step, *insertion](r.Reader)
	var at *insertion
	for range r.Length() {
		p := &insertion{Sequence: r.Uint(), After: at}
		s := step{of: r.of, sequence: p.Sequence}
		if at != nil {
			s.after, p.Depth = at.Sequence, at.Depth+1
			if p.Sequence <= at.Sequence {
				r.Fail()
			}
		}
		if known := insertions[s]; known != nil && known.Depth == p.Depth {
			p = known
		} else {
			insertions[s] = p
		}
		at = p
	}
	return at
}

func (r reader) key() key { return key{Sequence: r.Uint(), Late: r.insertion()} }

func (r reader) fact() fact {
	x := fact{sequence: r.Uint(), id: r.id(), time: r.Moment(), of: r.labels(), size: r.Footprint()}
	what := r.Below(128)
	x.verb, x.before, x.null = verb(what&7), earlier(what>>3&3), null(what>>5&3)
	x.reseeded = r.Bool()
	if r.Bool() {
		x.extra = &extra{late: r.insertion(), listed: r.Moment(), instances: r.Count(), memory: r.Count()}
	}
	if x.verb > retired {
		r.Fail()
	}
	return x
}

func (r reader) numbers() []uint64 {
	var list []uint64
	for range r.Length() {
		list = append(list, r.Uint())
	}
	return list
}

func (r reader) cause() cause {
	c := cause{gap: r.gap(), fact: r.id()}
	c.note = reasons.Note(r.Below(uint64(reasons.ObservedDrift) + 1)) //nolint:gosec // checked
	return c
}

func (r reader) flags() events.Flags {
	all := events.InferredStart | events.InferredEnd | events.ProvisionalEnd
	return events.Flags(r.Below(uint64(all) + 1)) //nolint:gosec // checked
}

func (r reader) state() *state {
	s := state{at: r.Moment(), known: r.Bool(), running: r.Bool()}
	if s.running {
		s.segment = segment{
			start: r.Moment(), since: r.Moment(), of: r.labels(), size: r.Footprint(), flags: r.flags(), opener: r.id(),
			opening: r.Uint(),
			more:    r.numbers(), sizeAt: r.Moment(), heldTo: r.Moment(), heldBy: r.cause(), doubt: r.cause(),
			excluded: r.Bool(),
		}
		if r.Bool() {
			s.segment.behind = behind{r.Moment(), r.labels(), r.Footprint(), r.Stretches()}
		}
		s.segment.earlier = r.Stretches()
		if s.segment.heldTo != timeline.MinMoment && s.segment.heldBy.gap == nil {
			r.Fail()
		}
	}
	s.unproven = unproven{gap: r.gap(), from: r.Moment(), to: r.Moment(), listed: r.Moment(), old: r.Bool()}
	s.until, s.untilBy = r.Moment(), r.gap()
	if s.until != timeline.MinMoment && s.untilBy == nil {
		r.Fail()
	}
	s.held = r.held()
	s.last.kind = lastKind(r.Below(3)) //nolint:gosec // checked
	s.last.at, s.last.time, s.last.ended = r.Moment(), r.Moment(), r.Bool()
	s.typed = r.Text()
	return &s
}

func (r reader) held() (held []part) {
	for range r.Length() {
		p := part{
			start: r.Moment(), end: r.Moment(), since: r.Moment(), of: r.labels(), size: r.Footprint(),
			flags: r.flags(), opening: r.Uint(), more: r.numbers(), ending: r.Uint(), cause: r.cause(),
			bounds: r.bounds(),
		}
		if !p.cause.holds() {
			r.Fail()
		}
		held = append(held, p)
	}
	return held
}

// bounds reads bounds; nil for none.
func (r reader) bounds() *bounds {
	if !r.Bool() {
		return nil
	}
	b := &bounds{least: r.Footprint()}
	if r.Bool() {
		b.tracked = r.Footprint()
	}
	return b
}

// Unpack implements timeline.Platform.
func (f *Foundation) Unpack(tr *timeline.Reader) {
	r := reader{tr, f}
	for range r.Length() {
		g := r.gap()
		if g == nil {
			r.Fail()
			return
		}
		f.all = append(f.all, g)
	}
	f.gaps = slices.Clone(f.all[len(f.all)-int(r.Below(uint64(len(f.all))+1)):]) //nolint:gosec // at most their number
	f.folded, f.dropped = r.Uint(), r.Uint()
	f.base = [2]state{*r.state(), *r.state()}
	for range r.Length() {
		if p := r.insertion(); p != nil {
			p.Found = r.Moment()
			f.insertions[p.Sequence] = p
		}
	}
	f.forgotten = r.Uint()
}

func (t *resource) unpack(r reader) {
	if r.Bool() {
		t.base = r.state()
		t.baseKey = r.key()
		t.passed = passed{r.Uint(), r.Moment()}
	}
	n := r.Length()
	t.facts = make([]fact, 0, min(n, 64))
	for range n {
		if r.Failed() {
			return
		}
		t.facts = append(t.facts, r.fact())
	}
	t.decisions, t.late, t.keeps = r.Decisions(), r.LateFacts(), r.Bool()
	if !t.keeps {
		t.rules.need(t.through())
	}
	t.clamp(t.facts, 0)
}

// Unpack implements timeline.Timeline.
func (t *process) Unpack(tr *timeline.Reader) {
	r := reader{tr, t.rules}
	t.unpack(r)
	t.observations = r.Observations()
	t.published = r.Moment()
	for range r.Length() {
		t.wait(events.Anomaly{Code: r.Text(), Resource: r.Text(), Time: r.Time(), Message: r.Text()})
	}
	if !r.Failed() {
		t.state()
	}
}

// Unpack implements timeline.Timeline.
func (t *builds) Unpack(tr *timeline.Reader) {
	r := reader{tr, t.rules}
	t.unpack(r)
	t.clean, t.cleanHolds = int(r.Below(uint64(len(t.facts))+1)), r.held() //nolint:gosec // at most their number
	if !r.Failed() {
		now := t.now()
		t.due = now.due(t.rules.timeout)
	}
}
