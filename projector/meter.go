package projector

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Settings are what the projector's results depend on beside its input. Changing one changes METERED, so they are part of
// the stage's logic.
type Settings struct {
	Cut Cut
	// Epoch is the time before which nothing is billed, by source; zero is none.
	Epoch map[string]time.Time
	// BuildTimeout is how long a build may run before it is taken to have lost its end.
	BuildTimeout time.Duration
}

// DefaultBuildTimeout is four times Cloud Foundry's own staging timeout.
const DefaultBuildTimeout = time.Hour

// endedKept is how long, by the horizon, an ended timeline is remembered, so that its late or repeated facts are
// recognised. Trove's facts come in any order and are kept longer.
const (
	endedKept      = 24 * time.Hour
	endedKeptTrove = 36 * 24 * time.Hour
)

// maxClosed is how many spans one Metered message lists at the most; what is more goes into further parts.
const maxClosed = 250

// Meter is the projector's state and its step: facts and horizons in, Metered messages out. It is pure: no clock, no I/O,
// no order of maps reaches its outputs. It is not safe for concurrent use.
type Meter struct {
	settings    Settings
	foundations map[foundationKey]*foundation
}

type foundationKey struct{ Source, Foundation string }

// foundation is the state of one (source, foundation).
type foundation struct {
	Horizon  time.Time
	Subjects map[subjectKey]*subject
	// Ended holds the Trove instances whose timelines were forgotten, with the time of their last fact: their facts come in any
	// order and at any time, and one that comes now must not bring them back to life.
	Ended map[string]time.Time
}

// subjectKey is a subject without its tenant, which is not part of a resource's identity.
type subjectKey struct{ Kind, Resource string }

// subject holds the timelines whose facts share a subject: every process of an app, every task of an app, and so on.
type subject struct {
	Tenant string
	Tracks []*track // by kind and resource
}

// NewMeter returns a meter that has seen nothing.
func NewMeter(s Settings) *Meter {
	if s.BuildTimeout == 0 {
		s.BuildTimeout = DefaultBuildTimeout
	}
	return &Meter{settings: s, foundations: map[foundationKey]*foundation{}}
}

func (m *Meter) foundation(source, name string) *foundation {
	key := foundationKey{source, name}
	f := m.foundations[key]
	if f == nil {
		f = &foundation{Subjects: map[subjectKey]*subject{}, Ended: map[string]time.Time{}}
		m.foundations[key] = f
	}
	return f
}

// Fact applies one fact. sequence is its place in USAGE. emit is called for each message that it causes and must not keep it.
// A fact that changes nothing causes none.
func (m *Meter) Fact(u *events.Usage, sequence uint64, emit func(*events.Metered)) {
	f := m.foundation(u.Source, u.Foundation)
	key := subjectKey{u.Kind, u.SubjectResource()}
	if !metered(u, f.Subjects[key] != nil) {
		return
	}
	cause := events.Cause{ID: u.ID, Sequence: sequence, Event: u.Event, Time: u.Time}
	out := message{source: u.Source, foundation: u.Foundation, key: key, tenant: u.Tenant, cause: cause}
	if ended, was := f.Ended[u.Resource]; was && u.Kind == events.KindInstance {
		var ch change
		ch.anomaly(events.AnomalyLateFact, u.Resource, u.Time, fmt.Sprintf("%s came when the timeline, whose last fact is of %s, had long been settled; it is not metered",
			u.Event, events.FormatTime(ended)))
		out.emit(&ch, nil, emit)
		return
	}
	sub := f.Subjects[key]
	if sub == nil {
		sub = &subject{Tenant: u.Tenant}
		f.Subjects[key] = sub
	}
	t := sub.track(u.Kind, u.Resource)
	epoch := m.settings.Epoch[u.Source]
	var ch change
	switch u.Kind {
	case events.KindStaging:
		ch = t.applyBuild(m.settings.Cut, epoch, m.settings.BuildTimeout, u, sequence)
	case events.KindInstance:
		ch = t.addTrove(m.settings.Cut, epoch, u, sequence)
	default:
		ch = t.apply(m.settings.Cut, epoch, u, sequence)
	}
	if ch.empty() {
		return
	}
	if sub.Tenant != u.Tenant { // nothing runs under the old tenant's subject any more
		old := out
		old.tenant, sub.Tenant = sub.Tenant, u.Tenant
		old.emit(&change{}, nil, emit)
	}
	out.emit(&ch, sub.running(), emit)
}

