package stage

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/internal/snapshot"
)

// errSnapshot: a snapshot is damaged, or is not one of this output stream.
var errSnapshot = errors.New("not a usable snapshot")

// snapshotFormat changes with the form of snapshots.
const snapshotFormat = 4

// snapshotHeader names the state in a snapshot, and the last output before it. A snapshot is the
// gob of this header, and the bytes of the state. The pieces of a Piecewise are objects of their
// own.
type snapshotHeader struct {
	Format  int
	Size    uint64   // of the state
	Input   identity // last input of the state
	LastOut position
	Chain   chain
	Count   uint64
	Logic   string
	Base    base
	Pieces  [][sha256.Size]byte // digests of the pieces that belong to the state
}

// snapshot saves the state. A failure costs time at the next start and nothing else, so it is only
// logged.
func (s *Stage) snapshot(ctx context.Context) {
	if len(s.pending) > 0 || !s.verified || s.stepped == 0 || s.seen == 0 || window(s.proc) != 0 {
		return
	}
	s.seen = 0
	if err := s.save(ctx); err != nil {
		s.log.Warn("no snapshot; the next start takes longer", slog.Uint64("position", s.stepped), slog.Any("error",
			err))
	}
}

func (s *Stage) save(ctx context.Context) error {
	state, err := s.proc.Snapshot()
	if err != nil {
		return err
	}
	if len(state) > snapshot.MaxSize {
		return fmt.Errorf("the state has %d bytes, and a snapshot takes %d", len(state), snapshot.MaxSize)
	}
	pieces, err := s.savePieces(ctx)
	if err != nil {
		return err
	}
	header := snapshotHeader{
		Format: snapshotFormat, Size: uint64(len(state)), Input: s.current, LastOut: s.lastOut,
		Chain: s.chain, Count: s.count, Logic: s.cfg.Logic, Base: s.cp.base, Pieces: pieces,
	}
	object, err := snapshot.Seal(func(w io.Writer) error {
		if err := gob.NewEncoder(w).Encode(header); err != nil {
			return err
		}
		_, err := w.Write(state)
		return err
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%020d", s.stepped)
	if err := s.bus.PutObject(ctx, s.cfg.Bucket, name, object); err != nil {
		return err
	}
	s.rejected = slices.DeleteFunc(s.rejected, func(old string) bool { return old == name })
	return s.prune(ctx)
}

// prune keeps the newest snapshots and their pieces. The rejected ones go first: after a purge of
// the output stream, the old ones have higher positions than the new ones.
func (s *Stage) prune(ctx context.Context) error {
	all, err := s.bus.ListObjects(ctx, s.cfg.Bucket)
	if err != nil {
		return err
	}
	names := snapshotsOf(all)
	slices.SortFunc(names, func(a, b string) int {
		if x, y := slices.Contains(s.rejected, a), slices.Contains(s.rejected, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	kept, err := snapshot.Prune(ctx, s.bus, s.cfg.Bucket, names)
	if err != nil {
		return err
	}
	return s.prunePieces(ctx, all, kept)
}

// load reads a snapshot and checks its digest.
func (s *Stage) load(ctx context.Context, name string) (header snapshotHeader, state []byte, err error) {
	object, err := s.bus.GetObject(ctx, s.cfg.Bucket, name)
	if err != nil {
		return header, nil, err
	}
	reader, err := snapshot.Open(object)
	if err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	defer reader.Close()                //nolint:errcheck // it reads memory
	buffered := bufio.NewReader(reader) // gob reads no further than it must
	if err := gob.NewDecoder(buffered).Decode(&header); err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if header.Format != snapshotFormat || header.Size > snapshot.MaxSize {
		return header, nil, fmt.Errorf("%w: it has format %d and %d bytes, and this version reads format %d",
			errSnapshot, header.Format, header.Size, snapshotFormat)
	}
	state = make([]byte, header.Size)
	if _, err := io.ReadFull(buffered, state); err != nil {
		return header, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return header, state, nil
}
