// Package snapshot is the envelope of a state that is saved as an object: the SHA-256 of the rest,
// and the rest, compressed. It reads and writes memory; a damaged object is an error, never another
// state.
package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/daybook-billing/daybook/internal/bus"
)

const (
	// MaxSize is how many bytes a snapshot may unpack to.
	MaxSize = 4 << 30
	// Kept is how many snapshots stay in a bucket.
	Kept = 3
)

// Seal makes the object of what write writes.
func Seal(write func(w io.Writer) error) ([]byte, error) {
	packed := bytes.NewBuffer(make([]byte, sha256.Size))
	writer, err := zstd.NewWriter(packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(write(writer), writer.Close()); err != nil {
		return nil, err
	}
	object := packed.Bytes()
	digest := sha256.Sum256(object[sha256.Size:])
	copy(object, digest[:])
	return object, nil
}

// Open checks the digest of an object and reads what was written. The caller closes the reader.
func Open(object []byte) (io.ReadCloser, error) {
	if len(object) < sha256.Size || sha256.Sum256(object[sha256.Size:]) != [sha256.Size]byte(object) {
		return nil, errors.New("it does not have the digest that was recorded with it")
	}
	reader, err := zstd.NewReader(bytes.NewReader(object[sha256.Size:]), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(MaxSize))
	if err != nil {
		return nil, err
	}
	return reader.IOReadCloser(), nil
}

// Deleter deletes objects, as a Bus does.
type Deleter interface {
	DeleteObject(ctx context.Context, bucket, name string) error
}

// Prune deletes all but the last Kept names. Names that somebody else has deleted are no error.
func Prune(ctx context.Context, b Deleter, bucket string, names []string) (kept []string, err error) {
	for ; len(names) > Kept; names = names[1:] {
		if err := b.DeleteObject(ctx, bucket, names[0]); err != nil && !errors.Is(err, bus.ErrNotFound) {
			return names, err
		}
	}
	return names, nil
}
