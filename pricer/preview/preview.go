// Package preview shows what a catalogue version would change before it is published, and the
// effect that the pricer puts out for it afterwards.
//
// Reads METERED, as the pricer does, and the effects in BILLING; writes nothing. The preview of a
// version is computed by the pricer's own Book: without a fact in between, it is the effect to the
// last digit.
package preview

import (
	"context"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Stream is the part of the bus for a look at a stream.
type Stream interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Look is what stands in METERED up to a message.
type Look struct {
	Sequence uint64 // of the last message that was looked at
	state    *pricer.Preview
}

// Take reads METERED up to its last message.
func Take(ctx context.Context, b Stream) (*Look, error) {
	look := &Look{state: pricer.NewPreview()}
	last, err := b.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{}, func(in *bus.Stored) error {
		if err := look.state.Step(in); err != nil {
			return metered.Unreadable(events.StreamMetered, in, err)
		}
		return nil
	})
	look.Sequence = last
	return look, err
}

// Closed is what a catalogue would change in the closed months, if each of them alone were named to
// be priced by it, too.
func (l *Look) Closed(version string, c *catalogue.Catalogue) *effect.Effect {
	return &effect.Effect{
		Version: version, Former: l.state.InForce(), Parts: 1, Rows: l.state.Closed(c),
		Cause: events.Cause{Sequence: l.Sequence + 1},
	}
}

// Effect is what a catalogue would change if it came into force behind the message that was looked
// at last, and the named closed months were priced by it, too. It fails for a named month without
// usage that is closed.
func (l *Look) Effect(version string, c *catalogue.Catalogue, named []string) (*effect.Effect, error) {
	rows, closed, none := l.state.Rows(c, named)
	if len(none) > 0 {
		return nil, fmt.Errorf("no closed usage stands in %s: the month is open, or nothing is metered in it. daybook "+
			"month list shows which months are closed", strings.Join(none, ", "))
	}
	return &effect.Effect{
		Version: version, Former: l.state.InForce(), Parts: 1, Rows: rows, Closed: closed,
		Cause: events.Cause{Sequence: l.Sequence + 1},
	}, nil
}
