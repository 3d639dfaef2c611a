// Package forecast prices what runs: what it has accrued since it was charged last, and what it
// comes to if it runs on.
//
// The prices are those of the pricer's book, for the month of each part, and the rating is the
// pricer's. So a forecast is what the bill will say, if nothing changes until then.
//
// The package is pure.
package forecast

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Terms are the prices of the months of foundations, as pricer.Book has them.
type Terms interface {
	// Terms returns the version that prices a month; a nil catalogue for none.
	Terms(source, foundation, month string) (version string, c *catalogue.Catalogue, border *rating.Border)
}

// noCatalogue is why nothing of a month has a price.
const noCatalogue = "no catalogue has been published"

// Price prices the part of a running span of a foundation in [from, to), as if it ended at to. The
// charges have no id. A part without a price is one of the unrated ones.
func Price(t Terms, source, foundation string, running *events.Span, from, to time.Time) (charges []events.Charge,
	unrated []rating.Unrated,
) {
	part := *running
	if part.Start.Before(from) {
		part.Start = from
	}
	for part.Start.Before(to) {
		month := part.Start.UTC().Format(events.MonthForm)
		_, part.End = events.MonthTime(month)
		if part.End.After(to) {
			part.End = to
		}
		version, prices, border := t.Terms(source, foundation, month)
		if prices == nil {
			unrated = append(unrated, rating.Unrated{Start: part.Start, End: part.End, Reason: noCatalogue})
		} else {
			lines, without := rating.RateBehind(border, prices, foundation, &part)
			unrated = append(unrated, without...)
			for i := range lines {
				c := lines[i].Charge(&part)
				c.Entry, c.Period, c.Catalogue = events.EntryCharge, month, version
				charges = append(charges, c)
			}
		}
		part.Start = part.End
	}
	return charges, unrated
}
