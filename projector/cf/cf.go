// Package cf makes timelines of Cloud Foundry's processes, tasks, service instances and builds.
//
// A fact goes through fact.go (its position in the order of the API), then process.go with fold.go
// and gap.go, or builds.go with tally.go, and leaves as spans through difference.go. resource.go is
// common to processes and builds.
package cf

import (
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf/order"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Foundation implements timeline.Platform for Cloud Foundry.
type Foundation struct {
	*timeline.Rules
	epoch    timeline.Moment
	timeout  time.Duration  // of builds
	excluded *regexp.Regexp // names of spaces; nil for none
	gaps     []*gap         // in order, from the first needed one on
	all      []*gap         // with those before
	// folded is the sequence up to which gaps are part of all baselines; base is the state of a
	// timeline without facts, by list. Gaps up to the sequence dropped are forgotten: builds may
	// need a gap for longer.
	folded, dropped uint64
	base            [2]state
	insertions      map[uint64]*insertion // of late facts, and of the facts before them
	forgotten       uint64                // sequence of the last late fact without an insertion
	closing         closing
	due             timeline.Moment // when Rules.Settled explains the next waiting anomaly no more

	// Memory to work in.
	sizes         *timeline.Sharing[events.Footprint]
	labels        *timeline.Sharing[labels]
	sequences     []uint64 // where evidence is kept
	before, after fold     // where parts are kept
	was           state
}

// Limits of the shared values, as powers of two.
const (
	sizeBits  = 12
	labelBits = 10
)

// closing is the sequence up to which the baselines of all timelines hold the gaps, and the same
// for all timelines but builds.
type closing struct{ all, processes uint64 }

func notClosing() closing { return closing{math.MaxUint64, math.MaxUint64} }

// New returns a foundation without facts. A build without an end after the timeout is given up;
// nothing is metered of spaces whose names match excluded, which may be nil.
func New(rules *timeline.Rules, timeout time.Duration, excluded *regexp.Regexp) *Foundation {
	return &Foundation{
		Rules: rules, epoch: timeline.MomentOf(rules.Epoch), timeout: timeout, excluded: excluded,
		base:       [2]state{newState(), newState()},
		insertions: map[uint64]*insertion{}, closing: notClosing(), due: timeline.MaxMoment,
		sizes: timeline.NewSharing[events.Footprint](sizeBits), labels: timeline.NewSharing[labels](labelBits),
	}
}

// Observe implements timeline.Platform. Some facts are not about usage: a BUILDPACK_SET of a build
// (v3) is information about a droplet, and a user-provided service instance is a note of
// credentials without a plan. A fact without a plan counts for an instance with a timeline (known):
// it may be its end.
func (f *Foundation) Observe(u *events.Usage, sequence uint64, known bool) bool {
	if u.AfterSequence != 0 {
		f.follow(sequence, u.AfterSequence)
	}
	switch u.Kind {
	case events.KindApp, events.KindTask:
		return true
	case events.KindStaging:
		return u.Event != events.EventBuildpackSet
	case events.KindService:
		return known || u.Footprint.Plan != "" || u.Footprint.PlanGUID != ""
	}
	return false
}

// follow notes that a late fact belongs directly after another one.
func (f *Foundation) follow(sequence, after uint64) {
	p := f.insertions[after]
	if p == nil {
		p = &insertion{Sequence: after, Found: f.Horizon}
		if after <= f.forgotten { // it may have been found late itself
			p.After, p.Depth = &insertion{Sequence: order.UnknownRoot}, 1
		}
		f.insertions[after] = p
	}
	f.insertions[sequence] = &insertion{Sequence: sequence, After: p, Depth: p.Depth + 1, Found: f.Horizon}
}

// New implements timeline.Platform.
func (f *Foundation) New(kind, name string) timeline.Timeline {
	r := resource{
		rules: f, kind: kind, name: name, published: timeline.MinMoment,
		passed: passed{to: timeline.MinMoment},
	}
	if kind == events.KindStaging {
		r.origin = &f.dropped
		return &builds{resource: r, due: timeline.MaxMoment}
	}
	r.origin = &f.folded
	return &process{resource: r}
}

// Gap implements timeline.Platform.
func (f *Foundation) Gap(g *events.Gap, sequence uint64) bool {
	if slices.ContainsFunc(f.gaps, func(o *gap) bool { return o.id == g.ID }) {
		return false
	}
	one := &gap{
		id: g.ID, sequence: sequence, from: timeline.MomentOf(g.From), to: timeline.MomentOf(g.To),
		reason: g.Reason, list: g.List,
	}
	if g.From.IsZero() { // only another collector knew anything before
		one.from = f.Horizon
	}
	if g.To.IsZero() {
		one.to = timeline.MaxMoment
	}
	f.gaps, f.all = append(f.gaps, one), append(f.all, one)
	return true
}

// Gaps implements timeline.Platform.
func (f *Foundation) Gaps() []timeline.Gap {
	out := make([]timeline.Gap, len(f.all))
	for i, g := range f.all {
		out[i] = timeline.Gap{Sequence: g.sequence, Gap: events.Gap{ID: g.id, List: g.list, Reason: g.reason}}
		if g.from != timeline.MinMoment {
			out[i].From = g.from.Time()
		}
		if g.to != timeline.MaxMoment {
			out[i].To = g.to.Time()
		}
	}
	return out
}

// need takes the gaps behind a sequence back that were dropped.
func (f *Foundation) need(sequence uint64) {
	for n := len(f.all) - len(f.gaps); n > 0 && f.all[n-1].sequence > sequence; n-- {
		f.gaps = slices.Insert(f.gaps, 0, f.all[n-1])
	}
}

// newest is the newest gap.
func (f *Foundation) newest() *gap { return f.gaps[len(f.gaps)-1] }

// Advance implements timeline.Platform.
func (f *Foundation) Advance() bool {
	if f.Settled < f.due {
		return false
	}
	f.due = timeline.MaxMoment // the timelines that go on waiting say when
	return true
}

// Close implements timeline.Platform.
func (f *Foundation) Close() {
	f.closeGaps()
	f.closing = notClosing()
	for sequence, p := range f.insertions {
		switch {
		case p.Found == timeline.MinMoment: // before the first horizon
			p.Found = f.Horizon
		case p.Found < f.Folded:
			if p.After != nil {
				f.forgotten = max(f.forgotten, sequence)
			}
			delete(f.insertions, sequence)
		}
	}
}

// closeGaps makes gaps part of the baseline of timelines without facts, once all processes hold
// them, and drops the gaps that builds hold, too. A dropped gap hides the beginning of no build.
func (f *Foundation) closeGaps() {
	for _, g := range f.gaps {
		if g.sequence > f.closing.processes || g.to >= f.Folded {
			break
		}
		for i, kind := range []string{events.KindApp, events.KindService} {
			f.stepOver(kind, &f.base[i], g)
			f.base[i].unproven.old = f.base[i].unproven.gap != nil
		}
		f.folded = max(f.folded, g.sequence)
	}
	for len(f.gaps) > 0 && f.gaps[0].sequence <= min(f.folded, f.closing.all) &&
		f.gaps[0].to.Add(f.timeout) <= f.Folded {
		f.dropped = max(f.dropped, f.gaps[0].sequence)
		f.gaps = slices.Delete(f.gaps, 0, 1)
	}
}

// stepOver applies a gap to a state without a fact.
func (f *Foundation) stepOver(kind string, s *state, g *gap) {
	if g.sequence > f.folded && g.about(kind) {
		s.gap(g)
	}
}
