package cf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// list is one of a foundation's two lists. A poll of it runs in one goroutine.
type list struct {
	f    *foundation
	name string // events.ListApp or events.ListService
	log  *slog.Logger
	// limit keeps the minimum wait between pages.
	limit *rate.Limiter

	loaded  bool  // what follows is as USAGE tells
	cursor  *mark // the last event that was taken in order; nil before the first
	after   string
	gap     *openGap // of a rescan that USAGE knows of and no fact in order has followed
	pending *openGap // is published with the next fact
	window  window
	scanned time.Time // by the API's clock: when late commits were looked for last
	known   map[appender.Key]uint64
	reread  *reread // a rescan that is under way; outlives a poll that failed for want of an answer
	blocked *blocked
	// outlived: the cursor is listed, but so old that what followed it may have been pruned.
	outlived bool
	horizon  time.Time
	date     time.Time // of the newest answer
	batch    *batch    // what is being put together
	spare    *batch    // takes its place while it is appended
	sent     *batch    // is being appended; nil when nothing is
	answers  chan answered

	// What others see of it, guarded by foundation.mu.
	reached time.Time // horizon
	shown   mark      // cursor

	pages   [2]cfapi.Page
	fetched chan error // what asking for the next page came to; has room for it
}

func newList(f *foundation, name string) *list {
	l := &list{
		f: f, name: name, log: f.log.With(slog.String("list", name)), fetched: make(chan error, 1),
		limit: rate.NewLimiter(rate.Inf, 1),
		batch: &batch{}, spare: &batch{}, answers: make(chan answered, 1),
	}
	if f.MinWait > 0 {
		l.limit.SetLimit(rate.Every(f.MinWait))
	}
	l.reset()
	return l
}

// reset forgets all that load finds out. The horizon stays: it never goes back.
func (l *list) reset() {
	l.cursor, l.after, l.gap, l.pending, l.known, l.reread, l.scanned = nil, "", nil, nil, nil, nil, time.Time{}
	l.f.detail(l.name+rescanDetail, "")
	l.window.clear()
	l.batch.clear()
}

// errLost: the cursor's event is not in the table any more, or is another one.
var errLost = errors.New("the cursor is lost")

// poll collects all that is old enough.
func (l *list) poll(ctx context.Context) error {
	err := l.collect(ctx)
	if settleErr := l.settle(); err == nil {
		err = settleErr
	}
	return err
}

func (l *list) collect(ctx context.Context) error {
	if l.reread == nil {
		l.outlived = false
	}
	if l.cursor != nil && l.reread == nil {
		err := l.walk(ctx)
		if !errors.Is(err, errLost) {
			return err
		}
		if l.gap == nil {
			l.log.Warn("the API's list does not show what followed the last collected event: reading the list from "+
				"its start",
				slog.String("cursor", l.cursor.guid), slog.String("created_at", events.FormatTime(l.cursor.created)))
		}
	}
	if err := l.settle(); err != nil {
		return err
	}
	l.batch.clear()
	ready, err := l.rescan(ctx)
	if err != nil {
		return err
	}
	l.reading(ctx, nil)
	if !ready {
		return nil
	}
	return l.walk(ctx)
}

// walk goes on from the cursor, page by page, until the end or the first event that is too young.
// Without a cursor it begins at the head of the table.
func (l *list) walk(ctx context.Context) error {
	p, spare := &l.pages[0], &l.pages[1]
	if err := l.first(ctx, p); err != nil {
		return err
	}
	for {
		last := p.Last()
		more := !p.End && last != nil && !last.Created.After(p.Date.Add(-l.f.MinAge))
		if more {
			l.prefetch(ctx, last.GUID, spare)
		}
		cut, tip, err := l.take(ctx, p)
		if more {
			if fetchErr := <-l.fetched; err == nil && cut == len(p.Events) { // ends with ctx
				err = fetchErr
			}
		}
		if err != nil {
			return err
		}
		if cut < len(p.Events) {
			l.waitsFor(&p.Events[cut], p.Date)
			return l.finish(ctx)
		}
		l.waitsFor(nil, p.Date)
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
			if err := l.verify(ctx, tip); err != nil {
				return err
			}
		}
	}
}

