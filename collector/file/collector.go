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
	"strconv"
	"sync/atomic"
	"time"

	"github.com/daybook-billing/daybook/collector"
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
		cfg:   cfg,
		deps:  deps,
		usage: newWriter(&cfg, deps.Store),
		quarantine: quarantine.NewWriter(quarantine.Options{
			Store: deps.Store, Foundation: cfg.Foundation, Known: appender.NewAll(cfg.MaxKnown),
			Retry: cfg.Retry, Patient: cfg.Follow, Log: deps.Log,
		}),
		origins:   map[string]string{},
		newest:    map[string]time.Time{},
		published: map[string]time.Time{},
		r:         Report{Ignored: map[string]int{}, Horizon: map[string]time.Time{}},
	}
	for _, source := range []string{events.SourceCF, events.SourceTrove} {
		c.origins[source] = collector.Origin(source, cfg.Foundation)
	}
	c.report.Store(&Report{})
	return c, nil
}

// Report returns the state of the run as of the last batch. It may be called at any time.
func (c *Collector) Report() Report { return *c.report.Load() }

// Run collects the input and returns at its end, or when the context ends: then it stores the lines
// read so far, for at most Config.Drain, and returns the context's error, or nil when it was
// following. A line without a known meaning is no error, an unreadable file is. All files are
// opened before anything is stored.
func (c *Collector) Run(ctx context.Context) error {
	inputs, err := open(ctx, c.cfg.Files, c.cfg.Follow, c.deps.Stdin)
	if err != nil {
		return err
	}
	for i, name := range c.cfg.Files {
		if name == "-" {
			inputs[i].name = c.cfg.StdinName
		}
	}
	defer closeAll(inputs)
	c.r.Files = len(inputs)
	for _, a := range []*appender.Appender{c.usage.Appender, c.quarantine.Appender} {
		if err := a.Learn(ctx); err != nil {
			return fmt.Errorf("finding out what %s holds of foundation %s: %w", a.Stream, c.cfg.Foundation, err)
		}
	}
	err = c.collect(ctx, inputs)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Drain)
		defer cancel()
		if flushErr := c.flush(drain); flushErr != nil {
			return flushErr
		}
		if c.cfg.Follow {
			err = nil
		}
	}
	c.progress()
	if err == nil {
		c.deps.Log.Info("collected", slog.Int("files", c.r.Files), slog.Int("lines", c.r.Lines), slog.Int("facts",
			c.r.Facts),
			slog.Int("stored", c.r.Stored), slog.Int("known", c.r.Known), slog.Int("quarantined", c.r.Quarantined))
	}
	return err
}

// collect reads the inputs in order; when it follows, round and round.
func (c *Collector) collect(ctx context.Context, inputs []*input) error {
	for {
		waiting := false
		for _, in := range inputs {
			if in.ended {
				continue
			}
			err := c.drainInput(ctx, in)
			switch {
			case errors.Is(err, errDry):
				waiting = true
			case !errors.Is(err, io.EOF):
				return c.stopped(ctx, err)
			case in.events == 0:
				c.r.Empty = append(c.r.Empty, in.name)
				c.deps.Log.Warn("no events", slog.String("file", in.name))
			}
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
		if err := c.publishHorizons(ctx); err != nil {
			return err
		}
		if !waiting {
			return nil
		}
		if err := appender.Wait(ctx, c.cfg.Poll); err != nil {
			return err
		}
	}
}

// stopped stores the lines before the failure of an input; without a horizon, because the input is
// not complete.
func (c *Collector) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // Run does it
	}
	return errors.Join(err, c.flush(ctx))
}

