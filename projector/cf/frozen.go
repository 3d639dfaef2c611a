package cf

import (
	"encoding/binary"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file is the small form of ended tasks: very many of them lie in the open months, and nearly
// all have a beginning, an end and nothing else.

// Freeze implements timeline.Freezer. The ids of the facts are left out: of a task the event and
// its time tell a duplicate.
func (t *process) Freeze(b []byte, d *timeline.Dictionary) ([]byte, bool) {
	if t.kind != events.KindTask || len(t.facts) != 2 || t.base != nil || t.passed.sequence != 0 ||
		len(t.decisions)+len(t.late)+len(t.waiting)+len(t.observations)+len(t.rules.gaps) > 0 {
		return b, false
	}
	x, y := &t.facts[0], &t.facts[1]
	if x.verb != began || y.verb != ended || !x.plain() || !y.plain() || *x.of != *y.of || *x.size != *y.size ||
		y.sequence <= x.sequence || x.time%1e6 != 0 || y.time%1e6 != 0 || t.published%1e6 != 0 &&
		t.published != timeline.MinMoment {
		return b, false
	}
	head := uint64(x.before) | uint64(y.before)<<2
	if x.of.excluded {
		head |= 1 << 4
	}
	if t.published != timeline.MinMoment {
		head |= 1 << 5
	}
	b = append(b, byte(head))
	b = d.Labels(b, timeline.Labels{App: x.of.app, Tenant: x.of.tenant, Space: x.of.space, SpaceName: x.of.spaceName})
	b = d.Name(b, x.of.name)
	b = d.Size(b, x.size)
	b = binary.AppendUvarint(b, x.sequence)
	b = binary.AppendUvarint(b, y.sequence-x.sequence)
	b = binary.AppendVarint(b, int64(x.time/1e6))
	b = binary.AppendVarint(b, int64(y.time-x.time)/1e6)
	if t.published != timeline.MinMoment {
		b = binary.AppendVarint(b, int64(t.published-x.time)/1e6)
	}
	return b, true
}

// plain reports whether a fact has nothing that few facts have.
func (x *fact) plain() bool { return x.extra == nil && !x.reseeded && x.null == 0 }

// Thaw implements timeline.Freezer.
func (t *process) Thaw(b []byte, d *timeline.Dictionary) []byte {
	head := b[0]
	r := timeline.Frozen{B: b[1:], Of: d}
	l, name, size := r.Labels(), r.Name(), r.Size()
	of := t.rules.labels.Of(&labels{
		app: l.App, tenant: l.Tenant, space: l.Space, spaceName: l.SpaceName, name: name, excluded: head&(1<<4) != 0,
	}, nil)
	x := fact{sequence: r.Uint(), of: of, size: size, verb: began, before: earlier(head & 3)}
	y := fact{sequence: x.sequence + r.Uint(), of: of, size: size, verb: ended, before: earlier(head >> 2 & 3)}
	x.time = timeline.Moment(r.Int() * 1e6)
	y.time = x.time + timeline.Moment(r.Int()*1e6)
	x.id, y.id = thawed(x.sequence), thawed(y.sequence)
	t.published = timeline.MinMoment
	if head&(1<<5) != 0 {
		t.published = x.time + timeline.Moment(r.Int()*1e6)
	}
	t.facts = []fact{x, y}
	t.clamp(t.facts, 0)
	return r.B
}

// Whole implements timeline.Freezer.
func (t *process) Whole() (span events.Span, last uint64) {
	x, y := &t.facts[0], &t.facts[1]
	return t.span(&part{
		start: x.at, end: y.at, since: x.at, of: x.of, size: x.size, opening: x.sequence, ending: y.sequence,
	}), y.sequence
}

// thawed stands for the id of a fact whose id was not kept.
func thawed(sequence uint64) (id factID) {
	binary.BigEndian.PutUint64(id[8:], sequence)
	return id
}

// forgotID reports whether the id of a fact was not kept.
func (x *fact) forgotID() bool { return x.id == thawed(x.sequence) }

// EndsBefore implements timeline.Freezer.
func (t *process) EndsBefore(at timeline.Moment) bool { return t.facts[len(t.facts)-1].at < at }

// StartsBefore implements timeline.Freezer.
func (t *process) StartsBefore(at timeline.Moment) bool { return t.facts[0].at < at }

// Doubts implements timeline.Platform.
func (f *Foundation) Doubts() bool { return len(f.gaps) > 0 }
