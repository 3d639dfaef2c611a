package cf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// list is one of a foundation's two lists. It belongs to the goroutine of its poll.
type list struct {
	f     *poller
	name  string // events.ListApp or events.ListService
	log   *slog.Logger
	limit *rate.Limiter // keeps the minimum wait between pages

	loaded  bool // the cursor is as USAGE tells
	cursor  *cursor
	outbox  *outbox
	rescan  *rescan   // under way; nil when there is none
	waiting *waiting  // the event that ended the last walk by its age
	date    time.Time // of the newest answer

	// poller.mu guards the fields below: this guarantees that horizon and status are made from one
	// moment of both lists. The goroutine of the list alone writes them, and reads them without the
	// lock.
	reached time.Time // the horizon: up to when the list is collected
	shown   entry     // the cursor
}

func newList(f *poller, name string) *list {
	l := &list{
		f: f, name: name, log: f.log.With(slog.String("list", name)), limit: rate.NewLimiter(rate.Inf, 1),
	}
	if f.MinWait > 0 {
		l.limit.SetLimit(rate.Every(f.MinWait))
	}
	l.outbox = newOutbox(l)
	l.reset()
	return l
}

// reset forgets the state in USAGE. The horizon stays: it never goes back.
func (l *list) reset() {
	l.cursor, l.rescan = newCursor(), nil
	l.outbox.reset("")
	l.f.detail(l.name+rescanDetail, "")
}

// load reads the state of the list from USAGE, up to a sequence.
func (l *list) load(ctx context.Context, upTo uint64) error {
	l.reset()
	c, err := loadCursor(ctx, l.f, l.name, upTo)
	if err != nil {
		return err
	}
	l.cursor = c
	l.outbox.reset(c.lastID)
	return nil
}

// failed prepares the next poll after a failed one. A failed request, with nothing else under way,
// leaves the state as it is; after anything else it is read from USAGE again.
func (l *list) failed(err error) {
	unfinished := l.rescan == nil && (l.cursor.known != nil || l.outbox.gap != nil)
	if !cfapi.Transient(err) || l.outbox.batch.gap != nil || unfinished {
		l.loaded = false
	}
	l.outbox.batch.clear()
}

// errLost: the table does not have the cursor's event any more, or has another one in its place.
var errLost = errors.New("the cursor is lost")

// poll collects everything old enough.
func (l *list) poll(ctx context.Context) error {
	err := l.collect(ctx)
	if awaitErr := l.outbox.await(); err == nil {
		err = awaitErr
	}
	return err
}

func (l *list) collect(ctx context.Context) error {
	expired := false
	if l.cursor.last != nil && l.rescan == nil {
		w := newWalk(l)
		err := w.run(ctx)
		if !errors.Is(err, errLost) {
			return err
		}
		expired = w.expired
		if l.cursor.gap == nil {
			l.log.Warn("the API's list does not show what followed the last collected event: reading the list from "+
				"its start",
				slog.String("cursor", l.cursor.last.guid),
				slog.String("created_at", events.FormatTime(l.cursor.last.created)))
		}
	}
	if err := l.outbox.await(); err != nil {
		return err
	}
	l.outbox.batch.clear()
	ready, err := l.reread(ctx, expired)
	if err != nil {
		return err
	}
	l.showRescan(ctx, nil)
	if !ready {
		return nil
	}
	return newWalk(l).run(ctx)
}

// follow moves the list behind a batch in USAGE. first is the sequence of its first message.
func (l *list) follow(b *batch, first uint64) {
	if b.gap != nil {
		b.gap.sequence = first
		l.cursor.gap = b.gap
		l.f.gapPublished(&b.gap.Gap)
		first++
	}
	for i := range b.facts {
		x := &b.facts[i]
		x.entry.sequence = first + uint64(i)
		l.cursor.follow(x)
		if x.order == stillListed {
			continue
		}
		if x.order == behindAll {
			l.rescan = nil
		} else {
			l.f.metrics.late.WithLabelValues(l.f.Name, l.name).Inc()
		}
		l.f.metrics.events.WithLabelValues(l.f.Name, l.name, x.kind, x.state).Inc()
	}
	if b.cursor != nil {
		l.cursor.last = b.cursor
	}
	if !b.reach.IsZero() {
		l.cursor.window.forget(l.cutoff(l.date))
		l.reach(b.reach)
	}
}

// cutoff is the time of the oldest late commits for the next overlap.
func (l *list) cutoff(date time.Time) time.Time {
	cutoff := date.Add(-l.f.Overlap - l.f.OverlapEvery)
	if from := l.cursor.scanned.Add(-l.f.Overlap); from.Before(cutoff) {
		return from
	}
	return cutoff
}

