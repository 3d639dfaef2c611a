package directory

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/names"
)

// overlap is how far a look goes back behind the one before: a transaction under way has an earlier
// time than its commit.
const overlap = 5 * time.Minute

// cloudFoundry looks at organisations and spaces.
type cloudFoundry struct {
	settings Config
	deps     Deps
	client   *cfapi.Client
	whole    time.Time // the last look at everything, by the local clock; zero before the first
	since    time.Time // the last look, by the API's clock
}

// NewCF makes the directory of a Cloud Foundry foundation. It reads the CA file, and does no other
// I/O.
func NewCF(api cfapi.Config, cfg Config, deps Deps) (*Directory, error) {
	cfg, deps, err := complete(cfg, deps)
	if err != nil {
		return nil, err
	}
	client, err := cfapi.New(api, cfapi.Deps{Log: deps.Log, Now: deps.Now})
	if err != nil {
		return nil, err
	}
	f := &cloudFoundry{settings: cfg, deps: deps, client: client}
	return &Directory{settings: cfg, deps: deps, look: f.look, clean: client.Clean, close: client.Close}, nil
}

// look looks at everything where that is due, else at what changed.
func (f *cloudFoundry) look(ctx context.Context) error {
	f.client.Reset()
	now := f.deps.Now()
	all := f.whole.IsZero() || now.Sub(f.whole) >= f.settings.Whole
	if all {
		if err := f.client.CheckGlobalRead(ctx); err != nil {
			return err
		}
	}
	seen, first, err := f.seen(ctx, all)
	if err != nil {
		return err
	}
	if _, err := names.Record(ctx, f.deps.Bus, events.SourceCF, f.settings.Foundation, seen, all); err != nil {
		return err
	}
	if all {
		f.whole = now
	}
	if !first.IsZero() {
		f.since = first
	}
	return nil
}

// seen are all organisations and spaces, or those with a change since the last look. first is when
// the first one was seen, by the API's clock.
func (f *cloudFoundry) seen(ctx context.Context, all bool) (
	seen map[names.Key]names.Observation, first time.Time, err error,
) {
	seen = map[names.Key]names.Observation{}
	columns, since := []string{cfapi.UpdatedAts, cfapi.CreatedAts}, f.since.Add(-overlap)
	if all {
		columns, since = columns[:1], time.Time{}
	}
	for _, list := range []string{cfapi.Organizations, cfapi.Spaces} {
		for _, column := range columns {
			err := f.client.Places(ctx, list, column, since, func(p cfapi.Place) error {
				if first.IsZero() {
					first = p.Seen
				}
				seen[f.keyOf(&p)] = names.Observation{Name: p.Name, Born: p.Created, Since: p.Updated, Seen: p.Seen}
				return nil
			})
			if err != nil {
				return nil, first, err
			}
		}
	}
	return seen, first, nil
}

// keyOf is the key of an organization or a space.
func (f *cloudFoundry) keyOf(p *cfapi.Place) names.Key {
	k := names.Key{Tenant: names.Tenant{Source: events.SourceCF, Foundation: f.settings.Foundation, GUID: p.GUID}}
	if p.Organization != "" {
		k.GUID, k.Space = p.Organization, p.GUID
	}
	return k
}
