package projector_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/internal/rederive"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// clock reads "15:04", "15:04:05" or either after "01-02 ": times in 2026, on 1 March where no day
// is given.
func clock(s string) time.Time {
	if !strings.Contains(s, " ") {
		s = "03-01 " + s
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, "2026-"+s); err == nil {
			return t
		}
	}
	panic("not a time: " + s)
}

// short is the opposite of clock.
func short(t time.Time) string {
	s := t.Format("01-02 15:04:05.999999")
	s = strings.TrimPrefix(s, "03-01 ")
	return strings.TrimSuffix(s, ":00")
}

// detail is a property of a fact beyond its event and time.
type detail func(*events.Usage)

func size(instances, memory uint32) detail {
	return func(u *events.Usage) {
		u.Footprint.Instances, u.Footprint.MemoryMB = events.Some(instances), events.Some(memory)
	}
}

func buildpack(name string) detail {
	return func(u *events.Usage) { u.Footprint.Buildpack, u.Footprint.BuildpackGUID = name, "" }
}

// previous is the state before a fact. STARTED says no size before, unless was or unchanged does.
func previous(state string) detail {
	return func(u *events.Usage) {
		u.Previous = state
		u.NoPreviousInstances = state == "STARTED" && !u.PreviousInstances.Known()
		u.NoPreviousMemory = state == "STARTED" && !u.PreviousMemoryMB.Known()
	}
}

// unchanged says that a process was STARTED before a fact, with the same size.
func unchanged(u *events.Usage) {
	u.Previous, u.NoPreviousInstances, u.NoPreviousMemory = "STARTED", false, false
}

// reseeded makes a fact a row of a purge and reseed.
func reseeded(u *events.Usage) {
	unchanged(u)
	u.Reseeded, u.Footprint.ProcessType = true, ""
}

func named(name string) detail    { return func(u *events.Usage) { u.Name = name } }
func process(guid string) detail  { return func(u *events.Usage) { u.Resource = guid } }
func tenant(guid string) detail   { return func(u *events.Usage) { u.Tenant = guid } }
func processType(t string) detail { return func(u *events.Usage) { u.Footprint.ProcessType = t } }

func fact(kind, event, at string, details []detail) *events.Usage {
	u := events.Usage{
		Source: events.SourceCF, Foundation: "eu", Tenant: "org", Kind: kind, Resource: "P", App: "A", Event: event,
		Time:  clock(at),
		Space: "S", SpaceName: "dev", Name: "shop",
	}
	for _, d := range details {
		d(&u)
	}
	return &u
}

// app is a fact of process P of app A: 1 × 1024 MB unless said.
func app(event, at string, details ...detail) *events.Usage {
	return fact(events.KindApp, event, at, append([]detail{size(1, 1024), processType("web")}, details...))
}

// task is a fact of task T of app A.
func task(event, at string, details ...detail) *events.Usage {
	return fact(events.KindTask, event, at, append([]detail{size(1, 256), process("T")}, details...))
}

// late says that a fact was found late: directly after the fact with the sequence.
func late(after uint64) detail {
	return func(u *events.Usage) { u.AfterGUID, u.AfterSequence = fmt.Sprint("guid", after), after }
}

// was is the size before a fact.
func was(instances, memory uint32) detail {
	return func(u *events.Usage) {
		u.PreviousInstances, u.PreviousMemoryMB = events.Some(instances), events.Some(memory)
		u.NoPreviousInstances, u.NoPreviousMemory = false, false
	}
}

// scaledFrom says that a process was STARTED before a fact, with another number of instances.
func scaledFrom(instances uint32) detail {
	return func(u *events.Usage) {
		previous("STARTED")(u)
		was(instances, 1024)(u)
	}
}

// listed says that a rescan found the event again.
func listed(at string) detail { return func(u *events.Usage) { u.Listed = clock(at) } }

// build is a fact of the builds of app A.
func build(event, at string, details ...detail) *events.Usage {
	return fact(events.KindStaging, event, at, append([]detail{size(1, 1024), process("A")}, details...))
}

