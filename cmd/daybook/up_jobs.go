package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/billing"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// job is one input to collect.
type job struct {
	foundation string
	files      []string
	name       string // of stdin, for messages
	stdin      io.Reader
	horizon    *time.Time // nil: the newest time in the input
	follow     bool
}

// collect works through the jobs, waits until everything is charged, and shows the bill. A followed
// job comes after the bill, because it has no end.
func (s *system) collect(ctx context.Context) error {
	finish := print.Line(s.env.Stderr, s.progress)
	defer finish()
	if err := s.collectOnce(ctx); err != nil {
		return s.interrupted(ctx, err)
	}
	if (s.cf != nil || s.trove != nil) && !s.cmd.Once && len(s.jobs) == 0 {
		finish()
		close(s.seal)
		s.hint()
		return nil // collecting has no end: daybook bill shows the bill at any time
	}
	if err := s.charged(ctx); err != nil {
		return s.interrupted(ctx, err)
	}
	finish()
	if err := s.showBill(ctx); err != nil {
		return s.interrupted(ctx, err)
	}
	if s.cmd.Once {
		s.stop()
		return nil
	}
	s.hint()
	if s.cmd.Follow {
		return s.run(ctx, s.jobs[len(s.jobs)-1])
	}
	return nil
}

// hint says what to try.
func (s *system) hint() {
	running := print.System{NATS: s.server.URL(), Demo: s.cmd.Demo, Password: s.guest}
	if s.api != nil {
		running.API = s.api.Address()
	}
	if address := s.process.Address(); address != nil {
		running.HTTP = "http://" + shell.Reachable(address)
	}
	print.Hints(s.env.Stdout, running)
}

// collectOnce works through the jobs with an end, and with --once polls the foundations.
func (s *system) collectOnce(ctx context.Context) error {
	for _, j := range s.jobs {
		if j.follow {
			break
		}
		if err := s.run(ctx, j); err != nil {
			return err
		}
	}
	if s.cf != nil && s.cmd.Once {
		return s.cf.Poll(ctx)
	}
	return nil
}

// look reads the streams, and waits for the end of an outage: the embedded server starts again
// after a full disk.
func (s *system) look(ctx context.Context, read func(context.Context) error) error {
	return s.process.Retry(ctx, "streams", bus.Outage, read)
}

func (s *system) showBill(ctx context.Context) error {
	bill, err := s.books.ledger.Bill(ctx, ledger.Query{})
	if err != nil {
		return err
	}
	quarantined := 0
	err = s.look(ctx, func(ctx context.Context) (err error) {
		if quarantined, err = quarantine.Count(ctx, s.bus); err == nil {
			err = shell.Call(ctx, s.bus, &bill)
		}
		if err != nil {
			return err
		}
		bill.Missing, err = ledger.Losing(ctx, s.bus, shell.Watched("up")...)
		return err
	})
	if err != nil {
		return err
	}
	s.incomplete = bill.Unrated + bill.Held + quarantined
	err = print.Bill(s.env.Stdout, &bill, quarantined, false)
	if err == nil && s.cmd.Once && len(bill.Missing) > 0 {
		err = billing.Lacking(bill.Missing)
	}
	return err
}

// progress says how far the services have come while they catch up.
func (s *system) progress() string {
	return fmt.Sprintf("%d inputs collected, %d messages metered, %d priced, %d posted", s.inputs.Load(),
		s.projector.Done(), s.pricer.Done(), s.books.poster.Positions().Billing)
}

// interrupted is the error of a stopped collect: a service may be stopped at any time, but --once
// has promised a bill.
func (s *system) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case s.cmd.Once:
		return errors.New("stopped before everything was charged; what was stored stays: run the same command again " +
			"to go on")
	default:
		return nil
	}
}

// run collects one input.
func (s *system) run(ctx context.Context, j job) error {
	files, err := file.New(file.Config{
		Foundation: j.foundation, Files: j.files, Order: s.cmd.Order, Follow: j.follow,
		Horizon: j.horizon, StdinName: j.name,
	}, file.Deps{
		Store: file.OnBus(s.bus), Log: s.log, Stdin: j.stdin,
		Progress: func(r file.Report) { s.inputs.Store(int64(r.Inputs)) },
	})
	if err != nil {
		return err
	}
	return files.Run(ctx)
}

// issueTime is the longest wait of the first bill for the statements of closed months.
const issueTime = time.Minute

// charged waits until all of USAGE, as it is now, is metered, priced and posted, with the
// statements of the months that it closes.
func (s *system) charged(ctx context.Context) error {
	if err := s.look(ctx, s.posted); err != nil {
		return err
	}
	close(s.seal)
	sealing, cancel := context.WithTimeout(ctx, issueTime)
	defer cancel()
	err := s.pricer.WaitIssued(sealing)
	if err != nil && (s.cmd.Once || ctx.Err() != nil) { // else they come later
		return fmt.Errorf("everything is charged, and statements are not sealed within %s; the log says why: %w",
			issueTime, err)
	}
	return s.look(ctx, s.posted)
}

// posted waits until all of USAGE, as it is now, is metered, priced and posted.
func (s *system) posted(ctx context.Context) error {
	usage, err := s.bus.Stream(ctx, events.StreamUsage)
	if err != nil {
		return err
	}
	if err := s.projector.Wait(ctx, usage.Last); err != nil {
		return err
	}
	metered, err := s.bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return err
	}
	if err := s.pricer.Wait(ctx, metered.Last); err != nil {
		return err
	}
	billing, err := s.bus.Stream(ctx, events.StreamBilling)
	if err != nil {
		return err
	}
	return s.books.wait(ctx, usage.Last, ledger.Positions{Metered: metered.Last, Billing: billing.Last})
}
