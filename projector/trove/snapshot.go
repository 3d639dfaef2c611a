package trove

import (
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/projector/timeline"
)

// Pack implements timeline.Platform.
func (f *Foundation) Pack(p *timeline.Packer) {
	p.Length(f.ended.len())
	for id, end := range f.ended.sorted {
		p.Raw(id)
		p.Time(end)
	}
	f.groups.pack(p)
}

// Unpack implements timeline.Platform.
func (f *Foundation) Unpack(r *timeline.Reader) {
	for range r.Length() {
		f.ended.add(r.Raw(), r.Time())
	}
	f.groups.unpack(r)
}

// times are the times of an instance.
func (in *instance) times() [8]*time.Time {
	return [...]*time.Time{
		&in.born, &in.tenantAt, &in.nameAt, &in.latest, &in.lastReport, &in.lastSeen, &in.published,
		&in.ended,
	}
}

// Pack implements timeline.Timeline.
func (in *instance) Pack(p *timeline.Packer) {
	for _, t := range in.times() {
		p.Time(*t)
	}
	p.Text(in.tenant)
	p.Raw(in.name)
	p.Bool(in.gone)
	p.Length(len(in.facts))
	for i := range in.facts {
		in.facts[i].pack(p)
	}
	contents := in.contents()
	p.Length(len(contents))
	for _, l := range contents {
		p.Text(l.flavor)
		p.Text(l.flavorID)
		for _, text := range l.place.texts() {
			p.Text(*text)
		}
		p.Bool(l.built)
	}
	p.Length(len(in.reports))
	for i := range in.reports {
		s := &in.reports[i]
		p.Int(s.at)
		p.Int(s.at - s.seen)
		p.Uint(s.sequence)
		p.Uint(uint64(slices.Index(contents, s.content))) //nolint:gosec // it is there
	}
	p.Decisions(in.decisions)
	p.Length(len(in.publishers))
	for i := range in.publishers {
		p.Text(in.publishers[i].publisher)
		p.Int(in.publishers[i].last)
	}
	p.LateFacts(in.late)
	p.Observations(in.observations)
}

// contents are the different looks of the signs.
func (in *instance) contents() (contents []*content) {
	for i := range in.reports {
		if !slices.Contains(contents, in.reports[i].content) {
			contents = append(contents, in.reports[i].content)
		}
	}
	return contents
}

func (f *fact) pack(p *timeline.Packer) {
	p.Raw(f.id)
	p.Text(f.event)
	p.Uint(f.sequence)
	p.Time(f.at)
	p.Time(f.observed)
	p.Time(f.created)
	p.Footprint(&f.footprint)
	p.Count(f.oldVolume)
	p.Count(f.oldMemory)
	p.Bool(f.noServer)
	p.Bool(f.volumeUnknown)
}

// Unpack implements timeline.Timeline.
func (in *instance) Unpack(r *timeline.Reader) {
	for _, t := range in.times() {
		*t = r.Time()
	}
	in.tenant, in.name, in.gone = r.Text(), r.Raw(), r.Bool()
	for range r.Length() {
		if r.Failed() {
			return
		}
		in.facts = append(in.facts, fact{
			id: r.Raw(), event: r.Text(), sequence: r.Uint(), at: r.Time(), observed: r.Time(), created: r.Time(),
			footprint: *r.Footprint(), oldVolume: r.Count(), oldMemory: r.Count(), noServer: r.Bool(),
			volumeUnknown: r.Bool(),
		})
	}
	contents := make([]*content, 0, 4)
	for range r.Length() {
		if r.Failed() {
			return
		}
		l := &content{flavor: r.Text(), flavorID: r.Text()}
		for _, text := range l.place.texts() {
			*text = r.Text()
		}
		l.built = r.Bool()
		contents = append(contents, l)
	}
	for range r.Length() {
		s := report{at: r.Int()}
		s.seen, s.sequence = s.at-r.Int(), r.Uint()
		at := r.Below(uint64(len(contents)))
		if r.Failed() {
			return
		}
		s.content = contents[at]
		in.reports = append(in.reports, s)
	}
	in.decisions = r.Decisions()
	for range r.Length() {
		in.publishers = append(in.publishers, reporter{publisher: r.Text(), last: r.Int()})
	}
	in.late, in.observations = r.LateFacts(), r.Observations()
	if len(in.facts)+len(in.reports)+len(in.observations) == 0 && in.ended.IsZero() && len(in.decisions) == 0 {
		r.Fail()
	}
}

func (g *groups) pack(p *timeline.Packer) {
	p.Time(g.horizon)
	p.Bool(g.moved)
	p.Length(len(g.by))
	for _, name := range slices.Sorted(maps.Keys(g.by)) {
		of := g.by[name]
		p.Raw(name)
		p.Length(of.width)
		for _, numbers := range append(of.reported[:], of.pending) {
			p.Length(len(numbers))
			for _, n := range numbers {
				p.Int(n)
			}
		}
	}
}

func (g *groups) unpack(r *timeline.Reader) {
	g.horizon, g.moved = r.Time(), r.Bool()
	for range r.Length() {
		name := r.Raw()
		of := &group{width: int(r.Below(uint64(len(group{}.reported))))} //nolint:gosec // 0 to 2
		for i := range of.reported {
			of.reported[i] = numbers(r)
		}
		of.pending = numbers(r)
		g.by[name] = of
	}
}

// numbers reads ascending numbers.
func numbers(r *timeline.Reader) (out []int64) {
	for range r.Length() {
		out = append(out, r.Int())
	}
	if !slices.IsSorted(out) {
		r.Fail()
	}
	return out
}
