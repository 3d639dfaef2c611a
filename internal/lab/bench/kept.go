package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// keptFile is the file of a kept folder that says its year is whole.
const keptFile = "year.json"

// kept is a filled year, for the next run.
type kept struct {
	Asked    int    // charges that were asked for
	Database string // its name
	Services int
	Months   int
	Days     int
	First    uint64 // year.first
	Charges  int
	Noon     map[string]uint64
}

// store is the database of a run, and the folder of its streams.
type store struct {
	cluster *pgtest.Cluster
	books   *postgres.Ledger
	url     string
	streams string
	year    *kept // that of an earlier run; nil: it is to be filled
}

// open starts a database: a temporary one, or that of the folder to keep.
func (r *rig) open(ctx context.Context, charges int) (_ *store, err error) {
	s := &store{streams: r.folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if r.keep == "" {
		if s.cluster, err = pgtest.Start(ctx); err != nil {
			return nil, err
		}
	} else {
		s.streams = filepath.Join(r.keep, "streams")
		if err := os.MkdirAll(r.keep, 0o755); err != nil { //nolint:gosec // Postgres has another user
			return nil, err
		}
		if s.year, err = loadYear(r.keep, charges); err != nil {
			return nil, err
		}
		if s.cluster, err = pgtest.StartIn(ctx, filepath.Join(r.keep, "postgres")); err != nil {
			return nil, err
		}
	}
	if s.year == nil {
		if s.url, err = s.cluster.Database(ctx); err != nil {
			return nil, err
		}
	} else {
		own, err := url.Parse(s.cluster.URL())
		if err != nil {
			return nil, err
		}
		own.Path = "/" + s.year.Database
		s.url = own.String()
	}
	if s.books, err = postgres.New(postgres.Config{URL: s.url}, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return s, s.books.Migrate(ctx)
}

func (s *store) close() (err error) {
	if s.books != nil {
		s.books.Close()
	}
	if s.cluster != nil {
		err = s.cluster.Close()
	}
	return err
}

// loadYear is the year that a folder has; nil: none. Half a year is refused, and one of another
// size.
func loadYear(folder string, charges int) (*kept, error) {
	text, err := os.ReadFile(filepath.Join(folder, keptFile)) //nolint:gosec // the folder of the command line
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(folder, "streams")); err == nil {
			return nil, fmt.Errorf("%s has a year that was not filled to its end: remove the folder", folder)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k := &kept{}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	if k.Asked != charges {
		return nil, fmt.Errorf("%s has a year of %d charges: give -charges %[2]d, or another folder", folder, k.Asked)
	}
	return k, nil
}

// save notes a filled year.
func (w *year) save(folder, database string, asked int) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(kept{
		Asked: asked, Database: filepath.Base(u.Path), Services: w.services, Months: w.months, Days: w.days,
		First: w.first, Charges: w.charges, Noon: w.noon,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, keptFile), text, 0o600)
}

// again is the year that an earlier run has filled. Its streams and its database say how far that
// run went on behind the year.
func (k *kept) again(ctx context.Context, b *bus.Bus, books *postgres.Ledger) (*year, error) {
	w := emptyYear(b, books)
	w.services, w.months, w.days, w.first, w.charges, w.noon = k.Services, k.Months, k.Days, k.First, k.Charges, k.Noon
	for stream, last := range map[string]*uint64{
		events.StreamUsage: &w.usage, events.StreamMetered: &w.at.Metered, events.StreamBilling: &w.at.Billing,
	} {
		state, err := b.Stream(ctx, stream)
		if err != nil {
			return nil, err
		}
		*last = state.Last
	}
	m, err := b.Get(ctx, events.StreamUsage, w.usage)
	if err != nil {
		return nil, err
	}
	var h events.Horizon
	if err := h.DecodeJSON(m.Data); err != nil {
		return nil, fmt.Errorf("the last message of %s: %w", events.StreamUsage, err)
	}
	w.next = int(h.Time.Sub(w.day(w.months-1, 0)) / (24 * time.Hour))
	if w.posted, err = books.Positions(ctx); err != nil || w.posted == w.at {
		return w, err
	}
	rest := ledger.Batch{From: w.posted, Positions: w.at} // of a run that was killed
	w.posted = w.at
	return w, books.Post(ctx, rest)
}
