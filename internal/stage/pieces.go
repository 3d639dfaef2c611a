package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Piece is a part of a state that never changes.
type Piece struct {
	Digest [sha256.Size]byte // of Data
	Data   []byte            // at most maxPiece bytes
}

// Piecewise is a Processor with a large state that for the most part never changes again. A
// snapshot stores a piece once, however many snapshots have it: the work for snapshots does not
// grow with the state.
type Piecewise interface {
	Processor
	// Pieces are the parts of the state beside Snapshot. They are read before the next Step.
	Pieces() []Piece
	// RestorePieces is Restore with the pieces of the snapshot, and may keep them.
	RestorePieces(snapshot []byte, pieces []Piece) error
}

const (
	// maxPiece is how many bytes a piece may have.
	maxPiece = 32 << 20
	// piecePrefix begins the names of pieces in the bucket; the rest is the digest in hexadecimal.
	// Names of snapshots are numbers.
	piecePrefix = "piece-"
)

func pieceName(digest [sha256.Size]byte) string { return piecePrefix + hex.EncodeToString(digest[:]) }

func isPiece(name string) bool { return strings.HasPrefix(name, piecePrefix) }

// snapshotsOf are the names of a bucket without those of pieces.
func snapshotsOf(names []string) []string { return slices.DeleteFunc(slices.Clone(names), isPiece) }

// savePieces stores the pieces of the state that the bucket does not have, and returns the digests
// of all.
func (s *Stage) savePieces(ctx context.Context) ([][sha256.Size]byte, error) {
	large, ok := s.proc.(Piecewise)
	if !ok {
		return nil, nil
	}
	names, err := s.bus.ListObjects(ctx, s.cfg.Bucket)
	if err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	pieces := large.Pieces()
	digests := make([][sha256.Size]byte, 0, len(pieces))
	for i := range pieces {
		p := &pieces[i]
		if len(p.Data) > maxPiece {
			return nil, fmt.Errorf("a piece of the state has %d bytes, and a snapshot takes %d", len(p.Data), maxPiece)
		}
		digests = append(digests, p.Digest)
		name := pieceName(p.Digest)
		if slices.Contains(names, name) {
			continue
		}
		if err := s.bus.PutObject(ctx, s.cfg.Bucket, name, encoder.EncodeAll(p.Data, nil)); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return digests, nil
}

// loadPieces reads the pieces of a snapshot and checks their digests.
func (s *Stage) loadPieces(ctx context.Context, header *snapshotHeader) ([]Piece, error) {
	if len(header.Pieces) == 0 {
		return nil, nil
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPiece))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	pieces := make([]Piece, 0, len(header.Pieces))
	for _, digest := range header.Pieces {
		name := pieceName(digest)
		packed, err := s.bus.GetObject(ctx, s.cfg.Bucket, name)
		if err != nil {
			return nil, err
		}
		data, err := decoder.DecodeAll(packed, nil)
		if err != nil || sha256.Sum256(data) != digest {
			return nil, fmt.Errorf("%w: its %s is not the one that it was saved with", errSnapshot, name)
		}
		pieces = append(pieces, Piece{digest, slices.Clip(data)})
	}
	return pieces, nil
}

// restoreState replaces the state of the processor by that of a snapshot.
func (s *Stage) restoreState(state []byte, pieces []Piece) error {
	if large, ok := s.proc.(Piecewise); ok {
		return large.RestorePieces(state, pieces)
	}
	return s.proc.Restore(state)
}

// prunePieces deletes the pieces that none of the kept snapshots has. Another instance may save a
// snapshot meanwhile and miss one of them later: that snapshot is then passed over.
func (s *Stage) prunePieces(ctx context.Context, names, kept []string) error {
	pieces := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !isPiece(name) })
	if len(pieces) == 0 {
		return nil
	}
	used := map[string]bool{}
	for _, name := range kept {
		header, _, err := s.load(ctx, name)
		if err != nil && !final(err) {
			return err
		}
		for _, digest := range header.Pieces { // of a damaged one, none
			used[pieceName(digest)] = true
		}
	}
	for _, name := range pieces {
		if used[name] {
			continue
		}
		if err := s.bus.DeleteObject(ctx, s.cfg.Bucket, name); err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
	}
	return nil
}
