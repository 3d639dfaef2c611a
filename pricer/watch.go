package pricer

import (
	"context"
	"log/slog"
	"time"
)

// watchEvery is the time between two looks of Watch.
const watchEvery = time.Second

// Watch logs what keeps usage from having a price, until ctx is done.
func (m *Metrics) Watch(ctx context.Context, log *slog.Logger) error {
	said := Lacking{Log: log}
	ticks := time.NewTicker(watchEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			f := m.Now()
			said.Say(&f)
		}
	}
}

// Lacking logs what keeps usage from having a price, once for each change: a catalogue more or
// less, the first unrated part, the last one.
type Lacking struct {
	Log     *slog.Logger
	known   bool
	none    bool // no catalogue is in force
	unrated bool
}

// Say takes the figures of this moment.
func (l *Lacking) Say(f *Figures) {
	if !f.Known {
		return
	}
	none, unrated := f.Catalogue == "", f.Unrated > 0
	changed := !l.known || none != l.none || unrated != l.unrated
	before := l.none || l.unrated
	l.known, l.none, l.unrated = true, none, unrated
	switch lacks := f.Lacks(); {
	case !changed:
	case lacks != "":
		l.Log.Warn("usage has no price", slog.String("reason", lacks), slog.String("catalogue", f.Catalogue),
			slog.Int("unrated", f.Unrated))
	case before:
		l.Log.Info("all usage has a price", slog.String("catalogue", f.Catalogue))
	}
}
