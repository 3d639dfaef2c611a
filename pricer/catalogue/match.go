package catalogue

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events"
)

// Resource is the input of the choice of a plan. The counts of the footprint play no part.
type Resource struct {
	Foundation string
	Tenant     string
	Space      string // guid
	SpaceName  string
	Kind       string
	Footprint  events.Footprint
}

// field is a field of a match.
type field uint8

const (
	fieldKind field = iota
	fieldBuildpack
	fieldProcessType
	fieldPlan
	fieldOffering
	fieldBroker
	fieldFlavor
	fieldDatastore
	fieldRegion
	fieldZone
	fieldSpace
	fieldTenant
	fieldFoundation
	fields = iota
)

var fieldNames = [fields]string{
	"kind", "buildpack", "process_type", "plan", "offering", "broker", "flavor", "datastore", "region",
	"availability_zone", "space", "tenant", "foundation",
}

var kinds = []string{
	events.KindApp, events.KindTask, events.KindStaging, events.KindService, events.KindInstance,
	events.KindVolume,
}

// has reports whether resources of a kind have the field.
func (f field) has(kind string) bool {
	switch f {
	case fieldBuildpack, fieldProcessType:
		return kind == events.KindApp || kind == events.KindTask || kind == events.KindStaging
	case fieldPlan, fieldOffering, fieldBroker:
		return kind == events.KindService
	case fieldFlavor:
		return kind == events.KindInstance
	case fieldDatastore, fieldRegion, fieldZone:
		return kind == events.KindInstance || kind == events.KindVolume
	case fieldSpace:
		return kind != events.KindInstance && kind != events.KindVolume
	default:
		return true
	}
}

// values returns pointers to the name and the id to compare the field with; the id is nil where
// there is none.
func (r *Resource) values(f field) (name, id *string) {
	p := &r.Footprint
	switch f {
	case fieldKind:
		return &r.Kind, nil
	case fieldBuildpack:
		return &p.Buildpack, &p.BuildpackGUID
	case fieldProcessType:
		return &p.ProcessType, nil
	case fieldPlan:
		return &p.Plan, &p.PlanGUID
	case fieldOffering:
		return &p.Offering, &p.OfferingGUID
	case fieldBroker:
		return &p.Broker, &p.BrokerGUID
	case fieldFlavor:
		return &p.Flavor, &p.FlavorID
	case fieldDatastore:
		return &p.Datastore, &p.DatastoreID
	case fieldRegion:
		return &p.Region, nil
	case fieldZone:
		return &p.AvailabilityZone, nil
	case fieldSpace:
		return &r.SpaceName, &r.Space
	case fieldTenant:
		return &r.Tenant, nil
	default:
		return &r.Foundation, nil
	}
}

// Constraint is one field of a match. In Glob, * stands for any characters and ? for one; slashes
// are ordinary.
type Constraint struct {
	Field string
	Glob  string

	field field
	wild  bool
}

func newConstraint(f field, glob string) Constraint {
	return Constraint{Field: fieldNames[f], Glob: glob, field: f, wild: strings.ContainsAny(glob, "*?")}
}

// literal counts the characters of the glob without wildcards.
func (c *Constraint) literal() int {
	return utf8.RuneCountInString(c.Glob) - strings.Count(c.Glob, "*") - strings.Count(c.Glob, "?")
}

func (c *Constraint) matches(r *Resource) bool {
	if !c.field.has(r.Kind) {
		return false
	}
	name, id := r.values(c.field)
	if !c.wild {
		return c.Glob == *name || id != nil && c.Glob == *id
	}
	return glob(c.Glob, *name) || id != nil && glob(c.Glob, *id)
}

// glob matches the whole of s. It goes back to the last * only, and so takes at most len(pattern) ×
// len(s) steps.
func glob(pattern, s string) bool {
	star, rest := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, rest = i, j
			i++
		case i < len(pattern) && pattern[i] == '?':
			_, size := utf8.DecodeRuneInString(s[j:])
			i++
			j += size
		case i < len(pattern) && pattern[i] == s[j]:
			i++
			j++
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[rest:])
			rest += size
			i, j = star+1, rest
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

func (p *Plan) matches(r *Resource) bool {
	for i := range p.Match {
		if !p.Match[i].matches(r) {
			return false
		}
	}
	return true
}

// mayMatch reports whether the plan would match a process of unknown type if it had some other
// type. A process never changes its type: an event that says it may come.
func (p *Plan) mayMatch(r *Resource) bool {
	if r.Kind != events.KindApp || r.Footprint.ProcessType != "" {
		return false
	}
	byType := false
	for i := range p.Match {
		switch m := &p.Match[i]; {
		case m.matches(r):
		case m.field != fieldProcessType:
			return false
		default:
			byType = true
		}
	}
	return byType
}

