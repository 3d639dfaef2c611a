package projector

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
)

// This file writes the state of a meter into snapshots and reads it: numbers as varints; texts,
// footprints, labels and gaps once, and then by their number. What follows from the rest (the
// states after the facts) is derived anew on reading.

// snapshotForm begins every snapshot, so that one of another form is refused and not misread.
const snapshotForm = "daybook projector snapshot 5\n"

var (
	errDamaged = errors.New("the projector's snapshot is damaged")
	errSense   = errors.New("what it holds makes no sense")
)

// packer writes a snapshot.
type packer struct {
	b      []byte
	texts  map[string]uint64
	sizes  map[events.Footprint]uint64
	labels map[labels]uint64
	gaps   map[*gap]uint64
}

func (p *packer) uint(n uint64)   { p.b = binary.AppendUvarint(p.b, n) }
func (p *packer) length(n int)    { p.uint(uint64(n)) } //nolint:gosec // lengths are not negative
func (p *packer) moment(m moment) { p.b = binary.AppendVarint(p.b, int64(m)) }
func (p *packer) bool(v bool)     { p.b = packBool(p.b, v) }

// known writes the number of a value, and reports whether its content is to follow because it is
// new.
func known[K comparable](p *packer, seen map[K]uint64, value K) bool {
	if n, ok := seen[value]; ok {
		p.uint(n)
		return true
	}
	seen[value] = uint64(len(seen)) + 1
	p.uint(0)
	return false
}

func (p *packer) text(s string) {
	if !known(p, p.texts, s) {
		p.b = packText(p.b, s)
	}
}

func (p *packer) size(f *events.Footprint) {
	if known(p, p.sizes, *f) {
		return
	}
	for _, c := range footprintCounts(f) {
		p.b = packCount(p.b, *c)
	}
	for _, t := range footprintTexts(f) {
		p.text(*t)
	}
}

func footprintCounts(f *events.Footprint) [3]*events.Count {
	return [...]*events.Count{&f.Instances, &f.MemoryMB, &f.VolumeGB}
}

func footprintTexts(f *events.Footprint) [11]*string {
	return [...]*string{
		&f.ProcessType, &f.Buildpack, &f.BuildpackGUID, &f.Plan, &f.PlanGUID, &f.Offering, &f.OfferingGUID, &f.Broker,
		&f.BrokerGUID,
		&f.Flavor, &f.FlavorID,
	}
}

func (p *packer) label(l *labels) {
	if known(p, p.labels, *l) {
		return
	}
	for _, t := range l.texts() {
		p.text(*t)
	}
	p.bool(l.muted)
}

func (l *labels) texts() [5]*string {
	return [...]*string{&l.app, &l.tenant, &l.space, &l.spaceName, &l.name}
}

// gap writes a gap, or that there is none.
func (p *packer) gap(g *gap) {
	if known(p, p.gaps, g) || g == nil {
		return
	}
	p.text(g.id)
	p.uint(g.sequence)
	p.moment(g.from)
	p.moment(g.to)
	p.text(g.reason)
	p.text(g.list)
}

func (p *packer) id(id factID) { p.b = append(p.b, id[:]...) }

// place writes the sequences from the root to a place; none for nil.
func (p *packer) place(at *place) {
	var path []uint64
	for ; at != nil; at = at.after {
		path = append(path, at.sequence)
	}
	p.length(len(path))
	for _, sequence := range slices.Backward(path) {
		p.uint(sequence)
	}
}

func (p *packer) fact(x *fact) {
	p.uint(x.sequence)
	p.id(x.id)
	p.moment(x.time)
	p.label(x.of)
	p.size(x.size)
	p.uint(uint64(x.verb) | uint64(x.before)<<3)
	p.bool(x.rare != nil)
	if x.rare != nil {
		p.place(x.rare.late)
		p.moment(x.rare.listed)
		p.b = packCount(packCount(p.b, x.rare.instances), x.rare.memory)
	}
}

func (p *packer) numbers(list []uint64) {
	p.length(len(list))
	for _, n := range list {
		p.uint(n)
	}
}

func (p *packer) cause(c *cause) {
	p.gap(c.gap)
	p.id(c.fact)
	p.uint(uint64(c.note))
}

