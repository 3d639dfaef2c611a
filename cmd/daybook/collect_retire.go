package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

type collectRetireCmd struct {
	natsFlags
	personFlags
	Foundation string `arg:"" name:"source/foundation" help:"Source and foundation, such as cf/eu."`
	Name       string `arg:"" name:"name" help:"Name of the collector to retire."`
}

// Run retires a collector: its horizon holds nobody up from then on.
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
	through, err := acts.Retire(e.ctx, b, &acts.Leaver{
		Source: source, Foundation: foundation, Collector: c.Name, By: c.By, Note: c.Note, At: now(),
	})
	var unknown *acts.UnknownCollectorError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("no collector called %q has ever said how far %s is complete; those that have are: %s",
			c.Name, c.Foundation, strings.Join(unknown.Known, ", "))
	case errors.Is(err, acts.ErrRetired):
		return fmt.Errorf("the collector %q of %s is retired already", c.Name, c.Foundation)
	case errors.Is(err, acts.ErrNotStopped):
		return fmt.Errorf("a collector of %s has said something meanwhile; if it was %q, stop it first, then give "+
			"the command again", c.Foundation, c.Name)
	case err != nil:
		return err
	case through.IsZero():
		_, err = fmt.Fprintf(e.stdout, "The collector %s is retired. No other has said how far %s is complete.\n",
			c.Name, c.Foundation)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "The collector %s is retired. %s is now complete up to %s.\n", c.Name, c.Foundation,
		events.FormatTime(through))
	return err
}
