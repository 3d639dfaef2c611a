package projector

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file keeps what is known of the databases of Trove: the facts of one instance are a set,
// ordered by their own times. What follows from the set is derived anew, whole, whenever it is
// needed (trove_derive.go), and the difference between before and after is what a fact changed.
// Nothing that is kept depends on the order in which facts arrive.

// troveRules are what the timelines of a foundation's databases depend on beside their facts.
type troveRules struct {
	Source, Foundation string
	Cut                Cut
	Epoch              time.Time
	// Closed is the boundary before which months are closed; zero when none is.
	Closed time.Time
	// Groups are those who report databases; nil when absence is not judged.
	Groups *groups
}

// Limits of what is kept of one instance. A database has one publisher a task manager. A forgotten
// one that goes on being reported is listed as held once for each of its first facts.
const (
	maxPublishers = 32
	maxLate       = 16
)

// silentKept is how long, by the horizon, a database that went silent is remembered, in case that
// it comes back.
const silentKept = 400 * 24 * time.Hour

// instance is what is known of one Trove instance.
type instance struct {
	resource  string
	facts     []troveFact // all but exists, by time
	signs     []sign      // exists, thinned, by time
	decisions []decision  // the last about each hold, by hold
	// What all facts together say, whichever of them are kept.
	born       time.Time // the earliest created_at; zero if none was said
	tenant     string    // of the fact of the earliest time
	tenantAt   time.Time
	name       string // of the fact that was reported last
	nameAt     time.Time
	latest     time.Time // of all times that facts say
	lastSign   time.Time // when life was last reported
	lastSeen   time.Time // up to when the reports say that it lived
	publishers []reporter
	// steady is what the newest exists say while another one that says the same changes nothing;
	// nil when that is not known.
	steady *look
	// gone says that it is missing from the reports of a task manager that goes on reporting
	// others.
	gone bool
	// published is the boundary up to which open spans have been put out.
	published time.Time
	// ended is set on an instance that was settled and forgotten: the end of its last span. late
	// are the facts that came then.
	ended time.Time
	late  []lateFact
}

// troveFact is what the derivation needs of a fact.
type troveFact struct {
	id        string
	sequence  uint64
	event     string
	at        time.Time // boundary: created_at, modify_at, deleted_at; else the notification's timestamp
	observed  time.Time // the notification's timestamp, or `at` if it has none
	footprint events.Footprint
	oldVolume events.Count
	oldMemory events.Count
	noServer  bool
	created   time.Time
	// volumeUnknown: there is a volume, and the fact does not say how large it is.
	volumeUnknown bool
}

// sign is an exists notification: a sign of life. Of those of one day that say the same, the first
// and the last are kept, so that what is kept is bounded and does not depend on their order. What
// is lost with the others: when a change arrives late, that belongs between two signs of a day that
// say the same, and the change back was lost, then the change back counts from the last of them and
// not from the first that shows it, up to a day late.
type sign struct {
	at       int64 // the notification's timestamp, in nanoseconds of Unix time
	seen     int64 // up to when it says that the database lived
	sequence uint64
	look     *look
}

// look is what an exists says of the database.
type look struct {
	flavor, flavorID string
	built            bool // neither its state nor the lack of a server says that it was never made
}

func compareLooks(a, b *look) int {
	if a == b {
		return 0
	}
	rank := 0
	if a.built != b.built {
		rank = 1
		if !a.built {
			rank = -1
		}
	}
	return cmp.Or(cmp.Compare(a.flavorID, b.flavorID), cmp.Compare(a.flavor, b.flavor), rank)
}

func compareSigns(a, b *sign) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seen, b.seen), compareLooks(a.look, b.look))
}

// reporter is a task manager that reported the database, and when it last did.
type reporter struct {
	publisher string
	last      int64
}

// decision is an operator's word on one of the instance's holds.
type decision struct {
	hold, id  string
	at        time.Time
	release   bool
	footprint events.Footprint
}

// lateFact is a fact of an instance that had been forgotten.
type lateFact struct {
	id        string
	event     string
	at        time.Time
	footprint events.Footprint
}

func newInstance(resource string) *instance { return &instance{resource: resource} }

// entombed returns an instance that was forgotten, to which a fact has come after all. Its last
// span ended at `end`.
func entombed(resource string, end time.Time) *instance {
	return &instance{resource: resource, ended: end}
}

