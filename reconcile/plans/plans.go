package plans

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/snapshot"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/assembler"
)

// Bucket has the state of reconciliations: a few objects for each foundation.
const Bucket = "daybook-reconcile"

// Limits of the state.
const (
	// MaxIgnored is how many limitations of persons a foundation has.
	MaxIgnored = 1000
	// maxObject bounds the text of an object; maxEvidence the evidence of a stored plan.
	maxObject   = 256 << 20
	maxEvidence = 16 << 20
)

// Objects of a foundation.
const (
	objectPlan    = "plan"
	objectHead    = "head" // the id of the plan: a plan may be large
	objectAlarm   = "alarm"
	objectIgnored = "ignored"
)

// ErrNoPlan: nothing was planned for the foundation.
var ErrNoPlan = errors.New("no plan is stored for this foundation: make one with daybook reconcile plan")

// Getter is the part of the bus to read objects.
type Getter interface {
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
}

// Objects is the part of the bus to read and write objects.
type Objects interface {
	Getter
	PutObject(ctx context.Context, bucket, name string, data []byte) error
}

// Planned is the last plan of a foundation, with its outcome.
type Planned struct {
	Plan    *reconcile.Plan
	Report  *assembler.Report `json:",omitempty"` // nil where it was not enacted
	Problem string            `json:",omitempty"` // why it was not enacted to its end
	Dry     string            `json:",omitempty"` // why it was not to be enacted
}

// ErrAnotherPlan: the stored plan has another id.
var ErrAnotherPlan = errors.New("the plan is not the last one of the foundation: daybook reconcile list shows that " +
	"one")

// ErrNotRefused: the plan refuses no such number of stops.
var ErrNotRefused = errors.New("the plan does not refuse this very number of stops: it says which numbers to allow")

// Seal makes an object of a value.
func Seal(v any) ([]byte, error) {
	return snapshot.Seal(func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

// Unseal reads an object into a value.
func Unseal(object []byte, v any) error {
	r, err := snapshot.Open(object)
	if err != nil {
		return err
	}
	err = json.NewDecoder(io.LimitReader(r, maxObject)).Decode(v)
	return errors.Join(err, r.Close())
}

// Name is the name of a foundation's object.
func Name(source, foundation, object string) string { return source + "." + foundation + "." + object }

// get reads an object of a foundation; false where there is none.
func get(ctx context.Context, b Getter, source, foundation, object string, v any) (bool, error) {
	data, err := b.GetObject(ctx, Bucket, Name(source, foundation, object))
	if errors.Is(err, bus.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = Unseal(data, v)
	}
	return err == nil, err
}

func put(ctx context.Context, b Objects, source, foundation, object string, v any) error {
	data, err := Seal(v)
	if err != nil {
		return err
	}
	return b.PutObject(ctx, Bucket, Name(source, foundation, object), data)
}

// Last reads the last plan of a foundation. Errors: ErrNoPlan.
func Last(ctx context.Context, b Getter, source, foundation string) (*Planned, error) {
	var p Planned
	found, err := get(ctx, b, source, foundation, objectPlan, &p)
	if err == nil && !found {
		err = ErrNoPlan
	}
	return &p, err
}

// Find reads the last plan with an id, of one among some foundations. It reads no other plan,
// unless a crash has left an old head. Error: ErrNoPlan.
func Find(ctx context.Context, b Getter, among []Place, id string) (*Planned, error) {
	var likely, others []Place
	for _, at := range among {
		var head string
		found, err := get(ctx, b, at.Source, at.Foundation, objectHead, &head)
		switch {
		case err != nil:
			return nil, err
		case found && head == id:
			likely = append(likely, at)
		default:
			others = append(others, at)
		}
	}
	for _, at := range append(likely, others...) {
		p, err := Last(ctx, b, at.Source, at.Foundation)
		if err != nil && !errors.Is(err, ErrNoPlan) {
			return nil, err
		}
		if err == nil && p.Plan != nil && p.Plan.ID == id {
			return p, nil
		}
	}
	return nil, ErrNoPlan
}

// Keep stores the last plan of a foundation, with less evidence where there is much.
func Keep(ctx context.Context, b Objects, p *Planned) error {
	kept, plan := *p, *p.Plan
	plan.Remodels = slices.Clone(plan.Remodels)
	size := 0
	without := func(m *reconcile.Material) *reconcile.Material {
		if m == nil {
			return nil
		}
		if size += len(m.Evidence); size <= maxEvidence {
			return m
		}
		bare := *m
		bare.Evidence = nil
		return &bare
	}
	for i := range plan.Remodels {
		r := &plan.Remodels[i]
		r.Billed, r.There = without(r.Billed), without(r.There)
	}
	kept.Plan = &plan
	if err := put(ctx, b, plan.Source, plan.Foundation, objectHead, plan.ID); err != nil {
		return err
	}
	return put(ctx, b, plan.Source, plan.Foundation, objectPlan, &kept)
}

// Ignored are the limitations by persons of a foundation.
func Ignored(ctx context.Context, b Getter, source, foundation string) (all []reconcile.Limitation, err error) {
	_, err = get(ctx, b, source, foundation, objectIgnored, &all)
	return all, err
}

// TooManyError reports more limitations than are kept.
type TooManyError struct{ Foundation string }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("%s has %d limitations already: put them into the file of rules as patterns", e.Foundation,
		MaxIgnored)
}

// Ignore adds a limitation of a person, and removes ended ones. Errors: *TooManyError.
func Ignore(ctx context.Context, b Objects, source, foundation string, l *reconcile.Limitation, now time.Time) error {
	all, err := Ignored(ctx, b, source, foundation)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(l reconcile.Limitation) bool { return !l.Until.IsZero() && !l.Until.After(now) })
	if len(all) >= MaxIgnored {
		return &TooManyError{foundation}
	}
	return put(ctx, b, source, foundation, objectIgnored, append(all, *l))
}

// Place is a foundation of a source.
type Place struct{ Source, Foundation string }

// Lister is the part of the bus to list objects.
type Lister interface {
	ListObjects(ctx context.Context, bucket string) ([]string, error)
}

// Reader is the part of the bus to read the objects of all foundations.
type Reader interface {
	Lister
	Getter
}

// Places are the foundations with a plan, in the order of their names.
func Places(ctx context.Context, b Lister) ([]Place, error) { return placesWith(ctx, b, objectPlan) }

// Compared are the foundations with a comparison of sums, in the order of their names.
func Compared(ctx context.Context, b Lister) ([]Place, error) { return placesWith(ctx, b, objectAlarm) }

// placesWith are the foundations with an object.
func placesWith(ctx context.Context, b Lister, object string) (all []Place, err error) {
	names, err := b.ListObjects(ctx, Bucket)
	for _, n := range names {
		place, has := strings.CutSuffix(n, "."+object)
		source, foundation, _ := strings.Cut(place, ".")
		if has {
			all = append(all, Place{source, foundation})
		}
	}
	return all, err
}
