package trace

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// mayRead reports whether something of a tenant is of the owners; nil is everybody.
func mayRead(owners []events.Owner, foundation, tenant string) bool {
	return owners == nil || events.Owns(owners, foundation, tenant)
}

// each yields the messages of the owners' subjects; of makes the one of a tenant in a foundation,
// an empty one stands for all. Where the owners are more than a consumer has filters, it yields
// others, too.
func each(ctx context.Context, b ledger.Bus, stream string, owners []events.Owner,
	of func(tenant, foundation string) string, yield func(m *bus.Stored) error,
) error {
	if owners != nil && len(owners) == 0 {
		return nil
	}
	q := ledger.Query{Owners: owners}
	filters := q.Filters(func(tenant, foundation, _ string) string { return of(tenant, foundation) })
	_, err := b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{Filters: filters}, yield)
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	return err
}

// chargesOf matches the charges of a tenant in a foundation; an empty one stands for all.
func chargesOf(tenant, foundation string) string {
	if tenant == "" {
		return events.ChargeFilter(foundation)
	}
	return events.TenantChargeFilter(tenant, foundation)
}

// place is the subject of a record. An empty tenant stands for all: a record for owners of one
// tenant has nothing of another one.
type place struct{ source, foundation, tenant, kind, resource string }

// placeOf is the subject of the record of a message's entries: of a volume it is the instance's.
func placeOf(x *events.Billing, owners []events.Owner) place {
	at := place{x.Source, x.Foundation, tenantOf(owners, x.Foundation, x.Tenant), x.Kind, x.Resource}
	if at.kind == events.KindVolume {
		at.kind = events.KindInstance
	}
	return at
}

// tenantOf is a tenant for the place of a record; empty where the owners have the whole foundation.
func tenantOf(owners []events.Owner, foundation, tenant string) string {
	if mayRead(owners, foundation, "") {
		return ""
	}
	return tenant
}

// of reports whether the place has messages of a tenant.
func (p *place) of(tenant string) bool { return p.tenant == "" || p.tenant == tenant }

// usage, metered and billing are the filters of the place's messages.
func (p *place) usage() string {
	if p.tenant != "" {
		return events.UsageSubject(p.source, p.foundation, p.tenant, p.kind, p.resource)
	}
	return events.UsageResourceFilter(p.source, p.foundation, p.kind, p.resource)
}

func (p *place) metered() string {
	if p.tenant != "" {
		return events.MeteredSubject(p.source, p.foundation, p.tenant, p.kind, p.resource)
	}
	return events.MeteredResourceFilter(p.source, p.foundation, p.kind, p.resource)
}

func (p *place) billing() (all []string) {
	kinds := []string{p.kind}
	if p.kind == events.KindInstance {
		kinds = append(kinds, events.KindVolume)
	}
	for _, kind := range kinds {
		if p.tenant == "" {
			all = append(all, events.BillingResourceFilters(p.source, p.foundation, kind, p.resource)...)
			continue
		}
		all = append(all, events.ChargeSubject(p.tenant, p.source, p.foundation, kind, p.resource),
			events.UnratedSubject(p.tenant, p.source, p.foundation, kind, p.resource))
	}
	return all
}
