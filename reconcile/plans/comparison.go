package plans

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
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
}

// Text says a comparison for a person.
func (c *Comparison) Text() string {
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
	return fmt.Sprintf("differs from the platform at %s: there are %s", events.FormatTime(c.At),
		strings.Join(words, ", "))
}

// KeepAlarm stores the last comparison of a foundation.
func KeepAlarm(ctx context.Context, b Objects, c *Comparison) error {
	return put(ctx, b, c.Source, c.Foundation, objectAlarm, c)
}

// Alarm reads the last comparison of a foundation; nil for none.
func Alarm(ctx context.Context, b Objects, source, foundation string) (*Comparison, error) {
	var c Comparison
	found, err := get(ctx, b, source, foundation, objectAlarm, &c)
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}
