package cf

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// walk goes on from the cursor of a list, page by page, until the end or the first event too young.
// It is made for one poll and thrown away with it. It belongs to the goroutine of the poll; only
// the request for the next page runs beside it.
type walk struct {
	l       *list
	pages   [2]cfapi.Page
	fetched chan error // outcome of the request for the next page; has room for it
	// expired: the cursor is listed, but the events behind it may have been pruned.
	expired bool
}

func newWalk(l *list) *walk { return &walk{l: l, fetched: make(chan error, 1)} }

// run walks. Without a cursor it begins at the head of the table.
func (w *walk) run(ctx context.Context) error {
	l, p, spare := w.l, &w.pages[0], &w.pages[1]
	if err := w.first(ctx, p); err != nil {
		return err
	}
	for {
		last := p.Last()
		more := !p.End && last != nil && !last.Created.After(p.Date.Add(-l.f.MinAge))
		if more {
			w.prefetch(ctx, last.GUID, spare)
		}
		cut, tip, err := w.publish(ctx, p)
		if more {
			if fetchErr := <-w.fetched; err == nil && cut == len(p.Events) { // ends with ctx
				err = fetchErr
			}
		}
		if err != nil {
			return err
		}
		if cut < len(p.Events) {
			l.waitFor(entryOf(&p.Events[cut]), p.Date)
			return l.finish(ctx)
		}
		l.waitFor(nil, p.Date)
		switch {
		case p.End:
			return l.finish(ctx)
		case last == nil:
			return l.unpassable(ctx, p)
		}
		if err := l.f.progress(ctx); err != nil {
			return err
		}
		p, spare = spare, p
		if p.End || tip.reseeded {
			if err := w.verify(ctx, tip); err != nil {
				return err
			}
		}
	}
}

// first asks for the first page and verifies its meaning. Late events are published before the
// page.
func (w *walk) first(ctx context.Context, p *cfapi.Page) error {
	l := w.l
	if l.cursor.last == nil { // a rescan has found nothing of the table in USAGE
		if err := w.fetch(ctx, "", p); err != nil {
			return err
		}
		l.cursor.scanned = p.Date
		if first := p.First(); first == nil || !l.rescan.survey.head.is(first) {
			return l.changed()
		}
		return l.checkListed(ctx, l.rescan.survey.evidence)
	}
	if err := w.fetch(ctx, l.cursor.last.guid, p); err != nil {
		return err
	}
	l.date = p.Date
	if err := w.verify(ctx, l.cursor.last); err != nil {
		return err
	}
	// The findings of a rescan hold if its evidence is listed until here: so is everything younger.
	if l.rescan != nil {
		if err := l.checkListed(ctx, l.rescan.survey.evidence); err != nil {
			return err
		}
	} else if len(p.Events) > 0 && l.collectedTo().Before(p.Date.Add(-l.f.Retention)) {
		// Cloud Controller keeps the beginnings of running things: the cursor's event may be there
		// without the events behind it.
		w.expired = true
		return errLost
	}
	if p.Date.Before(l.cursor.scanned.Add(l.f.OverlapEvery)) {
		return nil
	}
	return l.overlap(ctx, p.Date)
}

// fetch asks for the page behind a guid, and finds out whether the guid is lost.
func (w *walk) fetch(ctx context.Context, guid string, p *cfapi.Page) error {
	l := w.l
	err := l.ask(ctx, guid, p)
	if guid == "" || !cfapi.Unprocessable(err) {
		return err
	}
	// The status is a catch-all: the cursor is lost only if the API does not know its event.
	_, createdErr := l.f.client.Created(ctx, l.name, guid)
	if !cfapi.NotFound(createdErr) {
		return fmt.Errorf("%w. If the API limits the number of results (cc.renderer.max_total_results), take a "+
			"smaller page size", errors.Join(err, createdErr))
	}
	if err := l.f.client.CheckGlobalRead(ctx); err != nil {
		return err
	}
	return errLost
}

// prefetch asks for the next page while this one is published, and sends the outcome to w.fetched.
func (w *walk) prefetch(ctx context.Context, guid string, p *cfapi.Page) {
	go func() { w.fetched <- w.fetch(ctx, guid, p) }()
}

// verify makes sure, after the page behind a cursor was read: the cursor's event is there and is
// the same. A page of another table means something else.
func (w *walk) verify(ctx context.Context, cursor *entry) error {
	l := w.l
	created, err := l.f.client.Created(ctx, l.name, cursor.guid)
	switch {
	case cfapi.NotFound(err):
		if err := l.f.client.CheckGlobalRead(ctx); err != nil {
			return err
		}
		return errLost
	case err != nil:
		return err
	case !created.Equal(cursor.created):
		return errLost
	}
	return nil
}

// publish publishes a page up to the first event too young. It returns that event's index,
// and the last event before it.
func (w *walk) publish(ctx context.Context, p *cfapi.Page) (cut int, tip *entry, err error) {
	l := w.l
	l.date = p.Date
	young := p.Date.Add(-l.f.MinAge)
	for ; cut < len(p.Events) && !p.Events[cut].Created.After(young); cut++ {
		if e := &p.Events[cut]; e.Unreadable != nil {
			err = l.unreadable(ctx, e, l.outbox.after)
		} else {
			tip, err = w.add(ctx, e)
		}
		if err != nil {
			return cut, tip, err
		}
	}
	l.outbox.batch.reach = w.reachOf(p, cut)
	return cut, tip, l.outbox.flush(ctx)
}

// add puts an event into the batch, behind all others.
func (w *walk) add(ctx context.Context, e *cfapi.Event) (*entry, error) {
	l, x := w.l, entryOf(e)
	u, err := l.fact(e)
	if err != nil {
		l.outbox.skip(x, "")
		return x, l.f.refusals.put(ctx, l.name, e, l.outbox.after, err)
	}
	x.reseeded = e.GUID == u.Resource
	k := appender.KeyOf(u.ID)
	if l.cursor.has(k) {
		l.outbox.skip(x, u.ID)
		return x, nil
	}
	return x, l.outbox.add(ctx, &u, k, x, behindAll, l.outbox.after)
}

// reachOf is the horizon with a page: the minimum age before its date, where it is the last, and
// else the last event before the cut, since the pages behind it have not been read. It never passes
// an uncollected event.
func (w *walk) reachOf(p *cfapi.Page, cut int) time.Time {
	h := p.Date.Add(-w.l.f.MinAge)
	if !p.End {
		collected := cfapi.Page{Events: p.Events[:cut]}
		last := collected.Last()
		if last == nil {
			return w.l.reached
		}
		if last.Created.Before(h) {
			h = last.Created
		}
	}
	for i := cut; i < len(p.Events); i++ {
		if at := p.Events[i].Created; at.Before(h) {
			h = at // zero where it cannot be read: the horizon stays
		}
	}
	return h
}
