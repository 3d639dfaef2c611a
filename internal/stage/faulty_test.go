package stage_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

var errDead = errors.New("the process is dead")

// faulty is a bus with knobs. They are set before it is used, and called by one goroutine.
type faulty struct {
	stage.Bus
	// before the n-th call of all; an error is the answer
	before func(op string, n int) error
	append func(n int, store func() (uint64, error)) (last uint64, err error) // in place of the n-th append
	cancel context.CancelFunc                                                 // stops the stage that uses the bus
	calls  atomic.Int64
	writes int
	dead   atomic.Bool
}

// die makes it as if the process had ended here: nothing more reaches the server.
func (f *faulty) die() error {
	f.dead.Store(true)
	f.cancel()
	return errDead
}

func (f *faulty) enter(op string) error {
	if f.dead.Load() {
		return errDead
	}
	n := int(f.calls.Add(1))
	if f.before != nil {
		return f.before(op, n)
	}
	return nil
}

func (f *faulty) AppendDerived(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error,
) {
	if err := f.enter("Append"); err != nil {
		return 0, err
	}
	store := func() (uint64, error) { return f.Bus.AppendDerived(ctx, stream, messages, expect) }
	f.writes++
	if f.append != nil {
		return f.append(f.writes, store)
	}
	return store()
}

func (f *faulty) Last(ctx context.Context, stream, filter string) (bus.Stored, error) {
	if err := f.enter("Last"); err != nil {
		return bus.Stored{}, err
	}
	return f.Bus.Last(ctx, stream, filter)
}

func (f *faulty) Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error) {
	if err := f.enter("Get"); err != nil {
		return bus.Stored{}, err
	}
	return f.Bus.Get(ctx, stream, sequence)
}

func (f *faulty) Read(ctx context.Context, stream string, from uint64, o bus.ReadOptions) (*bus.Reader, error) {
	if err := f.enter("Read"); err != nil {
		return nil, err
	}
	return f.Bus.Read(ctx, stream, from, o)
}

func (f *faulty) Each(ctx context.Context, stream string, from, to uint64, o bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	if err := f.enter("Each"); err != nil {
		return 0, err
	}
	return f.Bus.Each(ctx, stream, from, to, o, yield)
}

func (f *faulty) Stream(ctx context.Context, name string) (bus.StreamState, error) {
	if err := f.enter("Stream"); err != nil {
		return bus.StreamState{}, err
	}
	return f.Bus.Stream(ctx, name)
}

func (f *faulty) PutObject(ctx context.Context, bucket, name string, data []byte) error {
	if err := f.enter("PutObject"); err != nil {
		return err
	}
	return f.Bus.PutObject(ctx, bucket, name, data)
}

func (f *faulty) GetObject(ctx context.Context, bucket, name string) ([]byte, error) {
	if err := f.enter("GetObject"); err != nil {
		return nil, err
	}
	return f.Bus.GetObject(ctx, bucket, name)
}

func (f *faulty) ListObjects(ctx context.Context, bucket string) ([]string, error) {
	if err := f.enter("ListObjects"); err != nil {
		return nil, err
	}
	return f.Bus.ListObjects(ctx, bucket)
}

func (f *faulty) DeleteObject(ctx context.Context, bucket, name string) error {
	if err := f.enter("DeleteObject"); err != nil {
		return err
	}
	return f.Bus.DeleteObject(ctx, bucket, name)
}
