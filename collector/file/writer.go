package file

import (
	"context"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
)

// writer appends to USAGE. Facts of each source have batches of their own, for the collectors of a
// source exclude each other. It knows the ids of all messages of the foundation in USAGE, and of
// those in the batches.
type writer struct {
	sources []*appender.Appender // in the order of events.Sources
	known   *appender.All
}

func newWriter(cfg *Config, store Store, placed func(place string, sequence uint64)) *writer {
	w := &writer{known: appender.NewAll(cfg.MaxKnown)}
	for _, source := range events.Sources() {
		w.sources = append(w.sources, appender.New(appender.Options{
			Store: store, Stream: events.StreamUsage, Filter: events.UsageFilter(source, cfg.Foundation),
			Marker: events.UsageMarkerSubject(source, cfg.Foundation),
			Origin: collector.Origin(source, cfg.Foundation),
			Retry:  cfg.Retry, Patient: cfg.Follow,
			Seen:   func(k appender.Key, _ uint64) error { return w.known.Add(k) },
			Placed: placed,
		}))
	}
	return w
}

// of is the appender for the facts of a source.
func (w *writer) of(source string) *appender.Appender {
	if source == events.SourceTrove {
		return w.sources[1]
	}
	return w.sources[0]
}

// empty reports that there is no fact in the batches.
func (w *writer) empty() bool { return w.sources[0].Len()+w.sources[1].Len() == 0 }

// mark puts a place into the batches; an empty one stands for none.
func (w *writer) mark(place string) {
	for _, a := range w.sources {
		if a.Len() > 0 {
			a.Mark(place)
		}
	}
}

// full reports that a batch should be flushed before more is added.
func (w *writer) full() bool { return w.sources[0].Full() || w.sources[1].Full() }

// flush stores the batches, or the full ones alone.
func (w *writer) flush(ctx context.Context, fullOnly bool) (stored, known int, err error) {
	for _, a := range w.sources {
		if fullOnly && !a.Full() {
			continue
		}
		s, k, err := a.Flush(ctx, nil)
		stored, known = stored+s, known+k
		if err != nil {
			return stored, known, err
		}
	}
	return stored, known, nil
}

// clear forgets the batches.
func (w *writer) clear() {
	for _, a := range w.sources {
		a.Clear()
	}
}
