package explain

import (
	"fmt"
	"regexp"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// lineForm is a line of a statement: the statement's number, and its place from 1.
var lineForm = regexp.MustCompile(`^[1-9]\d{0,17}/[1-9]\d{0,8}$`)

// line prints the entries behind a line of a statement. It ends with ErrDiffers where they come to
// something else.
func (c *Explain) line(e *shell.Env) error {
	var number uint64
	var line int
	if _, err := fmt.Sscanf(c.What, "%d/%d", &number, &line); err != nil {
		return err
	}
	ask := c.streamsLine
	if c.API != "" {
		ask = c.apiLine
	}
	issued, l, err := ask(e, number, line)
	if err != nil {
		return err
	}
	if err := print.StatementLine(e.Stdout, issued, l, c.Format == "json"); err != nil {
		return err
	}
	if !l.Equal {
		return shell.ErrDiffers
	}
	return nil
}

func (c *Explain) apiLine(e *shell.Env, number uint64, line int) (*statement.Statement, *answer.StatementLine, error) {
	issued, err := c.Statement(e, c.Tenant, c.Foundation, c.Month, number)
	if err != nil {
		return nil, nil, err
	}
	if err := bundle.HasLine(issued, line); err != nil {
		return nil, nil, err
	}
	l, err := shell.Ask[answer.StatementLine](e, &c.Reads, "statements/{source}/{foundation}/{number}/lines/{line}",
		&answer.LineQuestion{StatementQuestion: answer.StatementQuestion{
			Source: issued.Source, Foundation: issued.Foundation, Number: issued.Number,
		}, Line: line})
	return issued, l, err
}

func (c *Explain) streamsLine(e *shell.Env, number uint64, line int) (*statement.Statement, *answer.StatementLine,
	error,
) {
	b, err := c.Open(e.Ctx, "explain", nil)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return nil, nil, err
	}
	x, err := shell.Statement(e.Ctx, b, c.Tenant, c.Foundation, c.Month, number)
	if err != nil {
		return nil, nil, err
	}
	contents, err := bundle.Collect(e.Ctx, b, x)
	if err != nil {
		return nil, nil, fmt.Errorf("line %s is not explained: %w", c.What, err)
	}
	l, err := contents.Line(line)
	if err != nil {
		return nil, nil, err
	}
	return x, answer.NewStatementLine(contents, l), nil
}
