package names

import (
	"context"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

// Erasures are the tenants whose names were erased. Nil is none.
type Erasures struct {
	tenants map[Tenant]bool
	guids   map[string]bool
	plain   bool // no guid has a sign that JSON may escape
}

// LoadErasures reads the acts in USAGE.
func LoadErasures(ctx context.Context, b acts.Reader) (*Erasures, error) {
	e := ErasuresOf()
	err := acts.List(ctx, b, events.ActErasure, "", func(a *acts.Act) error {
		e.add(Tenant{a.Source, a.Foundation, a.Erasure.Tenant})
		return nil
	})
	return e, err
}

// ErasuresOf are the erasures of some tenants' names.
func ErasuresOf(tenants ...Tenant) *Erasures {
	e := &Erasures{tenants: map[Tenant]bool{}, guids: map[string]bool{}, plain: true}
	for _, t := range tenants {
		e.add(t)
	}
	return e
}

func (e *Erasures) add(t Tenant) {
	e.tenants[t] = true
	e.guids[t.GUID] = true
	e.plain = e.plain && events.Token(t.GUID) == t.GUID
}

// Tenants are all tenants whose names were erased, in no order.
func (e *Erasures) Tenants() []Tenant {
	if e == nil {
		return nil
	}
	return slices.Collect(maps.Keys(e.tenants))
}

// None reports whether no tenant's names were erased.
func (e *Erasures) None() bool { return e == nil || len(e.tenants) == 0 }

// Has reports whether the names of a tenant were erased.
func (e *Erasures) Has(t Tenant) bool { return e != nil && e.tenants[t] }

// HasGUID is Has for answers without a foundation: of any tenant with the guid.
func (e *Erasures) HasGUID(guid string) bool { return e != nil && e.guids[guid] }

// Of are the tenants with a guid, each of another foundation, whose names were erased.
func (e *Erasures) Of(guid string) (all []Tenant) {
	for t := range e.tenants {
		if t.GUID == guid {
			all = append(all, t)
		}
	}
	return all
}
