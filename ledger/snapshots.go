package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/internal/snapshot"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Bucket is the Object Store bucket of a ledger's snapshots.
const Bucket = "daybook-ledger"

// snapshotFormat changes with the form of snapshots and of a Saver's states.
const snapshotFormat = 8

// errSnapshot: a snapshot is damaged, or is not one of these streams.
var errSnapshot = errors.New("not a usable snapshot")

// Snapshots is the part of the bus for snapshots. Each write may fail, and costs time then.
type Snapshots interface {
	Bus
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	PutObject(ctx context.Context, bucket, name string, data []byte) error
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
	ListObjects(ctx context.Context, bucket string) ([]string, error)
	DeleteObject(ctx context.Context, bucket, name string) error
}

// saved is a snapshot: a gob of it, and the state of the Saver behind that.
type saved struct {
	Format int
	Marks  [streams]mark
	state  []byte
}

// load makes the ledger that of the newest usable snapshot, and returns how far it has read the
// streams. Snapshots that are damaged, ahead of a stream or of another one are passed over: without
// a usable one the marks are zero. The error is an end of ctx.
func load(ctx context.Context, b Snapshots, to Saver) (marks [streams]mark, name string, err error) {
	names, err := b.ListObjects(ctx, Bucket)
	if err != nil {
		return marks, "", ctx.Err() // it may be that this user may not read them
	}
	for _, name := range slices.Backward(names) {
		s, err := read(ctx, b, name)
		if err == nil {
			err = s.usable(ctx, b)
		}
		if err == nil {
			err = to.Restore(ctx, s.state)
		}
		if err == nil {
			return s.Marks, name, nil
		}
		if ctx.Err() != nil {
			return marks, "", ctx.Err()
		}
	}
	return marks, "", nil
}

// read reads a snapshot and checks its digest.
func read(ctx context.Context, b Snapshots, name string) (*saved, error) {
	object, err := b.GetObject(ctx, Bucket, name)
	if err != nil {
		return nil, err
	}
	reader, err := snapshot.Open(object)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	defer reader.Close()                             //nolint:errcheck // it reads memory
	s, buffered := &saved{}, bufio.NewReader(reader) // gob reads no further than it must
	if err := gob.NewDecoder(buffered).Decode(s); err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if s.Format != snapshotFormat {
		return nil, fmt.Errorf("%w: it has format %d, and this version reads format %d", errSnapshot, s.Format,
			snapshotFormat)
	}
	if s.state, err = io.ReadAll(buffered); err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return s, nil
}

// usable tells whether the streams hold what the snapshot was made from, as far as one message of
// each tells: the tail of a stream may be lost in a power cut, and be derived again as something
// else.
func (s *saved) usable(ctx context.Context, b Snapshots) error {
	for number, stream := range streamNames() {
		at := &s.Marks[number]
		state, err := b.Stream(ctx, stream)
		if err != nil {
			return err
		}
		if at.Sequence == 0 {
			continue
		}
		if at.Sequence > state.Last || at.Read > state.Messages {
			return fmt.Errorf("%w: it is ahead of %s", errSnapshot, stream)
		}
		if absent(&state) > at.Absent {
			return fmt.Errorf("%w: messages of %s were removed since", errSnapshot, stream)
		}
		m, err := b.Get(ctx, stream, at.Sequence)
		if err != nil {
			return err
		}
		read, err := at.audit(number)
		if err != nil {
			return err
		}
		recorded, equal := read.Recorded(&m)
		if at.Digest != digest(&m) || recorded && !equal {
			return fmt.Errorf("%w: message %d of %s is another one", errSnapshot, at.Sequence, stream)
		}
		at.proven = recorded
	}
	return nil
}

// save stores the state of a ledger that has read the streams up to marks, and deletes old
// snapshots.
func save(ctx context.Context, b Snapshots, from Saver, marks [streams]mark) error {
	erasures, err := names.LoadErasures(ctx, b)
	if err != nil {
		return err
	}
	from.Erase(erasures)
	object, err := snapshot.Seal(func(w io.Writer) error {
		if err := gob.NewEncoder(w).Encode(&saved{Format: snapshotFormat, Marks: marks}); err != nil {
			return err
		}
		return from.Snapshot(ctx, w)
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%020d-%020d", marks[metered].Sequence, marks[billing].Sequence)
	if err := b.PutObject(ctx, Bucket, name, object); err != nil {
		return err
	}
	return prune(ctx, b, name)
}

// Forget deletes the snapshots of all ledgers: the next start reads the streams.
func Forget(ctx context.Context, b Snapshots) error {
	all, err := b.ListObjects(ctx, Bucket)
	for _, name := range all {
		if err == nil {
			err = b.DeleteObject(ctx, Bucket, name)
		}
	}
	return err
}

// prune keeps the newest snapshots. After the streams went back, older ones have higher names than
// the newest, so those above it go first.
func prune(ctx context.Context, b Snapshots, newest string) error {
	names, err := b.ListObjects(ctx, Bucket)
	if err != nil {
		return err
	}
	above, _ := slices.BinarySearch(names, newest)
	_, err = snapshot.Prune(ctx, b, Bucket, slices.Concat(names[min(above+1, len(names)):], names[:above],
		[]string{newest}))
	return err
}

// digest is over the identity and the content of a message, whenever it was stored.
func digest(m *bus.Stored) (d [sha256.Size]byte) {
	var b bytes.Buffer
	for _, part := range []string{
		m.Subject, m.Header(events.HeaderID), m.Header(events.HeaderType), m.Header(stage.HeaderSourceSeq),
		m.Header(stage.HeaderPart),
	} {
		fmt.Fprintf(&b, "%d %s\n", len(part), part)
	}
	b.Write(m.Data)
	return sha256.Sum256(b.Bytes())
}
