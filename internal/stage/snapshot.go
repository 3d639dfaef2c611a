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

	"github.com/klauspost/compress/zstd"

	"github.com/daybook-billing/daybook/internal/bus"
)

const (
	snapshotsKept = 3
	snapshotSize  = 4 << 30 // bytes a snapshot may unpack to
)

// errSnapshot: a snapshot is damaged, or is not one of this output stream.
var errSnapshot = errors.New("not a usable snapshot")

// snapshotFormat changes with the form of snapshots.
const snapshotFormat = 4

// snapshotHeader names the state in a snapshot, and the last output before it. A snapshot is
// the SHA-256 of the rest, and the rest is, compressed, the gob of this header and then the bytes
// of the state. The pieces of a Piecewise are objects of their own.
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
	if len(state) > snapshotSize {
		return fmt.Errorf("the state has %d bytes, and a snapshot takes %d", len(state), snapshotSize)
	}
	pieces, err := s.savePieces(ctx)
	if err != nil {
		return err
	}
	header := snapshotHeader{
		Format: snapshotFormat, Size: uint64(len(state)), Input: s.current, LastOut: s.lastOut,
		Chain: s.chain, Count: s.count, Logic: s.cfg.Logic, Base: s.cp.base, Pieces: pieces,
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
	for len(names) > snapshotsKept {
		if err := s.bus.DeleteObject(ctx, s.cfg.Bucket, names[0]); err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		names = names[1:]
	}
	return s.prunePieces(ctx, all, names)
}

// load reads a snapshot and checks its digest.
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
