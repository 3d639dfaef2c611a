package preview

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Watcher is the part of the bus for Compare.
type Watcher interface {
	acts.Reader
	metered.Watcher
}

// Comparison is the effect of a published version, beside its preview.
type Comparison struct {
	Act     acts.Act       // the last one that put a version in force; zero where another came
	Put     *effect.Effect // nil: the pricer has not put it out in time
	Equal   bool
	Between int // messages of METERED between the two looks, as metered.Changes counts them
}

// Compare waits for the effect that the pricer puts out for a published version, and compares it
// with the one that was seen. billing and looked are the last messages of BILLING before the
// publication, and of METERED in the look.
func Compare(ctx context.Context, b Watcher, billing, looked uint64, seen *effect.Effect, wait time.Duration) (
	*Comparison, error,
) {
	act, found, err := acts.InForce(ctx, b)
	if err != nil || !found || act.Catalogue.Version != seen.Version {
		return &Comparison{}, err // another version has come meanwhile
	}
	out := &Comparison{Act: act}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	put, err := Await(waiting, b, billing, &act)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Put, out.Equal = put, put.Equal(seen)
	out.Between, err = metered.Changes(ctx, b, looked, put.Cause.Sequence)
	return out, err
}
