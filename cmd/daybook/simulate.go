package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/daybook-billing/daybook/internal/sim"
)

// simulateCmd groups the simulators.
type simulateCmd struct {
	File simulateFileCmd `cmd:"" help:"Write a file of usage events of a made-up platform, the same for the same seed."`
}

type simulateFileCmd struct {
	Seed      uint64 `default:"1" help:"Seed of the world."`
	Events    int    `default:"10000" help:"About how many events."`
	Apps      int    `default:"100" help:"How many apps there are at a time."`
	Drain     bool   `help:"Delete everything at the end, so that nothing runs on."`
	Catalogue string `placeholder:"FILE" help:"Write the price catalogue that the true bill is by."`
	Bill      string `placeholder:"FILE" help:"Write the true bill, computed from the world and not from its events: tenant, kind, amount."`
}

// Validate checks the command line.
func (c *simulateFileCmd) Validate() error {
	if c.Events < 0 || c.Apps < 0 {
		return errors.New("--events and --apps are counts: 0 or more")
	}
	return nil
}

// Run writes the events to standard output.
func (c *simulateFileCmd) Run(e *env) error {
	world, err := sim.NewWorld(sim.Config{Seed: c.Seed, Events: c.Events, Apps: c.Apps, Drain: c.Drain, DropTruth: true})
	if err != nil {
		return err
	}
	if c.Catalogue != "" {
		if err := os.WriteFile(c.Catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
			return fmt.Errorf("writing the catalogue: %w", err)
		}
	}
	var bill *os.File // made before the events, which may take long
	if c.Bill != "" {
		if bill, err = os.Create(c.Bill); err != nil {
			return fmt.Errorf("writing the true bill: %w", err)
		}
	}
	out := bufio.NewWriterSize(e.stdout, 1<<20)
	for event := range world.Events {
		out.Write(event.JSON) //nolint:errcheck // Flush returns the first error
		out.WriteByte('\n')   //nolint:errcheck // as above
	}
	if err := out.Flush(); err != nil || bill == nil {
		return err
	}
	if err := errors.Join(writeBill(bill, world.TrueBill()), bill.Close()); err != nil {
		return fmt.Errorf("writing the true bill: %w", err)
	}
	return nil
}

// writeBill writes a line for each tenant and kind.
func writeBill(w io.Writer, bill sim.Bill) error {
	out := bufio.NewWriter(w)
	for _, tenant := range slices.Sorted(maps.Keys(bill)) {
		for _, kind := range slices.Sorted(maps.Keys(bill[tenant])) {
			fmt.Fprintf(out, "%s %s %s\n", tenant, kind, bill[tenant][kind].FloatString(12))
		}
	}
	return out.Flush()
}
