package timeline

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// SameSize reports whether two footprints cost the same: equal, with guids deciding where both have
// one. A new name of a plan, offering or broker does not end a span. A buildpack's guid decides
// nothing: Cloud Controller reports the first custom URL as the name beside the guid of the final
// buildpack, so one guid stands with several buildpacks.
func SameSize(a, b *events.Footprint) bool {
	if a == b || *a == *b {
		return true
	}
	x, y := *a, *b
	same := func(nameA, idA, nameB, idB *string) {
		if *idA != "" && *idA == *idB {
			*nameB = *nameA
		}
	}
	same(&x.Plan, &x.PlanGUID, &y.Plan, &y.PlanGUID)
	same(&x.Offering, &x.OfferingGUID, &y.Offering, &y.OfferingGUID)
	same(&x.Broker, &x.BrokerGUID, &y.Broker, &y.BrokerGUID)
	return x == y
}

// SameButGUIDs reports whether two footprints differ by the guids of equal names alone.
func SameButGUIDs(a, b *events.Footprint) bool {
	x, y := *a, *b
	forget := func(nameA, nameB, idA, idB *string) {
		if *nameA != "" && *nameA == *nameB {
			*idA, *idB = "", ""
		}
	}
	forget(&x.Buildpack, &y.Buildpack, &x.BuildpackGUID, &y.BuildpackGUID)
	forget(&x.Plan, &y.Plan, &x.PlanGUID, &y.PlanGUID)
	forget(&x.Offering, &y.Offering, &x.OfferingGUID, &y.OfferingGUID)
	forget(&x.Broker, &y.Broker, &x.BrokerGUID, &y.BrokerGUID)
	return x == y
}

// Stretch is a part of a run with other guids, since a time.
type Stretch struct {
	Since Moment
	Size  *events.Footprint
}

// maxStretches is how many earlier stretches of a run are known, the latest ones: a price that asks
// for no guid begins anew behind them.
const maxStretches = 16

// Before puts a stretch before earlier ones.
func Before(x Stretch, earlier []Stretch) []Stretch {
	return append([]Stretch{x}, earlier[:min(len(earlier), maxStretches-1)]...)
}

// SameStretches reports whether two lists say the same.
func SameStretches(a, b []Stretch) bool {
	return slices.EqualFunc(a, b, func(x, y Stretch) bool {
		return x.Since == y.Since && (x.Size == y.Size || *x.Size == *y.Size)
	})
}

// Earlier is the stretches before a time, from the epoch on, as a span says them.
func Earlier(list []Stretch, until, epoch Moment) (out []events.Stretch) {
	for i := range list {
		f, since := list[i].Size, max(list[i].Since, epoch)
		if since < until {
			out = append(out, events.Stretch{Since: since.Time(), Footprint: events.Footprint{
				BuildpackGUID: f.BuildpackGUID, PlanGUID: f.PlanGUID, OfferingGUID: f.OfferingGUID,
				BrokerGUID: f.BrokerGUID,
			}})
		}
		until = since
	}
	return out
}

// Stretches writes stretches.
func (p *Packer) Stretches(list []Stretch) {
	p.Length(len(list))
	for _, x := range list {
		p.Moment(x.Since)
		p.Footprint(x.Size)
	}
}

// Stretches reads stretches.
func (r *Reader) Stretches() (list []Stretch) {
	for range r.Length() {
		list = append(list, Stretch{r.Moment(), r.Footprint()})
	}
	return list
}
