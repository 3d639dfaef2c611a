package reconciling

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// addition is an operator's own adjustment: an observation by a person.
type addition struct {
	Kind     string `arg:"" enum:"app,task,service" help:"Kind: app, task or service."`
	Resource string `arg:"" help:"Its guid."`
	By       string `env:"USER" required:"" placeholder:"NAME" help:"Who decides."`
	Note     string `required:"" help:"Why."`
}

// observe stores an observation of a material at a time, as a plan of its own.
func (a *addition) observe(ctx context.Context, e *shell.Env, b *bus.Bus, s *service.Service, foundation string,
	m *reconcile.Material, finding string, at time.Time,
) error {
	through, after, err := s.Position(ctx)
	if err != nil {
		return err
	}
	if at.After(through) {
		return fmt.Errorf("%s is not metered yet: %s is metered through %s", events.FormatTime(at), foundation,
			events.FormatTime(through))
	}
	plan := events.ID("addition", events.SourceCF, foundation, a.Kind, a.Resource, finding, events.FormatTime(at))
	o := events.Observation{
		Finding: finding, Plan: plan, Remodel: "addition", Kind: m.Kind, Resource: m.Resource, App: m.App,
		Tenant: m.Tenant, Space: m.Space, SpaceName: m.SpaceName, Name: m.Name, At: at, Exact: true,
		NotBefore: at, NotAfter: at,
		Seen: through, AfterSequence: after, Evidence: m.Evidence,
	}
	if finding == events.FindingRunning {
		o.Footprint = m.Footprint
	}
	stored, err := acts.Observe(ctx, b, events.SourceCF, foundation, plan, []events.Observation{o}, a.By, a.Note,
		shell.Now())
	if err != nil {
		return err
	}
	word := "stored"
	if stored == 0 {
		word = "stored before"
	}
	print.Text(e.Stdout, fmt.Sprintf("%s %s: %s at %s is %s. daybook reconcile revert %s --foundation %s takes it "+
		"back.", m.Kind, m.Resource, finding, events.FormatTime(at), word, plan, foundation))
	return nil
}

type adoptCmd struct {
	platform
	addition
	From shell.Instant `required:"" placeholder:"TIME" help:"Since when it runs as it does."`
}

// Run asks the platform for a resource, and bills it from a time on.
func (c *adoptCmd) Run(e *shell.Env) error {
	return c.withOne(e, func(e *shell.Env, b *bus.Bus, s *service.Service, foundation string) error {
		sight, err := s.See(e.Ctx, reconcile.Material{
			Kind: c.Kind, Resource: c.Resource, App: c.Resource, Proof: c.From.Time,
		})
		if err != nil {
			return err
		}
		if sight.Doubt != "" || !sight.There {
			return fmt.Errorf("the platform of %s does not show that %s %s runs %s: nothing is adopted", foundation,
				c.Kind, c.Resource, sight.Doubt)
		}
		return c.observe(e.Ctx, e, b, s, foundation, &sight.Material, events.FindingRunning, c.From.Time)
	})
}

type endCmd struct {
	platform
	addition
	At shell.Instant `required:"" placeholder:"TIME" help:"When it ended."`
}

// Run ends what is billed of a resource at a time.
func (c *endCmd) Run(e *shell.Env) error {
	return c.withOne(e, func(e *shell.Env, b *bus.Bus, s *service.Service, foundation string) error {
		billed, err := s.Draw(e.Ctx, time.Time{})
		if err != nil {
			return err
		}
		m := billed.Find(reconcile.Key{Kind: c.Kind, Resource: c.Resource})
		if m == nil {
			return fmt.Errorf("nothing of %s %s is billed or held in %s: there is nothing to end", c.Kind, c.Resource,
				foundation)
		}
		return c.observe(e.Ctx, e, b, s, foundation, m, events.FindingGone, c.At.Time)
	})
}
