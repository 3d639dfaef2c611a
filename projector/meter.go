package projector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/forgotten"
	"github.com/daybook-billing/daybook/projector/internal/rederive"
	"github.com/daybook-billing/daybook/projector/internal/tally"
	"github.com/daybook-billing/daybook/projector/months"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Meter is the projector's state and its step: facts, gaps, horizons and decisions in, Metered
// messages out, all of the sources in the table `platforms`. It is pure: no clock, no I/O, no order
// of maps reaches its outputs. It is not safe for concurrent use.
type Meter struct {
	cfg         Config // with defaults, compiled
	foundations map[foundationKey]*foundation
	policy      months.Policy // of foundations without one of their own
	catalogued  bool          // a catalogue is in force
	window      window
	tally       tally.Tally
	past        *rederive.Past // of the late fact at hand; else nil

	// Memory to work in.
	ch                timeline.Change
	message           events.Metered
	listing           listing
	retracted, closed []events.Span
	closedOf          []*entry
	packed            int // bytes of the last snapshot
}

type foundationKey = tally.Key

// foundation is the state of one (source, foundation).
type foundation struct {
	rules      timeline.Rules
	months     months.Months
	platform   timeline.Platform
	collectors map[string]collectorHorizon // by name; "" stands for all without one
	ended      bool                        // see End; nobody has a horizon since
	subjects   map[subjectKey]*subject
	entries    map[entryKey]*entry
	expiring   map[subjectKey]*subject // with a listed timeline that Expires
	frozen     *frozen                 // timelines beside entries
	forgotten  forgotten.Resources     // without a timeline any more
	cuts       []cutDone               // by time, back to the oldest published span
	held       int                     // holds of all timelines
	labels     *timeline.Sharing[spanLabels]
	sizes      *timeline.Sharing[events.Footprint]
}

// sharingBits limits the shared values of published spans.
const sharingBits = 10

type collectorHorizon struct {
	at, settled timeline.Moment
	retired     bool
}

// subjectKey is a subject without its tenant: the tenant is not part of a resource's identity.
type subjectKey struct{ kind, resource string }

type entryKey struct{ kind, resource string }

// subject holds the timelines of a subject: every process of an app, every task of an app, and so
// on.
type subject struct {
	key     subjectKey
	tenant  string
	entries int
	listed  []*entry // by messages, in order of resource
	pending *pending // changes that wait for the end of the window; nil for none
}

// entry is a timeline under its subject.
type entry struct {
	timeline.Timeline
	key    entryKey
	sub    *subject
	listed bool
	told   bool // while a message is made: it lists the timeline, whatever others there are
	// listedAt is the cause of the last message that lists the timeline, by its sequence in USAGE.
	listedAt      uint64
	running, held uint32     // how many spans run, and how many holds there are
	crowded       bool       // there are more holds than a message lists
	published     *published // nil for none
}

// NewMeter returns a meter without facts. The error is about ExcludeSpaces.
func NewMeter(cfg Config) (*Meter, error) {
	cfg, err := cfg.withDefaults().compile()
	if err != nil {
		return nil, err
	}
	return newMeter(cfg), nil
}

func newMeter(cfg Config) *Meter {
	return &Meter{
		cfg: cfg, foundations: map[foundationKey]*foundation{}, tally: tally.New(),
		policy: months.Policy{Grace: months.DefaultGrace},
	}
}

func (m *Meter) foundation(source, name string) *foundation {
	key := foundationKey{Source: source, Foundation: name}
	f := m.foundations[key]
	if f == nil {
		f = m.newFoundation(source, name)
		m.foundations[key] = f
	}
	return f
}

