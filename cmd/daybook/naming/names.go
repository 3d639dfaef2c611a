package naming

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
)

// Names groups the commands about names.
type Names struct {
	List  listCmd  `cmd:"" help:"List the names of tenants and spaces."`
	Show  showCmd  `cmd:"" help:"Show what a tenant or a space was called, and when."`
	Erase eraseCmd `cmd:"" help:"Erase the names of a tenant from every later answer."`
}

type listCmd struct {
	shell.NATS
	Foundation string `help:"Only this foundation."`
	Tenant     string `help:"Only this tenant, with its spaces: its guid or name."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run lists the names that tenants and spaces have now, or had last.
func (c *listCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "names", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return err
	}
	all, err := selected(e.Ctx, b, func(k names.Key) bool {
		return (c.Foundation == "" || k.Foundation == c.Foundation) && (c.Tenant == "" || k.GUID == c.Tenant)
	})
	if err != nil {
		return err
	}
	out := print.NewNames(e.Stdout, c.Format == "json")
	for i := range all {
		l := all[i].List
		if err := out.Add(all[i].Key, l[len(l)-1:]); err != nil {
			return err
		}
	}
	return out.End()
}

type showCmd struct {
	shell.NATS
	GUID   string `arg:"" help:"Guid of a tenant or a space, or a tenant's name."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// Run shows every name of a tenant or a space.
func (c *showCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "names", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	directory, err := names.Load(e.Ctx, b)
	if err != nil {
		return err
	}
	is := func(guid string) func(names.Key) bool {
		return func(k names.Key) bool { return k.Space == guid || k.Space == "" && k.GUID == guid }
	}
	all, err := selected(e.Ctx, b, is(c.GUID))
	if err == nil && len(all) == 0 {
		var guid string
		if guid, err = directory.Tenant(c.GUID, ""); err == nil {
			all, err = selected(e.Ctx, b, is(guid))
		}
	}
	if err != nil {
		return err
	}
	out := print.NewNames(e.Stdout, c.Format == "json")
	for i := range all {
		if err := out.Add(all[i].Key, all[i].List); err != nil {
			return err
		}
	}
	return out.End()
}

// entry is a list of the bucket.
type entry struct {
	names.Key
	names.List
}

// selected are the lists of the keys that are asked for, sorted by key.
func selected(ctx context.Context, b *bus.Bus, of func(names.Key) bool) (all []entry, err error) {
	err = names.History(ctx, b, func(k names.Key, l names.List) {
		if of(k) {
			all = append(all, entry{k, l})
		}
	})
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation),
			cmp.Compare(a.GUID, b.GUID), cmp.Compare(a.Space, b.Space))
	})
	if err != nil {
		return nil, fmt.Errorf("listing names: %w", err)
	}
	return all, nil
}
