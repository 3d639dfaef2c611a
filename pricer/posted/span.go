package posted

import (
	"cmp"
	"encoding/binary"

	"github.com/daybook-billing/daybook/events"
)

// Span is a span with charges. Its lines are not kept: rating it again with its version gives them
// exactly. No charge depends on the span's evidence: it is empty.
type Span struct {
	events.Span
	Source, Foundation string
	Subject            string // the last token of the subject
	Cause              string // id of the cause of the entries
	Version            int    // index of its terms; -1 where no catalogue was in force
	// Correction is set where the span's own month was closed before: the month (YYYY-MM) of the
	// corrections that it is a part of. It has no charges of its own.
	Correction string
}

// Month is the span's own month, YYYY-MM.
func (s *Span) Month() string { return s.Start.Format(events.MonthForm) }

// Period is the month of the entries, YYYY-MM.
func (s *Span) Period() string { return max(s.Month(), s.Correction) }

// Compare orders spans by the subject of their charges, start and id.
func Compare(x, y *Span) int {
	return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Source, y.Source),
		cmp.Compare(x.Foundation, y.Foundation), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Subject, y.Subject),
		x.Start.Compare(y.Start), cmp.Compare(x.ID, y.ID))
}

// place is the part of a span that is the same for all spans of a resource.
type place struct {
	source, foundation, subject, kind, tenant, app, space, spaceName string
	// empty for kinds with many resources a subject
	resource string
}

func placeOf(s *Span) place {
	p := place{
		source: s.Source, foundation: s.Foundation, subject: s.Subject, kind: s.Kind, tenant: s.Tenant, app: s.App,
		space: s.Space, spaceName: s.SpaceName, resource: s.Resource,
	}
	if s.Kind == events.KindTask {
		p.resource = "" // it is in the record: few tasks have two spans
	}
	return p
}

// compare is Compare without start and id.
func (p *place) compare(q *place) int {
	return cmp.Or(cmp.Compare(p.tenant, q.tenant), cmp.Compare(p.source, q.source),
		cmp.Compare(p.foundation, q.foundation), cmp.Compare(p.kind, q.kind), cmp.Compare(p.subject, q.subject))
}

func (p *place) fields() [9]*string {
	return [9]*string{
		&p.source, &p.foundation, &p.subject, &p.kind, &p.tenant, &p.app, &p.space, &p.spaceName, &p.resource,
	}
}

func (p *place) append(b []byte) []byte {
	for _, s := range p.fields() {
		b = appendText(b, *s)
	}
	return b
}

func (p *place) read(r *reader) {
	for _, s := range p.fields() {
		*s = string(r.text())
	}
}

func footprintFields(f *events.Footprint) [15]*string {
	return [15]*string{
		&f.ProcessType, &f.Buildpack, &f.BuildpackGUID, &f.Plan, &f.PlanGUID, &f.Offering, &f.OfferingGUID, &f.Broker,
		&f.BrokerGUID, &f.Flavor, &f.FlavorID, &f.Datastore, &f.DatastoreID, &f.Region, &f.AvailabilityZone,
	}
}

// size is what a price depends on beside the times of a span.
type size struct {
	footprint events.Footprint
	earlier   []events.Stretch
}

func appendSize(b []byte, s *events.Span) []byte {
	b = binary.AppendUvarint(appendFootprint(b, &s.Footprint), uint64(len(s.Earlier)))
	for i := range s.Earlier {
		since := s.Earlier[i].Since
		b = appendTime(b, since.Unix()-epoch, since.Nanosecond())
		b = appendFootprint(b, &s.Earlier[i].Footprint)
	}
	return b
}

func readSize(r *reader) size {
	s := size{footprint: readFootprint(r)}
	for range r.uvarint() {
		if r.damaged {
			break
		}
		since, ns := r.time()
		s.earlier = append(s.earlier, events.Stretch{Since: at(since, ns), Footprint: readFootprint(r)})
	}
	return s
}

func appendFootprint(b []byte, f *events.Footprint) []byte {
	for _, c := range [...]events.Count{f.Instances, f.MemoryMB, f.VolumeGB} {
		b = appendCount(b, c)
	}
	for _, s := range footprintFields(f) {
		b = appendText(b, *s)
	}
	return b
}

func readFootprint(r *reader) (f events.Footprint) {
	f.Instances, f.MemoryMB, f.VolumeGB = r.count(), r.count(), r.count()
	for _, s := range footprintFields(&f) {
		*s = string(r.text())
	}
	return f
}
