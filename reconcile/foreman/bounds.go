package foreman

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// This file has the times of remodels.

// settle fills in the act, the stage, the bounds and the time of a remodel.
func (w *work) settle(r *reconcile.Remodel, sight *reconcile.Sight, looked bool) {
	rule := w.rule(pair{r.Key, r.Billed, r.There}, r.Type)
	r.Act = rule.Act
	if !looked {
		sight = &reconcile.Sight{}
	}
	switch r.Type {
	case reconcile.MissingStop:
		r.Stage = reconcile.Stops
		r.NotBefore = latest(r.Billed.Since, w.Proofs[r.Key], sight.NotBefore)
		r.NotAfter = earliest(w.Former.Seen, behind(sight.NotAfter, r.NotBefore))
		w.exactly(r, sight.Ended)
		r.Resolutions = []reconcile.Resolution{reconcile.EndAt, reconcile.HoldIt, reconcile.IgnoreUntil}
		w.at(r, rule.At == "latest")
	case reconcile.MissingStart:
		r.Stage = reconcile.Starts
		r.NotBefore = sight.NotBefore
		r.NotAfter = earliest(w.Floorplan.Seen, behind(r.There.Since, r.NotBefore), behind(sight.NotAfter, r.NotBefore))
		w.exactly(r, sight.Began)
		r.Resolutions = []reconcile.Resolution{reconcile.AdoptFrom, reconcile.HoldIt, reconcile.IgnoreUntil}
		w.at(r, rule.At != "earliest")
	case reconcile.FootprintDrift:
		r.Stage = reconcile.Changes
		r.NotBefore = latest(r.Billed.Since, w.Same[r.Key], sight.NotBefore)
		r.NotAfter = earliest(w.Floorplan.Seen, behind(r.There.Since, r.NotBefore), behind(sight.NotAfter, r.NotBefore))
		w.exactly(r, sight.Began)
		r.Resolutions = []reconcile.Resolution{reconcile.AdoptFrom, reconcile.HoldIt, reconcile.IgnoreUntil}
		late := rule.At == "latest" || rule.At == "" && !w.cheaper(r)
		w.at(r, late)
	default:
		r.Stage, r.Act = reconcile.Reports, reconcile.Report
		r.Resolutions = []reconcile.Resolution{reconcile.ReportUpstream, reconcile.IgnoreUntil}
		r.At, r.NotAfter = w.Floorplan.Seen, w.Floorplan.Seen
	}
	if r.Act == reconcile.Hold && r.Billed != nil && r.Billed.Held == events.HoldObservedGone {
		r.Act, r.Why = reconcile.Settle, "it is there: the end that a plan had taken for granted goes"
	}
	if r.Type == reconcile.FootprintDrift && restaged(pair{r.Key, r.Billed, r.There}) {
		r.Act, r.Why = reconcile.Report, "it has another buildpack alone: the next event tells of an assigned droplet"
	}
	if r.Act == reconcile.Report {
		r.Stage = reconcile.Reports
	}
}

// silent adds a remodel for each database that went silent, and that the platform does not show. It
// is reported alone: METERED has ended it at the last proof of life, and goes on by itself with the
// next one.
func (w *work) silent() {
	for i := range w.Blueprint.Silent {
		m := &w.Blueprint.Silent[i]
		p := pair{key: m.Key(), billed: m}
		if w.Floorplan.Find(p.key) != nil {
			continue
		}
		if limit := w.limited(p, reconcile.MissingStop); limit != nil {
			w.note(pair{key: p.key}, reconcile.NoteLimited, fmt.Sprintf("%s is left alone: %s (%s)",
				reconcile.MissingStop, limit.Note, limit.By))
			continue
		}
		r := reconcile.Remodel{
			Type: reconcile.MissingStop, Stage: reconcile.Reports, Act: reconcile.Report, Key: p.key, Billed: m,
			Silent: true, At: m.Proof, NotBefore: m.Proof, NotAfter: w.Floorplan.Seen, First: w.First[p.key],
			Why:         "it is reported no more, while others are: it is billed up to the last report",
			Resolutions: []reconcile.Resolution{reconcile.EndAt, reconcile.IgnoreUntil},
		}
		r.NotAfter = latest(r.NotAfter, r.NotBefore)
		if r.First.IsZero() {
			r.First = w.Floorplan.Seen
		}
		r.Stake, r.Unrated, _ = w.stake(p)
		w.plan.Remodels = append(w.plan.Remodels, r)
	}
}

// exactly takes the true time, where the platform tells one that can be.
func (w *work) exactly(r *reconcile.Remodel, at time.Time) {
	if at.IsZero() || at.After(w.Floorplan.Seen) || at.Before(r.NotBefore.Add(-Skew)) ||
		at.After(r.NotAfter.Add(Skew)) || r.Billed != nil && at.Before(r.Billed.Since) {
		return
	}
	r.At, r.NotBefore, r.NotAfter, r.Exact = at, at, at, true
}

// at chooses the time of a remodel whose true time is not known. What is held is held from the
// last proof of life on, or from the look on. A settled one takes a bound.
func (w *work) at(r *reconcile.Remodel, late bool) {
	if r.NotAfter.Before(r.NotBefore) {
		r.NotAfter = r.NotBefore
	}
	held := r.Act != reconcile.Settle
	switch {
	case r.Exact:
	case held && r.Type == reconcile.MissingStop:
		r.At = r.NotBefore
	case held:
		r.At = w.Floorplan.Seen
	case late || r.NotBefore.IsZero():
		r.At = r.NotAfter
	default:
		r.At = r.NotBefore
	}
	for _, t := range []*time.Time{&r.At, &r.NotBefore, &r.NotAfter} {
		if t.Before(w.Blueprint.Epoch) {
			*t = w.Blueprint.Epoch
		}
	}
}

// behind is an upper bound that does not contradict the lower one; else none. A row's last change
// is no bound of what changed no row.
func behind(bound, lower time.Time) time.Time {
	if bound.Before(lower) {
		return time.Time{}
	}
	return bound
}

func latest(times ...time.Time) (last time.Time) {
	for _, at := range times {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// earliest is the first time; one that is zero is not known.
func earliest(times ...time.Time) (first time.Time) {
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}