// service is a fact of service instance D on a plan; "" is a user-provided one.
func service(event, at, plan string, details ...detail) *events.Usage {
	u := fact(events.KindService, event, at, nil)
	u.Resource, u.App = "D", ""
	if plan != "" {
		u.Footprint = events.Footprint{
			Plan: plan, PlanGUID: plan + "-guid", Offering: "postgres", OfferingGUID: "postgres-guid", Broker: "broker",
			BrokerGUID: "broker-guid",
		}
	}
	for _, d := range details {
		d(u)
	}
	return u
}

// books feed a meter and hold it to its promises about METERED.
type books struct {
	meter     *projector.Meter
	sequence  uint64
	horizon   map[string]time.Time
	net       map[string]events.Span // published and not retracted
	wrong     []string               // promises broken
	anomalies []events.Anomaly
	last      events.Metered // the last message, with all that runs and is held under its subject
	standing  map[string]*standing.Subject
	stream    []byte // all messages
	retracted int
	inputs    []rederive.Input // facts and decisions
	remembers bool             // the meter reads again what it has folded
	lacks     string           // why it cannot
	again     map[string]bool  // resources of which it has
}

func newMeter(cfg projector.Config) *projector.Meter {
	m, err := projector.NewMeter(cfg)
	if err != nil {
		panic(err)
	}
	m.Catalogued()
	return m
}

// collected moves a horizon, and closes the months that close by themselves.
func collected(m *projector.Meter, h *events.Horizon, sequence uint64, emit func(*events.Metered)) (time.Time, bool) {
	all, moved := m.Horizon(h, sequence, emit)
	m.CloseDue(events.Cause{ID: h.ID, Sequence: sequence, Event: "horizon"}, func(*events.Closing) {})
	return all, moved
}

// grace has months close so long after their end.
func grace(m *projector.Meter, after time.Duration) {
	if err := m.Month(&events.Act{
		Kind: events.ActGrace, Month: events.Month{GraceSeconds: uint32(after / time.Second)},
	}, 0, func(*events.Closing) {}); err != nil {
		panic(err)
	}
}

// neverClose has months close by hand alone.
func neverClose(m *projector.Meter) {
	if err := m.Month(&events.Act{
		Kind: events.ActMode, Month: events.Month{Mode: events.ModeManual},
	}, 0, func(*events.Closing) {}); err != nil {
		panic(err)
	}
}

func newBooks(s projector.Config) *books {
	return &books{meter: newMeter(s), net: map[string]events.Span{}, horizon: map[string]time.Time{}}
}

// told is a meter without cuts after facts.
func told(facts ...*events.Usage) *books {
	return newBooks(projector.Config{Cut: timeline.CutNone}).tell(facts...)
}

func (b *books) tell(facts ...*events.Usage) *books {
	for _, u := range facts {
		b.sequence++
		if u.ID == "" {
			u.ID = events.ID("test", fmt.Sprint(b.sequence))
		}
		b.fact(u, b.post)
	}
	return b
}

func (b *books) reach(at string) *books { return b.reachTime(events.SourceCF, clock(at)) }

func (b *books) reachTime(source string, at time.Time) *books {
	b.sequence++
	h := events.Horizon{ID: events.ID("horizon", fmt.Sprint(b.sequence)), Source: source, Foundation: "eu", Time: at}
	if _, moved := collected(b.meter, &h, b.sequence, b.post); moved {
		b.horizon[source] = at
	}
	return b
}

// settled says how far a collector has come, and up to when it looks for late facts no more.
func (b *books) settled(at, settled string) *books {
	b.sequence++
	h := events.Horizon{
		ID: events.ID("horizon", fmt.Sprint(b.sequence)), Source: events.SourceCF, Foundation: "eu", Time: clock(at),
		Settled: clock(settled),
	}
	collected(b.meter, &h, b.sequence, b.post)
	b.horizon[events.SourceCF] = clock(at)
	return b
}

