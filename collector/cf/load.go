package cf

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// load reads where the foundation stands, from USAGE alone: all of it, or the list alone that has
// lost track, up to where the writer knows USAGE.
func (f *foundation) load(ctx context.Context) error {
	last := f.writer.seen()
	if !f.loaded {
		f.refusals.begin()
		var err error
		if last, err = lastSequence(ctx, f.store, events.StreamUsage, events.UsageFilter(events.SourceCF,
			f.Name)); err != nil {
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
	said, complete, err := f.lastHorizon(ctx, last)
	if err != nil {
		return fmt.Errorf("reading the horizon of foundation %q: %w", f.Name, err)
	}
	f.mu.Lock()
	f.published, f.complete = said, complete
	f.mu.Unlock()
	f.writer.begin(last)
	f.loaded = true
	return nil
}

// lastHorizon is the horizon that this collector published last, and the newest that was published
// since then by any: where the lists stand in USAGE is common to all, whatever their names. What a
// retired collector said last counts for none.
func (f *foundation) lastHorizon(ctx context.Context, last uint64) (said, newest time.Time, err error) {
	subject := events.UsageHorizonSubject(events.SourceCF, f.Name)
	end, err := lastSequence(ctx, f.store, events.StreamUsage, subject)
	if err != nil {
		return said, newest, err
	}
	err = backwards(ctx, f.store, events.StreamUsage, []string{subject},
		min(end, last), func(m *bus.Stored) (h events.Horizon, err error) {
			if err = h.DecodeJSON(m.Data); err != nil {
				err = fmt.Errorf("message %d of %s cannot be read: %w", m.Sequence, events.StreamUsage, err)
			}
			return h, err
		}, func(h events.Horizon) bool {
			if h.Retired {
				return false
			}
			if h.Time.After(newest) {
				newest = h.Time
			}
			if h.Collector != f.Collector {
				return false
			}
			said = h.Time
			return true
		})
	return said, newest, err
}
