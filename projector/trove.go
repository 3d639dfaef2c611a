package projector

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file is the pure core for Trove: the facts of one database instance are a set, ordered by their own times, and make
// two independent tracks, flavour and volume. Every new fact derives both anew; the difference to before is the change.

// instance is the timeline of one Trove instance.
type instance struct {
	Facts []troveFact
	// Published is the boundary up to which open spans have been put out.
	Published time.Time
	Tracks    troveTracks // derived from Facts
}

// troveFact is what the derivation needs of a fact.
type troveFact struct {
	ID        string
	Sequence  uint64
	Event     string
	Time      time.Time // boundary: created_at, modify_at, deleted_at; else the notification's timestamp
	Observed  time.Time // the notification's timestamp
	Created   time.Time
	Tenant    string
	Name      string
	State     string
	Footprint events.Footprint
	OldVolume events.Count
}

// troveTracks is a derivation: whole spans, not cut; a span without End runs.
type troveTracks struct {
	Spans     []events.Span // flavour first, then volume; each in order of time
	Anomalies []events.Anomaly
}

// addTrove is the fold for Trove: it adds a fact to the set and returns the difference.
func (t *track) addTrove(cut Cut, epoch time.Time, u *events.Usage, sequence uint64) change {
	var ch change
	if t.Trove == nil {
		t.Trove = &instance{}
	}
	in := t.Trove
	if !in.add(troveFact{
		ID: u.ID, Sequence: sequence, Event: u.Event, Time: u.Time, Observed: u.Observed, Created: u.Created,
		Tenant: u.Tenant, Name: u.Name, State: u.State, Footprint: u.Footprint, OldVolume: u.OldVolumeGB,
	}) {
		return ch
	}
	t.Latest = later(t.Latest, u.Time, u.Observed)
	before := in.Tracks
	in.Tracks = deriveTrove(t.Resource, in.Facts, epoch)
	in.difference(cut, &ch, before.Spans)
	for _, a := range in.Tracks.Anomalies {
		if !slices.Contains(before.Anomalies, a) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	return ch
}

// add puts a fact in its place and reports whether it was new. Of several exists that say the same, the first and the last are kept:
// they are evidence of life, and nothing is counted from them. One thing is lost with those between: when a change arrives late that
// belongs among them, and the change back was lost, the change back counts from the last of them and not from the first after it.
func (in *instance) add(f troveFact) bool {
	at, found := slices.BinarySearchFunc(in.Facts, f, func(a, b troveFact) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		if c := a.Observed.Compare(b.Observed); c != 0 {
			return c
		}
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	if found {
		return false
	}
	same := func(i int) bool {
		return i >= 0 && i < len(in.Facts) && in.Facts[i].Event == events.EventTroveExists && f.Event == events.EventTroveExists &&
			in.Facts[i].Footprint == f.Footprint && in.Facts[i].State == f.State && in.Facts[i].Name == f.Name
	}
	switch {
	case same(at-1) && same(at):
		return false // between two that say the same
	case same(at-1) && same(at-2):
		in.Facts[at-1] = f
	case same(at) && same(at+1):
		in.Facts[at] = f
	default:
		in.Facts = slices.Insert(in.Facts, at, f)
	}
	return true
}

// deriveTrove makes the spans of an instance from its facts, ordered by time.
//
// Rules (Trove's notifier and the practice of its billing consumers, see docs/metering.md): an instance is billed from created_at,
// and only when a create, a modify or an exists of a live instance says that it became one; flavour and volume change at
// modify_at; every create, modify and delete is a full snapshot, so that a change that was lost shows later, and then counts from
// that evidence on; the earliest deletion ends both tracks; exists is evidence of life, never quantity; a size that is not known is
// held, not billed as zero.
func deriveTrove(resource string, facts []troveFact, epoch time.Time) troveTracks {
	d := troveDerivation{resource: resource, epoch: epoch}
	if !d.life(facts) {
		return d.tracks
	}
	d.flavour(facts)
	d.volume(facts)
	return d.tracks
}

type troveDerivation struct {
	resource string
	epoch    time.Time
	tracks   troveTracks

	start time.Time
	flags events.Flags // of the start
	end   time.Time    // zero while alive
	name  string
	// tenant of the first fact that has one
	tenant string
	ending uint64 // sequence of the deletion
}

func (d *troveDerivation) anomaly(code string, at time.Time, format string, args ...any) {
	d.tracks.Anomalies = append(d.tracks.Anomalies, events.Anomaly{Code: code, Resource: d.resource, Time: at, Message: fmt.Sprintf(format, args...)})
}

// life finds the beginning and the end, and reports whether the instance is to be billed at all.
func (d *troveDerivation) life(facts []troveFact) bool {
	var created, deleted *troveFact
	alive, failed := false, false
	first := time.Time{}
	for i := range facts {
		f := &facts[i]
		if d.tenant == "" {
			d.tenant = f.Tenant
		}
		if f.Name != "" {
			d.name = f.Name
		}
		if !f.Created.IsZero() && (first.IsZero() || f.Created.Before(first)) {
			first = f.Created
		}
		switch f.Event {
		case events.EventTroveCreate:
			if created == nil {
				created = f
			}
		case events.EventTroveDelete:
			if deleted == nil {
				deleted = f
			}
		case events.EventTroveExists:
			if building(f.State) {
				failed = true
			} else {
				alive = true
			}
		default:
			alive = true
		}
	}
	if deleted != nil {
		d.end, d.ending = deleted.Time, deleted.Sequence
		for i := range facts {
			if f := &facts[i]; f.Event == events.EventTroveExists && f.Observed.After(deleted.Observed) {
				d.anomaly(events.AnomalyAfterDelete, f.Observed, "exists reported at %s, after the deletion at %s; the deletion stands",
					events.FormatTime(f.Observed), events.FormatTime(deleted.Time))
				break
			}
		}
	}
	switch {
	case created != nil:
		d.start = created.Time
	case alive:
		d.start, d.flags = first, events.InferredStart
		if first.IsZero() {
			d.start = facts[0].Time
		}
	case deleted != nil && failed:
		d.anomaly(events.AnomalyFailedBuild, deleted.Time, "the instance was deleted and never became active; it is not billed")
		return false
	case deleted != nil:
		d.anomaly(events.AnomalyDeleteWithoutCreate, deleted.Time,
			"deleted, but no create or modify was collected: a failed build, or a lost create; held, not billed")
		return false
	default:
		return false // still building, or failed
	}
	return true
}

// building reports whether an exists is of an instance that has not become active.
func building(state string) bool {
	switch state {
	case "build", "building", "error", "failed", "new":
		return true
	}
	return false
}

// size is a footprint taken up at a time.
type size struct {
	at        time.Time
	footprint events.Footprint
	inferred  bool
	evidence  uint64
}

func (d *troveDerivation) flavour(facts []troveFact) {
	var sizes []size
	for i := range facts {
		f := &facts[i]
		footprint := completeFlavor(f, facts)
		if footprint.Flavor == "" && footprint.FlavorID == "" {
			continue
		}
		switch {
		case f.Event == events.EventTroveCreate:
			sizes = append(sizes, size{at: d.start, footprint: footprint, evidence: f.Sequence})
		case len(sizes) == 0 && f.Event == events.EventTroveModifyFlavor:
			d.anomaly(events.AnomalyLostChange, d.start, "the flavour before %s was not collected; the time before it is held, not billed", events.FormatTime(f.Time))
			sizes = append(sizes, size{at: f.Time, footprint: footprint, evidence: f.Sequence})
		case len(sizes) == 0:
			sizes = append(sizes, size{at: d.start, footprint: footprint, evidence: f.Sequence})
		case f.Event == events.EventTroveModifyFlavor:
			sizes = append(sizes, size{at: f.Time, footprint: footprint, evidence: f.Sequence})
		default:
			last := &sizes[len(sizes)-1].footprint
			if sameFlavor(*last, footprint) {
				continue
			}
			d.anomaly(events.AnomalyLostChange, evidenceTime(f), "%s shows flavour %s, but no modify_flavor was collected; it counts from this evidence on", f.Event, nameOrID(footprint))
			sizes = append(sizes, size{at: evidenceTime(f), footprint: footprint, inferred: true, evidence: f.Sequence})
		}
	}
	d.spans(events.KindInstance, sizes, sameFlavor)
}

// completeFlavor is the flavour that a fact names. What the fact leaves out, as every exists leaves out the memory, is taken from the
// first other fact of the instance that names the same flavour: a price may depend on it.
func completeFlavor(f *troveFact, facts []troveFact) events.Footprint {
	out := events.Footprint{Flavor: f.Footprint.Flavor, FlavorID: f.Footprint.FlavorID, MemoryMB: f.Footprint.MemoryMB}
	for i := range facts {
		if out.Flavor != "" && out.MemoryMB.Known() {
			break
		}
		other := &facts[i].Footprint
		if other.Flavor == "" && other.FlavorID == "" || !sameFlavor(out, *other) {
			continue
		}
		if out.Flavor == "" {
			out.Flavor = other.Flavor
		}
		if !out.MemoryMB.Known() {
			out.MemoryMB = other.MemoryMB
		}
	}
	return out
}

func (d *troveDerivation) volume(facts []troveFact) {
	var sizes []size
	volume := func(n events.Count) events.Footprint { return events.Footprint{VolumeGB: n} }
	silent := true // nothing said whether there is a volume
	for i := range facts {
		f := &facts[i]
		silent = silent && f.Event == events.EventTroveExists
		gb := f.Footprint.VolumeGB
		if !gb.Known() {
			continue
		}
		change := f.Event == events.EventTroveModifyVolume || f.Event == events.EventTroveResizeVolume
		switch {
		case f.Event == events.EventTroveCreate:
			sizes = append(sizes, size{at: d.start, footprint: volume(gb), evidence: f.Sequence})
		case len(sizes) == 0 && change && f.OldVolume.Known():
			sizes = append(sizes, size{at: d.start, footprint: volume(f.OldVolume), inferred: true, evidence: f.Sequence},
				size{at: f.Time, footprint: volume(gb), evidence: f.Sequence})
		case len(sizes) == 0 && change:
			d.anomaly(events.AnomalyUnknownVolume, d.start, "the volume before %s was not collected; the time before it is held, not billed", events.FormatTime(f.Time))
			sizes = append(sizes, size{at: f.Time, footprint: volume(gb), evidence: f.Sequence})
		case len(sizes) == 0:
			sizes = append(sizes, size{at: d.start, footprint: volume(gb), evidence: f.Sequence})
		case change:
			if last := sizes[len(sizes)-1].footprint.VolumeGB; f.OldVolume.Known() && last != f.OldVolume && last != gb {
				d.anomaly(events.AnomalyLostChange, f.Time, "%s says that the volume had %d GB before, but %d GB were collected; a change in between was lost",
					f.Event, f.OldVolume.Or(0), last.Or(0))
			}
			sizes = append(sizes, size{at: f.Time, footprint: volume(gb), evidence: f.Sequence})
		case sizes[len(sizes)-1].footprint.VolumeGB != gb:
			d.anomaly(events.AnomalyLostChange, evidenceTime(f), "%s shows a volume of %d GB, but no change to it was collected; it counts from this evidence on", f.Event, gb.Or(0))
			sizes = append(sizes, size{at: evidenceTime(f), footprint: volume(gb), inferred: true, evidence: f.Sequence})
		}
	}
	if silent && len(sizes) == 0 {
		d.anomaly(events.AnomalyUnknownVolume, d.start, "only exists notifications were collected, which do not say how large the volume is; it is held, not billed")
	}
	d.spans(events.KindVolume, sizes, func(a, b events.Footprint) bool { return a == b })
}

// spans turns sizes into spans between the beginning and the end. An empty span is left out.
func (d *troveDerivation) spans(kind string, sizes []size, same func(a, b events.Footprint) bool) {
	slices.SortStableFunc(sizes, func(a, b size) int { return a.at.Compare(b.at) })
	first := len(d.tracks.Spans)
	for i, s := range sizes {
		from := later(s.at, d.start, d.epoch)
		to := d.end
		if i+1 < len(sizes) && (to.IsZero() || sizes[i+1].at.Before(to)) {
			to = later(sizes[i+1].at, d.start, d.epoch)
		}
		if !to.IsZero() && !from.Before(to) {
			continue
		}
		if last := len(d.tracks.Spans) - 1; last >= first && same(d.tracks.Spans[last].Footprint, s.footprint) {
			span := &d.tracks.Spans[last]
			span.End, span.Flags = to, span.Flags&^events.InferredEnd
			d.ends(span, sizes[i+1:])
			continue
		}
		span := events.Span{
			Kind: kind, Resource: d.resource, Tenant: d.tenant, Name: d.name, Start: from, Since: from, End: to,
			Footprint: s.footprint, Evidence: []uint64{s.evidence},
		}
		if s.inferred || from.Equal(later(d.start, d.epoch)) && d.flags != 0 {
			span.Flags |= events.InferredStart
		}
		d.ends(&span, sizes[i+1:])
		d.tracks.Spans = append(d.tracks.Spans, span)
	}
}

// ends says what ended a span: the next of the sizes after it, or the deletion.
func (d *troveDerivation) ends(span *events.Span, next []size) {
	if len(next) > 0 && span.End.Equal(next[0].at) {
		span.Evidence = append(span.Evidence, next[0].evidence)
		if next[0].inferred {
			span.Flags |= events.InferredEnd
		}
	}
	if !span.End.IsZero() && span.End.Equal(d.end) && d.ending != 0 {
		span.Evidence = append(span.Evidence, d.ending)
	}
	slices.Sort(span.Evidence)
	span.Evidence = slices.Compact(span.Evidence)
}

func sameFlavor(a, b events.Footprint) bool {
	if a.FlavorID != "" && b.FlavorID != "" {
		return a.FlavorID == b.FlavorID
	}
	return a.Flavor == b.Flavor
}

func nameOrID(f events.Footprint) string {
	if f.Flavor != "" {
		return f.Flavor
	}
	return f.FlavorID
}

// evidenceTime is when a fact proves a size that it did not set.
func evidenceTime(f *troveFact) time.Time {
	if f.Event == events.EventTroveExists && !f.Observed.IsZero() {
		return f.Observed
	}
	return f.Time
}

// difference compares the spans before with those derived now, and puts out what changed up to the published boundary.
func (in *instance) difference(cut Cut, ch *change, before []events.Span) {
	key := func(s *events.Span) spanKey {
		return spanKey{s.Kind, s.Start, s.End, s.Since, s.Footprint, s.Tenant, s.Flags}
	}
	old, now := in.pieces(cut, before), in.pieces(cut, in.Tracks.Spans)
	had := make(map[spanKey]bool, len(old))
	for i := range old {
		had[key(&old[i])] = true
	}
	for i := range now {
		if k := key(&now[i]); had[k] {
			delete(had, k)
		} else {
			ch.Closed = append(ch.Closed, now[i])
		}
	}
	for i := range old {
		if had[key(&old[i])] {
			ch.Retracted = append(ch.Retracted, old[i])
		}
	}
	ran, run := in.runningOf(nil, before), in.running(nil)
	ch.Running = ch.Running || !slices.EqualFunc(ran, run, func(a, b events.Span) bool { return key(&a) == key(&b) && a.Name == b.Name })
}

// spanKey is what makes two spans the same for the ledger.
type spanKey struct {
	Kind              string
	Start, End, Since time.Time
	Footprint         events.Footprint
	Tenant            string
	Flags             events.Flags
}

// pieces cuts the spans, the open ones up to the published boundary.
func (in *instance) pieces(cut Cut, spans []events.Span) []events.Span {
	var out []events.Span
	for i := range spans {
		to := spans[i].End
		if to.IsZero() {
			to = in.Published
		}
		out = cut.divide(out, &spans[i], spans[i].Start, to)
	}
	return out
}

// advance puts out the pieces of the open spans up to boundary `to`.
func (in *instance) advance(cut Cut, ch *change, to time.Time) {
	for i := range in.Tracks.Spans {
		s := &in.Tracks.Spans[i]
		if s.Running() && s.Start.Before(to) {
			ch.Closed = cut.divide(ch.Closed, s, later(s.Start, in.Published), to)
			ch.Running = true
		}
	}
	in.Published = later(in.Published, to)
}

// running appends the running spans, from the last cut on.
func (in *instance) running(out []events.Span) []events.Span {
	return in.runningOf(out, in.Tracks.Spans)
}

func (in *instance) runningOf(out, spans []events.Span) []events.Span {
	for _, s := range spans {
		if s.Running() {
			s.Start = later(s.Start, in.Published)
			out = append(out, s)
		}
	}
	return out
}
