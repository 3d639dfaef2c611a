package reconciling

import (
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
	out.Allow = append(out.Allow, s.Allow...)
	return acting(out, act), nil
}

// Make makes the services of foundations of Cloud Foundry. metrics may be nil.
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
	m := &Made{}
	for i := range foundations {
		f := &foundations[i]
		inspector, err := cf.New(cf.Config{ExcludeSpaces: metering.ExcludeSpaces, Retake: s.Retake, API: cfapi.Config{
			Foundation: f.Name, API: f.API, ClientID: f.ClientID, ClientSecret: f.ClientSecret, Username: f.Username,
			Password: f.Password, Token: f.Token, UserAgent: f.UserAgent, CAFile: f.CAFile, SkipTLS: f.SkipTLS,
			Timeout: f.Timeout, RetryWait: f.RetryWait, Retries: f.Retries, ListSize: s.ListSize,
		}}, cfapi.Deps{Log: log})
		if err != nil {
			m.Close()
			return nil, err
		}
		m.inspectors = append(m.inspectors, inspector)
		epoch := f.Epoch
		if epoch.IsZero() {
			epoch = metering.epoch(events.SourceCF, f.Name)
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