// add adds a fact to the set and puts out what it changed.
func (in *instance) add(r *troveRules, u *events.Usage, sequence uint64, ch *change) {
	if !in.ended.IsZero() {
		in.addLate(u, ch)
		return
	}
	if in.again(r, u) {
		in.note(u)
		in.addSign(u, sequence)
		in.judge(r, ch)
		return
	}
	before := in.derive(r)
	in.note(u)
	add := in.addFact
	if u.Event == events.EventTroveExists {
		add = in.addSign
	}
	if add(u, sequence) && r.Closed.After(effective(u)) {
		in.settle(r)
	}
	in.gone = in.missing(r)
	in.difference(r, ch, &before)
}

// again reports whether a fact is the newest exists and says what the last one said, so that it
// changes nothing but when the database was last seen. Most facts are such. One of a closed month
// may change which signs are kept.
func (in *instance) again(r *troveRules, u *events.Usage) bool {
	return u.Event == events.EventTroveExists && in.steady != nil && !in.gone && *in.steady == lookOf(u) &&
		reported(u).UnixNano() > in.signs[len(in.signs)-1].at && u.Tenant == in.tenant &&
		(u.Name == "" || u.Name == in.name) &&
		(u.Created.IsZero() || !u.Created.Before(in.born) && !in.born.IsZero()) && !r.Closed.After(effective(u))
}

func lookOf(u *events.Usage) look {
	return look{flavor: u.Footprint.Flavor, flavorID: u.Footprint.FlavorID, built: !u.NoServer && !building(u.State)}
}

// decide applies an operator's word and puts out what it changed; it takes the place of an earlier
// one about the same hold. It reports whether the instance can have the hold at all.
func (in *instance) decide(r *troveRules, d *events.Decision, ch *change) bool {
	if !in.canHold(r, d.Hold) {
		return false
	}
	before := in.derive(r)
	given := decision{hold: d.Hold, id: d.ID, at: d.Time, release: d.Action == events.ActionRelease,
		footprint: d.Footprint}
	at, found := slices.BinarySearchFunc(in.decisions, given, func(a, b decision) int {
		return cmp.Compare(a.hold,
			b.hold)
	})
	if found {
		in.decisions[at] = given
	} else {
		in.decisions = slices.Insert(in.decisions, at, given)
	}
	in.difference(r, ch, &before)
	return true
}

// judge looks anew whether the database is missing from the reports, and puts out what that
// changed.
func (in *instance) judge(r *troveRules, ch *change) {
	gone := in.missing(r)
	if gone == in.gone {
		return
	}
	before := in.derive(r)
	in.gone = gone
	in.difference(r, ch, &before)
}

func (in *instance) missing(r *troveRules) bool {
	return r.Groups != nil && !in.lastSign.IsZero() && r.Groups.missing(in.publishers, in.lastSign)
}

// note takes down what a fact says that does not depend on which facts are kept.
func (in *instance) note(u *events.Usage) {
	at, observed := u.Time, reported(u)
	if !u.Created.IsZero() && (in.born.IsZero() || u.Created.Before(in.born)) {
		in.born = u.Created
	}
	if first := effective(u); u.Tenant != "" {
		if c := first.Compare(in.tenantAt); in.tenant == "" || c < 0 || c == 0 && u.Tenant < in.tenant {
			in.tenant, in.tenantAt = u.Tenant, first
		}
	}
	if u.Name != "" {
		if c := observed.Compare(in.nameAt); in.name == "" || c > 0 || c == 0 && u.Name > in.name {
			in.name, in.nameAt = u.Name, observed
		}
	}
	in.latest = later(in.latest, at, observed)
	switch u.Event {
	case events.EventTroveDelete:
		return
	case events.EventTroveExists:
		in.lastSeen = later(in.lastSeen, at)
		in.reportedBy(u.Publisher, observed.UnixNano())
	default:
		in.lastSeen = later(in.lastSeen, at, observed)
	}
	in.lastSign = later(in.lastSign, observed)
}

// effective is when a fact counts: an exists proves the flavour at the moment of its report.
func effective(u *events.Usage) time.Time {
	if u.Event == events.EventTroveExists {
		return reported(u)
	}
	return u.Time
}

func (in *instance) reportedBy(publisher string, at int64) {
	if publisher == "" {
		return
	}
	i := slices.IndexFunc(in.publishers, func(p reporter) bool { return p.publisher == publisher })
	switch {
	case i < 0:
		in.publishers = append(in.publishers, reporter{publisher, at})
	case in.publishers[i].last >= at:
		return
	default:
		in.publishers[i].last = at
	}
	slices.SortFunc(in.publishers, func(a, b reporter) int {
		return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(a.publisher, b.publisher))
	})
	in.publishers = in.publishers[:min(len(in.publishers), maxPublishers)]
}

