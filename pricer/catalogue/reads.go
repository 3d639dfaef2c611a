package catalogue

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// ReadsBuildpack reports whether a plan in force at a time, or later, chooses apps of a foundation
// by their buildpack.
func (c *Catalogue) ReadsBuildpack(foundation string, at time.Time) bool {
	app := Resource{Kind: events.KindApp, Foundation: foundation}
	for _, p := range c.Plans {
		if (p.Until.IsZero() || at.Before(p.Until)) && p.reads(fieldBuildpack, &app) {
			return true
		}
	}
	return false
}

// reads reports whether the plan chooses by a field among resources of a kind and a foundation.
func (p *Plan) reads(f field, r *Resource) (reads bool) {
	for i := range p.Match {
		switch m := &p.Match[i]; {
		case m.field == f:
			reads = true
		case (m.field == fieldKind || m.field == fieldFoundation) && !m.matches(r):
			return false
		}
	}
	return reads
}