func (m *Meter) newFoundation(source, name string) *foundation {
	epoch, own := m.cfg.Epoch[source+"/"+name]
	if !own {
		epoch = m.cfg.Epoch[source]
	}
	f := &foundation{
		rules: timeline.Rules{
			Source: source, Foundation: name, Cut: m.cfg.Cut, Epoch: epoch,
			Horizon: timeline.MinMoment, Closed: timeline.MinMoment, Folded: timeline.MinMoment,
			Settled: timeline.MinMoment,
		},
		months:     months.New(m.policy),
		collectors: map[string]collectorHorizon{}, subjects: map[subjectKey]*subject{}, entries: map[entryKey]*entry{},
		expiring: map[subjectKey]*subject{}, frozen: newFrozen(),
		labels: timeline.NewSharing[spanLabels](sharingBits), sizes: timeline.NewSharing[events.Footprint](sharingBits),
	}
	f.platform = platforms[source].open(&f.rules, &m.cfg)
	return f
}

// Fact applies one fact. sequence is its position in USAGE. It calls emit for each message of the
// window that ends with the fact; emit must not keep the message. Without an open window that is
// the fact's own. A fact without effect has none.
func (m *Meter) Fact(u *events.Usage, sequence uint64, emit func(*events.Metered)) {
	m.enter(foundationKey{Source: u.Source, Foundation: u.Foundation}, emit)
	m.fact(u, sequence, emit)
	m.leave(emit)
}

func (m *Meter) fact(u *events.Usage, sequence uint64, emit func(*events.Metered)) {
	f := m.foundation(u.Source, u.Foundation)
	f.months.Seen(timeline.Later(u.Time, f.rules.Epoch))
	e := f.observe(u, sequence)
	if e == nil {
		return
	}
	sub := e.sub
	ch := &m.ch
	ch.Reset(sub.tenant)
	if m.past != nil {
		m.late(f, e, u, sequence)
	} else {
		e.Add(u, sequence, ch)
	}
	f.list(e)
	if ch.Empty() {
		f.freeze(e)
		return
	}
	cause := events.Cause{ID: u.ID, Sequence: sequence, Event: u.Event, Time: u.Time}
	if sub.tenant == ch.Tenant {
		m.absorb(f, e, cause)
		return
	}
	// Nothing runs under the old tenant's subject any more, and everything under the new one's. The
	// window ends here.
	left := m.pend(f, sub)
	left.cause, left.left = cause, true
	m.Flush(emit)
	parts := left.part
	sub.tenant = ch.Tenant
	m.absorb(f, e, cause)
	now := m.pend(f, sub)
	now.part = parts
	for _, e := range sub.listed {
		now.change(e)
	}
	m.Flush(emit)
}

// observe returns the timeline of a fact; nil for one that is not about usage.
func (f *foundation) observe(u *events.Usage, sequence uint64) *entry {
	key := entryKey{u.Kind, u.Resource}
	e := f.lookUp(key)
	switch {
	case !f.platform.Observe(u, sequence, e != nil):
		return nil
	case e == nil:
		return f.enter(key, u.SubjectResource(), u.Tenant)
	}
	return e
}

// enter makes the timeline of a resource.
func (f *foundation) enter(key entryKey, subjectResource, tenant string) *entry {
	subKey := subjectKey{key.kind, subjectResource}
	sub := f.subjects[subKey]
	if sub == nil {
		sub = &subject{key: subKey, tenant: tenant}
		f.subjects[subKey] = sub
	}
	sub.entries++
	e := &entry{Timeline: f.platform.New(key.kind, key.resource), key: key, sub: sub}
	f.entries[key] = e
	return e
}

// list enters a timeline in its subject's list, or takes it off.
func (f *foundation) list(e *entry) {
	if listed := e.Listed(); listed != e.listed {
		f.relist(e, listed)
	}
}

func (f *foundation) relist(e *entry, listed bool) {
	e.listed = listed
	sub := e.sub
	at, _ := slices.BinarySearchFunc(sub.listed, e.key.resource,
		func(e *entry, resource string) int { return cmp.Compare(e.key.resource, resource) })
	if listed {
		sub.listed = slices.Insert(sub.listed, at, e)
	} else {
		sub.listed = slices.Delete(sub.listed, at, at+1)
		e.Shrink()
	}
	if e.Expires() {
		delete(f.expiring, sub.key)
		if listed {
			f.expiring[sub.key] = sub
		}
	}
}

