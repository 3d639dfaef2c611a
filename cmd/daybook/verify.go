package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
)

type verifyCmd struct {
	natsFlags
	Stage  string `arg:"" optional:"" enum:"all,projector,pricer" default:"all" help:"projector (METERED from USAGE), pricer (BILLING from METERED), or all."`
	Deep   bool   `help:"Compare every stored byte, not only the digest at the end."`
	Format string `enum:"text,json" default:"text" help:"Output: ${enum}; json is one object a line."`
}

// Help is shown with --help.
func (verifyCmd) Help() string {
	return "The settings are those that the streams were derived with. Nothing is stored, and the services may run " +
		"meanwhile. " +
		"Exit status 1: a stream differs; the first message that does is named. --deep finds what was changed in a " +
		"stored message since."
}

// derivation is one of the two stages as verify and replay see it.
type derivation struct {
	cfg          stage.Config
	newProcessor func() stage.Processor
}

func pricing() derivation {
	cfg, newProcessor := pricer.Stage(pricer.Config{})
	return derivation{cfg, newProcessor}
}

func projecting(cfg projector.Config) (derivation, error) {
	contract, newProcessor, err := projector.Stage(cfg)
	return derivation{contract, newProcessor}, err
}

// asStored is the projector with the settings that METERED was derived with.
func asStored(ctx context.Context, b *bus.Bus) (derivation, error) {
	ours, err := projecting(projector.Config{})
	if err != nil {
		return ours, err
	}
	logic, err := stage.StoredLogic(ctx, b, ours.cfg)
	if errors.Is(err, stage.ErrDiverged) {
		return ours, nil // verification says more
	}
	if err != nil || logic == "" {
		return ours, err
	}
	flags, err := settingsOf(logic)
	if err != nil {
		return ours, nil //nolint:nilerr // another program's settings: verification says which
	}
	return projecting(flags.config())
}

// settingsOf reads the projector's settings out of the logic of a stream: its settings have the
// names of the flags.
func settingsOf(logic string) (projectorFlags, error) {
	var flags projectorFlags
	words := strings.Fields(logic)
	if len(words) == 0 {
		return flags, errors.New("the logic of the stream is blank")
	}
	var args []string
	for _, part := range words[1:] {
		args = append(args, "--"+part)
	}
	parser, err := kong.New(&flags, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}),
		kong.PostBuild(func(k *kong.Kong) error {
			for _, group := range k.Model.AllFlags(false) {
				for _, flag := range group {
					flag.Envs, flag.Tag.Envs = nil, nil // not what is set here, but what was set there
				}
			}
			return nil
		}))
	if err != nil {
		return flags, err
	}
	_, err = parser.Parse(args)
	return flags, err
}

// spendMemory trades memory for speed in a command that reads whole streams and ends, unless GOGC
// says otherwise.
func spendMemory() {
	const percent = 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// verifiedJSON is the result for a stage as it is printed.
type verifiedJSON struct {
	Stage    string        `json:"stage"`
	Input    string        `json:"input"`
	Output   string        `json:"output"`
	OK       bool          `json:"ok"`
	Deep     bool          `json:"deep"`
	Inputs   uint64        `json:"inputs"`
	Outputs  uint64        `json:"outputs"`
	Position uint64        `json:"position"`
	Sequence uint64        `json:"sequence"`
	Chain    string        `json:"chain,omitempty"`
	Seconds  string        `json:"seconds"`
	Mismatch *mismatchJSON `json:"mismatch,omitempty"`
	Error    string        `json:"error,omitempty"`
}

type mismatchJSON struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Subject  string `json:"subject"`
	What     string `json:"what"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Advice   string `json:"advice"`
}

// Run verifies.
func (c *verifyCmd) Run(e *env) error {
	spendMemory()
	b, err := c.open(e.ctx, "verify", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	failed := false
	if c.Stage != "pricer" {
		metering, err := asStored(e.ctx, b)
		if err != nil {
			return err
		}
		if failed, err = c.verify(e, b, metering); err != nil {
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
		return errReported
	}
	return nil
}

// verify verifies one stage and says what came of it. The error is one of printing.
func (c *verifyCmd) verify(e *env, b *bus.Bus, d derivation) (failed bool, err error) {
	start := time.Now()
	progress := newBar(e.ctx, e.stderr, d.cfg.Output)
	v, err := stage.Verify(e.ctx, d.cfg, b, d.newProcessor, stage.VerifyOptions{Deep: c.Deep, Progress: progress.set})
	progress.finish()
	took := time.Since(start)
	if c.Format == "json" {
		out := verifiedJSON{
			Stage: d.cfg.Name, Input: v.Input, Output: v.Output, OK: err == nil, Deep: v.Deep, Inputs: v.Inputs,
			Outputs:  v.Outputs,
			Position: v.Position, Sequence: v.Sequence, Chain: v.Chain, Seconds: fmt.Sprintf("%.3f", took.Seconds()),
		}
		var m *stage.Mismatch
		if errors.As(err, &m) {
			out.Mismatch = &mismatchJSON{m.Stream, m.Sequence, m.Subject, m.What, m.Expected, m.Found, m.Advice}
		} else if err != nil {
			out.Error = err.Error()
		}
		return err != nil, printJSON(e.stdout, out)
	}
	if err != nil {
		fmt.Fprintf(e.stderr, "daybook: %s: %v\n", d.cfg.Output, err)
		return true, nil
	}
	if v.Sequence == 0 {
		_, err = fmt.Fprintf(e.stdout, "%s: nothing has been put out yet, and %s leads to nothing\n", v.Output, v.Input)
		return false, err
	}
	how := "the chain of"
	if v.Deep {
		how = "every byte of"
	}
	_, err = fmt.Fprintf(e.stdout, "%s is what %s derives: %s %d messages, from %d inputs, in %.1f s (%.0f "+
		"inputs/s); up to message %d, chain %s\n",
		v.Output, v.Input, how, v.Outputs, v.Inputs, took.Seconds(), float64(v.Inputs)/took.Seconds(), v.Sequence,
		v.Chain)
	return false, err
}
