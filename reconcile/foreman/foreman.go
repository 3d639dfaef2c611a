package foreman

import (
	"cmp"
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

// Liner are prices that tell, too, whether two materials have the same lines on a bill of the day.
// Of other prices equal sums are taken for equal lines.
type Liner interface {
	Alike(foundation string, a, b *reconcile.Material, at time.Time) bool
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
	// Same are the times of the last listings that had a material as it was billed.
	Same  map[reconcile.Key]time.Time
	First map[reconcile.Key]time.Time
	Now   time.Time
}

// work is the making of one plan.
type work struct {
	*Input
	plan   reconcile.Plan
	billed map[string]int // materials that are billed, by kind
	former map[reconcile.Key]bool
	more   int // notes without room
}

func (in *Input) work() *work {
	in = in.ordered()
	b, f := in.Blueprint, in.Floorplan
	w := &work{Input: in, billed: map[string]int{}, former: map[reconcile.Key]bool{}, plan: reconcile.Plan{
		Source: b.Source, Foundation: b.Foundation, Made: in.Now, Expires: in.Now.Add(reconcile.Life), Seen: f.Seen,
		Horizon: b.Horizon, Usage: b.Usage, Metered: b.Metered, AfterSequence: max(f.AfterSequence, b.Usage),
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

// ordered is the input with both sides in the order of their keys.
func (in *Input) ordered() *Input {
	b, f, out := *in.Blueprint, *in.Floorplan, *in
	b.Materials, f.Materials = inOrder(b.Materials), inOrder(f.Materials)
	f.Listings = slices.Clone(f.Listings)
	slices.SortFunc(f.Listings, func(x, y reconcile.Listing) int { return cmp.Compare(x.Kind, y.Kind) })
	out.Blueprint, out.Floorplan = &b, &f
	if in.Former != nil {
		former := *in.Former
		former.Materials = inOrder(former.Materials)
		out.Former = &former
	}
	return &out
}

// inOrder is a list in the order of its keys: the list itself, where it is.
func inOrder(list []reconcile.Material) []reconcile.Material {
	byKey := func(a, b reconcile.Material) int { return a.Key().Compare(b.Key()) }
	if slices.IsSortedFunc(list, byKey) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, byKey)
	return list
}

// pair is a resource on both sides; nil where it is missing.
type pair struct {
	key           reconcile.Key
	billed, there *reconcile.Material
}

// held is why the resource is held; empty where it is not.
func (p *pair) held() string {
	if p.billed == nil {
		return ""
	}
	return p.billed.Held
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
	case p.billed == nil && p.there.Doubt == "" && (p.there.Tenant == "" || !known(p.key.Kind)):
		return reconcile.Unknown
	case p.billed == nil && p.there.Doubt == "":
		return reconcile.MissingStart
	case p.billed == nil, p.there != nil && p.there.Doubt != "":
	case p.there == nil && p.billed.Held == "":
		return reconcile.MissingStop
	case p.there == nil:
	case p.billed.Held == events.HoldObservedGone:
		return reconcile.MissingStart // it was not gone, and goes on from before
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

// known reports whether a kind is reconciled.
func known(kind string) bool {
	return slices.Contains(reconcile.Kinds(), kind)
}

// early says why a difference is left for the next time; empty where it is not.
func (w *work) early(p pair) string {
	f := w.Floorplan
	switch {
	case w.Blueprint.Horizon.Before(f.Seen.Add(Skew)):
		return "the events up to the listing are not all metered yet"
	case p.billed != nil && p.billed.Since.After(f.Begun.Add(-Skew)):
		return "an event of it came while the platform was listed"
	case w.changed(p.billed), w.changed(p.there):
		return "an event of it, or beside it, came since the platform was listed"
	case p.there != nil && p.there.Since.After(f.Begun.Add(-Skew)):
		return "it changed while the platform was listed"
	case w.beforeEpoch():
		return "nothing is billed before the epoch"
	}
	return ""
}

func (w *work) beforeEpoch() bool { return w.Floorplan.Seen.Before(w.Blueprint.Epoch) }

// changed reports whether a fact about a material may have come behind the first request: one that
// ended it leaves nothing else behind.
func (w *work) changed(m *reconcile.Material) bool {
	return m != nil && w.Blueprint.Changed[m.Subject()].After(w.Floorplan.Begun.Add(-Skew))
}

// Candidates are the materials to ask for alone before a plan is made, those of stops first:
// without an answer none is planned.
func Candidates(in *Input) (all []reconcile.Material) {
	var others []reconcile.Material
	empty := 0
	w := in.work()
	w.pairs(func(p pair) {
		t := w.typeOf(p)
		if t == "" || reportedOnly(t) || w.early(p) != "" || w.limited(p, t) != nil {
			return
		}
		if t == reconcile.MissingStop && w.unproven(p) != "" {
			return
		}
		if w.Floorplan.Empty(p.key.Kind) {
			if empty++; empty > reconcile.MaxStops {
				return
			}
		}
		one := p.billed
		if one == nil {
			one = p.there
		}
		look := *one
		look.Proof = latest(look.Proof, w.Proofs[p.key])
		if t == reconcile.MissingStop {
			all = append(all, look)
		} else {
			others = append(others, look)
		}
	})
	return append(all, others...)
}

// Make makes the plan.
func Make(in *Input) *reconcile.Plan {
	w := in.work()
	w.pairs(func(p pair) {
		t := w.typeOf(p)
		switch {
		case t == "" && p.there != nil && p.there.Doubt != "" && p.billed == nil:
			w.note(p, reconcile.NoteDoubt, p.there.Doubt)
		case t == "" && p.billed != nil && p.billed.Held != "":
			w.standing(p)
		case t == "":
		default:
			w.difference(p, t)
		}
	})
	w.silent()
	w.guard()
	order := stages()
	slices.SortStableFunc(w.plan.Remodels, func(a, b reconcile.Remodel) int {
		return slices.Index(order, a.Stage) - slices.Index(order, b.Stage)
	})
	w.identify()
	if w.more > 0 {
		w.plan.Notes = append(w.plan.Notes, reconcile.Note{
			Code: reconcile.NoteMore, Text: fmt.Sprintf("%d further notes are left out", w.more),
		})
	}
	return &w.plan
}

// reportedOnly reports whether nothing can be enacted of a type.
func reportedOnly(t reconcile.Type) bool { return t == reconcile.TenantDrift || t == reconcile.Unknown }

// stages are the stages of remodels, in their order.
func stages() []reconcile.Stage {
	return []reconcile.Stage{reconcile.Starts, reconcile.Changes, reconcile.Stops, reconcile.Reports}
}

func (w *work) note(p pair, code, text string) {
	switch code {
	case reconcile.NoteLimited, reconcile.NoteDoubt, reconcile.NotePrice, reconcile.NoteEpoch:
		w.explain(p)
	}
	if len(w.plan.Notes) == reconcile.MaxNotes {
		w.more++
		return
	}
	w.plan.Notes = append(w.plan.Notes, reconcile.Note{Key: p.key, Code: code, Text: text})
}

// explain adds a difference to the explained ones.
func (w *work) explain(p pair) {
	if p.there != nil {
		w.plan.Explained.Add(p.there, 1)
	}
	if p.billed != nil && p.billed.Held == "" {
		w.plan.Explained.Add(p.billed, -1)
	}
}

// standing notes what is held, for the person who decides.
func (w *work) standing(p pair) {
	if p.there != nil {
		w.note(p, reconcile.NoteHeld, "it is held ("+p.billed.Held+"), and runs: release it, or let a rule settle it")
	} else if w.unproven(p) == "" {
		w.note(p, reconcile.NoteHeld, "it is held ("+p.billed.Held+"), and is not there: discard it, if that is so")
	}
}

// difference adds a remodel, or a note of why there is none.
func (w *work) difference(p pair, t reconcile.Type) {
	if limit := w.limited(p, t); limit != nil {
		w.note(p, reconcile.NoteLimited, fmt.Sprintf("%s is left alone: %s (%s)", t, limit.Note, limit.By))
		return
	}
	if why := w.early(p); why != "" {
		code := reconcile.NoteEarly
		if w.beforeEpoch() {
			code = reconcile.NoteEpoch
		}
		w.note(p, code, fmt.Sprintf("%s waits for the next listing: %s", t, why))
		return
	}
	sight, looked := w.Sights[p.key]
	p.there = packed(p.there, &sight)
	if why := w.doubted(p, t, &sight, looked); why != "" {
		code := reconcile.NoteProof
		if t == reconcile.MissingStop && w.waits(p) {
			code = reconcile.NoteWaits
		}
		w.note(p, code, fmt.Sprintf("%s is not proven: %s", t, why))
		return
	}
	r := reconcile.Remodel{
		Type: t, Key: p.key, Billed: p.billed,
		There: p.there, First: w.First[p.key], Told: t == reconcile.MissingStop && w.Floorplan.Empty(p.key.Kind),
	}
	if r.First.IsZero() {
		r.First = w.Floorplan.Seen
	}
	var same bool
	if r.Stake, r.Unrated, same = w.stake(p); same && t != reconcile.MissingStop && !reportedOnly(t) && p.held() == "" {
		w.note(p, reconcile.NotePrice, "it is different, and no plan in force prices it differently")
		return
	}
	w.settle(&r, &sight, looked)
	w.plan.Remodels = append(w.plan.Remodels, r)
}

// unproven says why the listings do not prove that something is gone; empty where they do, and
// where they have nothing of its kind: then the platform's own word about it has to.
func (w *work) unproven(p pair) string {
	f, kind := w.Floorplan, p.key.Kind
	listed := func(l reconcile.Listing) bool { return l.Kind == kind && l.Count == 0 && !l.Empty }
	complete := func(f *reconcile.Floorplan) bool { return f.CompleteFor(kind, p.billed.Tenant) || f.Empty(kind) }
	switch {
	case !complete(f):
		return "the listing is not complete"
	case slices.ContainsFunc(f.Listings, listed):
		return "the platform lists nothing of the kind, and some of it is billed"
	case w.Former == nil || f.Seen.Sub(w.Former.Seen) < w.Rules.Settle:
		return "it is missing from one listing, and not yet from another one " + w.Rules.Settle.String() + " apart"
	case !complete(w.Former):
		return "the listing before was not complete"
	case w.former[p.key]:
		return "the listing before had it"
	}
	return ""
}

// waits reports whether another listing like this one, later, may prove that something is gone.
func (w *work) waits(p pair) bool {
	f, kind := w.Floorplan, p.key.Kind
	listed := slices.ContainsFunc(f.Listings, func(l reconcile.Listing) bool {
		return l.Kind == kind && l.Count > 0 && f.CompleteFor(kind, p.billed.Tenant) || l.Kind == kind && l.Empty
	})
	return listed && w.unproven(p) != ""
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
	case reportedOnly(t):
		return ""
	case !looked:
		return "the platform was not asked for it alone"
	case sight.Doubt != "":
		return sight.Doubt
	case t == reconcile.MissingStop && sight.There:
		return "it is there, when it is asked for alone"
	case t == reconcile.MissingStop && w.Floorplan.Empty(p.key.Kind) && !sight.Told:
		return "the platform lists nothing of the kind, and does not itself say that this one has ended"
	case latest(sight.Ended, sight.Began, sight.NotBefore).After(w.Floorplan.Seen):
		return "it changed behind the listing: the next time"
	case t != reconcile.MissingStop && !sight.There:
		return "it is gone, when it is asked for alone"
	case t != reconcile.MissingStop && !reconcile.SameSize(p.key.Kind, &p.there.Footprint, &sight.Material.Footprint):
		return "it has another size, when it is asked for alone"
	}
	return ""
}
