package timeline

import "github.com/daybook-billing/daybook/events"

// Completed is a footprint completed by an operator's decision.
func Completed(f, said *events.Footprint) *events.Footprint {
	out := *f
	for _, c := range []struct{ to, from *events.Count }{
		{&out.Instances, &said.Instances},
		{&out.MemoryMB, &said.MemoryMB},
	} {
		if c.from.Known() {
			*c.to = *c.from
		}
	}
	for _, t := range []struct{ to, from *string }{
		{&out.ProcessType, &said.ProcessType},
		{&out.Buildpack, &said.Buildpack},
		{&out.BuildpackGUID, &said.BuildpackGUID},
		{&out.Plan, &said.Plan},
		{&out.PlanGUID, &said.PlanGUID},
		{&out.Offering, &said.Offering},
		{&out.OfferingGUID, &said.OfferingGUID},
		{&out.Broker, &said.Broker},
		{&out.BrokerGUID, &said.BrokerGUID},
	} {
		if *t.from != "" {
			*t.to = *t.from
		}
	}
	return &out
}

// Sized is a size with what an observation says of it. A name without a guid has another one.
func Sized(was, said *events.Footprint) *events.Footprint {
	size := *Completed(was, said)
	for _, f := range [...]struct{ name, guid, was, said *string }{
		{&size.Buildpack, &size.BuildpackGUID, &was.Buildpack, &said.BuildpackGUID},
		{&size.Plan, &size.PlanGUID, &was.Plan, &said.PlanGUID},
	} {
		if *f.name != *f.was && *f.said == "" {
			*f.guid = ""
		}
	}
	return &size
}

// Spread widens two equal counts to hold another one.
func Spread(low, high *events.Count, said events.Count) {
	n, ok := said.Get()
	was, known := low.Get()
	if ok && known {
		*low, *high = events.Some(min(n, was)), events.Some(max(n, was))
	}
}

// SameCounts reports whether two footprints have the same instances and memory.
func SameCounts(a, b *events.Footprint) bool {
	return a.Instances == b.Instances && a.MemoryMB == b.MemoryMB
}
