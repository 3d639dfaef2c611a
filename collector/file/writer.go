package file

import (
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
)

// writer appends to USAGE. It knows the ids of all messages of the foundation in USAGE, and of
// those in the batch.
type writer struct {
	*appender.Appender
	known *appender.All
}

func newWriter(cfg *Config, store Store) *writer {
	w := &writer{known: appender.NewAll(cfg.MaxKnown)}
	w.Appender = appender.New(appender.Options{
		Store: store, Stream: events.StreamUsage, Filter: events.UsageFoundationFilter(cfg.Foundation),
		Retry: cfg.Retry, Patient: cfg.Follow,
		Seen: func(k appender.Key, _ uint64) error { return w.known.Add(k) },
	})
	return w
}
