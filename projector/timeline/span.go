package timeline

import (
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// SpanID is the id of a span. It depends on the content of the span and on nothing else, and covers
// everything that its charges are summed by.
func (r *Rules) SpanID(s *events.Span) string {
	var scratch [512]byte
	b := scratch[:0]
	o := &s.Footprint
	for _, t := range [...]string{
		s.Tenant, s.Space, s.App, o.ProcessType, o.Buildpack, o.BuildpackGUID, o.Plan, o.PlanGUID, o.Offering,
		o.OfferingGUID, o.Broker, o.BrokerGUID, o.Flavor, o.FlavorID, o.Datastore, o.DatastoreID, o.Region,
		o.AvailabilityZone,
	} {
		b = append(append(b, t...), 0)
	}
	for _, count := range [...]events.Count{o.Instances, o.MemoryMB, o.VolumeGB} {
		if n, ok := count.Get(); ok {
			b = strconv.AppendUint(b, uint64(n), 10)
		}
		b = append(b, 0)
	}
	for _, t := range [...]time.Time{s.Start, s.End, s.Since} {
		b = append(events.AppendTime(b, t), 0)
	}
	b = append(b, byte(s.Flags))
	for i := range s.Earlier { // a price may count from there
		e := &s.Earlier[i].Footprint
		b = append(events.AppendTime(append(b, 0), s.Earlier[i].Since), 0)
		for _, t := range [...]string{e.BuildpackGUID, e.PlanGUID, e.OfferingGUID, e.BrokerGUID} {
			b = append(append(b, t...), 0)
		}
	}
	return events.IDWith(b, "span", r.Source, r.Foundation, s.Kind, s.Resource)
}
