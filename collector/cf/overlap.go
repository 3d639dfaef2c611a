package cf

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// lateRun is a row of events that were found late, one directly behind the other in the API's
// order.
type lateRun struct {
	facts []lateFact
	total int
}

type lateFact struct {
	u    events.Usage
	id   appender.Key
	mark mark
}

// factID is the id of the fact that an event becomes; empty for the head of the table.
func (l *list) factID(guid string, created time.Time) string {
	if guid == "" {
		return ""
	}
	return events.ID("usage", events.SourceCF, l.f.Name, l.name, guid, events.FormatTime(created))
}

// identity is the key of the fact that an event becomes.
func (l *list) identity(r *cfapi.Event) appender.Key {
	return appender.KeyOf(l.factID(r.GUID, r.Created))
}

// overlap lists the newest known events again and publishes what it finds between them: events
// whose transactions were committed only after younger ones had been listed. It is complete when it
// meets the cursor: the list was the same all the way.
func (l *list) overlap(ctx context.Context, date time.Time) error {
	from, ok := l.window.anchor(l.scanned.Add(-l.f.Overlap))
	if !ok || from.guid == l.cursor.guid {
		l.scanned = date
		return nil
	}
	var p cfapi.Page
	run := lateRun{}
	prev, lost := from, false
	for after := from.guid; ; {
		err := l.ask(ctx, after, &p)
		if cfapi.Unprocessable(err) && !lost {
			// The events before a rescan are not in the table any more.
			if from, ok, err = l.oldestListed(ctx); err != nil {
				return err
			}
			if !ok {
				l.scanned = date
				return nil
			}
			after, prev, lost = from.guid, from, true
			continue
		}
		if err != nil {
			return err
		}
		for i := range p.Events {
			r := &p.Events[i]
			if l.cursor.is(r) {
				return l.overlapped(ctx, date, &run, &prev)
			}
			if err := l.between(ctx, r, &run, &prev); err != nil {
				return err
			}
		}
		if p.End {
			return errLost
		}
		last := p.Last()
		if last == nil {
			return l.unpassable(ctx, &p)
		}
		after = last.GUID
	}
}

// overlapped ends a re-scan that has met the cursor.
func (l *list) overlapped(ctx context.Context, date time.Time, run *lateRun, prev *mark) error {
	if err := l.place(ctx, run, prev); err != nil {
		return err
	}
	if run.total > 0 {
		l.log.Info("late events were found and published", slog.Int("events", run.total))
	}
	if err := l.drain(ctx); err != nil {
		return err
	}
	l.scanned = date
	return nil
}

// between looks at an event before the cursor.
func (l *list) between(ctx context.Context, r *cfapi.Event, run *lateRun, prev *mark) error {
	if r.Unreadable != nil {
		return l.unreadable(ctx, r, l.behind(run, len(run.facts), prev), l.date)
	}
	k := l.identity(r)
	sequence, ok := l.window.ids[k]
	if !ok {
		sequence, ok = l.known[k]
	}
	if ok {
		if err := l.place(ctx, run, prev); err != nil {
			return err
		}
		*prev = mark{guid: r.GUID, created: r.Created, sequence: sequence}
		return nil
	}
	u, err := l.fact(r)
	if err != nil {
		return l.f.quarantine.put(ctx, l.name, r, l.behind(run, len(run.facts), prev), err,
			events.FormatTime(r.Created))
	}
	if run.total++; run.total > maxLate {
		return fmt.Errorf("more than %d events of the %s list that were listed again are not in USAGE: something "+
			"else has happened than late commits. "+
			"See whether the address of the API (CF_API_ADDRESS) is still that of foundation %q, whether its "+
			"database was restored, and whether "+
			"USAGE was trimmed or restored; if the list is right as it is, collect it under another name (--cf-name)",
			maxLate, l.name, l.f.Name)
	}
	run.facts = append(run.facts, lateFact{u, k, mark{
		guid: r.GUID, created: r.Created,
		reseeded: r.GUID == u.Resource,
	}})
	return nil
}

// place publishes a run of late events behind the known one that it follows. The last comes first:
// of two facts that follow the same one, the one that was published later stands nearer to it.
func (l *list) place(ctx context.Context, run *lateRun, prev *mark) error {
	for i := len(run.facts) - 1; i >= 0; i-- {
		x := &run.facts[i]
		x.u.AfterGUID, x.u.AfterSequence = prev.guid, prev.sequence
		if err := l.add(ctx, &x.u, x.id, &x.mark, asLate, l.behind(run, i, prev)); err != nil {
			return err
		}
	}
	clear(run.facts)
	run.facts = run.facts[:0]
	return nil
}

// behind is the id of the fact that the ith of a run follows in the API's order.
func (l *list) behind(run *lateRun, i int, prev *mark) string {
	if i > 0 {
		return run.facts[i-1].u.ID
	}
	return l.factID(prev.guid, prev.created)
}

// oldestListed finds the oldest event of the window that the API still knows: those before a purge
// it does not.
func (l *list) oldestListed(ctx context.Context) (mark, bool, error) {
	order := l.window.order
	low, high := 0, len(order)
	for low < high {
		middle := (low + high) / 2
		created, err := l.f.client.Created(ctx, l.name, order[middle].guid)
		switch {
		case err == nil && created.Equal(order[middle].created):
			high = middle
		case err == nil || cfapi.NotFound(err):
			low = middle + 1
		default:
			return mark{}, false, err
		}
	}
	if low == len(order) || order[low].guid == l.cursor.guid {
		return mark{}, false, nil
	}
	return order[low], true, nil
}