// addFact puts a fact other than exists in its place and reports whether it was new.
func (in *instance) addFact(u *events.Usage, sequence uint64) bool {
	if slices.ContainsFunc(in.facts, func(f troveFact) bool { return f.id == u.ID }) {
		return false
	}
	f := troveFact{
		id: u.ID, sequence: sequence, event: u.Event, at: u.Time, observed: reported(u), footprint: u.Footprint,
		oldVolume: u.OldVolumeGB, oldMemory: u.PreviousMemoryMB, noServer: u.NoServer, created: u.Created,
		volumeUnknown: u.VolumeUnknown,
	}
	at, _ := slices.BinarySearchFunc(in.facts, f, func(a, b troveFact) int {
		return cmp.Or(a.at.Compare(b.at), a.observed.Compare(b.observed), cmp.Compare(a.id, b.id))
	})
	in.facts = slices.Insert(in.facts, at, f)
	return true
}

const signBucket = int64(time.Hour)

// addSign puts an exists in its place, unless its hour has two that say the same around it, and
// reports whether it did.
func (in *instance) addSign(u *events.Usage, sequence uint64) bool {
	l := lookOf(u)
	s := sign{at: reported(u).UnixNano(), seen: min(u.Time.UnixNano(), reported(u).UnixNano()), sequence: sequence,
		look: in.look(l)}
	hour := floorDiv(s.at, signBucket) * signBucket
	first, last, same := 0, 0, 0
	from, _ := slices.BinarySearchFunc(in.signs, hour, func(x sign, at int64) int { return cmp.Compare(x.at, at) })
	for i := from; i < len(in.signs) && in.signs[i].at < hour+signBucket; i++ {
		if *in.signs[i].look != l {
			continue
		}
		if same == 0 {
			first = i
		}
		last = i
		same++
	}
	switch {
	case same == 0:
	case compareSigns(&s, &in.signs[first]) < 0:
		if same > 1 {
			in.signs = slices.Delete(in.signs, first, first+1)
		}
	case compareSigns(&s, &in.signs[last]) > 0:
		if same > 1 {
			in.signs = slices.Delete(in.signs, last, last+1)
		}
	default:
		return false
	}
	at, _ := slices.BinarySearchFunc(in.signs, s, func(a, b sign) int { return compareSigns(&a, &b) })
	in.signs = slices.Insert(in.signs, at, s)
	return true
}

// look returns l, or the equal one that a sign has already.
func (in *instance) look(l look) *look {
	for i := len(in.signs) - 1; i >= 0; i-- {
		if *in.signs[i].look == l {
			return in.signs[i].look
		}
	}
	return &l
}

// building reports whether a state is of an instance that has not become active.
func building(state string) bool {
	switch state {
	case "build", "building", "error", "failed", "new":
		return true
	}
	return false
}

// settle drops the signs of closed months that change nothing: those between two that say the same,
// with no other fact between them. The spans stay what they are, and what is kept of a closed month
// grows with its changes only.
func (in *instance) settle(r *troveRules) {
	if r.Closed.IsZero() || len(in.signs) < 3 {
		return
	}
	d := troveDerivation{in: in, rules: r}
	evidence := map[uint64]bool{}
	if d.life() {
		for _, s := range d.flavours() {
			evidence[s.evidence] = true
		}
	}
	for _, sequence := range append(d.doubtful, d.revenant) {
		evidence[sequence] = true
	}
	closed := r.Closed.UnixNano()
	kept := in.signs[:1]
	for i := 1; i < len(in.signs); i++ {
		s := in.signs[i]
		middle := i+1 < len(in.signs) && s.at < closed && !evidence[s.sequence] && *in.signs[i-1].look == *s.look &&
			*in.signs[i+1].look == *s.look &&
			!in.between(in.signs[i-1].at, in.signs[i+1].at)
		if !middle {
			kept = append(kept, s)
		}
	}
	clear(in.signs[len(kept):])
	in.signs = kept
}

// between reports whether a fact other than exists counts, or was reported, between two times.
func (in *instance) between(from, to int64) bool {
	return slices.ContainsFunc(in.facts, func(f troveFact) bool {
		at, observed := f.at.UnixNano(), f.observed.UnixNano()
		return from <= at && at <= to || from <= observed && observed <= to || at <= from && to <= observed
	})
}

