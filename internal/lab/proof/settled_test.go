package proof_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/redact"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/architect"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

// TestSettledFoundations, beside TestReconciledFoundations, judges every moment of a life with
// losses. It lets foundations lose rows of all kinds without a trace, reconciles and
// settles every few hours, and compares what is metered with the truth. What is billed ran, but
// within the bounds that a remodel states; what ran is billed or held, but within such bounds, and
// where no inventory has seen it. Nothing is stopped that runs, and nothing is billed twice.
func TestSettledFoundations(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	prices, err := catalogue.Parse("prices", []byte(sim.Catalogue()))
	if err != nil {
		t.Fatal(err)
	}
	first, last := scale.Seeds(t)
	if os.Getenv(scale.SeedsVariable) == "" {
		last = first + 4
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newFoundation(t, 4*seed, key, allEvents, seed%2 == 1) // a seed of no other trouble
			r := &settled{
				foundation: f, prices: foreman.Catalogue{In: prices}, rate: []float64{.05, .2, .5}[seed%3],
				quirks: seed%2 == 1,
			}
			r.live()
			for _, wrong := range r.judge() {
				t.Error(wrong)
			}
		})
	}
}

// settled is a foundation with a reconciliation.
type settled struct {
	*foundation
	prices    foreman.Catalogue
	rate      float64 // of lost rows
	inspector *cf.Inspector
	former    *reconcile.Floorplan
	proofs    map[reconcile.Key]time.Time
	same      map[reconcile.Key]time.Time
	looks     []look
	enacted   map[resource][]reconcile.Remodel
	types     map[reconcile.Type]int
	wrong     []string
	quirks    bool // some events say as little as if one was lost
}

// look is a compared floorplan.
type look struct {
	at    time.Time
	known time.Time      // up to when the blueprint may have facts
	lists map[string]int // of materials, by kind: an empty list proves nothing
	// later are the resources that were left for the next time, and those not proven yet.
	later map[string]bool
}

// live lives to the end of the world, loses rows and reconciles meanwhile.
func (r *settled) live() {
	r.enacted, r.types = map[resource][]reconcile.Remodel{}, map[reconcile.Type]int{}
	var err error
	r.inspector, err = cf.New(cf.Config{Retake: time.Microsecond, API: cfapi.Config{
		Foundation: name, API: r.url, ClientID: "daybook", ClientSecret: "daybook-secret", ListSize: 7,
		RetryWait: time.Microsecond, Retries: 8,
	}}, cfapi.Deps{})
	if err != nil {
		r.Fatal(err)
	}
	defer r.inspector.Close()
	knobs := r.sim.Knobs()
	knobs.LostRate = r.rate
	r.turn(&knobs)
	start := r.sim.Now()
	end, next := start.AddDate(0, 0, 4), start.Add(3*time.Hour)
	for r.sim.Now().Before(end) {
		r.sim.Advance(r.sim.Now().Add(time.Duration(10+r.random.IntN(50)) * minute))
		r.poll()
		if r.sim.Now().After(next) {
			r.reconcile()
			next = r.sim.Now().Add(time.Duration(1+r.random.IntN(5)) * time.Hour)
		}
	}
	knobs.LostRate = 0
	r.turn(&knobs)
	r.finish()
	for range 3 { // a stop takes two listings
		r.reconcile()
		r.sim.Advance(r.sim.Now().Add(10 * minute))
	}
	r.finish()
}

// reconcile makes a plan by what is there, and settles it. An inspection that fails is none.
func (r *settled) reconcile() {
	ctx := context.Background()
	newest, err := r.store.Last(ctx, events.StreamUsage, events.UsageFilter(events.SourceCF, name))
	if err != nil {
		return
	}
	plan, err := r.inspector.Inspect(ctx, cf.Ask{
		Droplets: cf.NoShelf{}, AfterSequence: newest.Sequence,
		Billed: []string{events.KindApp, events.KindService},
	})
	if err != nil {
		return
	}
	truth := runningAt(r.sim.Truth(), plan.Seen)
	print := r.passed(plan)
	if print == nil {
		return
	}
	in := &foreman.Input{
		Blueprint: print, Floorplan: plan, Former: r.former, Prices: r.prices, Proofs: r.proofs, Same: r.same,
		Now: r.sim.Now(), Rules: &reconcile.Rules{
			Settle: 5 * minute, Acts: []reconcile.ActRule{{Act: reconcile.Settle}},
		},
	}
	if in.Sights, err = r.sights(foreman.Candidates(in)); err != nil {
		return
	}
	made := foreman.Make(in)
	for _, refused := range made.Refused { // the world is small, and many of its rows are lost
		in.Rules.Allow = []reconcile.Allowance{{Kind: refused.Kind, Count: refused.Count}}
		r.enact(foreman.Make(in), in, truth, refused.Kind)
	}
	r.enact(made, in, truth, "")
	r.remember(in, made)
}

