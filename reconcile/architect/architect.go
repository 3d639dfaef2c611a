// Package architect draws the blueprint: what METERED bills and holds of one foundation.
//
// Reads the last messages of METERED, as metered.Latest gives them; writes nothing, so a crash does
// nothing. The package is pure. Builds are left out: the projector bounds them by itself.
package architect

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Drawing takes messages of METERED. Make it with New.
type Drawing struct {
	plan reconcile.Blueprint
	held map[reconcile.Key]reconcile.Material // with a hold that goes on
	runs map[reconcile.Key]bool
}

// New begins the blueprint of a foundation.
func New(source, foundation string, epoch time.Time) *Drawing {
	return &Drawing{
		plan: reconcile.Blueprint{Source: source, Foundation: foundation, Epoch: epoch},
		held: map[reconcile.Key]reconcile.Material{}, runs: map[reconcile.Key]bool{},
	}
}

// Take takes the last message of a subject, with everything that runs and is held under it. It
// keeps nothing of m. Messages of other foundations are left out.
func (d *Drawing) Take(m *events.Metered) {
	if m.Source != d.plan.Source || m.Foundation != d.plan.Foundation || m.Kind == events.KindStaging {
		return
	}
	d.plan.Usage = max(d.plan.Usage, m.Cause.Sequence)
	for i := range m.Running {
		s := &m.Running[i]
		material := reconcile.Material{
			Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant, Space: s.Space, SpaceName: s.SpaceName,
			Name: s.Name, Footprint: s.Footprint, Since: s.Since, Proof: s.Since, Evidence: s.AppendJSON(nil),
		}
		d.runs[material.Key()] = true
		d.plan.Materials = append(d.plan.Materials, material)
	}
	for i := range m.Held {
		h := &m.Held[i]
		if !h.End.IsZero() {
			continue
		}
		material := reconcile.Material{
			Kind: h.Kind, Resource: h.Resource, Tenant: m.Tenant, Footprint: h.Footprint, Since: h.Start,
			Proof: h.Start, Held: h.Code, Evidence: h.AppendJSON(nil),
		}
		if h.Kind == events.KindApp || h.Kind == events.KindTask {
			material.App = m.Resource
		}
		if before, known := d.held[material.Key()]; !known || before.Since.Before(material.Since) {
			d.held[material.Key()] = material
		}
	}
}

// Blueprint is what was drawn: METERED up to a message, with the effect of USAGE up to one, and
// complete up to the horizon.
func (d *Drawing) Blueprint(horizon time.Time, usage, metered uint64) *reconcile.Blueprint {
	b := d.plan
	b.Horizon, b.Usage, b.Metered = horizon, max(usage, b.Usage), metered
	b.Materials = slices.Clone(b.Materials)
	for key, material := range d.held {
		if !d.runs[key] {
			b.Materials = append(b.Materials, material)
		}
	}
	slices.SortFunc(b.Materials, func(x, y reconcile.Material) int { return x.Key().Compare(y.Key()) })
	return &b
}