// metered reports whether a fact says anything about usage. Not all do: a BUILDPACK_SET of a build (v3) is information about a
// droplet, and a user-provided service instance is a note of credentials, with no plan and nothing that runs. A fact without a plan
// about an instance that had one (known) does: it may be its end.
func metered(u *events.Usage, known bool) bool {
	switch u.Kind {
	case events.KindStaging:
		return u.Event != events.EventBuildpackSet
	case events.KindService:
		return known || u.Footprint.Plan != "" || u.Footprint.PlanGUID != ""
	}
	return true
}

// Horizon moves the horizon of a source: everything up to h.Time is known. The spans of running resources are put out up to the last
// boundary that it has passed, subject by subject in a fixed order. It reports whether the horizon moved.
func (m *Meter) Horizon(h *events.Horizon, sequence uint64, emit func(*events.Metered)) bool {
	f := m.foundation(h.Source, h.Foundation)
	if !h.Time.After(f.Horizon) {
		return false
	}
	boundary := m.settings.Cut.floor(h.Time)
	crossed := boundary.After(f.Horizon)
	f.Horizon = h.Time
	cause := events.Cause{ID: h.ID, Sequence: sequence, Event: "horizon", Time: h.Time}
	for _, key := range f.due(crossed) {
		sub := f.Subjects[key]
		var ch change
		for _, t := range sub.Tracks {
			if t.Builds != nil {
				t.expireBuilds(&ch, m.settings.BuildTimeout, h.Time)
				t.settleBuilds(m.settings.Cut, &ch)
			}
			if crossed {
				t.advance(m.settings.Cut, &ch, boundary)
				if t.Trove != nil {
					t.Trove.advance(m.settings.Cut, &ch, boundary)
				}
			}
		}
		if !ch.empty() {
			out := message{source: h.Source, foundation: h.Foundation, key: key, tenant: sub.Tenant, cause: cause}
			out.emit(&ch, sub.running(), emit)
		}
		f.forget(key, sub)
	}
	return true
}

// due returns the subjects that a horizon concerns, sorted: all of them when it crossed a boundary, else those with builds.
func (f *foundation) due(crossed bool) []subjectKey {
	var keys []subjectKey
	for key := range f.Subjects {
		if crossed || key.Kind == events.KindStaging {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b subjectKey) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource))
	})
	return keys
}

// Accrued returns the running spans of a source as spans that end at its horizon: what has accrued since the last cut.
func (m *Meter) Accrued(source, name string) []events.Span {
	f := m.foundation(source, name)
	var out []events.Span
	for _, key := range f.due(true) {
		for _, t := range f.Subjects[key].Tracks {
			builds := slices.Clone(t.Builds)
			for i := range builds {
				if builds[i].Span.Running() {
					builds[i].Span.End = later(f.Horizon, builds[i].Span.Start)
				}
			}
			out = append(out, t.countBuilds(builds, time.Time{})...)
			if len(t.Builds) > 0 {
				continue
			}
			for _, span := range t.running(nil) {
				if span.Start.Before(f.Horizon) {
					span.End = f.Horizon
					out = append(out, span)
				}
			}
		}
	}
	return out
}

// Anomalies returns what is wrong with the Trove instances of a source, as their facts are known now, by instance. Unlike the
// anomalies of the Metered messages it leaves out what a later fact has put right. Cloud Foundry's anomalies are not state.
func (m *Meter) Anomalies(source, name string) []events.Anomaly {
	f := m.foundation(source, name)
	var out []events.Anomaly
	for _, key := range f.due(true) {
		for _, t := range f.Subjects[key].Tracks {
			if t.Trove != nil {
				out = append(out, t.Trove.Tracks.Anomalies...)
			}
		}
	}
	return out
}

