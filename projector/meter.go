package projector

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Settings are what the projector's results depend on beside its input. Changing one changes
// METERED, so they are part of the stage's logic.
type Settings struct {
	Cut Cut
	// Epoch is the time before which nothing is billed, by source ("cf") or by source and
	// foundation ("cf/eu"), which takes precedence; zero is none.
	Epoch map[string]time.Time
	// BuildTimeout is how long a build may run before it is taken to have lost its end; 0 is the
	// default.
	BuildTimeout time.Duration
	// Grace is how long after its end a month stays open: what comes for it later is a correction;
	// 0 is the default.
	Grace time.Duration
	// ExcludeSpaces matches the names of Cloud Foundry spaces that are not metered; nil for none.
	ExcludeSpaces *regexp.Regexp
	// AbsenceWindows is how many windows a database must be missing from the reports before it is
	// taken to be gone; 0 is the default, negative never.
	AbsenceWindows int
}

const (
	// DefaultBuildTimeout is four times Cloud Foundry's own staging timeout.
	DefaultBuildTimeout = time.Hour
	// DefaultGrace leaves time for what was held up at the end of a month.
	DefaultGrace = 5 * 24 * time.Hour
)

// maxClosed is how many spans one Metered message lists at the most; what is more goes into further
// parts.
const maxClosed = 250

// Meter is the projector's state and its step: facts, gaps, horizons and decisions in, Metered
// messages out. It is pure: no clock, no I/O, no order of maps reaches its outputs. It is not safe
// for concurrent use.
type Meter struct {
	settings    Settings
	foundations map[foundationKey]*foundation
	shapes      *shapes
	ch          change
	message     events.Metered
}

type foundationKey struct{ Source, Foundation string }

// foundation is the state of one (source, foundation).
type foundation struct {
	rules      rules
	collectors map[string]collectorHorizon // by name; "" stands for all without one
	subjects   map[subjectKey]*subject
	tracks     map[trackKey]*track
	places     map[uint64]*place // of facts that were found late, and of those that they follow
	forgotten  uint64            // the last fact that was found late and whose place is not kept any more
	building   map[subjectKey]*subject
	// Ended holds the Trove instances whose timelines were forgotten, with the time of their last
	// fact: their facts come in any order and at any time, and one that comes now must not bring
	// them back to life.
	ended map[string]time.Time
	// groups are those who report databases.
	groups     *groups
	troveRules troveRules
}

type collectorHorizon struct {
	at      moment
	retired bool
}

// subjectKey is a subject without its tenant, which is not part of a resource's identity.
type subjectKey struct{ kind, resource string }

type trackKey struct{ kind, resource string }

// subject holds the timelines whose facts share a subject: every process of an app, every task of
// an app, and so on.
type subject struct {
	key    subjectKey
	tenant string
	tracks int
	live   []*track // those that messages list, by resource
}

// NewMeter returns a meter that has seen nothing.
func NewMeter(s Settings) *Meter {
	return &Meter{settings: s.withDefaults(), foundations: map[foundationKey]*foundation{}, shapes: newShapes()}
}

func (s Settings) withDefaults() Settings {
	s.BuildTimeout = cmp.Or(s.BuildTimeout, DefaultBuildTimeout)
	s.Grace = cmp.Or(s.Grace, DefaultGrace)
	s.AbsenceWindows = cmp.Or(s.AbsenceWindows, DefaultAbsenceWindows)
	return s
}

func (m *Meter) foundation(source, name string) *foundation {
	key := foundationKey{source, name}
	f := m.foundations[key]
	if f == nil {
		f = m.newFoundation(source, name)
		m.foundations[key] = f
	}
	return f
}

