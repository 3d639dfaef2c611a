package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// awaitPause is the time between two looks at an input that is being derived again.
const awaitPause = 100 * time.Millisecond

// open finds the checkpoint, restores the state and returns a reader behind the last input of the
// state.
func (s *Stage) open(ctx context.Context) (*bus.Reader, error) {
	s.fail, s.standby, s.verified, s.dropping, s.dry = nil, false, false, false, false
	s.pending, s.slab = s.pending[:0], s.slab[:0]
	s.metrics.setStandby(false)
	// Snapshots are listed before the checkpoint is read: a snapshot ahead of it is then not just
	// newer.
	names, err := s.bus.ListObjects(ctx, s.cfg.Bucket)
	if err != nil {
		return nil, err
	}
	output, err := s.ends(ctx)
	if err != nil {
		return nil, err
	}
	if finished, err := s.finish(ctx, &output); err != nil {
		return nil, err
	} else if finished {
		return s.open(ctx)
	}
	s.rereads(ctx)
	if cp := &s.cp; cp.Sequence != 0 {
		if cp.logic != s.cfg.Logic {
			return nil, s.cfg.otherLogic(*cp)
		}
		if err := s.await(ctx, cp.position.Sequence); err != nil {
			return nil, err
		}
	}
	input, err := streamOf(ctx, s.bus, s.cfg.Input)
	if err != nil {
		return nil, err
	}
	if s.cp.Sequence != 0 {
		if err := s.cfg.holds(ctx, s.bus, input, s.cp.rests()); err != nil {
			return nil, err
		}
	}
	if err := s.restore(ctx, snapshotsOf(names), input); err != nil {
		return nil, err
	}
	// An input may have some outputs stored, and not others. The next input may be long in coming.
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	reader, err := s.bus.Read(ctx, s.cfg.Input, s.stepped+1, bus.ReadOptions{FromServer: s.unfed})
	if err == nil {
		s.progress.Restored(s.settled())
	}
	return reader, err
}

// ends reads the end of the output stream: the checkpoint, and what the next batch expects.
func (s *Stage) ends(ctx context.Context) (bus.StreamState, error) {
	output, err := streamOf(ctx, s.bus, s.cfg.Output)
	if err != nil {
		return output, err
	}
	s.last = output.Last
	s.cp, err = s.cfg.readCheckpoint(ctx, s.bus)
	return output, err
}

// rests are the inputs that the outputs rest on: the last one, and one whose identity is known.
func (cp *checkpoint) rests() []identity {
	if cp.ends {
		return []identity{cp.source}
	}
	return []identity{cp.source, {Sequence: cp.position.Sequence}}
}

// await waits until a derived input has reached an input of the outputs: a power cut can take the
// end of one stream and leave that of the other. The stage before derives it again.
func (s *Stage) await(ctx context.Context, wanted uint64) error {
	if !s.cfg.Derived {
		return nil
	}
	input, err := streamOf(ctx, s.bus, s.cfg.Input)
	if err != nil || input.Last >= wanted {
		return err
	}
	s.log.Warn("the input ends before the outputs; waiting until it has been derived again",
		slog.String("stream", s.cfg.Input), slog.Uint64("last", input.Last), slog.Uint64("wanted", wanted))
	for input.Last < wanted {
		s.progress.Waits(fmt.Errorf("%s ends at message %d and %s rests on message %d of it: waiting until it has "+
			"been derived again", s.cfg.Input, input.Last, s.cfg.Output, wanted))
		if err := pause(ctx, nil, awaitPause); err != nil {
			return err
		}
		if input, err = streamOf(ctx, s.bus, s.cfg.Input); err != nil {
			return err
		}
	}
	s.progress.Waits(nil)
	return nil
}

// streamOf returns the extent of a stream. A deleted one does not come back by itself.
func streamOf(ctx context.Context, b Source, name string) (bus.StreamState, error) {
	state, err := b.Stream(ctx, name)
	if errors.Is(err, bus.ErrNotFound) {
		return state, fmt.Errorf("%w: there is no stream %s. Restore it from a backup; `daybook catalogue publish` "+
			"creates it where nothing has run yet", ErrInputChanged, name)
	}
	return state, err
}

