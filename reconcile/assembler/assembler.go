package assembler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

// Defaults and limits.
const (
	// DefaultPatience is how long a stage waits for METERED.
	DefaultPatience = time.Minute
	// atOnce is how many resources are looked at between two writes.
	atOnce = 50
)

// Config says how plans are enacted. The zero value is right.
type Config struct {
	Patience time.Duration // default: DefaultPatience
	AtOnce   int           // resources between two writes; default: 50
}

// Bus is the part of the bus for enacting plans.
type Bus interface {
	acts.Bus
	metered.Reading
}

// Deps are the surroundings of one foundation.
type Deps struct {
	Bus Bus
	// Look asks the platform for resources alone. With an error some may have a sight.
	Look func(ctx context.Context, of []reconcile.Material) ([]reconcile.Sight, error)
	// Draw gives what METERED bills now.
	Draw func(ctx context.Context) (*reconcile.Blueprint, error)
	// Await waits until METERED, behind a message of its own, has the effect of a message of USAGE.
	// Default: metered.AwaitEffect.
	Await func(ctx context.Context, after, sequence uint64) error
	Now   func() time.Time // default: time.Now
}

// Assembler enacts plans of one foundation. It is safe for concurrent use.
type Assembler struct {
	config Config
	deps   Deps
}

