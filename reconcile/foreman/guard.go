package foreman

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/reconcile"
)

// This file keeps a plan from doing harm: limitations, and the guard over stops.

// limited is the limitation that leaves a difference alone; nil for none.
func (w *work) limited(p pair, t reconcile.Type) *reconcile.Limitation {
	for i := range w.Rules.Limitations {
		l := &w.Rules.Limitations[i]
		if !l.Until.IsZero() && !w.Now.Before(l.Until) {
			continue
		}
		for _, m := range []*reconcile.Material{p.billed, p.there} {
			if m != nil && w.fits(l, m, t) {
				return l
			}
		}
	}
	return nil
}

func (w *work) fits(l *reconcile.Limitation, m *reconcile.Material, t reconcile.Type) bool {
	return (l.Foundation == "" || l.Foundation == w.Blueprint.Foundation) && (l.Tenant == "" || l.Tenant == m.Tenant) &&
		(l.Kind == "" || l.Kind == m.Kind) && (l.Type == "" || l.Type == t) &&
		matches(l.Space, m.Space, m.SpaceName) && matches(l.Resource, m.Resource, m.Name)
}

// matches reports whether a pattern is empty, or fits an id or a name.
func matches(pattern, id, name string) bool {
	if pattern == "" || pattern == id {
		return true
	}
	return name != "" && reconcile.Glob(pattern, name) || reconcile.Glob(pattern, id)
}

// rule is the rule for a difference.
func (w *work) rule(p pair, t reconcile.Type) reconcile.ActRule {
	for _, r := range w.Rules.Acts {
		if (r.Foundation == "" || r.Foundation == w.Blueprint.Foundation) && (r.Kind == "" || r.Kind == p.key.Kind) &&
			(r.Type == "" || r.Type == t) {
			r.Act = cmp.Or(r.Act, reconcile.Hold)
			return r
		}
	}
	return reconcile.ActRule{Act: reconcile.Hold}
}

// guard refuses the stops of a kind as a whole where they are too many: rather a lie of the
// platform than the truth.
func (w *work) guard() {
	stops := map[string]int{}
	for i := range w.plan.Remodels {
		if r := &w.plan.Remodels[i]; r.Type == reconcile.MissingStop && r.Act != reconcile.Report {
			stops[r.Key.Kind]++
		}
	}
	for _, kind := range sorted(stops) {
		n, billed := stops[kind], w.billed[kind]
		many := n > reconcile.StopsAllowed && n*100 > reconcile.MaxStopsPercent*billed
		if !many && n <= reconcile.MaxStops || w.allowed(kind, n) {
			continue
		}
		w.plan.Refused = append(w.plan.Refused, reconcile.Refusal{
			Kind: kind, Type: reconcile.MissingStop, Count: n, Billed: billed,
			Why: fmt.Sprintf("%d of %d %s resources that are billed are missing from the platform, more than %d %% or "+
				"%d: none of these stops is enacted. Look whether the platform lists all that it has; if they "+
				"are gone, run it again with --allow %s", n, billed, kind, reconcile.MaxStopsPercent,
				reconcile.MaxStops, reconcile.Allowance{Foundation: w.Blueprint.Foundation, Kind: kind, Count: n}),
		})
	}
	for i := range w.plan.Remodels {
		r := &w.plan.Remodels[i]
		refused := func(x reconcile.Refusal) bool { return x.Kind == r.Key.Kind }
		if r.Type == reconcile.MissingStop && slices.ContainsFunc(w.plan.Refused, refused) {
			r.Act, r.Stage, r.Why = reconcile.Report, reconcile.Reports, "too many stops at once: refused as a whole"
		}
	}
}

// allowed reports whether an operator has allowed this very number of stops.
func (w *work) allowed(kind string, n int) bool {
	return slices.ContainsFunc(w.Rules.Allow, func(a reconcile.Allowance) bool {
		return a.Kind == kind && a.Count == n && (a.Foundation == "" || a.Foundation == w.Blueprint.Foundation)
	})
}

func sorted(of map[string]int) (keys []string) {
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
