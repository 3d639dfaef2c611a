package cf

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// load reads the state of the foundation from USAGE alone: all of it, or one list's up to the
// writer's last sequence.
func (f *poller) load(ctx context.Context) error {
	last := f.writer.seen()
	var mark bus.Stored
	moved := false
	var err error
	if !f.loaded {
		f.refusals.begin()
		// The marker comes first: a batch that is stored after it has been looked for has a marker
		// of its own, and the next append is refused.
		if mark, err = lastMessage(ctx, f.store, events.StreamUsage, f.writer.marker); err != nil {
			return err
		}
		if moved, err = f.platform.Check(mark.Header(events.HeaderPlatform)); err != nil {
			return err
		}
		usage := events.UsageFilter(events.SourceCF, f.Name)
		if last, err = lastSequence(ctx, f.store, events.StreamUsage, usage); err != nil {
			return err
		}
	}
	for _, l := range f.lists {
		if f.loaded && l.loaded {
			continue
		}
		if err := l.load(ctx, last); err != nil {
			return fmt.Errorf("reading where the %s events of foundation %q stand: %w", l.name, f.Name, err)
		}
		l.loaded = true
	}
	if f.loaded {
		return nil
	}
	// The newest horizon counts beside the collector's own: the position of the lists in USAGE is
	// common to all collectors of the foundation, whatever their names.
	horizon, err := horizons.Find(ctx, reader{f.store}, horizons.Query{
		Source: events.SourceCF, Foundation: f.Name, Collector: f.Collector, Through: last,
	})
	if err != nil {
		return fmt.Errorf("reading the horizon of foundation %q: %w", f.Name, err)
	}
	f.mu.Lock()
	f.published, f.complete = horizon.Own, horizon.Newest
	f.mu.Unlock()
	movedFrom := ""
	if moved {
		movedFrom = f.platform.MovedFrom
	}
	f.writer.begin(last, mark.Sequence, f.platform.Here, movedFrom)
	if moved {
		if _, err := f.writer.append(ctx, nil); err != nil {
			return err
		}
		f.log.Info("the foundation has moved: from here on it is collected from its new address",
			slog.String("from", movedFrom), slog.String("to", f.platform.Here))
	}
	f.loaded = true
	return nil
}

// samePlatform makes sure that the API is still the one that was collected: a list that does not go
// on may be another foundation's.
func (f *poller) samePlatform(ctx context.Context) error {
	here := f.platform
	var err error
	if here.Here, err = f.client.Root(ctx); err != nil {
		return err
	}
	here.MovedFrom = "" // it did not move while it was collected
	_, err = here.Check(f.platform.Here)
	return err
}

// reader reads the Store as package horizons does.
type reader struct{ Store }

// Each implements horizons.Reader. It does not tell the last sequence.
func (r reader) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(m *bus.Stored) error,
) (uint64, error) {
	return 0, r.Scan(ctx, stream, Scan{
		Filters: options.Filters, From: from, To: to, HeadersOnly: options.HeadersOnly,
	}, yield)
}
