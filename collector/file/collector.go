package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file/documents"
	"github.com/daybook-billing/daybook/collector/file/watch"
	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/redact"
)

// Collector is the file collector. It is run once.
type Collector struct {
	cfg  Config
	deps Deps

	// The rest belongs to Run's goroutine.
	usage      *writer
	quarantine *quarantine.Writer
	origins    map[string]string    // ce-source by source
	newest     map[string]time.Time // of the facts in the input, by source
	published  map[string]time.Time // the last horizon in USAGE, as far as known, by source
	order      *order
	inputs     []*input
	places     map[string]place // of followed files, as USAGE has them
	r          Report

	report atomic.Pointer[Report]
}

// New makes a file collector. It does no I/O.
func New(cfg Config, deps Deps) (*Collector, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil {
		return nil, errors.New("collector: Deps.Store is missing")
	}
	deps = deps.withDefaults()
	c := &Collector{
		cfg:  cfg,
		deps: deps,
		quarantine: quarantine.NewWriter(quarantine.Options{
			Store: deps.Store, Foundation: cfg.Foundation, Known: appender.NewAll(cfg.MaxKnown),
			Retry: cfg.Retry, Patient: cfg.Follow, Log: deps.Log,
		}),
		origins:   map[string]string{},
		newest:    map[string]time.Time{},
		published: map[string]time.Time{},
		order:     newOrder(cfg.Files),
		places:    map[string]place{},
		r:         Report{Ignored: map[string]int{}, Horizon: map[string]time.Time{}},
	}
	c.usage = newWriter(&cfg, deps.Store, c.learnPlace)
	for _, source := range events.Sources() {
		c.origins[source] = collector.Origin(source, cfg.Foundation)
	}
	c.report.Store(&Report{})
	return c, nil
}

// Report returns the state of the run as of the last batch. It may be called at any time.
func (c *Collector) Report() Report { return *c.report.Load() }

// Run collects the input and returns at its end, or when the context ends: then it stores what
// it has read so far, for at most Config.Drain, and returns the context's error, or nil when it was
// following. Input without a known meaning is no error, an unreadable file is. All files are
// opened before anything is stored.
func (c *Collector) Run(ctx context.Context) error {
	if err := c.preview(ctx); err != nil {
		return err
	}
	if c.cfg.Order != OrderCreated {
		var err error
		c.inputs, err = open(ctx, c.cfg.Files, c.cfg.Follow, stdin{c.deps.Stdin, c.cfg.StdinName})
		if err != nil {
			return err
		}
	}
	defer closeAll(c.inputs)
	c.r.Files = len(c.cfg.Files)
	for _, a := range append(slices.Clone(c.usage.sources), c.quarantine.Appender) {
		if err := a.Learn(ctx); err != nil {
			return fmt.Errorf("finding out what %s holds of foundation %s: %w", a.Stream, c.cfg.Foundation, err)
		}
	}
	for _, in := range c.inputs {
		if err := c.resume(ctx, in); err != nil {
			return err
		}
	}
	err := c.collect(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Drain)
		defer cancel()
		if flushErr := c.flush(drain, false); flushErr != nil {
			return flushErr
		}
		if c.cfg.Follow {
			err = nil
		}
	}
	c.progress()
	if err == nil {
		c.deps.Log.Info("collected", slog.Int("files", c.r.Files), slog.Int("inputs", c.r.Inputs), slog.Int("facts",
			c.r.Facts),
			slog.Int("stored", c.r.Stored), slog.Int("known", c.r.Known), slog.Int("quarantined", c.r.Quarantined))
	}
	return err
}

