package service

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/inspector/exists"
)

// existsWindow is the time up to the horizon within which a report proves a life: two audit periods
// of a day.
const existsWindow = 48 * time.Hour

// OnExists is a Trove whose API cannot be asked, by the notifications in USAGE. It is for one
// Service.
func OnExists(foundation string, b metered.Bus) Platform {
	return &existsPlatform{foundation: foundation, bus: b}
}

// existsPlatform is used by one round at a time. Its time is the horizon: METERED has everything up
// to it, and so nothing is awaited.
type existsPlatform struct {
	foundation string
	bus        metered.Bus
	from, to   time.Time // of the last floorplan
}

func (p *existsPlatform) Inspect(ctx context.Context, billed *reconcile.Blueprint, after uint64, _ bool) (
	*reconcile.Floorplan, error,
) {
	p.to = billed.Horizon.Add(-foreman.Skew)
	p.from = p.to.Add(-existsWindow)
	var failed error
	facts := p.decoded(&failed, func(yield func(*bus.Stored) error) error {
		return p.bus.Latest(ctx, events.StreamUsage, []string{events.UsageTenantFilter(events.SourceTrove, p.foundation,
			"")}, yield)
	})
	f := exists.Floorplan(p.foundation, facts, p.from, p.to)
	f.AfterSequence = max(f.AfterSequence, after)
	var volumes []reconcile.Material
	for i := range f.Materials { // a volume that is billed lives as long as its database
		m := &f.Materials[i]
		if of := billed.Find(reconcile.Key{Kind: events.KindVolume, Resource: m.Resource}); of != nil {
			volume := *of
			volume.Doubt, volume.Held, volume.Proof = exists.WhyVolume, "", m.Proof
			volumes = append(volumes, volume)
		}
	}
	f.Materials = append(f.Materials, volumes...)
	return f, failed
}

// Look reads all facts about each database.
func (p *existsPlatform) Look(ctx context.Context, of []reconcile.Material, _ bool) (all []reconcile.Sight, err error) {
	for i := range of {
		key := of[i].Key()
		var failed error
		facts := p.decoded(&failed, func(yield func(*bus.Stored) error) error {
			_, err := p.bus.Each(ctx, events.StreamUsage, 1, 0, bus.ReadOptions{Filters: []string{
				events.UsageResourceFilter(events.SourceTrove, p.foundation, events.KindInstance, key.Resource),
			}}, yield)
			return err
		})
		f := exists.Floorplan(p.foundation, facts, p.from, p.to)
		if failed != nil {
			return all, failed
		}
		sight := reconcile.Sight{Key: key, Seen: p.to, Doubt: exists.Why}
		if m := f.Find(key); m != nil {
			sight.There, sight.Doubt, sight.Material, sight.Evidence = true, m.Doubt, *m, m.Evidence
		}
		all = append(all, sight)
	}
	return all, nil
}

// decoded are the facts of stored messages. A message of another form is left out: the projector
// tells of it.
func (p *existsPlatform) decoded(failed *error, read func(yield func(*bus.Stored) error) error,
) iter.Seq2[uint64, *events.Usage] {
	return func(yield func(uint64, *events.Usage) bool) {
		*failed = read(func(m *bus.Stored) error {
			var u events.Usage
			if m.Header(events.HeaderType) == events.TypeUsage && u.DecodeJSON(slices.Clone(m.Data)) == nil {
				yield(m.Sequence, &u)
			}
			return nil
		})
	}
}

func (p *existsPlatform) Sums(context.Context) (*Sums, error) { return nil, nil }
