package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
)

type verifyCmd struct {
	shell.NATS
	Stage  string `arg:"" optional:"" enum:"all,projector,pricer" default:"all" help:"projector (METERED from USAGE), pricer (BILLING from METERED), or all."`
	Deep   bool   `help:"Compare every stored byte, not only the digest at the end."`
	Format string `enum:"text,json" default:"text" help:"Output: ${enum}; json is one object a line."`
}

// Help is shown with --help.
func (verifyCmd) Help() string {
	return "The settings are read from the streams. Nothing is stored, and the services may run meanwhile. " +
		"Exit status 5: a stream differs, and the first different message is named, or USAGE has lost messages. " +
		"--deep finds changes inside stored messages."
}

// derivation is one of the two stages as verify and replay see it.
type derivation struct {
	cfg          stage.Config
	newProcessor func() stage.Processor
}

func pricing() derivation {
	cfg, newProcessor := pricer.Contract(pricer.Config{})
	return derivation{cfg, newProcessor}
}

func projecting(cfg projector.Config) (derivation, error) {
	contract, newProcessor, err := projector.Contract(cfg)
	return derivation{contract, newProcessor}, err
}

// storedProjecting is the projector with the settings of METERED.
func storedProjecting(ctx context.Context, b *bus.Bus) (derivation, error) {
	contract, newProcessor, err := projector.StoredContract(ctx, b)
	return derivation{contract, newProcessor}, err
}

// Run verifies.
func (c *verifyCmd) Run(e *shell.Env) error {
	shell.CollectGarbage(shell.MuchGarbage)
	b, err := c.Open(e.Ctx, "verify", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	failed := false
	if c.Stage != "pricer" {
		stored, err := storedProjecting(e.Ctx, b)
		if err != nil {
			return err
		}
		if failed, err = c.verify(e, b, stored); err != nil {
			return err
		}
	}
	if c.Stage != "projector" {
		wrong, err := c.verify(e, b, pricing())
		if err != nil {
			return err
		}
		failed = failed || wrong
	}
	if failed {
		return shell.ErrDiffers
	}
	return nil
}

// verify verifies one stage and prints the result, and reports whether the stream differs, or USAGE
// has lost messages. The error is any other.
func (c *verifyCmd) verify(e *shell.Env, b *bus.Bus, d derivation) (differs bool, err error) {
	progress := print.NewBar(e.Ctx, e.Stderr, d.cfg.Output)
	v := verifyStage(e.Ctx, b, d, c.Deep, progress.Set)
	progress.Finish()
	if c.Format == "json" {
		err = errors.Join(print.VerifiedJSON(e.Stdout, d.cfg.Name, &v.Verified, v.took, v.lost, v.err),
			unless(v.differs, v.err))
		return v.differs || len(v.lost) > 0, err
	}
	for _, what := range v.lost {
		fmt.Fprintln(e.Stderr, "daybook: "+what)
	}
	switch {
	case v.differs:
		fmt.Fprintf(e.Stderr, "daybook: %s: %v\n", d.cfg.Output, v.err)
		return true, nil
	case v.err != nil:
		return false, fmt.Errorf("%s: %w", d.cfg.Output, v.err)
	}
	return len(v.lost) > 0, print.Verified(e.Stdout, &v.Verified, v.took)
}

// unless is the error where the condition does not hold.
func unless(condition bool, err error) error {
	if condition {
		return nil
	}
	return err
}
