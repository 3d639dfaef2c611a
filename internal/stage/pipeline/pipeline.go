// Package pipeline runs a few goroutines in a row with bounded chunks between them: reading a
// stream, deriving from it, comparing.
package pipeline

import (
	"context"
	"sync"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Limits of the queues between the goroutines of a pipeline.
const (
	ChunkMessages = 256
	ChunksAhead   = 8
)

// Source is the part of the bus for Read.
type Source interface {
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(*bus.Stored) error) (last uint64, err error)
}

// Pipeline is a few goroutines in a row with chunks between them. The first error ends all of them.
type Pipeline struct {
	ctx    context.Context //nolint:containedctx // of the goroutines that the struct stands for
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// New returns a pipeline without goroutines; it ends with the context.
func New(ctx context.Context) *Pipeline {
	p := &Pipeline{}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// Produce runs a maker of chunks. Its error ends the pipeline before the channel is closed, so
// nobody takes it for the end.
func Produce[T any](p *Pipeline, work func(chunks chan<- T) error) <-chan T {
	chunks := make(chan T, ChunksAhead)
	p.wg.Go(func() {
		defer close(chunks)
		if err := work(chunks); err != nil {
			p.cancel(err)
		}
	})
	return chunks
}

// Stop ends the goroutines, and waits for them.
func (p *Pipeline) Stop() {
	p.cancel(nil)
	p.wg.Wait()
}

// Send gives a chunk on.
func Send[T any](p *Pipeline, to chan<- T, chunk T) error {
	select {
	case to <- chunk:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// Receive gets the next chunk; more is false after the last one.
func Receive[T any](p *Pipeline, from <-chan T) (chunk T, more bool, err error) {
	select {
	case chunk, more = <-from:
		if !more && p.ctx.Err() != nil {
			return chunk, false, context.Cause(p.ctx) // it was closed because of an error
		}
		return chunk, more, nil
	case <-p.ctx.Done():
		return chunk, false, context.Cause(p.ctx)
	}
}

// Read reads a stream from one message to another, both included, or to its end if it comes first.
// keep, where it is not nil, chooses among the messages.
func (p *Pipeline) Read(b Source, stream string, from, to uint64, options bus.ReadOptions,
	keep func(subject string) bool,
) <-chan []bus.Stored {
	return Produce(p, func(chunks chan<- []bus.Stored) error {
		if from > to {
			return nil
		}
		var chunk []bus.Stored
		_, err := b.Each(p.ctx, stream, from, to, options, func(m *bus.Stored) error {
			if keep != nil && !keep(m.Subject) {
				return nil
			}
			if chunk == nil {
				chunk = make([]bus.Stored, 0, ChunkMessages)
			}
			if chunk = append(chunk, *m); len(chunk) < ChunkMessages {
				return nil
			}
			full := chunk
			chunk = nil
			return Send(p, chunks, full)
		})
		if err != nil || len(chunk) == 0 {
			return err
		}
		return Send(p, chunks, chunk)
	})
}
