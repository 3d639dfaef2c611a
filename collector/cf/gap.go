package cf

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// gap is the gap to publish before anything else; nil when there is none, or USAGE has it.
func (r *rescan) gap() *openGap {
	l, s, c := r.l, &r.survey, r.l.cursor
	tail := s.tail.first
	switch {
	case s.known.proven:
		return nil
	case c.last == nil && (l.f.Complete || tail == nil):
		return nil // an empty table of a new foundation
	}
	g := events.Gap{Source: events.SourceCF, Foundation: l.f.Name, List: l.name, To: s.date}
	if tail != nil {
		g.To = r.pruned(s.date)
	}
	parts := []string{"gap", g.Source, g.Foundation, g.List}
	if c.last != nil {
		last := l.collectedTo()
		g.Cursor, g.From = c.last.guid, last.Add(-l.f.Overlap)
		if g.To.Before(last) {
			g.To = last
		}
		if tail == nil && c.gap != nil && s.date.Sub(last) <= l.f.MinAge+l.f.Schedule+l.f.Overlap {
			return nil // published, and watched since: the list was complete up to the minimum age a poll ago
		}
		parts = append(parts, g.Cursor, events.FormatTime(c.last.created))
	}
	if tail != nil {
		parts = append(parts, tail.guid, events.FormatTime(tail.created))
	}
	g.ID = events.ID(append(parts, events.FormatTime(g.To))...)
	if c.gap != nil && !g.To.After(c.gap.To) { // published before a crash; the clocks of API servers differ a little
		return nil
	}
	g.Reason = r.reason(&g)
	return &openGap{Gap: g}
}

// pruned is a time from which on nothing was pruned by a date. Cloud Controller removes all events
// before the cutoff, or, with the rule of pull request 5210, all but beginnings. So no ending is
// older, nor is the table's first event without the rule.
func (r *rescan) pruned(date time.Time) time.Time {
	s := &r.survey
	to, bound := s.tail.first.created, date.Add(-r.l.f.Retention)
	if !s.known.kept && !s.oldest.Before(bound) {
		return to
	}
	if !s.ending.IsZero() && s.ending.Before(bound) {
		bound = s.ending
	}
	if bound.After(to) {
		return bound
	}
	return to
}

// collectedTo is the end of the time that is known to be complete, late commits apart.
func (l *list) collectedTo() time.Time {
	t := l.cursor.last.created
	for _, other := range []time.Time{l.reached, l.f.publishedHorizon()} {
		if other.After(t) {
			t = other
		}
	}
	return t
}

// reason tells an operator the event, its meaning and the remedy.
func (r *rescan) reason(g *events.Gap) string {
	l, s := r.l, &r.survey
	what := "apps, tasks and builds"
	if l.name == events.ListService {
		what = "service instances"
	}
	if l.cursor.last == nil {
		text := fmt.Sprintf("First collection of the %s usage events: the foundation's list tells nothing from "+
			"before %s. Which %s were running then is not known, "+
			"and none is billed before it has reported.", l.name, events.FormatTime(g.To), what)
		if s.baselines {
			text += " The list holds baselines (WAS_RUNNING): what they name is billed from them on."
		}
		return text + " If the foundation is new and the list complete, begin again with the setting complete."
	}
	happened := "it was pruned from the foundation's list while nothing was collected"
	switch {
	case s.head == nil:
		happened = "the list is empty: it was purged"
	case r.expired:
		happened = "nothing was collected for longer than the foundation keeps events"
	case s.tail.first != nil && s.tail.first.reseeded:
		happened = "the list was purged and reseeded with what runs"
	}
	return fmt.Sprintf("The last %s usage event that was collected (%s of %s) does not show what followed: %s. "+
		"Events from %s to %s may be missing. What %s did then is held, where later events do not tell; daybook "+
		"holds list shows it, to be released or discarded.",
		l.name, g.Cursor, events.FormatTime(l.cursor.last.created), happened, events.FormatTime(g.From),
		events.FormatTime(g.To), what)
}
