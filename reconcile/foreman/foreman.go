package foreman

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Skew is how far the clocks of a platform's servers are apart, and how late an event is at most.
const Skew = 2 * time.Minute

// Prices tell what a material costs.
type Prices interface {
	// PerDay is the price of a day that begins at a time, by currency; unrated where no plan in
	// force has one.
	PerDay(foundation string, m *reconcile.Material, at time.Time) (all []reconcile.Money, unrated bool)
}

// Input is everything that a plan is made of.
type Input struct {
	Blueprint *reconcile.Blueprint
	Floorplan *reconcile.Floorplan
	// Former is the floorplan of the inspection before; nil for none. It proves no stop where it is
	// not older by Rules.Settle.
	Former *reconcile.Floorplan
	// Sights are looks at one resource alone, made behind the floorplan.
	Sights map[reconcile.Key]reconcile.Sight
	Rules  *reconcile.Rules
	Prices Prices
	// Proofs are the times of the last listings with a material; First are those at which a
	// difference was seen first. Both may lack any.
	Proofs map[reconcile.Key]time.Time
	First  map[reconcile.Key]time.Time
	Now    time.Time
}

// work is the making of one plan.
type work struct {
	*Input
	plan   reconcile.Plan
	billed map[string]int // materials that are billed, by kind
	former map[reconcile.Key]bool
}

func (in *Input) work() *work {
	b, f := in.Blueprint, in.Floorplan
	w := &work{Input: in, billed: map[string]int{}, former: map[reconcile.Key]bool{}, plan: reconcile.Plan{
		Source: b.Source, Foundation: b.Foundation, Made: in.Now, Expires: in.Now.Add(reconcile.Life), Seen: f.Seen,
		Horizon: b.Horizon, Usage: b.Usage, Metered: b.Metered, AfterSequence: f.AfterSequence,
		Listings: slices.Clone(f.Listings),
	}}
	for i := range b.Materials {
		if b.Materials[i].Held == "" {
			w.billed[b.Materials[i].Kind]++
		}
	}
	if in.Former != nil {
		for i := range in.Former.Materials {
			w.former[in.Former.Materials[i].Key()] = true
		}
	}
	return w
}

// pair is a resource on both sides; nil where it is missing.
type pair struct {
	key           reconcile.Key
	billed, there *reconcile.Material
}

// pairs gives the resources of both sides in the order of their keys.
func (w *work) pairs(yield func(p pair)) {
	b, f := w.Blueprint.Materials, w.Floorplan.Materials
	for len(b)+len(f) > 0 {
		order := -1
		switch {
		case len(b) == 0:
			order = 1
		case len(f) > 0:
			order = b[0].Key().Compare(f[0].Key())
		}
		var p pair
		if order <= 0 {
			p.billed, p.key = &b[0], b[0].Key()
			b = b[1:]
		}
		if order >= 0 {
			p.there, p.key = &f[0], f[0].Key()
			f = f[1:]
		}
		yield(p)
	}
}

// typeOf is the type of a difference; empty for none that a person or the record needs.
func (w *work) typeOf(p pair) reconcile.Type {
	switch {
	case p.key.Kind == events.KindStaging:
	case p.billed == nil && p.there.Doubt == "":
		return reconcile.MissingStart
	case p.billed == nil, p.there != nil && p.there.Doubt != "":
	case p.there == nil && p.billed.Held == "":
		return reconcile.MissingStop
	case p.there == nil:
	case p.billed.Held != "":
		if w.rule(p, reconcile.MissingStart).Act == reconcile.Settle {
			return reconcile.MissingStart // it is held, and proven now
		}
	case p.there.Tenant != "" && p.billed.Tenant != p.there.Tenant:
		return reconcile.TenantDrift
	case !reconcile.SameSize(p.key.Kind, &p.billed.Footprint, &p.there.Footprint):
		return reconcile.FootprintDrift
	}
	return ""
}

// early says why a difference is left for the next time; empty where it is not.
func (w *work) early(p pair) string {
	f := w.Floorplan
	switch {
	case w.Blueprint.Horizon.Before(f.Seen):
		return "the events up to the listing are not all metered yet"
	case p.billed != nil && p.billed.Since.After(f.Begun.Add(-Skew)):
		return "an event of it came while the platform was listed"
	case p.there != nil && p.there.Since.After(f.Begun.Add(-Skew)):
		return "it changed while the platform was listed"
	case !w.Blueprint.Epoch.IsZero() && f.Seen.Before(w.Blueprint.Epoch):
		return "nothing is billed before the epoch"
	}
	return ""
}

// Candidates are the materials to ask for alone before a plan is made.
func Candidates(in *Input) (all []reconcile.Material) {
	w := in.work()
	w.pairs(func(p pair) {
		t := w.typeOf(p)
		if t == "" || t == reconcile.TenantDrift || w.early(p) != "" || w.limited(p, t) != nil {
			return
		}
		if t == reconcile.MissingStop && w.unproven(p) != "" {
			return
		}
		one := p.billed
		if one == nil {
			one = p.there
		}
		all = append(all, *one)
	})
	return all
}

