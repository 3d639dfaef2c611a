package main

import (
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
)

// makeAPI makes the API, unless it is off. Without the flag it does without its port.
func (s *system) makeAPI() (err error) {
	cfg := api.Config{Spare: s.cmd.API == nil, ClosedPrices: !s.cmd.PublicPrices}
	if s.cmd.API != nil {
		cfg.Address = *s.cmd.API
	}
	if cfg.Spare && s.cmd.Once || !cfg.Spare && cfg.Address == "" {
		return nil
	}
	if cfg.Auth, err = s.cmd.settings(); err != nil {
		return err
	}
	if s.cmd.Demo && s.cmd.Auth == "" {
		guest, password, err := auth.NewAccount("operator")
		if err != nil {
			return err
		}
		cfg.Auth.Guest, s.guest = &guest, password
	}
	s.api, err = api.New(cfg, api.Deps{
		Reader: s.books.reader, Bus: s.bus, Queries: s.bus, Log: s.log, Version: version(s.env.Ctx),
		State: s.books.state, Resubmit: collect.Resubmitter(s.bus),
		Verify: verifying(s.bus),
	})
	if err != nil {
		return err
	}
	s.process.Health.Ready("api", s.api.Ready)
	s.process.Metrics.MustRegister(s.api.Metrics())
	return nil
}
