package projector

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/forgotten"
	"github.com/daybook-billing/daybook/projector/internal/records"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file keeps timelines in their small form, by id: an ended task of an open month costs at
// most 64 bytes with its published span, where it takes some 800 as a timeline.

// frozen are the frozen timelines of one kind of a foundation.
type frozen struct {
	dictionary *timeline.Dictionary
	subjects   []*subject
	numberOf   map[*subject]uint64
	records    *records.Records
}

const frozenKind = events.KindTask // the one kind with a small form

func newFrozen() *frozen {
	return &frozen{dictionary: timeline.NewDictionary(), numberOf: map[*subject]uint64{}, records: records.New()}
}

// freeze puts an unlisted timeline into its small form, if it has one and nothing of it is pending.
func (f *foundation) freeze(e *entry) {
	if e.key.kind != frozenKind || e.listed || f.entries[e.key] != e || e.sub.pending != nil &&
		slices.Contains(e.sub.pending.changed, e) {
		return
	}
	t, can := e.Timeline.(timeline.Freezer)
	id, plain := events.ParseID(e.key.resource)
	z := f.frozen
	if !can || !plain || z.records.Full() {
		return
	}
	b := append(make([]byte, 0, 128), id[:]...)
	number, known := z.numberOf[e.sub]
	if !known {
		number = uint64(len(z.subjects))
	}
	b = binary.AppendUvarint(b, number)
	if b, can = t.Freeze(b, z.dictionary); !can {
		return
	}
	if b, can = f.freezePublished(b, e, t); !can || len(b) > records.Max {
		return
	}
	if !known {
		z.subjects = append(z.subjects, e.sub)
		z.numberOf[e.sub] = number
	}
	z.records.Keep(b)
	delete(f.entries, e.key)
}

// Forms of the published spans of a frozen timeline.
const (
	noSpan    = iota
	wholeSpan // one, from the first fact to the last
	someSpans // this, and the length of their records
)

// freezePublished appends the published spans of a timeline.
func (f *foundation) freezePublished(b []byte, e *entry, t timeline.Freezer) ([]byte, bool) {
	if e.published == nil {
		return binary.AppendUvarint(b, noSpan), true
	}
	p := e.published
	if len(p.looks) != 1 || p.looks[0].earlier != nil {
		return b, false
	}
	if by, last, whole := f.publishedWhole(e, t); whole {
		b = binary.AppendUvarint(b, wholeSpan)
		b = binary.AppendVarint(b, int64(by.sequence-last))
		return binary.AppendUvarint(b, uint64(by.part)), true
	}
	l := p.looks[0].labels
	b = binary.AppendUvarint(b, uint64(len(p.bytes))+someSpans)
	b = f.frozen.dictionary.Labels(b, timeline.Labels{
		App: l.app, Tenant: l.tenant, Space: l.space,
		SpaceName: l.spaceName,
	})
	b = f.frozen.dictionary.Name(b, l.name)
	b = f.frozen.dictionary.Size(b, p.looks[0].size)
	return append(b, p.bytes...), true
}

// publishedWhole reports whether the one published span is the timeline's whole one, and gives its
// publication and the sequence of the last fact.
func (f *foundation) publishedWhole(e *entry, t timeline.Freezer) (by publication, last uint64, whole bool) {
	r, next := e.published.decode(0, e.key.kind)
	if next != len(e.published.bytes) || r.last != r.first || r.by.id != noID || r.by.correction != 0 {
		return by, 0, false
	}
	is, last := t.Whole()
	was := f.span(e, &r, r.start, r.last)
	f.identify(&is)
	return r.by, last, sameSpan(&is, &was)
}

func (f *foundation) thawPublished(r *timeline.Frozen, e *entry, t timeline.Freezer) {
	form := r.Uint()
	switch form {
	case noSpan:
		return
	case wholeSpan:
		span, last := t.Whole()
		f.note(e, &span, publication{
			sequence: last + uint64(r.Int()), part: uint32(r.Uint()),
		})
		return
	}
	l, name, size := r.Labels(), r.Name(), r.Size()
	e.published = &published{
		bytes: slices.Clone(r.B[:form-someSpans]),
		looks: []look{{f.labels.Of(&spanLabels{l.App, l.Tenant, l.Space, l.SpaceName, name}), size, nil}},
	}
	for at := 0; at < len(e.published.bytes); {
		e.published.last = at
		_, at = e.published.decode(at, e.key.kind)
	}
}

// read makes an entry of a record.
func (f *foundation) read(record []byte) *entry {
	id := [16]byte(record)
	r := timeline.Frozen{B: record[len(id):], Of: f.frozen.dictionary}
	key := entryKey{frozenKind, events.FormatID(id)}
	sub := f.frozen.subjects[r.Uint()]
	t := f.platform.New(key.kind, key.resource)
	e := &entry{Timeline: t, key: key, sub: sub}
	if z, ok := t.(timeline.Freezer); ok {
		r.B = z.Thaw(r.B, r.Of)
		f.thawPublished(&r, e, z)
	}
	return e
}

// lookUp returns the timeline of a resource, thawed if need be; nil for none.
func (f *foundation) lookUp(key entryKey) *entry {
	e := f.entries[key]
	if e != nil {
		return e
	}
	if e = f.thaw(key); e != nil {
		id, _ := events.ParseID(key.resource)
		f.frozen.records.Drop(id)
		f.entries[key] = e
	}
	return e
}

// peek returns the timeline of a resource, nil for none. A frozen one stays frozen, and is given as
// a copy.
func (f *foundation) peek(key entryKey) *entry {
	if e := f.entries[key]; e != nil {
		return e
	}
	return f.thaw(key)
}

// thaw is a copy of a frozen timeline; nil for none.
func (f *foundation) thaw(key entryKey) *entry {
	if key.kind != frozenKind || f.frozen.records.Len() == 0 {
		return nil
	}
	id, plain := events.ParseID(key.resource)
	if !plain {
		return nil
	}
	record, found := f.frozen.records.Get(id)
	if !found {
		return nil
	}
	return f.read(record)
}

// thawed are all frozen timelines as entries, in order of resource; they stay frozen.
func (f *foundation) thawed() []*entry {
	all := make([]*entry, 0, f.frozen.records.Len())
	for record := range f.frozen.records.All {
		all = append(all, f.read(record))
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.key.resource, b.key.resource) })
	return all
}

// closeFrozen closes months of frozen timelines, before the others: the ones that ended before are
// forgotten, the ones that go on are frozen anew, and where a timeline needs more it is thawed.
func (f *foundation) closeFrozen(closed timeline.Moment) (over []forgotten.Key) {
	if f.frozen.records.Len() == 0 {
		return nil
	}
	all := f.thawed()
	f.frozen = newFrozen()
	for _, e := range all {
		t, ok := e.Timeline.(timeline.Freezer)
		switch {
		case ok && t.EndsBefore(closed) && !f.platform.Doubts():
			f.unsubject(e.sub)
			over = append(over, forgotten.KeyOf(e.key.kind, e.key.resource))
		default:
			f.entries[e.key] = e
			if ok && !t.StartsBefore(closed) && !f.platform.Doubts() {
				f.freeze(e)
			}
		}
	}
	return over
}