// holds checks that the input stream still has the very messages behind the outputs. Without an id
// any message will do.
func (c *Config) holds(ctx context.Context, b Source, input bus.StreamState, all []identity) error {
	for _, want := range all {
		if want.Sequence == 0 {
			continue
		}
		if err := c.has(ctx, b, input, want); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) has(ctx context.Context, b Source, input bus.StreamState, want identity) error {
	advice := fmt.Sprintf("Restore %s from a backup that holds it; if %s is right as it is, `daybook replay %s` "+
		"brings %s in line with it", c.Input, c.Input, c.Name, c.Output)
	if want.Sequence > input.Last && c.Derived {
		advice = fmt.Sprintf("Start the services: what is missing of %s is derived again", c.Input)
	}
	if want.Sequence > input.Last {
		return fmt.Errorf("%w: %s rests on message %d of %s, which ends at %d. %s", ErrInputChanged, c.Output,
			want.Sequence, c.Input, input.Last, advice)
	}
	got, err := b.Get(ctx, c.Input, want.Sequence)
	if errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("%w: message %d of %s is gone (the stream starts at %d). %s", ErrInputChanged, want.Sequence,
			c.Input, input.First, advice)
	}
	if err != nil {
		return err
	}
	if id := got.Header(events.HeaderID); want.ID != "" && id != want.ID {
		return fmt.Errorf("%w: message %d of %s is %s, but %s was derived from %s. %s", ErrInputChanged, want.Sequence,
			c.Input, id, c.Output, want.ID, advice)
	}
	return nil
}

