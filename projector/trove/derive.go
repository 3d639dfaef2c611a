package trove

import (
	"cmp"
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
// docs/metering.md): an instance is billed from created_at, and only when a create, a modify or an
// exists of a live instance says that it became one; flavour and volume change at modify_at, or at
// the timestamp of resize_volume.end; every create, modify and delete is a full snapshot, so that a
// change that was lost shows later, and then counts from that evidence on; the earliest deletion
// ends both tracks; exists is evidence of life and of the flavour, never quantity; a size that is
// not known is held, not billed as zero; a database that is missing from the reports ends, for the
// time being, where it was last seen.
func (in *instance) derive() derived {
	d := derivation{in: in}
	return d.derive()
}

func (d *derivation) derive() derived {
	if !d.in.ended.IsZero() {
		d.late()
	} else if d.life() {
		d.spans(events.KindInstance, d.flavours(), sameFlavor)
		d.spans(events.KindVolume, d.volumes(), func(a, b events.Footprint) bool { return a == b })
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
	ending      uint64   // sequence of the deletion
	revenant    uint64   // sequence of the first exists after it
	steady      *look    // what the last signs say, when they show the flavour in use
	doubtful    []uint64 // sequences of the signs that may be of before or after a change
}

func (d *derivation) anomaly(code string, at time.Time, format string, args ...any) {
	a := events.Anomaly{Code: code, Resource: d.in.resource, Time: at, Message: fmt.Sprintf(format, args...)}
	d.tracks.Anomalies = append(d.tracks.Anomalies, a)
}

func unixNano(n int64) time.Time { return time.Unix(0, n).UTC() }

// life finds the beginning and the end, and reports whether the instance became one. An instance of
// which only the deletion is known is held here, or is a failed build.
func (d *derivation) life() bool {
	var deleted *fact
	alive, failed := false, false
	var first time.Time
	for i := range d.in.facts {
		f := &d.in.facts[i]
		if first.IsZero() {
			first = f.at
		}
		switch f.event {
		case events.EventTroveCreate:
			if d.created == nil {
				d.created = f
			}
		case events.EventTroveDelete:
			if deleted == nil {
				deleted = f
			}
			failed = failed || f.noServer
		default:
			alive = true
		}
	}
	for i := range d.in.signs {
		built := d.in.signs[i].look.built
		alive, failed = alive || built, failed || !built
	}
	if len(d.in.signs) > 0 {
		if at := unixNano(d.in.signs[0].at); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if deleted != nil {
		d.end, d.ending = deleted.at, deleted.sequence
		d.afterDelete(deleted)
	}
	switch {
	case d.created != nil:
		d.start = d.created.at
	case alive:
		d.start, d.flags = d.in.born, events.InferredStart
		if d.in.born.IsZero() {
			d.start = first
		}
	case deleted != nil && failed:
		d.anomaly(events.AnomalyFailedBuild, deleted.at, "the instance was deleted and never became active; it is "+
			"not billed")
		return false
	case deleted != nil:
		d.withoutCreate(deleted)
		return false
	default:
		return false // still building, or failed
	}
	if deleted != nil {
		d.deletedBefore(deleted)
	}
	if deleted == nil && d.in.gone {
		d.end, d.provisional = d.in.lastSeen, true
		d.anomaly(events.AnomalySilent, d.end,
			"last seen at %s; its task manager goes on reporting others, so that it is taken to be gone since: its "+
				"deletion was lost, or it does not run",
			events.FormatTime(d.end))
	}
	return true
}

// deletedBefore looks for a deletion before the beginning, of which no span comes.
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
			f.at.After(deleted.observed) {
			reported(f.event, f.at)
			return
		}
	}
	for i := range d.in.signs {
		if s := &d.in.signs[i]; s.seen > deleted.observed.UnixNano() {
			d.revenant = s.sequence
			reported(events.EventTroveExists, unixNano(s.at))
			return
		}
	}
}

// withoutCreate holds an instance of which only the deletion is known: failed builds send one too.
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

// size is a footprint taken up at a time.
type size struct {
	at        time.Time
	footprint events.Footprint
	inferred  bool
	evidence  uint64
	held      string // code of the hold, where the size is not known or not proven
}

func flavourOf(f *events.Footprint) events.Footprint {
	return events.Footprint{Flavor: f.Flavor, FlavorID: f.FlavorID, MemoryMB: f.MemoryMB}
}

func hasFlavor(f *events.Footprint) bool { return f.Flavor != "" || f.FlavorID != "" }

// modifyPrecision is that of modify_at: a change is made within the second that it names.
const modifyPrecision = time.Second

// flavours are the flavours in use, in order of time.
func (d *derivation) flavours() []size {
	facts, signs := d.in.facts, d.in.signs
	var sizes []size
	var known int64 // when the flavour in use was last confirmed
	for i, j := 0, 0; i < len(facts) || j < len(signs); {
		if i < len(facts) && (j == len(signs) || facts[i].at.UnixNano() <= signs[j].at) {
			f := &facts[i]
			i++
			if hasFlavor(&f.footprint) {
				sizes, d.steady = d.flavourFact(sizes, f, known), nil
				known = f.at.UnixNano()
			}
			continue
		}
		s := &signs[j]
		j++
		if s.look != d.steady && (s.look.flavor != "" || s.look.flavorID != "") {
			sizes = d.flavourSign(sizes, s, known)
			d.steady = nil
			if last := &sizes[len(sizes)-1]; last.evidence != s.sequence && sameFlavor(last.footprint,
				s.look.footprint()) {
				d.steady = s.look
			}
		}
		if n := len(d.doubtful); n == 0 || d.doubtful[n-1] != s.sequence {
			known = s.at
		}
	}
	if len(sizes) == 0 || sizes[0].at.After(d.start) {
		sizes = slices.Insert(sizes, 0, d.unknownFlavour(sizes))
	}
	return sizes
}

func (l *look) footprint() events.Footprint {
	return events.Footprint{Flavor: l.flavor, FlavorID: l.flavorID}
}

// flavourSign applies an exists that names a flavour.
func (d *derivation) flavourSign(sizes []size, s *sign, known int64) []size {
	footprint, seen := s.look.footprint(), unixNano(s.seen)
	switch {
	case len(sizes) == 0:
		return append(sizes, size{at: d.start, footprint: d.completed(footprint), evidence: s.sequence})
	case inUse(sizes, footprint, seen):
		return sizes
	case inDoubt(sizes, seen):
		d.doubtful = append(d.doubtful, s.sequence)
		d.anomaly(events.AnomalyLostChange, unixNano(s.at),
			"exists shows flavour %s while the flavour was being changed, and no modify_flavor to it was collected "+
				"since %s",
			nameOrID(footprint), events.FormatTime(unixNano(known)))
		return sizes
	}
	return d.lostFlavour(sizes, events.EventTroveExists, unixNano(s.at), known, d.completed(footprint), s.sequence)
}

// flavourFact applies a fact other than exists that names a flavour.
func (d *derivation) flavourFact(sizes []size, f *fact, known int64) []size {
	footprint := d.completed(flavourOf(&f.footprint))
	switch {
	case f == d.created:
		return append(sizes, size{at: d.start, footprint: footprint, evidence: f.sequence})
	case f.event == events.EventTroveModifyFlavor:
		if n := len(sizes); n > 0 && d.otherBefore(&sizes[n-1], f) {
			d.anomaly(events.AnomalyLostChange, f.at,
				"modify_flavor says that the instance had %d MB before, but a flavour with %d MB was collected; a "+
					"change in between was lost",
				f.oldMemory.Or(0), sizes[n-1].footprint.MemoryMB.Or(0))
		}
		return append(sizes, size{at: f.at, footprint: footprint, evidence: f.sequence})
	case len(sizes) == 0:
		return append(sizes, size{at: d.start, footprint: footprint, evidence: f.sequence})
	case sameFlavor(sizes[len(sizes)-1].footprint, footprint):
		return sizes
	}
	return d.lostFlavour(sizes, f.event, f.at, known, footprint, f.sequence)
}

// otherBefore reports whether a change of flavour shows that another flavour than the last one was
// in use before it. It says the memory before only (old_instance_size), and flavours differ by
// their ids: memory that differs is no other flavour where a message has shown the id of the last
// one since it was taken up, or has said that memory of it.
func (d *derivation) otherBefore(last *size, f *fact) bool {
	was := last.footprint
	if !f.oldMemory.Known() || !was.MemoryMB.Known() || was.MemoryMB == f.oldMemory || sameFlavor(was,
		flavourOf(&f.footprint)) {
		return false
	}
	within := func(at time.Time) bool { return at.After(last.at) && !at.After(f.at) }
	return !slices.ContainsFunc(d.in.signs, func(s sign) bool {
		return within(unixNano(s.at)) && sameFlavor(was, s.look.footprint())
	}) && !slices.ContainsFunc(d.in.facts, func(o fact) bool {
		return hasFlavor(&o.footprint) && sameFlavor(was, o.footprint) &&
			(within(o.at) || o.footprint.MemoryMB == f.oldMemory)
	})
}

// lostFlavour takes up a flavour that only shows: between the moment when the one before was last
// confirmed, and now.
func (d *derivation) lostFlavour(sizes []size, event string, at time.Time, known int64, footprint events.Footprint,
	evidence uint64,
) []size {
	d.anomaly(events.AnomalyLostChange, at, "%s shows flavour %s, but no modify_flavor was collected since %s; it "+
		"counts from this evidence on",
		event, nameOrID(footprint), events.FormatTime(unixNano(known)))
	return append(sizes, size{at: at, footprint: footprint, inferred: true, evidence: evidence})
}

// inUse reports whether the flavour of a sign was in use when it was taken: since `seen`, when the
// task manager began its round of reports. A change may have come between.
func inUse(sizes []size, footprint events.Footprint, seen time.Time) bool {
	for i := len(sizes) - 1; i >= 0; i-- {
		if sameFlavor(sizes[i].footprint, footprint) {
			return true
		}
		if !inDoubt(sizes[:i+1], seen) {
			return false
		}
	}
	return false
}

// inDoubt reports whether the last change may have come after a sign was taken.
func inDoubt(sizes []size, seen time.Time) bool {
	return !sizes[len(sizes)-1].at.Add(modifyPrecision).Before(seen)
}

// unknownFlavour is the part of the life before the first flavour that is known.
func (d *derivation) unknownFlavour(sizes []size) size {
	s := size{at: d.start, held: events.HoldUnknownFlavor}
	if len(sizes) > 0 {
		s.evidence = sizes[0].evidence
		if at := slices.IndexFunc(d.in.facts, func(f fact) bool { return f.sequence == s.evidence }); at >= 0 {
			s.footprint.MemoryMB = d.in.facts[at].oldMemory
		}
	} else {
		s.evidence = d.someEvidence()
	}
	return s
}

// someEvidence is the sequence of the first fact.
func (d *derivation) someEvidence() uint64 {
	if len(d.in.facts) > 0 {
		return d.in.facts[0].sequence
	}
	return d.in.signs[0].sequence
}

// completed is a flavour with what the fact left out, as every exists leaves out the memory, taken
// from the first fact of the instance that names the same flavour: a price may depend on it.
func (d *derivation) completed(out events.Footprint) events.Footprint {
	for i := range d.in.facts {
		if out.Flavor != "" && out.FlavorID != "" && out.MemoryMB.Known() {
			return out
		}
		other := &d.in.facts[i].footprint
		if !hasFlavor(other) || !sameFlavor(out, *other) {
			continue
		}
		out.Flavor, out.FlavorID = cmp.Or(out.Flavor, other.Flavor), cmp.Or(out.FlavorID, other.FlavorID)
		if !out.MemoryMB.Known() {
			out.MemoryMB = other.MemoryMB
		}
	}
	return out
}

// volumes are the sizes of the volume, in order of time; none when the instance has no volume.
func (d *derivation) volumes() []size {
	var sizes []size
	volume := func(n events.Count) events.Footprint { return events.Footprint{VolumeGB: n} }
	silent := true   // nothing said whether there is a volume
	unsaid := false  // there is one, and how large it was is not said
	awaited := false // the size in use is that of a modify_volume, whose own resize_volume.end is to come
	for i := range d.in.facts {
		f := &d.in.facts[i]
		silent = false
		gb := f.footprint.VolumeGB
		if !gb.Known() {
			unsaid = unsaid || f.volumeUnknown
			continue
		}
		change := f.event == events.EventTroveModifyVolume || f.event == events.EventTroveResizeVolume
		switch {
		case f == d.created:
			sizes = append(sizes, size{at: d.start, footprint: volume(gb), evidence: f.sequence})
		case len(sizes) == 0 && change && f.oldVolume.Known():
			sizes = append(sizes, size{
				at: d.start, footprint: volume(f.oldVolume), inferred: true,
				evidence: f.sequence,
			},
				size{at: f.at, footprint: volume(gb), evidence: f.sequence})
		case len(sizes) == 0 && !change:
			sizes = append(sizes, size{at: d.start, footprint: volume(gb), inferred: unsaid, evidence: f.sequence})
		case change:
			if len(sizes) > 0 {
				d.oldVolume(f, sizes[len(sizes)-1].footprint.VolumeGB)
				d.replica(f, &sizes[len(sizes)-1], awaited)
			}
			sizes = append(sizes, size{at: f.at, footprint: volume(gb), evidence: f.sequence})
		case sizes[len(sizes)-1].footprint.VolumeGB != gb:
			d.anomaly(events.AnomalyLostChange, f.at, "%s shows a volume of %d GB, but no change to it was "+
				"collected; it counts from this evidence on",
				f.event, gb.Or(0))
			sizes = append(sizes, size{at: f.at, footprint: volume(gb), inferred: true, evidence: f.sequence})
		}
		if change {
			awaited = f.event == events.EventTroveModifyVolume
		}
	}
	if len(sizes) == 0 && (silent || unsaid) || len(sizes) > 0 && sizes[0].at.After(d.start) {
		sizes = slices.Insert(sizes, 0, size{
			at: d.start, held: events.AnomalyUnknownVolume,
			evidence: d.someEvidence(),
		})
	}
	return sizes
}

// oldVolume compares what a change says of the size before with what is known.
func (d *derivation) oldVolume(f *fact, last events.Count) {
	if f.oldVolume.Known() && last != f.oldVolume && last != f.footprint.VolumeGB {
		d.anomaly(events.AnomalyLostChange, f.at, "%s says that the volume had %d GB before, but %d GB were "+
			"collected; a change in between was lost",
			f.event, f.oldVolume.Or(0), last.Or(0))
	}
}

// replica notes a resize_volume.end with the size that the volume has already. Trove resizes a
// primary and its replicas under one request, and each resize_volume.end names the primary
// (trove/instance/models.py, Instance.resize_volume). Nothing else looks like this: the API refuses
// a resize that is not to a larger size, and a resize that failed sends resize_volume.error. A
// Trove that sends modify_volume, too, sends resize_volume.end once after it, which is awaited.
func (d *derivation) replica(f *fact, last *size, awaited bool) {
	if f.event != events.EventTroveResizeVolume || awaited || last.footprint.VolumeGB != f.footprint.VolumeGB {
		return
	}
	d.anomaly(events.AnomalyReplicaResize, f.at,
		"%s says %d GB again, the size since %s: Trove resizes the replicas of an instance with it, and names the "+
			"instance for each of them. "+
			"Replicas of this instance may be larger than billed until a message of their own says so, and the time "+
			"of this volume's own "+
			"resize may be that of a replica's: compare the sizes with `openstack database instance list`",
		f.event, f.footprint.VolumeGB.Or(0), events.FormatTime(last.at))
}

// spans turns sizes into spans, and into holds where they are not known, between the beginning and
// the end. An empty one is left out.
func (d *derivation) spans(kind string, sizes []size, same func(a, b events.Footprint) bool) {
	slices.SortStableFunc(sizes, func(a, b size) int { return a.at.Compare(b.at) })
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
			same(d.tracks.Spans[last].Footprint, s.footprint) {
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

// ends says what ended a span: the next of the sizes after it, the deletion, or silence.
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
		if d.ending != 0 {
			span.Evidence = append(span.Evidence, d.ending)
		}
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

func nameOrID(f events.Footprint) string { return cmp.Or(f.Flavor, f.FlavorID) }