func (p *packer) state(s *state) {
	p.moment(s.at)
	p.bool(s.known)
	p.bool(s.running)
	if g := &s.segment; s.running {
		p.moment(g.start)
		p.moment(g.since)
		p.label(g.of)
		p.size(g.size)
		p.uint(uint64(g.flags))
		p.id(g.opener)
		p.uint(g.opening)
		p.numbers(g.more)
		p.moment(g.told)
		p.moment(g.heldTo)
		p.cause(&g.heldBy)
		p.bool(g.muted)
	}
	p.gap(s.doubt.gap)
	p.moment(s.doubt.from)
	p.moment(s.doubt.to)
	p.moment(s.doubt.listed)
	p.bool(s.doubt.old)
	p.moment(s.until)
	p.gap(s.untilBy)
	p.held(s.held)
}

func (p *packer) held(held []part) {
	p.length(len(held))
	for i := range held {
		h := &held[i]
		p.moment(h.start)
		p.moment(h.end)
		p.moment(h.since)
		p.label(h.of)
		p.size(h.size)
		p.uint(uint64(h.flags))
		p.uint(h.opening)
		p.numbers(h.more)
		p.uint(h.ending)
		p.cause(&h.cause)
	}
}

func (p *packer) track(t *track) {
	p.text(t.kind)
	p.text(t.resource)
	p.text(t.sub.key.resource)
	p.text(t.sub.tenant)
	if p.bool(t.trove != nil); t.trove != nil {
		b, _ := t.trove.AppendBinary(nil) // which never fails
		p.b = packText(p.b, string(b))
		return
	}
	if p.bool(t.base != nil); t.base != nil {
		p.state(t.base)
		p.uint(t.baseKey.sequence)
		p.place(t.baseKey.late)
		p.uint(t.passed.sequence)
		p.moment(t.passed.to)
	}
	p.length(len(t.facts))
	for i := range t.facts {
		p.fact(&t.facts[i])
	}
	p.moment(t.published)
	p.length(t.clean)
	p.held(t.doubted)
	p.length(len(t.decisions))
	for i := range t.decisions {
		d := &t.decisions[i]
		p.text(d.hold)
		p.text(d.id)
		p.b = packTime(p.b, d.at)
		p.bool(d.release)
		p.size(&d.footprint)
	}
	p.length(len(t.late))
	for i := range t.late {
		l := &t.late[i]
		p.text(l.id)
		p.text(l.event)
		p.b = packTime(p.b, l.at)
		p.size(&l.footprint)
	}
}

func (p *packer) foundation(f *foundation) {
	r := &f.rules
	p.text(r.source)
	p.text(r.name)
	p.moment(r.horizon)
	p.moment(r.closed)
	p.length(len(r.gaps))
	for _, g := range r.gaps {
		p.gap(g)
	}
	p.uint(r.settled)
	p.uint(r.dropped)
	p.state(&r.base[0])
	p.state(&r.base[1])
	p.length(len(f.collectors))
	for _, name := range slices.Sorted(maps.Keys(f.collectors)) {
		p.text(name)
		p.moment(f.collectors[name].at)
		p.bool(f.collectors[name].retired)
	}
	p.length(len(f.places))
	for _, sequence := range slices.Sorted(maps.Keys(f.places)) {
		p.place(f.places[sequence])
		p.moment(f.places[sequence].found)
	}
	p.uint(f.forgotten)
	p.length(len(f.ended))
	for _, resource := range slices.Sorted(maps.Keys(f.ended)) {
		p.text(resource)
		p.b = packTime(p.b, f.ended[resource])
	}
	groups, _ := f.groups.AppendBinary(nil) // which never fails
	p.b = packText(p.b, string(groups))
	p.length(len(f.tracks))
	for _, key := range slices.SortedFunc(maps.Keys(f.tracks), compareTracks) {
		p.track(f.tracks[key])
	}
}

func compareTracks(a, b trackKey) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.resource, b.resource))
}

// Snapshot returns the state as bytes.
func (m *Meter) Snapshot() []byte {
	p := packer{texts: map[string]uint64{}, sizes: map[events.Footprint]uint64{}, labels: map[labels]uint64{},
		gaps: map[*gap]uint64{nil: 1}}
	p.b = append(p.b, snapshotForm...)
	p.length(len(m.foundations))
	for _, key := range slices.SortedFunc(maps.Keys(m.foundations), func(a, b foundationKey) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	}) {
		p.foundation(m.foundations[key])
	}
	return binary.BigEndian.AppendUint32(p.b, crc32.ChecksumIEEE(p.b))
}

// reader reads a snapshot. After an error it reads zeros.
type reader struct {
	unpacker
	m      *Meter
	texts  []string
	sizes  []*events.Footprint
	labels []*labels
	gaps   []*gap
	places map[[2]uint64]*place // of the foundation that is read, by the sequence that they follow, and their own
}