func (m *Meter) newFoundation(source, name string) *foundation {
	epoch, own := m.settings.Epoch[source+"/"+name]
	if !own {
		epoch = m.settings.Epoch[source]
	}
	f := &foundation{
		rules: rules{
			source: source, name: name, cut: m.settings.Cut, epoch: momentOf(epoch), timeout: m.settings.BuildTimeout,
			shapes:  m.shapes,
			horizon: always, closed: always, base: [2]state{{at: always, until: always}, {at: always, until: always}},
		},
		collectors: map[string]collectorHorizon{}, subjects: map[subjectKey]*subject{}, tracks: map[trackKey]*track{},
		places: map[uint64]*place{}, building: map[subjectKey]*subject{}, ended: map[string]time.Time{},
		groups: newGroups(max(m.settings.AbsenceWindows, 0)),
	}
	f.troveRules = troveRules{Source: source, Foundation: name, Cut: m.settings.Cut, Epoch: epoch}
	if m.settings.AbsenceWindows > 0 {
		f.troveRules.Groups = f.groups
	}
	f.rules.databases = &f.troveRules
	return f
}

// Fact applies one fact. sequence is its place in USAGE. emit is called for each message that it
// causes and must not keep it. A fact that changes nothing causes none.
func (m *Meter) Fact(u *events.Usage, sequence uint64, emit func(*events.Metered)) {
	f := m.foundation(u.Source, u.Foundation)
	r := &f.rules
	if u.AfterSequence != 0 {
		f.place(sequence, u.AfterSequence)
	}
	t := f.tracks[trackKey{u.Kind, u.Resource}]
	if !metered(u, t != nil) {
		return
	}
	if t == nil {
		t = f.newTrack(u)
	}
	sub := t.sub
	ch := &m.ch
	ch.reset()
	tenant := sub.tenant
	if u.Kind == events.KindInstance {
		f.groups.hear(u)
		t.trove.add(r.trove(), u, sequence, ch)
		tenant = cmp.Or(t.trove.tenant, u.Tenant)
	} else {
		x := m.fact(f, t, u, sequence)
		if x.place() == nil {
			tenant = u.Tenant
		}
		if t.add(r, x, ch); x.of.muted {
			ch.Anomalies = ch.Anomalies[:0]
		}
	}
	f.list(t)
	if ch.empty() {
		return
	}
	out := message{f: f, sub: sub, cause: events.Cause{ID: u.ID, Sequence: sequence, Event: u.Event, Time: u.Time}}
	if sub.tenant != tenant { // nothing runs under the old tenant's subject any more
		out.leave(m, emit)
		sub.tenant = tenant
	}
	out.emit(m, emit)
}

// fact makes a small fact of a message.
func (m *Meter) fact(f *foundation, t *track, u *events.Usage, sequence uint64) fact {
	of := labels{app: u.App, tenant: u.Tenant, space: u.Space, spaceName: u.SpaceName, name: u.Name}
	var nearOf *labels
	var near [2]*events.Footprint
	if n := len(t.facts); n > 0 {
		nearOf, near[0] = t.facts[n-1].of, t.facts[n-1].size
	} else if t.base != nil && t.base.running {
		nearOf = t.base.segment.of
	}
	if t.tail != nil && t.tail.running {
		near[1] = t.tail.segment.size
	}
	of.muted = m.settings.ExcludeSpaces != nil && m.settings.ExcludeSpaces.MatchString(u.SpaceName)
	x := fact{
		sequence: sequence, id: idOf(u.ID), time: momentOf(u.Time), of: m.shapes.labels(&of, nearOf),
		size: m.shapes.size(&u.Footprint, near[0], near[1]), verb: verbOf(u.Event), before: earlierOf(u.Kind,
			u.Previous),
	}
	late := f.places[sequence]
	if late != nil && late.after == nil {
		late = nil
	}
	if late != nil || !u.Listed.IsZero() || u.PreviousInstances.Known() || u.PreviousMemoryMB.Known() {
		x.rare = &rare{late: late, listed: always, instances: u.PreviousInstances, memory: u.PreviousMemoryMB}
		if !u.Listed.IsZero() {
			x.rare.listed = momentOf(u.Listed)
		}
	}
	return x
}