// sights asks for resources alone.
func (r *settled) sights(of []reconcile.Material) (map[reconcile.Key]reconcile.Sight, error) {
	list, err := r.inspector.Look(context.Background(), of, true)
	all := map[reconcile.Key]reconcile.Sight{}
	for _, s := range list {
		all[s.Key] = s
	}
	return all, err
}

// passed lets time pass until METERED has passed the floorplan, and returns the blueprint then.
func (r *settled) passed(plan *reconcile.Floorplan) *reconcile.Blueprint {
	for range 30 {
		r.sim.Advance(r.sim.Now().Add(3 * minute))
		r.poll()
		o := newOutcome()
		latest, position := map[string]*events.Metered{}, uint64(0)
		r.each(projector.Config{}, func(m *events.Metered) {
			position++
			one := *m
			one.Running, one.Held = slices.Clone(m.Running), slices.Clone(m.Held)
			latest[m.Tenant+"."+m.Kind+"."+m.Resource] = &one
		}, o)
		if o.horizon.Before(plan.Seen.Add(foreman.Skew)) {
			continue
		}
		drawing := architect.New(events.SourceCF, name, time.Time{})
		drawing.Recent(plan.Begun.Add(-foreman.Skew))
		for _, m := range latest {
			drawing.Take(m)
		}
		return drawing.Blueprint(o.horizon, uint64(len(r.store.streams[events.StreamUsage])), position)
	}
	return nil
}

// enact stores the observations of a plan, of one kind's stops or of all others. Each must be true.
func (r *settled) enact(plan *reconcile.Plan, in *foreman.Input, truth map[resource]stretch, stops string) {
	var all []events.Observation
	var remodels []reconcile.Remodel
	for i := range plan.Remodels {
		m := &plan.Remodels[i]
		if stops != "" && (m.Type != reconcile.MissingStop || m.Key.Kind != stops) {
			continue
		}
		sight := in.Sights[m.Key]
		o, enacted := foreman.Observation(plan, m, sight.Evidence)
		if !enacted {
			continue
		}
		at := resource{m.Key.Kind, m.Key.Resource}
		runs, ran := truth[at]
		switch size := inWordsOfSim(o.Footprint); {
		case o.Finding == events.FindingGone && ran:
			r.wrong = append(r.wrong, fmt.Sprintf("%v is stopped, and runs", at))
		case o.Finding == events.FindingRunning && !ran:
			r.wrong = append(r.wrong, fmt.Sprintf("%v is started, and does not run", at))
		case o.Finding == events.FindingRunning && (runs.footprint.Instances != size.Instances ||
			runs.footprint.MemoryMB != size.MemoryMB || runs.footprint.PlanGUID != size.PlanGUID):
			r.wrong = append(r.wrong, fmt.Sprintf("%v runs as %+v, and is observed as %+v", at, runs.footprint, size))
		}
		all, remodels = append(all, o), append(remodels, *m)
	}
	if len(all) == 0 {
		return
	}
	_, err := acts.Observe(context.Background(), onStore{r.store}, events.SourceCF, name, plan.ID, all, "proof", "",
		r.sim.Now())
	if err != nil {
		r.Fatal(err)
	}
	for i := range remodels {
		m := &remodels[i]
		at := resource{m.Key.Kind, m.Key.Resource}
		r.enacted[at] = append(r.enacted[at], *m)
		r.types[m.Type]++
	}
}

