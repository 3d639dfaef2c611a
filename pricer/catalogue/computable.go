package catalogue

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// This file refuses prices that the footprints of a plan would find wrong one day: those that
// divide by zero or can never be computed, and negative ones.

// computable reports what is wrong with a formula for the footprints of its plan, to a strict
// reader only.
func (r *reader) computable(p *Plan, c *Component, f *formula.Formula, n *yaml.Node, name string) {
	if f == nil || !r.strict {
		return
	}
	if f.Monthly() && p.Restart == RestartNever {
		r.problem(n, "%s: with a variable that is about the month each month begins a piece, but the plan says "+
			"restart: never; remove one of them", name)
	}
	domain := p.domain(f)
	bounds, err := f.Bounds(domain)
	if err != nil {
		r.wrong(n, name, err)
		return
	}
	if c.Credit || c.Quantity != nil && c.UnitPrice.IsZero() {
		return
	}
	const advice = "; write max(0, …), or mark a component that takes off the bill with credit: true"
	if bounds.Most.Sign() < 0 {
		r.problem(n, "%s: it is negative for every footprint%s", name, advice)
	} else if example := falling(f, domain, bounds); example != "" {
		r.problem(n, "%s: %s%s", name, example, advice)
	}
}

// The bounds of what is priced.
var (
	instant  = money.New(1, -9).Ratio()                 // times have nanoseconds
	eternity = money.Whole(10_000 * 366 * secondsOfDay) // years have four digits
	most     = money.Whole(math.MaxUint32)              // of events.Count
)

const secondsOfDay = 24 * 60 * 60

// domain is the range of each variable for the footprints of a plan, in the time of a piece. 0
// instances cost nothing under any plan.
func (p *Plan) domain(f *formula.Formula) *formula.Domain {
	one, d := money.Whole(1), &p.Defaults
	out := &formula.Domain{
		Seconds: formula.Range{Least: instant, Most: eternity}, Instances: formula.Only(d.Instances.Ratio()),
		MemoryMB: formula.Only(d.MemoryMB.Ratio()), StorageMB: formula.Only(d.StorageMB.Ratio()),
		VolumeGB: formula.Only(d.VolumeGB.Ratio()),
		SecondsInMonth: formula.Range{
			Least: money.Whole(28 * secondsOfDay), Most: money.Whole(31 * secondsOfDay),
		},
	}
	if f.Monthly() || p.Restart == RestartMonthly {
		out.Seconds.Most = out.SecondsInMonth.Most
	}
	for _, kind := range kinds {
		if !p.prices(kind) {
			continue
		}
		switch kind {
		case events.KindApp, events.KindTask, events.KindStaging:
			out.Instances = out.Instances.With(one).With(most)
			out.MemoryMB = out.MemoryMB.With(money.Whole(0)).With(most)
		case events.KindInstance:
			out.MemoryMB = out.MemoryMB.With(money.Whole(0)).With(most)
		case events.KindVolume:
			out.VolumeGB = out.VolumeGB.With(money.Whole(0)).With(most)
		}
	}
	return out
}

// prices reports whether the plan can match resources of a kind.
func (p *Plan) prices(kind string) bool {
	return !slices.ContainsFunc(p.Match, func(m Constraint) bool {
		return m.field == fieldKind && m.Glob != kind || !m.field.has(kind)
	})
}

// falling looks for a footprint for which a formula is negative, or falls while time passes: a part
// of a run would then cost less than nothing. It computes some footprints; empty is for none found.
func falling(f *formula.Formula, d *formula.Domain, bounds formula.Range) string {
	if f.Rises() || !f.Uses("seconds") && bounds.Least.Sign() >= 0 {
		return ""
	}
	seconds := within31Days(f, d.Seconds)
	for _, instances := range some(f, "instances", d.Instances) {
		for _, memory := range some(f, "memory_mb", d.MemoryMB) {
			for _, volume := range some(f, "volume_gb", d.VolumeGB) {
				v := &formula.Vars{
					Instances: instances, MemoryMB: memory, VolumeGB: volume, StorageMB: d.StorageMB.Least,
					SecondsInMonth: d.SecondsInMonth.Most,
				}
				if example := fallingFor(f, v, seconds); example != "" {
					return example
				}
			}
		}
	}
	return ""
}

func fallingFor(f *formula.Formula, v *formula.Vars, seconds []money.Ratio) string {
	before, at := money.Whole(0), money.Whole(0)
	for _, v.Seconds = range seconds {
		z, err := f.Eval(v)
		switch {
		case err != nil:
			continue
		case z.Sign() < 0:
			return fmt.Sprintf("it is negative, %s, for %s", z.Round(12), footprintOf(f, v))
		case z.Cmp(before) < 0:
			return fmt.Sprintf("it falls from %s after %s seconds to %s for %s, so that a part would cost less than "+
				"nothing", before.Round(12), at.Round(9), z.Round(12), footprintOf(f, v))
		}
		before, at = z, v.Seconds
	}
	return ""
}

func footprintOf(f *formula.Formula, v *formula.Vars) string {
	parts := []string{"seconds " + v.Seconds.Round(9).String()}
	for _, x := range []struct {
		name  string
		value money.Ratio
	}{{"instances", v.Instances}, {"memory_mb", v.MemoryMB}, {"volume_gb", v.VolumeGB}} {
		if f.Uses(x.name) {
			parts = append(parts, x.name+" "+x.value.Round(9).String())
		}
	}
	return strings.Join(parts, ", ")
}

// some are some values of a variable: the ends of its range, and usual ones.
func some(f *formula.Formula, variable string, r formula.Range) []money.Ratio {
	if !f.Uses(variable) {
		return []money.Ratio{r.Least}
	}
	return inRange(r, r.Least, money.Whole(1), money.Whole(2), money.Whole(1024), r.Most)
}

// within31Days are some lengths of a piece, by length: round ones, and what the formula compares
// with.
func within31Days(f *formula.Formula, r formula.Range) []money.Ratio {
	values := []money.Ratio{r.Least}
	for _, n := range []int64{1, 60, 1800, 3600, 3601, 7200, secondsOfDay, 10 * secondsOfDay, 31 * secondsOfDay} {
		values = append(values, money.Whole(n))
	}
	for _, x := range f.Numbers(8) {
		values = append(values, x, x.Add(money.Whole(1)), x.Mul(money.Whole(2)))
	}
	values = inRange(r, values...)
	slices.SortFunc(values, money.Ratio.Cmp)
	return values
}

func inRange(r formula.Range, values ...money.Ratio) []money.Ratio {
	return slices.DeleteFunc(values, func(x money.Ratio) bool {
		return x.Cmp(r.Least) < 0 || x.Cmp(r.Most) > 0
	})
}
