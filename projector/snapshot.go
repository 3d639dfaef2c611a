package projector

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file packs and unpacks the state of a meter; platforms and timelines do so with their own.

// snapshotForm begins every snapshot: a snapshot of another form is refused and not misread.
const snapshotForm = "daybook projector snapshot 15\n"

var errDamaged = errors.New("the projector's snapshot is damaged")

// Snapshot returns the state as bytes.
func (m *Meter) Snapshot() []byte {
	p := timeline.NewPacker(snapshotForm, m.packed+m.packed/8)
	m.policy.Pack(p)
	p.Bool(m.catalogued)
	p.Length(len(m.foundations))
	for _, key := range slices.SortedFunc(maps.Keys(m.foundations), foundationKey.Compare) {
		m.foundations[key].pack(p)
	}
	m.tally.Pack(p)
	m.packed = len(p.Bytes)
	return binary.BigEndian.AppendUint32(p.Bytes, crc32.ChecksumIEEE(p.Bytes))
}

func (f *foundation) pack(p *timeline.Packer) {
	r := &f.rules
	p.Text(r.Source)
	p.Text(r.Foundation)
	p.Moment(r.Horizon)
	p.Moment(r.Folded)
	f.months.Pack(p)
	p.Moment(r.Settled)
	p.Bool(f.ended)
	p.Length(len(f.collectors))
	for _, name := range slices.Sorted(maps.Keys(f.collectors)) {
		p.Text(name)
		p.Moment(f.collectors[name].at)
		p.Moment(f.collectors[name].settled)
		p.Bool(f.collectors[name].retired)
	}
	f.platform.Pack(p)
	f.forgotten.Pack(p)
	f.packCuts(p)
	entries := append(slices.Collect(maps.Values(f.entries)), f.thawed()...)
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.resource, b.key.resource))
	})
	p.Length(len(entries))
	for _, e := range entries {
		key := e.key
		p.Text(key.kind)
		p.Text(key.resource)
		p.Text(e.sub.key.resource)
		p.Text(e.sub.tenant)
		e.Pack(p)
		f.packPublished(p, e)
	}
}