// place notes where a fact belongs that was found late.
func (f *foundation) place(sequence, after uint64) {
	p := f.places[after]
	if p == nil {
		p = &place{sequence: after, found: f.rules.horizon}
		if after <= f.forgotten { // it may have been found late itself
			p.after, p.depth = &place{sequence: unknownPlace}, 1
		}
		f.places[after] = p
	}
	f.places[sequence] = &place{sequence: sequence, after: p, depth: p.depth + 1, found: f.rules.horizon}
}

// metered reports whether a fact says anything about usage. Not all do: a BUILDPACK_SET of a build
// (v3) is information about a droplet, and a user-provided service instance is a note of
// credentials, with no plan and nothing that runs. A fact without a plan about an instance that had
// one (known) does: it may be its end.
func metered(u *events.Usage, known bool) bool {
	switch u.Kind {
	case events.KindStaging:
		return u.Event != events.EventBuildpackSet
	case events.KindService:
		return known || u.Footprint.Plan != "" || u.Footprint.PlanGUID != ""
	}
	return true
}

func (f *foundation) newTrack(u *events.Usage) *track {
	key := subjectKey{u.Kind, u.SubjectResource()}
	sub := f.subjects[key]
	if sub == nil {
		sub = &subject{key: key, tenant: u.Tenant}
		f.subjects[key] = sub
	}
	sub.tracks++
	t := newTrack(u.Kind, u.Resource, sub)
	if u.Kind == events.KindInstance {
		if end, was := f.ended[u.Resource]; was {
			t.trove = entombed(u.Resource, end)
			delete(f.ended, u.Resource)
		} else {
			t.trove = newInstance(u.Resource)
		}
	}
	f.tracks[trackKey{u.Kind, u.Resource}] = t
	return t
}

// list enters a timeline in its subject's list, or takes it off.
func (f *foundation) list(t *track) {
	if listed := t.listed(); listed != t.live {
		f.enter(t, listed)
	}
}

func (f *foundation) enter(t *track, listed bool) {
	t.live = listed
	t.rest()
	sub := t.sub
	at, _ := slices.BinarySearchFunc(sub.live, t.resource, func(t *track, r string) int {
		return cmp.Compare(t.resource,
			r)
	})
	if listed {
		sub.live = slices.Insert(sub.live, at, t)
	} else {
		sub.live = slices.Delete(sub.live, at, at+1)
	}
	if t.kind == events.KindStaging {
		delete(f.building, sub.key)
		if listed {
			f.building[sub.key] = sub
		}
	}
}

// Gap notes that facts of a list may be missing, and holds what ran then until a fact confirms it,
// subject by subject in a fixed order. It reports whether the gap is new.
func (m *Meter) Gap(g *events.Gap, sequence uint64, emit func(*events.Metered)) bool {
	f := m.foundation(g.Source, g.Foundation)
	r := &f.rules
	if slices.ContainsFunc(r.gaps, func(o *gap) bool { return o.id == g.ID }) {
		return false
	}
	if g.Source != events.SourceCF {
		return true
	}
	one := &gap{id: g.ID, sequence: sequence, from: momentOf(g.From), to: momentOf(g.To), reason: g.Reason,
		list: g.List}
	if g.From.IsZero() { // nothing was known before but what another collector brought
		one.from = r.horizon
	}
	if g.To.IsZero() {
		one.to = never
	}
	r.gaps = append(r.gaps, one)
	for _, t := range f.tracks {
		switch {
		case t.live || !one.about(t.kind):
		case t.touches(one):
			f.enter(t, true)
		case t.tail != nil:
			t.stepOver(r, t.tail, one)
		}
	}
	cause := events.Cause{ID: g.ID, Sequence: sequence, Event: "gap", Time: g.To}
	for _, sub := range f.due() {
		ch := &m.ch
		ch.reset()
		for _, t := range sub.live {
			if one.about(t.kind) {
				t.lose(r, one, ch)
			}
		}
		message{f: f, sub: sub, cause: cause}.emitChange(m, emit)
		f.relist(sub)
	}
	return true
}

