package projector

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file writes the state of a meter into snapshots and reads it; platforms and timelines write
// and read their own.

// snapshotForm begins every snapshot: a snapshot of another form is refused and not misread.
const snapshotForm = "daybook projector snapshot 7\n"

var errDamaged = errors.New("the projector's snapshot is damaged")

// Snapshot returns the state as bytes.
func (m *Meter) Snapshot() []byte {
	p := timeline.NewPacker(snapshotForm)
	p.Length(len(m.foundations))
	for _, key := range slices.SortedFunc(maps.Keys(m.foundations), func(a, b foundationKey) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	}) {
		m.foundations[key].pack(p)
	}
	return binary.BigEndian.AppendUint32(p.Bytes, crc32.ChecksumIEEE(p.Bytes))
}

func (f *foundation) pack(p *timeline.Packer) {
	r := &f.rules
	p.Text(r.Source)
	p.Text(r.Foundation)
	p.Moment(r.Horizon)
	p.Moment(r.Closed)
	p.Moment(r.Settled)
	p.Length(len(f.collectors))
	for _, name := range slices.Sorted(maps.Keys(f.collectors)) {
		p.Text(name)
		p.Moment(f.collectors[name].at)
		p.Moment(f.collectors[name].settled)
		p.Bool(f.collectors[name].retired)
	}
	f.platform.Pack(p)
	p.Length(len(f.entries))
	for _, key := range slices.SortedFunc(maps.Keys(f.entries), func(a, b entryKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.resource, b.resource))
	}) {
		e := f.entries[key]
		p.Text(key.kind)
		p.Text(key.resource)
		p.Text(e.sub.key.resource)
		p.Text(e.sub.tenant)
		e.Pack(p)
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
	for range r.Length() {
		if err := m.unpack(r); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return m, nil
}

func (m *Meter) unpack(r *timeline.Reader) error {
	key := foundationKey{r.Text(), r.Text()}
	if _, known := platforms[key.Source]; !known || m.foundations[key] != nil {
		return timeline.ErrSnapshot
	}
	f := m.foundation(key.Source, key.Foundation)
	f.rules.Horizon, f.rules.Closed, f.rules.Settled = r.Moment(), r.Moment(), r.Moment()
	for range r.Length() {
		f.collectors[r.Text()] = collectorHorizon{at: r.Moment(), settled: r.Moment(), retired: r.Bool()}
	}
	f.platform.Unpack(r)
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
	if r.Failed() || f.entries[key] != nil || !meters(f.rules.Source, key.kind) {
		return timeline.ErrSnapshot
	}
	e := f.enter(key, subjectResource, tenant)
	e.Unpack(r)
	if r.Failed() {
		return timeline.ErrSnapshot
	}
	if f.list(e); !e.listed {
		e.Shrink()
	}
	return nil
}
