package stage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

const (
	snapshotsKept = 3
	snapshotSize  = 4 << 30 // bytes a snapshot may unpack to
)

// errSnapshot: a snapshot is damaged, or is not one of this output stream.
var errSnapshot = errors.New("not a usable snapshot")

// snapshotFormat changes with the form of snapshots.
const snapshotFormat = 2

// snapshotHeader says which state a snapshot holds, and where the outputs stood then. A snapshot is
// the SHA-256 of the rest, and the rest is, compressed, the gob of this header and then the bytes
// of the state.
type snapshotHeader struct {
	Format  int
	Size    uint64   // of the state
	Input   identity // last input that the state includes
	LastOut place
	Chain   chain
	Logic   string
	Base    base
}

// open finds the checkpoint, restores the state and returns a reader behind the last input that the
// state includes.
func (s *Stage) open(ctx context.Context) (*bus.Reader, error) {
	s.fail, s.standby, s.verified, s.dropping, s.dry = nil, false, false, false, time.Time{}
	s.pending, s.slab = s.pending[:0], s.slab[:0]
	s.metrics.setStandby(false)
	// Snapshots are listed before the checkpoint is read: one that is ahead of it is then not just
	// newer than it.
	names, err := s.bus.ListObjects(ctx, s.cfg.Bucket)
	if err != nil {
		return nil, err
	}
	output, err := streamOf(ctx, s.bus, s.cfg.Output)
	if err != nil {
		return nil, err
	}
	cp, err := s.cfg.readCheckpoint(ctx, s.bus)
	if err != nil {
		return nil, err
	}
	s.cp, s.last = cp, output.Last
	input, err := streamOf(ctx, s.bus, s.cfg.Input)
	if err != nil {
		return nil, err
	}
	if cp.Sequence != 0 {
		if cp.logic != s.cfg.Logic {
			return nil, s.cfg.otherLogic(cp)
		}
		if err := s.cfg.holds(ctx, s.bus, input, cp.source); err != nil {
			return nil, err
		}
	}
	if err := s.restore(ctx, names, input); err != nil {
		return nil, err
	}
	// The rest of an input of which only some outputs were stored. The next input may be long in
	// coming.
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	reader, err := s.bus.Read(ctx, s.cfg.Input, s.position+1, bus.ReadOptions{})
	if err == nil {
		s.progress.restored(s.position)
	}
	return reader, err
}

// streamOf returns the extent of a stream. One that is gone does not come back by itself.
func streamOf(ctx context.Context, b Source, name string) (bus.StreamState, error) {
	state, err := b.Stream(ctx, name)
	if errors.Is(err, bus.ErrNotFound) {
		return state, fmt.Errorf("%w: there is no stream %s. Restore it from a backup; `daybook catalogue publish` "+
			"creates it where nothing has run yet", ErrInputChanged, name)
	}
	return state, err
}

// holds checks that the input stream still has the very message that the outputs rest on.
func (c *Config) holds(ctx context.Context, b Source, input bus.StreamState, want identity) error {
	advice := fmt.Sprintf("Restore %s from a backup that holds it; if %s is right as it is, `daybook replay %s` "+
		"brings %s in line with it", c.Input, c.Input, c.Name, c.Output)
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
	if got.Header(events.HeaderID) != want.ID || !got.Time.Equal(want.Time) {
		return fmt.Errorf("%w: message %d of %s is %s of %s, but %s was derived from %s of %s. %s", ErrInputChanged,
			want.Sequence, c.Input,
			got.Header(events.HeaderID), got.Time.UTC().Format(time.RFC3339Nano), c.Output, want.ID,
			want.Time.UTC().Format(time.RFC3339Nano), advice)
	}
	return nil
}

// restore brings the state up to the checkpoint: from the newest snapshot that leads there, else
// from the start.
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
			s.log.Info("restored", slog.String("snapshot", name), slog.Uint64("position", s.position))
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
	s.position, s.lastOut, s.chain, s.seen = 0, place{}, chain{}, 0
	if err := s.rebase(ctx); err != nil {
		return err
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	s.log.Info("restored from the start", slog.Uint64("position", s.position))
	return nil
}

// restoreFrom tries one snapshot. The verdict says why it does not lead to the checkpoint; it is
// not final when the snapshot could not be read. The error says that the input could not be read or
// that ctx is done, which is no reason to start from further back.
func (s *Stage) restoreFrom(ctx context.Context, name string, input bus.StreamState) (verdict, err error) {
	header, state, err := s.load(ctx, name)
	if err != nil {
		return err, ctx.Err()
	}
	if err = s.usable(ctx, input, header); err == nil {
		if err := s.proc.Restore(state); err != nil {
			return fmt.Errorf("%w: %w", errSnapshot, err), nil
		}
		s.position, s.lastOut, s.chain, s.seen = header.Input.Sequence, header.LastOut, header.Chain, 0
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
	case s.cp.place.before(header.LastOut):
		return fmt.Errorf("%w: it is ahead of %s", errSnapshot, s.cfg.Output)
	case header.LastOut == s.cp.place && header.Chain != s.cp.chain:
		return fmt.Errorf("%w: its chain is not that of %s", errSnapshot, s.cfg.Output)
	}
	return s.cfg.holds(ctx, s.bus, input, header.Input)
}