// first asks for the first page of a walk and makes sure that it means what it seems to. Late
// events are looked for before it is taken.
func (l *list) first(ctx context.Context, p *cfapi.Page) error {
	if l.cursor == nil { // a rescan has found that USAGE has nothing of the table
		if err := l.fetch(ctx, "", p); err != nil {
			return err
		}
		l.scanned = p.Date
		if first := p.First(); first == nil || !l.reread.survey.head.is(first) {
			return l.changed()
		}
		return l.stillListed(ctx, l.reread.survey.oldest)
	}
	if err := l.fetch(ctx, l.cursor.guid, p); err != nil {
		return err
	}
	l.date = p.Date
	if err := l.verify(ctx, l.cursor); err != nil {
		return err
	}
	// what the rescan believes holds if its oldest row was listed until now: so was all that is
	// younger
	if l.reread != nil {
		if err := l.stillListed(ctx, l.reread.survey.oldest); err != nil {
			return err
		}
	} else if len(p.Events) > 0 && l.collectedTo().Before(p.Date.Add(-l.f.Retention)) {
		// Cloud Controller keeps the beginnings of what runs, so that the cursor's event may be
		// there though what came after it is not.
		l.outlived = true
		return errLost
	}
	if p.Date.Before(l.scanned.Add(l.f.OverlapEvery)) {
		return nil
	}
	return l.overlap(ctx, p.Date)
}

// ask asks for the page behind a guid, when the minimum wait since the last one is over.
func (l *list) ask(ctx context.Context, guid string, p *cfapi.Page) error {
	if err := l.limit.Wait(ctx); err != nil {
		return err
	}
	return l.f.client.List(ctx, l.name, guid, p)
}

// fetch is ask, and finds out whether the guid is lost.
func (l *list) fetch(ctx context.Context, guid string, p *cfapi.Page) error {
	err := l.ask(ctx, guid, p)
	if guid == "" || !cfapi.Unprocessable(err) {
		return err
	}
	// The code is a catch-all: the cursor is lost only if the API does not know its event.
	_, oneErr := l.f.client.Created(ctx, l.name, guid)
	if !cfapi.NotFound(oneErr) {
		return fmt.Errorf("%w. If the API limits the number of results (cc.renderer.max_total_results), take a "+
			"smaller page size", errors.Join(err, oneErr))
	}
	if err := l.f.client.CheckGlobalRead(ctx); err != nil {
		return err
	}
	return errLost
}

// prefetch asks for the next page while this one is worked on; what it comes to is sent to
// l.fetched.
func (l *list) prefetch(ctx context.Context, guid string, p *cfapi.Page) {
	go func() { l.fetched <- l.fetch(ctx, guid, p) }()
}

