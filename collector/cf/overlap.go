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

// lateFact is the fact of an event before the cursor, missing from USAGE.
type lateFact struct {
	u     events.Usage
	id    appender.Key
	entry entry
}

// late finds events between known ones, and publishes them behind the known event before them.
type late struct {
	l     *list
	prev  entry      // the newest known event
	run   []lateFact // behind it, one directly behind the other
	total int        // of all runs
}

// add looks at the next event before the cursor.
func (x *late) add(ctx context.Context, e *cfapi.Event) error {
	l := x.l
	if e.Unreadable != nil {
		return l.unreadable(ctx, e, x.before(len(x.run)))
	}
	k := appender.KeyOf(l.factID(e.GUID, e.Created))
	if sequence, ok := l.cursor.sequence(k); ok {
		if err := x.publish(ctx); err != nil {
			return err
		}
		x.prev = entry{guid: e.GUID, created: e.Created, sequence: sequence}
		return nil
	}
	u, err := l.fact(e)
	if err != nil {
		return l.f.refusals.put(ctx, l.name, e, x.before(len(x.run)), err)
	}
	if x.total++; x.total > maxLate {
		return l.tooManyLate()
	}
	x.run = append(x.run, lateFact{u, k, entry{
		guid: e.GUID, created: e.Created,
		reseeded: e.GUID == u.Resource,
	}})
	return nil
}

func (l *list) tooManyLate() error {
	return fmt.Errorf("more than %d events of the %s list that were listed again are not in USAGE: something else has "+
		"happened than late commits. See whether the address of the API (CF_API_ADDRESS) is still that of foundation "+
		"%q, whether its database was restored, and whether USAGE was trimmed or restored; if the list is right as it "+
		"is, collect it under another name (--cf-name)",
		maxLate, l.name, l.f.Name)
}

// publish publishes the run. Its last fact comes first: of two facts behind the same one, the later
// publication stands nearer to it.
func (x *late) publish(ctx context.Context) error {
	for i := len(x.run) - 1; i >= 0; i-- {
		fact := &x.run[i]
		fact.u.AfterGUID, fact.u.AfterSequence = x.prev.guid, x.prev.sequence
		if err := x.l.outbox.add(ctx, &fact.u, fact.id, &fact.entry, behindKnown, x.before(i)); err != nil {
			return err
		}
	}
	clear(x.run)
	x.run = x.run[:0]
	return nil
}

// before is the id of the fact before the ith of the run, in the API's order.
func (x *late) before(i int) string {
	if i > 0 {
		return x.run[i-1].u.ID
	}
	return x.l.factID(x.prev.guid, x.prev.created)
}

// overlap lists the newest known events again and publishes the events between them: their
// transactions were committed only after younger ones had been listed. It ends at the cursor: the
// list was the same all the way.
func (l *list) overlap(ctx context.Context, date time.Time) error {
	from, ok := l.cursor.window.anchor(l.cursor.scanned.Add(-l.f.Overlap))
	if !ok || from.guid == l.cursor.last.guid {
		l.cursor.scanned = date
		return nil
	}
	var p cfapi.Page
	found, lost := late{l: l, prev: from}, false
	for after := from.guid; ; {
		err := l.ask(ctx, after, &p)
		if cfapi.Unprocessable(err) && !lost {
			// The events before a rescan are not in the table any more.
			if from, ok, err = l.oldestListed(ctx); err != nil {
				return err
			}
			if !ok {
				l.cursor.scanned = date
				return nil
			}
			after, found.prev, lost = from.guid, from, true
			continue
		}
		if err != nil {
			return err
		}
		for i := range p.Events {
			e := &p.Events[i]
			if l.cursor.last.is(e) {
				return l.overlapped(ctx, date, &found)
			}
			if err := found.add(ctx, e); err != nil {
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

// overlapped ends an overlap at the cursor.
func (l *list) overlapped(ctx context.Context, date time.Time, found *late) error {
	if err := found.publish(ctx); err != nil {
		return err
	}
	if found.total > 0 {
		l.log.Info("late events were found and published", slog.Int("events", found.total))
	}
	if err := l.outbox.drain(ctx); err != nil {
		return err
	}
	l.cursor.scanned = date
	return nil
}

// oldestListed finds the oldest event of the window in the table: a purge removes all before it.
func (l *list) oldestListed(ctx context.Context) (entry, bool, error) {
	order := l.cursor.window.order
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
			return entry{}, false, err
		}
	}
	if low == len(order) || order[low].guid == l.cursor.last.guid {
		return entry{}, false, nil
	}
	return order[low], true, nil
}
