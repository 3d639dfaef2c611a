package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Status is daybook status.
type Status struct {
	shell.Reads
	shell.Ledger
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run prints how the collectors are doing.
func (c *Status) Run(e *shell.Env) error {
	if c.API != "" {
		return c.api(e)
	}
	b, err := c.Open(e.Ctx, "status", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := status.Gather(e.Ctx, b, c.Foundation, time.Now())
	if err == nil && len(all) == 0 && c.Foundation != "" {
		if err := unknownFoundation(e.Ctx, b, c.Foundation); err != nil {
			return err
		}
	}
	lacks, unasked := b.AskRoom(e.Ctx)
	// the known part comes first
	return errors.Join(c.print(e.Stdout, all, err == nil), c.printLedger(e, b), c.printPlatforms(e, b),
		c.printRoom(e.Stdout, lacks), err, unasked)
}

// api is Run of an API. For a token that may not see all tenants there are no collectors, but how
// far its foundations are metered and charged. Who waits for room is asked over NATS alone.
func (c *Status) api(e *shell.Env) error {
	x, err := shell.Ask[answer.Status](e, &c.Reads, "status", nil)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range x.Foundations {
		known[f.Foundation] = true
	}
	for _, o := range x.Collectors {
		known[o.Foundation] = true
	}
	if err := metered.UnknownName("foundation", c.Foundation, known); err != nil {
		return err
	}
	other := func(name string) bool { return c.Foundation != "" && name != c.Foundation }
	x.Foundations = slices.DeleteFunc(x.Foundations, func(f answer.FoundationState) bool { return other(f.Foundation) })
	x.Collectors = slices.DeleteFunc(x.Collectors, func(o *status.Overview) bool { return other(o.Foundation) })
	x.Platforms = slices.DeleteFunc(x.Platforms, func(p answer.PlatformState) bool { return other(p.Foundation) })
	platforms := func() error {
		return print.Platforms(e.Stdout, answer.Comparisons(x.Platforms), c.Format == "json")
	}
	if !x.All {
		return errors.Join(print.Foundations(e.Stdout, x.Foundations, c.Format == "json"), platforms())
	}
	err = c.print(e.Stdout, x.Collectors, x.Problem == "")
	if x.Ledger != nil {
		err = errors.Join(err, print.Ledger(e.Stdout, x.Ledger, c.Format == "json"))
	}
	err = errors.Join(err, platforms())
	if x.Problem != "" {
		err = errors.Join(err, errors.New(x.Problem))
	}
	return err
}

// printLedger prints the state of a ledger in Postgres.
func (c *Status) printLedger(e *shell.Env, b *bus.Bus) error {
	if c.DatabaseURL == "" {
		return nil
	}
	s, err := c.State(e.Ctx, b)
	if err != nil {
		return fmt.Errorf("the ledger in Postgres (DATABASE_URL): %w", err)
	}
	return print.Ledger(e.Stdout, &s, c.Format == "json")
}

// printPlatforms prints whether METERED agrees with the sums of platforms.
func (c *Status) printPlatforms(e *shell.Env, b *bus.Bus) error {
	through, err := metered.Through(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	of := make([]answer.FoundationState, len(through))
	for i := range through {
		of[i].Source, of[i].Foundation = through[i].Source, through[i].Foundation
	}
	all, err := shell.Comparisons(e.Ctx, b, of)
	return errors.Join(err, print.Platforms(e.Stdout, all, c.Format == "json"))
}

// printRoom prints the streams without room.
func (c *Status) printRoom(w io.Writer, lacks []bus.Lack) error {
	for i := range lacks {
		l := &lacks[i]
		var err error
		if c.Format == "json" {
			err = print.JSON(w, struct {
				NoRoom *bus.Lack `json:"no_room"`
			}{l})
		} else {
			_, err = fmt.Fprintf(w, "%s: %s\n", l.Who, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unknownFoundation is the error for a foundation that was never collected.
func unknownFoundation(ctx context.Context, b *bus.Bus, name string) error {
	all, err := status.Gather(ctx, b, "", time.Now())
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, o := range all {
		known[o.Foundation] = true
	}
	return metered.UnknownName("foundation", name, known)
}

func (c *Status) print(w io.Writer, all []*status.Overview, complete bool) error {
	switch {
	case c.Format == "json":
		for _, o := range all {
			if err := print.JSON(w, o); err != nil {
				return err
			}
		}
		return nil
	case len(all) == 0 && complete:
		_, err := fmt.Fprintln(w, "Nothing has been collected yet.")
		return err
	}
	return print.Status(w, all, time.Now())
}
