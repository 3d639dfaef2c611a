package shell

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
)

// Answers are the streams for a command that answers: without erased names, and with the names that
// tenants have.
type Answers struct {
	*names.View
	Names *names.Directory // nil for a user who may not read names: guids are shown
}

// Answer reads the erasures and the names.
func Answer(ctx context.Context, b *bus.Bus) (*Answers, error) {
	view, err := names.NewView(ctx, b)
	if err != nil {
		return nil, err
	}
	directory, err := names.Load(ctx, b)
	if errors.Is(err, bus.ErrDenied) {
		return &Answers{view, nil}, nil
	}
	return &Answers{view, directory}, err
}

// Tenant is the guid of a tenant given by its guid or its name, in one foundation or, where that is
// empty, in all. What is neither, and near to a name, is an error; anything else is returned as it
// is, and metered.CheckNames tells more where nothing is found of it.
func (a *Answers) Tenant(ctx context.Context, given, foundation string) (guid string, err error) {
	if given == "" {
		return "", nil
	}
	_, err = a.Last(ctx, events.StreamMetered, events.MeteredResourcesFilter(foundation, given))
	if !errors.Is(err, bus.ErrNotFound) {
		return given, err
	}
	guid, err = a.Names.Tenant(given, foundation)
	var unknown *names.UnknownError
	if !errors.As(err, &unknown) {
		return guid, err
	}
	if len(unknown.Near) > 0 && metered.CheckNames(ctx, a, foundation, given) != nil {
		return "", err
	}
	return given, nil
}

// Call puts the names of its tenants on a bill, as they are now, and the comparisons of its
// foundations.
func Call(ctx context.Context, b *bus.Bus, bill *ledger.Bill) error {
	a, err := Answer(ctx, b)
	if err != nil {
		return err
	}
	a.Call(bill)
	return Compare(ctx, b, bill)
}

// Call puts the names of its tenants on a bill, where they are known.
func (a *Answers) Call(bill *ledger.Bill) {
	bill.TenantNames = map[string]string{}
	for i := range bill.Lines {
		guid := bill.Lines[i].Tenant
		if name := a.Names.TenantName(guid); name != "" {
			bill.TenantNames[guid] = name
		}
	}
}