// Gap notes that facts of a list may be missing. It holds the runs of that time until a fact
// confirms them, subject by subject in a fixed order. It reports whether the gap is new.
func (m *Meter) Gap(g *events.Gap, sequence uint64, emit func(*events.Metered)) bool {
	m.Flush(emit)
	f := m.foundation(g.Source, g.Foundation)
	if !f.platform.Gap(g, sequence) {
		return false
	}
	for _, e := range f.entries {
		if !e.listed && e.Miss() {
			f.relist(e, true)
		}
	}
	if !g.To.IsZero() {
		f.months.Seen(timeline.Later(g.To, f.rules.Epoch))
	}
	cause := events.Cause{ID: g.ID, Sequence: sequence, Event: "gap", Time: g.To}
	m.each(f, sorted(f.subjects), cause, emit, func(e *entry) { e.Lose(&m.ch) })
	return true
}

// each changes the listed timelines of subjects, and puts out the changes subject by subject.
func (m *Meter) each(f *foundation, subjects []*subject, cause events.Cause, emit func(*events.Metered),
	change func(*entry),
) {
	for _, sub := range subjects {
		for _, e := range sub.listed {
			m.ch.Reset(sub.tenant)
			change(e)
			m.absorb(f, e, cause)
		}
		m.Flush(emit)
		for _, e := range slices.Clone(sub.listed) {
			f.list(e)
			f.freeze(e)
		}
	}
}

// Decide applies an operator's word on a hold, an act with a Decision. It reports whether there is
// such a hold.
func (m *Meter) Decide(d *events.Act, sequence uint64, emit func(*events.Metered)) bool {
	m.Flush(emit)
	f, word := m.foundation(d.Source, d.Foundation), &d.Decision
	sub := f.subjects[subjectKey{word.Kind, word.Resource}]
	if sub == nil || word.Action != events.ActionRelease && word.Action != events.ActionDiscard {
		return false
	}
	cause := events.Cause{ID: d.ID, Sequence: sequence, Event: "decision", Time: d.Time}
	for _, e := range f.decidable(sub) {
		m.ch.Reset(sub.tenant)
		if !e.Decide(d, &m.ch) {
			continue
		}
		f.list(e)
		m.absorb(f, e, cause)
		m.Flush(emit)
		return true
	}
	return false
}

// decidable returns the timelines of a subject with holds or decisions: the listed ones first.
func (f *foundation) decidable(sub *subject) []*entry {
	out := slices.Clone(sub.listed)
	if len(out) == sub.entries {
		return out
	}
	for _, e := range f.entries {
		if e.sub == sub && !e.listed && e.Decided() {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out[len(sub.listed):],
		func(a, b *entry) int { return cmp.Compare(a.key.resource, b.key.resource) })
	return out
}

// Horizon moves the horizon of a source: one collector knows everything up to h.Time. The open
// spans are put out up to the last boundary before the horizon, subject by subject in a fixed
// order. It returns the horizon of all collectors together and whether it moved.
func (m *Meter) Horizon(h *events.Horizon, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	m.Flush(emit)
	f := m.foundation(h.Source, h.Foundation)
	if f.ended {
		f.ended, m.tally.Changed = false, true
	}
	c := f.collectors[h.Collector]
	c = collectorHorizon{at: max(c.at, timeline.MomentOf(h.Time))}
	c.settled = c.at
	if !h.Settled.IsZero() {
		c.settled = min(c.at, timeline.MomentOf(h.Settled))
	}
	f.collectors[h.Collector] = c
	return m.reach(f, events.Cause{ID: h.ID, Sequence: sequence, Event: "horizon"}, emit)
}

// Retire ends a collector, an act with a Retirement: its horizon holds nobody up. It returns the
// same as Horizon.
func (m *Meter) Retire(a *events.Act, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	m.Flush(emit)
	f, name := m.foundation(a.Source, a.Foundation), a.Retirement.Collector
	c, known := f.collectors[name]
	if !known {
		return time.Time{}, false
	}
	c.retired = true
	f.collectors[name] = c
	return m.reach(f, events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind}, emit)
}

