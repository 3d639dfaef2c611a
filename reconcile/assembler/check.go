package assembler

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

// Errors of plans.
var (
	// ErrExpired: the plan is too old.
	ErrExpired = errors.New("the plan has expired: make another one")
	// ErrChanged: the plan is not as it was made.
	ErrChanged = errors.New("the plan was changed since it was made: make another one")
)

// check refuses a plan that is too old or not as it was made.
func check(plan *reconcile.Plan, now time.Time) error {
	if plan.ID != foreman.ID(plan) || !plan.Expires.Equal(plan.Made.Add(reconcile.Life)) {
		return ErrChanged
	}
	seen := map[reconcile.Key]bool{}
	last := 0
	for i := range plan.Remodels {
		r := &plan.Remodels[i]
		place := slices.Index(order(), r.Stage)
		if place < last || seen[r.Key] || r.ID != events.ID("remodel", plan.ID, r.Key.Kind, r.Key.Resource) ||
			!whole(r) {
			return ErrChanged
		}
		last, seen[r.Key] = place, true
	}
	if now.After(plan.Expires) {
		return fmt.Errorf("%w: it was made at %s, and %s are over", ErrExpired, events.FormatTime(plan.Made),
			reconcile.Life)
	}
	return nil
}

// order is the order of stages with remodels.
func order() []reconcile.Stage {
	return []reconcile.Stage{reconcile.Starts, reconcile.Changes, reconcile.Stops, reconcile.Reports}
}

// whole reports whether a remodel has the sides that its type needs, in the stage of its type.
func whole(r *reconcile.Remodel) bool {
	if r.Act == reconcile.Report || r.Stage == reconcile.Reports {
		return r.Act == reconcile.Report && r.Stage == reconcile.Reports
	}
	switch r.Type {
	case reconcile.MissingStop:
		return r.Stage == reconcile.Stops && r.Billed != nil
	case reconcile.MissingStart:
		return r.Stage == reconcile.Starts && r.There != nil
	case reconcile.FootprintDrift:
		return r.Stage == reconcile.Changes && r.Billed != nil && r.There != nil
	}
	return false
}

// unbilled says why METERED is not as planned; empty where it is.
func unbilled(r *reconcile.Remodel, now *reconcile.Material) string {
	switch {
	case r.Billed == nil && now != nil:
		return "it is billed by now"
	case r.Billed == nil:
		return ""
	case now == nil:
		return "it is not billed any more"
	case now.Tenant != r.Billed.Tenant || now.Footprint != r.Billed.Footprint || now.Held != r.Billed.Held ||
		!now.Since.Equal(r.Billed.Since):
		return "what is billed of it has changed"
	}
	return ""
}

// unseen says why the platform does not say what is planned; empty where it does.
func unseen(r *reconcile.Remodel, sight *reconcile.Sight, listed time.Time) string {
	switch {
	case sight == nil:
		return "the platform was not asked for it"
	case sight.Doubt != "":
		return sight.Doubt
	case r.Type == reconcile.MissingStop && sight.There:
		return "it is there"
	case r.Told && !sight.Told:
		return "the platform does not say any more that it has ended"
	case sight.Ended.After(listed), sight.Began.After(listed):
		return "it has changed since it was listed"
	case r.Type == reconcile.MissingStop:
		return ""
	case !sight.There:
		return "it is gone"
	case !reconcile.SameSize(r.Key.Kind, &r.There.Footprint, &sight.Material.Footprint):
		return "it has another size"
	case sight.Material.Tenant != "" && r.There.Tenant != "" && sight.Material.Tenant != r.There.Tenant:
		return "it belongs to another tenant"
	}
	return ""
}
