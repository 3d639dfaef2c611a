package service

import (
	"bytes"
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
	objectState   = "state"
	objectPlan    = "plan"
	objectAlarm   = "alarm"
	objectIgnored = "ignored"
)

// ErrNoPlan: nothing was planned for the foundation.
var ErrNoPlan = errors.New("no plan is stored for this foundation: make one with daybook reconcile plan")

// Objects is the part of the bus for the state.
type Objects interface {
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
	PutObject(ctx context.Context, bucket, name string, data []byte) error
}

// Planned is the last plan of a foundation, and what became of it.
type Planned struct {
	Plan    *reconcile.Plan
	Report  *assembler.Report `json:",omitempty"` // nil where it was not enacted
	Problem string            `json:",omitempty"` // why it was not enacted to its end
	Dry     string            `json:",omitempty"` // why it was not to be enacted
}

// state is what a round leaves for the next one.
type state struct {
	Former *reconcile.Floorplan // without sizes; nil for none
	// Proofs, Same and First are as in foreman.Input.
	Proofs, Same, First map[reconcile.Key]time.Time
	// Known is what the platform's sums have beside the floorplan.
	Known *Sums
}

func newState() *state {
	none := func() map[reconcile.Key]time.Time { return map[reconcile.Key]time.Time{} }
	return &state{Proofs: none(), Same: none(), First: none()}
}

// record is a state as it is stored.
type record struct {
	Version             int
	Begun, Seen         time.Time
	AfterSequence       uint64
	Listings            []reconcile.Listing
	Former              []group
	Proofs, Same, First []group
	Known               *Sums
}

// group are resources of a kind with one time.
type group struct {
	At        time.Time
	Kind      string
	Resources []string
}

// stateVersion is the version of records; another one is no state.
const stateVersion = 1

// groups are times as groups, in the order of times and kinds.
func groups(times map[reconcile.Key]time.Time) (all []group) {
	type place struct {
		at   time.Time
		kind string
	}
	at := map[place]int{}
	for key, when := range times {
		p := place{when.UTC(), key.Kind}
		i, known := at[p]
		if !known {
			i = len(all)
			at[p] = i
			all = append(all, group{At: p.at, Kind: key.Kind})
		}
		all[i].Resources = append(all[i].Resources, key.Resource)
	}
	for i := range all {
		slices.Sort(all[i].Resources)
	}
	slices.SortFunc(all, func(a, b group) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a.Kind), []byte(b.Kind))
	})
	return all
}

func ungroup(all []group) map[reconcile.Key]time.Time {
	times := map[reconcile.Key]time.Time{}
	for i := range all {
		for _, resource := range all[i].Resources {
			times[reconcile.Key{Kind: all[i].Kind, Resource: resource}] = all[i].At
		}
	}
	return times
}

// encode is the state as an object.
func (s *state) encode() ([]byte, error) {
	r := record{
		Version: stateVersion, Proofs: groups(s.Proofs), Same: groups(s.Same), First: groups(s.First), Known: s.Known,
	}
	if f := s.Former; f != nil {
		r.Begun, r.Seen, r.AfterSequence, r.Listings = f.Begun, f.Seen, f.AfterSequence, f.Listings
		listed := map[reconcile.Key]time.Time{}
		for i := range f.Materials {
			listed[f.Materials[i].Key()] = f.Seen
		}
		r.Former = groups(listed)
	}
	return seal(&r)
}

// decode reads a state of a foundation.
func decode(source, foundation string, object []byte) (*state, error) {
	var r record
	if err := unseal(object, &r); err != nil {
		return nil, err
	}
	if r.Version != stateVersion {
		return nil, fmt.Errorf("it has version %d, and this program reads %d", r.Version, stateVersion)
	}
	s := &state{Proofs: ungroup(r.Proofs), Same: ungroup(r.Same), First: ungroup(r.First), Known: r.Known}
	if !r.Seen.IsZero() {
		s.Former = &reconcile.Floorplan{
			Source: source, Foundation: foundation, Begun: r.Begun, Seen: r.Seen, AfterSequence: r.AfterSequence,
			Listings: r.Listings,
		}
		for i := range r.Former {
			for _, resource := range r.Former[i].Resources {
				one := reconcile.Material{Kind: r.Former[i].Kind, Resource: resource}
				s.Former.Materials = append(s.Former.Materials, one)
			}
		}
		slices.SortFunc(s.Former.Materials, func(a, b reconcile.Material) int { return a.Key().Compare(b.Key()) })
	}
	return s, nil
}

// seal makes an object of a value.
func seal(v any) ([]byte, error) {
	return snapshot.Seal(func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

// unseal reads an object into a value.
func unseal(object []byte, v any) error {
	r, err := snapshot.Open(object)
	if err != nil {
		return err
	}
	err = json.NewDecoder(io.LimitReader(r, maxObject)).Decode(v)
	return errors.Join(err, r.Close())
}

// name is the name of a foundation's object.
func name(source, foundation, object string) string { return source + "." + foundation + "." + object }

// get reads an object of a foundation; false where there is none.
func get(ctx context.Context, b Objects, source, foundation, object string, v any) (bool, error) {
	data, err := b.GetObject(ctx, Bucket, name(source, foundation, object))
	if errors.Is(err, bus.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = unseal(data, v)
	}
	return err == nil, err
}

func put(ctx context.Context, b Objects, source, foundation, object string, v any) error {
	data, err := seal(v)
	if err != nil {
		return err
	}
	return b.PutObject(ctx, Bucket, name(source, foundation, object), data)
}

// Last reads the last plan of a foundation. Errors: ErrNoPlan.
func Last(ctx context.Context, b Objects, source, foundation string) (*Planned, error) {
	var p Planned
	found, err := get(ctx, b, source, foundation, objectPlan, &p)
	if err == nil && !found {
		err = ErrNoPlan
	}
	return &p, err
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
	return put(ctx, b, plan.Source, plan.Foundation, objectPlan, &kept)
}

// Ignored are the limitations that persons gave for a foundation.
func Ignored(ctx context.Context, b Objects, source, foundation string) (all []reconcile.Limitation, err error) {
	_, err = get(ctx, b, source, foundation, objectIgnored, &all)
	return all, err
}

// TooManyError reports more limitations than are kept.
type TooManyError struct{ Foundation string }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("%s has %d limitations already: put them into the file of rules as patterns", e.Foundation,
		MaxIgnored)
}

// Ignore adds a limitation of a person. Those that are over are removed. Errors: *TooManyError.
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

// Lister is the part of the bus that lists objects.
type Lister interface {
	ListObjects(ctx context.Context, bucket string) ([]string, error)
}

// Places are the foundations with a plan, in the order of their names.
func Places(ctx context.Context, b Lister) (all []Place, err error) {
	names, err := b.ListObjects(ctx, Bucket)
	for _, n := range names {
		place, isPlan := strings.CutSuffix(n, "."+objectPlan)
		source, foundation, _ := strings.Cut(place, ".")
		if isPlan {
			all = append(all, Place{source, foundation})
		}
	}
	return all, err
}
