package cf

import (
	"context"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// rescan reads the table of a list again from its head, because there is no cursor yet, or because
// the cursor is lost. It is made when a walk cannot begin, and thrown away when a walk has stored a
// fact or has reached the end. It outlives polls without an answer: a long list is read to its end.
// It belongs to the goroutine of the list's poll.
type rescan struct {
	l *list
	// expired: the cursor is listed, but the events behind it may have been pruned.
	expired bool
	phase   phase
	survey  survey
	revisit revisit
}

// phase is the part of a rescan under way.
type phase uint8

const (
	surveying  phase = iota // reading the table; nothing is published
	revisiting              // the gap is prepared; reading the known part again, and publishing
	walking                 // the cursor is placed: a walk can begin
)

// revisit is the progress of the second pass over the known part of a table.
type revisit struct {
	after string // guid of the last event
	late  late
	again int // beginnings still listed
}

// reread begins a rescan, or goes on with the one under way. It publishes the findings on the past,
// prepares the gap, and places the cursor behind the last known event. ready is false when there is
// nothing to walk yet.
func (l *list) reread(ctx context.Context, expired bool) (ready bool, err error) {
	r := l.rescan
	if r == nil {
		if err := l.f.samePlatform(ctx); err != nil {
			return false, err
		}
		l.f.metrics.rescans.WithLabelValues(l.f.Name, l.name).Inc()
		r = &rescan{l: l, expired: expired}
		r.revisit.late.l = l
		l.rescan = r
	} else if err := r.resume(ctx); err != nil {
		return false, err
	}
	if r.phase == surveying {
		if ready, err := r.read(ctx); err != nil || !ready {
			return false, err
		}
		r.phase = revisiting
	}
	if r.phase == walking {
		return true, nil
	}
	if r.survey.known.last != nil {
		if err := r.readKnown(ctx); err != nil {
			return false, err
		}
	}
	return r.end(ctx)
}

// end places the cursor behind the last known event.
func (r *rescan) end(ctx context.Context) (ready bool, err error) {
	l, s := r.l, &r.survey
	if s.head == nil {
		if err := l.finish(ctx); err != nil {
			return false, err
		}
		l.reach(s.date.Add(-l.f.MinAge))
		l.waitFor(nil, s.date)
		return false, nil
	}
	c := l.cursor
	c.last, l.outbox.after, c.scanned = s.known.last, "", s.date
	if c.last == nil {
		c.window.clear()
	} else {
		l.outbox.after = l.factID(c.last.guid, c.last.created)
		c.window.replace(&s.known.window, s.known.lowest)
	}
	r.phase = walking
	return true, nil
}

// resume makes sure: the rescan of an earlier poll can go on. Its last event is still listed, and
// its gap covers everything pruned since then.
func (r *rescan) resume(ctx context.Context) error {
	l, s := r.l, &r.survey
	if s.last == nil {
		return nil
	}
	if err := l.checkListed(ctx, s.last); err != nil {
		return err
	}
	now := l.f.now().Add(-l.f.client.Skew())
	if r.phase != surveying && !s.known.proven && s.tail.first != nil && r.pruned(now).After(r.pruned(s.date)) {
		return l.changed()
	}
	return nil
}

// readKnown reads the known part of the table again and publishes its findings: beginnings still
// listed, where continuity is not proven, and missed events between known ones.
func (r *rescan) readKnown(ctx context.Context) error {
	l, s, v := r.l, &r.survey, &r.revisit
	gap := l.outbox.gap
	if gap == nil && !s.known.proven {
		gap = l.cursor.gap
	}
	if v.after == "" {
		v.late.prev = entry{sequence: max(s.known.lowest, 2) - 1}
	}
	var p cfapi.Page
	for {
		if err := l.ask(ctx, v.after, &p); err != nil {
			// A gap without a finding waits for the next poll, which may have to begin anew.
			if len(l.outbox.batch.msgs) > 0 {
				if drainErr := l.outbox.drain(ctx); drainErr != nil {
					return drainErr
				}
			}
			return err
		}
		for i := range p.Events {
			e := &p.Events[i]
			if err := r.readAgain(ctx, e, gap); err != nil {
				return err
			}
			if s.known.last.is(e) {
				if v.again+v.late.total > 0 {
					l.log.Info("the list was read from its start", slog.Int("still_listed", v.again),
						slog.Int("late", v.late.total))
				}
				return l.outbox.drain(ctx)
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
		l.showRescan(ctx, entryOf(last))
	}
}

// readAgain publishes the findings on one event of the known part. gap is nil where continuity is
// proven.
func (r *rescan) readAgain(ctx context.Context, e *cfapi.Event, gap *openGap) error {
	l := r.l
	sequence, ok := l.cursor.known[appender.KeyOf(l.factID(e.GUID, e.Created))]
	if err := r.revisit.late.add(ctx, e); err != nil {
		return err
	}
	if !ok || gap == nil || gap.sequence > 0 && sequence >= gap.sequence {
		return nil
	}
	n, err := r.publishListed(ctx, e, gap)
	r.revisit.again += n
	return err
}

// publishListed publishes a known beginning as still listed, once for each gap. A beginning is
// pruned once its ending is old enough. A listed one had not ended by the end of the gap, and from
// there on the list is complete.
func (r *rescan) publishListed(ctx context.Context, e *cfapi.Event, gap *openGap) (int, error) {
	l, at := r.l, gap.To
	u, err := l.fact(e)
	if err != nil || !r.isKept(e, &u, r.survey.date) {
		return 0, nil //nolint:nilerr // it was understood when it was stored; if not any more, it tells nothing
	}
	u.Listed = at
	u.ID = events.ID("usage", u.Source, u.Foundation, l.name, e.GUID, events.FormatTime(e.Created), "listed",
		events.FormatTime(at))
	k := appender.KeyOf(u.ID)
	if l.cursor.has(k) {
		return 0, nil
	}
	return 1, l.outbox.add(ctx, &u, k, entryOf(e), stillListed, "")
}

// rescanDetail is the name of a rescan in the status, behind the list's name.
const rescanDetail = " rescan"

// showRescan shows the progress of a rescan; nil for its end.
func (l *list) showRescan(ctx context.Context, at *entry) {
	detail := l.name + rescanDetail
	if at == nil {
		l.f.detail(detail, "")
		return
	}
	l.f.detail(detail, "reading the list from its start, at "+events.FormatTime(at.created))
	l.f.show(ctx, func(time.Time) {})
}
