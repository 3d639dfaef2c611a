package months

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// each gives an act about a month of each foundation that allows it. A foundation that refuses, or
// whose answer does not come in time, keeps no other one waiting for its act.
func (c *flags) each(e *shell.Env, month, kind string, allowed func(*acts.Months) error) error {
	b, err := c.Open(e.Ctx, "month", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := acts.ReadMonths(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("nothing was metered of any such foundation: daybook status lists the foundations")
	}
	var refused error
	waited := false
	for i := range all {
		m := &all[i]
		err := allowed(m)
		if err == nil {
			err = c.give(e, b, &events.Act{
				Kind: kind, Source: m.Source, Foundation: m.Foundation, Month: events.Month{Month: month},
			})
		}
		if errors.Is(err, shell.ErrWaited) { // give has said so
			waited = true
		} else if err != nil {
			refused = errors.Join(refused, fmt.Errorf("%s of %s/%s: %w", month, m.Source, m.Foundation, err))
		}
		if e.Ctx.Err() != nil {
			break
		}
	}
	if refused == nil && waited {
		return shell.ErrWaited
	}
	return refused
}

// policy gives an act about how months close.
func (c *flags) policy(e *shell.Env, kind string, of events.Month) error {
	b, err := c.Open(e.Ctx, "month", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Foundation == "" {
		return c.give(e, b, &events.Act{Kind: kind, Month: of})
	}
	sources, err := acts.Sources(e.Ctx, b, c.Foundation)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("nothing was ever collected of a foundation %q: daybook status lists the foundations",
			c.Foundation)
	}
	for _, source := range sources {
		act := events.Act{Kind: kind, Source: source, Foundation: c.Foundation, Month: of}
		if err := c.give(e, b, &act); err != nil {
			return err
		}
	}
	return nil
}

// give publishes an act and waits for the projector.
func (c *flags) give(e *shell.Env, b *bus.Bus, a *events.Act) error {
	a.By, a.Note, a.Time = c.By, c.Note, shell.Now()
	metering, err := b.Stream(e.Ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	sequence, err := acts.DecideMonth(e.Ctx, b, *a, nil)
	if err != nil {
		return err
	}
	subject := events.ActSubject(a.Kind, a.Source, a.Foundation)
	fmt.Fprintf(e.Stdout, "published on %s (message %d of %s)\n", subject, sequence, events.StreamUsage)
	if c.Wait == 0 || a.Kind == events.ActMode || a.Kind == events.ActGrace { // most of them change nothing yet
		return nil
	}
	ctx, cancel := context.WithTimeout(e.Ctx, c.Wait)
	defer cancel()
	effect, err := metered.AwaitEffect(ctx, b, metering.Last, sequence)
	if err != nil && ctx.Err() != nil && e.Ctx.Err() == nil {
		fmt.Fprintf(e.Stdout, "the projector has not taken it up within %s: it does not run, or is behind; daybook "+
			"month list shows what is closed then\n", c.Wait)
		return shell.ErrWaited
	}
	if err != nil {
		return err
	}
	return printEffect(e, &effect)
}

// printEffect prints what the projector made of an act about a month.
func printEffect(e *shell.Env, effect *metered.Effect) error {
	var closing events.Closing
	var refusal events.AnomalyNotice
	switch {
	case refusal.DecodeJSON([]byte(effect.Foreign)) == nil && refusal.Anomaly.Code != "":
		return errors.New(refusal.Anomaly.Message)
	case closing.DecodeJSON([]byte(effect.Foreign)) == nil && closing.Reopened:
		fmt.Fprintf(e.Stdout, "%s of %s/%s is open again\n", closing.Month, closing.Source, closing.Foundation)
	default:
		fmt.Fprintf(e.Stdout, "%s of %s/%s is closed\n", closing.Month, closing.Source, closing.Foundation)
	}
	return nil
}
