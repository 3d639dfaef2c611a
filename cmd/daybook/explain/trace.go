package explain

import (
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/client"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger/trace"
)

// Trace tells what became of an event.
type Trace struct {
	shell.Reads
	Event  string `arg:"" help:"Guid of a usage event of Cloud Foundry, message_id of a notification of Trove, or a sequence of USAGE."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run prints the answer for each message about the event.
func (c *Trace) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	all, err := ask(e)
	if err != nil {
		return err
	}
	for i := range all {
		if err := print.Trace(e.Stdout, &all[i], c.Format == "json"); err != nil {
			return err
		}
	}
	if all[0].Answer == string(trace.Unknown) {
		return shell.ErrReported
	}
	return nil
}

func (c *Trace) api(e *shell.Env) ([]answer.Trace, error) {
	x, err := shell.Ask[answer.Traces](e, &c.Reads, "events/{event}", &answer.EventQuestion{Event: c.Event})
	if client.NotFound(err) {
		unknown := trace.Found{Outcome: &trace.Outcome{Answer: trace.Unknown}}
		return []answer.Trace{answer.NewTrace(answer.Operator(), &unknown)}, nil
	}
	if err != nil {
		return nil, err
	}
	return x.Traces, nil
}

func (c *Trace) streams(e *shell.Env) ([]answer.Trace, error) {
	b, err := c.Open(e.Ctx, "trace", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	view, err := names.NewView(e.Ctx, b)
	if err != nil {
		return nil, err
	}
	found, err := trace.Event(e.Ctx, view, nil, c.Event)
	all := make([]answer.Trace, len(found))
	for i := range found {
		all[i] = answer.NewTrace(answer.Operator(), &found[i])
	}
	return all, err
}
