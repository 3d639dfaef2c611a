package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/api/verification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
)

// outcome is the verification of a stage.
type outcome struct {
	stage.Verified
	took    time.Duration
	lost    []string // of USAGE
	differs bool     // the stored output is not what the input derives, as err says
	err     error
}

// verifyStage verifies a stage.
func verifyStage(ctx context.Context, b *bus.Bus, d derivation, deep bool, progress func(done, total uint64)) outcome {
	start := time.Now()
	v, err := stage.Verify(ctx, d.cfg, b, d.newProcessor, stage.VerifyOptions{Deep: deep, Progress: progress})
	var mismatch *stage.Mismatch
	x := outcome{Verified: v, took: time.Since(start), err: err, differs: errors.As(err, &mismatch) ||
		errors.Is(err, stage.ErrDiverged) || errors.Is(err, stage.ErrInputChanged)}
	if d.cfg.Input == events.StreamUsage { // the pricer's is the projector's output
		var absent error
		x.lost, absent = ledger.Absent(ctx, b, d.cfg.Input)
		x.err = errors.Join(x.err, absent)
	}
	return x
}

// verifying verifies both stages for the API.
func verifying(b *bus.Bus) verification.Verify {
	return func(ctx context.Context, deep bool, tell func(verification.VerifiedStage)) error {
		stored, err := storedProjecting(ctx, b)
		if err != nil {
			return err
		}
		for _, d := range []derivation{stored, pricing()} {
			said := verification.VerifiedStage{
				Stage: d.cfg.Name, Input: d.cfg.Input, Output: d.cfg.Output, State: verification.StageRunning,
			}
			tell(said)
			x := verifyStage(ctx, b, d, deep, func(done, total uint64) {
				said.Done, said.Total = done, total
				tell(said)
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			tell(judged(said, &x))
		}
		return nil
	}
}

// judged is a stage with its outcome. Contents of messages are left out: they may have erased
// names.
func judged(said verification.VerifiedStage, x *outcome) verification.VerifiedStage {
	said.Done, said.Outputs, said.Sequence, said.Chain, said.Missing = x.Inputs, x.Outputs, x.Sequence, x.Chain, x.lost
	said.Total = max(said.Total, said.Done)
	var mismatch *stage.Mismatch
	switch {
	case errors.As(x.err, &mismatch):
		said.State, said.Problem = verification.StageDiffers, where(mismatch)
	case x.differs:
		said.State, said.Problem = verification.StageDiffers, x.err.Error()
	case x.err != nil:
		said.State, said.Problem = verification.StageFailed, x.err.Error()
	case len(x.lost) > 0:
		said.State = verification.StageDiffers
	default:
		said.State = verification.StageWhole
	}
	return said
}

// where is the place of a difference, with what to do.
func where(m *stage.Mismatch) string {
	at := "at its end"
	if m.Sequence != 0 {
		at = fmt.Sprintf("at message %d (%s)", m.Sequence, m.Subject)
	}
	return fmt.Sprintf("%s differs %s: %s; daybook verify shows both sides. %s", m.Stream, at, m.What, m.Advice)
}
