package metering

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// Anomalies groups the commands about facts in conflict with others.
type Anomalies struct {
	List anomaliesListCmd `cmd:"" help:"List the anomalies that stand, with what to do."`
}

type anomaliesListCmd struct {
	shell.Reads
	shell.Ledger
	Tenant     string `help:"Only this tenant: its guid or name."`
	Foundation string `help:"Only this foundation."`
	Kind       string `enum:",app,task,staging,service,instance" default:"" help:"Only this kind of subject: app, task, staging, service or instance."`
	Code       string `help:"Only anomalies with this code, such as lost_change."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists the anomalies.
func (c *anomaliesListCmd) Run(e *shell.Env) error {
	codes := map[string]bool{}
	for _, code := range metered.AnomalyCodes() {
		codes[code] = true
	}
	if err := metered.UnknownName("code", c.Code, codes); err != nil {
		return err
	}
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, why, missing, err := ask(e)
	if err != nil {
		return err
	}
	out := print.NewAnomalies(e.Stdout, e.Stderr, c.Format == "json")
	for i := range x.Anomalies {
		err = errors.Join(err, out.Add(&x.Anomalies[i]))
	}
	err = errors.Join(err, out.End(x.Omitted, why))
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the list is incomplete: %s", strings.Join(missing, "; "))
	}
	return err
}

func (c *anomaliesListCmd) api(e *shell.Env) (x *answer.Anomalies, why string, missing []string, err error) {
	x, err = shell.Ask[answer.Anomalies](e, &c.Reads, "anomalies", &answer.AnomaliesQuestion{
		Whose: answer.Whose{Foundation: c.Foundation, Tenant: c.Tenant}, Kind: c.Kind, Code: c.Code,
	})
	return x, tooMany, nil, err
}

func (c *anomaliesListCmd) streams(e *shell.Env) (x *answer.Anomalies, why string, missing []string, err error) {
	b, err := c.Open(e.Ctx, "anomalies", nil)
	if err != nil {
		return nil, "", nil, err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, "", nil, err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return nil, "", nil, err
	}
	books, err := c.Books(e.Ctx, b)
	if err != nil {
		return nil, "", nil, err
	}
	defer books.Close()
	all, omitted, err := books.Anomalies(e.Ctx, anomalies.Filter{
		Foundation: c.Foundation, Tenant: c.Tenant, Kind: c.Kind, Code: c.Code,
	})
	if err == nil && len(all)+omitted == 0 {
		err = c.known(e.Ctx, b, books)
	}
	x = &answer.Anomalies{Omitted: omitted}
	for i := range all {
		x.Anomalies = append(x.Anomalies, answer.NewAnomaly(&all[i]))
	}
	return x, fmt.Sprintf("beyond %d of one code in one foundation", anomalies.MaxListed), books.Missing, err
}

// known is an error for a foundation or a tenant that does not exist: anomalies may be of a
// foundation of which nothing is metered.
func (c *anomaliesListCmd) known(ctx context.Context, b *bus.Bus, books *shell.Books) error {
	all, _, err := books.Anomalies(ctx, anomalies.Filter{Foundation: c.Foundation, Tenant: c.Tenant})
	if err != nil || len(all) > 0 {
		return err
	}
	return metered.CheckNames(ctx, b, c.Foundation, c.Tenant)
}
