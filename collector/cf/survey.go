package cf

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

const (
	// unknownRun unknown events in a row end the search for known ones.
	unknownRun = 10_000
	// clockMargin is how much older than the events of the table's first page an event further back
	// may be.
	clockMargin = 24 * time.Hour
	// pruneEvery is the longest life of an event past its retention: the job for pruning runs once
	// a day.
	pruneEvery = 25 * time.Hour
)

// survey has the findings of one pass over a table from its head, before anything is published.
type survey struct {
	last *entry    // the newest event so far
	date time.Time // of the last page

	head      *entry    // the first event of the table
	evidence  *entry    // the oldest ending, the head while there is none: nothing younger was pruned
	ending    time.Time // created_at of the oldest ending; zero while there is none
	oldest    time.Time // created_at of the oldest event
	baselines bool      // there are WAS_RUNNING events
	late      int       // events between known ones that USAGE does not have

	known knownPart
	tail  tail
}

// knownPart has the findings on events in USAGE.
type knownPart struct {
	last   *entry // nil when USAGE has none
	lowest uint64 // sequence of the first listed fact
	window window // the newest events, for the overlaps behind the rescan
	proven bool   // an ending is still listed
	kept   bool   // a beginning is listed, though younger events were pruned
}

// tail has the findings on the events behind the last known one.
type tail struct {
	first  *entry // nil when there is none
	length int
}

// begins reports whether Cloud Controller keeps the event while the thing runs (pull request 5210).
func begins(event string) bool {
	switch event {
	case events.EventStarted, events.EventWasRunning, events.EventTaskStarted, events.EventTaskWasRunning,
		events.EventCreated, events.EventUpdated:
		return true
	}
	return false
}

// read reads the table until the pages behind tell nothing more, and prepares the gap. ready is
// false when the time to publish it has not come.
func (r *rescan) read(ctx context.Context) (ready bool, err error) {
	l, s := r.l, &r.survey
	var p cfapi.Page
	for done := false; !done; {
		after := ""
		if s.last != nil {
			after = s.last.guid
		}
		if err := l.ask(ctx, after, &p); err != nil {
			return false, err
		}
		if done, err = r.readPage(ctx, &p); err != nil {
			return false, err
		}
		l.showRescan(ctx, s.last)
	}
	l.date = s.date
	if s.head == nil {
		// An empty list means something only if the token may read all of it.
		if err := l.f.client.CheckGlobalRead(ctx); err != nil {
			return false, err
		}
	}
	if s.tail.first != nil && !s.known.proven && s.tail.first.created.After(s.date.Add(-l.f.MinAge)) {
		l.rescan = nil // not old enough to be collected; the horizon waits for it
		l.waitFor(s.tail.first, s.date)
		return false, nil
	}
	l.outbox.gap = r.gap()
	return true, nil
}

// readPage notes the events of a page, and reports whether the pages behind it tell nothing more.
func (r *rescan) readPage(ctx context.Context, p *cfapi.Page) (done bool, err error) {
	l, s := r.l, &r.survey
	last := p.Last()
	if len(p.Events) > 0 && last == nil && (s.last == nil || !p.End) {
		return false, l.unpassable(ctx, p)
	}
	if s.last == nil && last != nil {
		if err := r.loadKnown(ctx, p.Events); err != nil {
			return false, err
		}
		s.head = entryOf(p.First())
		s.evidence = s.head
	}
	s.date = p.Date
	for i := range p.Events {
		r.add(&p.Events[i])
	}
	if s.late > maxLate {
		return false, l.tooManyLate() // before a gap says anything: the next poll finds the same
	}
	s.known.window.forget(s.date.Add(-l.f.Overlap - l.f.OverlapEvery))
	if last != nil {
		s.last = entryOf(last)
	}
	if p.End {
		return true, nil
	}
	bounded := !s.ending.IsZero() || !last.Created.Before(p.Date.Add(-l.f.Retention))
	return bounded && (len(l.cursor.known) == 0 || s.tail.length >= unknownRun), nil
}

// loadKnown reads the ids of the list's facts in USAGE, as far back as the table goes.
func (r *rescan) loadKnown(ctx context.Context, page []cfapi.Event) error {
	l := r.l
	if l.cursor.last == nil || l.cursor.known != nil {
		return nil
	}
	var oldest time.Time
	for i := range page {
		if at := page[i].Created; at.Year() >= cfapi.FirstYear && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	oldest = oldest.Add(-clockMargin)
	known := map[appender.Key]uint64{}
	var u events.Usage
	scan := Scan{Filters: factFilters(l.f.Name, l.name), From: 1, To: l.f.writer.seen()}
	err := l.f.store.Scan(ctx, events.StreamUsage, scan, func(m *bus.Stored) error {
		if err := u.DecodeFact(m.Data); err != nil {
			return unreadableMessage(m, err)
		}
		if u.Time.Before(oldest) {
			return nil
		}
		if len(known) >= MaxKnown {
			return fmt.Errorf("the list of %s usage events reaches back to %s, and has to be compared with more than "+
				"the %d facts that fit: have the foundation keep its usage events for a shorter time "+
				"(cutoff_age_in_days), or collect it under another name (--cf-name) from here on",
				l.name, events.FormatTime(oldest.Add(clockMargin)), MaxKnown)
		}
		known[appender.KeyOf(m.Header(events.HeaderID))] = m.Sequence
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading which facts %s has: %w", events.StreamUsage, err)
	}
	l.cursor.known = known
	return nil
}

// add notes one event. An event of unknown shape tells nothing.
func (r *rescan) add(e *cfapi.Event) {
	l, s := r.l, &r.survey
	u, err := l.fact(e)
	if err != nil {
		return
	}
	if s.oldest.IsZero() || e.Created.Before(s.oldest) {
		s.oldest = e.Created
	}
	ending := !begins(u.Event)
	if ending && (s.ending.IsZero() || e.Created.Before(s.ending)) {
		s.ending, s.evidence = e.Created, entryOf(e)
	}
	s.baselines = s.baselines || u.Event == events.EventWasRunning || u.Event == events.EventTaskWasRunning
	k := appender.KeyOf(u.ID)
	x := &entry{
		guid: e.GUID, created: e.Created, sequence: l.cursor.known[k],
		reseeded: e.GUID == u.Resource,
	}
	if x.sequence == 0 {
		if s.tail.length++; s.tail.length == 1 {
			s.tail.first = x
		}
		return
	}
	s.late += s.tail.length
	s.tail = tail{}
	known := &s.known
	if known.last == nil {
		known.window.start(x.sequence)
	}
	known.last = x
	known.window.push(x, k, true)
	known.proven = known.proven || ending
	known.kept = known.kept || r.isKept(e, &u, s.date)
	if known.lowest == 0 || x.sequence < known.lowest {
		known.lowest = x.sequence
	}
}

// isKept reports whether a known event is listed only because Cloud Controller keeps it: it is a
// beginning, and the cursor, not older, was pruned; or it should have been pruned long ago.
func (r *rescan) isKept(e *cfapi.Event, u *events.Usage, date time.Time) bool {
	cursor := r.l.cursor.last
	if cursor == nil || !begins(u.Event) || e.Created.After(cursor.created) {
		return false
	}
	return !r.expired || e.Created.Before(date.Add(-r.l.f.Retention-pruneEvery))
}
