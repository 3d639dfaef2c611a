package reconciling

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	collector "github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// platform are the flags of a command that asks the platform.
type platform struct {
	shell.NATS
	API string `name:"api" env:"CF_API_ADDRESS" placeholder:"URL" help:"Address of the API, https://api.example.org."`
	collect.CFFlags
	Settings
	Metering
}

// work is what a command does about one foundation. It prints to the Env.
type work func(e *shell.Env, b *bus.Bus, s *service.Service) error

// with does the work for each foundation.
func (p *platform) with(e *shell.Env, act string, do work) error {
	foundations, err := p.foundations()
	if err != nil {
		return err
	}
	return p.within(e, act, foundations, do)
}

// foundations are those of Cloud Foundry; none where only a Trove is named.
func (p *platform) foundations() ([]collector.Foundation, error) {
	if p.API == "" && p.Foundations == "" && p.Trove.Given() {
		return nil, nil
	}
	return p.ToCollect(p.API, collect.PoliteWait)
}

// withOne does the work for one foundation, of the platform that has the kind: a guid may be
// another resource in a clone.
func (p *platform) withOne(e *shell.Env, kind string, do work) error {
	if kind == events.KindInstance || kind == events.KindVolume {
		if !p.Trove.Given() {
			return errors.New("a database is one of a Trove: say how it is asked, with --trove-keystone or " +
				"--trove-exists")
		}
		return p.within(e, "", nil, do)
	}
	foundations, err := p.ToCollect(p.API, collect.PoliteWait)
	if err != nil {
		return err
	}
	if len(foundations) > 1 {
		foundations = slices.DeleteFunc(foundations, func(f collector.Foundation) bool { return f.Name != p.Name })
	}
	if len(foundations) == 0 {
		return fmt.Errorf("%s has no foundation %q, and this is about one: name it with --cf-name", p.Foundations,
			p.Name)
	}
	alone := *p
	alone.Trove = Trove{}
	return alone.within(e, "", foundations, do)
}

// atOnce bounds the foundations that are worked on at the same time: each waits for METERED most of
// the time.
const atOnce = 16

// within opens the bus, makes the services, and does the work for each, several at the same time.
// What they print comes in their order. One that fails keeps no other from its turn.
func (p *platform) within(e *shell.Env, act string, foundations []collector.Foundation, do work) error {
	log := slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := p.Open(e.Ctx, "reconcile", log)
	if err != nil {
		return err
	}
	defer b.Close()
	made, err := p.Make(b, log, nil, foundations, act, &p.Metering)
	if err != nil {
		return err
	}
	defer made.Close()
	turns, places := make([]turn, len(made.Services)), make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, s := range made.Services {
		turns[i].done = make(chan struct{})
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			turns[i].take(e, b, s, do)
		})
	}
	var problems []error
	for i := range turns {
		<-turns[i].done
		_, errPrint := e.Stdout.Write(turns[i].out.Bytes())
		if err := turns[i].err; err != nil && len(turns) > 1 && !errors.Is(err, shell.ErrIncomplete) {
			turns[i].err = fmt.Errorf("%s: %w", made.Services[i].Place().Foundation, err)
		}
		problems = append(problems, errors.Join(turns[i].err, errPrint))
	}
	all.Wait()
	return worst(problems)
}

// turn is the work for one foundation.
type turn struct {
	out  bytes.Buffer
	err  error
	done chan struct{} // closed behind it
}

func (t *turn) take(e *shell.Env, b *bus.Bus, s *service.Service, do work) {
	defer close(t.done)
	own := *e
	own.Stdout = &t.out
	t.err = do(&own, b, s)
}

// worst joins errors. A status alone does not hide what else there is to say.
func worst(all []error) error {
	said := slices.DeleteFunc(slices.Clone(all), func(err error) bool { return errors.Is(err, shell.ErrIncomplete) })
	if err := errors.Join(said...); err != nil {
		return err
	}
	return errors.Join(all...)
}
