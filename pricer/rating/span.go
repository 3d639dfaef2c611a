package rating

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Span is a span of an offline calculation. Join makes one Span of adjacent spans with an equal
// footprint, and Price fills in Lines and Unrated.
type Span struct {
	events.Span
	Running bool          // the resource runs on at End
	Parts   []events.Span // the joined spans, by time; Price prices these
	Lines   []Line
	Unrated []Unrated
}

// Crop cuts spans to [from, to); a zero time is no bound. The spans of a run that had begun before
// from are priced as if it had begun at from, and a span that is cut at to does not run there.
func Crop(spans []Span, from, to time.Time) []Span {
	var out []Span
	for _, s := range spans {
		s.Earlier = cropEarlier(&s.Span, from)
		if s.Start.Before(from) {
			s.Start = from
		}
		if s.Since.Before(from) && !s.Since.IsZero() {
			s.Since = from
		}
		if !to.IsZero() && s.End.After(to) {
			s.End, s.Running = to, false
		}
		if s.Start.Before(s.End) {
			out = append(out, s)
		}
	}
	return out
}

// cropEarlier returns the parts behind from of the stretches before a span.
func cropEarlier(s *events.Span, from time.Time) []events.Stretch {
	end := s.Since
	for i := range s.Earlier {
		e := s.Earlier[i]
		if e.Since.Before(from) {
			kept := slices.Clone(s.Earlier[:i])
			if end.After(from) {
				e.Since = from
				kept = append(kept, e)
			}
			return kept
		}
		end = e.Since
	}
	return s.Earlier
}

// Join sorts spans by tenant, kind, resource and start, and makes one of adjacent spans with an
// equal footprint, and of those of one run with other guids alone, if no plan of the catalogue is
// by them. Without a catalogue none is. The joined span has the labels, guids and flags of its last
// part, but for the flag inferred_start of its first part.
func Join(spans []Span, cat *catalogue.Catalogue, foundation string) []Span {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
			a.Start.Compare(b.Start))
	})
	var out []Span
	for _, s := range spans {
		s.Parts = []events.Span{s.Span}
		if n := len(out) - 1; n >= 0 {
			if p := &out[n]; p.Kind == s.Kind && p.Resource == s.Resource && p.Tenant == s.Tenant &&
				p.End.Equal(s.Start) && (p.Footprint == s.Footprint || alike(cat, foundation, p, &s)) {
				p.End, p.Running, p.Name, p.Space = s.End, s.Running, s.Name, s.Space
				p.Footprint = s.Footprint
				p.Flags = p.Flags&events.InferredStart | s.Flags&^events.InferredStart
				p.Parts = append(p.Parts, s.Span)
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// alike reports whether a span goes on with one before it that has other guids, at the same price.
func alike(cat *catalogue.Catalogue, foundation string, before, s *Span) bool {
	if len(s.Earlier) == 0 || s.Since.Before(s.Start) {
		return false
	}
	e, f := &s.Earlier[0].Footprint, &before.Footprint
	if e.BuildpackGUID != f.BuildpackGUID || e.PlanGUID != f.PlanGUID || e.OfferingGUID != f.OfferingGUID ||
		e.BrokerGUID != f.BrokerGUID {
		return false
	}
	if cat == nil {
		return true
	}
	r := resourceOf(foundation, &s.Span)
	return sameChoices(cat, &r, &s.Earlier[0], cat.Choices(&r))
}

// Total adds up priced spans.
type Total struct {
	Charges, Unrated int            // lines, and parts without a price
	Amount, VAT      events.Decimal // in the catalogue's currency; Amount is net of VAT
}

// Price prices each part of each span with Rate and enters the results in the spans. A line that
// continues another (Line.Continues) becomes one with it, as do adjacent unrated parts with the
// same reason.
func Price(cat *catalogue.Catalogue, foundation string, spans []Span) Total {
	var total Total
	for i := range spans {
		s := &spans[i]
		for j := range s.Parts {
			lines, unrated := Rate(cat, foundation, &s.Parts[j])
			for k := range lines {
				s.addLine(&lines[k])
			}
			for _, u := range unrated {
				s.addUnrated(u)
			}
		}
		total.Charges += len(s.Lines)
		total.Unrated += len(s.Unrated)
		for k := range s.Lines {
			total.Amount, total.VAT = total.Amount.Add(s.Lines[k].Amount), total.VAT.Add(s.Lines[k].VAT)
		}
	}
	return total
}

func (s *Span) addLine(line *Line) {
	at := slices.IndexFunc(s.Lines, func(l Line) bool { return l.Continues(line) })
	if at < 0 {
		s.Lines = append(s.Lines, *line)
		return
	}
	l := &s.Lines[at]
	l.End, l.Seconds, l.Quantity = line.End, l.Seconds.Add(line.Seconds), l.Quantity.Add(line.Quantity)
	l.Amount, l.VAT = l.Amount.Add(line.Amount), l.VAT.Add(line.VAT)
}

// addUnrated adds a part without a price. Components without a price for the same reason are one
// part.
func (s *Span) addUnrated(u Unrated) {
	for i := len(s.Unrated) - 1; i >= 0; i-- {
		before := &s.Unrated[i]
		if before.Reason != u.Reason || before.End.Before(u.Start) {
			continue
		}
		if u.End.After(before.End) {
			before.End = u.End
		}
		return
	}
	s.Unrated = append(s.Unrated, u)
}
