package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type collectRetireCmd struct {
	natsFlags
	Foundation string `arg:"" name:"source/foundation" help:"Source and foundation, such as cf/eu."`
	Name       string `arg:"" name:"name" help:"Name of the collector that is no more."`
}

// Run says in USAGE that a collector is no more, so that its horizon holds nobody up.
func (c *collectRetireCmd) Run(e *env) error {
	source, foundation, ok := strings.Cut(c.Foundation, "/")
	if !ok || source == "" || foundation == "" {
		return fmt.Errorf("%q is no source and foundation: give them as cf/eu", c.Foundation)
	}
	if c.Name == "" {
		return errors.New("the name is empty: a collector without a name holds nobody up, so that there is nothing " +
			"to retire")
	}
	b, err := c.open(e.ctx, "collect retire", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	subject := events.UsageHorizonSubject(source, foundation)
	said, last, err := horizons(e.ctx, b, subject)
	if err != nil {
		return err
	}
	h, ok := said[c.Name]
	switch {
	case !ok:
		return fmt.Errorf("no collector called %q has ever said how far %s is complete; those that have are: %s",
			c.Name, c.Foundation, strings.Join(named(said), ", "))
	case h.Retired:
		return fmt.Errorf("the collector %q of %s is retired already", c.Name, c.Foundation)
	}
	text := events.FormatTime(h.Time)
	h.Retired, h.ID = true, events.ID("horizon", source, foundation, c.Name, text, "retired")
	message := bus.Message{Subject: subject, Data: h.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderID, Value: h.ID}, {Key: events.HeaderType, Value: events.TypeHorizon},
		{Key: events.HeaderTime, Value: text},
	}}
	_, err = b.Append(e.ctx, events.StreamUsage, []bus.Message{message}, bus.Expect{Filter: subject, Last: last})
	var conflict *bus.ConflictError
	if errors.As(err, &conflict) {
		return fmt.Errorf("a collector of %s has said something meanwhile; if it was %q, stop it first, then give "+
			"the command again", c.Foundation, c.Name)
	}
	if err != nil {
		return err
	}
	said[c.Name] = h
	at := effective(said)
	if at.IsZero() {
		_, err = fmt.Fprintf(e.stdout, "The collector %s is retired. No other has said how far %s is complete.\n",
			c.Name, c.Foundation)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "The collector %s is retired. %s is now complete up to %s.\n", c.Name, c.Foundation,
		events.FormatTime(at))
	return err
}

// horizons are what each collector said last, by its name, and the sequence of the last message.
func horizons(ctx context.Context, b *bus.Bus, subject string) (said map[string]events.Horizon, last uint64,
	err error) {
	said = map[string]events.Horizon{}
	_, err = b.Each(ctx, events.StreamUsage, 1, bus.End, bus.ReadOptions{Filters: []string{subject}},
		func(m *bus.Stored) error {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil {
				return fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, events.StreamUsage, m.Subject,
					err)
			}
			said[h.Collector], last = h, m.Sequence
			return nil
		})
	return said, last, err
}

// named are the names of the collectors that have one and are not retired.
func named(said map[string]events.Horizon) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if name != "" && !said[name].Retired {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// effective is up to when a source is complete: the lowest horizon of those that have a name and
// are not retired; where there is none, that of those without a name.
func effective(said map[string]events.Horizon) (at time.Time) {
	for name, h := range said {
		if name != "" && !h.Retired && (at.IsZero() || h.Time.Before(at)) {
			at = h.Time
		}
	}
	if at.IsZero() {
		at = said[""].Time
	}
	return at
}
