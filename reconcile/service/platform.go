package service

import (
	"context"
	"slices"

	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
	"github.com/daybook-billing/daybook/reconcile/inspector/trove"
)

// OnCF is a Cloud Foundry foundation. The shelf keeps the buildpacks of its droplets.
func OnCF(i *cf.Inspector, shelf cf.Shelf) Platform { return &cfPlatform{i, shelf} }

type cfPlatform struct {
	inspector *cf.Inspector
	shelf     cf.Shelf
}

func (p *cfPlatform) Inspect(ctx context.Context, billed *reconcile.Blueprint, after uint64, buildpacks bool) (
	*reconcile.Floorplan, error,
) {
	ask := cf.Ask{AfterSequence: after, Wanted: func(m *reconcile.Material) bool {
		b := billed.Find(m.Key())
		return b == nil || b.Held != "" || b.Tenant != m.Tenant ||
			!reconcile.SameSize(m.Kind, &b.Footprint, &m.Footprint)
	}}
	if buildpacks {
		ask.Droplets = p.shelf
	}
	for i := range billed.Materials {
		if m := &billed.Materials[i]; m.Held == "" && !slices.Contains(ask.Billed, m.Kind) {
			ask.Billed = append(ask.Billed, m.Kind)
		}
	}
	return p.inspector.Inspect(ctx, ask)
}

func (p *cfPlatform) Look(ctx context.Context, of []reconcile.Material, buildpacks bool) ([]reconcile.Sight, error) {
	return p.inspector.Look(ctx, of, buildpacks)
}

func (p *cfPlatform) Sums(ctx context.Context) (*Sums, error) {
	s, err := p.inspector.Sums(ctx)
	if err != nil {
		return nil, err
	}
	return &Sums{At: s.Date, Sums: reconcile.Sums{
		Instances: s.Instances, MemoryMB: s.MemoryMB, Services: s.Services, Tasks: s.Tasks,
	}}, nil
}

// OnTrove is a Trove, through its API. It is for one Service.
func OnTrove(config trove.Config, api *troveapi.Client, deps trove.Deps) Platform {
	p := &trovePlatform{billed: &reconcile.Blueprint{}}
	deps.Newest = func(context.Context) (uint64, error) { return p.after, nil }
	deps.Billed = func(kind, tenant string) (n int) {
		for i := range p.billed.Materials {
			if m := &p.billed.Materials[i]; m.Kind == kind && (tenant == "" || m.Tenant == tenant) {
				n++
			}
		}
		return n
	}
	deps.Tenant = func(k reconcile.Key) string {
		if m := p.billed.Find(k); m != nil {
			return m.Tenant
		}
		return ""
	}
	p.inspector = trove.New(config, api, deps)
	return p
}

// trovePlatform is used by one round at a time: it has no sums.
type trovePlatform struct {
	inspector *trove.Inspector
	billed    *reconcile.Blueprint
	after     uint64
}

func (p *trovePlatform) Inspect(ctx context.Context, billed *reconcile.Blueprint, after uint64, _ bool) (
	*reconcile.Floorplan, error,
) {
	p.billed, p.after = billed, after
	return p.inspector.Inspect(ctx)
}

func (p *trovePlatform) Look(ctx context.Context, of []reconcile.Material, _ bool) ([]reconcile.Sight, error) {
	keys := make([]reconcile.Key, 0, len(of))
	for i := range of {
		keys = append(keys, of[i].Key())
	}
	return inParts(keys, trove.MaxLook, func(some []reconcile.Key) ([]reconcile.Sight, error) {
		return p.inspector.Look(ctx, some)
	})
}

// inParts asks for so many at once. An error comes with the sights so far.
func inParts(keys []reconcile.Key, most int, look func([]reconcile.Key) ([]reconcile.Sight, error)) (
	all []reconcile.Sight, err error,
) {
	for some := range slices.Chunk(keys, most) {
		sights, err := look(some)
		if all = append(all, sights...); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (p *trovePlatform) Sums(context.Context) (*Sums, error) { return nil, nil }