// remember keeps a plan for the next comparison.
func (r *settled) remember(in *foreman.Input, made *reconcile.Plan) {
	f := in.Floorplan
	r.former = f
	one := look{f.Seen, r.sim.Now(), map[string]int{}, map[string]bool{}}
	for _, n := range made.Notes {
		switch n.Code {
		case reconcile.NoteEarly, reconcile.NoteProof, reconcile.NoteWaits, reconcile.NoteDoubt:
			one.later[n.Key.Resource] = true
		}
	}
	for i := range f.Listings {
		one.lists[f.Listings[i].Kind] = f.Listings[i].Count
	}
	r.looks = append(r.looks, one)
	if r.proofs == nil {
		r.proofs, r.same = map[reconcile.Key]time.Time{}, map[reconcile.Key]time.Time{}
	}
	for i := range f.Materials {
		m := &f.Materials[i]
		if m.Doubt != "" {
			continue
		}
		r.proofs[m.Key()] = f.Begun
		if b := in.Blueprint.Find(m.Key()); b != nil && b.Held == "" && b.Since.Before(f.Begun.Add(-foreman.Skew)) &&
			reconcile.SameSize(m.Kind, &b.Footprint, &m.Footprint) {
			r.same[m.Key()] = f.Begun
		}
	}
}

// runningAt are the resources that truly run at a time.
func runningAt(truth []sim.Span, t time.Time) map[resource]stretch {
	all := map[resource]stretch{}
	for _, s := range truth {
		s.Footprint.Buildpack = redact.URL(s.Footprint.Buildpack)
		if one := (stretch{s.Start, s.End, s.Footprint}); one.covers(t) {
			all[resource{s.Kind, s.Resource}] = one
		}
	}
	return all
}

// judge compares METERED with the truth.
func (r *settled) judge() []string {
	o := r.meter(projector.Config{})
	j := judge(r.sim.Truth(), o, true)
	found := slices.Clone(r.wrong)
	for _, m := range j.mismatches {
		if !r.excused(&m, o) {
			found = append(found, m.text)
		}
	}
	r.Logf("seed %d: %d looks, %v, ran %s, right %s of it", r.seed, len(r.looks), r.types, j.ran, j.right)
	if os.Getenv("DAYBOOK_PROOF_LOG") != "" {
		for _, at := range slices.SortedFunc(maps.Keys(r.enacted), func(a, b resource) int {
			return cmp.Compare(a.id, b.id)
		}) {
			for _, m := range r.enacted[at] {
				held := ""
				if m.Billed != nil {
					held = m.Billed.Held
				}
				r.Logf("%v %s at %s in [%s, %s] %s exact %v", at, m.Type, m.At, m.NotBefore, m.NotAfter, held, m.Exact)
			}
		}
	}
	return found
}

// excused reports whether a difference may be.
func (r *settled) excused(m *mismatch, o *outcome) bool {
	if len(m.billed)*len(m.truth) == 1 { // no inventory tells of the buildpack of a lost event
		pack := m.billed[0].footprint
		pack.Buildpack, pack.BuildpackGUID = m.truth[0].footprint.Buildpack, m.truth[0].footprint.BuildpackGUID
		observed := slices.ContainsFunc(r.enacted[m.at], func(e reconcile.Remodel) bool {
			return e.Type != reconcile.MissingStop && !e.At.After(m.from)
		})
		if observed && pack == m.truth[0].footprint {
			return true
		}
	}
	switch {
	case len(m.billed) > 1, len(m.truth) > 1:
		return false
	case m.at.kind == events.KindStaging && len(m.billed) == 0:
		return true // builds are not settled: what is billed of them is true
	case r.alike(m):
		return true
	}
	for _, holds := range o.held {
		for _, h := range holds {
			if h.Resource == m.at.id && !m.from.Before(h.Start) && (h.End.IsZero() || m.from.Before(h.End)) {
				return true
			}
		}
	}
	for i := range r.enacted[m.at] {
		e := &r.enacted[m.at][i]
		if !m.from.Before(e.NotBefore.Add(-foreman.Skew)) && !m.to.After(e.NotAfter.Add(foreman.Skew)) {
			return true
		}
	}
	if r.refuted(m) {
		return true
	}
	for _, look := range r.looks {
		shows := look.lists[m.at.kind] > 0 && !look.later[m.at.id]
		if shows && !look.at.Before(m.from) && look.at.Before(m.to) && !r.overtaken(m, &look) {
			return false
		}
	}
	return true
}

