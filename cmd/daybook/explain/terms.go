package explain

import (
	"context"
	"math"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
)

// terms are the pricer's books without spans: which catalogue prices which month, after any message
// of METERED.
type terms struct {
	bus      *bus.Bus
	controls []bus.Stored         // catalogues in force, and closings, in order
	books    map[int]*pricer.Book // by the number of controls
}

// newTerms reads the catalogues and closings of METERED.
func newTerms(ctx context.Context, b *bus.Bus) (*terms, error) {
	t := &terms{bus: b, books: map[int]*pricer.Book{}}
	filters := []string{events.MeteredCatalogueSubject, events.MeteredClosingFilter("")}
	_, err := b.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{Filters: filters},
		func(m *bus.Stored) error {
			t.controls = append(t.controls, *m)
			return nil
		})
	return t, err
}

// at is the book after the message of METERED that a message of BILLING was derived from.
func (t *terms) at(ctx context.Context, billing uint64) (*pricer.Book, error) {
	m, err := t.bus.Get(ctx, events.StreamBilling, billing)
	if err != nil {
		return nil, err
	}
	last, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		last = math.MaxUint64 // somebody else's message
	}
	n := 0
	for n < len(t.controls) && t.controls[n].Sequence <= last {
		n++
	}
	if t.books[n] == nil {
		t.books[n] = book(t.controls[:n])
	}
	return t.books[n], nil
}

// book takes catalogues and closings, as the pricer does: one with a mistake changes nothing.
func book(controls []bus.Stored) *pricer.Book {
	b := pricer.NewBook()
	none := func(*pricer.Entries) {}
	for i := range controls {
		m := &controls[i]
		switch m.Header(events.HeaderType) {
		case events.TypeCatalogue:
			var c events.Catalogue
			if c.DecodeJSON(m.Data) == nil {
				_ = b.Catalogue(&c, m.Header(events.HeaderID), none)
			}
		case events.TypeClosing:
			var c events.Closing
			if c.DecodeJSON(m.Data) == nil {
				_ = b.Closing(&c, m.Header(events.HeaderID), none)
			}
		}
	}
	return b
}
