package metering

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

type holdsReleaseCmd struct {
	decisionFlags
	As        string  `enum:",lower,higher" default:"" help:"Which of its two bounds to bill (a contradiction's hold): lower or higher. Lower bills nothing where it may not have run."`
	Plan      string  `help:"Which of its two plans to bill (a service's hold): its name or guid."`
	Catalogue string  `placeholder:"FILE" help:"With --as, for services: the price catalogue that says which of two plans costs less."`
	VolumeGB  *uint32 `name:"volume-gb" help:"Size of the volume in GiB, where the hold does not know it."`
	Flavor    string  `help:"Name of the flavour, where the hold does not know it."`
	FlavorID  string  `name:"flavor-id" help:"Id of the flavour."`
}

// footprint is the size or flavour of the command line.
func (c *holdsReleaseCmd) footprint() events.Footprint {
	footprint := events.Footprint{Flavor: c.Flavor, FlavorID: c.FlavorID}
	if c.VolumeGB != nil {
		footprint.VolumeGB = events.Some(*c.VolumeGB)
	}
	return footprint
}

// check refuses flags that contradict each other.
func (c *holdsReleaseCmd) check() error {
	ofOne := c.footprint() != events.Footprint{}
	switch {
	case c.All && ofOne:
		return errors.New("a volume's size or a flavour is that of one hold: give its id instead of --all")
	case c.As != "" && (ofOne || c.Plan != "") || c.Plan != "" && ofOne:
		return errors.New("--as, --plan, and a size or flavour each say what to bill: give one of them")
	case c.Catalogue != "" && c.As == "":
		return errors.New("--catalogue goes with --as: it says which of two plans costs less")
	case c.VolumeGB != nil && *c.VolumeGB == 0:
		return errors.New("a volume has 1 GiB at least: give its size with --volume-gb, or discard the hold if there " +
			"was no volume")
	}
	return nil
}

// Run releases a hold.
func (c *holdsReleaseCmd) Run(e *shell.Env) error {
	if err := c.check(); err != nil {
		return err
	}
	footprint := c.footprint()
	var prices *catalogue.Catalogue
	if c.Catalogue != "" {
		var err error
		if prices, _, err = shell.LoadCatalogue(c.Catalogue); err != nil {
			return err
		}
	}
	word := func(held *acts.Held) (acts.Word, error) {
		h := &held.Hold
		switch {
		case c.Plan != "":
			return acts.WithPlan(h, c.Plan)
		case c.As == "" && h.Code == "": // not listed: nothing is known of it
			return acts.Word{Action: events.ActionRelease, Footprint: footprint}, nil
		case c.As == "":
			return acts.Word{Action: events.ActionRelease, Footprint: footprint}, acts.Releasable(h, &footprint)
		case prices == nil:
			return acts.At(h, acts.Bound(c.As), nil)
		}
		return acts.At(h, acts.Bound(c.As), func(f *events.Footprint) (events.Decimal, error) {
			return costOf(prices, held, f)
		})
	}
	if c.All {
		return c.decideAll(e, events.ActionRelease, word)
	}
	return c.decide(e, word)
}

// costOf is the price of a hold with a footprint.
func costOf(prices *catalogue.Catalogue, held *acts.Held, f *events.Footprint) (events.Decimal, error) {
	h := &held.Hold
	s := events.Span{
		Kind: h.Kind, Resource: h.Resource, Tenant: held.Tenant, Start: h.Start, End: h.End, Since: h.Start,
		Footprint: *f,
	}
	lines, unrated := rating.Rate(prices, held.Foundation, &s)
	var sum events.Decimal
	for i := range lines {
		sum = sum.Add(lines[i].Amount)
	}
	if len(unrated) > 0 {
		return sum, fmt.Errorf("which plan of hold %s costs less is not known: the plan %s has no price (%s). Name "+
			"one of the two plans with --plan, or add its price to the catalogue", h.ID, f.Plan, unrated[0].Reason)
	}
	return sum, nil
}

// advised names the flags to change.
func advised(err error) error {
	var refused *acts.NotReleasableError
	if !errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("%w%s", err, releaseAdvice[refused.Problem])
}

// releaseAdvice names the flags to change.
var releaseAdvice = map[acts.Problem]string{
	acts.NoVolume: "; leave out --volume-gb",
	acts.NoFlavor: "; leave out --flavor and --flavor-id",
	acts.SizeUnknown: "; give its size in GiB with --volume-gb, or discard the hold if there was no " +
		"volume",
	acts.SizeContradicted:   "; leave out --volume-gb",
	acts.FlavorUnknown:      "; give its name with --flavor and its id with --flavor-id",
	acts.FlavorContradicted: "; leave out --flavor and --flavor-id",
	acts.BoundsOpen:         "; choose with --as lower or --as higher, or for a service with --plan",
	acts.NoBounds:           "; leave out --as",
	acts.PlansUnpriced:      "; name one of them with --plan, or give prices with --catalogue",
	acts.NoSuchPlan:         "; name one of them with --plan, or leave it out",
}