// refuted reports whether the end of a run was found, and then refuted by a fact behind a beginning
// that was lost, too: it says that the resource ran on, which nobody can tell from the truth. An
// event with a quirk may be that fact, and keep the end from being found.
func (r *settled) refuted(m *mismatch) bool {
	if len(m.truth) > 0 || m.at.kind != events.KindApp {
		return false
	}
	found := slices.ContainsFunc(r.enacted[m.at], func(e reconcile.Remodel) bool {
		return e.Type == reconcile.MissingStop && !e.NotBefore.After(m.from.Add(foreman.Skew))
	})
	for _, gone := range r.sim.Pruned(cc.AppEvents) {
		var v view
		if gone.Cause != cc.Lost || json.Unmarshal(gone.JSON, &v) != nil || v.Process.GUID != m.at.id {
			continue
		}
		if state, before := v.states(); state == "STARTED" && before == "STOPPED" && !gone.CreatedAt.Before(m.from) {
			return found || r.quirks
		}
	}
	return false
}

// overtaken reports whether an event that was not lost ended a difference before a look at it was
// compared. At the horizon both sides are the same then, and nothing tells of the time before.
func (r *settled) overtaken(m *mismatch, seen *look) bool {
	return m.at.kind == events.KindApp && slices.ContainsFunc(r.sim.Rows(cc.AppEvents), func(row cc.Row) bool {
		return row.CreatedAt.Equal(m.to) && !m.to.After(seen.known) && of(&row, m.at)
	})
}

// untold reports whether the row is lost that tells of the beginning of what truly ran.
func (r *settled) untold(m *mismatch) bool {
	return slices.ContainsFunc(r.sim.Pruned(cc.AppEvents), func(gone cc.Pruned) bool {
		return gone.Cause == cc.Lost && gone.CreatedAt.Equal(m.truth[0].start) && of(&gone.Row, m.at)
	})
}

// of reports whether a row is one of a process.
func of(row *cc.Row, at resource) bool {
	var v view
	return json.Unmarshal(row.JSON, &v) == nil && v.Process.GUID == at.id
}

// alike reports whether no plan prices the two sides of a difference differently. Of an app that
// excuses a row that was lost, and nothing else.
func (r *settled) alike(m *mismatch) bool {
	free := func(list []stretch) bool { return len(list) == 0 || list[0].footprint.Instances == 0 }
	if m.at.kind == events.KindApp && free(m.truth) && free(m.billed) {
		return true
	}
	if len(m.truth) == 0 || len(m.billed) == 0 || m.at.kind == events.KindApp && !r.untold(m) {
		return false
	}
	material := func(s stretch) *reconcile.Material {
		f := s.footprint
		one := &reconcile.Material{Kind: m.at.kind, Footprint: events.Footprint{
			MemoryMB: events.Some(uint32(f.MemoryMB)), Plan: f.Plan, PlanGUID: f.PlanGUID, Offering: f.Offering,
			OfferingGUID: f.OfferingGUID, Broker: f.Broker, BrokerGUID: f.BrokerGUID,
		}}
		if size := &one.Footprint; m.at.kind == events.KindApp {
			size.Instances, size.ProcessType = events.Some(uint32(f.Instances)), f.ProcessType
			size.Buildpack, size.BuildpackGUID = f.Buildpack, f.BuildpackGUID
		}
		return one
	}
	return r.prices.Alike(name, material(m.truth[0]), material(m.billed[0]), m.from)
}

// onStore is the store as acts ask for it.
type onStore struct{ *store }

func (s onStore) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(m *bus.Stored) error,
) (last uint64, err error) {
	s.mu.Lock()
	all := s.streams[stream]
	s.mu.Unlock()
	for i := range all {
		k := &all[i]
		if !slices.ContainsFunc(options.Filters, func(f string) bool { return matches(f, k.subject) }) {
			continue
		}
		last = k.message.Sequence
		if last >= from && last <= to && yield != nil {
			if err := yield(&k.message); err != nil {
				return last, err
			}
		}
	}
	return last, ctx.Err()
}

func (s onStore) Stream(context.Context, string) (bus.StreamState, error) {
	return bus.StreamState{}, errors.New("nobody asks")
}
