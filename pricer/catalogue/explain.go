package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Explanation names the plan of a resource at a time, and tells why.
type Explanation struct {
	Resource   Resource
	At         time.Time
	Winner     *Plan       // nil when nothing prices the resource
	Why        string      // why Winner won, or why there is none
	Candidates []Candidate // every plan version: matching ones first, the most specific first, then by file order
}

// Candidate is a considered plan version.
type Candidate struct {
	Plan    *Plan
	Matches bool // its fields match the resource
	InForce bool // its prices hold at the time
	Won     bool
	Reason  string // why it lost or won
}

// Explain considers every plan version for the resource at a time.
func (c *Catalogue) Explain(r Resource, at time.Time) Explanation {
	e := Explanation{Resource: r, At: at}
	contenders := slices.DeleteFunc(slices.Clone(c.Plans), func(p *Plan) bool { return !p.mayMatch(&r) })
	order := slices.Clone(c.Plans)
	slices.SortFunc(order, func(a, b *Plan) int {
		switch am, bm := a.matches(&r), b.matches(&r); {
		case am && bm:
			return bySpecificity(a, b)
		case am != bm && am:
			return -1
		case am != bm:
			return 1
		}
		return cmp.Compare(a.position, b.position)
	})
	matching := slices.DeleteFunc(slices.Clone(order), func(p *Plan) bool { return !p.matches(&r) })
	best, reason := verdict(matching, contenders, at)
	second := slices.IndexFunc(matching, func(p *Plan) bool { return p != best && p.inForce(at) })
	for _, p := range order {
		e.Candidates = append(e.Candidates, p.candidate(&r, at, best))
	}
	switch {
	case len(matching)+len(contenders) == 0:
		e.Why = c.none(&r)
	case reason != "":
		e.Why = reason
	case second < 0:
		e.Winner, e.Why = best, "the only plan in force that matches"
	default:
		e.Winner, e.Why = best, better(best, matching[second])
	}
	for i := range e.Candidates {
		if e.Winner != nil && e.Candidates[i].Plan == e.Winner {
			e.Candidates[i].Won, e.Candidates[i].Reason = true, e.Why
		}
	}
	return e
}

func (p *Plan) candidate(r *Resource, at time.Time, best *Plan) Candidate {
	c := Candidate{Plan: p, Matches: p.matches(r), InForce: p.inForce(at)}
	reasons := p.mismatches(r)
	switch {
	case at.Before(p.ValidFrom):
		reasons = append(reasons, "not in force before "+events.FormatTime(p.ValidFrom))
	case !c.InForce:
		reasons = append(reasons, "replaced by a later version at "+events.FormatTime(p.Until))
	}
	if len(reasons) == 0 && p == best {
		reasons = append(reasons, p.unrated)
	} else if len(reasons) == 0 {
		reasons = append(reasons, "plan "+best.Name+" has "+better(best, p))
	}
	c.Reason = strings.Join(reasons, "; ")
	return c
}

func (c *Constraint) mismatch(r *Resource) string {
	if !c.field.has(r.Kind) {
		return fmt.Sprintf("%s: a resource of kind %s has none", c.Field, r.Kind)
	}
	if c.field == fieldSpace && r.Space != "" { // reasons are published, and names of spaces may be erased
		return fmt.Sprintf("%s %q is neither the name of space %q nor its guid", c.Field, c.Glob, clip(r.Space))
	}
	name, id := r.values(c.field)
	if id != nil && *id != "" {
		return fmt.Sprintf("%s %q is neither %q nor %q", c.Field, c.Glob, clip(*name), clip(*id))
	}
	return fmt.Sprintf("%s %q is not %q", c.Field, c.Glob, clip(*name))
}

// better says why a is more specific than b.
func better(a, b *Plan) string {
	switch {
	case len(a.Match) != len(b.Match):
		return fmt.Sprintf("more fields in its match (%d against %d of %s)", len(a.Match), len(b.Match), b.Name)
	case a.literal != b.literal:
		return fmt.Sprintf("more literal characters in its match (%d against %d of %s)", a.literal, b.literal, b.Name)
	default:
		return fmt.Sprintf("the same specificity as %s and a later place in the file (line %d against %d)", b.Name,
			a.Line, b.Line)
	}
}

// String renders the explanation for a terminal: the outcome, then one line a candidate.
func (e *Explanation) String() string {
	var b strings.Builder
	if e.Winner != nil {
		fmt.Fprintf(&b, "plan %s (line %d, valid from %s): %s\n", e.Winner.Name, e.Winner.Line,
			events.FormatTime(e.Winner.ValidFrom), e.Why)
	} else {
		fmt.Fprintf(&b, "no plan: %s\n", e.Why)
	}
	for _, c := range e.Candidates {
		bullet := "-"
		if c.Won {
			bullet = "*"
		}
		var match []string
		for _, m := range c.Plan.Match {
			match = append(match, m.Field+": "+m.Glob)
		}
		fmt.Fprintf(&b, "%s %s (line %d, valid from %s, match {%s}): %s\n", bullet, c.Plan.Name, c.Plan.Line,
			events.FormatTime(c.Plan.ValidFrom), strings.Join(match, ", "), c.Reason)
	}
	return b.String()
}
