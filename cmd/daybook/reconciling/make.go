package reconciling

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	collector "github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	processes "github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
	"github.com/daybook-billing/daybook/reconcile/rules"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// Made are the services of some foundations.
type Made struct {
	Services []*service.Service
	closers  []func()
	bus      *bus.Bus
}

// Close closes the connections to the platforms.
func (m *Made) Close() {
	for _, closes := range m.closers {
		closes()
	}
}

// Components run the services; each has a readiness check.
func (m *Made) Components(process *processes.Process) []processes.Component {
	for _, s := range m.Services {
		process.Health.Ready("reconcile/"+s.Place().Foundation, s.Ready)
	}
	return m.components(process)
}

// Beside are the components of a process that does more than reconcile: their checks tell what is
// wrong, and keep nothing from being ready.
func (m *Made) Beside(process *processes.Process) []processes.Component {
	for _, s := range m.Services {
		process.Health.Ready("reconcile/"+s.Place().Foundation, func(ctx context.Context) (string, error) {
			state, err := s.Ready(ctx)
			if err != nil {
				state = "not reconciling: " + err.Error()
			}
			return state, nil
		})
	}
	return m.components(process)
}

func (m *Made) components(process *processes.Process) (all []processes.Component) {
	if len(m.Services) == 0 {
		return nil
	}
	doers := map[plans.Place]requests.Doer{}
	for _, s := range m.Services {
		doers[s.Place()] = s
		all = append(all, processes.Component{Name: "reconcile " + s.Place().Foundation, Run: s.Run})
	}
	return append(all, processes.Component{Name: "reconcile requests", Run: func(ctx context.Context) error {
		return requests.Serve(ctx, m.bus, doers, process.Log)
	}})
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
	out.Allow = append(out.Allow, s.Allow...)
	return acting(out, act), nil
}

// add adds a service.
func (m *Made) add(config service.Config, deps service.Deps) error {
	one, err := service.New(config, deps)
	if err == nil {
		m.Services = append(m.Services, one)
	}
	return err
}

// Make makes the services of foundations of Cloud Foundry, and of a Trove. metrics may be nil.
func (s *Settings) Make(b *bus.Bus, log *slog.Logger, metrics *service.Metrics, foundations []collector.Foundation,
	act string, metering *Metering,
) (*Made, error) {
	if s.ListSize < 1 || s.ListSize > cfapi.MaxPageSize {
		return nil, fmt.Errorf("a page of a list has 1 to %d resources, not %d", cfapi.MaxPageSize, s.ListSize)
	}
	with, err := s.load(act)
	if err != nil {
		return nil, err
	}
	m := &Made{bus: b}
	for i := 0; i < len(foundations) && err == nil; i++ {
		err = s.addCF(m, b, log, metrics, with, metering, &foundations[i])
	}
	if err == nil && s.Trove.Given() {
		err = s.addTrove(m, b, log, metrics, with, metering)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// addCF adds the service of a foundation of Cloud Foundry.
func (s *Settings) addCF(m *Made, b *bus.Bus, log *slog.Logger, metrics *service.Metrics, with reconcile.Rules,
	metering *Metering, f *collector.Foundation,
) error {
	inspector, err := cf.New(cf.Config{ExcludeSpaces: metering.ExcludeSpaces, Retake: s.Retake, API: cfapi.Config{
		Foundation: f.Name, API: f.API, ClientID: f.ClientID, ClientSecret: f.ClientSecret, Username: f.Username,
		Password: f.Password, Token: f.Token, UserAgent: f.UserAgent, CAFile: f.CAFile, SkipTLS: f.SkipTLS,
		Timeout: f.Timeout, RetryWait: f.RetryWait, Retries: f.Retries, ListSize: s.ListSize,
	}}, cfapi.Deps{Log: log})
	if err != nil {
		return err
	}
	m.closers = append(m.closers, inspector.Close)
	epoch := f.Epoch
	if epoch.IsZero() {
		epoch = metering.epoch(events.SourceCF, f.Name)
	}
	return m.add(service.Config{
		Source: events.SourceCF, Foundation: f.Name, Every: s.Every, Alarm: s.Alarm, Patience: s.Patience,
		Rules: with, Epoch: epoch,
	}, service.Deps{
		Bus: b, Log: log, Metrics: metrics,
		Platform: service.OnCF(inspector, &service.Droplets{Bus: b, Foundation: f.Name}),
	})
}
