package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/reconcile"
)

// Defaults of Config.
const (
	DefaultEvery    = time.Hour
	DefaultAlarm    = 5 * time.Minute
	DefaultPatience = 30 * time.Minute
	// retry is the wait after a round or a poll that failed.
	retry = time.Minute
)

// Config says how a foundation is reconciled.
type Config struct {
	Source, Foundation string

	Every    time.Duration // from one inspection to the next; default: DefaultEvery
	Alarm    time.Duration // from one comparison of sums to the next; default: DefaultAlarm; none where negative
	Patience time.Duration // how long METERED may be behind a listing; default: DefaultPatience
	Enacting time.Duration // how long a stage waits for METERED; default: assembler.DefaultPatience

	Rules reconcile.Rules // Settle is reconcile.DefaultSettle where it is 0
	Epoch time.Time       // nothing is billed before it; zero for none
	By    string          // who enacts plans; default: "daybook reconcile"
}

// Platform is one foundation as it is.
type Platform interface {
	// Inspect takes the floorplan. billed is what METERED bills, after the newest fact of the
	// foundation in USAGE; buildpacks: prices look at those of apps.
	Inspect(ctx context.Context, billed *reconcile.Blueprint, after uint64, buildpacks bool) (*reconcile.Floorplan,
		error)
	// Look asks for resources alone. With an error some may have a sight.
	Look(ctx context.Context, of []reconcile.Material, buildpacks bool) ([]reconcile.Sight, error)
	// Sums are the platform's own sums; nil where it has none.
	Sums(ctx context.Context) (*Sums, error)
}

// Bus is the part of the bus for a reconciliation.
type Bus interface {
	acts.Bus
	metered.Bus
	metered.Reading
	// Objects read and replace objects of a bucket, as bus.Bus does.
	Objects
}

// Deps are the surroundings. Log, Metrics and Now may be missing.
type Deps struct {
	Bus      Bus
	Platform Platform
	Log      *slog.Logger
	Metrics  *Metrics
	Now      func() time.Time
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		of    *time.Duration
		value time.Duration
	}{
		{&c.Every, DefaultEvery},
		{&c.Alarm, DefaultAlarm},
		{&c.Patience, DefaultPatience},
		{&c.Rules.Settle, reconcile.DefaultSettle},
	} {
		if *d.of == 0 {
			*d.of = d.value
		}
	}
	if c.By == "" {
		c.By = "daybook reconcile"
	}
	return c
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}
