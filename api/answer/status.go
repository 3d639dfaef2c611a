package answer

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Status is how far collecting, metering and charging have come.
type Status struct {
	Position    Position          `json:"position"`
	Foundations []FoundationState `json:"foundations" doc:"The asker's."`
	Platforms   []PlatformState   `json:"platforms,omitempty" doc:"Whether METERED agrees with what platforms count."`
	All         bool              `json:"all" doc:"The asker may see all tenants."`
	// Collectors are as daybook status prints them.
	Collectors []*status.Overview `json:"collectors,omitempty" doc:"For those who may see all tenants."`
	Problem    string             `json:"problem,omitempty" doc:"Why collectors may be missing."`
	Ledger     *ledger.State      `json:"ledger,omitempty" doc:"How far the ledger is posted, and why no further. For those who may see all tenants."`
}

// FoundationState is how far a foundation has come.
type FoundationState struct {
	Source         string `json:"source"`
	Foundation     string `json:"foundation"`
	MeteredThrough string `json:"metered_through,omitempty" format:"date-time"`
	ChargedThrough string `json:"charged_through,omitempty" format:"date-time"`
	Ended          string `json:"ended,omitempty" format:"date-time" doc:"Of a retired foundation."`
}

// Status answers with the state of the foundations of an asker.
func (a *Answers) Status(ctx context.Context, asker *Asker, now time.Time) (*Status, error) {
	q, err := (&Whose{}).query(&asker.Usage)
	if err != nil {
		return nil, err
	}
	var horizons []ledger.Horizon
	at, _, err := ledger.Still(ctx, a.reader, func(r ledger.Reader) (err error) {
		horizons, err = r.Horizons(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &Status{Position: position(at), Foundations: states(horizons)}
	if out.Platforms, err = Platforms(ctx, a.bus, &asker.Usage, out.Foundations); err != nil {
		return nil, err
	}
	if asker.Usage.Everybody {
		var problem error
		if out.Collectors, problem = status.Gather(ctx, a.bus, "", now); problem != nil {
			out.Problem = problem.Error()
		}
		out.All = true
	}
	return out, nil
}

// states are the forms of horizons.
func states(horizons []ledger.Horizon) []FoundationState {
	all := make([]FoundationState, len(horizons))
	for i := range horizons {
		h := &horizons[i]
		all[i] = FoundationState{
			Source: h.Source, Foundation: h.Foundation, MeteredThrough: timeText(h.Metered),
			ChargedThrough: timeText(h.Billed), Ended: timeText(h.Ended),
		}
	}
	return all
}

// timeText is a time; empty for none.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return events.FormatTime(at)
}