// Decide applies an operator's word on a hold. It reports whether there is such a hold.
func (m *Meter) Decide(d *events.Decision, sequence uint64, emit func(*events.Metered)) bool {
	f := m.foundation(d.Source, d.Foundation)
	r := &f.rules
	sub := f.subjects[subjectKey{d.Kind, d.Resource}]
	if sub == nil || d.Action != events.ActionRelease && d.Action != events.ActionDiscard {
		return false
	}
	ch := &m.ch
	ch.reset()
	known := false
	for _, t := range f.tracksOf(sub) {
		if t.trove != nil {
			known = t.trove.decide(r.trove(), d, ch)
		} else {
			known = t.decide(r, d, ch)
		}
		if known {
			f.list(t)
			break
		}
	}
	message{f: f, sub: sub, cause: events.Cause{ID: d.ID, Sequence: sequence, Event: "decision",
		Time: d.Time}}.emitChange(m, emit)
	return known
}

// tracksOf returns all timelines of a subject, those that messages list first.
func (f *foundation) tracksOf(sub *subject) []*track {
	out := slices.Clone(sub.live)
	if len(out) == sub.tracks {
		return out
	}
	for _, t := range f.tracks {
		if t.sub == sub && !t.live && len(t.decisions) > 0 {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out[len(sub.live):], func(a, b *track) int { return cmp.Compare(a.resource, b.resource) })
	return out
}

// Horizon moves the horizon of a source: everything up to h.Time is known, as far as the collector
// that says so is concerned. The spans of what runs are put out up to the last boundary that it has
// passed, subject by subject in a fixed order. It returns the horizon of all collectors together
// and whether it moved.
func (m *Meter) Horizon(h *events.Horizon, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	f := m.foundation(h.Source, h.Foundation)
	r := &f.rules
	before, now := r.horizon, f.reach(h)
	if now <= before {
		return time.Time{}, false
	}
	r.horizon = now
	boundary := momentOf(r.cut.floor(now.time()))
	crossed := boundary > before
	judged := f.groups.reach(now.time())
	subjects := f.dueBuilds()
	if crossed || judged {
		subjects = f.due()
	}
	cause := events.Cause{ID: h.ID, Sequence: sequence, Event: "horizon", Time: now.time()}
	for _, sub := range subjects {
		ch := &m.ch
		ch.reset()
		for _, t := range sub.live {
			switch {
			case t.trove != nil:
				t.trove.judge(r.trove(), ch)
				if crossed {
					t.trove.advance(r.trove(), ch, boundary.time())
				}
			case t.kind == events.KindStaging:
				t.expireBuilds(r, ch, before)
			case crossed:
				t.advance(r, ch, boundary)
			}
		}
		message{f: f, sub: sub, cause: cause}.emitChange(m, emit)
		f.relist(sub)
	}
	if closed := momentOf(CutMonth.floor(now.time().Add(-m.settings.Grace))); closed > r.closed {
		f.settle(closed)
	}
	return now.time(), true
}

// reach takes down what one collector says and returns up to when all are complete.
func (f *foundation) reach(h *events.Horizon) moment {
	c := f.collectors[h.Collector]
	c.retired = h.Retired
	c.at = max(c.at, momentOf(h.Time))
	f.collectors[h.Collector] = c
	lowest := never
	for name, c := range f.collectors {
		if name != "" && !c.retired {
			lowest = min(lowest, c.at)
		}
	}
	if lowest != never {
		return lowest
	}
	if unnamed, ok := f.collectors[""]; ok {
		return unnamed.at
	}
	return f.rules.horizon
}

// due returns all subjects with something to list, sorted.
func (f *foundation) due() []*subject { return sorted(f.subjects) }

// dueBuilds returns the subjects with builds that are open, sorted.
func (f *foundation) dueBuilds() []*subject { return sorted(f.building) }

func sorted(subjects map[subjectKey]*subject) []*subject {
	var out []*subject
	for _, sub := range subjects {
		if len(sub.live) > 0 {
			out = append(out, sub)
		}
	}
	slices.SortFunc(out, func(a, b *subject) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.resource, b.key.resource))
	})
	return out
}

