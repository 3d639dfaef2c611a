package billing

import (
	"errors"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// Forecast is daybook forecast.
type Forecast struct {
	shell.Reads
	shell.Ledger
	Tenant     string   `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string   `help:"Only this foundation."`
	Month      string   `placeholder:"YYYY-MM" help:"Month (default: that of the latest horizon)."`
	By         []string `sep:"," default:"tenant,kind,plan,component" placeholder:"NAME,…" help:"Sum by tenant, foundation, space, app, resource, kind, plan or component, or by several of them (default: ${default})."`
	Format     string   `enum:"table,json,csv" default:"table" help:"Output: ${enum}."`
	Exact      bool     `help:"Print exact amounts, not those rounded to the currency's minor unit; json and csv are exact anyway."`
}

// Validate checks the command line.
func (c *Forecast) Validate() error {
	return checkSums(c.Month, c.By, answer.ForecastDimensions())
}

// Run prints what the month comes to if all that runs goes on.
func (c *Forecast) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	forecast, missing, err := ask(e, &answer.ForecastQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, Month: c.Month, By: c.By,
	})
	if err != nil {
		return err
	}
	err = print.Forecast(e.Stdout, forecast, c.Format, c.Exact)
	if err == nil && len(missing) > 0 {
		err = errors.New("the forecast is incomplete: " + strings.Join(missing, "; "))
	}
	return err
}

func (c *Forecast) api(e *shell.Env, x *answer.ForecastQuestion) (f *answer.Forecast, missing []string, err error) {
	f, err = shell.Ask[answer.Forecast](e, &c.Reads, "forecast", x)
	return f, nil, err
}

func (c *Forecast) streams(e *shell.Env, x *answer.ForecastQuestion) (f *answer.Forecast, missing []string,
	err error,
) {
	b, err := c.Open(e.Ctx, "forecast", nil)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	books, err := c.Books(e.Ctx, b)
	if err != nil {
		return nil, nil, err
	}
	defer books.Close()
	f, err = answer.New(books, b).Forecast(e.Ctx, answer.Operator(), x)
	return f, books.Missing, err
}
