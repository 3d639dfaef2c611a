package explain

import (
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger/trace"
)

// Trace tells what became of an event.
type Trace struct {
	shell.NATS
	Event  string `arg:"" help:"Guid of a usage event of Cloud Foundry, message_id of a notification of Trove, or a sequence of USAGE."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run prints the answer for each message about the event.
func (c *Trace) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "trace", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return err
	}
	all, err := trace.Event(e.Ctx, view, c.Event)
	if err != nil {
		return err
	}
	for i := range all {
		if err := print.Trace(e.Stdout, &all[i], c.Format == "json"); err != nil {
			return err
		}
	}
	if all[0].Answer == trace.Unknown {
		return shell.ErrReported
	}
	return nil
}
