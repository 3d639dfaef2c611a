package projector

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file keeps timelines in their small form, by id: an ended task of an open month costs at
// most 64 bytes with its published span, where it takes some 800 as a timeline.

// frozen are the frozen timelines of one kind of a foundation, behind one another in chunks.
type frozen struct {
	dictionary *timeline.Dictionary
	subjects   []*subject
	numberOf   map[*subject]uint64
	seed       maphash.Seed
	chunks     [][]byte
	index      []uint32 // where records begin, plus 1, by hash of their ids; 0 for none, gone for a former one
	used       int      // slots that are not 0
	count      int
}

const (
	frozenKind = events.KindTask // the one kind with a small form
	chunkBits  = 16
	chunkBytes = 1 << chunkBits
	maxRecord  = chunkBytes / 4 // longer ones stay as they are
	gone       = ^uint32(0)
	firstSlots = 64
)

func newFrozen() *frozen {
	return &frozen{
		dictionary: timeline.NewDictionary(), numberOf: map[*subject]uint64{}, seed: maphash.MakeSeed(),
		index: make([]uint32, firstSlots),
	}
}

// record is the bytes from a place on.
func (z *frozen) record(at uint32) []byte { return z.chunks[(at-1)>>chunkBits][(at-1)&(chunkBytes-1):] }

// slot is where the index has an id, or else where it is to be entered.
func (z *frozen) slot(id [16]byte) (at int, found bool) {
	mask := len(z.index) - 1
	free := -1
	for at = int(maphash.Bytes(z.seed, id[:])) & mask; ; at = (at + 1) & mask {
		switch where := z.index[at]; {
		case where == 0 && free >= 0:
			return free, false
		case where == 0:
			return at, false
		case where == gone:
			if free < 0 {
				free = at
			}
		case [16]byte(z.record(where)) == id:
			return at, true
		}
	}
}

// enter puts the place of a record into the index.
func (z *frozen) enter(id [16]byte, where uint32) {
	if (z.used+1)*5 > len(z.index)*4 {
		z.grow()
	}
	at, _ := z.slot(id)
	if z.index[at] == 0 {
		z.used++
	}
	z.index[at] = where
	z.count++
}

// grow makes the index anew, with room for some half as many more.
func (z *frozen) grow() {
	old := z.index
	size := firstSlots
	for size*4 < (z.count+1)*5*3/2 {
		size *= 2
	}
	z.index, z.used, z.count = make([]uint32, size), 0, 0
	for _, where := range old {
		if where != 0 && where != gone {
			z.enter([16]byte(z.record(where)), where)
		}
	}
}

// keep appends a record.
func (z *frozen) keep(id [16]byte, b []byte) {
	n := len(z.chunks) - 1
	if n < 0 || len(z.chunks[n])+len(b) > chunkBytes {
		z.chunks = append(z.chunks, make([]byte, 0, chunkBytes))
		n++
	}
	where := uint32(n)<<chunkBits + uint32(len(z.chunks[n])) + 1
	z.chunks[n] = append(z.chunks[n], b...)
	z.enter(id, where)
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
	if !can || !plain || len(z.chunks) >= 1<<chunkBits-1 {
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
	if b, can = f.freezePublished(b, e, t); !can || len(b) > maxRecord {
		return
	}
	if !known {
		z.subjects = append(z.subjects, e.sub)
		z.numberOf[e.sub] = number
	}
	z.keep(id, b)
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
	e, at := f.seek(key)
	if at >= 0 {
		f.frozen.index[at] = gone
		f.frozen.count--
		f.entries[key] = e
	}
	return e
}

// peek returns the timeline of a resource, nil for none. A frozen one stays frozen, and is given as
// a copy.
func (f *foundation) peek(key entryKey) *entry {
	e, _ := f.seek(key)
	return e
}

// seek is peek, with where the index has a frozen timeline; -1 for any other, and for none.
func (f *foundation) seek(key entryKey) (e *entry, at int) {
	if e = f.entries[key]; e != nil {
		return e, -1
	}
	at, found := f.slotOf(key)
	if !found {
		return nil, -1
	}
	return f.read(f.frozen.record(f.frozen.index[at])), at
}

// slotOf is where the index of the frozen timelines has a resource.
func (f *foundation) slotOf(key entryKey) (at int, found bool) {
	if key.kind != frozenKind || f.frozen.count == 0 {
		return 0, false
	}
	id, plain := events.ParseID(key.resource)
	if !plain {
		return 0, false
	}
	return f.frozen.slot(id)
}

// thawed are all frozen timelines as entries, in order of resource; they stay frozen.
func (f *foundation) thawed() []*entry {
	all := make([]*entry, 0, f.frozen.count)
	for _, where := range f.frozen.index {
		if where != 0 && where != gone {
			all = append(all, f.read(f.frozen.record(where)))
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.key.resource, b.key.resource) })
	return all
}

// closeFrozen closes months of frozen timelines, before the others: the ones that ended before are
// forgotten, the ones that go on are frozen anew, and where a timeline needs more it is thawed.
func (f *foundation) closeFrozen(closed timeline.Moment) {
	if f.frozen.count == 0 {
		return
	}
	all := f.thawed()
	f.frozen = newFrozen()
	for _, e := range all {
		t, ok := e.Timeline.(timeline.Freezer)
		switch {
		case ok && t.EndsBefore(closed) && !f.platform.Doubts():
			f.unsubject(e.sub)
		default:
			f.entries[e.key] = e
			if ok && !t.StartsBefore(closed) && !f.platform.Doubts() {
				f.freeze(e)
			}
		}
	}
}
