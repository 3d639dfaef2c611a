package answer

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Cause is the event or the act behind an entry.
type Cause struct {
	Event string `json:"event" doc:"Event of the platform, or the act, that changed something."`
	Time  string `json:"time,omitempty" format:"date-time" doc:"When it took effect."`
	Known string `json:"known,omitempty" format:"date-time" doc:"When the platform reported it, or else when it was collected; none where that is not known."`
	Usage uint64 `json:"usage,omitempty" doc:"Its sequence in USAGE; none where a replay published the entry."`
}

// cause is the event or the act behind a message of BILLING, as far as the streams have it.
func (a *Answers) cause(ctx context.Context, of *bus.Stored) (*Cause, error) {
	var billing events.Billing
	if err := billing.DecodeJSON(of.Data); err != nil {
		return nil, metered.Unreadable(events.StreamBilling, of, err)
	}
	out := &Cause{Event: billing.Cause.Event, Time: timeText(billing.Cause.Time)}
	input, err := a.bus.Get(ctx, events.StreamMetered, billing.Cause.Sequence)
	var spans events.Metered
	if err != nil || input.Header(events.HeaderType) != events.TypeMetered || spans.DecodeJSON(input.Data) != nil {
		return out, unfound(err)
	}
	out.Usage = spans.Cause.Sequence
	fact, err := a.bus.Get(ctx, events.StreamUsage, out.Usage)
	var usage events.Usage
	if err != nil || fact.Header(events.HeaderType) != events.TypeUsage || usage.DecodeJSON(fact.Data) != nil {
		return out, unfound(err)
	}
	if out.Known = timeText(usage.Observed); out.Known == "" {
		out.Known = timeText(fact.Time)
	}
	return out, nil
}

// unfound is an error other than that of a message that a stream has not.
func unfound(err error) error {
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	return err
}
