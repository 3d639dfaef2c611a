package months

import (
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// List is daybook month list.
type List struct {
	shell.Reads
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists months.
func (c *List) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	all, err := ask(e, &answer.FoundationQuestion{Foundation: c.Foundation})
	if err != nil {
		return err
	}
	return print.Months(e.Stdout, all.Months, c.Format == "json")
}

func (c *List) api(e *shell.Env, x *answer.FoundationQuestion) (*answer.Months, error) {
	return shell.Ask[answer.Months](e, &c.Reads, "months", x)
}

func (c *List) streams(e *shell.Env, x *answer.FoundationQuestion) (*answer.Months, error) {
	b, err := c.Open(e.Ctx, "month", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return answer.New(nil, b).Months(e.Ctx, answer.Operator(), x)
}
