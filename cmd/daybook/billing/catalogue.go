package billing

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Catalogue groups the commands about price catalogues.
type Catalogue struct {
	Check    checkCmd    `cmd:"" help:"Check catalogue files; problems are said with file, line and column."`
	Publish  publishCmd  `cmd:"" help:"Put a catalogue in force, as a version that never changes, after its effect was shown; the pricer rates with it from then on."`
	Rollback rollbackCmd `cmd:"" help:"Put an earlier version in force again, after its effect was shown."`
	List     listCmd     `cmd:"" help:"List the versions, with who published them, when and why."`
	History  historyCmd  `cmd:"" help:"List when which version came into force, with its effect."`
	Show     showCmd     `cmd:"" help:"Print the text of a version, as it was published."`
	Diff     diffCmd     `cmd:"" help:"Show what becomes of plans, components and rates between two versions or files."`
	Explain  explainCmd  `cmd:"" help:"Show which plan a resource gets, and why."`
	Import   importCmd   `cmd:"" help:"Write the price list of another program as a catalogue."`
}

type checkCmd struct {
	shell.Reads
	Files   []string `arg:"" name:"file" help:"Catalogue files (YAML)."`
	Against string   `placeholder:"VERSION" help:"Refuse another billing currency than that of this version, or file. Only a version asks the server."`
}

// Run checks files.
func (c *checkCmd) Run(e *shell.Env) error {
	currency := ""
	if c.Against != "" {
		named := namedCatalogues{reads: &c.Reads}
		defer named.close()
		against, err := named.read(e, c.Against)
		if err != nil {
			return err
		}
		currency = against.Currency
	}
	failed := false
	for _, name := range c.Files {
		parsed, _, err := shell.LoadCatalogue(name)
		if err == nil && currency != "" && parsed.Currency != currency {
			err = fmt.Errorf("%s: the billing currency is %s, and that of %s %s: daybook catalogue publish takes it "+
				"with --currency-from and the first open month", name, parsed.Currency, c.Against, currency)
		}
		if err != nil {
			failed = true
			fmt.Fprintln(e.Stderr, err)
			continue
		}
		fmt.Fprintf(e.Stdout, "%s: ok, %d plan versions, version %s\n", name, len(parsed.Plans), parsed.Digest())
	}
	if failed {
		return shell.ErrReported
	}
	return nil
}

type explainCmd struct {
	File        string        `arg:"" help:"Catalogue file (YAML)."`
	Kind        string        `required:"" enum:"app,task,staging,service,instance,volume" help:"Kind: ${enum}."`
	At          shell.Instant `required:"" placeholder:"TIME" help:"The moment."`
	Tenant      string        `help:"Organization guid or tenant id."`
	Foundation  string        `help:"Foundation."`
	Space       string        `help:"Space name."`
	SpaceGUID   string        `name:"space-guid" help:"Space guid."`
	Instances   *uint32       `help:"Instances."`
	MemoryMB    *uint32       `name:"memory-mb" help:"Memory of an instance in MiB."`
	VolumeGB    *uint32       `name:"volume-gb" help:"Volume in GiB."`
	ProcessType string        `help:"Process type."`
	Buildpack   string        `help:"Buildpack name."`
	BuildpackID string        `name:"buildpack-guid" help:"Buildpack guid."`
	Plan        string        `help:"Service plan name."`
	PlanGUID    string        `name:"plan-guid" help:"Service plan guid."`
	Offering    string        `help:"Service offering name."`
	OfferingID  string        `name:"offering-guid" help:"Service offering guid."`
	Broker      string        `help:"Service broker name."`
	BrokerID    string        `name:"broker-guid" help:"Service broker guid."`
	Flavor      string        `help:"Flavour name."`
	FlavorID    string        `name:"flavor-id" help:"Flavour id."`
	Datastore   string        `help:"Datastore of a database, such as mysql."`
	DatastoreID string        `name:"datastore-id" help:"Trove's service_id of the datastore."`
	Region      string        `help:"Region of a database."`
	Zone        string        `name:"availability-zone" help:"Availability zone of a database."`
}

// Run explains the choice of a plan.
func (c *explainCmd) Run(e *shell.Env) error {
	parsed, _, err := shell.LoadCatalogue(c.File)
	if err != nil {
		return err
	}
	count := func(n *uint32) events.Count {
		if n == nil {
			return events.Count{}
		}
		return events.Some(*n)
	}
	explanation := parsed.Explain(catalogue.Resource{
		Foundation: c.Foundation, Tenant: c.Tenant, Space: c.SpaceGUID, SpaceName: c.Space, Kind: c.Kind,
		Footprint: events.Footprint{
			Instances: count(c.Instances), MemoryMB: count(c.MemoryMB), VolumeGB: count(c.VolumeGB),
			ProcessType: c.ProcessType,
			Buildpack:   c.Buildpack, BuildpackGUID: c.BuildpackID, Plan: c.Plan, PlanGUID: c.PlanGUID,
			Offering: c.Offering, OfferingGUID: c.OfferingID,
			Broker: c.Broker, BrokerGUID: c.BrokerID, Flavor: c.Flavor, FlavorID: c.FlavorID, Datastore: c.Datastore,
			DatastoreID: c.DatastoreID, Region: c.Region, AvailabilityZone: c.Zone,
		},
	}, c.At.Time)
	fmt.Fprint(e.Stdout, explanation.String())
	if explanation.Winner == nil {
		return errors.New("no plan matches: such usage is published as unrated")
	}
	return nil
}