// reach moves the horizon. It never goes back.
func (l *list) reach(h time.Time) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if h.After(l.reached) {
		l.reached = h
	}
	if l.cursor.last != nil {
		l.shown = *l.cursor.last
	}
}

// finish ends a walk at the end of the list.
func (l *list) finish(ctx context.Context) error {
	if err := l.outbox.drain(ctx); err != nil {
		return err
	}
	l.cursor.known, l.rescan = nil, nil // from here on the window is enough
	return nil
}

// ask asks for the page behind a guid, when the minimum wait since the last one is over.
func (l *list) ask(ctx context.Context, guid string, p *cfapi.Page) error {
	if err := l.limit.Wait(ctx); err != nil {
		return err
	}
	return l.f.client.List(ctx, l.name, guid, p)
}

// checkListed makes sure: an event was not removed since it was read.
func (l *list) checkListed(ctx context.Context, x *entry) error {
	created, err := l.f.client.Created(ctx, l.name, x.guid)
	if cfapi.NotFound(err) || err == nil && !created.Equal(x.created) {
		return l.changed()
	}
	return err
}

// changed is the error for a loss in the table while it was read from its start.
func (l *list) changed() error {
	return fmt.Errorf("the list of %s usage events changed while it was read from its start; it is read again", l.name)
}

// fact turns an event into a fact.
func (l *list) fact(e *cfapi.Event) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(e.Raw); err != nil {
		return events.Usage{}, err
	}
	u, err := usageevent.FromDocument(l.f.Name, d)
	if err != nil {
		return u, err
	}
	if events.ListOf(u.Kind) != l.name {
		return u, fmt.Errorf("the list of %s usage events has an event of kind %s", l.name, u.Kind)
	}
	return u, nil
}

// factID is the id of the fact of an event; empty for the head of the table.
func (l *list) factID(guid string, created time.Time) string {
	if guid == "" {
		return ""
	}
	return events.ID("usage", events.SourceCF, l.f.Name, l.name, guid, events.FormatTime(created))
}

// unreadable quarantines an event without an identity. It is no cursor: the page behind it is asked
// for by the event before it, or by the next one. The status shows it until the collector restarts.
func (l *list) unreadable(ctx context.Context, e *cfapi.Event, after string) error {
	l.f.detail(l.name+" unreadable event", redact.Text(e.Unreadable.Error())+
		": it is in QUARANTINE, and what it says is not billed. Ask the foundation's operators what it is")
	return l.f.refusals.put(ctx, l.name, e, after, e.Unreadable)
}

// unpassable is the error for a page without any cursor for the next page.
func (l *list) unpassable(ctx context.Context, p *cfapi.Page) error {
	for i := range p.Events {
		if err := l.unreadable(ctx, &p.Events[i], ""); err != nil {
			return err
		}
	}
	if err := l.f.refusals.flush(ctx); err != nil {
		return err
	}
	return fmt.Errorf("none of the %d events on a page of the %s list has a guid and a created_at, so that what is "+
		"behind them cannot be asked for; they are in QUARANTINE. Take a larger page (--cf-page-size, at most %d), or "+
		"ask the foundation's operators to mend or remove them", len(p.Events), l.name, cfapi.MaxPageSize)
}

// waiting is an event too young to be collected. Everything behind it waits.
type waiting struct {
	entry
	since    time.Time // by the local clock
	reported bool
}

// waitFor notes the event where the walk has stopped, nil for none. When an event stays too young
// for longer than the minimum age, a clock is wrong, or the API's stands still: it is logged once,
// and shown.
func (l *list) waitFor(x *entry, date time.Time) {
	detail, now := l.name+" waits", l.f.now()
	if x == nil || l.waiting == nil || l.waiting.guid != x.guid || !l.waiting.created.Equal(x.created) {
		l.f.detail(detail, "")
		if l.waiting = nil; x != nil {
			l.waiting = &waiting{entry: *x, since: now}
		}
		return
	}
	if now.Sub(l.waiting.since) <= l.f.MinAge+maxSkew {
		return
	}
	text := fmt.Sprintf("since %s for the event %s of %s to be old enough, while the API's clock says %s: a clock of "+
		"the foundation is wrong. Nothing behind it is collected before; correct the clocks of the API's servers",
		events.FormatTime(l.waiting.since.UTC().Truncate(time.Second)), x.guid,
		events.FormatTime(x.created), events.FormatTime(date))
	l.f.detail(detail, text)
	if !l.waiting.reported {
		l.waiting.reported = true
		l.log.Warn("an event stays too young to be collected", slog.String("waits", text))
	}
}
