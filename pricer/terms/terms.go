// Package terms tells by which catalogue an entry of BILLING was priced: which version prices which
// month, after any message of METERED. It reads METERED, and writes nothing.
package terms

import (
	"context"
	"math"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
)

// Stream is the part of the bus to read a stream.
type Stream interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Terms are the pricer's books without spans.
type Terms struct {
	controls []bus.Stored         // catalogues in force, and closings, in order
	books    map[int]*pricer.Book // by the number of controls
}

// Read reads the catalogues and closings of METERED.
func Read(ctx context.Context, b Stream) (*Terms, error) {
	t := &Terms{books: map[int]*pricer.Book{}}
	filters := []string{events.MeteredCatalogueSubject, events.MeteredClosingFilter("")}
	_, err := b.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{Filters: filters},
		func(m *bus.Stored) error {
			t.controls = append(t.controls, *m)
			return nil
		})
	return t, err
}

// Texts are the texts of the versions that came into force, by name.
func (t *Terms) Texts() map[string]string {
	texts := map[string]string{}
	for i := range t.controls {
		var c events.Catalogue
		if t.controls[i].Header(events.HeaderType) != events.TypeCatalogue || c.DecodeJSON(t.controls[i].Data) != nil {
			continue
		}
		if _, known := texts[c.Version]; !known { // a version never changes: another text is refused
			texts[c.Version] = c.YAML
		}
	}
	return texts
}

// Behind is the book after the message of METERED that a message of BILLING was derived from.
func (t *Terms) Behind(m *bus.Stored) *pricer.Book {
	last, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		last = math.MaxUint64 // somebody else's message
	}
	n := 0
	for n < len(t.controls) && t.controls[n].Sequence <= last {
		n++
	}
	return t.book(n)
}

// Latest is the book after the last message of METERED.
func (t *Terms) Latest() *pricer.Book { return t.book(len(t.controls)) }

// book is the book after so many controls.
func (t *Terms) book(n int) *pricer.Book {
	if t.books[n] == nil {
		t.books[n] = newBook(t.controls[:n])
	}
	return t.books[n]
}

// newBook takes catalogues and closings, as the pricer does: one with a mistake changes nothing.
func newBook(controls []bus.Stored) *pricer.Book {
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
