package pricer

import (
	"context"
	"log/slog"
	"strings"
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
			f := m.Now()
			said.Say(&f)
			return nil
		case <-ticks.C:
			f := m.Now()
			said.Say(&f)
		}
	}
}

// Lacking logs what keeps usage from having a price, once for each change: a catalogue more or
// less, the first unrated part, the last one. It logs another catalogue in force, too, and the
// closed months that it leaves as they are.
type Lacking struct {
	Log     *slog.Logger
	known   bool
	inForce string // empty for none
	left    string // the closed months of the last look
	unrated bool
}

// Say takes the figures of this moment.
func (l *Lacking) Say(f *Figures) {
	if !f.Known {
		return
	}
	none, unrated := f.Catalogue == "", f.Unrated > 0
	if l.known && !none && f.Catalogue != l.inForce {
		l.Log.Info("another catalogue is in force; daybook catalogue history shows what it changes",
			slog.String("catalogue", f.Catalogue), slog.String("former", l.inForce))
	}
	if left := strings.Join(f.Left, ","); left != l.left {
		if l.left = left; left != "" {
			l.Log.Warn("closed months stay as they are, though the catalogue in force would change them; daybook "+
				"catalogue publish --reprice-closed posts the difference as corrections",
				slog.String("catalogue", f.Catalogue), slog.String("months", left))
		}
	}
	changed := !l.known || none != (l.inForce == "") || unrated != l.unrated
	before := l.known && (l.inForce == "" || l.unrated)
	l.known, l.inForce, l.unrated = true, f.Catalogue, unrated
	switch lacks := f.Lacks(); {
	case !changed:
	case lacks != "":
		l.Log.Warn("usage has no price", slog.String("reason", lacks), slog.String("catalogue", f.Catalogue),
			slog.Int("unrated", f.Unrated))
	case before:
		l.Log.Info("all usage has a price", slog.String("catalogue", f.Catalogue))
	}
}
