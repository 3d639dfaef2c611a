package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type retireCmd struct {
	shell.NATS
	shell.Person
	Of   string `arg:"" optional:"" name:"source/foundation" help:"Source and foundation, such as cf/eu, of a collector to retire."`
	Name string `arg:"" optional:"" name:"name" help:"Name of the collector to retire."`

	Foundation string         `placeholder:"NAME" help:"Retire this foundation, which is gone, with all its collectors: what ran ends at --at."`
	Source     string         `enum:"cf,trove,all" default:"all" help:"Source of the foundation: cf, trove, or all of them."`
	At         *shell.Instant `placeholder:"TIME" help:"When the foundation ended."`
}

// Validate checks the command line.
func (c *retireCmd) Validate() error {
	source, foundation, ok := strings.Cut(c.Of, "/")
	switch {
	case c.Foundation != "" && c.Of != "":
		return errors.New("a collector and a foundation exclude each other: name a collector as cf/eu NAME, or a " +
			"foundation with --foundation and --at")
	case c.Foundation != "" && c.At == nil:
		return errors.New("--foundation needs --at: the time when the foundation ended, such as 2026-11-01T12:00:00Z")
	case c.Foundation != "":
		return nil
	case c.At != nil || c.Source != "all":
		return errors.New("--at and --source are for a foundation: name it with --foundation")
	case !ok || source == "" || foundation == "":
		return fmt.Errorf("%q is no source and foundation: give them as cf/eu, with the name of a collector, or give "+
			"--foundation and --at", c.Of)
	case c.Name == "":
		return errors.New("the name is empty: a collector without a name holds nobody up, so that there is nothing " +
			"to retire")
	}
	return nil
}

// Run retires a collector, or a foundation.
func (c *retireCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "collect retire", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Foundation != "" {
		return c.end(e, b)
	}
	return c.retire(e, b)
}

// retire retires a collector: its horizon holds nobody up from then on.
func (c *retireCmd) retire(e *shell.Env, b *bus.Bus) error {
	source, foundation, _ := strings.Cut(c.Of, "/")
	through, err := acts.Retire(e.Ctx, b, &acts.Leaver{
		Source: source, Foundation: foundation, Collector: c.Name, By: c.By, Note: c.Note, At: shell.Now(),
	})
	var unknown *acts.UnknownCollectorError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("no collector called %q has ever said how far %s is complete; those that have are: %s",
			c.Name, c.Of, strings.Join(unknown.Known, ", "))
	case errors.Is(err, acts.ErrRetired):
		return fmt.Errorf("the collector %q of %s is retired already", c.Name, c.Of)
	case errors.Is(err, acts.ErrNotStopped):
		return fmt.Errorf("a collector of %s has said something meanwhile; if it was %q, stop it first, then give "+
			"the command again", c.Of, c.Name)
	case err != nil:
		return err
	case through.IsZero():
		_, err = fmt.Fprintf(e.Stdout, "The collector %s is retired. No other has said how far %s is complete.\n",
			c.Name, c.Of)
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "The collector %s is retired. %s is now complete up to %s.\n", c.Name, c.Of,
		events.FormatTime(through))
	return err
}

// end ends a foundation that is gone.
func (c *retireCmd) end(e *shell.Env, b *bus.Bus) error {
	sources, err := c.sources(e.Ctx, b)
	if err != nil {
		return err
	}
	at := c.At.UTC()
	var ended []string
	for _, source := range sources {
		name := source + "/" + c.Foundation
		collected, err := acts.End(e.Ctx, b, &acts.Ending{
			Source: source, Foundation: c.Foundation, At: at, By: c.By, Note: c.Note, Now: shell.Now(),
		})
		switch {
		case errors.Is(err, acts.ErrEnded):
			ended = append(ended, name)
			continue
		case errors.Is(err, acts.ErrFuture):
			return fmt.Errorf("--at=%s is in the future: retire the foundation when it is gone", events.FormatTime(at))
		case errors.Is(err, acts.ErrNotStopped):
			return fmt.Errorf("a collector of %s has said something meanwhile: stop it first, then give the command "+
				"again", name)
		case err != nil:
			return err
		}
		fmt.Fprintf(e.Stdout, "%s is retired. What ran ends at %s.\n", name, events.FormatTime(at))
		if at.After(collected) {
			since := "It was never complete"
			if !collected.IsZero() {
				since = "It was complete up to " + events.FormatTime(collected)
			}
			fmt.Fprintf(e.Stdout, "%s: what ran after that is held. daybook holds list shows it, to be released or "+
				"discarded.\n", since)
		}
	}
	if len(ended) == len(sources) {
		return fmt.Errorf("%s is retired already, and nothing was collected of it since", strings.Join(ended, ", "))
	}
	return nil
}

// sources are the sources to retire of the foundation.
func (c *retireCmd) sources(ctx context.Context, b *bus.Bus) ([]string, error) {
	known, err := acts.Sources(ctx, b, c.Foundation)
	switch {
	case err != nil:
		return nil, err
	case c.Source == "all" && len(known) > 0:
		return known, nil
	case slices.Contains(known, c.Source):
		return []string{c.Source}, nil
	case len(known) > 0:
		return nil, fmt.Errorf("nothing was collected of %s/%s; its sources are: %s", c.Source, c.Foundation,
			strings.Join(known, ", "))
	}
	return nil, fmt.Errorf("nothing was ever collected of a foundation %q: daybook status lists the foundations",
		c.Foundation)
}
