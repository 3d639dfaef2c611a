package trove

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file keeps the facts of databases: the facts of one instance are a set, ordered by their own
// times. Everything else is derived from the whole set whenever it is needed (derive.go), and the
// effect of a fact is the difference between before and after. The state does not depend on the
// order of arrival.

// Limits of the memory of one instance. A database has one publisher a task manager. A forgotten
// one with further reports is listed as held once for each of its first facts.
const (
	maxPublishers = 32
	maxLate       = 16
)

// missingKept is the time, by the horizon, for which a missing database is remembered, in case it
// comes back.
const missingKept = 400 * 24 * time.Hour

// instance is the timeline of one Trove instance.
type instance struct {
	rules     *Foundation
	resource  string
	facts     []fact   // all but exists, by time
	reports   []report // exists, thinned, by time
	decisions timeline.Decisions

	observations timeline.Observations
	// The result of all facts together, kept or not.
	born       time.Time // the earliest created_at; zero if none was said
	tenant     string    // of the fact of the earliest time
	tenantAt   time.Time
	name       string // of the fact reported last
	nameAt     time.Time
	latest     time.Time // of all times in facts
	lastReport time.Time // when life was last reported
	lastSeen   time.Time // up to when reports prove its life
	publishers []reporter
	// stable is the content of the newest report while an equal report changes nothing; nil when
	// that is unknown.
	stable *content
	// gone is set while it is missing from the reports of a task manager.
	gone bool
	// published is the boundary up to which open spans have been put out.
	published time.Time
	// ended is set on an instance that was closed and forgotten: the end of its last span. late are
	// the facts since.
	ended time.Time
	late  []timeline.LateFact
}

// fact is a fact as the derivation needs it.
type fact struct {
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

// report is an exists notification: evidence of life. Of equal reports of an hour the first and the
// last are kept, so that memory is bounded and the order of arrival does not matter. One case is
// lost with the others: a change arrives late, belongs between two equal reports of an hour, and
// the change back was lost. The change back then counts from the last of the two, up to an hour
// late.
type report struct {
	at       int64 // the notification's timestamp, in nanoseconds of Unix time
	seen     int64 // up to when it proves life
	sequence uint64
	content  *content
}

// content is the content of an exists.
type content struct {
	flavor, flavorID string
	place            place
	built            bool // its state or its server proves that it was made
}

func compareContents(a, b *content) int {
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
	p, q := &a.place, &b.place
	return cmp.Or(cmp.Compare(a.flavorID, b.flavorID), cmp.Compare(a.flavor, b.flavor), rank,
		cmp.Compare(p.datastore, q.datastore), cmp.Compare(p.datastoreID, q.datastoreID),
		cmp.Compare(p.region, q.region), cmp.Compare(p.zone, q.zone))
}

func compareReports(a, b *report) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seen, b.seen), compareContents(a.content, b.content))
}

// reporter is a task manager with the time of its last report of the database.
type reporter struct {
	publisher string
	last      int64
}

// Add implements timeline.Timeline.
func (in *instance) Add(u *events.Usage, sequence uint64, ch *timeline.Change) {
	in.add(u, sequence, ch)
	ch.Tenant = cmp.Or(in.tenant, u.Tenant)
}

// add adds a fact to the set and puts out its effect.
func (in *instance) add(u *events.Usage, sequence uint64, ch *timeline.Change) {
	if !in.ended.IsZero() {
		in.addLate(u, ch)
		return
	}
	if in.again(u) {
		in.note(u)
		in.addReport(u, sequence)
		in.judge(ch)
		return
	}
	before := in.derive()
	in.note(u)
	add := in.addFact
	if u.Event == events.EventTroveExists {
		add = in.addReport
	}
	if add(u, sequence) && in.rules.folded().After(effective(u)) {
		in.thin()
	}
	in.gone = in.missing()
	in.difference(ch, &before)
}

// again reports whether a fact is the newest exists with the content of the last one: it only moves
// the time when the database was last seen. Most facts are such. In a closed month a fact may
// change the reports that are kept.
func (in *instance) again(u *events.Usage) bool {
	return u.Event == events.EventTroveExists && in.stable != nil && !in.gone && len(in.observations) == 0 &&
		*in.stable == contentOf(u) &&
		reported(u).UnixNano() > in.reports[len(in.reports)-1].at && u.Tenant == in.tenant &&
		(u.Name == "" || u.Name == in.name) &&
		(u.Created.IsZero() || !u.Created.Before(in.born) && !in.born.IsZero()) &&
		!in.rules.folded().After(effective(u))
}

func contentOf(u *events.Usage) content {
	return content{
		flavor: u.Footprint.Flavor, flavorID: u.Footprint.FlavorID, place: placeOf(&u.Footprint),
		built: !u.NoServer && !building(u.State),
	}
}