// relist looks anew which timelines of a subject messages list.
func (f *foundation) relist(sub *subject) {
	for _, t := range slices.Clone(sub.live) {
		f.list(t)
	}
}

// settle closes the months before `closed`: their facts become part of the baselines, and timelines
// that are over are forgotten.
func (f *foundation) settle(closed moment) {
	r := &f.rules
	r.closed = closed
	f.troveRules.Closed = closed.time()
	settled, kept := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for key, t := range f.tracks {
		var over bool
		if t.trove != nil {
			t.trove.settle(r.trove())
			var end time.Time
			var entomb bool
			if end, entomb, over = t.trove.forgettable(r.trove(), r.horizon.time()); over && entomb {
				f.ended[t.resource] = end
			}
		} else {
			through := t.settle(r)
			if kept = min(kept, through); t.kind != events.KindStaging {
				settled = min(settled, through)
			}
			f.list(t)
			over = !t.live && len(t.facts) == 0
		}
		if over {
			f.forget(key, t)
		}
	}
	f.settleGaps(settled, kept)
	for sequence, p := range f.places {
		switch {
		case p.found == always: // before the first horizon
			p.found = r.horizon
		case p.found < closed:
			if p.after != nil {
				f.forgotten = max(f.forgotten, sequence)
			}
			delete(f.places, sequence)
		}
	}
}

// settleGaps makes the gaps up to a sequence part of the baseline of timelines without facts, too,
// and drops those up to the sequence `kept`. They are over; one that is dropped hides the beginning
// of no build any more either.
func (f *foundation) settleGaps(upTo, kept uint64) {
	r := &f.rules
	for _, g := range r.gaps {
		if g.sequence > upTo || g.to >= r.closed {
			break
		}
		for i, kind := range []string{events.KindApp, events.KindService} {
			t := track{kind: kind}
			t.stepOver(r, &r.base[i], g)
			r.base[i].doubt.old = r.base[i].doubt.gap != nil
		}
		r.settled = max(r.settled, g.sequence)
	}
	for len(r.gaps) > 0 && r.gaps[0].sequence <= min(r.settled, kept) && r.gaps[0].to.add(r.timeout) <= r.closed {
		r.dropped = r.gaps[0].sequence
		r.gaps = slices.Delete(r.gaps, 0, 1)
	}
}

// forget drops a timeline, and its subject when it was the last.
func (f *foundation) forget(key trackKey, t *track) {
	if t.live {
		at := slices.Index(t.sub.live, t)
		t.sub.live = slices.Delete(t.sub.live, at, at+1)
	}
	delete(f.tracks, key)
	if t.sub.tracks--; t.sub.tracks == 0 {
		delete(f.subjects, t.sub.key)
		delete(f.building, t.sub.key)
	}
}

// Accrued returns the running spans of a source as spans that end at its horizon: what has accrued
// since the last cut.
func (m *Meter) Accrued(source, name string) []events.Span {
	f := m.foundation(source, name)
	r := &f.rules
	var out []events.Span
	for _, sub := range f.due() {
		for _, t := range sub.live {
			if t.kind == events.KindStaging {
				out = t.accruedBuilds(r, out)
				continue
			}
			for _, span := range t.running(r, nil) {
				if span.End = r.horizon.time(); span.Start.Before(span.End) {
					out = append(out, span)
				}
			}
		}
	}
	return out
}