// Make makes the plan.
func Make(in *Input) *reconcile.Plan {
	w := in.work()
	w.plan.Floorplan, w.plan.Rules = in.floorplanDigest(), in.rulesDigest()
	w.plan.ID = events.ID("plan", w.plan.Source, w.plan.Foundation, fmt.Sprint(w.plan.Usage, w.plan.Metered),
		w.plan.Floorplan, w.plan.Rules)
	w.pairs(func(p pair) {
		t := w.typeOf(p)
		switch {
		case t == "" && p.there != nil && p.there.Doubt != "" && p.billed == nil:
			w.note(p, p.there.Doubt)
		case t == "" && p.billed != nil && p.billed.Held != "":
			w.standing(p)
		case t == "":
		default:
			w.difference(p, t)
		}
	})
	w.guard()
	order := stages()
	slices.SortStableFunc(w.plan.Remodels, func(a, b reconcile.Remodel) int {
		return slices.Index(order, a.Stage) - slices.Index(order, b.Stage)
	})
	return &w.plan
}

// stages are the stages of remodels, in their order.
func stages() []reconcile.Stage {
	return []reconcile.Stage{reconcile.Starts, reconcile.Changes, reconcile.Stops, reconcile.Reports}
}

func (w *work) note(p pair, text string) {
	w.plan.Notes = append(w.plan.Notes, reconcile.Note{Key: p.key, Text: text})
}

// standing notes what is held, for the person who decides.
func (w *work) standing(p pair) {
	if p.there != nil {
		w.note(p, "it is held ("+p.billed.Held+"), and runs: release it, or let a rule settle it")
	} else if w.unproven(p) == "" {
		w.note(p, "it is held ("+p.billed.Held+"), and is not there: discard it, if that is so")
	}
}

// difference adds a remodel, or a note of why there is none.
func (w *work) difference(p pair, t reconcile.Type) {
	if limit := w.limited(p, t); limit != nil {
		w.note(p, fmt.Sprintf("%s is left alone: %s (%s)", t, limit.Note, limit.By))
		return
	}
	if why := w.early(p); why != "" {
		w.note(p, fmt.Sprintf("%s waits for the next listing: %s", t, why))
		return
	}
	sight, looked := w.Sights[p.key]
	if why := w.doubted(p, t, &sight, looked); why != "" {
		w.note(p, fmt.Sprintf("%s is not proven: %s", t, why))
		return
	}
	r := reconcile.Remodel{
		ID: events.ID("remodel", w.plan.ID, p.key.Kind, p.key.Resource), Type: t, Key: p.key, Billed: p.billed,
		There: p.there, First: w.First[p.key],
	}
	if r.First.IsZero() {
		r.First = w.Floorplan.Seen
	}
	var same bool
	if r.Stake, r.Unrated, same = w.stake(p); same && t == reconcile.FootprintDrift {
		w.note(p, "it has another size, and no plan in force prices it differently")
		return
	}
	w.settle(&r, &sight, looked)
	w.plan.Remodels = append(w.plan.Remodels, r)
}

// unproven says why the listings do not prove that something is gone; empty where they do.
func (w *work) unproven(p pair) string {
	f, kind := w.Floorplan, p.key.Kind
	listed := func(l reconcile.Listing) bool { return l.Kind == kind && l.Count == 0 }
	switch {
	case !f.CompleteFor(kind, p.billed.Tenant):
		return "the listing is not complete"
	case slices.ContainsFunc(f.Listings, listed):
		return "the platform lists nothing of the kind, and some of it is billed"
	case w.Former == nil || f.Seen.Sub(w.Former.Seen) < w.Rules.Settle:
		return "it is missing from one listing, and not yet from another one " + w.Rules.Settle.String() + " apart"
	case !w.Former.CompleteFor(kind, p.billed.Tenant):
		return "the listing before was not complete"
	case w.former[p.key]:
		return "the listing before had it"
	}
	return ""
}

// doubted says why a difference is not proven; empty where it is. Tenants are compared by the
// listing alone: nothing is enacted.
func (w *work) doubted(p pair, t reconcile.Type, sight *reconcile.Sight, looked bool) string {
	if t == reconcile.MissingStop {
		if why := w.unproven(p); why != "" {
			return why
		}
	}
	switch {
	case t == reconcile.TenantDrift:
		return ""
	case !looked:
		return "the platform was not asked for it alone"
	case sight.Doubt != "":
		return sight.Doubt
	case t == reconcile.MissingStop && sight.There:
		return "it is there, when it is asked for alone"
	case t != reconcile.MissingStop && !sight.There:
		return "it is gone, when it is asked for alone"
	case t != reconcile.MissingStop && !reconcile.SameSize(p.key.Kind, &p.there.Footprint, &sight.Material.Footprint):
		return "it has another size, when it is asked for alone"
	}
	return ""
}
