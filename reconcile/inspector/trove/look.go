package trove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
)

// MaxLook is how many resources are asked for at once.
const MaxLook = 1000

// Reasons for a resource without a Sight, as the log names them.
const (
	undecidedScope  = "no other database proves that the user still sees this one"
	undecidedTenant = "it is billed to a project that the user does not ask for"
	undecidedList   = "the list before had it, and Trove says now that it does not exist"
	undecidedSize   = "Trove shows the database and no volume"
	undecidedError  = "Trove did not answer as expected"
)

// finding is what Trove says of one resource.
type finding struct {
	there     *troveapi.Instance
	seen      time.Time
	gone      bool
	ended     time.Time // with row
	row       []byte    // the deleted one, for the management
	undecided string
}

// Look asks for resources alone. One that cannot be decided is left out. It fails where the rights
// to look are not known.
func (x *Inspector) Look(ctx context.Context, keys []reconcile.Key) ([]reconcile.Sight, error) {
	ids := make([]string, 0, len(keys))
	for _, k := range keys {
		ids = append(ids, k.Resource)
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > MaxLook {
		return nil, fmt.Errorf("a look at %d databases: at most %d at once", len(ids), MaxLook)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	projects, err := x.api.Projects(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*finding{}
	err = x.inScope(ctx, scope{projects[0], true}, ids, found)
	if errors.Is(err, troveapi.ErrUnmanaged) {
		err = x.inProjects(ctx, projects, keys, found)
	}
	if err != nil {
		return nil, err
	}
	return x.sights(ctx, projects[0], keys, found), nil
}

// inProjects asks in each project for the resources that are billed to it.
func (x *Inspector) inProjects(ctx context.Context, projects []string, keys []reconcile.Key, found map[string]*finding,
) error {
	of := map[string][]string{}
	for _, k := range keys {
		tenant := x.deps.Tenant(k)
		if !slices.Contains(projects, tenant) {
			found[k.Resource] = &finding{undecided: undecidedTenant}
		} else if !slices.Contains(of[tenant], k.Resource) {
			of[tenant] = append(of[tenant], k.Resource)
		}
	}
	for _, project := range projects {
		if len(of[project]) == 0 {
			continue
		}
		err := x.inScope(ctx, scope{project: project}, of[project], found)
		if ctx.Err() != nil {
			return err
		}
		for _, id := range of[project] {
			if err != nil {
				found[id] = &finding{undecided: undecidedError + ": " + err.Error()}
			}
		}
	}
	return nil
}

// inScope asks for resources between two proofs of the rights to see them.
func (x *Inspector) inScope(ctx context.Context, of scope, ids []string, found map[string]*finding) error {
	page, err := x.read(ctx, of)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	known := ""
	for i := range page.Instances {
		id := page.Instances[i].ID
		listed[id] = true
		if known == "" || slices.Contains(ids, known) {
			known = id
		}
	}
	for _, id := range ids {
		f := x.ask(ctx, of, id)
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.gone && f.row == nil {
			f.seen = page.Seen // not later than the answer, and behind the end
			if listed[id] {
				*f = finding{undecided: undecidedList}
			}
		}
		found[id] = f
	}
	if known != "" && x.shown(ctx, of, known) {
		return nil
	}
	for _, id := range ids {
		if f := found[id]; f.gone && f.row == nil {
			*f = finding{undecided: undecidedScope}
		}
	}
	return nil
}

// shown proves the rights of a scope by a known instance.
func (x *Inspector) shown(ctx context.Context, of scope, known string) bool {
	show := x.api.Instance
	if of.managed {
		show = x.api.Deleted
	}
	one, _, err := show(ctx, of.project, known)
	return err == nil && !one.Deleted
}

// ask asks for one resource.
func (x *Inspector) ask(ctx context.Context, of scope, id string) *finding {
	one, at, err := x.api.Instance(ctx, of.project, id)
	switch {
	case err == nil:
		return &finding{there: one, seen: at}
	case !errors.Is(err, troveapi.ErrNotFound):
		return &finding{undecided: undecidedError + ": " + err.Error()}
	case !of.managed:
		return &finding{gone: true}
	}
	row, at, err := x.api.Deleted(ctx, of.project, id)
	transient := (*troveapi.RequestError)(nil)
	switch {
	case errors.As(err, &transient):
		return &finding{undecided: undecidedError + ": " + err.Error()}
	case err != nil: // the row is gone, or the rights are: the proof behind tells
		return &finding{gone: true}
	case !row.Deleted:
		return &finding{undecided: undecidedList}
	}
	return &finding{gone: true, seen: at, ended: row.DeletedAt, row: row.Raw}
}

// sights are the findings by key, in the order of the keys.
func (x *Inspector) sights(ctx context.Context, project string, keys []reconcile.Key, found map[string]*finding,
) []reconcile.Sight {
	var flavours map[string]troveapi.Flavor
	var all []reconcile.Sight
	undecided := map[string]int{}
	for _, k := range keys {
		f := found[k.Resource]
		switch {
		case f.undecided != "":
			undecided[f.undecided]++
			continue
		case f.gone:
			all = append(all, reconcile.Sight{Key: k, Seen: f.seen, Ended: f.ended, Evidence: f.row})
			continue
		}
		if flavours == nil {
			flavours = x.flavours(ctx, project)
		}
		m := materials(f.there, x.deps.Tenant(k), flavours)
		at := slices.IndexFunc(m, func(m reconcile.Material) bool { return m.Kind == k.Kind })
		if at < 0 && (k.Kind != events.KindVolume || !f.there.HasVolume) {
			undecided[undecidedSize]++
			continue
		}
		if at < 0 { // a volume whose size Trove does not tell
			m[0].Kind, m[0].Footprint, at = events.KindVolume, events.Footprint{}, 0
		}
		all = append(all, reconcile.Sight{Key: k, Seen: f.seen, There: true, Material: m[at], Evidence: f.there.Raw})
	}
	for why, n := range undecided {
		x.deps.Log.Warn("databases could not be looked at: nothing follows for them",
			slog.String("foundation", x.settings.Foundation), slog.Int("databases", n), slog.String("reason", why))
	}
	return all
}
