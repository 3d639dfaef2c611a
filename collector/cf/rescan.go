package cf

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

const (
	// settled is how many unknown events in a row tell that no known one follows.
	settled = 10_000
	// clockMargin is how much older than the rows of the table's first page a row further back may
	// be.
	clockMargin = 24 * time.Hour
	// pruneEvery is how long a row that is old enough may wait for being pruned: a job does it once
	// a day.
	pruneEvery = 25 * time.Hour
)

// survey is what reading a table from its head finds out, before anything is published.
type survey struct {
	at        *mark     // the last event that was read
	date      time.Time // of the last page
	head      *mark     // the first row
	lastKnown *mark     // the last event that USAGE has
	tail      *mark     // the first event behind it
	run       int       // length of the tail so far
	lowest    uint64    // sequence of the first fact that is listed
	proven    bool      // an ending that USAGE has is still listed
	kept      bool      // a beginning that USAGE has is listed, though what came after it was pruned
	eldest    time.Time // created_at of the oldest row
	ending    time.Time // created_at of the oldest row that is no beginning: nothing younger was pruned
	oldest    *mark     // that row; the head while there is none
	baselines bool      // there are WAS_RUNNING rows
	// window has the sequences of those events of the window that are listed.
	window map[uint64]struct{}
}

// revisit is how far the known part of a table has been read again.
type revisit struct {
	after string // guid of the last event
	run   lateRun
	prev  mark
	again int // beginnings that are still listed
}

// reread is how far a rescan has come. A poll that fails for want of an answer leaves it to the
// next one, so that a long list is read to its end although polls fail.
type reread struct {
	survey    survey
	surveyed  bool // to its end; the gap is prepared
	revisit   revisit
	revisited bool // the walk can begin
}

// begins reports whether the event is one that Cloud Controller keeps while the thing runs (pull
// request 5210).
func begins(event string) bool {
	switch event {
	case events.EventStarted, events.EventWasRunning, events.EventTaskStarted, events.EventTaskWasRunning,
		events.EventCreated, events.EventUpdated:
		return true
	}
	return false
}

// rescan looks through the table from its head, for the first time or because the cursor is lost,
// and goes on where the poll before had to stop. It publishes what tells about the past, prepares
// the gap, and puts the cursor behind the last event that is known. ready is false when there is
// nothing to walk yet.
func (l *list) rescan(ctx context.Context) (ready bool, err error) {
	if l.reread == nil {
		l.f.metrics.rescans.WithLabelValues(l.f.Name, l.name).Inc()
		l.reread = &reread{survey: survey{window: map[uint64]struct{}{}}}
	} else if err := l.resume(ctx, l.reread); err != nil {
		return false, err
	}
	s := &l.reread.survey
	if !l.reread.surveyed {
		if ready, err := l.survey(ctx, s); err != nil || !ready {
			return false, err
		}
		l.reread.surveyed = true
	}
	if l.reread.revisited {
		return true, nil
	}
	if s.lastKnown != nil {
		if err := l.revisit(ctx, s, &l.reread.revisit); err != nil {
			return false, err
		}
	}
	if s.head == nil {
		if err := l.finish(ctx); err != nil {
			return false, err
		}
		l.reach(s.date.Add(-l.f.MinAge))
		l.waitsFor(nil, s.date)
		return false, nil
	}
	l.cursor, l.after, l.scanned = s.lastKnown, "", s.date
	if l.cursor == nil {
		l.window.clear()
	} else {
		l.after = l.factID(l.cursor.guid, l.cursor.created)
		l.window.keep(s.window, l.cursor)
	}
	l.reread.revisited = true
	return true, nil
}

// resume makes sure that the rescan of an earlier poll can go on: what it has read last is still
// listed, and nothing can have been pruned since then of which the gap that it has prepared does
// not tell.
func (l *list) resume(ctx context.Context, r *reread) error {
	s := &r.survey
	if s.at == nil {
		return nil
	}
	if err := l.stillListed(ctx, s.at); err != nil {
		return err
	}
	now := l.f.now().Add(-l.f.client.Skew())
	if r.surveyed && !s.proven && s.tail != nil && l.pruned(s, now).After(l.pruned(s, s.date)) {
		return l.changed()
	}
	return nil
}

