package main

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/reconciling"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/projector"
)

// system is all of Daybook in one process, with its NATS server.
type system struct {
	cmd       *upCmd
	env       *shell.Env
	log       *slog.Logger
	process   *service.Process
	server    *bus.Server
	bus       *bus.Bus
	projector *projector.Projector
	pricer    *pricer.Pricer
	books     *books
	cf        *cf.Collector       // nil: no foundation is collected
	trove     *trove.Collector    // nil: Trove is not collected
	api       *api.Server         // nil: it is not served
	guest     string              // password of the demo's operator; empty for none
	jobs      []job               // inputs with an end, a followed one last
	inputs    atomic.Int64        // collected from files
	seal      chan struct{}       // closed when every input with an end is charged: statements come behind it
	names     []service.Component // follow the names of tenants
	reconcile *reconciling.Made   // nil: nothing is reconciled
	// differences are the components of reconcile.
	differences []service.Component
	// incomplete is how many parts of the bill of --once are unrated, held or quarantined.
	incomplete int
	stop       context.CancelFunc // ends the services, once --once has its bill
}

// startSystem starts the server, with streams and catalogues, and makes the services.
func startSystem(e *shell.Env, c *upCmd, process *service.Process) (_ *system, err error) {
	s := &system{cmd: c, env: e, log: process.Log, process: process, seal: make(chan struct{})}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.startBus(process); err != nil {
		return nil, err
	}
	var foundations []cf.Foundation
	if c.collectsCF() {
		if foundations, err = c.ToCollect(c.CF, 0); err != nil {
			return nil, err
		}
	}
	if err := s.makeStages(process, foundations); err != nil {
		return nil, err
	}
	if len(foundations) > 0 {
		if s.cf, err = collect.NewCF(process, cf.OnBus(s.bus), foundations); err != nil {
			return nil, err
		}
	}
	if err := s.makeReconcile(slices.Clone(foundations)); err != nil {
		return nil, err
	}
	if c.Trove.Collects() {
		if s.trove, err = c.Trove.NewCollector(process, s.bus); err != nil {
			return nil, err
		}
	}
	if s.names, err = collect.FollowNames(process, s.bus, &c.CFFlags, foundations, &c.Trove); err != nil {
		return nil, err
	}
	if err := s.makeAPI(); err != nil {
		return nil, err
	}
	s.jobs = c.jobs(e.Stdin)
	return s, c.nameTenants(e.Ctx, s.bus)
}

// startBus starts the server and puts the catalogue in force.
func (s *system) startBus(process *service.Process) error {
	text, err := s.cmd.prices()
	if err != nil {
		return err
	}
	if s.server, err = s.cmd.startServer(process.Log); err != nil {
		return err
	}
	process.Health.Ready("server", atWork(s.server.Ready))
	s.bus, err = shell.AwaitBus(s.env.Ctx, process, "up", func(ctx context.Context) (*bus.Bus, error) {
		own := shell.NATS{URL: s.server.URL(), User: s.cmd.User, Password: s.cmd.Password}
		own.InProcess(s.server)
		if s.cmd.Once {
			own.Room = s.cmd.Room
		}
		return own.Connect(ctx, "up", process.Log)
	})
	if err != nil {
		return err
	}
	if s.cmd.Catalogue == "" {
		_, found, err := acts.InForce(s.env.Ctx, s.bus)
		if err != nil || found || text == nil {
			return err // the demo's prices are for want of others
		}
	}
	parsed, err := catalogue.Check("catalogue", text)
	if err != nil {
		return err
	}
	_, err = acts.PublishCatalogue(s.env.Ctx, s.bus, &acts.Publication{
		Version: parsed.Digest(), YAML: string(text), By: "daybook up", At: shell.Now(),
	})
	return err
}

// makeStages makes the projector, the pricer and the ledger's poster.
func (s *system) makeStages(process *service.Process, foundations []cf.Foundation) (err error) {
	projected, priced := stage.NewMetrics("projector"), stage.NewMetrics("pricer")
	process.Metrics.MustRegister(projected, priced)
	cfg := s.cmd.config()
	for i := range foundations {
		if f := &foundations[i]; !f.Epoch.IsZero() {
			cfg.Epoch[events.SourceCF+"/"+f.Name] = f.Epoch
		}
	}
	metering, pricing := projector.NewMetrics(), pricer.NewMetrics()
	process.Metrics.MustRegister(metering, pricing)
	s.projector, err = projector.New(cfg, projector.Deps{Bus: s.bus, Log: s.log, Metrics: projected, Figures: metering})
	if err != nil {
		return err
	}
	s.pricer = pricer.New(pricer.Config{}, pricer.Deps{
		Bus: s.bus, Seals: s.bus, SealAfter: s.seal, Log: s.log, Metrics: priced, Figures: pricing,
	})
	s.watch(pricing)
	s.books, err = s.cmd.open(process, s.bus)
	return err
}

// services are the components behind USAGE; they run until they are stopped.
func (s *system) services() []service.Component {
	stopped, stop := context.WithCancel(context.Background())
	s.stop = stop
	until := func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(stopped, cancel)()
			return run(ctx)
		}
	}
	return []service.Component{
		{Name: "projector", Run: until(s.projector.Run)},
		{Name: "pricer", Run: until(s.pricer.Run)},
		s.books.component(until(s.books.run)),
	}
}

// collectors are the components before USAGE.
func (s *system) collectors() []service.Component {
	components := append([]service.Component{{Name: "collector", Run: s.collect}}, s.names...)
	if s.cf != nil && !s.cmd.Once {
		components = append(components, service.Component{Name: "cf", Run: s.cf.Run})
	}
	components = append(components, s.differences...)
	if s.trove != nil {
		components = append(components, service.Component{Name: "trove", Run: s.trove.Run})
	}
	if s.cmd.Once {
		components = append(components, service.Component{Name: "room", Run: s.room, Background: true})
	}
	if s.api != nil {
		components = append(components, service.Component{Name: "api", Run: s.api.Run, Background: true},
			service.Component{Name: "queries", Run: s.api.RunQueries, Background: true},
			service.Component{Name: "verifications", Run: s.api.RunVerifications, Background: true})
	}
	return components
}
