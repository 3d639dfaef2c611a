package directory

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/names"
)

// Directory follows the names of one foundation.
type Directory struct {
	Config
	Deps
	client *cfapi.Client
	whole  time.Time // the last look at everything, by the local clock; zero before the first
	since  time.Time // the last look, by the API's clock
	failed bool      // the last look
}

// New makes a directory. It reads the CA file, and does no other I/O.
func New(cfg Config, deps Deps) (*Directory, error) {
	cfg, deps = cfg.withDefaults(), deps.withDefaults()
	if deps.Bus == nil {
		return nil, errors.New("collector/cf/directory: Deps.Bus is missing")
	}
	client, err := cfapi.New(cfg.API, cfapi.Deps{Log: deps.Log, Now: deps.Now})
	if err != nil {
		return nil, err
	}
	deps.Log = deps.Log.With(slog.String("foundation", cfg.Foundation))
	return &Directory{Config: cfg, Deps: deps, client: client}, nil
}

// Run looks again and again until the context ends, and returns nil: trouble is counted, logged
// when it begins and when it ends, and tried again.
func (d *Directory) Run(ctx context.Context) error {
	defer d.client.Close()
	for {
		err := d.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.report(err)
		wait := d.Every
		if until := (*cfapi.WaitError)(nil); errors.As(err, &until) {
			wait = max(wait, until.Until.Sub(d.Now()))
		}
		if appender.Wait(ctx, wait) != nil {
			return nil
		}
	}
}

func (d *Directory) report(err error) {
	result, problem := lookOK, ""
	if err != nil {
		result, problem = lookFailed, d.client.Clean(err.Error())
	}
	d.Metrics.looks.WithLabelValues(d.Foundation, result).Inc()
	switch {
	case err != nil && !d.failed:
		d.Log.Warn("the names of organisations and spaces are not up to date; usage is collected all the same",
			slog.String("error", problem))
	case err == nil && d.failed:
		d.Log.Info("the names of organisations and spaces are up to date again")
	}
	d.failed = err != nil
}

// Look looks once: at everything where that is due, else at what changed.
func (d *Directory) Look(ctx context.Context) error {
	d.client.Reset()
	now := d.Now()
	all := d.whole.IsZero() || now.Sub(d.whole) >= d.Whole
	if all {
		if err := d.client.CheckGlobalRead(ctx); err != nil {
			return err
		}
	}
	seen := map[names.Key]names.Observation{}
	first := time.Time{}
	for _, list := range []string{cfapi.Organizations, cfapi.Spaces} {
		columns := []string{cfapi.UpdatedAts, cfapi.CreatedAts}
		if all {
			columns = columns[:1]
		}
		for _, column := range columns {
			since := d.since.Add(-overlap)
			if all {
				since = time.Time{}
			}
			err := d.client.Places(ctx, list, column, since, func(p cfapi.Place) error {
				if first.IsZero() {
					first = p.Seen
				}
				seen[keyOf(d.Foundation, &p)] = names.Observation{
					Name: p.Name, Born: p.Created, Since: p.Updated, Seen: p.Seen,
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	if _, err := names.Record(ctx, d.Bus, events.SourceCF, d.Foundation, seen, all); err != nil {
		return err
	}
	if all {
		d.whole = now
	}
	if !first.IsZero() {
		d.since = first
	}
	return nil
}

// keyOf is the key of an organization or a space.
func keyOf(foundation string, p *cfapi.Place) names.Key {
	k := names.Key{Tenant: names.Tenant{Source: events.SourceCF, Foundation: foundation, GUID: p.GUID}}
	if p.Organization != "" {
		k.GUID, k.Space = p.Organization, p.GUID
	}
	return k
}