// changed is the error for a table of which something was removed while it was read from its start.
func (l *list) changed() error {
	return fmt.Errorf("the list of %s usage events changed while it was read from its start; it is read again", l.name)
}

// stillListed makes sure that an event was not removed since it was read.
func (l *list) stillListed(ctx context.Context, m *mark) error {
	created, err := l.f.client.Created(ctx, l.name, m.guid)
	if cfapi.NotFound(err) || err == nil && !created.Equal(m.created) {
		return l.changed()
	}
	return err
}

// survey reads the table until it is clear what it tells, and prepares the gap. ready is false when
// the time to publish it has not come.
func (l *list) survey(ctx context.Context, s *survey) (ready bool, err error) {
	var p cfapi.Page
	for done := false; !done; {
		after := ""
		if s.at != nil {
			after = s.at.guid
		}
		if err := l.ask(ctx, after, &p); err != nil {
			return false, err
		}
		if done, err = l.surveyPage(ctx, s, &p); err != nil {
			return false, err
		}
		l.reading(ctx, s.at)
	}
	l.date = s.date
	if s.head == nil {
		// An empty list means something only if the token may read all of it.
		if err := l.f.client.CheckGlobalRead(ctx); err != nil {
			return false, err
		}
	}
	if s.tail != nil && !s.proven && s.tail.created.After(s.date.Add(-l.f.MinAge)) {
		l.reread = nil // not old enough to be collected; the horizon waits for it
		l.waitsFor(&cfapi.Event{GUID: s.tail.guid, Created: s.tail.created}, s.date)
		return false, nil
	}
	l.pending = l.gapFor(s)
	return true, nil
}

// surveyPage takes note of a page, and reports whether those behind it tell nothing more.
func (l *list) surveyPage(ctx context.Context, s *survey, p *cfapi.Page) (done bool, err error) {
	last := p.Last()
	if len(p.Events) > 0 && last == nil && (s.at == nil || !p.End) {
		return false, l.unpassable(ctx, p)
	}
	if s.at == nil && last != nil {
		if err := l.learn(ctx, p.Events); err != nil {
			return false, err
		}
		first := p.First()
		s.head = &mark{guid: first.GUID, created: first.Created}
		s.oldest = s.head
	}
	s.date = p.Date
	for i := range p.Events {
		l.look(s, &p.Events[i])
	}
	if last != nil {
		s.at = &mark{guid: last.GUID, created: last.Created}
	}
	if p.End {
		return true, nil
	}
	bounded := !s.ending.IsZero() || !last.Created.Before(p.Date.Add(-l.f.Retention))
	return bounded && (len(l.known) == 0 || s.run >= settled), nil
}

