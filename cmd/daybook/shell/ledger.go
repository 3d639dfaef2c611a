package shell

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// Ledger is the flag of a command that reads the ledger.
type Ledger struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Read the ledger in this Postgres database; without it, or with an empty one, METERED and BILLING are added up."`
}

// Books are a ledger with everything that the streams have now.
type Books struct {
	ledger.Reader
	Missing []string // sentences about messages that the streams lack
	close   func()
}

// Close ends the connections to a database.
func (k *Books) Close() {
	if k.close != nil {
		k.close()
	}
}

const (
	// catchUpTime is how long a command waits for a ledger in Postgres that somebody posts to.
	catchUpTime = 10 * time.Second
	// catchUpPause is the time between two looks at it.
	catchUpPause = 50 * time.Millisecond
)

// Books opens the ledger. One in Postgres that lacks something is an error, with its state: it
// answers what the streams say, or nothing.
func (f *Ledger) Books(ctx context.Context, b *bus.Bus) (_ *Books, err error) {
	if f.DatabaseURL == "" {
		all := memory.New()
		missing, err := ledger.CatchUp(ctx, b, all)
		return &Books{Reader: memory.NewReader(all, b), Missing: missing}, err
	}
	all, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all.Close()
		}
	}()
	var now, first ledger.State
	for until := time.Now().Add(catchUpTime); ; {
		if now, err = all.State(ctx, b); err != nil {
			return nil, fmt.Errorf("the ledger in Postgres (DATABASE_URL): %w", err)
		}
		if first.Streams == nil {
			first = now
		}
		if reached(&now, &first) || now.State != ledger.StatePosting || time.Now().After(until) {
			break
		}
		if err := bus.Wait(ctx, catchUpPause); err != nil {
			return nil, err
		}
	}
	if now.State != ledger.StatePosted && (now.State != ledger.StatePosting || !reached(&now, &first)) {
		return nil, unposted(&now)
	}
	missing, err := ledger.Absent(ctx, b, events.StreamMetered, events.StreamBilling)
	return &Books{Reader: all, Missing: missing, close: all.Close}, err
}

// State is the state of the ledger in Postgres.
func (f *Ledger) State(ctx context.Context, b *bus.Bus) (ledger.State, error) {
	all, err := f.open()
	if err != nil {
		return ledger.State{}, err
	}
	defer all.Close()
	return all.State(ctx, b)
}

func (f *Ledger) open() (*postgres.Ledger, error) {
	return postgres.New(postgres.Config{URL: f.DatabaseURL}, slog.New(slog.DiscardHandler))
}

// reached reports whether a ledger has what the streams had when it was asked first.
func reached(now, first *ledger.State) bool {
	for i := range first.Streams {
		if now.Streams[i].Posted < first.Streams[i].Last {
			return false
		}
	}
	return true
}

// unposted is the error of a ledger in Postgres that lacks something.
func unposted(s *ledger.State) error {
	text := "the ledger in Postgres (DATABASE_URL) is " + s.State
	if behind := s.Behind(); behind != "" {
		text += ": " + behind
	}
	if s.Problem != "" {
		text += ": " + s.Problem
	}
	return fmt.Errorf("%s; --database-url= asks the streams instead", text)
}
