package projector

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// This file writes the databases and those who report them into snapshots: numbers as varints,
// texts with their length before them.

var errNoSnapshot = errors.New("damaged: not what a snapshot of databases holds")

// Versions of the form, so that a snapshot of another one is refused and not misread.
const (
	instanceForm = 2
	groupsForm   = 1
)

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// packTime writes a time as seconds and nanoseconds of Unix time; the zero time, which is none, as
// a nanosecond that does not exist.
func packTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendUvarint(b, noTime)
	}
	return binary.AppendVarint(binary.AppendUvarint(b, uint64(t.Nanosecond())),
		t.Unix()) //nolint:gosec // 0 to 999,999,999
}

const noTime = 1_000_000_000

func packCount(b []byte, c events.Count) []byte {
	n, ok := c.Get()
	if !ok {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(n)+1)
}

func packBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// packSize writes what a footprint says of a database.
func packSize(b []byte, f *events.Footprint) []byte {
	b = packText(packText(b, f.Flavor), f.FlavorID)
	return packCount(packCount(b, f.MemoryMB), f.VolumeGB)
}

// unpacker reads what was packed. After an error it reads zeros.
type unpacker struct {
	b      []byte
	failed bool
}

func (p *unpacker) fail() {
	p.b, p.failed = nil, true
}

func (p *unpacker) uint() uint64 {
	n, size := binary.Uvarint(p.b)
	if size <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[size:]
	return n
}

func (p *unpacker) int() int64 {
	n, size := binary.Varint(p.b)
	if size <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[size:]
	return n
}

// length reads how many things follow, each of at least one byte.
func (p *unpacker) length() int {
	n := p.uint()
	if n > uint64(len(p.b)) {
		p.fail()
		return 0
	}
	return int(n) //nolint:gosec // at most len(p.b)
}

func (p *unpacker) text() string {
	n := p.length()
	s := string(p.b[:n])
	p.b = p.b[n:]
	return s
}

func (p *unpacker) bool() bool {
	switch p.uint() {
	case 0:
		return false
	case 1:
		return true
	}
	p.fail()
	return false
}