// learn reads which facts of the list USAGE has, as far back as the table goes.
func (l *list) learn(ctx context.Context, rows []cfapi.Event) error {
	if l.cursor == nil || l.known != nil {
		return nil
	}
	var oldest time.Time
	for i := range rows {
		if at := rows[i].Created; at.Year() >= cfapi.FirstYear && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	oldest = oldest.Add(-clockMargin)
	known := map[appender.Key]uint64{}
	scan := Scan{Filters: factFilters(l.f.Name, l.name), From: 1, To: l.f.writer.seen(), HeadersOnly: true}
	err := l.f.store.Scan(ctx, events.StreamUsage, scan, func(m *bus.Stored) error {
		at, err := events.ParseTime(m.Header(events.HeaderTime))
		if err != nil || at.Before(oldest) {
			return err
		}
		if len(known) >= MaxKnown {
			return fmt.Errorf("the list of %s usage events reaches back to %s, and has to be compared with more than "+
				"the %d facts that fit: "+
				"have the foundation keep its usage events for a shorter time (cutoff_age_in_days), or collect it "+
				"under another name (--cf-name) from here on",
				l.name, events.FormatTime(oldest.Add(clockMargin)), MaxKnown)
		}
		known[appender.KeyOf(m.Header(events.HeaderID))] = m.Sequence
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading which facts %s has: %w", events.StreamUsage, err)
	}
	l.known = known
	return nil
}

// look takes note of one row. What is not understood tells nothing.
func (l *list) look(s *survey, r *cfapi.Event) {
	u, err := l.fact(r)
	if err != nil {
		return
	}
	if s.eldest.IsZero() || r.Created.Before(s.eldest) {
		s.eldest = r.Created
	}
	ending := !begins(u.Event)
	if ending && (s.ending.IsZero() || r.Created.Before(s.ending)) {
		s.ending, s.oldest = r.Created, &mark{guid: r.GUID, created: r.Created}
	}
	s.baselines = s.baselines || u.Event == events.EventWasRunning || u.Event == events.EventTaskWasRunning
	m := &mark{
		guid: r.GUID, created: r.Created, sequence: l.known[appender.KeyOf(u.ID)],
		reseeded: r.GUID == u.Resource,
	}
	if m.sequence == 0 {
		if s.run++; s.run == 1 {
			s.tail = m
		}
		return
	}
	s.lastKnown, s.tail, s.run = m, nil, 0
	s.proven = s.proven || ending
	s.kept = s.kept || l.isKept(r, &u, s.date)
	if s.lowest == 0 || m.sequence < s.lowest {
		s.lowest = m.sequence
	}
	if _, ok := l.window.ids[appender.KeyOf(u.ID)]; ok {
		s.window[m.sequence] = struct{}{}
	}
}

// isKept reports whether an event that is known is listed only because Cloud Controller keeps it:
// it is a beginning, and no younger than the cursor, which was pruned; or it should have been
// pruned long ago.
func (l *list) isKept(r *cfapi.Event, u *events.Usage, date time.Time) bool {
	if l.cursor == nil || !begins(u.Event) || r.Created.After(l.cursor.created) {
		return false
	}
	return !l.outlived || r.Created.Before(date.Add(-l.f.Retention-pruneEvery))
}

// gapFor is the gap that has to be published before anything else; nil when there is none, or USAGE
// has it.
func (l *list) gapFor(s *survey) *openGap {
	switch {
	case s.proven:
		return nil
	case l.cursor == nil && (l.f.Complete || s.tail == nil):
		return nil // an empty table of a foundation that was never collected
	}
	g := events.Gap{Source: events.SourceCF, Foundation: l.f.Name, List: l.name, To: s.date}
	if s.tail != nil {
		g.To = l.pruned(s, s.date)
	}
	parts := []string{"gap", g.Source, g.Foundation, g.List}
	if l.cursor != nil {
		last := l.collectedTo()
		g.Cursor, g.From = l.cursor.guid, last.Add(-l.f.Overlap)
		if g.To.Before(last) {
			g.To = last
		}
		if s.tail == nil && l.gap != nil && s.date.Sub(last) <= l.f.MinAge+l.f.Schedule+l.f.Overlap {
			return nil // said before, and watched since: the list was complete up to the minimum age a poll ago
		}
		parts = append(parts, g.Cursor, events.FormatTime(l.cursor.created))
	}
	if s.tail != nil {
		parts = append(parts, s.tail.guid, events.FormatTime(s.tail.created))
	}
	g.ID = events.ID(append(parts, events.FormatTime(g.To))...)
	if l.gap != nil && !g.To.After(l.gap.To) { // said before a crash; the clocks of several API servers differ a little
		return nil
	}
	g.Reason = l.reason(s, &g)
	return &openGap{Gap: g, said: s.date}
}

// pruned is a time from which on nothing was pruned by a date. Cloud Controller removes all rows
// that are older than the cutoff, or, with the rule of pull request 5210, all but beginnings; so no
// row that is no beginning is older, nor is the table's first without that rule.
func (l *list) pruned(s *survey, date time.Time) time.Time {
	to, bound := s.tail.created, date.Add(-l.f.Retention)
	if !s.kept && !s.eldest.Before(bound) {
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

// collectedTo is up to when the list is known to be complete, late commits apart.
func (l *list) collectedTo() time.Time {
	t := l.cursor.created
	for _, other := range []time.Time{l.horizon, l.f.horizonSaid()} {
		if other.After(t) {
			t = other
		}
	}
	return t
}

// reason tells an operator what has happened, what it means and what to do.
func (l *list) reason(s *survey, g *events.Gap) string {
	what := "apps, tasks and builds"
	if l.name == events.ListService {
		what = "service instances"
	}
	if l.cursor == nil {
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
	case l.outlived:
		happened = "nothing was collected for longer than the foundation keeps events"
	case s.tail != nil && s.tail.reseeded:
		happened = "the list was purged and reseeded with what runs"
	}
	return fmt.Sprintf("The last %s usage event that was collected (%s of %s) does not show what followed: %s. "+
		"Events from %s to %s may be missing. What %s did then is held, where later events do not tell; daybook "+
		"holds list shows it, to be released or discarded.",
		l.name, g.Cursor, events.FormatTime(l.cursor.created), happened, events.FormatTime(g.From),
		events.FormatTime(g.To), what)
}

// revisit reads the known part of the table again and publishes what it tells: beginnings that are
// still listed, where continuity is not proven, and events that were missed between known ones.
func (l *list) revisit(ctx context.Context, s *survey, v *revisit) error {
	gap := l.pending
	if gap == nil && !s.proven {
		gap = l.gap
	}
	if v.after == "" {
		v.prev = mark{sequence: max(s.lowest, 2) - 1}
	}
	var p cfapi.Page
	for {
		if err := l.ask(ctx, v.after, &p); err != nil {
			if drainErr := l.drain(ctx); drainErr != nil {
				return drainErr
			}
			return err
		}
		for i := range p.Events {
			r := &p.Events[i]
			sequence, ok := l.known[l.identity(r)]
			if err := l.between(ctx, r, &v.run, &v.prev); err != nil {
				return err
			}
			if ok && gap != nil && (gap.sequence == 0 || sequence < gap.sequence) {
				n, err := l.listed(ctx, r, gap)
				if v.again += n; err != nil {
					return err
				}
			}
			if s.lastKnown.is(r) {
				if v.again+v.run.total > 0 {
					l.log.Info("the list was read from its start", slog.Int("still_listed", v.again),
						slog.Int("late", v.run.total))
				}
				return l.drain(ctx)
			}
		}
		last := p.Last()
		switch {
		case p.End:
			return l.changed()
		case last == nil:
			return l.unpassable(ctx, &p)
		}
		v.after = last.GUID
		l.reading(ctx, &mark{guid: last.GUID, created: last.Created})
	}
}

// rescanDetail is what the status calls a reading of a list from its start, behind the list's name.
const rescanDetail = " rescan"

// reading shows how far a reading of the list from its start has come; nil for the end of that.
func (l *list) reading(ctx context.Context, at *mark) {
	detail := l.name + rescanDetail
	if at == nil {
		l.f.detail(detail, "")
		return
	}
	l.f.detail(detail, "reading the list from its start, at "+events.FormatTime(at.created))
	l.f.tell(ctx, func(time.Time) {})
}

// listed publishes that a known beginning is still listed, once for each gap. A beginning goes once
// its ending is old enough to go, too, so that what is listed had not ended by the end of the gap,
// from where on the list is complete.
func (l *list) listed(ctx context.Context, r *cfapi.Event, gap *openGap) (int, error) {
	at := gap.To
	u, err := l.fact(r)
	if err != nil || !l.isKept(r, &u, gap.said) {
		return 0, nil //nolint:nilerr // it was understood when it was stored; if not any more, it tells nothing
	}
	u.Listed = at
	u.ID = events.ID("usage", u.Source, u.Foundation, l.name, r.GUID, events.FormatTime(r.Created), "listed",
		events.FormatTime(at))
	k := appender.KeyOf(u.ID)
	if l.isKnown(k) {
		return 0, nil
	}
	return 1, l.add(ctx, &u, k, &mark{guid: r.GUID, created: r.Created}, asListed, "")
}
