package trove

import (
	"strings"
	"sync"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/events"
)

// unnamedRegion is the region of a service without the setting: the default of Trove's option
// region (trove/common/cfg.py).
const unnamedRegion = "LOCAL_DEV"

// region is the platform of the foundation: the Keystone region that notifications name. The first
// one that does gives it its name. It is safe for concurrent use.
type region struct {
	cfg *Config

	mu    sync.Mutex
	known string // empty before the first
}

// learn takes the region in USAGE.
func (r *region) learn(known string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = known
}

// name is the region to say in USAGE; empty before the first one.
func (r *region) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known
}

// check refuses a fact of another region, with a *collector.AnotherPlatformError. A region that the
// foundation has moved from may go on naming itself: its notifications may be under way.
func (r *region) check(u *events.Usage) error {
	here, _, _ := strings.Cut(u.Publisher, "/")
	if here == "" || here == unnamedRegion {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := collector.Platform{
		Source: events.SourceTrove, Foundation: r.cfg.Foundation, Here: here, MovedFrom: r.cfg.MovedFrom,
	}
	moved, err := p.Check(r.known)
	switch {
	case here == r.cfg.MovedFrom:
		return nil
	case err != nil:
		return err
	case moved || r.known == "":
		r.known = here
	}
	return nil
}