func (p *unpacker) time() time.Time {
	nanoseconds := p.uint()
	if nanoseconds == noTime {
		return time.Time{}
	}
	seconds := p.int()
	if nanoseconds > noTime || seconds < math.MinInt32*10 || seconds > math.MaxInt32*10 {
		p.fail()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (p *unpacker) count() events.Count {
	n := p.uint()
	if n > math.MaxUint32+1 {
		p.fail()
	}
	if n == 0 || p.failed {
		return events.Count{}
	}
	return events.Some(uint32(n - 1)) //nolint:gosec // checked above
}

func (p *unpacker) size() events.Footprint {
	return events.Footprint{Flavor: p.text(), FlavorID: p.text(), MemoryMB: p.count(), VolumeGB: p.count()}
}

func (p *unpacker) end() error {
	if p.failed || len(p.b) > 0 {
		return errNoSnapshot
	}
	return nil
}

// AppendBinary implements encoding.BinaryAppender. It never fails.
func (in *instance) AppendBinary(b []byte) ([]byte, error) {
	b = packText(append(b, instanceForm), in.resource)
	for _, t := range []time.Time{in.born, in.tenantAt, in.nameAt, in.latest, in.lastSign, in.lastSeen, in.published,
		in.ended} {
		b = packTime(b, t)
	}
	b = packBool(packText(packText(b, in.tenant), in.name), in.gone)
	b = binary.AppendUvarint(b, uint64(len(in.facts)))
	for i := range in.facts {
		f := &in.facts[i]
		b = binary.AppendUvarint(packText(packText(b, f.id), f.event), f.sequence)
		b = packTime(packTime(packTime(b, f.at), f.observed), f.created)
		b = packCount(packCount(packSize(b, &f.footprint), f.oldVolume), f.oldMemory)
		b = packBool(packBool(b, f.noServer), f.volumeUnknown)
	}
	var looks []*look
	for i := range in.signs {
		if !slices.Contains(looks, in.signs[i].look) {
			looks = append(looks, in.signs[i].look)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(looks)))
	for _, l := range looks {
		b = packBool(packText(packText(b, l.flavor), l.flavorID), l.built)
	}
	b = binary.AppendUvarint(b, uint64(len(in.signs)))
	for i := range in.signs {
		s := &in.signs[i]
		b = binary.AppendVarint(binary.AppendVarint(b, s.at), s.at-s.seen)
		b = binary.AppendUvarint(binary.AppendUvarint(b, s.sequence),
			uint64(slices.Index(looks, s.look))) //nolint:gosec // it is there
	}
	b = binary.AppendUvarint(b, uint64(len(in.decisions)))
	for i := range in.decisions {
		d := &in.decisions[i]
		b = packSize(packBool(packTime(packText(packText(b, d.hold), d.id), d.at), d.release), &d.footprint)
	}
	b = binary.AppendUvarint(b, uint64(len(in.publishers)))
	for i := range in.publishers {
		b = binary.AppendVarint(packText(b, in.publishers[i].publisher), in.publishers[i].last)
	}
	b = binary.AppendUvarint(b, uint64(len(in.late)))
	for i := range in.late {
		f := &in.late[i]
		b = packSize(packTime(packText(packText(b, f.id), f.event), f.at), &f.footprint)
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It refuses what AppendBinary has not
// written, as far as it can be told.
func (in *instance) UnmarshalBinary(b []byte) error {
	p := unpacker{b: b}
	if p.uint() != instanceForm {
		return errNoSnapshot
	}
	*in = instance{resource: p.text()}
	for _, t := range []*time.Time{&in.born, &in.tenantAt, &in.nameAt, &in.latest, &in.lastSign, &in.lastSeen,
		&in.published, &in.ended} {
		*t = p.time()
	}
	in.tenant, in.name, in.gone = p.text(), p.text(), p.bool()
	in.facts = make([]troveFact, p.length())
	for i := range in.facts {
		in.facts[i] = troveFact{
			id: p.text(), event: p.text(), sequence: p.uint(), at: p.time(), observed: p.time(), created: p.time(),
			footprint: p.size(),
			oldVolume: p.count(), oldMemory: p.count(), noServer: p.bool(), volumeUnknown: p.bool(),
		}
	}
	looks := make([]*look, p.length())
	for i := range looks {
		looks[i] = &look{flavor: p.text(), flavorID: p.text(), built: p.bool()}
	}
	in.signs = make([]sign, p.length())
	for i := range in.signs {
		s := sign{at: p.int()}
		s.seen, s.sequence = s.at-p.int(), p.uint()
		at := p.uint()
		if at >= uint64(len(looks)) {
			return errNoSnapshot
		}
		s.look = looks[at]
		in.signs[i] = s
	}
	in.decisions = make([]decision, p.length())
	for i := range in.decisions {
		in.decisions[i] = decision{hold: p.text(), id: p.text(), at: p.time(), release: p.bool(), footprint: p.size()}
	}
	in.publishers = make([]reporter, p.length())
	for i := range in.publishers {
		in.publishers[i] = reporter{publisher: p.text(), last: p.int()}
	}
	in.late = make([]lateFact, p.length())
	for i := range in.late {
		in.late[i] = lateFact{id: p.text(), event: p.text(), at: p.time(), footprint: p.size()}
	}
	if len(in.facts)+len(in.signs) == 0 && in.ended.IsZero() && len(in.decisions) == 0 {
		return errNoSnapshot
	}
	return p.end()
}

// AppendBinary implements encoding.BinaryAppender. It never fails.
func (g *groups) AppendBinary(b []byte) ([]byte, error) {
	b = packTime(append(b, groupsForm), g.horizon)
	b = packBool(binary.AppendUvarint(b, uint64(g.windows)), g.moved) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(len(g.by)))
	for _, name := range slices.Sorted(maps.Keys(g.by)) {
		of := g.by[name]
		b = binary.AppendUvarint(packText(b, name), uint64(of.width)) //nolint:gosec // 0 to 2
		for _, numbers := range append(of.heard[:], of.pending) {
			b = binary.AppendUvarint(b, uint64(len(numbers)))
			for _, n := range numbers {
				b = binary.AppendVarint(b, n)
			}
		}
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It refuses what AppendBinary has not
// written, as far as it can be told.
func (g *groups) UnmarshalBinary(b []byte) error {
	p := unpacker{b: b}
	if p.uint() != groupsForm {
		return errNoSnapshot
	}
	*g = groups{horizon: p.time()}
	windows := p.uint()
	if windows > maxAbsenceWindows {
		return errNoSnapshot
	}
	g.windows, g.moved = int(windows), p.bool()
	n := p.length()
	g.by = make(map[string]*group, n)
	for range n {
		name, width := p.text(), p.uint()
		if width >= uint64(len(group{}.heard)) {
			return errNoSnapshot
		}
		of := &group{width: int(width)}
		for i := range of.heard {
			of.heard[i] = p.numbers()
		}
		of.pending = p.numbers()
		g.by[name] = of
	}
	return p.end()
}

// numbers reads ascending numbers.
func (p *unpacker) numbers() []int64 {
	out := make([]int64, p.length())
	for i := range out {
		out[i] = p.int()
	}
	if !slices.IsSorted(out) {
		p.fail()
	}
	return out
}
