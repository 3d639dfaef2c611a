package naming

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
)

type eraseCmd struct {
	shell.NATS
	shell.Person
	Tenant     string `arg:"" help:"Guid of the tenant, or its name."`
	Foundation string `help:"Only in this foundation."`
	Yes        bool   `help:"Do not ask: nothing brings the names back."`
}

// Run erases the names of a tenant in each foundation that has it.
func (c *eraseCmd) Run(e *shell.Env) error {
	if c.By == "" || c.Note == "" {
		return &shell.UsageError{Message: "an erasure needs --by and --note: who decides, and why"}
	}
	b, err := c.Open(e.Ctx, "names", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	guid, err := a.Tenant(e.Ctx, c.Tenant, c.Foundation)
	if err != nil {
		return err
	}
	places, err := c.places(e.Ctx, b, a.Erasures, guid)
	if err != nil {
		return err
	}
	if !c.Yes {
		yes, err := e.Ask(fmt.Sprintf("Erase the names of tenant %s in %s?", guid, in(places)))
		if err != nil || !yes {
			return &shell.UsageError{Message: "nothing is erased: answer with y, or give --yes"}
		}
	}
	for _, t := range places {
		if err := c.erase(e, b, t); err != nil {
			return err
		}
	}
	if err := ledger.Forget(e.Ctx, b); err != nil {
		return fmt.Errorf("the erasure stands, and the ledger's snapshots may still have the names: give the command "+
			"again: %w", err)
	}
	print.Erased(e.Stdout, guid)
	return nil
}

// erase publishes the act, and then removes the names: what is written in between is removed, or
// refused.
func (c *eraseCmd) erase(e *shell.Env, b *bus.Bus, t names.Tenant) error {
	act := events.Act{
		Source: t.Source, Foundation: t.Foundation, By: c.By, Note: c.Note, Time: shell.Now(),
		Erasure: events.Erasure{Tenant: t.GUID},
	}
	sequence, err := acts.Erase(e.Ctx, b, act)
	switch {
	case errors.Is(err, acts.ErrErased):
		fmt.Fprintf(e.Stdout, "%s: erased already\n", place(t))
	case err != nil:
		return err
	default:
		fmt.Fprintf(e.Stdout, "%s: published on %s (message %d of %s)\n", place(t),
			events.ActSubject(events.ActErasure, t.Source, t.Foundation), sequence, events.StreamUsage)
	}
	removed, err := names.Purge(e.Ctx, b, t)
	if err != nil {
		return fmt.Errorf("the erasure stands, and no answer has the names any more, but they are not removed from "+
			"the bucket yet: give the command again: %w", err)
	}
	_, err = fmt.Fprintf(e.Stdout, "%s: %d names removed from the bucket %s\n", place(t), removed, names.Bucket)
	return err
}

// places are the tenant in each foundation that has usage or names of it, or had names.
func (c *eraseCmd) places(ctx context.Context, b *bus.Bus, erased *names.Erasures, guid string) ([]names.Tenant,
	error,
) {
	found := map[names.Tenant]bool{}
	for _, t := range erased.Of(guid) {
		found[t] = c.Foundation == "" || c.Foundation == t.Foundation
	}
	err := metered.Latest(ctx, b, c.Foundation, guid, func(m *events.Metered) error {
		found[names.Tenant{Source: m.Source, Foundation: m.Foundation, GUID: guid}] = true
		return nil
	})
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return nil, err
	}
	err = names.History(ctx, b, func(k names.Key, _ names.List) {
		if k.GUID == guid && (c.Foundation == "" || c.Foundation == k.Foundation) {
			found[k.Tenant] = true
		}
	})
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(found, func(_ names.Tenant, is bool) bool { return !is })
	if len(found) == 0 {
		return nil, fmt.Errorf("nothing is metered of a tenant %q, and it has no name", c.Tenant)
	}
	all := slices.Collect(maps.Keys(found))
	slices.SortFunc(all, func(a, b names.Tenant) int { return strings.Compare(place(a), place(b)) })
	return all, nil
}

func place(t names.Tenant) string { return t.Source + "/" + t.Foundation }

func in(places []names.Tenant) string {
	all := make([]string, len(places))
	for i, t := range places {
		all[i] = place(t)
	}
	return strings.Join(all, ", ")
}