// gap says that facts of a list may be missing; from "" is since ever.
func (b *books) gap(list, from, to string) *books {
	g := events.Gap{Source: events.SourceCF, Foundation: "eu", List: list, To: clock(to), Reason: "pruned"}
	if from != "" {
		g.From = clock(from)
	}
	return b.miss(&g)
}

func (b *books) miss(g *events.Gap) *books {
	b.sequence++
	if g.ID == "" {
		g.ID = events.ID("gap", fmt.Sprint(b.sequence))
	}
	b.meter.Gap(g, b.sequence, b.post)
	return b
}

// decide says a word on the first hold of the last message.
func (b *books) say(action string, details ...func(*events.Decision)) *books {
	h := b.last.Held[0]
	return b.sayOn(h.ID, action, details...)
}

func (b *books) sayOn(hold, action string, details ...func(*events.Decision)) *books {
	b.sequence++
	d := events.Act{
		ID: events.ID("decision", fmt.Sprint(b.sequence)), Kind: events.ActDecision, Source: b.last.Source,
		Foundation: "eu", Time: clock("12:00"),
		Decision: events.Decision{Kind: b.last.Kind, Resource: b.last.Resource, Hold: hold, Action: action},
	}
	for _, change := range details {
		change(&d.Decision)
	}
	if !b.word(&d, b.post) {
		b.wrong = append(b.wrong, "no hold "+hold)
	}
	return b
}

func (b *books) post(m *events.Metered) {
	subject := subjectOf(m)
	if subject != subjectOf(&b.last) || m.Cause.Sequence != b.last.Cause.Sequence {
		b.count()
	}
	b.stream = append(m.AppendJSON(b.stream), '\n')
	for i := range m.Retracted {
		s := &m.Retracted[i]
		if was, ok := b.net[s.ID]; !ok {
			b.wrong = append(b.wrong, "retracted but not published: "+line(s))
		} else if !reflect.DeepEqual(was, *s) {
			b.wrong = append(b.wrong, fmt.Sprintf("published as %+v, and retracted as %+v", was, *s))
		}
		delete(b.net, s.ID)
		b.retracted++
	}
	for _, s := range m.Closed {
		if _, ok := b.net[s.ID]; ok {
			b.wrong = append(b.wrong, "published twice: "+line(&s))
		}
		if !s.Start.Before(s.End) || s.Since.After(s.Start) || s.ID == "" || len(s.Evidence) == 0 ||
			!slices.IsSorted(s.Evidence) || s.Publication != "" {
			b.wrong = append(b.wrong, "malformed: "+line(&s))
		}
		s.Evidence = slices.Clone(s.Evidence)
		s.Publication, s.Correction = m.ID, m.Correction
		b.net[s.ID] = s
	}
	b.anomalies = append(b.anomalies, m.Anomalies...)
	b.last = *m
	if b.standing == nil {
		b.standing = map[string]*standing.Subject{}
	}
	if b.standing[subject] == nil {
		b.standing[subject] = &standing.Subject{}
	}
	b.standing[subject].Apply(m)
	b.standing[subject].List(&b.last)
	for _, h := range m.Held {
		if h.ID == "" || h.Reason == "" || !h.End.IsZero() && h.End.Before(h.Start) {
			b.wrong = append(b.wrong, "malformed hold: "+heldPart(&h))
		}
	}
	if !slices.IsSortedFunc(b.last.Running, func(x, y events.Span) int {
		return cmp.Or(cmp.Compare(x.Resource, y.Resource), cmp.Compare(x.Kind, y.Kind))
	}) {
		b.wrong = append(b.wrong, "running spans out of order")
	}
}

// count holds the listing of a subject to its numbers, behind the last message of an input: the
// ones before it count what it lists.
func (b *books) count() {
	s := b.standing[subjectOf(&b.last)]
	switch {
	case s == nil:
	case len(b.last.Running) < s.Running():
		b.wrong = append(b.wrong, "something runs that no message lists")
	case len(b.last.Running) > s.Running() || len(b.last.Held) > s.Held():
		b.wrong = append(b.wrong, "something is listed that neither runs nor is held")
	}
}