// rebase brings the state to where the last replay left the outputs, if there was one: it steps the
// inputs up to there without putting anything out, and lets the processor adopt what is stored.
func (s *Stage) rebase(ctx context.Context) error {
	base := s.cp.base
	if base.Output == 0 {
		return nil
	}
	end, err := s.bus.Get(ctx, s.cfg.Output, base.Output)
	if err != nil {
		return err
	}
	at, err := parseCheckpoint(s.cfg.Output, &end)
	if err != nil {
		return err
	}
	s.fail, s.dropping = nil, true
	defer func() { s.dropping = false }()
	reader, err := s.bus.Read(ctx, s.cfg.Input, 1, bus.ReadOptions{})
	if err != nil {
		return err
	}
	defer reader.Close()
	for s.position < base.Input {
		in, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := s.step(ctx, &in); err != nil {
			return err
		}
	}
	if err := s.cfg.adopt(ctx, s.bus, s.proc, base); err != nil {
		return err
	}
	s.lastOut, s.chain = at.place, base.Chain
	return nil
}

// adopt gives a processor that asks for it what is stored up to the end of a replay.
func (c *Config) adopt(ctx context.Context, b Source, proc Processor, base base) error {
	adopter, ok := proc.(Adopter)
	if !ok {
		return nil
	}
	_, err := b.Each(ctx, c.Output, 1, base.Output, bus.ReadOptions{}, func(m *bus.Stored) error {
		if !c.owns(m.Subject) {
			return nil
		}
		if err := adopter.Adopt(m); err != nil {
			return fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, m.Sequence, c.Output, m.Subject, err)
		}
		return nil
	})
	return err
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
	s.verified = s.lastOut == s.cp.place && s.chain == s.cp.chain
	if s.position >= s.cp.place.Sequence {
		if !s.verified {
			return s.diverged()
		}
		return nil
	}
	s.verified = false
	reader, err := s.bus.Read(ctx, s.cfg.Input, s.position+1, bus.ReadOptions{})
	if err != nil {
		return err
	}
	defer reader.Close()
	for s.position < s.cp.place.Sequence {
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

// snapshot saves the state. A failure costs time at the next start and nothing else, so it is only
// logged.
func (s *Stage) snapshot(ctx context.Context) {
	if len(s.pending) > 0 || !s.verified || s.position == 0 || s.seen == 0 {
		return
	}
	s.seen = 0
	if err := s.save(ctx); err != nil {
		s.log.Warn("no snapshot; the next start takes longer", slog.Uint64("position", s.position), slog.Any("error",
			err))
	}
}

func (s *Stage) save(ctx context.Context) error {
	state, err := s.proc.Snapshot()
	if err != nil {
		return err
	}
	if len(state) > snapshotSize {
		return fmt.Errorf("the state has %d bytes, and a snapshot takes %d", len(state), snapshotSize)
	}
	header := snapshotHeader{
		Format: snapshotFormat, Size: uint64(len(state)), Input: s.current, LastOut: s.lastOut,
		Chain: s.chain, Logic: s.cfg.Logic, Base: s.cp.base,
	}
	packed := bytes.NewBuffer(make([]byte, sha256.Size))
	writer, err := zstd.NewWriter(packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	err = gob.NewEncoder(writer).Encode(header)
	if err == nil {
		_, err = writer.Write(state)
	}
	if err := errors.Join(err, writer.Close()); err != nil {
		return err
	}
	object := packed.Bytes()
	digest := sha256.Sum256(object[sha256.Size:])
	copy(object, digest[:])
	name := fmt.Sprintf("%020d", s.position)
	if err := s.bus.PutObject(ctx, s.cfg.Bucket, name, object); err != nil {
		return err
	}
	s.rejected = slices.DeleteFunc(s.rejected, func(old string) bool { return old == name })
	return s.prune(ctx)
}

// prune keeps the newest snapshots. Those that led nowhere go first: after a purge of the output
// stream, the old ones have higher positions than the new ones.
func (s *Stage) prune(ctx context.Context) error {
	names, err := s.bus.ListObjects(ctx, s.cfg.Bucket)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := slices.Contains(s.rejected, a), slices.Contains(s.rejected, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for len(names) > snapshotsKept {
		if err := s.bus.DeleteObject(ctx, s.cfg.Bucket, names[0]); err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		names = names[1:]
	}
	return nil
}

// load reads a snapshot and checks that it is what was saved.
func (s *Stage) load(ctx context.Context, name string) (header snapshotHeader, state []byte, err error) {
	object, err := s.bus.GetObject(ctx, s.cfg.Bucket, name)
	if err != nil {
		return header, nil, err
	}
	if len(object) < sha256.Size || sha256.Sum256(object[sha256.Size:]) != [sha256.Size]byte(object) {
		return header, nil, fmt.Errorf("%w: it does not have the digest that was recorded with it", errSnapshot)
	}
	reader, err := zstd.NewReader(bytes.NewReader(object[sha256.Size:]), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(snapshotSize))
	if err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	defer reader.Close()
	buffered := bufio.NewReader(reader) // gob reads no further than it must
	if err := gob.NewDecoder(buffered).Decode(&header); err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if header.Format != snapshotFormat || header.Size > snapshotSize {
		return header, nil, fmt.Errorf("%w: it has format %d and %d bytes, and this version reads format %d",
			errSnapshot, header.Format, header.Size, snapshotFormat)
	}
	state = make([]byte, header.Size)
	if _, err := io.ReadFull(buffered, state); err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return header, state, nil
}