// preview reads the files before anything is stored, and refuses them where their order is wrong:
// what stands in USAGE is never changed. Followed files are checked as they grow.
func (c *Collector) preview(ctx context.Context) error {
	if c.cfg.Follow || c.cfg.Order == OrderGiven || c.cfg.Order == OrderCreated {
		return nil
	}
	all := c.reading()
	all.preview, all.Empty = true, nil
	for _, err := range all.Events(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Collector) reading() Reading {
	return Reading{
		Foundation: c.cfg.Foundation, Files: c.cfg.Files, Order: c.cfg.Order, Stdin: c.deps.Stdin,
		StdinName: c.cfg.StdinName, Empty: c.empty, Latest: c.latest(),
	}
}

func (c *Collector) empty(file string) {
	c.r.Empty = append(c.r.Empty, file)
	c.deps.Log.Warn("no events", slog.String("file", file))
}

// collect reads the inputs in order; when it follows, whenever one of them changes, and after
// Config.Poll at the latest.
func (c *Collector) collect(ctx context.Context) error {
	if c.cfg.Order == OrderCreated {
		return c.collectByTime(ctx)
	}
	changes := c.watch()
	defer changes.Close()
	var said time.Time // when horizons were published last
	for {
		waiting, err := c.round(ctx)
		if err != nil {
			return err
		}
		bound := c.cfg.Poll
		if since := time.Since(said); waiting && since < c.cfg.Poll {
			bound -= since
		} else if said, err = time.Now(), c.publishHorizons(ctx); err != nil {
			return err
		}
		if !waiting {
			return nil
		}
		if err := changes.Wait(ctx, bound); err != nil {
			return err
		}
	}
}

// watch watches the followed files.
func (c *Collector) watch() *watch.Watcher {
	var followed []string
	if c.cfg.Follow {
		followed = slices.DeleteFunc(slices.Clone(c.cfg.Files), func(name string) bool { return name == "-" })
	}
	return watch.New(followed, c.deps.Log)
}

// round reads each input as far as it goes and stores what it read, and reports whether one of them
// may have more later.
func (c *Collector) round(ctx context.Context) (waiting bool, err error) {
	for _, in := range c.inputs {
		if in.ended {
			continue
		}
		err := c.drainInput(ctx, in)
		switch {
		case errors.Is(err, errDry):
			waiting = true
		case !errors.Is(err, io.EOF):
			return false, c.stopped(ctx, err)
		case in.events == 0:
			c.empty(in.name)
		}
	}
	return waiting, c.flush(ctx, false)
}

// collectByTime reads the inputs, and collects their events in the order of their times.
func (c *Collector) collectByTime(ctx context.Context) error {
	for e, err := range c.reading().Events(ctx) {
		if err != nil {
			return c.stopped(ctx, err)
		}
		if err := c.take(ctx, &e); err != nil {
			return c.stopped(ctx, err)
		}
	}
	if err := c.flush(ctx, false); err != nil {
		return err
	}
	return c.publishHorizons(ctx)
}

// stopped stores the events before the failure of an input; without a horizon, because the input is
// not complete.
func (c *Collector) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // Run does it
	}
	return errors.Join(err, c.flush(ctx, false))
}

