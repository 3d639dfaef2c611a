package reconciling

import (
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// addition is an operator's own adjustment: an observation by a person.
type addition struct {
	Kind     string `arg:"" enum:"app,task,service,instance,volume" help:"Kind: ${enum}."`
	Resource string `arg:"" help:"Its guid, or the database's id."`
	By       string `env:"USER" required:"" placeholder:"NAME" help:"Who decides."`
	Note     string `required:"" help:"Why."`
}

// add stores an observation at a time, as a plan of its own.
func (a *addition) add(p *platform, e *shell.Env, gone bool, at time.Time) error {
	return p.withOne(e, a.Kind, func(e *shell.Env, _ *bus.Bus, s *service.Service) error {
		added, err := s.Add(e.Ctx, &service.Addition{
			Kind: a.Kind, Resource: a.Resource, Gone: gone, At: at, Word: assembler.Word{By: a.By, Note: a.Note},
		})
		if err != nil {
			return err
		}
		print.Text(e.Stdout, added.Text(a.Kind, a.Resource)+". daybook reconcile revert "+added.Plan+" --foundation "+
			s.Place().Foundation+" takes it back.")
		return nil
	})
}

type adoptCmd struct {
	platform
	addition
	From shell.Instant `required:"" placeholder:"TIME" help:"Since when it runs as it does."`
}

// Run asks the platform for a resource, and bills it from a time on.
func (c *adoptCmd) Run(e *shell.Env) error { return c.add(&c.platform, e, false, c.From.Time) }

type endCmd struct {
	platform
	addition
	At shell.Instant `required:"" placeholder:"TIME" help:"When it ended."`
}

// Run ends what is billed of a resource at a time.
func (c *endCmd) Run(e *shell.Env) error { return c.add(&c.platform, e, true, c.At.Time) }
