package trove

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// size is a footprint taken up at a time.
type size struct {
	at        time.Time
	footprint events.Footprint
	inferred  bool
	evidence  uint64
	held      string // code of the hold, where the size is not known or not proven
	cause     string // the id of the observation that holds it; empty for none
}

func flavourOf(f *events.Footprint) events.Footprint {
	return events.Footprint{Flavor: f.Flavor, FlavorID: f.FlavorID, MemoryMB: f.MemoryMB}
}

func hasFlavor(f *events.Footprint) bool { return f.Flavor != "" || f.FlavorID != "" }

// modifyPrecision is the precision of modify_at: a second.
const modifyPrecision = time.Second

// flavours are the flavours in use, in order of time.
func (d *derivation) flavours() []size {
	facts, reports := d.in.facts, d.in.reports
	var sizes []size
	var known int64 // when the flavour in use was last confirmed
	for i, j := 0, 0; i < len(facts) || j < len(reports); {
		if i < len(facts) && (j == len(reports) || facts[i].at.UnixNano() <= reports[j].at) {
			f := &facts[i]
			i++
			if hasFlavor(&f.footprint) {
				sizes = d.flavourFact(sizes, f, known)
				known = f.at.UnixNano()
			}
			d.stable = nil
			continue
		}
		s := &reports[j]
		j++
		if s.content != d.stable && (s.content.flavor != "" || s.content.flavorID != "") {
			sizes = d.flavourReport(sizes, s, known)
			d.stable = nil
			if last := &sizes[len(sizes)-1]; last.evidence != s.sequence && sameFlavor(last.footprint,
				s.content.footprint()) {
				d.stable = s.content
			}
		}
		if n := len(d.unproven); n == 0 || d.unproven[n-1] != s.sequence {
			known = s.at
		}
	}
	if len(sizes) == 0 || sizes[0].at.After(d.start) {
		sizes = slices.Insert(sizes, 0, d.unknownFlavour(sizes))
	}
	return sizes
}

func (l *content) footprint() events.Footprint {
	return events.Footprint{Flavor: l.flavor, FlavorID: l.flavorID}
}

// flavourReport applies an exists with a flavour.
func (d *derivation) flavourReport(sizes []size, s *report, known int64) []size {
	footprint, seen := s.content.footprint(), unixNano(s.seen)
	switch {
	case len(sizes) == 0:
		return append(sizes, size{at: d.start, footprint: d.completed(footprint), evidence: s.sequence})
	case inUse(sizes, footprint, seen):
		return sizes
	case unprovenAt(sizes, seen):
		d.unproven = append(d.unproven, s.sequence)
		d.anomaly(events.AnomalyLostChange, unixNano(s.at),
			"exists shows flavour %s while the flavour was being changed, and no modify_flavor to it was collected "+
				"since %s",
			nameOrID(footprint), events.FormatTime(unixNano(known)))
		return sizes
	}
	return d.lostFlavour(sizes, events.EventTroveExists, unixNano(s.at), known, d.completed(footprint), s.sequence)
}

// flavourFact applies a fact other than exists with a flavour.
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

// otherBefore reports whether a change of flavour proves another flavour than the last one in use
// before it. The change gives only the memory before (old_instance_size), and flavours differ by
// their ids. Another memory is no other flavour if a message since the last change has shown the
// last id, or has given it that memory.
func (d *derivation) otherBefore(last *size, f *fact) bool {
	was := last.footprint
	if !f.oldMemory.Known() || !was.MemoryMB.Known() || was.MemoryMB == f.oldMemory || sameFlavor(was,
		flavourOf(&f.footprint)) {
		return false
	}
	within := func(at time.Time) bool { return at.After(last.at) && !at.After(f.at) }
	return !slices.ContainsFunc(d.in.reports, func(s report) bool {
		return within(unixNano(s.at)) && sameFlavor(was, s.content.footprint())
	}) && !slices.ContainsFunc(d.in.facts, func(o fact) bool {
		return hasFlavor(&o.footprint) && sameFlavor(was, o.footprint) &&
			(within(o.at) || o.footprint.MemoryMB == f.oldMemory)
	})
}

// lostFlavour takes up a flavour without a change to it: the change came between the last
// confirmation of the flavour before and this evidence.
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
		if !unprovenAt(sizes[:i+1], seen) {
			return false
		}
	}
	return false
}

// unprovenAt reports whether the last change may have come after a sign was taken.
func unprovenAt(sizes []size, seen time.Time) bool {
	return !sizes[len(sizes)-1].at.Add(modifyPrecision).Before(seen)
}

// unknownFlavour is the part of the life before the first known flavour.
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
	if len(d.in.reports) == 0 {
		return d.in.observations[0].Sequence
	}
	return d.in.reports[0].sequence
}

// completed is a flavour completed from the first fact of the instance with the same flavour, and
// then from the first exists: an exists leaves out the memory, and in some forms the name, and a
// price may depend on either.
func (d *derivation) completed(out events.Footprint) events.Footprint {
	complete := func(other *events.Footprint) {
		if !hasFlavor(other) || !sameFlavor(out, *other) {
			return
		}
		out.Flavor, out.FlavorID = cmp.Or(out.Flavor, other.Flavor), cmp.Or(out.FlavorID, other.FlavorID)
		if !out.MemoryMB.Known() {
			out.MemoryMB = other.MemoryMB
		}
	}
	for i := range d.in.facts {
		if out.Flavor != "" && out.FlavorID != "" && out.MemoryMB.Known() {
			return out
		}
		complete(&d.in.facts[i].footprint)
	}
	var last *content
	for i := range d.in.reports {
		if out.Flavor != "" && out.FlavorID != "" {
			return out
		}
		if c := d.in.reports[i].content; c != last && c.flavor != "" {
			other := c.footprint()
			complete(&other)
			last = c
		}
	}
	return out
}

func sameFlavor(a, b events.Footprint) bool {
	if a.FlavorID != "" && b.FlavorID != "" {
		return a.FlavorID == b.FlavorID
	}
	return a.Flavor == b.Flavor
}

func nameOrID(f events.Footprint) string { return cmp.Or(f.Flavor, f.FlavorID) }