// drainInput reads lines until there are no more. The error is never nil: errDry, io.EOF, or a
// failure.
func (c *Collector) drainInput(ctx context.Context, in *input) error {
	again, err := in.rewound()
	if err != nil {
		return err
	}
	if again {
		c.deps.Log.Warn("the followed file became shorter: reading it from its start", slog.String("file", in.name))
	}
	for {
		line, excess, err := in.next()
		if err != nil {
			return err
		}
		if err := c.handle(in, line, excess); err != nil {
			return fmt.Errorf("%s:%d: %w", in.name, in.line, err)
		}
		if c.usage.Full() || c.quarantine.Full() {
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
		if in.line&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// handle makes a line a fact, ignores it, or quarantines it.
func (c *Collector) handle(in *input, line []byte, excess int) error {
	if len(bytes.TrimSpace(line)) == 0 && excess == 0 {
		return nil
	}
	c.r.Lines++
	in.events++
	if excess > 0 {
		c.reject(in, collector.SourceUnknown, line, excess,
			fmt.Errorf("the line has %d bytes: at most %d are read", len(line)+excess, MaxLine))
		return nil
	}
	u, err := Normalise(c.cfg.Foundation, line)
	var ignored *collector.IgnoredError
	var inputError *collector.InputError
	switch {
	case err == nil:
		return c.fact(in, line, &u)
	case errors.As(err, &ignored):
		c.ignore(ignored.EventType)
	case errors.As(err, &inputError):
		c.reject(in, inputError.Source, line, 0, err)
	default:
		c.reject(in, collector.SourceUnknown, line, 0, err)
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
func (c *Collector) fact(in *input, line []byte, u *events.Usage) error {
	a := c.usage
	k := appender.KeyOf(u.ID)
	if !a.known.Has(k) {
		before := a.Buffer()
		buffer := u.AppendJSON(before)
		if size := len(buffer) - len(before); size > appender.MaxMessage {
			c.reject(in, u.Source, line, 0,
				fmt.Errorf("the event has %d bytes with its envelope: a message holds at most %d", size,
					appender.MaxMessage))
			return nil
		}
		if err := a.known.Add(k); err != nil {
			return err
		}
		subject := events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
		a.Add(k, subject, events.Headers(u.ID, events.TypeUsage, c.origins[u.Source], events.FormatTime(u.Time)),
			buffer)
	} else {
		c.r.Known++
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

// reject quarantines a line. The id is made of the line's number and content: the same file under
// another name has the same ids.
func (c *Collector) reject(in *input, source string, line []byte, excess int, reason error) {
	c.r.Quarantined++
	sum := sha256.Sum256(line)
	number := strconv.FormatUint(uint64(in.line), 10)
	text := redact.Text(string(line))
	if excess > 0 {
		text = redact.Cut(string(line), excess)
	}
	c.quarantine.Put(&quarantine.Input{
		ID:     events.ID("quarantine", c.cfg.Foundation, number, hex.EncodeToString(sum[:]), strconv.Itoa(excess)),
		Source: source, File: in.name, Line: in.line, Reason: reason, Text: text, At: c.deps.Now(),
		Level: slog.LevelWarn,
		Attrs: []slog.Attr{slog.String("file", in.name), slog.Uint64("line", uint64(in.line))},
	})
}

// flush stores both batches.
func (c *Collector) flush(ctx context.Context) error {
	if err := c.quarantine.Flush(ctx); err != nil {
		return err
	}
	stored, known, err := c.usage.Flush(ctx, nil)
	c.r.Stored += stored
	c.r.Known += known
	c.progress()
	return err
}

// publishHorizons publishes a horizon for every source in the input, unless USAGE has a later one.
// Everything that it covers is stored before.
func (c *Collector) publishHorizons(ctx context.Context) error {
	for _, source := range []string{events.SourceCF, events.SourceTrove} {
		at, ok := c.newest[source]
		if !ok {
			continue
		}
		if c.cfg.Horizon != nil {
			at = c.cfg.Horizon.UTC()
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
	text := events.FormatTime(at)
	if at.After(c.deps.Now().AddDate(0, 0, 1)) {
		c.deps.Log.Warn("the horizon is in the future: what runs is billed up to it. Is a time in the input, or the "+
			"clock, wrong?",
			slog.String("source", source), slog.String("horizon", text))
	}
	h := events.Horizon{
		ID: events.ID("horizon", source, c.cfg.Foundation, text), Source: source,
		Foundation: c.cfg.Foundation, Time: at,
	}
	c.usage.Add(appender.KeyOf(h.ID), subject, events.Headers(h.ID, events.TypeHorizon, c.origins[source], text),
		h.AppendJSON(c.usage.Buffer()))
	stored, _, err := c.usage.Flush(ctx, later)
	if err != nil {
		c.usage.Clear() // a stopped run stores facts alone
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