// verdict is the plan in force at a time among the matching ones, the most specific first, and why
// it prices nothing: it has no rates yet, or a contender, a plan by a type that is not known, would
// win against it. The plan is nil where none is in force. The reason is empty where the plan is the
// choice.
func verdict(matching, contenders []*Plan, at time.Time) (best *Plan, reason string) {
	if i := slices.IndexFunc(matching, func(p *Plan) bool { return p.inForce(at) }); i >= 0 {
		best = matching[i]
	}
	for _, p := range contenders {
		if p.inForce(at) && (best == nil || bySpecificity(p, best) < 0) {
			return best, "the process type is not known, and plan " + p.Name + " is by type: the next event that " +
				"says the type decides"
		}
	}
	switch {
	case best == nil:
		return nil, "no plan that matches is in force"
	case at.Before(best.rated):
		return best, best.unrated
	}
	return best, ""
}

// none says why no plan matches a resource: by which of its fields the nearest one does not.
func (c *Catalogue) none(r *Resource) string {
	var nearest *Plan
	least := 0
	for _, p := range c.Plans {
		n := p.misses(r)
		if n > 0 && (nearest == nil || n < least || n == least && bySpecificity(p, nearest) < 0) {
			nearest, least = p, n
		}
	}
	if nearest == nil {
		return "no plan matches: none is for the kind " + r.Kind
	}
	return "no plan matches; the nearest is " + nearest.Name + ": " + strings.Join(nearest.mismatches(r), "; ")
}

// misses counts the fields of the match that do not match; 0 for a plan for something else, which
// is never near.
func (p *Plan) misses(r *Resource) (n int) {
	for i := range p.Match {
		if m := &p.Match[i]; !m.matches(r) {
			if m.field == fieldKind {
				return 0
			}
			n++
		}
	}
	return n
}

// mismatches says of each field of the match that does not match, why.
func (p *Plan) mismatches(r *Resource) (reasons []string) {
	for i := range p.Match {
		if m := &p.Match[i]; !m.matches(r) {
			reasons = append(reasons, m.mismatch(r))
		}
	}
	return reasons
}

// inForce reports whether the version's prices hold at t.
func (p *Plan) inForce(t time.Time) bool {
	return !t.Before(p.ValidFrom) && (p.Until.IsZero() || t.Before(p.Until))
}

// bySpecificity orders plans: the winner first.
func bySpecificity(a, b *Plan) int {
	return cmp.Or(cmp.Compare(len(b.Match), len(a.Match)), cmp.Compare(b.literal, a.literal), cmp.Compare(b.position,
		a.position))
}

// Choice is the plan of a resource from a time until the next choice.
type Choice struct {
	From   time.Time
	Plan   *Plan  // nil where nothing prices the resource
	Reason string // why Plan is nil
}

type choices []Choice

// maxChosen bounds the cache of choices. It holds one entry for each combination of relevant
// fields.
const maxChosen = 20_000

// Choices returns the plans of the resource over time: at least one choice, by time, the first one
// from the zero time on. A plan is chosen only from when its currencies and VAT codes have rates.
// The result must not be changed.
func (c *Catalogue) Choices(r *Resource) []Choice {
	key := c.key(r)
	c.mu.RLock()
	found := c.chosen[key]
	c.mu.RUnlock()
	if found != nil {
		return found
	}
	found = c.choose(&key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.chosen) >= maxChosen {
		clear(c.chosen)
	}
	c.chosen[key] = found
	return found
}

// key keeps the relevant fields of a resource.
func (c *Catalogue) key(r *Resource) Resource {
	key := Resource{Kind: r.Kind}
	for f := fieldBuildpack; f < fields; f++ {
		if !c.relevant[f] || !f.has(r.Kind) {
			continue
		}
		name, id := r.values(f)
		keyName, keyID := key.values(f)
		*keyName = *name
		if id != nil {
			*keyID = *id
		}
	}
	return key
}

func (c *Catalogue) choose(r *Resource) choices {
	var matching, contenders []*Plan
	for _, p := range c.index.candidates(r) {
		switch {
		case p.matches(r):
			matching = append(matching, p)
		case p.mayMatch(r):
			contenders = append(contenders, p)
		}
	}
	if len(matching)+len(contenders) == 0 {
		return choices{{Reason: c.none(r)}}
	}
	slices.SortFunc(matching, bySpecificity)
	boundaries := []time.Time{{}}
	for _, p := range slices.Concat(matching, contenders) {
		boundaries = append(boundaries, p.ValidFrom, p.rated)
		if !p.Until.IsZero() {
			boundaries = append(boundaries, p.Until)
		}
	}
	slices.SortFunc(boundaries, time.Time.Compare)
	var out choices
	for _, t := range slices.CompactFunc(boundaries, time.Time.Equal) {
		choice := Choice{From: t}
		if choice.Plan, choice.Reason = verdict(matching, contenders, t); choice.Reason != "" {
			choice.Plan = nil
		}
		if n := len(out); n == 0 || out[n-1].Plan != choice.Plan || out[n-1].Reason != choice.Reason {
			out = append(out, choice)
		}
	}
	return out
}