// verify makes sure that the cursor's event is there and the same that it was, after a page behind
// it was read: only then does the page, or that there is nothing on it, mean what it seems to.
func (l *list) verify(ctx context.Context, cursor *mark) error {
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

// take publishes a page up to the first event that is too young. It returns that event's index, and
// the last event before it.
func (l *list) take(ctx context.Context, p *cfapi.Page) (cut int, tip *mark, err error) {
	l.date = p.Date
	young := p.Date.Add(-l.f.MinAge)
	for ; cut < len(p.Events) && !p.Events[cut].Created.After(young); cut++ {
		if r := &p.Events[cut]; r.Unreadable != nil {
			err = l.unreadable(ctx, r, l.after, p.Date)
		} else {
			tip, err = l.inOrder(ctx, r, p.Date)
		}
		if err != nil {
			return cut, tip, err
		}
	}
	l.batch.reach = l.reachOf(p, cut)
	return cut, tip, l.flush(ctx)
}

// cutoff is from when on late commits may still be found at the next re-scan.
func (l *list) cutoff(date time.Time) time.Time {
	cutoff := date.Add(-l.f.Overlap - l.f.OverlapEvery)
	if from := l.scanned.Add(-l.f.Overlap); from.Before(cutoff) {
		return from
	}
	return cutoff
}

// inOrder puts an event into the batch, behind all that were taken before.
func (l *list) inOrder(ctx context.Context, r *cfapi.Event, date time.Time) (*mark, error) {
	m := &mark{guid: r.GUID, created: r.Created}
	u, err := l.fact(r)
	if err != nil {
		l.batch.cursor = m
		return m, l.f.quarantine.put(ctx, l.name, r, l.after, err, events.FormatTime(date))
	}
	m.reseeded = r.GUID == u.Resource
	k := appender.KeyOf(u.ID)
	if l.isKnown(k) {
		l.batch.cursor, l.after = m, u.ID
		return m, nil
	}
	return m, l.add(ctx, &u, k, m, asNext, l.after)
}

// unreadable keeps an event that cannot be told from others, and so is no cursor: what is behind it
// is asked for by what is before it, or by the next one. The status shows it until the collector is
// started anew.
func (l *list) unreadable(ctx context.Context, r *cfapi.Event, after string, at time.Time) error {
	l.f.detail(l.name+" unreadable event", redact.Text(r.Unreadable.Error())+
		": it is in QUARANTINE, and what it says is not billed. Ask the foundation's operators what it is")
	return l.f.quarantine.put(ctx, l.name, r, after, r.Unreadable, events.FormatTime(at))
}

// unpassable is the error for a page without any event that the next page could be asked for by.
func (l *list) unpassable(ctx context.Context, p *cfapi.Page) error {
	for i := range p.Events {
		if err := l.unreadable(ctx, &p.Events[i], "", p.Date); err != nil {
			return err
		}
	}
	if err := l.f.quarantine.flush(ctx); err != nil {
		return err
	}
	return fmt.Errorf("none of the %d events on a page of the %s list has a guid and a created_at, so that what is "+
		"behind them cannot be asked for; "+
		"they are in QUARANTINE. Take a larger page (--cf-page-size, at most %d), or ask the foundation's operators "+
		"to mend or remove them", len(p.Events), l.name, cfapi.MaxPageSize)
}

// blocked is an event that is too young to be collected; all behind it waits.
type blocked struct {
	mark
	since time.Time // by our clock
	told  bool
}

// waitsFor takes note of the event that the walk has stopped at, nil for none. One that stays too
// young for longer than the minimum age is of a clock that is wrong, or the API's stands still: it
// is said once, and shown.
func (l *list) waitsFor(r *cfapi.Event, date time.Time) {
	detail, now := l.name+" waits", l.f.now()
	if r == nil || l.blocked == nil || !l.blocked.is(r) {
		l.f.detail(detail, "")
		if l.blocked = nil; r != nil {
			l.blocked = &blocked{mark: mark{guid: r.GUID, created: r.Created}, since: now}
		}
		return
	}
	if now.Sub(l.blocked.since) <= l.f.MinAge+maxSkew {
		return
	}
	text := fmt.Sprintf("since %s for the event %s of %s to be old enough, while the API's clock says %s: a clock of "+
		"the foundation is wrong. "+
		"Nothing behind it is collected before; correct the clocks of the API's servers",
		events.FormatTime(l.blocked.since.UTC().Truncate(time.Second)), r.GUID,
		events.FormatTime(r.Created), events.FormatTime(date))
	l.f.detail(detail, text)
	if !l.blocked.told {
		l.blocked.told = true
		l.log.Warn("an event stays too young to be collected", slog.String("waits", text))
	}
}

func (l *list) isKnown(k appender.Key) bool {
	if _, ok := l.window.ids[k]; ok {
		return true
	}
	_, ok := l.known[k]
	return ok
}

// fact is the event in our terms.
func (l *list) fact(r *cfapi.Event) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(r.Raw); err != nil {
		return events.Usage{}, err
	}
	u, err := FromDocument(l.f.Name, d)
	if err != nil {
		return u, err
	}
	if events.ListOf(u.Kind) != l.name {
		return u, fmt.Errorf("the list of %s usage events has an event of kind %s", l.name, u.Kind)
	}
	return u, nil
}

// reachOf is how far the list has been collected with a page: up to the minimum age, where the page
// was the last, and else up to the last event that was taken: the pages behind it have not been
// read. It never passes an event that was seen and left.
func (l *list) reachOf(p *cfapi.Page, cut int) time.Time {
	h := p.Date.Add(-l.f.MinAge)
	if !p.End {
		taken := cfapi.Page{Events: p.Events[:cut]}
		last := taken.Last()
		if last == nil {
			return l.horizon
		}
		if last.Created.Before(h) {
			h = last.Created
		}
	}
	for i := cut; i < len(p.Events); i++ {
		if at := p.Events[i].Created; at.Before(h) {
			h = at // zero, so that the horizon stays, where it cannot be read
		}
	}
	return h
}

// reach moves the horizon, which never goes back.
func (l *list) reach(h time.Time) {
	if h.After(l.horizon) {
		l.horizon = h
	}
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.reached = l.horizon
	if l.cursor != nil {
		l.shown = *l.cursor
	}
}

// finish ends a walk that has reached the end.
func (l *list) finish(ctx context.Context) error {
	if err := l.drain(ctx); err != nil {
		return err
	}
	l.known, l.reread = nil, nil // from here on the window is enough
	return nil
}
