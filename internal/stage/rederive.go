package stage

import (
	"context"
	"fmt"
	"sync"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Limits of the queues between the goroutines of a pipeline.
const (
	chunkMessages = 256
	chunkBytes    = 256 << 10
	chunksAhead   = 8
)

// pipeline is a few goroutines in a row with chunks between them. The first error ends all of them.
type pipeline struct {
	ctx    context.Context //nolint:containedctx // of the goroutines that the struct stands for
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	free   chan *outputs // memory to be used again
}

func newPipeline(ctx context.Context) *pipeline {
	p := &pipeline{free: make(chan *outputs, 2*chunksAhead)}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// produce runs a maker of chunks. Its error ends the pipeline before the channel is closed, so
// nobody takes it for the end.
func produce[T any](p *pipeline, work func(chunks chan<- T) error) <-chan T {
	chunks := make(chan T, chunksAhead)
	p.wg.Go(func() {
		defer close(chunks)
		if err := work(chunks); err != nil {
			p.cancel(err)
		}
	})
	return chunks
}

// stop ends the goroutines, and waits for them.
func (p *pipeline) stop() {
	p.cancel(nil)
	p.wg.Wait()
}

// empty returns outputs without content, with the memory of released ones.
func (p *pipeline) empty() *outputs {
	select {
	case o := <-p.free:
		*o = outputs{list: o.list[:0], slab: o.slab[:0]}
		return o
	default:
		return &outputs{list: make([]pending, 0, chunkMessages+1), slab: make([]byte, 0, chunkBytes+chunkBytes/4)}
	}
}

// release gives outputs back.
func (p *pipeline) release(o *outputs) {
	select {
	case p.free <- o:
	default:
	}
}

// send gives a chunk on.
func send[T any](p *pipeline, to chan<- T, chunk T) error {
	select {
	case to <- chunk:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// receive gets the next chunk; more is false after the last one.
func receive[T any](p *pipeline, from <-chan T) (chunk T, more bool, err error) {
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

// read reads a stream from one message to another, both included, or to its end if it comes first.
// keep, where it is not nil, chooses among the messages.
func (p *pipeline) read(b Source, stream string, from, to uint64, options bus.ReadOptions,
	keep func(subject string) bool,
) <-chan []bus.Stored {
	return produce(p, func(chunks chan<- []bus.Stored) error {
		if from > to {
			return nil
		}
		var chunk []bus.Stored
		_, err := b.Each(p.ctx, stream, from, to, options, func(m *bus.Stored) error {
			if keep != nil && !keep(m.Subject) {
				return nil
			}
			if chunk == nil {
				chunk = make([]bus.Stored, 0, chunkMessages)
			}
			if chunk = append(chunk, *m); len(chunk) < chunkMessages {
				return nil
			}
			full := chunk
			chunk = nil
			return send(p, chunks, full)
		})
		if err != nil || len(chunk) == 0 {
			return err
		}
		return send(p, chunks, chunk)
	})
}

// outputs are the outputs of some inputs.
type outputs struct {
	list   []pending
	slab   []byte // bodies
	upTo   uint64 // last input
	inputs uint64 // how many
}

func (o *outputs) body(i int) []byte { return o.slab[o.list[i].from:o.list[i].to] }

// deriver steps inputs without storing anything.
type deriver struct {
	cfg     *Config
	proc    Processor
	last    position // of the last output
	current identity
	part    uint32
	out     *outputs
}

// step steps one input and adds its outputs to out.
func (d *deriver) step(in *bus.Stored) error {
	d.current, d.part = identity{in.Sequence, in.Header(events.HeaderID)}, 0
	if err := d.proc.Step(in, d.emit); err != nil {
		return fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, in.Sequence, d.cfg.Input, in.Subject, err)
	}
	if in.Sequence-d.last.Sequence >= d.cfg.MarkerEvery && window(d.proc) == 0 {
		d.emit(d.cfg.marker(in))
	}
	d.out.upTo = in.Sequence
	d.out.inputs++
	return nil
}

func (d *deriver) emit(out Output) {
	o := d.out
	from := len(o.slab)
	o.slab = out.Body.AppendJSON(o.slab)
	d.last = position{d.current.Sequence, d.part}
	d.part++
	o.list = append(o.list, pending{
		position: d.last, source: d.current, subject: out.Subject, kind: out.Type, id: out.ID,
		from: from, to: len(o.slab),
	})
}

// skip steps inputs and drops their outputs.
func (d *deriver) skip(p *pipeline, inputs <-chan []bus.Stored, seen func(*outputs)) error {
	d.out = &outputs{}
	for {
		chunk, more, err := receive(p, inputs)
		if err != nil || !more {
			return err
		}
		for i := range chunk {
			if err := d.step(&chunk[i]); err != nil {
				return err
			}
			d.out.list, d.out.slab = d.out.list[:0], d.out.slab[:0]
		}
		seen(d.out)
		d.out.inputs = 0
	}
}

// derive steps inputs and gives their outputs, up to the first one behind the position end,
// included.
func (d *deriver) derive(p *pipeline, inputs <-chan []bus.Stored, end position) <-chan *outputs {
	return produce(p, func(chunks chan<- *outputs) error {
		d.out = p.empty()
		for {
			chunk, more, err := receive(p, inputs)
			if err != nil || !more {
				return err
			}
			for i := range chunk {
				if err := d.step(&chunk[i]); err != nil {
					return err
				}
				done := end.before(d.last)
				if done || i == len(chunk)-1 || len(d.out.list) >= chunkMessages || len(d.out.slab) >= chunkBytes {
					if err := send(p, chunks, d.out); err != nil || done {
						return err
					}
					d.out = p.empty()
				}
			}
		}
	})
}

// digest puts the chain and the count into outputs.
func digest(p *pipeline, from <-chan *outputs, c chain, count uint64) <-chan *outputs {
	return produce(p, func(chunks chan<- *outputs) error {
		var scratch []byte
		for {
			o, more, err := receive(p, from)
			if err != nil || !more {
				return err
			}
			for i := range o.list {
				c, scratch = c.NextIn(scratch, o.list[i].subject, o.body(i))
				count++
				o.list[i].chain, o.list[i].count = c, count
			}
			if err := send(p, chunks, o); err != nil {
				return err
			}
		}
	})
}
