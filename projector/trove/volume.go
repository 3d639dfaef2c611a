package trove

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// volumes are the sizes of the volume, in order of time; none when the instance has no volume.
func (d *derivation) volumes() []size {
	var sizes []size
	volume := func(n events.Count) events.Footprint { return events.Footprint{VolumeGB: n} }
	silent := true   // nothing said whether there is a volume
	unsaid := false  // there is one, and how large it was is not said
	awaited := false // the size in use is from a modify_volume; its own resize_volume.end is to come
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

// oldVolume compares the size before a change, by the change, with the known one.
func (d *derivation) oldVolume(f *fact, last events.Count) {
	if f.oldVolume.Known() && last != f.oldVolume && last != f.footprint.VolumeGB {
		d.anomaly(events.AnomalyLostChange, f.at, "%s says that the volume had %d GB before, but %d GB were "+
			"collected; a change in between was lost",
			f.event, f.oldVolume.Or(0), last.Or(0))
	}
}

// replica notes a resize_volume.end with the present size of the volume. Trove resizes a primary
// and its replicas under one request, and each resize_volume.end names the primary
// (trove/instance/models.py, Instance.resize_volume). Nothing else looks like this: the API refuses
// a resize to a smaller or equal size, and a failed resize sends resize_volume.error. A Trove with
// modify_volume sends resize_volume.end once after it, too: it is awaited.
func (d *derivation) replica(f *fact, last *size, awaited bool) {
	if f.event != events.EventTroveResizeVolume || awaited || last.footprint.VolumeGB != f.footprint.VolumeGB {
		return
	}
	d.anomaly(events.AnomalyReplicaResize, f.at,
		"%s says %d GB again, the size since %s: Trove resizes the replicas of an instance with it, and names the "+
			"instance for each of them. Replicas of this instance may be larger than billed until a message of their "+
			"own says so, and the time of this volume's own resize may be that of a replica's: compare the sizes with "+
			"`openstack database instance list`",
		f.event, f.footprint.VolumeGB.Or(0), events.FormatTime(last.at))
}
