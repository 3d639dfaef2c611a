package directory

import (
	"context"
	"errors"
	"log/slog"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Directory follows the names of one foundation. Make it with NewCF or NewKeystone.
type Directory struct {
	settings Config
	deps     Deps
	look     func(ctx context.Context) error
	clean    func(text string) string // removes secrets from an error
	close    func()                   // idle connections
	failed   bool                     // the last look
}

// Look looks once.
func (d *Directory) Look(ctx context.Context) error { return d.look(ctx) }

// Run looks again and again until the context ends, and returns nil: trouble is counted, logged
// when it begins and when it ends, and tried again.
func (d *Directory) Run(ctx context.Context) error {
	defer d.close()
	for {
		err := d.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.report(err)
		wait := d.settings.Every
		if until := (*cfapi.WaitError)(nil); errors.As(err, &until) {
			wait = max(wait, until.Until.Sub(d.deps.Now()))
		}
		if appender.Wait(ctx, wait) != nil {
			return nil
		}
	}
}

func (d *Directory) report(err error) {
	result := lookOK
	if err != nil {
		result = lookFailed
	}
	d.deps.Metrics.looks.WithLabelValues(d.settings.Foundation, result).Inc()
	log := d.deps.Log.With(slog.String("foundation", d.settings.Foundation))
	switch {
	case err != nil && !d.failed:
		log.Warn("the names of tenants are not up to date; usage is collected all the same",
			slog.String("error", d.clean(err.Error())))
	case err == nil && d.failed:
		log.Info("the names of tenants are up to date again")
	}
	d.failed = err != nil
}
