package projector

import (
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/cf"
	"github.com/daybook-billing/daybook/projector/timeline"
	"github.com/daybook-billing/daybook/projector/trove"
)

// platform is a platform as the meter knows it.
type platform struct {
	kinds []string // of its resources
	// presumes is the part of timeline.Presumes that the fact alone tells; nil where a late fact
	// does not name the one that it follows.
	presumes func(*events.Usage) bool
	open     func(*timeline.Rules, *Config) timeline.Platform
}

// platforms are the metered platforms, by source.
var platforms = map[string]platform{
	events.SourceCF: {
		kinds:    []string{events.KindApp, events.KindTask, events.KindStaging, events.KindService},
		presumes: cf.Presumes,
		open: func(r *timeline.Rules, c *Config) timeline.Platform {
			return cf.New(r, c.BuildTimeout, c.excluded)
		},
	},
	events.SourceTrove: {
		kinds: []string{events.KindInstance},
		open:  func(r *timeline.Rules, c *Config) timeline.Platform { return trove.New(r, c.AbsenceWindows) },
	},
}

// meters reports whether facts of a source and kind can be metered.
func meters(source, kind string) bool { return slices.Contains(platforms[source].kinds, kind) }
