package explain

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// lineForm is a line of a statement: the statement's number, and its place from 1.
var lineForm = regexp.MustCompile(`^[1-9]\d{0,17}/[1-9]\d{0,8}$`)

// line prints the entries behind a line of a statement. It ends with ErrDiffers where they come to
// something else.
func (c *Explain) line(e *shell.Env) error {
	if c.API != "" {
		return errors.New("a line of a statement is explained by the streams alone: leave --api out, or explain a " +
			"charge")
	}
	b, err := c.Open(e.Ctx, "explain", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	var number uint64
	var line int
	if _, err := fmt.Sscanf(c.What, "%d/%d", &number, &line); err != nil {
		return err
	}
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return err
	}
	x, err := shell.Statement(e.Ctx, b, c.Tenant, c.Foundation, c.Month, number)
	if err != nil {
		return err
	}
	contents, err := bundle.Collect(e.Ctx, b, x)
	if err != nil {
		return fmt.Errorf("line %s is not explained: %w", c.What, err)
	}
	l, err := contents.Line(line)
	if err != nil {
		return err
	}
	if err := print.StatementLine(e.Stdout, contents, l, c.Format == "json"); err != nil {
		return err
	}
	if !l.Equal() {
		return shell.ErrDiffers
	}
	return nil
}
