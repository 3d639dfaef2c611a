package appender

import (
	"context"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// HeaderPlace is on the first marker of a batch of a followed file: where its collector was in it
// (collector/file).
const HeaderPlace = "Daybook-Place"

// OnBus makes a Store of a bus.
func OnBus(b *bus.Bus) Store { return busStore{b} }

// HeadOf is the head of a message.
func HeadOf(m *bus.Stored) Head {
	h := Head{Subject: m.Subject, ID: m.Header(events.HeaderID), Sequence: m.Sequence}
	if strings.HasSuffix(m.Subject, ".marker") {
		h.Platform, h.Place = m.Header(events.HeaderPlatform), m.Header(HeaderPlace)
	}
	return h
}

type busStore struct{ *bus.Bus }

// IDs implements Store.
func (s busStore) IDs(ctx context.Context, stream, filter string, from uint64, yield func(m Head) error) (uint64,
	error,
) {
	return s.Each(ctx, stream, from, bus.End, bus.ReadOptions{Filters: []string{filter}, HeadersOnly: true},
		func(m *bus.Stored) error {
			return yield(HeadOf(m))
		})
}