// RestoreMeter returns the meter of a snapshot. It refuses other bytes, as far as it can tell.
func RestoreMeter(cfg Config, snapshot []byte) (*Meter, error) {
	m, err := NewMeter(cfg)
	if err != nil {
		return nil, err
	}
	end := len(snapshot) - 4
	if end < len(snapshotForm) || string(snapshot[:len(snapshotForm)]) != snapshotForm {
		return nil, fmt.Errorf("%w: it does not begin like one", errDamaged)
	}
	if crc32.ChecksumIEEE(snapshot[:end]) != binary.BigEndian.Uint32(snapshot[end:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	r := timeline.NewReader(snapshot[len(snapshotForm):end])
	m.policy.Unpack(r)
	m.catalogued = r.Bool()
	for range r.Length() {
		if err := m.unpack(r); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	m.tally.Unpack(r)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return m, nil
}

func (m *Meter) unpack(r *timeline.Reader) error {
	key := foundationKey{Source: r.Text(), Foundation: r.Text()}
	if _, known := platforms[key.Source]; !known || m.foundations[key] != nil {
		return timeline.ErrSnapshot
	}
	f := m.foundation(key.Source, key.Foundation)
	f.rules.Horizon, f.rules.Folded = r.Moment(), r.Moment()
	f.months.Unpack(r)
	f.rules.Closed, f.rules.Settled = f.months.Closed(), r.Moment()
	f.ended = r.Bool()
	for range r.Length() {
		f.collectors[r.Text()] = collectorHorizon{at: r.Moment(), settled: r.Moment(), retired: r.Bool()}
	}
	f.platform.Unpack(r)
	f.forgotten.Unpack(r)
	f.unpackCuts(r)
	for range r.Length() {
		if r.Failed() {
			break
		}
		if err := f.unpack(r); err != nil {
			return err
		}
	}
	if r.Failed() {
		return timeline.ErrSnapshot
	}
	return nil
}

// unpack reads a timeline.
func (f *foundation) unpack(r *timeline.Reader) error {
	key, subjectResource, tenant := entryKey{r.Text(), r.Text()}, r.Text(), r.Text()
	if r.Failed() || f.lookUp(key) != nil || !meters(f.rules.Source, key.kind) {
		return timeline.ErrSnapshot
	}
	e := f.enter(key, subjectResource, tenant)
	e.Unpack(r)
	if f.unpackPublished(r, e); r.Failed() {
		return timeline.ErrSnapshot
	}
	f.held += int(e.held)
	if f.list(e); !e.listed {
		e.Shrink()
		f.freeze(e)
	}
	return nil
}

func (f *foundation) packCuts(p *timeline.Packer) {
	p.Length(len(f.cuts))
	for _, c := range f.cuts {
		p.Int(c.to)
		p.Uint(c.sequence)
	}
}

func (f *foundation) unpackCuts(r *timeline.Reader) {
	for range r.Length() {
		f.cuts = append(f.cuts, cutDone{r.Int(), r.Uint()})
	}
	if !slices.IsSortedFunc(f.cuts, func(a, b cutDone) int { return cmp.Compare(a.to, b.to) }) {
		r.Fail()
	}
}

// packPublished writes what the meter knows of a timeline beside its subject.
func (f *foundation) packPublished(p *timeline.Packer, e *entry) {
	p.Uint(e.listedAt)
	p.Uint(uint64(e.running))
	p.Uint(uint64(e.held))
	p.Bool(e.crowded)
	if e.published == nil {
		p.Length(0)
		return
	}
	all := f.records(e)
	p.Length(len(all))
	for i := range all {
		packRecord(p, &all[i], e.key.kind)
	}
}

func packRecord(p *timeline.Packer, x *record, own string) {
	p.Bool(x.kind != own)
	p.Int(x.start)
	p.Int(x.first - x.start)
	p.Int(x.last - x.first)
	p.Int(x.start - x.since)
	p.Uint(uint64(x.flags))
	if !timeline.Known(p, *x.look.labels) {
		for _, t := range x.look.labels.texts() {
			p.Text(*t)
		}
	}
	p.Footprint(x.look.size)
	p.Length(len(x.look.earlier))
	for i := range x.look.earlier {
		p.Time(x.look.earlier[i].Since)
		p.Footprint(&x.look.earlier[i].Footprint)
	}
	p.Length(len(x.evidence))
	for _, n := range x.evidence {
		p.Uint(n)
	}
	p.Uint(x.by.sequence)
	p.Uint(uint64(x.by.part))
	p.Uint(uint64(x.by.correction))
	p.Bool(x.by.id != noID)
	if x.by.id != noID {
		p.Bytes = append(p.Bytes, x.by.id[:]...)
	}
	p.Bool(x.byCuts)
}

func (l *spanLabels) texts() [5]*string {
	return [...]*string{&l.app, &l.tenant, &l.space, &l.spaceName, &l.name}
}

func (f *foundation) unpackPublished(r *timeline.Reader, e *entry) {
	e.listedAt = r.Uint()
	e.running, e.held = uint32(r.Below(math.MaxUint32)), uint32(r.Below(math.MaxUint32)) //nolint:gosec // checked
	e.crowded = r.Bool()
	for range r.Length() {
		x := unpackRecord(r, e.key.kind)
		if r.Failed() {
			return
		}
		if e.published == nil {
			e.published = &published{}
		}
		e.published.add(&x, e.key.kind)
	}
}

// Limits of the times of a record, in nanoseconds of Unix time.
const (
	earliest = -1_000_000_000_000_000_000
	latest   = 8_000_000_000_000_000_000
)

func unpackRecord(r *timeline.Reader, own string) record {
	x := record{kind: own}
	if r.Bool() {
		x.kind = events.KindVolume
	}
	x.start = r.Int()
	length, more, since := r.Int(), r.Int(), r.Int()
	x.first, x.since = x.start+length, x.start-since
	x.last = x.first + more
	if x.start < earliest || length <= 0 || more < 0 || x.first < x.start || x.last < x.first || x.last > latest ||
		x.since < earliest || x.since > latest {
		r.Fail()
	}
	x.flags = events.Flags(r.Below(8)) //nolint:gosec // checked
	l := timeline.Seen(r, func() *spanLabels {
		var l spanLabels
		for _, t := range l.texts() {
			*t = r.Text()
		}
		return &l
	})
	x.look = look{labels: l, size: r.Footprint()}
	for range r.Length() {
		x.look.earlier = append(x.look.earlier, events.Stretch{Since: r.Time(), Footprint: *r.Footprint()})
	}
	for range r.Length() {
		x.evidence = append(x.evidence, r.Uint())
	}
	x.by = publication{
		sequence: r.Uint(), part: uint32(r.Below(1 << 32)), //nolint:gosec // checked
		correction: uint32(r.Below(12 * 10_000)), //nolint:gosec // checked
	}
	if r.Bool() {
		r.Fill(x.by.id[:])
	}
	x.byCuts = r.Bool()
	return x
}