// reach moves the horizon of a source to that of its collectors together.
func (m *Meter) reach(f *foundation, cause events.Cause, emit func(*events.Metered)) (time.Time, bool) {
	r := &f.rules
	before := r.Horizon
	now, settled := f.horizon()
	if now <= before {
		return time.Time{}, false
	}
	r.Horizon, r.Settled = now, max(r.Settled, settled)
	f.months.Seen(now.Time())
	boundary := timeline.MomentOf(r.Cut.Floor(now.Time()))
	crossed := boundary > before
	if crossed && r.Cut != timeline.CutNone {
		f.cuts = append(f.cuts, cutDone{to: boundary.Time().UnixNano(), sequence: cause.Sequence})
	}
	subjects := f.expiring
	if f.platform.Advance() || crossed {
		subjects = f.subjects
	}
	cause.Time = now.Time()
	m.each(f, sorted(subjects), cause, emit, func(e *entry) {
		e.Expire(before, &m.ch)
		if crossed {
			e.Advance(boundary, &m.ch)
		}
	})
	return now.Time(), true
}

// horizon is the horizon of all collectors, and the end of the time of which none looks for late
// facts.
func (f *foundation) horizon() (at, settled timeline.Moment) {
	at, settled = timeline.MaxMoment, timeline.MaxMoment
	for name, c := range f.collectors {
		if name != "" && !c.retired {
			at, settled = min(at, c.at), min(settled, c.settled)
		}
	}
	if at != timeline.MaxMoment {
		return at, settled
	}
	if unnamed, ok := f.collectors[""]; ok {
		return unnamed.at, unnamed.settled
	}
	return f.rules.Horizon, f.rules.Settled
}

// sorted returns the subjects with something to list.
func sorted(subjects map[subjectKey]*subject) []*subject {
	out := slices.Collect(maps.Values(subjects))
	out = slices.DeleteFunc(out, func(sub *subject) bool { return len(sub.listed) == 0 })
	slices.SortFunc(out, func(a, b *subject) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.resource, b.key.resource))
	})
	return out
}

// forget drops a timeline, and its subject when it was the last.
func (f *foundation) forget(e *entry) {
	sub := e.sub
	if e.listed {
		at := slices.Index(sub.listed, e)
		sub.listed = slices.Delete(sub.listed, at, at+1)
	}
	delete(f.entries, e.key)
	f.held -= int(e.held)
	f.unsubject(sub)
}

// unsubject takes a timeline off its subject, and drops the subject after its last one.
func (f *foundation) unsubject(sub *subject) {
	if sub.entries--; sub.entries == 0 {
		delete(f.subjects, sub.key)
		delete(f.expiring, sub.key)
	}
}

// Accrued returns the open spans of a source, from the last cut on, as spans that end at its
// horizon.
func (m *Meter) Accrued(source, name string) []events.Span {
	f := m.foundation(source, name)
	var out []events.Span
	for _, sub := range sorted(f.subjects) {
		for _, e := range sub.listed {
			out = e.Accrued(out)
		}
	}
	return out
}

// Anomalies returns the anomalies of a source as its facts are known, by instance. Unlike the
// anomalies of the Metered messages it leaves out anomalies that a later fact put right, and
// forgotten instances. Only Trove keeps anomalies as state.
func (m *Meter) Anomalies(source, name string) []events.Anomaly {
	f := m.foundation(source, name)
	var out []events.Anomaly
	for _, sub := range sorted(f.subjects) {
		for _, e := range sub.listed {
			out = append(out, e.Anomalies()...)
		}
	}
	return out
}