// spans are the net spans in order.
func (b *books) spans() []events.Span {
	b.count()
	var out []events.Span
	for _, s := range b.net {
		out = append(out, s)
	}
	sortSpans(out)
	for i := 1; i < len(out); i++ {
		if p := &out[i-1]; p.Kind == out[i].Kind && p.Resource == out[i].Resource && p.End.After(out[i].Start) {
			b.wrong = append(b.wrong, "overlap: "+line(p)+" and "+line(&out[i]))
		}
	}
	return out
}

func sortSpans(spans []events.Span) {
	slices.SortFunc(spans, func(x, y events.Span) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Resource, y.Resource), x.Start.Compare(y.Start))
	})
}

// closed are the net spans as lines; running are the spans of the last message.
func (b *books) closed() []string {
	out := lines(b.spans())
	ExpectWithOffset(1, b.wrong).To(BeEmpty())
	return out
}
func (b *books) running() []string { return lines(b.last.Running) }

// held are the holds of the last message, as lines.
func (b *books) held() []string {
	out := []string{}
	for i := range b.last.Held {
		out = append(out, heldPart(&b.last.Held[i]))
	}
	return out
}

func heldPart(h *events.Hold) string {
	s := events.Span{
		Kind: h.Kind, Resource: h.Resource, Start: h.Start, End: h.End, Since: h.Start,
		Footprint: h.Footprint,
	}
	return line(&s) + " " + h.Code
}

func (b *books) codes() []string {
	out := []string{}
	for _, a := range b.anomalies {
		out = append(out, a.Code)
	}
	return out
}

// withAccrued are the net spans with the accrued ones up to the horizon.
func (b *books) withAccrued() []events.Span {
	all := b.spans()
	for source := range b.horizon {
		all = append(all, b.meter.Accrued(source, "eu")...)
	}
	return all
}

// whole are the net and accrued spans, pieces of one span joined.
func (b *books) whole() []events.Span { return joined(b.withAccrued()) }

func joined(all []events.Span) []events.Span {
	sortSpans(all)
	var out []events.Span
	for _, s := range all {
		if n := len(out) - 1; n >= 0 {
			if p := &out[n]; p.Kind == s.Kind && p.Resource == s.Resource && p.End.Equal(s.Start) &&
				p.Since.Equal(s.Since) && p.Footprint == s.Footprint && (s.Kind == events.KindInstance ||
				s.Kind == events.KindVolume || p.Flags == s.Flags) {
				p.End, p.Flags = s.End, p.Flags&events.InferredStart|s.Flags&^events.InferredStart
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

func lines(spans []events.Span) []string {
	out := []string{}
	for i := range spans {
		out = append(out, line(&spans[i]))
	}
	return out
}

// place is where a database is, for people: " mysql/r/a".
func place(f events.Footprint) string {
	if f.Datastore+f.Region+f.AvailabilityZone == "" {
		return ""
	}
	return " " + f.Datastore + "/" + f.Region + "/" + f.AvailabilityZone
}

// line is a span for people: "P 10:00-11:00 2x512 ruby", and its flags.
func line(s *events.Span) string {
	text := s.Resource + " " + short(s.Start) + "-"
	if !s.Running() {
		text += short(s.End)
	}
	f := s.Footprint
	switch s.Kind {
	case events.KindService:
		text += " " + f.Plan
	case events.KindInstance:
		text += " " + cmp.Or(f.Flavor, f.FlavorID)
		if n, ok := f.MemoryMB.Get(); ok {
			text += fmt.Sprintf(" %d MB", n)
		}
		text += place(f)
	case events.KindVolume:
		text += fmt.Sprintf(" %d GB", f.VolumeGB.Or(0)) + place(f)
	default:
		text += fmt.Sprintf(" %dx%d", f.Instances.Or(0), f.MemoryMB.Or(0))
		if f.Buildpack != "" {
			text += " " + f.Buildpack
		}
	}
	if !s.Since.Equal(s.Start) {
		text += " since " + short(s.Since)
	}
	return strings.Join(append([]string{text}, s.Flags.Names()...), " ")
}
