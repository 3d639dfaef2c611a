package trove

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// difference puts out the change from a derivation before to one of the present facts.
func (in *instance) difference(ch *timeline.Change, before *derived) {
	d := derivation{in: in}
	after := d.derive()
	in.stable = nil
	if n := len(in.reports); n > 0 && d.end.IsZero() && d.stable == in.reports[n-1].content {
		in.stable = d.stable
	}
	same := func(a, b *events.Span) bool { return keyOf(a) == keyOf(b) && (a.Name == "") == (b.Name == "") }
	for _, kind := range []string{events.KindInstance, events.KindVolume} {
		old, now := spansOf(before.Spans, kind), spansOf(after.Spans, kind)
		// Equal spans at the beginning and at the end have equal pieces.
		for len(old) > 0 && len(now) > 0 && same(&old[0], &now[0]) {
			old, now = old[1:], now[1:]
		}
		for len(old) > 0 && len(now) > 0 && same(&old[len(old)-1], &now[len(now)-1]) {
			old, now = old[:len(old)-1], now[:len(now)-1]
		}
		in.exchange(in.rules.Cut, ch, old, now)
	}
	for _, a := range after.Anomalies {
		if !slices.ContainsFunc(before.Anomalies, func(b events.Anomaly) bool {
			return a.Code == b.Code &&
				a.Time.Equal(b.Time)
		}) {
			ch.Anomalies = append(ch.Anomalies, a)
		}
	}
	ran, run := in.runningOf(nil, before.Spans), in.runningOf(nil, after.Spans)
	ch.Running = ch.Running || !slices.EqualFunc(ran, run, func(a, b events.Span) bool {
		return same(&a, &b) &&
			a.Name == b.Name
	})
	ch.Held = ch.Held || !slices.Equal(before.Holds, after.Holds)
}

// exchange retracts the published pieces of `old` without an equal in `now`, and puts out the new
// ones.
func (in *instance) exchange(cut timeline.Cut, ch *timeline.Change, old, now []events.Span) {
	var from time.Time // up to here the pieces of the first spans are the same
	if len(old) > 0 && len(now) > 0 && old[0].Start.Equal(now[0].Start) && (old[0].Name == "") == (now[0].Name == "") &&
		keyOf(&old[0]).opening() == keyOf(&now[0]).opening() {
		end := in.end(&old[0])
		if e := in.end(&now[0]); e.Before(end) {
			end = e
		}
		from = cut.Floor(end.Add(-1)) // before this boundary no piece is the last one
	}
	was, is := in.pieces(cut, old, from), in.pieces(cut, now, from)
	key := func(s *events.Span) pieceKey {
		return pieceKey{keyOf(s), s.Name != "" || s.Start.Before(in.rules.folded())}
	}
	had := make(map[pieceKey]bool, len(was))
	for i := range was {
		had[key(&was[i])] = true
	}
	for i := range is {
		if k := key(&is[i]); had[k] {
			delete(had, k)
		} else {
			ch.Closed = append(ch.Closed, is[i])
		}
	}
	for i := range was {
		if had[key(&was[i])] {
			ch.Retracted = append(ch.Retracted, was[i])
		}
	}
}

// pieceKey makes two pieces the same for METERED. One that was published without a name, and is not
// folded, is published anew with the first name of the database; another name is a label.
type pieceKey struct {
	spanKey
	named bool
}

// spansOf returns the spans of a kind; they stand together.
func spansOf(spans []events.Span, kind string) []events.Span {
	from := slices.IndexFunc(spans, func(s events.Span) bool { return s.Kind == kind })
	if from < 0 {
		return nil
	}
	to := from
	for to < len(spans) && spans[to].Kind == kind {
		to++
	}
	return spans[from:to]
}

// spanKey makes two spans the same for the ledger. Times are compared as instants.
type spanKey struct {
	kind              string
	start, end, since int64
	running           bool
	footprint         events.Footprint
	tenant            string
	flags             events.Flags
}

func keyOf(s *events.Span) spanKey {
	k := spanKey{
		kind: s.Kind, start: s.Start.UnixNano(), since: s.Since.UnixNano(), running: s.Running(),
		footprint: s.Footprint,
		tenant:    s.Tenant, flags: s.Flags,
	}
	if !k.running {
		k.end = s.End.UnixNano()
	}
	return k
}

// opening is the key without the end.
func (k spanKey) opening() spanKey {
	k.end, k.running, k.flags = 0, false, k.flags&events.InferredStart
	return k
}

// end is where a span ends, or up to where it has been put out while it runs.
func (in *instance) end(s *events.Span) time.Time {
	if s.Running() {
		return in.published
	}
	return s.End
}

// pieces cuts the spans, the open ones up to the published boundary. It leaves out pieces of the
// first span up to `from`.
func (in *instance) pieces(cut timeline.Cut, spans []events.Span, from time.Time) []events.Span {
	var out []events.Span
	for i := range spans {
		start := spans[i].Start
		if i == 0 {
			start = timeline.Later(start, from)
		}
		out = cutSpan(cut, out, &spans[i], start, in.end(&spans[i]))
	}
	return out
}

// cutSpan appends the pieces of a span in [from, to). The flags say of the first piece how the span
// began, and of the last how it ended.
func cutSpan(cut timeline.Cut, out []events.Span, s *events.Span, from, to time.Time) []events.Span {
	first := len(out)
	out = cut.Divide(out, s, from, to)
	for i := first; i < len(out); i++ {
		p := &out[i]
		if p.Start.After(s.Start) {
			p.Flags &^= events.InferredStart
		}
		if !p.End.Equal(s.End) {
			p.Flags &^= events.InferredEnd | events.ProvisionalEnd
		}
	}
	return out
}

// Advance implements timeline.Timeline.
func (in *instance) Advance(boundary timeline.Moment, ch *timeline.Change) {
	to := boundary.Time()
	if !to.After(in.published) {
		return
	}
	tracks := in.derive()
	for i := range tracks.Spans {
		s := &tracks.Spans[i]
		if s.Running() && s.Start.Before(to) {
			ch.Closed = cutSpan(in.rules.Cut, ch.Closed, s, timeline.Later(s.Start, in.published), to)
			ch.Running = true
		}
	}
	in.published = to
}

// Running implements timeline.Timeline.
func (in *instance) Running(out []events.Span) []events.Span {
	return in.runningOf(out, in.derive().Spans)
}

func (in *instance) runningOf(out, spans []events.Span) []events.Span {
	for _, s := range spans {
		if !s.Running() {
			continue
		}
		if in.published.After(s.Start) {
			s.Start = in.published
			s.Flags &^= events.InferredStart
		}
		out = append(out, s)
	}
	return out
}
