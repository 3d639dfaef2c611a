package cf

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// poller collects one foundation. Its lists are polled side by side; everything else belongs to the
// goroutine of its poll.
type poller struct {
	Foundation
	origin   string
	log      *slog.Logger
	metrics  *Metrics
	now      func() time.Time
	store    Store
	client   *cfapi.Client
	writer   *writer
	refusals *refusals
	lists    []*list
	status   *status.Writer

	platform  collector.Platform
	alone     bool // the process has no other
	tested    bool
	loaded    bool
	collected bool // a poll went well
	starting  bool // before any did, an answer showed a foundation under way

	mu        sync.Mutex        // guards the fields below, and the horizon and date of each list
	shown     status.Status     // as it is to be shown
	published time.Time         // the newest horizon of this collector
	notes     map[string]string // details for the status, by name
	// complete is the newest horizon of any collector of the foundation, when the state was read.
	complete time.Time
}

func newPoller(settings *Foundation, d *Deps) (*poller, error) {
	name := settings.Name
	d.Metrics.start(name)
	client, err := cfapi.New(settings.Access(), cfapi.Deps{
		Log: d.Log, Now: d.Now,
		Retried:  func(reason string) { d.Metrics.retries.WithLabelValues(name, reason).Inc() },
		Answered: func(took time.Duration) { d.Metrics.latency.WithLabelValues(name).Observe(took.Seconds()) },
	})
	if err != nil {
		return nil, err
	}
	f := &poller{
		Foundation: *settings, origin: collector.Origin(events.SourceCF, settings.Name), metrics: d.Metrics, now: d.Now,
		store: d.Store, client: client,
		log: d.Log.With(slog.String("foundation", settings.Name)),
	}
	f.writer = &writer{
		store: d.Store, marker: events.UsageMarkerSubject(events.SourceCF, settings.Name), origin: f.origin,
	}
	f.platform = collector.Platform{
		Source: events.SourceCF, Foundation: settings.Name, MovedFrom: cfapi.Address(settings.MovedFrom),
	}
	f.notes = map[string]string{}
	f.refusals = newRefusals(settings, d.Store, f.log, d.Metrics)
	f.lists = []*list{newList(f, events.ListApp), newList(f, events.ListService)}
	f.shown = status.Status{
		Source: events.SourceCF, Foundation: settings.Name, Collector: settings.Collector, Problem: "starting",
		ScheduleSeconds: int64(settings.Schedule / time.Second),
	}
	f.status = status.NewWriter(d.Store, f.log, d.Now, f.shown)
	return f, nil
}

// selfTest finds out, before anything is collected, whether collecting can work.
func (f *poller) selfTest(ctx context.Context) error {
	var err error
	if f.platform.Here, err = f.client.Root(ctx); err != nil {
		return err
	}
	skew := f.client.Skew()
	if skew.Abs() > maxSkew {
		f.log.Warn("our clock and the API's differ. Collecting goes by the API's clock; correct the one that is wrong",
			slog.Duration("difference", skew))
	}
	return f.client.CheckGlobalRead(ctx)
}

// horizonStep is how far the horizon moves at the least before it is published while much is being
// collected.
const horizonStep = time.Hour

// progress publishes the horizon now and then, and shows how it goes.
func (f *poller) progress(ctx context.Context) error {
	if err := f.publishHorizon(ctx, horizonStep); err != nil {
		return err
	}
	f.show(ctx, func(time.Time) {})
	return nil
}

// publishHorizon publishes the lower horizon of both lists, when it has moved by at least a step.
func (f *poller) publishHorizon(ctx context.Context, step time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.lists[0].reached
	for _, l := range f.lists {
		if l.reached.Before(at) {
			at = l.reached
		}
	}
	at = f.believed(at)
	if at.IsZero() || !at.After(f.published) || at.Sub(f.published) < step {
		return nil
	}
	if err := f.refusals.flush(ctx); err != nil {
		return err
	}
	h := events.Horizon{
		ID:     events.ID("horizon", events.SourceCF, f.Name, f.Collector, events.FormatTime(at)),
		Source: events.SourceCF, Foundation: f.Name, Time: at, Collector: f.Collector,
		Settled: at.Add(-f.Overlap),
	}
	message := bus.Message{
		Subject: events.UsageHorizonSubject(events.SourceCF, f.Name),
		Header:  events.AppendHeaders(nil, h.ID, events.TypeHorizon, f.origin),
		Data:    h.AppendJSON(nil),
	}
	if _, err := f.writer.append(ctx, []bus.Message{message}); err != nil {
		return err
	}
	f.published = at
	return nil
}

// believed is a horizon, and at most a little beyond the local clock: an API server with a clock of
// its own must not take the bill into the future. f.mu is held.
func (f *poller) believed(at time.Time) time.Time {
	latest := f.now().UTC().Truncate(time.Second).Add(maxAhead)
	if !at.After(latest) {
		delete(f.notes, "clock")
		return at
	}
	f.notes["clock"] = "the API tells times up to " + events.FormatTime(at) + ", beyond this machine's clock: they " +
		"are not believed, and the horizon waits for the clock. Check the clocks of the API servers and of this machine"
	return latest
}

// publishedHorizon is the newest published horizon, under any collector's name.
func (f *poller) publishedHorizon() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.complete.After(f.published) {
		return f.complete
	}
	return f.published
}

// gapPublished counts and logs a published gap.
func (f *poller) gapPublished(g *events.Gap) {
	f.metrics.gaps.WithLabelValues(f.Name, g.List).Inc()
	f.log.Warn("a gap was published", slog.String("list", g.List), slog.String("from", timeText(g.From)),
		slog.String("to", timeText(g.To)),
		slog.String("reason", g.Reason))
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "the beginning"
	}
	return events.FormatTime(t)
}

// detail has the status show something from its next writing on, and no longer where the text is
// empty.
func (f *poller) detail(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text == "" {
		delete(f.notes, name)
		return
	}
	f.notes[name] = text
}

// show shows the state in the metrics and in the status.
func (f *poller) show(ctx context.Context, change func(now time.Time)) {
	f.mu.Lock()
	now := f.now().UTC()
	change(now)
	skew := f.client.Skew()
	s := &f.shown
	s.Horizon, s.Lists = f.published, nil
	lag := time.Duration(0)
	for _, l := range f.lists {
		s.Lists = append(s.Lists, status.List{
			Name: l.name, CursorGUID: l.shown.guid, CursorTime: l.shown.created,
			Horizon: l.reached,
		})
		if l.reached.IsZero() {
			continue
		}
		behind := max(now.Add(-skew).Sub(l.reached), 0) // the API's clock goes on while it does not answer
		lag = max(lag, behind)
		f.metrics.horizon.WithLabelValues(f.Name, l.name).Set(float64(l.reached.Unix()))
		f.metrics.lag.WithLabelValues(f.Name, l.name).Set(behind.Seconds())
	}
	s.LagSeconds, s.Details = int64(lag/time.Second), maps.Clone(f.notes)
	shown := *s
	f.mu.Unlock()
	f.status.Update(ctx, func(to *status.Status) { *to = shown })
}