// restore brings the state up to the checkpoint: from the newest usable snapshot, else from the
// start.
func (s *Stage) restore(ctx context.Context, names []string, input bus.StreamState) error {
	slices.Sort(names)
	s.rejected = nil
	reason := errors.New("there is none")
	var unread error
	for _, name := range slices.Backward(names) {
		verdict, err := s.restoreFrom(ctx, name, input)
		if err != nil {
			return err
		}
		if verdict == nil {
			s.log.Info("restored", slog.String("snapshot", name), slog.Uint64("position", s.stepped))
			return nil
		}
		s.log.Warn("snapshot not used; trying an earlier one", slog.String("snapshot", name), slog.Any("error",
			verdict))
		if reason = verdict; final(verdict) {
			s.rejected = append(s.rejected, name)
		} else {
			unread = verdict
		}
	}
	if err := s.proc.Restore(nil); err != nil {
		return fmt.Errorf("%w: from the empty state: %w", errProcessor, err)
	}
	begins := max(1, s.cp.base.First)
	if input.First > begins && unread != nil {
		return unread
	}
	if input.First > begins {
		return fmt.Errorf("%w: %s starts at message %d and there is no usable snapshot of what came before (%w). "+
			"Restore the stream or the snapshot bucket %s",
			ErrInputChanged, s.cfg.Input, input.First, reason, s.cfg.Bucket)
	}
	s.stepped, s.lastOut, s.chain, s.count, s.seen = 0, position{}, chain{}, 0, 0
	if err := s.rebase(ctx); err != nil {
		return err
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	s.log.Info("restored from the start", slog.Uint64("position", s.stepped))
	return nil
}

// restoreFrom tries one snapshot. The verdict is the reason why it does not lead to the checkpoint;
// it is not final after a failed read of the snapshot. The error is a failed read of the input or
// the end of ctx: neither is a reason to start from further back.
func (s *Stage) restoreFrom(ctx context.Context, name string, input bus.StreamState) (verdict, err error) {
	header, state, err := s.load(ctx, name)
	if err != nil {
		return err, ctx.Err()
	}
	if err = s.usable(ctx, input, header); err == nil {
		var pieces []Piece
		if pieces, err = s.loadPieces(ctx, &header); err != nil {
			return err, ctx.Err()
		}
		if err := s.restoreState(state, pieces); err != nil {
			return fmt.Errorf("%w: %w", errSnapshot, err), nil
		}
		s.stepped, s.lastOut, s.chain, s.count, s.seen = header.Input.Sequence, header.LastOut, header.Chain,
			header.Count, 0
		err = s.catchUp(ctx)
	}
	if final(err) {
		return err, nil
	}
	return nil, err
}

// final tells whether a snapshot will never be of use.
func final(verdict error) bool {
	for _, known := range []error{
		errSnapshot, bus.ErrNotFound, bus.ErrCorrupt, ErrInputChanged, ErrDiverged,
		errProcessor,
	} {
		if errors.Is(verdict, known) {
			return true
		}
	}
	return false
}

// usable tells whether a snapshot is of this logic, this input and a state before the checkpoint.
func (s *Stage) usable(ctx context.Context, input bus.StreamState, header snapshotHeader) error {
	switch {
	case header.Logic != s.cfg.Logic:
		return fmt.Errorf("%w: it was derived by %q, this is %q", errSnapshot, header.Logic, s.cfg.Logic)
	case header.Base != s.cp.base:
		return fmt.Errorf("%w: a replay has changed what %s stands for since", errSnapshot, s.cfg.Output)
	case s.cp.position.before(header.LastOut):
		return fmt.Errorf("%w: it is ahead of %s", errSnapshot, s.cfg.Output)
	case header.LastOut == s.cp.position && header.Chain != s.cp.chain:
		return fmt.Errorf("%w: its chain is not that of %s", errSnapshot, s.cfg.Output)
	}
	return s.cfg.holds(ctx, s.bus, input, []identity{header.Input})
}

// rebase brings the state to the end of the last replay, if there was one: it steps the inputs up
// to there without outputs, and lets the processor adopt the stored ones.
func (s *Stage) rebase(ctx context.Context) error {
	base := s.cp.base
	if base.Output == 0 {
		return nil
	}
	end, err := s.bus.Get(ctx, s.cfg.Output, base.Output)
	if err != nil {
		return err
	}
	at, ok := positionOf(&end)
	if !ok {
		return s.cfg.notOurs(&end, "ends a replay and has no "+HeaderSourceSeq+" header")
	}
	if err := s.dropTo(ctx, base.Input); err != nil {
		return err
	}
	if err := s.cfg.adopt(ctx, s.bus, s.proc, base); err != nil {
		return err
	}
	s.lastOut, s.chain, s.count = at, base.Chain, base.Count
	return nil
}

// dropTo steps the inputs up to one from the empty state, and drops their outputs: once more where
// the processor needs some again.
func (s *Stage) dropTo(ctx context.Context, upTo uint64) error {
	s.fail, s.dropping, s.watch = nil, true, watch.New()
	defer func() { s.dropping, s.watch = false, nil }()
	for {
		s.watch.Begin()
		if err := s.proc.Restore(nil); err != nil {
			return fmt.Errorf("%w: from the empty state: %w", errProcessor, err)
		}
		s.stepped = 0
		if err := s.stepTo(ctx, upTo, s.cfg.inputs()); err != nil {
			return err
		}
		if err := s.watch.End(); !errors.Is(err, watch.ErrBegun) {
			return err
		}
	}
}

// stepTo steps the inputs behind the last one, up to one.
func (s *Stage) stepTo(ctx context.Context, upTo uint64, options bus.ReadOptions) error {
	reader, err := s.bus.Read(ctx, s.cfg.Input, s.stepped+1, options)
	if err != nil {
		return err
	}
	defer reader.Close()
	for s.stepped < upTo {
		in, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := s.step(ctx, &in); err != nil {
			return err
		}
	}
	return nil
}

// adopt gives an Adopter the stored outputs up to the end of a replay.
func (c *Config) adopt(ctx context.Context, b Source, proc Processor, base base) error {
	adopter, ok := proc.(Adopter)
	if !ok {
		return nil
	}
	_, err := b.Each(ctx, c.Output, 1, base.Output, overHoles(), func(m *bus.Stored) error {
		if !c.owns(m.Subject) {
			return nil
		}
		if err := adopter.Adopt(m); err != nil {
			return fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, m.Sequence, c.Output, m.Subject, err)
		}
		return nil
	})
	if err == nil {
		err = adopter.Adopt(nil)
	}
	return err
}

// overHoles reads past messages that the server counts and cannot deliver.
func overHoles() bus.ReadOptions { return bus.ReadOptions{Filters: []string{">"}} }

// inputs are the options for reading inputs up to a replay: of a derived stream whatever is there,
// which its own replay has added to.
func (c *Config) inputs() bus.ReadOptions {
	options := bus.ReadOptions{FromServer: true}
	if c.Derived {
		options.Filters = overHoles().Filters
	}
	return options
}

// owns tells whether a subject of the output stream is the stage's own.
func (c *Config) owns(subject string) bool {
	return strings.HasPrefix(subject, strings.TrimSuffix(c.OutputFilter, ">"))
}

// catchUp steps the inputs up to the checkpoint again, digesting their outputs, and checks the
// chain there.
func (s *Stage) catchUp(ctx context.Context) error {
	s.pending, s.slab = s.pending[:0], s.slab[:0]
	s.fail = nil
	s.verified = s.lastOut == s.cp.position && s.chain == s.cp.chain
	if s.stepped >= s.cp.position.Sequence {
		if !s.verified {
			return s.diverged()
		}
		return nil
	}
	s.verified = false
	return s.stepTo(ctx, s.cp.position.Sequence, bus.ReadOptions{FromServer: true})
}
