package reconciling

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	collector "github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	processes "github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
	"github.com/daybook-billing/daybook/reconcile/rules"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// Made are the services of some foundations.
type Made struct {
	Services   []*service.Service
	names      []string
	inspectors []*cf.Inspector
}

// Close closes the connections to the platforms.
func (m *Made) Close() {
	for _, i := range m.inspectors {
		i.Close()
	}
}

// Components run the services; each has a readiness check.
func (m *Made) Components(process *processes.Process) (all []processes.Component) {
	for i, s := range m.Services {
		process.Health.Ready("reconcile/"+m.names[i], s.Ready)
		all = append(all, processes.Component{Name: "reconcile " + m.names[i], Run: s.Run})
	}
	return all
}

// load reads the rules of the flags.
func (s *Settings) load(act string) (out reconcile.Rules, err error) {
	if s.Rules != "" {
		text, err := os.ReadFile(s.Rules)
		if err != nil {
			return out, fmt.Errorf("cannot read the rules: %w", err)
		}
		if out, err = rules.Parse(s.Rules, text); err != nil {
			return out, err
		}
	}
	if s.Allow != 0 {
		out.Allow = s.Allow
	}
	return acting(out, act), nil
}

// Make makes the services of foundations of Cloud Foundry. metrics may be nil.
func (s *Settings) Make(b *bus.Bus, log *slog.Logger, metrics *service.Metrics, foundations []collector.Foundation,
	act string,
) (*Made, error) {
	with, err := s.load(act)
	if err != nil {
		return nil, err
	}
	m := &Made{}
	for i := range foundations {
		f := &foundations[i]
		inspector, err := cf.New(cf.Config{ExcludeSpaces: s.ExcludeSpaces, API: cfapi.Config{
			Foundation: f.Name, API: f.API, ClientID: f.ClientID, ClientSecret: f.ClientSecret, Username: f.Username,
			Password: f.Password, Token: f.Token, UserAgent: f.UserAgent, CAFile: f.CAFile, SkipTLS: f.SkipTLS,
			Timeout: f.Timeout, RetryWait: f.RetryWait, Retries: f.Retries,
		}}, cfapi.Deps{Log: log})
		if err != nil {
			m.Close()
			return nil, err
		}
		m.inspectors = append(m.inspectors, inspector)
		epoch := f.Epoch
		if epoch.IsZero() {
			epoch = s.epoch(f.Name)
		}
		one, err := service.New(service.Config{
			Source: events.SourceCF, Foundation: f.Name, Every: s.Every, Alarm: s.Alarm, Patience: s.Patience,
			Rules: with, Epoch: epoch,
		}, service.Deps{Bus: b, Platform: service.OnCF(inspector, s.Buildpacks), Log: log, Metrics: metrics})
		if err != nil {
			m.Close()
			return nil, err
		}
		m.Services, m.names = append(m.Services, one), append(m.names, f.Name)
	}
	return m, nil
}

// platform are the flags of a command that asks the platform.
type platform struct {
	shell.NATS
	API string `name:"api" env:"CF_API_ADDRESS" placeholder:"URL" help:"Address of the API, https://api.example.org."`
	collect.CFFlags
	Settings
}

// with opens the bus, makes the services, and calls do for each.
func (p *platform) with(e *shell.Env, act string, do func(ctx context.Context, b *bus.Bus, s *service.Service,
	foundation string) error,
) error {
	foundations, err := p.ToCollect(p.API, collect.PoliteWait)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := p.Open(e.Ctx, "reconcile", log)
	if err != nil {
		return err
	}
	defer b.Close()
	made, err := p.Make(b, log, nil, foundations, act)
	if err != nil {
		return err
	}
	defer made.Close()
	for i, s := range made.Services {
		if err := do(e.Ctx, b, s, made.names[i]); err != nil {
			return err
		}
	}
	return nil
}
