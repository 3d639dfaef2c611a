package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

// flush appends everything pending. With nil all outputs so far are stored, by some instance.
func (s *Stage) flush(ctx context.Context) error {
	for len(s.pending) > 0 {
		step := s.append
		if s.standby {
			step = s.follow
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// append stores the first batch of pending, or finds outputs of it in the stream.
func (s *Stage) append(ctx context.Context) error {
	own := s.cp.Sequence
	// Messages of others move the last sequence, too: no number of conflicts is too high.
	limits := once.Limits{
		Failures: appendTries, Conflicts: math.MaxInt, Unexplained: appendTries, Wait: 50 * time.Millisecond,
	}
	last, err := once.Append(ctx, appender{s.bus}, s.cfg.Output, limits,
		func(ctx context.Context, f *once.Failure) ([]bus.Message, bus.Expect, error) {
			if f != nil {
				if err := s.resolve(ctx, f); err != nil {
					return nil, bus.Expect{}, err
				}
			}
			if s.cp.Sequence != own {
				return nil, bus.Expect{}, nil
			}
			return s.messages(), bus.Expect{Last: s.last}, nil
		})
	if givenUp := new(once.GivenUpError); errors.As(err, &givenUp) {
		return fmt.Errorf("append to %s: %w%s", s.cfg.Output, err, s.largest(err))
	}
	if err == nil && last > 0 {
		s.stored(last)
	}
	return err
}

// appender appends as a stage does.
type appender struct{ bus Bus }

// Append implements once.Appender.
func (a appender) Append(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error,
) {
	return a.bus.AppendDerived(ctx, stream, messages, expect)
}

// largest names the longest output of the next batch, and the input behind it, where a message is
// too large for the server or the stream.
func (s *Stage) largest(err error) string {
	if !bus.TooLarge(err) {
		return ""
	}
	var at *pending
	for i := range s.pending[:s.due()] {
		if p := &s.pending[i]; at == nil || p.to-p.from > at.to-at.from {
			at = p
		}
	}
	return fmt.Sprintf(". The longest output has %d bytes and is for %s: part %d of the answer to message %d of %s "+
		"(%s, id %s)", at.to-at.from, at.subject, at.position.Part, at.position.Sequence, s.cfg.Input, at.input,
		at.source.ID)
}

// resolve reads the checkpoint after an append that failed. If the bus does not answer after an
// unanswered append, the same expectation makes it safe to try again.
func (s *Stage) resolve(ctx context.Context, f *once.Failure) error {
	refused := f.Conflict()
	if refused {
		s.metrics.conflict()
	}
	if (!refused || f.Unexplained > 0) && !bus.NoRoom(f.Err) { // the bus says once that there is no room
		s.log.Warn("an append failed; reading what is stored before trying again", slog.String("stream",
			s.cfg.Output), slog.Int("try", f.Failures+f.Unexplained), slog.Any("error", f.Err))
	}
	err := s.reread(ctx, f.Unsure || f.Torn)
	if err != nil && (refused || ctx.Err() != nil || errors.Is(err, ErrDiverged) || errors.Is(err, errWentBack)) {
		return err
	}
	return nil
}

// stored notes the first batch of pending as stored: the output stream ends at sequence last.
func (s *Stage) stored(last uint64) {
	n := s.due()
	end := s.pending[n-1]
	s.metrics.appended(n)
	s.cp = checkpoint{
		Sequence: last, position: end.position, chain: end.chain, count: end.count, ends: true, source: end.source,
		logic: s.cfg.Logic, base: s.cp.base,
	}
	s.last = last
	s.standby = false
	// Outputs are stored in order: every input before the last output's has been worked off,
	// however long the input does not run dry.
	if before := end.position.Sequence - 1; before > s.Done() {
		s.progress.Committed(before)
		s.metrics.committed(before, s.behind)
	}
	s.drop(n)
}

func (s *Stage) drop(n int) {
	s.pending = append(s.pending[:0], s.pending[n:]...)
	if len(s.pending) == 0 {
		s.slab = s.slab[:0]
	}
}

// reread reads the end of the output stream after a refused or unanswered append. Either somebody
// else's subjects moved its last sequence, or another instance of this stage, or, with own true,
// this very batch was stored, or a beginning of it. It asks for the stream's extent first, so no
// own message between the checkpoint and last can be overlooked. This is cheap, too: a checkpoint
// costs the server a look at each subject of the stream.
func (s *Stage) reread(ctx context.Context, own bool) error {
	state, err := s.bus.Stream(ctx, s.cfg.Output)
	if err != nil {
		return err
	}
	if err := s.wentBack(&state); err != nil {
		return err
	}
	if state.Last == s.last {
		return nil
	}
	cp, err := s.cfg.readCheckpoint(ctx, s.bus)
	if err != nil {
		return err
	}
	s.last = state.Last
	if cp.Sequence == s.cp.Sequence {
		return nil
	}
	batch := s.pending[:s.due()]
	ours := own && slices.ContainsFunc(batch, func(p pending) bool { return p.chain == cp.chain })
	if err := s.adopt(cp); err != nil {
		return err
	}
	if !ours && !s.standby {
		s.standby = true
		s.log.Info("another instance is active; standing by", slog.String("stream", s.cfg.Output),
			slog.Uint64("sequence", cp.Sequence))
	}
	return nil
}

// adopt takes over another instance's checkpoint, and drops the outputs it covers.
func (s *Stage) adopt(cp checkpoint) error {
	if cp.position.before(s.pending[0].position) {
		return fmt.Errorf("%w: its last own message, %d of %s, is from before what was stored already", errWentBack,
			cp.Sequence, s.cfg.Output)
	}
	if cp.logic != s.cfg.Logic {
		return s.cfg.otherLogic(cp)
	}
	if cp.base != s.cp.base {
		return fmt.Errorf("%w: a replay has changed what %s stands for", errWentBack, s.cfg.Output)
	}
	s.cp, s.verified = cp, false
	for i := range s.pending {
		if s.pending[i].position == cp.position {
			if s.pending[i].chain != cp.chain {
				return s.diverged()
			}
			s.verified = true
			s.drop(i + 1)
			return nil
		}
		if cp.position.before(s.pending[i].position) {
			return s.diverged()
		}
	}
	// The other instance is ahead: emit will meet its checkpoint later.
	s.drop(len(s.pending))
	return nil
}

// follow waits until the active instance has appended what is pending, or is silent too long.
func (s *Stage) follow(ctx context.Context) error {
	s.metrics.setStandby(true)
	defer func() { s.metrics.setStandby(s.standby) }()
	for silent := time.Duration(0); len(s.pending) > 0; silent += s.cfg.Poll {
		if silent >= s.cfg.Takeover {
			s.log.Info("the active instance is silent; taking over", slog.String("stream", s.cfg.Output),
				slog.Int("pending", len(s.pending)))
			s.standby = false
			return nil
		}
		if err := pause(ctx, s.stop, s.cfg.Poll); err != nil {
			return err
		}
		before := s.cp.Sequence
		if err := s.reread(ctx, false); err != nil {
			return err
		}
		if s.cp.Sequence != before {
			silent = 0
		}
	}
	return nil
}

// pause waits; its error tells of an early end by ctx or stop. stop may be nil.
func pause(ctx context.Context, stop <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
		return context.Canceled
	case <-timer.C:
		return nil
	}
}

// grace returns a context that outlives ctx by the drain time: a stop lets the current input be
// finished.
func grace(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		if pause(work, nil, drainTime) == nil {
			cancel()
		}
	})
	return work, func() { unhook(); cancel() }
}
