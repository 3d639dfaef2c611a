package trove

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// derived is a derivation: whole spans, not cut; a span without End runs.
type derived struct {
	Spans     []events.Span // flavour first, then volume; each in order of time
	Holds     []events.Hold // likewise
	Anomalies []events.Anomaly
}

// derive makes the spans of an instance from its facts.
//
// Rules (openstack/trove, taskmanager/models.py and extensions/mgmt/instances/models.py, and the
// practice of its billing consumers: yagi, StackTach, telemetry-spec dbaas-notifications; see
// docs/metering.md):
//   - an instance is billed from created_at, if a create, a modify or an exists of a live instance
//     proves that it became one;
//   - flavour and volume change at modify_at, or at the timestamp of resize_volume.end;
//   - every create, modify and delete is a full snapshot, so a lost change shows later, and counts
//     from that evidence on;
//   - the earliest deletion ends both tracks;
//   - exists is evidence of life and of the flavour, never quantity;
//   - datastore, region and availability zone are those that the messages repeat (place.go);
//   - an unknown size is held, not billed as zero;
//   - a database missing from the reports ends, for the time being, where it was last seen.
func (in *instance) derive() derived {
	d := derivation{in: in}
	return d.derive()
}

func (d *derivation) derive() derived {
	if !d.in.ended.IsZero() {
		d.late()
	} else if d.life() {
		d.spans(events.KindInstance, d.proven(d.looked(events.KindInstance, d.flavours(), sameFlavor)), sameFlavor)
		same := func(a, b events.Footprint) bool { return a == b }
		d.spans(events.KindVolume, d.proven(d.looked(events.KindVolume, d.volumesSaid(), same)), same)
	}
	return d.tracks
}

type derivation struct {
	in     *instance
	tracks derived

	start       time.Time
	flags       events.Flags // of the start
	end         time.Time    // zero while alive
	provisional bool         // the end is where it was seen last
	created     *fact
	inferred    bool                  // an observation is the end
	ending      uint64                // sequence of the deletion
	seen        time.Time             // up to when it is proven; zero for all the time
	doubt       string                // code of the hold of the time behind it
	doubted     string                // the id of the observation that holds it; empty for none
	began       *timeline.Observation // it is known by that alone; nil else
	reappeared  uint64                // sequence of the first exists after it
	stable      *content              // content of the last reports, if it confirms the flavour in use
	unproven    []uint64              // sequences of the reports from before or after a change
	places      []stay                // of stays; nil before the first
}

func (d *derivation) anomaly(code string, at time.Time, format string, args ...any) {
	a := events.Anomaly{Code: code, Resource: d.in.resource, Time: at, Message: fmt.Sprintf(format, args...)}
	d.tracks.Anomalies = append(d.tracks.Anomalies, a)
}

func unixNano(n int64) time.Time { return time.Unix(0, n).UTC() }

// evidence is the evidence of an instance's life in its facts.
type evidence struct {
	first   time.Time // the earliest time of a fact or a report
	deleted *fact     // the earliest deletion; nil if none was collected
	retired *fact     // the end of the foundation; nil for none
	alive   bool      // some fact or report is of an active instance
	failed  bool      // some fact or report is of an instance without a server
}

// evidence gathers the evidence of life, and finds the creation.
func (d *derivation) evidence() (e evidence) {
	for i := range d.in.facts {
		f := &d.in.facts[i]
		if e.first.IsZero() {
			e.first = f.at
		}
		switch f.event {
		case events.EventTroveCreate:
			if d.created == nil {
				d.created = f
			}
		case events.EventTroveDelete:
			if e.deleted == nil {
				e.deleted = f
			}
			e.failed = e.failed || f.noServer
		case events.EventRetired:
			e.retired = f
		default:
			e.alive = true
		}
	}
	for i := range d.in.reports {
		built := d.in.reports[i].content.built
		e.alive, e.failed = e.alive || built, e.failed || !built
	}
	if len(d.in.reports) > 0 {
		if at := unixNano(d.in.reports[0].at); e.first.IsZero() || at.Before(e.first) {
			e.first = at
		}
	}
	return e
}

