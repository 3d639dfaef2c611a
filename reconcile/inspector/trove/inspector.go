package trove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
)

// readings is how often a list is read at most, until two readings agree.
const readings = 4

// Config says which foundation it is.
type Config struct{ Foundation string }

// Deps are the surroundings. Without Billed no empty list is complete, without Tenant nobody is
// gone in a project's eyes.
type Deps struct {
	Log *slog.Logger
	// Newest is the newest fact of the foundation in USAGE.
	Newest func(ctx context.Context) (uint64, error)
	// Billed is how many materials of a kind are billed or held: of a tenant, or of all where it is
	// empty.
	Billed func(kind, tenant string) int
	// Tenant is who a material is billed to; empty for none.
	Tenant func(k reconcile.Key) string
}

// Inspector inspects one foundation's Trove. It is for one goroutine.
type Inspector struct {
	settings Config
	deps     Deps
	api      *troveapi.Client
}

// New makes an inspector over a client.
func New(cfg Config, api *troveapi.Client, deps Deps) *Inspector {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Newest == nil {
		deps.Newest = func(context.Context) (uint64, error) { return 0, nil }
	}
	if deps.Billed == nil {
		deps.Billed = func(string, string) int { return 1 }
	}
	if deps.Tenant == nil {
		deps.Tenant = func(reconcile.Key) string { return "" }
	}
	return &Inspector{settings: cfg, api: api, deps: deps}
}

// scope is whose instances a list has: all projects', or one's.
type scope struct {
	project string // whose token asks
	managed bool
}

// survey is one list, read twice or more.
type survey struct {
	scope
	page  *troveapi.Page
	begun time.Time
	why   string // why it is not complete
}