// addLate is add for an instance that was forgotten: what it was billed is published and can no
// longer be derived.
func (in *instance) addLate(u *events.Usage, ch *change) {
	in.latest = later(in.latest, u.Time, u.Observed)
	end := events.FormatTime(in.ended)
	if u.Event == events.EventTroveExists {
		code, text := events.AnomalyClosedPeriod, "the timeline, which ended at %s, had been closed and settled; "+
			"nothing is metered anew"
		if u.Time.After(in.ended) {
			code, text = events.AnomalyAfterDelete, "the instance was deleted at %s; the deletion stands, and "+
				"nothing is metered"
		}
		ch.anomaly(code, in.resource, u.Time, "exists reported "+
			"at "+events.FormatTime(reported(u))+": "+fmt.Sprintf(text, end))
		return
	}
	if slices.ContainsFunc(in.late, func(f lateFact) bool { return f.id == u.ID }) {
		return
	}
	ch.anomaly(events.AnomalyClosedPeriod, in.resource, u.Time, fmt.Sprintf(
		"%s of %s came when the timeline, which ended at %s, had been closed and settled: what was billed stands",
		u.Event, events.FormatTime(u.Time), end))
	if len(in.late) < maxLate {
		in.late = append(in.late, lateFact{id: u.ID, event: u.Event, at: u.Time, footprint: u.Footprint})
		ch.Held = true
	}
}