// track returns the timeline of a resource, a new one if there is none.
func (s *subject) track(kind, resource string) *track {
	at, found := slices.BinarySearchFunc(s.Tracks, resource, func(t *track, r string) int { return cmp.Compare(t.Resource, r) })
	if !found {
		s.Tracks = slices.Insert(s.Tracks, at, &track{Kind: kind, Resource: resource})
	}
	return s.Tracks[at]
}

// running lists all that runs under the subject.
func (s *subject) running() []events.Span {
	var out []events.Span
	for _, t := range s.Tracks {
		out = t.running(out)
	}
	return out
}

// forget drops the subject's timelines that ended long before the horizon, and the subject when none is left.
func (f *foundation) forget(key subjectKey, s *subject) {
	s.Tracks = slices.DeleteFunc(s.Tracks, func(t *track) bool {
		if t.Trove == nil {
			return t.idle() && f.Horizon.Sub(t.Latest) > endedKept
		}
		over := len(t.Trove.running(nil)) == 0 && f.Horizon.Sub(t.Latest) > endedKeptTrove
		if over {
			f.Ended[t.Resource] = t.Latest
		}
		return over
	})
	if len(s.Tracks) == 0 {
		delete(f.Subjects, key)
	}
}

// message is the frame of the Metered messages that one cause has on one subject.
type message struct {
	source, foundation string
	key                subjectKey
	tenant             string
	cause              events.Cause
}

// emit puts out a change, in several parts if it is large.
func (o message) emit(ch *change, running []events.Span, emit func(*events.Metered)) {
	m := events.Metered{
		Source: o.source, Foundation: o.foundation, Tenant: o.tenant, Kind: o.key.Kind, Resource: o.key.Resource, Cause: o.cause,
		Running: running, Anomalies: ch.Anomalies,
	}
	if len(running) > events.MaxRunning {
		m.Running, m.RunningOmitted = running[:events.MaxRunning], uint32(len(running)-events.MaxRunning) //nolint:gosec // far below 2^32
	}
	o.identify(ch.Retracted)
	o.identify(ch.Closed)
	for part := 0; ; part++ {
		m.ID = events.ID("metered", o.cause.ID, o.tenant, o.key.Kind, o.key.Resource, strconv.Itoa(part))
		n := min(len(ch.Retracted), maxClosed)
		m.Retracted, ch.Retracted = ch.Retracted[:n], ch.Retracted[n:]
		n = min(len(ch.Closed), maxClosed-n)
		m.Closed, ch.Closed = ch.Closed[:n], ch.Closed[n:]
		emit(&m)
		if len(ch.Retracted)+len(ch.Closed) == 0 {
			return
		}
		m.Anomalies = nil
	}
}

// identify gives spans their ids, which depend on what they say and on nothing else: the same span has the same id whenever
// it is published or retracted.
func (o message) identify(spans []events.Span) {
	var scratch [512]byte
	for i := range spans {
		s := &spans[i]
		f := s.Footprint
		b := scratch[:0]
		for _, text := range []string{s.Tenant, f.ProcessType, f.Buildpack, f.BuildpackGUID, f.Plan, f.PlanGUID, f.Offering, f.OfferingGUID, f.Broker, f.BrokerGUID, f.Flavor, f.FlavorID} {
			b = append(append(b, text...), 0)
		}
		for _, count := range []events.Count{f.Instances, f.MemoryMB, f.VolumeGB} {
			if n, ok := count.Get(); ok {
				b = strconv.AppendUint(b, uint64(n), 10)
			}
			b = append(b, 0)
		}
		for _, t := range []time.Time{s.Start, s.End, s.Since} {
			b = append(events.AppendTime(b, t), 0)
		}
		s.ID = events.ID("span", o.source, o.foundation, s.Kind, s.Resource, string(b))
	}
}
