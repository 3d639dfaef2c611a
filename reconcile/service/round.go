package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
	"github.com/daybook-billing/daybook/reconcile/foreman"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// maxLook is how many resources a round asks for alone; the others wait for the next one.
const maxLook = 5000

// Reasons for a plan that is not enacted.
const (
	dryFirst = "it is the first one of the foundation: look at it, then apply it"
	dryAsked = "it was asked for"
)

// Round makes a plan, stores it, and enacts it, unless it is dry or the first one of the
// foundation. Errors: *BehindError, those of the platform, of the bus, and of assembler.Enact; one
// of the latter comes with the plan.
func (s *Service) Round(ctx context.Context, dry bool) (*plans.Planned, error) {
	return s.round(ctx, round{dry: dry, word: assembler.Word{By: s.config.By}})
}

// round says how a round is made.
type round struct {
	dry   bool
	asked bool                  // a person asked for it: the first plan of the foundation is enacted, too
	allow []reconcile.Allowance // beside those of the rules
	word  assembler.Word
}

func (s *Service) round(ctx context.Context, r round) (*plans.Planned, error) {
	first := false
	st, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if st == nil {
		st, first = newState(), true
	}
	plan, err := s.plan(ctx, st, r.allow)
	if err != nil {
		return nil, err
	}
	planned := &plans.Planned{Plan: plan}
	switch {
	case r.dry:
		planned.Dry = dryAsked
	case first && !r.asked:
		planned.Dry = dryFirst
	}
	if err := s.save(ctx, st); err != nil {
		return nil, err
	}
	if err := plans.Keep(ctx, s.deps.Bus, planned); err != nil {
		return nil, err
	}
	s.deps.Metrics.plan(plan)
	if planned.Dry == "" && len(plan.Remodels) > 0 {
		err = s.enact(ctx, planned, r.word)
	}
	s.deps.Metrics.rounds.WithLabelValues(s.config.Foundation, "planned").Inc()
	s.say(ctx, planned)
	return planned, err
}

// Apply enacts the last plan. With allowances of refused stops it makes another plan, and enacts
// this one: only these very numbers are allowed. Errors: those of Round and assembler.Enact,
// plans.ErrNoPlan, plans.ErrAnotherPlan and plans.ErrNotRefused.
func (s *Service) Apply(ctx context.Context, id string, allow []reconcile.Allowance, word assembler.Word) (
	*plans.Planned, error,
) {
	last, err := plans.Last(ctx, s.deps.Bus, s.config.Source, s.config.Foundation)
	switch {
	case err != nil:
		return nil, err
	case last.Plan.ID != id:
		return nil, plans.ErrAnotherPlan
	}
	for _, a := range allow {
		if !slices.ContainsFunc(last.Plan.Refused, func(r reconcile.Refusal) bool {
			return r.Count == a.Count && r.Kind == a.Kind
		}) {
			return nil, plans.ErrNotRefused
		}
	}
	if len(allow) > 0 {
		return s.round(ctx, round{asked: true, allow: allow, word: word})
	}
	last.Dry = ""
	return last, s.enact(ctx, last, word)
}

// Revert takes a plan back. Errors: those of assembler.Revert.
func (s *Service) Revert(ctx context.Context, id string, word assembler.Word) (bool, error) {
	return s.assemble.Revert(ctx, s.config.Source, s.config.Foundation, id, word)
}

func (s *Service) enact(ctx context.Context, planned *plans.Planned, word assembler.Word) error {
	report, err := s.assemble.Enact(ctx, planned.Plan, word)
	planned.Report = report
	s.deps.Metrics.stored.WithLabelValues(s.config.Foundation).Add(float64(report.Stored))
	if err != nil {
		planned.Problem = err.Error()
	}
	last, errLast := plans.Last(ctx, s.deps.Bus, s.config.Source, s.config.Foundation)
	if errLast == nil && last.Plan.ID != planned.Plan.ID { // another one was made meanwhile
		return err
	}
	return errors.Join(err, plans.Keep(ctx, s.deps.Bus, planned))
}

// say logs a plan.
func (s *Service) say(ctx context.Context, p *plans.Planned) {
	stored := 0
	if p.Report != nil {
		stored = p.Report.Stored
	}
	s.deps.Log.LogAttrs(ctx, slog.LevelInfo, "the foundation is reconciled",
		slog.String("source", s.config.Source), slog.String("foundation", s.config.Foundation),
		slog.String("plan", p.Plan.ID), slog.Int("remodels", len(p.Plan.Remodels)),
		slog.Int("notes", len(p.Plan.Notes)), slog.Int("stored", stored), slog.String("dry", p.Dry))
	for i := range p.Plan.Refused {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "stops are refused", slog.String("foundation", s.config.Foundation),
			slog.String("reason", p.Plan.Refused[i].Why))
	}
	for i := range p.Plan.Listings {
		if l := &p.Plan.Listings[i]; !l.Complete {
			s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "a listing is not complete: it proves no stop",
				slog.String("foundation", s.config.Foundation), slog.String("kind", l.Kind),
				slog.String("reason", l.Why))
		}
	}
}

// load reads the state; nil where there is none. A damaged one costs time only.
func (s *Service) load(ctx context.Context) (*state, error) {
	data, err := s.deps.Bus.GetObject(ctx, plans.Bucket, plans.Name(s.config.Source, s.config.Foundation, objectState))
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, bus.ErrCorrupt):
		return nil, err
	}
	var st *state
	if err == nil {
		st, err = decode(s.config.Source, s.config.Foundation, data)
	}
	if err != nil {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "the state of the reconciliation is damaged: it begins anew",
			slog.String("foundation", s.config.Foundation), slog.Any("error", err))
		return nil, nil
	}
	return st, nil
}