// New makes an assembler.
func New(config Config, deps Deps) *Assembler {
	if config.Patience == 0 {
		config.Patience = DefaultPatience
	}
	if config.AtOnce == 0 {
		config.AtOnce = atOnce
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Await == nil {
		deps.Await = func(ctx context.Context, after, sequence uint64) error {
			_, err := metered.AwaitEffect(ctx, deps.Bus, after, sequence)
			return err
		}
	}
	return &Assembler{config: config, deps: deps}
}

// Word is who enacts a plan, and why.
type Word struct{ By, Note string }

// Outcome is what became of one remodel.
type Outcome struct {
	Key      reconcile.Key
	Type     reconcile.Type
	Act      reconcile.Act
	Sequence uint64 // of its observation in USAGE; 0 for none
	Skipped  string // why there is none
}

// Report tells what became of a plan.
type Report struct {
	Plan     string
	Stored   int       // observations that this call stored
	Outcomes []Outcome // in the order of the plan
}

// NotMeteredError reports a stage that METERED has no effect of yet. Later stages are not enacted.
type NotMeteredError struct {
	Stage    reconcile.Stage
	Sequence uint64
	Patience time.Duration
}

func (e *NotMeteredError) Error() string {
	return fmt.Sprintf("METERED has no effect of message %d of USAGE (stage %s) after %s: later stages were not "+
		"enacted. If daybook project runs and is not behind, apply the same plan again",
		e.Sequence, e.Stage, e.Patience)
}

// enactment is one plan on its way.
type enactment struct {
	*Assembler
	plan   *reconcile.Plan
	word   Word
	report *Report
	stored map[string]uint64 // sequences of the plan's acts, by id
}

// Enact enacts a plan, and reports what became of each remodel; with an error, as far as it came.
// Errors: ErrExpired, ErrChanged, *NotMeteredError, those of acts.Observe, of the platform and of
// the bus.
func (a *Assembler) Enact(ctx context.Context, plan *reconcile.Plan, word Word) (*Report, error) {
	e := &enactment{Assembler: a, plan: plan, word: word, report: &Report{Plan: plan.ID}}
	if err := check(plan, a.deps.Now()); err != nil {
		return e.report, err
	}
	if err := e.read(ctx); err != nil {
		return e.report, err
	}
	for _, stage := range order() {
		if err := e.stage(ctx, stage); err != nil {
			return e.report, err
		}
	}
	return e.report, nil
}

// read finds the acts of the plan that are stored.
func (e *enactment) read(ctx context.Context) error {
	e.stored = map[string]uint64{}
	return acts.List(ctx, e.deps.Bus, events.ActObservation, e.plan.Foundation, func(a *acts.Act) error {
		switch {
		case a.Source != e.plan.Source || a.Observation.Plan != e.plan.ID:
		case a.Observation.Finding == events.FindingReverted:
			return acts.ErrReverted
		default:
			e.stored[a.ID] = a.Sequence
		}
		return nil
	})
}

func (e *enactment) id(k reconcile.Key) string {
	return events.ID("observation", e.plan.ID, k.Kind, k.Resource)
}

// stage enacts the remodels of a stage, and waits until METERED has their effect.
func (e *enactment) stage(ctx context.Context, stage reconcile.Stage) error {
	var all []*reconcile.Remodel
	for i := range e.plan.Remodels {
		if r := &e.plan.Remodels[i]; r.Stage == stage {
			all = append(all, r)
		}
	}
	if stage == reconcile.Reports {
		for _, r := range all {
			e.note(r, "it is only reported")
		}
		return nil
	}
	var last uint64
	for group := range slices.Chunk(all, e.config.AtOnce) {
		if err := e.group(ctx, group); err != nil {
			return err
		}
	}
	for _, r := range all {
		ofInstance := e.stored[e.id(reconcile.Key{Kind: events.KindInstance, Resource: r.Key.Resource})]
		if r.Key.Kind != events.KindVolume || ofInstance == 0 { // else that one is about the volume, too
			last = max(last, e.stored[e.id(r.Key)])
		}
	}
	if last == 0 {
		return nil
	}
	return e.await(ctx, stage, last)
}

// await waits for the effect of a message of USAGE. The plan is older than its acts, so their
// answers stand behind its position.
func (e *enactment) await(ctx context.Context, stage reconcile.Stage, sequence uint64) error {
	patient, cancel := context.WithTimeout(ctx, e.config.Patience)
	defer cancel()
	err := e.deps.Await(patient, e.plan.Metered, sequence)
	if err != nil && ctx.Err() == nil && errors.Is(patient.Err(), context.DeadlineExceeded) {
		return &NotMeteredError{stage, sequence, e.config.Patience}
	}
	return err
}

// note enters what became of a remodel.
func (e *enactment) note(r *reconcile.Remodel, skipped string) {
	o := Outcome{Key: r.Key, Type: r.Type, Act: r.Act, Skipped: skipped}
	if skipped == "" {
		o.Sequence = e.stored[e.id(r.Key)]
	}
	e.report.Outcomes = append(e.report.Outcomes, o)
}

// group checks some remodels again, and stores those that are still so.
func (e *enactment) group(ctx context.Context, all []*reconcile.Remodel) error {
	why := map[reconcile.Key]string{}
	var ask []reconcile.Material
	var open []*reconcile.Remodel
	for _, r := range all {
		if e.stored[e.id(r.Key)] == 0 {
			open, ask = append(open, r), append(ask, *subject(r))
		}
	}
	var batch []events.Observation
	if len(open) > 0 {
		sights, err := e.look(ctx, ask)
		if err != nil {
			return err
		}
		billed, err := e.billed(ctx, open)
		if err != nil {
			return err
		}
		for _, r := range open {
			if why[r.Key] = unseen(r, sights[r.Key], e.plan.Seen); why[r.Key] == "" {
				why[r.Key] = unbilled(r, billed[r.Key])
			}
			if why[r.Key] != "" {
				continue
			}
			if o, enacted := foreman.Observation(e.plan, r, sights[r.Key].Evidence); enacted {
				batch = append(batch, o)
			}
		}
	}
	if len(batch) > 0 {
		if err := e.store(ctx, batch); err != nil {
			return err
		}
	}
	for _, r := range all {
		e.note(r, why[r.Key])
	}
	return nil
}

// store stores observations, if the plan lives still.
func (e *enactment) store(ctx context.Context, batch []events.Observation) error {
	now := e.deps.Now()
	if now.After(e.plan.Expires) {
		return ErrExpired
	}
	n, err := acts.Observe(ctx, e.deps.Bus, e.plan.Source, e.plan.Foundation, e.plan.ID, batch, e.word.By, e.word.Note,
		now)
	e.report.Stored += n
	if err != nil {
		return err
	}
	return e.read(ctx)
}

// subject is the resource to ask the platform for.
func subject(r *reconcile.Remodel) *reconcile.Material {
	if r.Billed != nil {
		return r.Billed
	}
	return r.There
}

func (e *enactment) look(ctx context.Context, of []reconcile.Material) (map[reconcile.Key]*reconcile.Sight, error) {
	sights, err := e.deps.Look(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("looking at what the plan changes: %w", err)
	}
	all := map[reconcile.Key]*reconcile.Sight{}
	for i := range sights {
		all[sights[i].Key] = &sights[i]
	}
	return all, nil
}

// billed is what METERED bills of some resources now.
func (e *enactment) billed(ctx context.Context, of []*reconcile.Remodel) (map[reconcile.Key]*reconcile.Material,
	error,
) {
	b, err := e.deps.Draw(ctx)
	if err != nil {
		return nil, err
	}
	wanted, all := map[reconcile.Key]bool{}, map[reconcile.Key]*reconcile.Material{}
	for _, r := range of {
		wanted[r.Key] = true
	}
	for i := range b.Materials {
		if m := &b.Materials[i]; wanted[m.Key()] {
			all[m.Key()] = m
		}
	}
	return all, nil
}

// Revert takes all observations of a plan back, once, and waits for METERED, which an earlier call
// may not have come to. It reports whether this call did. Errors: those of acts.Revert, and
// *NotMeteredError.
func (a *Assembler) Revert(ctx context.Context, source, foundation, plan string, word Word) (bool, error) {
	before, err := a.deps.Bus.Stream(ctx, events.StreamMetered)
	if err != nil {
		return false, err
	}
	done, err := acts.Revert(ctx, a.deps.Bus, source, foundation, plan, word.By, word.Note, a.deps.Now())
	if err != nil {
		return false, err
	}
	var sequence uint64
	err = acts.List(ctx, a.deps.Bus, events.ActObservation, foundation, func(act *acts.Act) error {
		if act.ID == events.ID("reversion", plan) {
			sequence = act.Sequence
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	if !done {
		if has, err := metered.Has(ctx, a.deps.Bus, before.Last, sequence); err != nil || has {
			return false, err
		}
	}
	e := &enactment{Assembler: a, plan: &reconcile.Plan{Metered: before.Last}}
	return done, e.await(ctx, "reversion", sequence)
}
