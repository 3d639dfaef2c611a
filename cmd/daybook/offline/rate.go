package offline

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Rate is the offline face: the functions of collector, projector and pricer over files.
type Rate struct {
	Files     []string      `arg:"" name:"file" help:"Files of usage events and notifications in any form of JSON, compressed too; - is standard input."`
	Catalogue string        `help:"Price catalogue (YAML). Required without --spans." placeholder:"FILE"`
	Now       shell.Instant `help:"Horizon: running resources accrue up to it (default: the newest time in the input)." placeholder:"TIME"`
	Epoch     shell.Instant `help:"Nothing before it is billed." placeholder:"TIME"`
	From      shell.Instant `help:"Crop the spans: nothing before it is priced." placeholder:"TIME"`
	To        shell.Instant `help:"Crop the spans: nothing from it on is priced." placeholder:"TIME"`
	Order     string        `enum:"api,natural,created_at,given" default:"api" help:"${order_help}"`
	shell.Allowance
	Spans  bool   `help:"Print what ran instead of what it costs."`
	Format string `enum:"json,table,csv" default:"table" help:"Output: json (an object a line), table or csv."`
}

// Run prints spans or charges of the files.
func (c *Rate) Run(e *shell.Env) error {
	if !c.To.IsZero() && !c.From.Before(c.To.Time) {
		return fmt.Errorf("--from %s is not before --to %s: nothing would be left", events.FormatTime(c.From.Time),
			events.FormatTime(c.To.Time))
	}
	var prices *catalogue.Catalogue
	if !c.Spans && c.Catalogue == "" {
		return errors.New("--catalogue FILE is missing: charges need prices. --spans prints what ran without them")
	}
	if c.Catalogue != "" {
		var err error
		if prices, _, err = shell.LoadCatalogue(c.Catalogue); err != nil {
			return err
		}
	}
	meter, err := newRateMeter(c.Epoch.Time, c.Now.Time)
	if err != nil {
		return err
	}
	in := rateInput{stderr: e.Stderr}
	if err := in.read(e, c, meter); err != nil {
		return err
	}
	now := c.Now.Time
	if now.IsZero() {
		now = in.newest
		if now.After(time.Now().Add(time.Minute)) {
			fmt.Fprintf(e.Stderr, "daybook: the newest event is of %s, in the future: what runs is billed up to it. "+
				"--now "+
				"says up to when\n", events.FormatTime(now))
		}
	}
	spans, anomalies := meter.spans(now)
	parts := in.quarantined + meter.heldParts()
	for _, a := range anomalies {
		fmt.Fprintf(e.Stderr, "daybook: anomaly: %s of %s at %s: %s\n", a.Code, a.Resource, events.FormatTime(a.Time),
			a.Message)
	}
	spans = rating.Join(rating.Crop(spans, c.From.Time, c.To.Time), prices, file.DefaultFoundation)
	if c.Spans {
		err = print.RatedSpans(e.Stdout, c.Format, spans)
	} else {
		total := rating.Price(prices, file.DefaultFoundation, spans)
		parts += total.Unrated
		err = print.RatedCharges(e.Stdout, e.Stderr, c.Format, spans, &print.RateTotal{
			Total: total, Currency: prices.Currency, Quarantined: in.quarantined,
		})
	}
	if err != nil {
		return err
	}
	return c.Incomplete(parts)
}
