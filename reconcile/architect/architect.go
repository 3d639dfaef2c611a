// Package architect draws the blueprint: what METERED bills and holds of one foundation.
//
// Reads the last messages of METERED, as metered.Latest gives them; writes nothing, so a crash does
// nothing. The package is pure. Builds are left out: the projector bounds them by itself.
package architect

import (
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Drawing takes messages of METERED. Make it with New.
type Drawing struct {
	plan   reconcile.Blueprint
	recent time.Time
	held   map[reconcile.Key]reconcile.Material // with a hold that goes on
	runs   map[reconcile.Key]bool
	silent map[reconcile.Key]reconcile.Material
	shared map[string]string // names and guids that many materials have
}

// silentKept is the time, up to the horizon, for which a silent database is drawn.
const silentKept = 31 * 24 * time.Hour

// New begins the blueprint of a foundation.
func New(source, foundation string, epoch time.Time) *Drawing {
	return &Drawing{
		plan: reconcile.Blueprint{Source: source, Foundation: foundation, Epoch: epoch},
		held: map[reconcile.Key]reconcile.Material{}, runs: map[reconcile.Key]bool{},
		silent: map[reconcile.Key]reconcile.Material{}, shared: map[string]string{},
	}
}

// Recent has the times of changes kept, from a time on. Without it none is.
func (d *Drawing) Recent(from time.Time) {
	d.recent, d.plan.Changed = from, map[reconcile.Key]time.Time{}
}

// maxShared bounds the strings that are shared.
const maxShared = 1 << 16

// share makes one copy of equal strings.
func (d *Drawing) share(all ...*string) {
	for _, s := range all {
		if *s == "" {
			continue
		}
		one, known := d.shared[*s]
		if !known {
			one = strings.Clone(*s)
			if len(d.shared) < maxShared {
				d.shared[one] = one
			}
		}
		*s = one
	}
}

// own copies the strings of a material, which may be parts of a whole message.
func (d *Drawing) own(m *reconcile.Material) {
	m.Resource, m.Name = strings.Clone(m.Resource), strings.Clone(m.Name)
	if m.App = strings.Clone(m.App); m.App == m.Resource {
		m.App = m.Resource
	}
	f := &m.Footprint
	d.share(&m.Kind, &m.Tenant, &m.Space, &m.SpaceName, &m.Held, &f.ProcessType, &f.Buildpack, &f.BuildpackGUID,
		&f.Plan, &f.PlanGUID, &f.Offering, &f.OfferingGUID, &f.Broker, &f.BrokerGUID, &f.Flavor, &f.FlavorID,
		&f.Datastore, &f.DatastoreID, &f.Region, &f.AvailabilityZone)
}

// Take takes the last message of a subject, with everything that runs and is held under it. It
// keeps nothing of m. Messages of other foundations are left out.
func (d *Drawing) Take(m *events.Metered) {
	if m.Source != d.plan.Source || m.Foundation != d.plan.Foundation || m.Kind == events.KindStaging {
		return
	}
	d.plan.Usage = max(d.plan.Usage, m.Cause.Sequence)
	if at := m.Cause.Time; d.plan.Changed != nil && !at.IsZero() && !at.Before(d.recent) {
		subject := reconcile.Key{Kind: m.Kind, Resource: strings.Clone(m.Resource)}
		d.share(&subject.Kind)
		if at.After(d.plan.Changed[subject]) { // a resource of two tenants has two subjects
			d.plan.Changed[subject] = at
		}
	}
	for i := range m.Running {
		material := d.material(&m.Running[i])
		d.runs[material.Key()] = true
		d.plan.Materials = append(d.plan.Materials, material)
	}
	d.takeSilent(m)
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
		d.own(&material)
		if before, known := d.held[material.Key()]; !known || before.Since.Before(material.Since) {
			d.held[material.Key()] = material
		}
	}
}

// takeSilent takes the ends of a message that came for want of notifications. The last message of
// a subject has them, for a later one would bring a proof of life.
func (d *Drawing) takeSilent(m *events.Metered) {
	for i := range m.Closed {
		if s := &m.Closed[i]; s.Flags&events.ProvisionalEnd != 0 {
			material := d.material(s)
			material.Proof = s.End
			d.silent[material.Key()] = material
		}
	}
}

// material is a span as a material of its own.
func (d *Drawing) material(s *events.Span) reconcile.Material {
	m := reconcile.Material{
		Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant, Space: s.Space, SpaceName: s.SpaceName,
		Name: s.Name, Footprint: s.Footprint, Since: s.Since, Proof: s.Since, Evidence: s.AppendJSON(nil),
	}
	d.own(&m)
	return m
}

// Blueprint is what was drawn, one material of each key: the one that began last. It is METERED up
// to a message, with the effect of USAGE up to one, and complete up to the horizon.
func (d *Drawing) Blueprint(horizon time.Time, usage, metered uint64) *reconcile.Blueprint {
	b := d.plan
	b.Horizon, b.Usage, b.Metered = horizon, max(usage, b.Usage), metered
	b.Materials = slices.Clone(b.Materials)
	for key, material := range d.held {
		if !d.runs[key] {
			b.Materials = append(b.Materials, material)
		}
	}
	slices.SortFunc(b.Materials, func(x, y reconcile.Material) int {
		if c := x.Key().Compare(y.Key()); c != 0 {
			return c
		}
		return y.Since.Compare(x.Since)
	})
	b.Materials = slices.CompactFunc(b.Materials, func(x, y reconcile.Material) bool { return x.Key() == y.Key() })
	for key, material := range d.silent {
		if b.Find(key) == nil && !material.Proof.Before(horizon.Add(-silentKept)) {
			b.Silent = append(b.Silent, material)
		}
	}
	slices.SortFunc(b.Silent, func(x, y reconcile.Material) int { return x.Key().Compare(y.Key()) })
	return &b
}
