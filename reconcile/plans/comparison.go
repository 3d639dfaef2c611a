package plans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile"
)

// Comparison is the platform's own sums beside METERED as of their time.
type Comparison struct {
	Source, Foundation string
	At                 time.Time
	// Off is by how much the platform has more than METERED and what is known to differ; Agrees is
	// set where it is nothing.
	Off    reconcile.Sums
	Agrees bool
	Polls  int // how many polls running differ
	// Problem says why the platform's sums could not be had, for reasons that stay: a token without
	// the scope. Empty for none.
	Problem string `json:",omitempty"`
}

// Stands reports whether a comparison is told: a difference is once two polls running have it, for
// something may have changed while one was made.
func (c *Comparison) Stands() bool { return c.Agrees || c.Polls > 1 || c.Problem != "" }

// Text says a comparison for a person; without numbers where Off has none.
func (c *Comparison) Text() string {
	if c.Problem != "" {
		return fmt.Sprintf("is not compared with the platform since %s: %s", events.FormatTime(c.At), c.Problem)
	}
	if c.Agrees {
		return "agrees with the platform at " + events.FormatTime(c.At)
	}
	var words []string
	for _, one := range []struct {
		n    int64
		what string
	}{
		{c.Off.Instances, "instances"}, {c.Off.MemoryMB, "MB"}, {c.Off.Services, "services"}, {c.Off.Tasks, "tasks"},
	} {
		if one.n != 0 {
			words = append(words, fmt.Sprintf("%+d %s", one.n, one.what))
		}
	}
	text := "differs from the platform at " + events.FormatTime(c.At)
	if len(words) > 0 {
		text += ": there are " + strings.Join(words, ", ")
	}
	return text
}

// KeepAlarm stores the last comparison of a foundation.
func KeepAlarm(ctx context.Context, b Objects, c *Comparison) error {
	return put(ctx, b, c.Source, c.Foundation, objectAlarm, c)
}

// Alarm reads the last comparison of a foundation; nil for none. A damaged one is none: the next
// poll replaces it.
func Alarm(ctx context.Context, b Getter, source, foundation string) (*Comparison, error) {
	data, err := b.GetObject(ctx, Bucket, Name(source, foundation, objectAlarm))
	switch {
	case errors.Is(err, bus.ErrNotFound), errors.Is(err, bus.ErrCorrupt):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var c Comparison
	if err := Unseal(data, &c); err != nil {
		return nil, nil //nolint:nilerr // as none
	}
	return &c, nil
}

// Standing are the last comparisons of all foundations that stand, in the order of their names;
// none for a user without the right to read them.
func Standing(ctx context.Context, b Reader) (all []Comparison, err error) {
	places, err := placesWith(ctx, b, objectAlarm)
	for i := 0; i < len(places) && err == nil; i++ {
		var c *Comparison
		if c, err = Alarm(ctx, b, places[i].Source, places[i].Foundation); c != nil && c.Stands() {
			all = append(all, *c)
		}
	}
	if errors.Is(err, bus.ErrDenied) {
		return nil, nil
	}
	return all, err
}