// drainInput reads documents until there are no more. The error is never nil: errDry, io.EOF, or a
// failure.
func (c *Collector) drainInput(ctx context.Context, in *input) error {
	for n := 1; ; n++ {
		d, err := in.next()
		if err != nil {
			moved, err := c.turn(ctx, in, err)
			if !moved {
				return err
			}
			continue
		}
		e := understand(c.cfg.Foundation, in.place(&d), &d, c.latest())
		if !c.stored(&e) && c.waits(in, &d, &e) {
			return errDry
		}
		in.broken(&e)
		if in.gap != "" && e.Err == nil && !c.usage.known.Has(appender.KeyOf(e.Fact.ID)) {
			if err := c.publishGaps(ctx, in, &e.Fact); err != nil {
				return err
			}
		}
		if err := c.take(ctx, &e); err != nil {
			return err
		}
		if n&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// latest is the latest time that is believed.
func (c *Collector) latest() time.Time {
	latest := c.deps.Now().UTC().Add(maxAhead)
	if c.cfg.Horizon != nil && c.cfg.Horizon.After(latest) {
		latest = c.cfg.Horizon.UTC()
	}
	return latest
}

// waits keeps an event of the future in its input until the clock has come there, where it is to
// wait.
func (c *Collector) waits(in *input, d *documents.Document, e *Event) bool {
	var future *futureError
	if c.cfg.Future != FutureWait || !errors.As(e.Err, &future) {
		return false
	}
	if !in.warned {
		in.warned = true
		c.deps.Log.Warn("an event of the future waits, and what follows it: a clock is wrong",
			slog.String("place", e.Place.String()), slog.String("time", events.FormatTime(future.At)))
	}
	in.ahead = &documents.Document{Data: bytes.Clone(d.Data), Line: d.Line, Item: d.Item}
	return true
}

// stored reports that an event of the future is in USAGE, where it was believed once.
func (c *Collector) stored(e *Event) bool {
	var future *futureError
	return errors.As(e.Err, &future) && c.usage.known.Has(appender.KeyOf(e.Fact.ID))
}

// take makes an event a fact, ignores it, or quarantines it, and stores full batches.
func (c *Collector) take(ctx context.Context, e *Event) error {
	c.r.Inputs++
	var ignored *collector.IgnoredError
	var inputError *collector.InputError
	switch {
	case e.Known: // it comes later, in its place
		c.r.Facts++
		c.r.Known++
	case e.Err == nil, c.stored(e):
		if err := c.fact(e); err != nil {
			return err
		}
	case errors.As(e.Err, &ignored):
		c.ignore(ignored.EventType)
	case errors.As(e.Err, &inputError):
		c.reject(e, inputError.Source, e.Err)
	default:
		c.reject(e, collector.SourceUnknown, e.Err)
	}
	if c.usage.full() || c.quarantine.Full() {
		return c.flush(ctx, true)
	}
	return nil
}

func (c *Collector) ignore(eventType string) {
	if _, ok := c.r.Ignored[eventType]; !ok && len(c.r.Ignored) >= maxIgnored {
		eventType = "other"
	}
	c.r.Ignored[eventType]++
}

// fact puts a fact into the batch, unless it is known.
func (c *Collector) fact(e *Event) error {
	u, known := &e.Fact, c.usage.known
	a := c.usage.of(u.Source)
	k := appender.KeyOf(u.ID)
	if known.Has(k) {
		c.order.note(e.Place, u)
		c.r.Known++
	} else {
		if c.cfg.Order == OrderAPI || c.cfg.Order == OrderNatural {
			if err := c.order.check(e.Place, u); err != nil {
				return c.outOfOrder(err)
			}
		}
		before := a.Buffer()
		buffer := u.AppendJSON(before)
		if size := len(buffer) - len(before); size > appender.MaxMessage {
			c.reject(e, u.Source, fmt.Errorf("the event has %d bytes with its envelope: a message holds at most %d",
				size,
				appender.MaxMessage))
			return nil
		}
		if err := known.Add(k); err != nil {
			return fmt.Errorf("%s: %w", e.Place, err)
		}
		subject := events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
		a.Add(k, subject, events.AppendHeaders(nil, u.ID, events.TypeUsage, c.origins[u.Source]), buffer)
	}
	c.r.Facts++
	t := u.Time
	if u.Observed.After(t) {
		t = u.Observed
	}
	if t.After(c.newest[u.Source]) {
		c.newest[u.Source] = t
	}
	return nil
}

// outOfOrder drops the batch, whose facts may stand wrong as well.
func (c *Collector) outOfOrder(err error) error {
	c.usage.clear()
	if c.r.Stored == 0 {
		return err
	}
	return fmt.Errorf("%w. %d facts before it are stored already, perhaps in a wrong order: collect the input put "+
		"right into another foundation", err, c.r.Stored)
}

// reject quarantines a document. The id is made of its place in the file and its content: the same
// file under another name has the same ids.
func (c *Collector) reject(e *Event, source string, reason error) {
	c.r.Quarantined++
	sum := sha256.Sum256(e.Data)
	number := strconv.FormatUint(uint64(e.Place.Line), 10)
	if e.Place.Item > 0 {
		number += "." + strconv.FormatUint(uint64(e.Place.Item), 10)
		reason = fmt.Errorf("event %d of its list: %w", e.Place.Item, reason)
	}
	text := redact.Text(string(e.Data))
	if e.Excess > 0 {
		text = redact.Cut(string(e.Data), e.Excess)
	}
	c.quarantine.Put(&quarantine.Input{
		ID: events.ID("quarantine", c.cfg.Foundation, number, hex.EncodeToString(sum[:]),
			strconv.Itoa(e.Excess)),
		Source: source, File: e.Place.File, Line: e.Place.Line, Reason: reason, Text: text,
		Level: slog.LevelWarn,
		Attrs: []slog.Attr{slog.String("file", e.Place.File), slog.Uint64("line", uint64(e.Place.Line))},
	})
}

// flush stores what is quarantined, and then the facts, or the full batches of them alone.
func (c *Collector) flush(ctx context.Context, fullOnly bool) error {
	if err := c.quarantine.Flush(ctx); err != nil {
		return err
	}
	marked := c.mark()
	stored, known, err := c.usage.flush(ctx, fullOnly)
	if err == nil && stored > 0 {
		for in, read := range marked {
			in.marked = read
		}
	}
	c.r.Stored += stored
	c.r.Known += known
	c.progress()
	return err
}

// publishHorizons publishes a horizon for every source in the input, unless USAGE has a later one.
// Everything that it covers is stored before.
func (c *Collector) publishHorizons(ctx context.Context) error {
	for _, source := range events.Sources() {
		at, ok := c.newest[source]
		if !ok {
			continue
		}
		if c.cfg.Horizon != nil {
			at = c.cfg.Horizon.UTC()
		} else if latest := c.latest(); at.After(latest) { // what is in USAGE may be of any time
			at = latest
		}
		if !at.After(c.published[source]) {
			continue
		}
		if err := c.publishHorizon(ctx, source, at); err != nil {
			return err
		}
	}
	c.progress()
	return nil
}

func (c *Collector) publishHorizon(ctx context.Context, source string, at time.Time) error {
	subject := events.UsageHorizonSubject(source, c.cfg.Foundation)
	later := func(ctx context.Context) (bool, error) {
		before, err := horizons.Last(ctx, c.deps.Store, source, c.cfg.Foundation)
		c.published[source] = before.Time
		return at.After(before.Time), err
	}
	if wanted, err := later(ctx); err != nil || !wanted {
		return err
	}
	h := events.Horizon{
		ID: events.ID("horizon", source, c.cfg.Foundation, events.FormatTime(at)), Source: source,
		Foundation: c.cfg.Foundation, Time: at,
	}
	a := c.usage.of(source)
	a.Add(appender.KeyOf(h.ID), subject, events.AppendHeaders(nil, h.ID, events.TypeHorizon, c.origins[source]),
		h.AppendJSON(a.Buffer()))
	stored, _, err := a.Flush(ctx, later)
	if err != nil {
		a.Clear() // a stopped run stores facts alone
	}
	if stored > 0 {
		c.published[source], c.r.Horizon[source] = at, at
	}
	return err
}

func (c *Collector) progress() {
	r := c.r.clone()
	c.report.Store(&r)
	c.deps.Progress(r)
}