// RestoreMeter returns the meter of a snapshot. It refuses what Snapshot has not written, as far as
// it can be told.
func RestoreMeter(s Settings, snapshot []byte) (*Meter, error) {
	end := len(snapshot) - 4
	if end < len(snapshotForm) || string(snapshot[:len(snapshotForm)]) != snapshotForm {
		return nil, fmt.Errorf("%w: it does not begin like one", errDamaged)
	}
	if crc32.ChecksumIEEE(snapshot[:end]) != binary.BigEndian.Uint32(snapshot[end:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	r := reader{unpacker: unpacker{b: snapshot[len(snapshotForm):end]}, m: NewMeter(s), gaps: []*gap{nil}}
	for range r.length() {
		if err := r.foundation(); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return r.m, nil
}

func (r *reader) moment() moment { return moment(r.int()) }

// seen returns the value whose number comes, or a new one that `read` reads.
func seen[V any](r *reader, list *[]V, read func() V) V {
	n := r.uint()
	if n == 0 && !r.failed {
		v := read()
		*list = append(*list, v)
		return v
	}
	if n > uint64(len(*list)) || r.failed {
		r.fail()
		var none V
		return none
	}
	return (*list)[n-1]
}

func (r *reader) text() string { return seen(r, &r.texts, r.unpacker.text) }

func (r *reader) size() *events.Footprint {
	f := seen(r, &r.sizes, func() *events.Footprint {
		var f events.Footprint
		for _, c := range footprintCounts(&f) {
			*c = r.count()
		}
		for _, t := range footprintTexts(&f) {
			*t = r.text()
		}
		return &f
	})
	if f == nil {
		f = &events.Footprint{}
	}
	return f
}

func (r *reader) label() *labels {
	l := seen(r, &r.labels, func() *labels {
		var l labels
		for _, t := range l.texts() {
			*t = r.text()
		}
		l.muted = r.bool()
		return &l
	})
	if l == nil {
		l = &labels{}
	}
	return l
}

func (r *reader) gap() *gap {
	return seen(r, &r.gaps, func() *gap {
		return &gap{id: r.text(), sequence: r.uint(), from: r.moment(), to: r.moment(), reason: r.text(),
			list: r.text()}
	})
}

func (r *reader) id() (id factID) {
	if len(r.b) < len(id) {
		r.fail()
		return id
	}
	r.b = r.b[copy(id[:], r.b):]
	return id
}

func (r *reader) place() *place {
	var at *place
	for range r.length() {
		sequence := r.uint()
		step := [2]uint64{0, sequence}
		p := &place{sequence: sequence, after: at}
		if at != nil {
			step[0], p.depth = at.sequence, at.depth+1
			if sequence <= at.sequence {
				r.fail()
			}
		}
		if known := r.places[step]; known != nil && known.depth == p.depth {
			p = known
		} else {
			r.places[step] = p
		}
		at = p
	}
	return at
}

func (r *reader) fact() fact {
	x := fact{sequence: r.uint(), id: r.id(), time: r.moment(), of: r.label(), size: r.size()}
	what := r.uint()
	x.verb, x.before = verb(what&7), earlier(what>>3&3)
	if r.bool() {
		x.rare = &rare{late: r.place(), listed: r.moment(), instances: r.count(), memory: r.count()}
	}
	if x.verb > buildpackSet || what > 31 {
		r.fail()
	}
	return x
}

func (r *reader) numbers() []uint64 {
	var list []uint64
	for range r.length() {
		list = append(list, r.uint())
	}
	return list
}

func (r *reader) cause() cause {
	c := cause{gap: r.gap(), fact: r.id()}
	n := r.uint()
	if n > uint64(noteOld) {
		r.fail()
	}
	c.note = note(n) //nolint:gosec // checked
	return c
}

func (r *reader) flags() events.Flags {
	n := r.uint()
	if n > uint64(events.InferredStart|events.InferredEnd|events.ProvisionalEnd) {
		r.fail()
	}
	return events.Flags(n) //nolint:gosec // checked
}

func (r *reader) state() *state {
	s := state{at: r.moment(), known: r.bool(), running: r.bool()}
	if s.running {
		s.segment = segment{
			start: r.moment(), since: r.moment(), of: r.label(), size: r.size(), flags: r.flags(), opener: r.id(),
			opening: r.uint(),
			more:    r.numbers(), told: r.moment(), heldTo: r.moment(), heldBy: r.cause(), muted: r.bool(),
		}
		if s.segment.heldTo != always && s.segment.heldBy.gap == nil {
			r.fail()
		}
	}
	s.doubt = doubt{gap: r.gap(), from: r.moment(), to: r.moment(), listed: r.moment(), old: r.bool()}
	s.until, s.untilBy = r.moment(), r.gap()
	if s.until != always && s.untilBy == nil {
		r.fail()
	}
	s.held = r.held()
	return &s
}

func (r *reader) held() (held []part) {
	for range r.length() {
		p := part{
			start: r.moment(), end: r.moment(), since: r.moment(), of: r.label(), size: r.size(), flags: r.flags(),
			opening: r.uint(),
			more:    r.numbers(), ending: r.uint(), cause: r.cause(),
		}
		if p.cause.gap == nil {
			r.fail()
		}
		held = append(held, p)
	}
	return held
}

func (r *reader) track(f *foundation) error {
	id := trackKey{r.text(), r.text()}
	subKey, tenant := subjectKey{id.kind, r.text()}, r.text()
	if f.tracks[id] != nil {
		return fmt.Errorf("%s %q stands there twice", id.kind, id.resource)
	}
	sub := f.subjects[subKey]
	if sub == nil {
		sub = &subject{key: subKey, tenant: tenant}
		f.subjects[subKey] = sub
	}
	sub.tracks++
	t := newTrack(id.kind, id.resource, sub)
	f.tracks[id] = t
	if r.bool() {
		t.trove = newInstance(id.resource)
		if err := t.trove.UnmarshalBinary([]byte(r.unpacker.text())); err != nil {
			return err
		}
		f.list(t)
		return nil
	}
	if id.kind == events.KindInstance {
		r.fail()
	}
	if r.bool() {
		t.base = r.state()
		t.baseKey = key{r.uint(), r.place()}
		t.passed = passed{r.uint(), r.moment()}
	}
	n := r.length()
	t.facts = make([]fact, 0, min(n, 64))
	for range n {
		if r.failed {
			break
		}
		t.facts = append(t.facts, r.fact())
	}
	t.published, t.clean = r.moment(), int(r.uint()) //nolint:gosec // checked below
	if t.clean < 0 || t.clean > len(t.facts) {
		r.fail()
	}
	t.doubted = r.held()
	for range r.length() {
		t.decisions = append(t.decisions, decision{hold: r.text(), id: r.text(), at: r.time(), release: r.bool(),
			footprint: *r.size()})
	}
	for range r.length() {
		t.late = append(t.late, lateFact{id: r.text(), event: r.text(), at: r.time(), footprint: *r.size()})
	}
	if r.failed {
		return errSense
	}
	t.wake(&f.rules)
	f.list(t)
	t.rest()
	return nil
}

// wake derives what follows from the facts.
func (t *track) wake(r *rules) {
	t.clamp(r, 0)
	if t.kind != events.KindStaging {
		t.state(r)
		return
	}
	b := t.deriveBuilds(r, r.horizon)
	t.due = b.due(r)
}

func (r *reader) foundation() error {
	source, name := r.text(), r.text()
	if r.failed || r.m.foundations[foundationKey{source, name}] != nil {
		return errSense
	}
	f := r.m.foundation(source, name)
	rules := &f.rules
	r.places = map[[2]uint64]*place{}
	rules.horizon, rules.closed = r.moment(), r.moment()
	if rules.closed != always {
		f.troveRules.Closed = rules.closed.time()
	}
	for range r.length() {
		g := r.gap()
		if g == nil {
			r.fail()
			break
		}
		rules.gaps = append(rules.gaps, g)
	}
	rules.settled, rules.dropped = r.uint(), r.uint()
	rules.base = [2]state{*r.state(), *r.state()}
	for range r.length() {
		f.collectors[r.text()] = collectorHorizon{at: r.moment(), retired: r.bool()}
	}
	for range r.length() {
		if p := r.place(); p != nil {
			p.found = r.moment()
			f.places[p.sequence] = p
		}
	}
	f.forgotten = r.uint()
	for range r.length() {
		f.ended[r.text()] = r.time()
	}
	if err := f.groups.UnmarshalBinary([]byte(r.unpacker.text())); err != nil {
		return err
	}
	for range r.length() {
		if r.failed {
			break
		}
		if err := r.track(f); err != nil {
			return err
		}
	}
	if r.failed {
		return errSense
	}
	return nil
}
