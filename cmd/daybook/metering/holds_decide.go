package metering

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// decisionFlags are the common flags of release and discard.
type decisionFlags struct {
	shell.NATS
	shell.Person
	ID         string        `arg:"" optional:"" help:"Id of the hold, as daybook holds list prints it."`
	All        bool          `help:"Decide about all holds, or the holds of --tenant, --foundation and --code."`
	Yes        bool          `help:"With --all: decide; without it, only list the holds and what would be decided."`
	Tenant     string        `help:"With --all: only this tenant, by its guid or name."`
	Code       string        `help:"With --all: only holds with this code, such as gap."`
	Wait       time.Duration `default:"10s" help:"Time to wait for the projector to take the decision up; 0: none."`
	Force      bool          `help:"Decide about a hold that is not listed; needs --source, --foundation, --kind and --resource."`
	Source     string        `enum:",cf,trove" default:"" help:"With --force: source of the hold: cf or trove."`
	Foundation string        `help:"With --force: foundation of the hold. With --all: only this foundation."`
	Kind       string        `enum:",app,task,staging,service,instance" default:"" help:"With --force: kind of the subject: the last but one token."`
	Resource   string        `help:"With --force: resource of the subject: the last token."`
}

// Validate checks the command line.
func (c *decisionFlags) Validate() error {
	switch {
	case c.All == (c.ID != ""):
		return errors.New("name one hold by its id, or all with --all")
	case c.All && (c.Force || c.Source != "" || c.Kind != "" || c.Resource != ""):
		return errors.New("--all is for what is listed, and goes with --tenant, --foundation and --code only")
	case !c.All && (c.Tenant != "" || c.Code != "" || c.Yes):
		return errors.New("--tenant, --code and --yes go with --all")
	}
	if c.Force && (c.Source == "" || c.Foundation == "" || c.Kind == "" || c.Resource == "") {
		return errors.New("--force needs --source, --foundation, --kind and --resource: they say where the hold " +
			"belongs")
	}
	return nil
}

type holdsDiscardCmd struct {
	decisionFlags
}

// Run discards a hold.
func (c *holdsDiscardCmd) Run(e *shell.Env) error {
	if c.All {
		return c.decideAll(e, events.ActionDiscard, discard)
	}
	return c.decide(e, discard)
}

// discard is the word that bills nothing.
func discard(*acts.Held) (acts.Word, error) { return acts.Word{Action: events.ActionDiscard}, nil }

// decide publishes a decision, once, and prints its outcome: word says which.
func (c *decisionFlags) decide(e *shell.Env, word func(*acts.Held) (acts.Word, error)) error {
	b, err := c.Open(e.Ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	hold, err := c.find(e.Ctx, b)
	if err != nil {
		return err
	}
	w, err := word(&hold)
	if err != nil {
		return advised(err)
	}
	action := w.Action
	d := hold.Decision(action, c.By, c.Note, shell.Now())
	d.Decision.Footprint = w.Footprint
	metering, err := b.Stream(e.Ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	decided, err := acts.Decide(e.Ctx, b, d)
	if err != nil {
		return err
	}
	if o := &decided[0]; o.Already {
		fmt.Fprintf(e.Stdout, "decided already: %s of hold %s by %s at %s; nothing changed\n", action, c.ID,
			cmp.Or(o.By, "somebody"), events.FormatTime(o.Time))
		return nil
	}
	fmt.Fprintf(e.Stdout, "published on %s: %s of hold %s (message %d of %s)\n",
		events.ActSubject(d.Kind, d.Source, d.Foundation), action, c.ID, decided[0].Sequence, events.StreamUsage)
	if c.Wait == 0 {
		return nil
	}
	return c.await(e, b, metering.Last, decided[0].Sequence)
}

// find finds the hold. With --force an unlisted hold is made of the flags.
func (c *decisionFlags) find(ctx context.Context, b *bus.Bus) (acts.Held, error) {
	hold, err := acts.FindHold(ctx, b, c.Foundation, c.ID)
	switch {
	case errors.Is(err, acts.ErrUnknownHold) && c.Force:
		return acts.Held{
			Hold: events.Hold{ID: c.ID}, Source: c.Source, Foundation: c.Foundation, Kind: c.Kind, Resource: c.Resource,
		}, nil
	case errors.Is(err, acts.ErrUnknownHold):
		return hold, fmt.Errorf("no hold has the id %s: daybook holds list shows those that there are. A hold that a "+
			"later fact has settled, or that somebody has decided about, is no longer listed; --force decides all the "+
			"same", c.ID)
	}
	return hold, err
}

// await waits until the projector has worked the decision off, and prints its answer. Where the
// time is over the decision stands in USAGE, and the projector takes it up when it runs.
func (c *decisionFlags) await(e *shell.Env, b *bus.Bus, after, sequence uint64) error {
	ctx, cancel := context.WithTimeout(e.Ctx, c.Wait)
	defer cancel()
	effect, err := metered.AwaitEffect(ctx, b, after, sequence)
	if err != nil && ctx.Err() != nil && e.Ctx.Err() == nil {
		fmt.Fprintf(e.Stdout, "the projector has not taken it up within %s: it does not run, is behind, or the "+
			"decision changes nothing; daybook holds list shows what is held then\n", c.Wait)
		return shell.ErrWaited
	}
	if err != nil {
		return err
	}
	return print.Effect(e.Stdout, &effect)
}