// life finds the beginning and the end, and reports whether the instance became one. An instance
// with a deletion only is held here, or is a failed build.
func (d *derivation) life() bool {
	e := d.evidence()
	if e.deleted != nil && e.retired != nil && !e.deleted.at.After(e.retired.at) {
		e.retired = nil
	}
	if e.retired != nil {
		e.deleted = nil
	}
	if e.deleted != nil {
		d.end, d.ending = e.deleted.at, e.deleted.sequence
		d.afterDelete(e.deleted)
	}
	if !d.begin(&e) {
		return false
	}
	switch {
	case e.deleted != nil:
		d.deletedBefore(e.deleted)
	case d.endSeen():
	case d.in.gone && d.in.resumed() != nil:
		if o := d.in.resumed(); o.Said.Hold {
			d.seen, d.doubt, d.doubted, d.ending = d.in.lastSeen, events.HoldObservedRunning, o.ID, o.Sequence
		}
	case d.in.gone && (e.retired == nil || d.in.lastSeen.Before(e.retired.at)):
		d.end, d.provisional = d.in.lastSeen, true
		d.anomaly(events.AnomalySilent, d.end,
			"last seen at %s; its task manager goes on reporting others, so that it is taken to be gone since: its "+
				"deletion was lost, or it does not run",
			events.FormatTime(d.end))
	case e.retired != nil:
		d.end, d.ending, d.seen = e.retired.at, e.retired.sequence, e.retired.observed
		d.doubt = events.HoldRetired
	}
	return true
}

// proven holds the last size from the time on up to which the database is proven.
func (d *derivation) proven(sizes []size) []size {
	if d.seen.IsZero() || !d.end.IsZero() && !d.seen.Before(d.end) {
		return sizes
	}
	slices.SortStableFunc(sizes, func(a, b size) int { return a.at.Compare(b.at) })
	n := 0
	for n < len(sizes) && !sizes[n].at.After(d.seen) {
		n++
	}
	if n == 0 || sizes[n-1].held != "" {
		return sizes
	}
	last := sizes[n-1]
	last.at, last.evidence, last.inferred, last.held = d.seen, d.ending, true, d.doubt
	last.cause = d.doubted
	return append(sizes[:n:n], last)
}

// begin finds the beginning, and reports whether there is one.
func (d *derivation) begin(e *evidence) bool {
	switch {
	case d.created != nil:
		d.start = d.created.at
		return true
	case e.alive:
		d.start, d.flags = d.in.born, events.InferredStart
		if d.in.born.IsZero() {
			d.start = e.first
		}
		return true
	case d.beginSeen(e):
		return true
	case e.deleted != nil && e.failed:
		d.anomaly(events.AnomalyFailedBuild, e.deleted.at, "the instance was deleted and never became active; it is "+
			"not billed")
	case e.deleted != nil:
		d.withoutCreate(e.deleted)
	}
	return false // still building, or failed
}

// deletedBefore looks for a deletion before the beginning: no span comes of it.
func (d *derivation) deletedBefore(deleted *fact) {
	if deleted.at.Before(d.start) {
		d.anomaly(events.AnomalyClock, deleted.at,
			"deleted at %s, before the creation at %s: one of the times is wrong, and nothing is billed or held; "+
				"settle by hand what it ran, by the times in Trove's database (instances: created, deleted_at)",
			events.FormatTime(deleted.at), events.FormatTime(d.start))
	}
}

// afterDelete looks for signs of life after the deletion.
func (d *derivation) afterDelete(deleted *fact) {
	reported := func(event string, at time.Time) {
		d.anomaly(events.AnomalyAfterDelete, at, "%s reported at %s, after the deletion at %s; the deletion stands",
			event, events.FormatTime(at), events.FormatTime(deleted.at))
	}
	for i := range d.in.facts {
		if f := &d.in.facts[i]; f.event != events.EventTroveDelete && f.event != events.EventTroveCreate &&
			f.event != events.EventRetired &&
			f.at.After(deleted.observed) {
			reported(f.event, f.at)
			return
		}
	}
	for i := range d.in.reports {
		if s := &d.in.reports[i]; s.seen > deleted.observed.UnixNano() {
			d.reappeared = s.sequence
			reported(events.EventTroveExists, unixNano(s.at))
			return
		}
	}
}

