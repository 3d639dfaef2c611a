package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
)

// The states of a month behind an act.
const (
	stateClosed  = "closed"
	stateAgain   = "open again"
	stateWaiting = "waiting"
)

// act gives an act about a month of each source of a foundation that allows it, as daybook month
// does.
func (o *Operations) act(ctx context.Context, asker *answer.Asker, x *MonthAct, kind string,
	allowed func(m *acts.Months, month string) error,
) (*MonthActs, error) {
	if err := deciding(asker, x.Body.Foundation, "these months"); err != nil {
		return nil, err
	}
	all, err := acts.ReadMonths(ctx, o.bus, x.Body.Foundation)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, answer.NoTenant()
	}
	waiting, cancel := context.WithTimeout(ctx, waitOf(x.Body.Wait))
	defer cancel()
	out, given := &MonthActs{}, false
	var why []string
	for i := range all {
		m := &all[i]
		acted := MonthActed{Source: m.Source, Foundation: m.Foundation, Month: x.Month}
		err := allowed(m, x.Month)
		if err == nil {
			err = o.give(ctx, waiting, asker, x, kind, &acted)
		}
		if err = problem(err); err != nil && !conflict(err) {
			return nil, err
		}
		if err != nil {
			acted.Refused = err.Error()
			why = append(why, fmt.Sprintf("%s of %s/%s: %s", x.Month, m.Source, m.Foundation, err))
		}
		given = given || err == nil
		out.Acts = append(out.Acts, acted)
	}
	if !given {
		return nil, refused("%s", strings.Join(why, "; "))
	}
	return out, nil
}

// give publishes an act, and waits for the projector.
func (o *Operations) give(ctx, waiting context.Context, asker *answer.Asker, x *MonthAct, kind string,
	acted *MonthActed,
) error {
	act := events.Act{
		Kind: kind, Source: acted.Source, Foundation: acted.Foundation, By: asker.Name, Note: x.Body.Note,
		Time: o.time(), Month: events.Month{Month: x.Month},
	}
	var check acts.Check
	if expect := x.Body.Expect; expect != nil {
		month := metered.Month{Source: acted.Source, Foundation: acted.Foundation, Month: x.Month}
		check = func(ctx context.Context, usage uint64) error {
			return month.Unchanged(ctx, o.bus, *expect, usage, patience)
		}
	}
	before, err := o.bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	if acted.Usage, err = acts.DecideMonth(ctx, o.bus, act, check); err != nil {
		return err
	}
	effect, err := metered.AwaitEffect(waiting, o.bus, before.Last, acted.Usage)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		acted.State = stateWaiting
		return nil
	}
	if err != nil {
		return err
	}
	acted.State = stateClosed
	if kind == events.ActReopening {
		acted.State = stateAgain
	}
	var notice events.AnomalyNotice
	if notice.DecodeJSON([]byte(effect.Foreign)) == nil && notice.Anomaly.Code != "" {
		acted.State = ""
		return refused("%s", notice.Anomaly.Message)
	}
	return nil
}