// Decide implements timeline.Timeline.
func (in *instance) Decide(d *events.Act, ch *timeline.Change) bool {
	if !in.canHold(d.Decision.Hold) {
		return false
	}
	before := in.derive()
	in.decisions.Put(d)
	in.difference(ch, &before)
	return true
}

// judge finds whether the database is missing from the reports, and puts out the effect.
func (in *instance) judge(ch *timeline.Change) {
	gone := in.missing()
	if gone == in.gone {
		return
	}
	before := in.derive()
	in.gone = gone
	in.difference(ch, &before)
}

func (in *instance) missing() bool {
	return in.rules.groups.windows > 0 && !in.lastReport.IsZero() && in.rules.groups.missing(in.publishers,
		in.lastReport)
}

// note takes down the part of a fact that is kept of all facts together.
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
	in.latest = timeline.Later(in.latest, at, observed)
	switch u.Event {
	case events.EventTroveDelete, events.EventRetired:
		return
	case events.EventTroveExists:
		in.lastSeen = timeline.Later(in.lastSeen, at)
		in.reportedBy(u.Publisher, observed.UnixNano())
	default:
		in.lastSeen = timeline.Later(in.lastSeen, at, observed)
	}
	in.lastReport = timeline.Later(in.lastReport, observed)
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
	if slices.ContainsFunc(in.facts, func(f fact) bool { return f.id == u.ID }) {
		return false
	}
	f := fact{
		id: u.ID, sequence: sequence, event: u.Event, at: u.Time, observed: reported(u), footprint: u.Footprint,
		oldVolume: u.OldVolumeGB, oldMemory: u.PreviousMemoryMB, noServer: u.NoServer, created: u.Created,
		volumeUnknown: u.VolumeUnknown,
	}
	at, _ := slices.BinarySearchFunc(in.facts, f, func(a, b fact) int {
		return cmp.Or(a.at.Compare(b.at), a.observed.Compare(b.observed), cmp.Compare(a.id, b.id))
	})
	in.facts = slices.Insert(in.facts, at, f)
	return true
}

const reportBucket = int64(time.Hour)

