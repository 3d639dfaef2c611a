package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// holdsCmd groups what can be done with holds: usage that may have been, but is not proven.
type holdsCmd struct {
	List    holdsListCmd    `cmd:"" help:"List what is held and not billed."`
	Release holdsReleaseCmd `cmd:"" help:"Bill what is held."`
	Discard holdsDiscardCmd `cmd:"" help:"Never bill what is held."`
}

type holdsListCmd struct {
	natsFlags
	Tenant     string `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists holds.
func (c *holdsListCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := print.NewHolds(e.stdout, e.stderr, c.Format == "json")
	err = latestMetered(e.ctx, b, c.Foundation, c.Tenant, func(m *events.Metered, _ *bus.Stored) error {
		return out.Add(m)
	})
	if err != nil {
		return err
	}
	return out.End()
}

// decisionFlags are what release and discard have in common.
type decisionFlags struct {
	natsFlags
	ID         string        `arg:"" optional:"" help:"Id of the hold, as daybook holds list prints it."`
	All        bool          `help:"Decide about all that is held, or of that what --tenant, --foundation and --code name."`
	Yes        bool          `help:"With --all: decide; without it, only say about how many."`
	Tenant     string        `help:"With --all: only this tenant."`
	Code       string        `help:"With --all: only holds with this code, such as gap."`
	By         string        `env:"USER" placeholder:"NAME" help:"Who decides."`
	Note       string        `help:"Why."`
	Wait       time.Duration `default:"10s" help:"How long to wait until the projector has taken the decision up; 0 does not wait."`
	Force      bool          `help:"Decide about a hold that is not listed now; needs --source, --foundation, --kind and --resource."`
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

type holdsReleaseCmd struct {
	decisionFlags
	VolumeGB *uint32 `name:"volume-gb" help:"Size of the volume in GiB, where the hold does not know it."`
	Flavor   string  `help:"Name of the flavour, where the hold does not know it."`
	FlavorID string  `name:"flavor-id" help:"Id of the flavour."`
}

// Run releases a hold.
func (c *holdsReleaseCmd) Run(e *env) error {
	footprint := events.Footprint{Flavor: c.Flavor, FlavorID: c.FlavorID}
	if c.VolumeGB != nil {
		footprint.VolumeGB = events.Some(*c.VolumeGB)
	}
	if c.All {
		if footprint != (events.Footprint{}) {
			return errors.New("a volume's size or a flavour is that of one hold: give its id instead of --all")
		}
		return c.decideAll(e, events.ActionRelease)
	}
	if c.VolumeGB != nil && *c.VolumeGB == 0 {
		return errors.New("a volume has 1 GiB at least: give its size with --volume-gb, or discard the hold if there " +
			"was no volume")
	}
	return c.decide(e, events.ActionRelease, footprint)
}

// releasable says why a hold can not be released with what an operator says of its size, and what
// is expected; nil if it can.
func releasable(h *events.Hold, said *events.Footprint) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("hold %s (%s of %s %s) is not released: %s", h.ID, h.Code, h.Kind, h.Resource,
			fmt.Sprintf(format, args...))
	}
	known, saysFlavor := &h.Footprint, said.Flavor != "" || said.FlavorID != ""
	switch {
	case h.Code == events.AnomalyClosedPeriod:
		return refuse("what it would change is closed. Settle the difference by hand, then discard it")
	case said.VolumeGB.Known() && h.Kind != events.KindVolume:
		return refuse("it is not about a volume; leave out --volume-gb")
	case saysFlavor && h.Kind != events.KindInstance:
		return refuse("it is not about a flavour; leave out --flavor and --flavor-id")
	case h.Kind == events.KindVolume && known.VolumeGB.Or(0) == 0 && !said.VolumeGB.Known():
		return refuse("nothing says how large the volume was; give its size in GiB with --volume-gb, or discard the " +
			"hold if there was no volume")
	case known.VolumeGB.Or(0) != 0 && said.VolumeGB.Known() && said.VolumeGB != known.VolumeGB:
		return refuse("what was collected says that the volume had %d GiB, not %d; leave out --volume-gb",
			known.VolumeGB.Or(0), said.VolumeGB.Or(0))
	case h.Kind == events.KindInstance && known.Flavor == "" && known.FlavorID == "" && !saysFlavor:
		return refuse("nothing says which flavour it had; give its name with --flavor and its id with --flavor-id")
	case differs(known.Flavor, said.Flavor), differs(known.FlavorID, said.FlavorID):
		return refuse("what was collected says the flavour %q with the id %q; leave out --flavor and --flavor-id",
			known.Flavor, known.FlavorID)
	}
	return nil
}

// differs reports whether two names are known and are not the same.
func differs(known, said string) bool { return known != "" && said != "" && known != said }

type holdsDiscardCmd struct {
	decisionFlags
}

// Run discards a hold.
func (c *holdsDiscardCmd) Run(e *env) error {
	if c.All {
		return c.decideAll(e, events.ActionDiscard)
	}
	return c.decide(e, events.ActionDiscard, events.Footprint{})
}

// decide publishes a decision, once, and says what became of it.
func (c *decisionFlags) decide(e *env, action string, footprint events.Footprint) error {
	b, err := c.open(e.ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	d := events.Decision{
		Source: c.Source, Foundation: c.Foundation, Kind: c.Kind, Resource: c.Resource,
		Hold: c.ID, Action: action, Footprint: footprint, By: c.By, Note: c.Note,
		Time: time.Now().UTC().Truncate(time.Microsecond),
	}
	hold, err := c.find(e.ctx, b, &d)
	if hold == nil && (err != nil || !c.Force) {
		return err
	}
	if hold != nil && action == events.ActionRelease {
		if err := releasable(hold, &footprint); err != nil {
			return err
		}
	}
	metered, err := b.Stream(e.ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	sequence, earlier, err := publishDecision(e.ctx, b, &d)
	if err != nil {
		return err
	}
	if earlier != nil {
		fmt.Fprintf(e.stdout, "decided already: %s of hold %s by %s at %s; nothing changed\n", action, c.ID,
			cmp.Or(earlier.By, "somebody"), events.FormatTime(earlier.Time))
		return nil
	}
	fmt.Fprintf(e.stdout, "published on %s: %s of hold %s (message %d of %s)\n",
		events.UsageDecisionSubject(d.Source, d.Foundation), action, c.ID, sequence, events.StreamUsage)
	if c.Wait == 0 {
		return nil
	}
	return c.taken(e, b, metered.Last, sequence)
}

// errFound ends a search.
var errFound = errors.New("found")

// find looks the hold up and says in the decision where it belongs. With --force one that is not
// listed is no error.
func (c *decisionFlags) find(ctx context.Context, b *bus.Bus, d *events.Decision) (hold *events.Hold, err error) {
	err = latestMetered(ctx, b, c.Foundation, "", func(m *events.Metered, _ *bus.Stored) error {
		for i := range m.Held {
			if m.Held[i].ID == c.ID {
				d.Source, d.Foundation, d.Kind, d.Resource = m.Source, m.Foundation, m.Kind, m.Resource
				found := m.Held[i]
				hold = &found
				return errFound
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return hold, nil
	case err != nil || c.Force:
		return nil, err
	}
	return nil, fmt.Errorf("no hold has the id %s: daybook holds list shows those that there are. A hold that a "+
		"later fact has settled, or that "+
		"somebody has decided about, is no longer listed; --force decides all the same", c.ID)
}

// publishDecision appends a decision, exactly once: earlier is the last decision about the hold if
// that says the same, and then nothing is stored. Decisions about a hold form a row, in which each
// id is made of the one before it.
func publishDecision(ctx context.Context, b *bus.Bus, d *events.Decision) (sequence uint64, earlier *events.Decision,
	err error,
) {
	subject := events.UsageDecisionSubject(d.Source, d.Foundation)
	for range decisionTries {
		last, at, end, err := lastDecision(ctx, b, subject, d.Hold)
		if err != nil {
			return 0, nil, err
		}
		before := ""
		if last != nil {
			if last.ID == d.ID && last.Time.Equal(d.Time) {
				return at, nil, nil // an earlier try was stored, though no answer came
			}
			if last.Action == d.Action && last.Footprint == d.Footprint {
				return at, last, nil
			}
			before = last.ID
		}
		d.ID = events.ID("decision", d.Hold, d.Action, before)
		sequence, err = b.Append(ctx, events.StreamUsage, []bus.Message{decisionMessage(subject, d)},
			bus.Expect{Filter: subject, Last: end})
		var conflict *bus.ConflictError
		switch {
		case err == nil:
			return sequence, nil, nil
		case !errors.As(err, &conflict) && !errors.Is(err, bus.ErrOutcomeUnknown):
			return 0, nil, err
		}
	}
	return 0, nil, fmt.Errorf("others decide in foundation %s at this moment, and the decision did not get through "+
		"in %d tries: try again", d.Foundation, decisionTries)
}

// decisionTries is how often a decision is tried against others who decide in the same foundation
// at this moment.
const decisionTries = 10

func decisionMessage(subject string, d *events.Decision) bus.Message {
	return bus.Message{Subject: subject, Data: d.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderID, Value: d.ID},
		{Key: events.HeaderType, Value: events.TypeDecision},
		{Key: events.HeaderSource, Value: "daybook/holds"},
		{Key: events.HeaderTime, Value: events.FormatTime(d.Time)},
		{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
		{Key: events.HeaderContentType, Value: events.ContentType},
	}}
}

// decideAll publishes a decision about each hold that matches.
func (c *decisionFlags) decideAll(e *env, action string) error {
	b, err := c.open(e.ctx, "holds", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	at := time.Now().UTC().Truncate(time.Microsecond)
	bySubject, known, unfit := map[string][]events.Decision{}, map[string]bool{}, map[string]bool{}
	var omitted uint64
	err = latestMetered(e.ctx, b, c.Foundation, c.Tenant, func(m *events.Metered, _ *bus.Stored) error {
		omitted += uint64(m.HeldOmitted)
		for i := range m.Held {
			h := &m.Held[i]
			if known[h.ID] || c.Code != "" && c.Code != h.Code {
				continue
			}
			if action == events.ActionRelease && releasable(h, &events.Footprint{}) != nil {
				unfit[h.ID] = true
				continue
			}
			known[h.ID] = true
			subject := events.UsageDecisionSubject(m.Source, m.Foundation)
			bySubject[subject] = append(bySubject[subject], events.Decision{
				Source: m.Source, Foundation: m.Foundation, Kind: m.Kind, Resource: m.Resource,
				Hold: h.ID, Action: action, By: c.By, Note: c.Note, Time: at,
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if omitted > 0 {
		fmt.Fprintf(e.stderr, "not listed: %d more; run this again when the projector has taken up what is decided "+
			"now\n", omitted)
	}
	if len(unfit) > 0 {
		fmt.Fprintf(e.stderr, "left out: %d that can not be released without their size, or at all; daybook holds "+
			"list says why\n", len(unfit))
	}
	if !c.Yes {
		fmt.Fprintf(e.stdout, "%s of %d holds: nothing published yet; add --yes to decide\n", action, len(known))
		return nil
	}
	published := 0
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		for part := range slices.Chunk(bySubject[subject], bus.MaxBatch) {
			n, err := publishDecisions(e.ctx, b, subject, part)
			if err != nil {
				return fmt.Errorf("%d of %d decisions published; run this again for the others: %w", published,
					len(known), err)
			}
			published += n
		}
	}
	fmt.Fprintf(e.stdout, "published: %s of %d holds; %d had been decided so already\n", action, published,
		len(known)-published)
	return nil
}

// publishDecisions appends decisions in one batch, each exactly once, as publishDecision does. It
// returns how many were not there yet.
func publishDecisions(ctx context.Context, b *bus.Bus, subject string, decisions []events.Decision) (published int,
	err error,
) {
	for range decisionTries {
		last := map[string]events.Decision{}
		end, err := eachDecision(ctx, b, subject, func(d *events.Decision, _ uint64) { last[d.Hold] = *d })
		if err != nil {
			return 0, err
		}
		var messages []bus.Message
		own := 0 // of an earlier try that was stored, though no answer came
		for i := range decisions {
			d := decisions[i]
			before, decided := last[d.Hold]
			if decided && before.Action == d.Action && before.Footprint == d.Footprint {
				if before.Time.Equal(d.Time) && before.By == d.By {
					own++
				}
				continue
			}
			d.ID = events.ID("decision", d.Hold, d.Action, before.ID)
			messages = append(messages, decisionMessage(subject, &d))
		}
		if len(messages) == 0 {
			return own, nil
		}
		_, err = b.Append(ctx, events.StreamUsage, messages, bus.Expect{Filter: subject, Last: end})
		var conflict *bus.ConflictError
		switch {
		case err == nil:
			return len(messages) + own, nil
		case !errors.As(err, &conflict) && !errors.Is(err, bus.ErrOutcomeUnknown):
			return 0, err
		}
	}
	return 0, fmt.Errorf("others decide on %s at this moment, and %d decisions did not get through in %d tries",
		subject, len(decisions), decisionTries)
}

// lastDecision returns the last decision about a hold with its sequence, nil if there is none, and
// the sequence of the last message on the subject.
func lastDecision(ctx context.Context, b *bus.Bus, subject, hold string) (last *events.Decision, at, end uint64,
	err error,
) {
	end, err = eachDecision(ctx, b, subject, func(d *events.Decision, sequence uint64) {
		if d.Hold == hold {
			last, at = d, sequence
		}
	})
	return last, at, end, err
}

// eachDecision gives the decisions on a subject, in order, and returns the sequence of the last
// message there, 0 if there is none.
func eachDecision(ctx context.Context, b *bus.Bus, subject string, each func(d *events.Decision,
	sequence uint64),
) (end uint64, err error) {
	return b.Each(ctx, events.StreamUsage, 1, bus.End, bus.ReadOptions{Filters: []string{subject}},
		func(m *bus.Stored) error {
			var d events.Decision
			if d.DecodeJSON(m.Data) == nil { // what cannot be read is no decision for the projector either
				each(&d, m.Sequence)
			}
			return nil
		})
}

// taken waits until the projector has worked the decision off, and says what came of it. That it
// does not run is no error: the decision stands in USAGE and is taken up when it does.
func (c *decisionFlags) taken(e *env, b *bus.Bus, after, sequence uint64) error {
	ctx, cancel := context.WithTimeout(e.ctx, c.Wait)
	defer cancel()
	reader, err := b.Read(ctx, events.StreamMetered, after+1,
		bus.ReadOptions{Filters: []string{events.SubjectsMetered}})
	if err != nil {
		return err
	}
	defer reader.Close()
	var m events.Metered
	var parts, closed, retracted int
	for {
		in, err := reader.Next(ctx)
		if err != nil && ctx.Err() != nil && e.ctx.Err() == nil {
			fmt.Fprintf(e.stdout, "the projector has not taken it up within %s: it does not run, is behind, or the "+
				"decision changes nothing; daybook holds list shows what is held then\n", c.Wait)
			return nil
		}
		if err != nil {
			return err
		}
		source, err := strconv.ParseUint(in.Header(stage.HeaderSourceSeq), 10, 64)
		switch {
		case err != nil || source < sequence:
			continue
		case source > sequence && parts == 0:
			fmt.Fprintln(e.stdout, "the projector has taken it up: it changes nothing")
			return nil
		case source == sequence:
			if in.Header(events.HeaderType) != events.TypeMetered || m.DecodeJSON(in.Data) != nil {
				fmt.Fprintf(e.stdout, "the projector has taken it up with message %d of %s: %s\n", in.Sequence,
					events.StreamMetered, in.Data)
				return nil
			}
			parts, closed, retracted = parts+1, closed+len(m.Closed), retracted+len(m.Retracted)
			if in.Header(stage.HeaderChain) == "" { // more parts follow in the batch
				continue
			}
		}
		fmt.Fprintf(e.stdout, "the projector has taken it up: %d spans closed, %d retracted, %d still held under %s\n",
			closed, retracted, uint64(len(m.Held))+uint64(m.HeldOmitted),
			events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource))
		return nil
	}
}