// Inspect takes the floorplan. It fails where no list could be read at all.
func (x *Inspector) Inspect(ctx context.Context) (*reconcile.Floorplan, error) {
	newest, err := x.deps.Newest(ctx)
	if err != nil {
		return nil, err
	}
	projects, err := x.api.Projects(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.surveys(ctx, projects)
	if err != nil {
		return nil, err
	}
	out := &reconcile.Floorplan{
		Source: events.SourceTrove, Foundation: x.settings.Foundation, AfterSequence: newest,
	}
	flavours := x.flavours(ctx, projects[0])
	for _, s := range all {
		if s.page == nil {
			continue
		}
		if out.Begun.IsZero() {
			out.Begun = s.begun
		}
		out.Seen = s.page.Seen
		for i := range s.page.Instances {
			one := &s.page.Instances[i]
			if began(one) {
				out.Materials = append(out.Materials, materials(one, s.project, flavours)...)
			}
		}
	}
	slices.SortFunc(out.Materials, func(a, b reconcile.Material) int { return a.Key().Compare(b.Key()) })
	out.Materials = slices.CompactFunc(out.Materials, func(a, b reconcile.Material) bool { return a.Key() == b.Key() })
	for _, kind := range []string{events.KindInstance, events.KindVolume} {
		out.Listings = append(out.Listings, x.listing(kind, all, out.Materials))
	}
	return out, nil
}

// surveys reads the list of the management, or those of the projects without the rights for it.
func (x *Inspector) surveys(ctx context.Context, projects []string) ([]survey, error) {
	s, err := x.survey(ctx, scope{projects[0], true})
	if !errors.Is(err, troveapi.ErrUnmanaged) {
		return []survey{s}, err
	}
	var all []survey
	var failed []error
	for _, project := range projects {
		s, err := x.survey(ctx, scope{project: project})
		if err != nil {
			failed = append(failed, err)
			s.why = "its list could not be read: " + err.Error()
		}
		all = append(all, s)
	}
	if len(failed) == len(projects) || ctx.Err() != nil {
		return nil, errors.Join(failed...)
	}
	return all, nil
}

func (x *Inspector) read(ctx context.Context, of scope) (*troveapi.Page, error) {
	if of.managed {
		return x.api.Manage(ctx, of.project)
	}
	return x.api.List(ctx, of.project)
}

// survey reads a list until two readings agree.
func (x *Inspector) survey(ctx context.Context, of scope) (survey, error) {
	out := survey{scope: of}
	for n := 0; n < readings; n++ {
		page, err := x.read(ctx, of)
		if err != nil {
			return out, err
		}
		if n == 0 {
			out.begun = page.Begun
		}
		agree := out.page != nil && slices.EqualFunc(out.page.Instances, page.Instances,
			func(a, b troveapi.Instance) bool { return a.ID == b.ID && began(&a) == began(&b) })
		out.page = page
		if agree {
			return out, nil
		}
	}
	out.why = fmt.Sprintf("no two of %d readings in a row had the same instances", readings)
	return out, nil
}

// listing says how a kind was listed.
func (x *Inspector) listing(kind string, all []survey, materials []reconcile.Material) reconcile.Listing {
	out := reconcile.Listing{Kind: kind}
	counts := map[string]int{}
	for i := range materials {
		if materials[i].Kind == kind {
			out.Count++
			counts[materials[i].Tenant]++
		}
	}
	var why []string
	for _, s := range all {
		tenant, count := s.project, counts[s.project]
		if s.managed {
			tenant, count = "", out.Count
		}
		reason := s.why
		if reason == "" && count == 0 && x.deps.Billed(kind, tenant) > 0 {
			reason = "the list is empty, and something is billed"
		}
		switch {
		case reason != "" && s.managed:
			why = append(why, reason)
		case reason != "":
			why = append(why, "project "+s.project+": "+reason)
		case s.managed:
			out.Complete = true
		default:
			out.Tenants = append(out.Tenants, s.project)
		}
	}
	if len(all) > 0 && !all[0].managed {
		why = append(why, fmt.Sprintf("without the rights of management the lists are those of %d projects alone",
			len(all)))
	}
	out.Why = strings.Join(why, "; ")
	return out
}

// flavours are the flavours by id, as far as Trove lists them. They complete a footprint, and
// nothing waits for them.
func (x *Inspector) flavours(ctx context.Context, project string) map[string]troveapi.Flavor {
	out := map[string]troveapi.Flavor{}
	all, err := x.api.Flavours(ctx, project)
	if err != nil {
		x.deps.Log.Warn("the flavours of Trove could not be read: materials have their ids alone",
			slog.String("foundation", x.settings.Foundation), slog.Any("error", err))
	}
	for _, f := range all {
		out[f.ID] = f
	}
	return out
}

// began reports whether an instance is known to have become active once. Trove's words for the task
// of a build are for the management alone: without them an ERROR proves nothing.
func began(i *troveapi.Instance) bool {
	switch {
	case i.Status == "BUILD":
		return false
	case i.Status != "ERROR":
		return true
	}
	return i.Task != "" && i.Task != "The instance is building." && !strings.HasPrefix(i.Task, "Build error")
}

// materials are the materials of an instance.
func materials(i *troveapi.Instance, project string, flavours map[string]troveapi.Flavor) []reconcile.Material {
	tenant := cmp.Or(i.Tenant, project)
	place := events.Footprint{Datastore: i.Datastore, Region: i.Region}
	material := func(kind string, f events.Footprint) reconcile.Material {
		return reconcile.Material{
			Kind: kind, Resource: i.ID, Tenant: tenant, Name: i.Name, Footprint: f, Since: i.Updated, Evidence: i.Raw,
		}
	}
	instance := place
	instance.FlavorID = i.FlavorID
	if f, ok := flavours[i.FlavorID]; ok {
		instance.Flavor, instance.MemoryMB = f.Name, f.MemoryMB
	}
	all := []reconcile.Material{material(events.KindInstance, instance)}
	if i.VolumeGB.Known() {
		volume := place
		volume.VolumeGB = i.VolumeGB
		all = append(all, material(events.KindVolume, volume))
	}
	return all
}