// Anomalies returns what is wrong with the Trove instances of a source, as their facts are known
// now, by instance. Unlike the anomalies of the Metered messages it leaves out what a later fact
// has put right, and instances that are forgotten because their months are closed. Cloud Foundry's
// anomalies are not state.
func (m *Meter) Anomalies(source, name string) []events.Anomaly {
	f := m.foundation(source, name)
	var out []events.Anomaly
	for _, sub := range f.due() {
		for _, t := range sub.live {
			if t.trove != nil {
				out = append(out, t.trove.anomalies(f.rules.trove())...)
			}
		}
	}
	return out
}

// message is the frame of the Metered messages that one cause has on one subject.
type message struct {
	f     *foundation
	sub   *subject
	cause events.Cause
}

// leave puts out that nothing runs under the subject any more.
func (o message) leave(m *Meter, emit func(*events.Metered)) {
	o.frame(m)
	x := &m.message
	x.ID = o.id(0)
	emit(x)
}

// frame fills in what all messages say.
func (o message) frame(m *Meter) {
	r := &o.f.rules
	m.message = events.Metered{
		Source: r.source, Foundation: r.name, Tenant: o.sub.tenant, Kind: o.sub.key.kind, Resource: o.sub.key.resource,
		Cause:   o.cause,
		Running: m.message.Running[:0], Held: m.message.Held[:0],
	}
}

func (o message) id(part int) string {
	return events.ID("metered", o.cause.ID, o.sub.tenant, o.sub.key.kind, o.sub.key.resource, strconv.Itoa(part))
}

func (o message) emitChange(m *Meter, emit func(*events.Metered)) {
	if !m.ch.empty() {
		o.emit(m, emit)
	}
}

// emit puts out a change with all that runs and all that is held, in several parts if it is large.
func (o message) emit(m *Meter, emit func(*events.Metered)) {
	o.frame(m)
	x, ch, r := &m.message, &m.ch, &o.f.rules
	x.Anomalies = ch.Anomalies
	running, held := x.Running, x.Held
	for _, t := range o.sub.live {
		running = t.running(r, running)
		held = t.held(r, held)
	}
	x.Running, x.Held = running, held
	if len(running) > events.MaxRunning {
		x.Running, x.RunningOmitted = running[:events.MaxRunning],
			uint32(len(running)-events.MaxRunning) //nolint:gosec // far below 2^32
	}
	if len(held) > events.MaxHeld {
		x.Held, x.HeldOmitted = held[:events.MaxHeld], uint32(len(held)-events.MaxHeld) //nolint:gosec // far below 2^32
	}
	o.identify(ch.Retracted)
	o.identify(ch.Closed)
	if r.correction(ch.Retracted) || r.correction(ch.Closed) {
		x.Correction = r.closed.time().Format("2006-01")
	}
	retracted, closed := ch.Retracted, ch.Closed
	for part := 0; ; part++ {
		x.ID = o.id(part)
		n := min(len(retracted), maxClosed)
		x.Retracted, retracted = retracted[:n], retracted[n:]
		n = min(len(closed), maxClosed-n)
		x.Closed, closed = closed[:n], closed[n:]
		emit(x)
		if len(retracted)+len(closed) == 0 {
			return
		}
		x.Anomalies = nil
	}
}

// correction reports whether spans lie in a month that is closed.
func (r *rules) correction(spans []events.Span) bool {
	return r.closed != always && slices.ContainsFunc(spans,
		func(s events.Span) bool { return momentOf(s.Start) < r.closed })
}

// identify gives spans their ids, which depend on what they say and on nothing else: the same span
// has the same id whenever it is published or retracted.
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
		s.ID = events.ID("span", o.f.rules.source, o.f.rules.name, s.Kind, s.Resource, string(b))
	}
}