// withoutCreate holds an instance with a deletion only: failed builds send one too.
func (d *derivation) withoutCreate(deleted *fact) {
	d.start, d.flags = deleted.created, events.InferredStart
	if d.start.IsZero() {
		d.start = deleted.at
	}
	d.deletedBefore(deleted)
	flavour := flavourOf(&deleted.footprint)
	d.spans(events.KindInstance, []size{{
		at: d.start, footprint: flavour, evidence: deleted.sequence,
		held: events.AnomalyDeleteWithoutCreate,
	}}, sameFlavor)
	if deleted.footprint.VolumeGB.Known() || deleted.volumeUnknown {
		volume := events.Footprint{VolumeGB: deleted.footprint.VolumeGB}
		d.spans(events.KindVolume, []size{{
			at: d.start, footprint: volume, evidence: deleted.sequence,
			held: events.AnomalyDeleteWithoutCreate,
		}}, sameFlavor)
	}
	if len(d.tracks.Holds) > 0 {
		d.anomaly(events.AnomalyDeleteWithoutCreate, deleted.at,
			"deleted, but no create or modify was collected: a failed build, or a lost create; held, not billed")
	}
}

// spans turns sizes into spans, and into holds where they are not known, between the beginning and
// the end. An empty one is left out.
func (d *derivation) spans(kind string, sizes []size, same func(a, b events.Footprint) bool) {
	slices.SortStableFunc(sizes, func(a, b size) int { return a.at.Compare(b.at) })
	sizes = d.placed(sizes)
	first := len(d.tracks.Spans)
	begin := timeline.Later(d.start, d.in.rules.Epoch)
	for i, s := range sizes {
		from, to := timeline.Later(s.at, begin), d.end
		if i+1 < len(sizes) && (to.IsZero() || sizes[i+1].at.Before(to)) {
			to = timeline.Later(sizes[i+1].at, begin)
		}
		if !to.IsZero() && !from.Before(to) {
			continue
		}
		if s.held != "" && !d.released(kind, &s, from, to) {
			continue
		}
		if last := len(d.tracks.Spans) - 1; last >= first && d.tracks.Spans[last].End.Equal(from) &&
			same(d.tracks.Spans[last].Footprint, s.footprint) &&
			placeOf(&d.tracks.Spans[last].Footprint) == placeOf(&s.footprint) {
			span := &d.tracks.Spans[last]
			span.End, span.Flags = to, span.Flags&^(events.InferredEnd|events.ProvisionalEnd)
			d.ends(span, sizes[i+1:])
			continue
		}
		span := events.Span{
			Kind: kind, Resource: d.in.resource, Tenant: d.in.tenant, Name: d.in.name, Start: from, Since: from,
			End:       to,
			Footprint: s.footprint, Evidence: []uint64{s.evidence},
		}
		if s.inferred || from.Equal(begin) && d.flags != 0 {
			span.Flags |= events.InferredStart
		}
		d.ends(&span, sizes[i+1:])
		d.tracks.Spans = append(d.tracks.Spans, span)
	}
}

// ends enters the end of a span: the next of the sizes after it, the deletion, or silence.
func (d *derivation) ends(span *events.Span, next []size) {
	if len(next) > 0 && span.End.Equal(next[0].at) {
		span.Evidence = append(span.Evidence, next[0].evidence)
		if next[0].inferred {
			span.Flags |= events.InferredEnd
		}
	}
	if !span.End.IsZero() && span.End.Equal(d.end) {
		if d.provisional {
			span.Flags |= events.ProvisionalEnd
		}
		if d.inferred {
			span.Flags |= events.InferredEnd
		}
		if d.ending != 0 {
			span.Evidence = append(span.Evidence, d.ending)
		}
	}
	slices.Sort(span.Evidence)
	span.Evidence = slices.Compact(span.Evidence)
}