// difference puts out what changed between a derivation before and one of what is known.
func (in *instance) difference(r *troveRules, ch *change, before *troveTracks) {
	d := troveDerivation{in: in, rules: r}
	after := d.derive()
	in.steady = nil
	if n := len(in.signs); n > 0 && d.end.IsZero() && d.steady == in.signs[n-1].look {
		in.steady = d.steady
	}
	same := func(a, b *events.Span) bool { return keyOf(a) == keyOf(b) }
	for _, kind := range []string{events.KindInstance, events.KindVolume} {
		old, now := spansOf(before.Spans, kind), spansOf(after.Spans, kind)
		// What stands the same at the beginning and at the end needs no look at its pieces.
		for len(old) > 0 && len(now) > 0 && same(&old[0], &now[0]) {
			old, now = old[1:], now[1:]
		}
		for len(old) > 0 && len(now) > 0 && same(&old[len(old)-1], &now[len(now)-1]) {
			old, now = old[:len(old)-1], now[:len(now)-1]
		}
		in.exchange(r.Cut, ch, old, now)
	}
	for _, a := range after.Anomalies {
		if !slices.ContainsFunc(before.Anomalies, func(b events.Anomaly) bool {
			return a.Code == b.Code &&
				a.Time.Equal(b.Time)
		}) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	ran, run := in.runningOf(nil, before.Spans), in.runningOf(nil, after.Spans)
	ch.Running = ch.Running || !slices.EqualFunc(ran, run, func(a, b events.Span) bool {
		return same(&a, &b) &&
			a.Name == b.Name
	})
	ch.Held = ch.Held || !slices.Equal(before.Holds, after.Holds)
}

// exchange retracts the published pieces of `old` that are not those of `now`, and puts out the
// others.
func (in *instance) exchange(cut Cut, ch *change, old, now []events.Span) {
	var from time.Time // up to here the pieces of the first spans are the same
	if len(old) > 0 && len(now) > 0 && old[0].Start.Equal(now[0].Start) &&
		keyOf(&old[0]).opening() == keyOf(&now[0]).opening() {
		end := in.end(&old[0])
		if e := in.end(&now[0]); e.Before(end) {
			end = e
		}
		from = cut.floor(end.Add(-1)) // before this boundary no piece is the last one
	}
	was, is := in.pieces(cut, old, from), in.pieces(cut, now, from)
	had := make(map[spanKey]bool, len(was))
	for i := range was {
		had[keyOf(&was[i])] = true
	}
	for i := range is {
		if k := keyOf(&is[i]); had[k] {
			delete(had, k)
		} else {
			ch.Closed = append(ch.Closed, is[i])
		}
	}
	for i := range was {
		if had[keyOf(&was[i])] {
			ch.Retracted = append(ch.Retracted, was[i])
		}
	}
}

// spansOf returns the spans of a kind, which stand together.
func spansOf(spans []events.Span, kind string) []events.Span {
	from := slices.IndexFunc(spans, func(s events.Span) bool { return s.Kind == kind })
	if from < 0 {
		return nil
	}
	to := from
	for to < len(spans) && spans[to].Kind == kind {
		to++
	}
	return spans[from:to]
}

// spanKey is what makes two spans the same for the ledger. Times are compared as instants.
type spanKey struct {
	kind              string
	start, end, since int64
	running           bool
	footprint         events.Footprint
	tenant            string
	flags             events.Flags
}

func keyOf(s *events.Span) spanKey {
	k := spanKey{
		kind: s.Kind, start: s.Start.UnixNano(), since: s.Since.UnixNano(), running: s.Running(),
		footprint: s.Footprint,
		tenant:    s.Tenant, flags: s.Flags,
	}
	if !k.running {
		k.end = s.End.UnixNano()
	}
	return k
}

// opening is the key without what the end says.
func (k spanKey) opening() spanKey {
	k.end, k.running, k.flags = 0, false, k.flags&events.InferredStart
	return k
}

// end is where a span ends, or up to where it has been put out while it runs.
func (in *instance) end(s *events.Span) time.Time {
	if s.Running() {
		return in.published
	}
	return s.End
}

// pieces cuts the spans, the open ones up to the published boundary, and leaves out the pieces of
// the first span that end at `from` or before.
func (in *instance) pieces(cut Cut, spans []events.Span, from time.Time) []events.Span {
	var out []events.Span
	for i := range spans {
		start := spans[i].Start
		if i == 0 {
			start = later(start, from)
		}
		out = cutSpan(cut, out, &spans[i], start, in.end(&spans[i]))
	}
	return out
}

// cutSpan appends the pieces of a span in [from, to). The flags say of the first piece how the span
// began, and of the last how it ended.
func cutSpan(cut Cut, out []events.Span, s *events.Span, from, to time.Time) []events.Span {
	first := len(out)
	out = cut.divide(out, s, from, to)
	for i := first; i < len(out); i++ {
		p := &out[i]
		if p.Start.After(s.Start) {
			p.Flags &^= events.InferredStart
		}
		if !p.End.Equal(s.End) {
			p.Flags &^= events.InferredEnd | events.ProvisionalEnd
		}
	}
	return out
}

// advance puts out the pieces of the open spans up to boundary `to`.
func (in *instance) advance(r *troveRules, ch *change, to time.Time) {
	if !to.After(in.published) {
		return
	}
	tracks := in.derive(r)
	for i := range tracks.Spans {
		s := &tracks.Spans[i]
		if s.Running() && s.Start.Before(to) {
			ch.Closed = cutSpan(r.Cut, ch.Closed, s, later(s.Start, in.published), to)
			ch.Running = true
		}
	}
	in.published = to
}

// running appends the running spans, from the last cut on.
func (in *instance) running(r *troveRules, out []events.Span) []events.Span {
	return in.runningOf(out, in.derive(r).Spans)
}

func (in *instance) runningOf(out, spans []events.Span) []events.Span {
	for _, s := range spans {
		if !s.Running() {
			continue
		}
		if in.published.After(s.Start) {
			s.Start = in.published
			s.Flags &^= events.InferredStart
		}
		out = append(out, s)
	}
	return out
}

// held appends what is held, by kind and start.
func (in *instance) held(r *troveRules, out []events.Hold) []events.Hold {
	return append(out, in.derive(r).Holds...)
}

// anomalies returns what is wrong, as it is known by what has come in.
func (in *instance) anomalies(r *troveRules) []events.Anomaly { return in.derive(r).Anomalies }

// forgettable reports whether nothing more is to be expected of the instance and nothing is open:
// it ended before what is closed. entomb says that a fact that comes nevertheless must not bring it
// back to life; it ended at `end`.
func (in *instance) forgettable(r *troveRules, horizon time.Time) (end time.Time, entomb, ok bool) {
	if !in.ended.IsZero() {
		return in.ended, true, len(in.derive(r).Holds) == 0
	}
	if !in.latest.Before(r.Closed) {
		return time.Time{}, false, false
	}
	d := troveDerivation{in: in, rules: r}
	tracks := d.derive()
	if len(tracks.Holds) > 0 || slices.ContainsFunc(tracks.Spans, func(s events.Span) bool { return s.Running() }) {
		return time.Time{}, false, false
	}
	if d.provisional && horizon.Sub(in.latest) < silentKept {
		return time.Time{}, false, false
	}
	return d.end, !d.end.IsZero(), true
}
