package cf

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/reconcile"
)

// Inspector looks at one foundation. It is safe for concurrent use.
type Inspector struct {
	config   Config
	client   *cfapi.Client
	excluded *regexp.Regexp // names of spaces; nil for none
}

// New makes an inspector. It reads the CA file, and does no other I/O.
func New(config Config, deps cfapi.Deps) (*Inspector, error) {
	config, excluded, err := config.compile()
	if err != nil {
		return nil, err
	}
	client, err := cfapi.New(config.API, deps)
	if err != nil {
		return nil, err
	}
	return &Inspector{config: config, client: client, excluded: excluded}, nil
}

// Close closes the idle connections.
func (i *Inspector) Close() { i.client.Close() }

// Ask is what an inspection is to know beside the foundation.
type Ask struct {
	// Billed are the kinds that are billed: an empty listing of one of them is incomplete.
	Billed []string
	// Droplets asks for the buildpacks of apps; nil for none.
	Droplets Shelf
	// AfterSequence is the newest fact of the foundation in USAGE before the inspection.
	AfterSequence uint64
	// Wanted chooses the materials whose evidence is kept; nil for all, as far as memory allows.
	Wanted func(m *reconcile.Material) bool
}

// Sums are the usage summary as METERED has to have it, for an alarm between two inspections:
// without tasks that are PENDING, and with those that are CANCELING, which it leaves out. Without
// the scope for all organizations the error is cfapi.ErrNoGlobalRead.
func (i *Inspector) Sums(ctx context.Context) (cfapi.Summary, error) {
	e := i.client.Errand(maxSums)
	s, err := e.Summary(ctx)
	if err != nil {
		return s, err
	}
	states := url.Values{"states": {"PENDING,CANCELING"}}
	_, err = e.List(ctx, "tasks", states, ignore, func(r cfapi.Row) error {
		t, err := readTask(r.Raw)
		switch {
		case err != nil:
			return err
		case t.there():
			s.Tasks++
			s.MemoryMB += int64(t.memory.Or(0))
		default:
			s.Tasks--
		}
		return nil
	})
	return s, err
}

// kinds are those of an inventory, in the order of listings.
func kinds() []string { return []string{events.KindApp, events.KindService, events.KindTask} }

// Inspect takes the inventory. An error means that there is none; a listing that is not to be
// trusted is incomplete.
func (i *Inspector) Inspect(ctx context.Context, ask Ask) (*reconcile.Floorplan, error) {
	e := i.client.Errand(maxRequests)
	before, err := e.Summary(ctx)
	if err != nil {
		return nil, err
	}
	s := &survey{errand: e, ask: &ask, excluded: i.excluded, verdicts: map[string]verdict{}, up: map[string]bool{}}
	pending := kinds()
	for take := 1; ; take++ {
		if err := s.take(ctx, pending); err != nil {
			return nil, err
		}
		after, err := e.Summary(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.judge(ctx, pending, &before, &after, take); err != nil {
			return nil, err
		}
		s.summary = after
		pending = s.pending()
		if len(pending) == 0 || take == maxTakes {
			break
		}
		if err := cfapi.Wait(ctx, i.config.Retake); err != nil {
			return nil, err
		}
		before = after
	}
	// The scope has to hold up to the last answer whose silence counts: not to that about droplets.
	if _, err := e.Summary(ctx); err != nil {
		return nil, err
	}
	seen := e.Seen()
	if ask.Droplets != nil {
		if err := s.takeDroplets(ctx); err != nil {
			return nil, err
		}
	}
	return s.floorplan(i.config.API.Foundation, seen), nil
}

// floorplan is what the survey has found.
func (s *survey) floorplan(foundation string, seen time.Time) *reconcile.Floorplan {
	materials, unplaced, beside := s.materials()
	f := &reconcile.Floorplan{
		Source: events.SourceCF, Foundation: foundation, AfterSequence: s.ask.AfterSequence,
		Begun: s.errand.Begun(), Seen: seen, Materials: materials, Beside: beside,
	}
	for _, kind := range kinds() {
		v := s.verdicts[kind]
		l := reconcile.Listing{Kind: kind, Why: v.why, Note: v.note}
		for j := range f.Materials {
			if f.Materials[j].Kind == kind {
				l.Count++
			}
		}
		if n := unplaced[kind]; n > 0 && l.Why == "" {
			l.Why = fmt.Sprintf("%d stand in spaces that the API does not show", n)
		}
		if l.Count == 0 && l.Why == "" && slices.Contains(s.ask.Billed, kind) {
			l.Empty = len(f.Materials) > 0 // else the API shows nothing at all
			l.Why = "it is billed, and listed as empty: an API that shows nothing cannot be told from a foundation " +
				"with nothing"
		}
		if kind == events.KindApp && s.noPacks != "" {
			l.Note = strings.TrimPrefix(l.Note+"; "+s.noPacks, "; ")
		}
		l.Complete = l.Why == ""
		f.Listings = append(f.Listings, l)
	}
	slices.SortFunc(f.Materials, func(a, b reconcile.Material) int { return a.Key().Compare(b.Key()) })
	return f
}