// addReport puts an exists in its place, unless its hour has two equal ones around it, and reports
// whether it did.
func (in *instance) addReport(u *events.Usage, sequence uint64) bool {
	l := contentOf(u)
	s := report{
		at: reported(u).UnixNano(), seen: min(u.Time.UnixNano(), reported(u).UnixNano()), sequence: sequence,
		content: in.content(l),
	}
	hour := floorDiv(s.at, reportBucket) * reportBucket
	first, last, same := 0, 0, 0
	from, _ := slices.BinarySearchFunc(in.reports, hour, func(x report, at int64) int { return cmp.Compare(x.at, at) })
	for i := from; i < len(in.reports) && in.reports[i].at < hour+reportBucket; i++ {
		if *in.reports[i].content != l {
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
	case compareReports(&s, &in.reports[first]) < 0:
		if same > 1 {
			in.reports = slices.Delete(in.reports, first, first+1)
		}
	case compareReports(&s, &in.reports[last]) > 0:
		if same > 1 {
			in.reports = slices.Delete(in.reports, last, last+1)
		}
	default:
		return false
	}
	at, _ := slices.BinarySearchFunc(in.reports, s, func(a, b report) int { return compareReports(&a, &b) })
	in.reports = slices.Insert(in.reports, at, s)
	return true
}

// content returns l, or an equal one of a report.
func (in *instance) content(l content) *content {
	for i := len(in.reports) - 1; i >= 0; i-- {
		if *in.reports[i].content == l {
			return in.reports[i].content
		}
	}
	return &l
}

// building reports whether a state is before an instance's activity.
func building(state string) bool {
	switch state {
	case "build", "building", "error", "failed", "new":
		return true
	}
	return false
}

// thin drops the reports of closed months between two equal ones, with no other fact between them.
// The spans stay, and the memory of a closed month grows with its changes only.
func (in *instance) thin() {
	if in.rules.folded().IsZero() || len(in.reports) < 3 {
		return
	}
	d := derivation{in: in}
	evidence := map[uint64]bool{}
	if d.life() {
		for _, s := range d.flavours() {
			evidence[s.evidence] = true
		}
		for _, s := range d.stays() {
			evidence[s.evidence] = true
		}
	}
	for _, sequence := range append(d.unproven, d.reappeared) {
		evidence[sequence] = true
	}
	folded := in.rules.folded().UnixNano()
	kept := in.reports[:1]
	for i := 1; i < len(in.reports); i++ {
		s := in.reports[i]
		middle := i+1 < len(in.reports) && s.at < folded && !evidence[s.sequence] &&
			*in.reports[i-1].content == *s.content &&
			*in.reports[i+1].content == *s.content &&
			!in.between(in.reports[i-1].at, in.reports[i+1].at)
		if !middle {
			kept = append(kept, s)
		}
	}
	clear(in.reports[len(kept):])
	in.reports = kept
}

// between reports whether a fact other than exists counts, or was reported, between two times.
func (in *instance) between(from, to int64) bool {
	return slices.ContainsFunc(in.facts, func(f fact) bool {
		at, observed := f.at.UnixNano(), f.observed.UnixNano()
		return from <= at && at <= to || from <= observed && observed <= to || at <= from && to <= observed
	})
}

// TooLate implements timeline.Timeline: of a forgotten instance nothing is kept but its end, and a
// report behind it changes nothing.
func (in *instance) TooLate(u *events.Usage, _ uint64) bool {
	return !in.ended.IsZero() && (u.Event != events.EventTroveExists || !u.Time.After(in.ended))
}

// Presumes implements timeline.Timeline: the facts are a set, and none is about the ones before it.
func (in *instance) Presumes(*events.Usage, uint64) bool { return false }

// addLate is add for a forgotten instance: its bill is published and can not be derived again.
func (in *instance) addLate(u *events.Usage, ch *timeline.Change) {
	in.latest = timeline.Later(in.latest, u.Time, u.Observed)
	end := events.FormatTime(in.ended)
	if u.Event == events.EventTroveExists {
		code, text := events.AnomalyClosedPeriod, "it "+timeline.CameLate(ch.Lacks)+"; the timeline ended at %s"
		if u.Time.After(in.ended) {
			code, text = events.AnomalyAfterDelete, "the instance was deleted at %s; the deletion stands, and "+
				"nothing is metered"
		}
		ch.Anomaly(code, in.resource, u.Time, "exists reported "+
			"at "+events.FormatTime(reported(u))+": "+fmt.Sprintf(text, end))
		return
	}
	if slices.ContainsFunc(in.late, func(f timeline.LateFact) bool { return f.ID == u.ID }) {
		return
	}
	ch.Anomaly(events.AnomalyClosedPeriod, in.resource, u.Time, fmt.Sprintf(
		"%s of %s %s; the timeline ended at %s", u.Event, events.FormatTime(u.Time), timeline.CameLate(ch.Lacks), end))
	if len(in.late) < maxLate {
		in.late = append(in.late, timeline.LateFact{
			ID: u.ID, Event: u.Event, At: u.Time, Footprint: u.Footprint, Lacks: ch.Lacks,
		})
		ch.Held = true
	}
}

// Held implements timeline.Timeline.
func (in *instance) Held(out []events.Hold) []events.Hold { return append(out, in.derive().Holds...) }

// Accrued implements timeline.Timeline.
func (in *instance) Accrued(out []events.Span) []events.Span {
	return in.rules.Accrued(out, in.Running(nil))
}

// Anomalies implements timeline.Timeline.
func (in *instance) Anomalies() []events.Anomaly { return in.derive().Anomalies }

// Close implements timeline.Timeline. An ended instance leaves its id with the foundation: facts
// come in any order, and a later one must not bring it back to life.
func (in *instance) Close() bool {
	in.thin()
	end, over := in.forgettable()
	if over && !end.IsZero() {
		in.rules.ended.add(in.resource, end)
	}
	return over
}

// forgettable reports whether nothing more is to be expected of the instance and nothing is open:
// it ended before the closed months. The end is zero when the instance never became one.
func (in *instance) forgettable() (end time.Time, ok bool) {
	if !in.ended.IsZero() {
		return in.ended, len(in.derive().Holds) == 0
	}
	if !timeline.Later(in.latest, in.seenLast()).Before(in.rules.folded()) || in.kept() {
		return time.Time{}, false
	}
	d := derivation{in: in}
	tracks := d.derive()
	if len(tracks.Holds) > 0 || slices.ContainsFunc(tracks.Spans, func(s events.Span) bool { return s.Running() }) {
		return time.Time{}, false
	}
	if d.provisional && in.rules.Horizon.Time().Sub(in.latest) < missingKept {
		return time.Time{}, false
	}
	return d.end, true
}

// Expire implements timeline.Timeline: an instance may have become missing.
func (in *instance) Expire(_ timeline.Moment, ch *timeline.Change) { in.judge(ch) }

// Expires implements timeline.Timeline: Foundation.Advance says when.
func (in *instance) Expires() bool { return false }

// Listed implements timeline.Timeline. Every instance is listed until it is forgotten.
func (in *instance) Listed() bool { return true }

// Gaps are of lists, and Trove has none.

// Miss implements timeline.Timeline.
func (in *instance) Miss() bool { return false }

// Lose implements timeline.Timeline.
func (in *instance) Lose(*timeline.Change) {}

// Decided implements timeline.Timeline.
func (in *instance) Decided() bool { return false }

// Shrink implements timeline.Timeline.
func (in *instance) Shrink() {}

// Final implements timeline.Timeline: all facts of an instance are kept, so any span may change.
func (in *instance) Final() timeline.Moment { return timeline.MinMoment }
