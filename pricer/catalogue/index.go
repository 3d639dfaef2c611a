package catalogue

import (
	"cmp"
	"slices"
	"strings"
)

// index finds the plans that may match a resource without a look at each plan. A plan stands under
// one text of its match that few plans have: a value without wildcards, or the beginning or the end
// of a glob.
type index struct {
	plans [fields][affixes]texts
	rest  []*Plan // plans whose match has no such text
}

// affix is the part of a value that a text is compared with.
type affix uint8

const (
	whole affix = iota
	beginning
	ending
	affixes = iota
)

// texts are the plans under the texts of one field.
type texts struct {
	plans   map[string][]*Plan
	lengths []int // of the texts, ascending; unused for whole
}

// entry is a place for a plan in the index.
type entry struct {
	field field
	affix affix
	text  string
}

// entries are the places where a plan may stand. The type of a process is none: a plan by type is
// compared with a process of unknown type, too.
func (p *Plan) entries() (list []entry) {
	for i := range p.Match {
		m := &p.Match[i]
		if m.field == fieldProcessType {
			continue
		}
		if !m.wild {
			list = append(list, entry{m.field, whole, m.Glob})
			continue
		}
		if n := strings.IndexAny(m.Glob, "*?"); n > 0 {
			list = append(list, entry{m.field, beginning, m.Glob[:n]})
		}
		if n := strings.LastIndexAny(m.Glob, "*?"); n+1 < len(m.Glob) {
			list = append(list, entry{m.field, ending, m.Glob[n+1:]})
		}
	}
	return list
}

// newIndex puts each plan under the entry with the fewest plans.
func newIndex(plans []*Plan) *index {
	shared := map[entry]int{}
	for _, p := range plans {
		for _, e := range p.entries() {
			shared[e]++
		}
	}
	x := &index{}
	for _, p := range plans {
		all := p.entries()
		if len(all) == 0 {
			x.rest = append(x.rest, p)
			continue
		}
		best := slices.MinFunc(all, func(a, b entry) int {
			return cmp.Or(cmp.Compare(shared[a], shared[b]), cmp.Compare(a.affix, b.affix),
				cmp.Compare(len(b.text), len(a.text)))
		})
		at := &x.plans[best.field][best.affix]
		if at.plans == nil {
			at.plans = map[string][]*Plan{}
		}
		at.plans[best.text] = append(at.plans[best.text], p)
		if n, found := slices.BinarySearch(at.lengths, len(best.text)); !found {
			at.lengths = slices.Insert(at.lengths, n, len(best.text))
		}
	}
	return x
}

// candidates are the plans that may match a resource, in the order of the file: every plan that
// matches it, or would if its process had another type, is among them.
func (x *index) candidates(r *Resource) []*Plan {
	list := slices.Clone(x.rest)
	for f := range fields {
		if f := field(f); f.has(r.Kind) {
			name, id := r.values(f)
			list = x.under(list, f, *name)
			if id != nil && *id != *name {
				list = x.under(list, f, *id)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Plan) int { return cmp.Compare(a.position, b.position) })
	return slices.Compact(list)
}

// under appends the plans under a value of a field.
func (x *index) under(list []*Plan, f field, value string) []*Plan {
	at := &x.plans[f]
	list = append(list, at[whole].plans[value]...)
	for _, n := range at[beginning].lengths {
		if n > len(value) {
			break
		}
		list = append(list, at[beginning].plans[value[:n]]...)
	}
	for _, n := range at[ending].lengths {
		if n > len(value) {
			break
		}
		list = append(list, at[ending].plans[value[len(value)-n:]]...)
	}
	return list
}
