package answer

import (
	"context"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// PlatformState says whether METERED agrees with the sums of a foundation's platform.
type PlatformState struct {
	Source     string        `json:"source"`
	Foundation string        `json:"foundation"`
	At         string        `json:"at" format:"date-time" doc:"When the platform counted."`
	Agrees     bool          `json:"agrees"`
	Problem    string        `json:"problem,omitempty" doc:"Why the platform could not be asked since then; in full for those who may see the whole foundation."`
	Off        *PlatformSums `json:"off,omitempty" doc:"What the platform has more than METERED, where they differ; for those who may see the whole foundation."`
}

// PlatformSums count the resources that run in a foundation.
type PlatformSums struct {
	Instances int64 `json:"instances" doc:"Of apps."`
	MemoryMB  int64 `json:"memory_mb" doc:"Of these and of tasks."`
	Services  int64 `json:"services"`
	Tasks     int64 `json:"tasks"`
}

// Platforms are the comparisons of some foundations that stand. The numbers of a difference count
// resources of all tenants.
func Platforms(ctx context.Context, b plans.Reader, usage *Scope, of []FoundationState) (all []PlatformState,
	err error,
) {
	if len(of) == 0 {
		return nil, nil
	}
	standing, err := plans.Standing(ctx, b)
	for i := range standing {
		c := &standing[i]
		if !slices.ContainsFunc(of, func(f FoundationState) bool {
			return f.Source == c.Source && f.Foundation == c.Foundation
		}) {
			continue
		}
		all = append(all, Platform(c, usage.Has(c.Foundation, "")))
	}
	return all, err
}

// Platform is a comparison for those who see a whole foundation, or not.
func Platform(c *plans.Comparison, whole bool) PlatformState {
	x := PlatformState{
		Source: c.Source, Foundation: c.Foundation, At: events.FormatTime(c.At), Agrees: c.Agrees,
	}
	switch {
	case c.Problem != "" && !whole:
		x.Problem = "it could not be asked"
	case c.Problem != "":
		x.Problem = c.Problem
	case !c.Agrees && whole:
		x.Off = (*PlatformSums)(&c.Off)
	}
	return x
}

// Text says a comparison for a person.
func (x *PlatformState) Text() string {
	c := plans.Comparison{Agrees: x.Agrees, Problem: x.Problem}
	if x.Off != nil {
		c.Off = reconcile.Sums(*x.Off)
	}
	c.At, _ = events.ParseTimeOrDate(x.At) // an API writes it so
	return c.Text()
}

// Comparisons are the forms of the ledger.
func Comparisons(all []PlatformState) (out []ledger.Comparison) {
	for i := range all {
		x := &all[i]
		out = append(out, ledger.Comparison{
			Source: x.Source, Foundation: x.Foundation, At: x.At, Agrees: x.Agrees, Text: x.Text(),
		})
	}
	return out
}
