package events

import "math"

// MaxBody is the length in bytes of the longest body of a message that a stage puts out, well below
// the max_payload of servers (1 MiB by default, headers included): longer ones are divided.
const MaxBody = 768 << 10

// element is an element of a list in a message.
type element[T any] interface {
	*T
	atMost() int // an upper bound of the length in JSON
	appendJSON(b []byte) []byte
}

// Fit divides a list behind its first elements: at most n, with at most room bytes of JSON
// together. It returns the rest of the room.
func Fit[T any, P element[T]](list []T, n, room int) (part, rest []T, left int) {
	n = min(n, len(list))
	bound := 0 // most lists are far below the limits, and need no exact size
	for i := range list[:n] {
		bound += P(&list[i]).atMost()
	}
	if bound <= room {
		return list[:n], list[n:], room - bound
	}
	var scratch []byte
	for i := range list[:n] {
		scratch = P(&list[i]).appendJSON(scratch[:0])
		size := len(scratch) + 1 // the comma
		if size > room {
			return list[:i], list[i:], room
		}
		room -= size
	}
	return list[:n], list[n:], room
}

// FitSome is Fit with at least one element, however large.
func FitSome[T any, P element[T]](list []T, n, room int) (part, rest []T) {
	part, rest, _ = Fit[T, P](list, n, room)
	if len(part) == 0 && len(list) > 0 {
		return list[:1], list[1:]
	}
	return part, rest
}

// fits reports whether x is no longer than MaxBody.
func (x *Metered) fits() bool {
	bound := atMost(512, x.ID, x.Source, x.Foundation, x.Tenant, x.Kind, x.Resource, x.Cause.ID, x.Cause.Event,
		x.Correction)
	for _, spans := range [...][]Span{x.Retracted, x.Closed, x.Running} {
		for i := range spans {
			bound += spans[i].atMost()
		}
	}
	for i := range x.Held {
		bound += x.Held[i].atMost()
	}
	for i := range x.Anomalies {
		bound += x.Anomalies[i].atMost()
	}
	for _, resource := range x.Ended {
		bound += atMost(3, resource)
	}
	return bound <= MaxBody || len(x.AppendJSON(nil)) <= MaxBody
}

// wholeLength is the length of x in JSON with whole spans. What spans share may grow less as a
// message gets others, and so the written form longer, but never longer than this.
func (x *Metered) wholeLength() int { return len(x.appendOver(nil, &shape{}, &shape{})) }

// Fill puts the first anomalies, retracted and closed spans that fit into the message, in this
// order, with at most n spans and at least one element. It takes the rest of the message as it is,
// and returns the rest of the lists.
func (x *Metered) Fill(n int, anomalies []Anomaly, retracted, closed []Span) ([]Anomaly, []Span, []Span) {
	x.Anomalies, x.Retracted, x.Closed = anomalies, retracted[:min(n, len(retracted))], nil
	x.Closed = closed[:min(n-len(x.Retracted), len(closed))]
	if x.fits() {
		return nil, retracted[len(x.Retracted):], closed[len(x.Closed):]
	}
	x.Anomalies, x.Retracted, x.Closed = nil, nil, nil
	room := MaxBody - x.wholeLength() - len(`"shared":{},"retracted":[],"closed":[],"anomalies":[],`)
	x.Anomalies, anomalies, room = Fit(anomalies, math.MaxInt, room)
	if len(anomalies) == 0 {
		x.Retracted, retracted, room = Fit(retracted, n, room)
	}
	if len(anomalies)+len(retracted) == 0 {
		x.Closed, closed, _ = Fit(closed, n-len(x.Retracted), room)
	}
	switch {
	case len(x.Anomalies)+len(x.Retracted)+len(x.Closed) > 0:
	case len(anomalies) > 0:
		x.Anomalies, anomalies = anomalies[:1], anomalies[1:]
	case len(retracted) > 0:
		x.Retracted, retracted = retracted[:1], retracted[1:]
	case len(closed) > 0:
		x.Closed, closed = closed[:1], closed[1:]
	}
	return anomalies, retracted, closed
}

// atMost returns an upper bound of the length in JSON of strings, beside fixed bytes of keys,
// times, numbers and flags. The longest form of a byte has six: \u0000.
func atMost(fixed int, texts ...string) int {
	n := 0
	for _, s := range texts {
		n += len(s)
	}
	return fixed + 6*n
}

func (x *Span) atMost() int {
	return atMost(512+23*len(x.Evidence), x.ID, x.Kind, x.Resource, x.App, x.Tenant, x.Space, x.SpaceName, x.Name,
		x.Publication, x.Correction) + x.Footprint.atMost() + len(x.Earlier)*(32<<10) // with four guids each
}

func (x *Footprint) atMost() int {
	return atMost(512, x.ProcessType, x.Buildpack, x.BuildpackGUID, x.Plan, x.PlanGUID, x.Offering, x.OfferingGUID,
		x.Broker, x.BrokerGUID, x.Flavor, x.FlavorID, x.Datastore, x.DatastoreID, x.Region, x.AvailabilityZone)
}

func (x *Anomaly) atMost() int { return atMost(128, x.Code, x.Resource, x.Message) }

func (x *Hold) atMost() int {
	return atMost(256, x.ID, x.Kind, x.Resource, x.Code, x.Reason) + x.Footprint.atMost() +
		x.Lower.atMost()
}

func (x *Unrated) atMost() int {
	return atMost(256, x.ID, x.Span, x.Kind, x.Resource, x.Tenant, x.Space, x.Name, x.Reason, x.Period) +
		x.Footprint.atMost()
}

func (x *Charge) atMost() int {
	const decimals = 4 * 200 // seconds, quantity, amount, VAT
	return atMost(512+decimals, x.ID, x.Entry, x.Reverses, x.Period, x.Span, x.Kind, x.Resource, x.App, x.Tenant,
		x.Space, x.Name, x.Plan, x.Catalogue, x.Component, x.Unit, x.VATCode, x.Currency, x.Datastore, x.Region,
		x.AvailabilityZone, x.Corrects, x.Month, x.VATRate, x.CurrencyRate)
}
