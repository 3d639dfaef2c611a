package service

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// objectState is the object with the state.
const objectState = "state"

// state is what a round leaves for the next one.
type state struct {
	Former *reconcile.Floorplan // without sizes; nil for none
	// Proofs, Same and First are as in foreman.Input.
	Proofs, Same, First map[reconcile.Key]time.Time
	Known               *reconcile.Sums // as known returns it; nil for none
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
	Known               *reconcile.Sums
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
	return plans.Seal(&r)
}

// decode reads a state of a foundation.
func decode(source, foundation string, object []byte) (*state, error) {
	var r record
	if err := plans.Unseal(object, &r); err != nil {
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
