package stage

import (
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/pipeline"
	"github.com/daybook-billing/daybook/internal/stage/watch"
)

// chunkBytes is the size of a chunk of outputs.
const chunkBytes = 256 << 10

// recycled is memory of outputs to be used again.
type recycled struct{ pipeline.Recycled[outputs] }

// empty returns outputs without content, with the memory of released ones.
func (r recycled) empty() *outputs {
	if o := r.Take(); o != nil {
		*o = outputs{list: o.list[:0], slab: o.slab[:0]}
		return o
	}
	room := chunkBytes + chunkBytes/4
	return &outputs{list: make([]pending, 0, pipeline.ChunkMessages+1), slab: make([]byte, 0, room)}
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
	reread  rereading
	proc    Processor
	last    position // of the last output
	current identity
	part    uint32
	watch   *watch.Watch // while outputs are skipped; else nil
	out     *outputs
	free    recycled
}

// step steps one input and adds its outputs to out.
func (d *deriver) step(in *bus.Stored) error {
	d.current, d.part = identity{in.Sequence, in.Header(events.HeaderID)}, 0
	if err := d.reread(d.proc, in.Sequence, func() error { return d.proc.Step(in, d.emit) }); err != nil {
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
	o.slab, out = d.cfg.fit(o.slab, out, d.current)
	d.last = position{d.current.Sequence, d.part}
	d.part++
	watched(d.watch, &out)
	o.list = append(o.list, pending{
		position: d.last, source: d.current, subject: out.Subject, kind: out.Type, id: out.ID,
		from: from, to: len(o.slab),
	})
}

// skip steps inputs and drops their outputs. The error is watch.ErrBegun where the processor needs
// some of them again, and nobody kept them.
func (d *deriver) skip(p *pipeline.Pipeline, inputs <-chan []bus.Stored, seen func(*outputs)) error {
	d.out = &outputs{}
	for {
		chunk, more, err := pipeline.Receive(p, inputs)
		if err != nil {
			return err
		}
		if !more {
			return d.watch.End()
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
func (d *deriver) derive(p *pipeline.Pipeline, inputs <-chan []bus.Stored, end position) <-chan *outputs {
	return pipeline.Produce(p, func(chunks chan<- *outputs) error {
		d.out = d.free.empty()
		for {
			chunk, more, err := pipeline.Receive(p, inputs)
			if err != nil || !more {
				return err
			}
			for i := range chunk {
				if err := d.step(&chunk[i]); err != nil {
					return err
				}
				done := end.before(d.last)
				full := len(d.out.list) >= pipeline.ChunkMessages || len(d.out.slab) >= chunkBytes
				if done || i == len(chunk)-1 || full {
					if err := pipeline.Send(p, chunks, d.out); err != nil || done {
						return err
					}
					d.out = d.free.empty()
				}
			}
		}
	})
}

// digest puts the chain and the count into outputs.
func digest(p *pipeline.Pipeline, from <-chan *outputs, c chain, count uint64) <-chan *outputs {
	return pipeline.Produce(p, func(chunks chan<- *outputs) error {
		var scratch []byte
		for {
			o, more, err := pipeline.Receive(p, from)
			if err != nil || !more {
				return err
			}
			for i := range o.list {
				c, scratch = c.NextIn(scratch, o.list[i].subject, o.body(i))
				count++
				o.list[i].chain, o.list[i].count = c, count
			}
			if err := pipeline.Send(p, chunks, o); err != nil {
				return err
			}
		}
	})
}