func (s *Service) save(ctx context.Context, st *state) error {
	data, err := st.encode()
	if err != nil {
		return err
	}
	return s.deps.Bus.PutObject(ctx, plans.Bucket, plans.Name(s.config.Source, s.config.Foundation, objectState), data)
}

// plan lists the platform, waits for METERED, and makes the plan. It changes the state.
func (s *Service) plan(ctx context.Context, st *state, allow []reconcile.Allowance) (*reconcile.Plan, error) {
	before, err := s.Draw(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	after, err := s.newest(ctx)
	if err != nil {
		return nil, err
	}
	buildpacks, err := s.buildpacks(ctx)
	if err != nil {
		return nil, err
	}
	floorplan, err := s.deps.Platform.Inspect(ctx, before, after, buildpacks)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, floorplan.Seen.Add(foreman.Skew), s.config.Patience); err != nil {
		return nil, err
	}
	blueprint, err := s.Draw(ctx, floorplan.Begun.Add(-foreman.Skew))
	if err != nil {
		return nil, err
	}
	rules, err := s.rules(ctx, allow)
	if err != nil {
		return nil, err
	}
	prices, err := s.prices(ctx)
	if err != nil {
		return nil, err
	}
	in := &foreman.Input{
		Blueprint: blueprint, Floorplan: floorplan, Former: st.Former, Rules: rules, Prices: prices, Proofs: st.Proofs,
		Same: st.Same, First: st.First, Now: s.deps.Now(),
	}
	if in.Sights, err = s.look(ctx, foreman.Candidates(in), s.readBuildpacks(prices)); err != nil {
		return nil, err
	}
	in.Now = s.deps.Now()
	plan := foreman.Make(in)
	st.learn(blueprint, floorplan, plan, s.config.Rules.Settle)
	beside := known(floorplan, plan)
	st.Known = &beside
	return plan, nil
}

// known are the platform's sums beside METERED, for reasons that stay: resources out of the
// floorplan, and differences that the plan explains.
func known(f *reconcile.Floorplan, p *reconcile.Plan) reconcile.Sums {
	return f.Beside.Plus(p.Explained, 1)
}

// rules are those of the configuration, with the limitations of persons.
func (s *Service) rules(ctx context.Context, allow []reconcile.Allowance) (*reconcile.Rules, error) {
	ignored, err := plans.Ignored(ctx, s.deps.Bus, s.config.Source, s.config.Foundation)
	if err != nil {
		return nil, err
	}
	rules := s.config.Rules
	rules.Allow = append(slices.Clone(rules.Allow), allow...)
	rules.Limitations = append(slices.Clone(rules.Limitations), ignored...)
	return &rules, nil
}

// look asks for resources alone. What has no sight is not proven.
func (s *Service) look(ctx context.Context, of []reconcile.Material, buildpacks bool) (
	map[reconcile.Key]reconcile.Sight, error,
) {
	all := map[reconcile.Key]reconcile.Sight{}
	if len(of) == 0 {
		return all, nil
	}
	sights, err := s.deps.Platform.Look(ctx, of[:min(len(of), maxLook)], buildpacks)
	for i := range sights {
		all[sights[i].Key] = sights[i]
	}
	if err != nil && (len(all) == 0 || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "some resources could not be asked for; they wait for the next round",
			slog.String("foundation", s.config.Foundation), slog.Int("asked", len(of)), slog.Int("seen", len(all)),
			slog.Any("error", err))
	}
	return all, nil
}

// learn takes a floorplan for the next round. What is neither billed nor there is forgotten.
func (st *state) learn(b *reconcile.Blueprint, f *reconcile.Floorplan, p *reconcile.Plan, settle time.Duration) {
	keep := map[reconcile.Key]bool{}
	for i := range b.Materials {
		keep[b.Materials[i].Key()] = true
	}
	for i := range f.Materials {
		m := &f.Materials[i]
		if m.Doubt != "" {
			continue
		}
		key := m.Key()
		keep[key], st.Proofs[key] = true, f.Begun
		if billed := b.Find(key); billed != nil && billed.Held == "" &&
			reconcile.SameSize(m.Kind, &billed.Footprint, &m.Footprint) {
			st.Same[key] = f.Begun
		}
	}
	for _, times := range []map[reconcile.Key]time.Time{st.Proofs, st.Same} {
		for key := range times {
			if !keep[key] {
				delete(times, key)
			}
		}
	}
	first := map[reconcile.Key]time.Time{}
	for i := range p.Remodels {
		first[p.Remodels[i].Key] = p.Remodels[i].First
	}
	for i := range p.Notes {
		if n := &p.Notes[i]; n.Key != (reconcile.Key{}) {
			first[n.Key] = f.Seen
			if at, known := st.First[n.Key]; known {
				first[n.Key] = at
			}
		}
	}
	st.First = first
	if st.Former != nil && f.Seen.Sub(st.Former.Seen) < settle {
		return // a former one that is old enough is needed
	}
	former := *f
	former.Materials = make([]reconcile.Material, 0, len(f.Materials))
	for i := range f.Materials {
		former.Materials = append(former.Materials, reconcile.Material{
			Kind: f.Materials[i].Kind, Resource: f.Materials[i].Resource,
		})
	}
	st.Former = &former
}
