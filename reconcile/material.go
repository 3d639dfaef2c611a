package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Material is one resource with its size at one moment: on a blueprint it is billed or held, on a
// floorplan it is there.
type Material struct {
	Kind      string
	Resource  string // id of its timeline, as in events.Usage
	App       string // app guid of an app or a task
	Tenant    string
	Space     string
	SpaceName string
	Name      string
	Footprint events.Footprint

	// Since is when the size was taken up: on a blueprint the start of its run with that size, on a
	// floorplan an upper bound of the beginning that the platform tells. Zero where it is not
	// known.
	Since time.Time
	// Proof is the time of the last proof of life: on a blueprint the newest fact about it.
	Proof time.Time
	// Sequence is the message of METERED with it; 0 on a floorplan.
	Sequence uint64
	// Doubt says on a floorplan why the platform cannot tell whether it runs: it is there, which
	// proves neither a start nor a stop. Empty for none.
	Doubt string
	// Held is set on a blueprint where it is held and not billed, with the reason.
	Held string
	// Evidence is the platform's JSON, verbatim but for removed secrets; on a blueprint the span or
	// the hold.
	Evidence []byte
}

// Key identifies a material within one foundation.
type Key struct{ Kind, Resource string }

// Key returns the material's key.
func (m *Material) Key() Key { return Key{m.Kind, m.Resource} }

// Subject is the key of the subject that the facts about a material stand under: the app of a
// process and of a task, the instance of a volume.
func (m *Material) Subject() Key {
	switch {
	case m.Kind == events.KindVolume:
		return Key{events.KindInstance, m.Resource}
	case m.App != "":
		return Key{m.Kind, m.App}
	}
	return m.Key()
}

// Compare orders keys by kind, then resource.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Resource, o.Resource))
}

// Blueprint is what METERED bills and holds of one foundation.
type Blueprint struct {
	Source, Foundation string
	Horizon            time.Time  // everything up to it is metered
	Usage              uint64     // the last message of USAGE that METERED has the effect of
	Metered            uint64     // the last message of METERED in it
	Epoch              time.Time  // nothing is billed before it; zero for none
	Materials          []Material // in the order of their keys
	// Silent are those that METERED has ended for want of notifications alone, in the order of
	// their keys, with the end as Proof: their deletion was lost, or they do not run.
	Silent []Material
	// Changed has the time of the newest fact of each subject that changed lately, those of which
	// nothing runs any more among them.
	Changed map[Key]time.Time
}

// Find returns the material of a key; nil for none.
func (b *Blueprint) Find(k Key) *Material { return find(b.Materials, k) }

// FindSilent returns the silent material of a key; nil for none.
func (b *Blueprint) FindSilent(k Key) *Material { return find(b.Silent, k) }

func find(sorted []Material, k Key) *Material {
	i, found := slices.BinarySearchFunc(sorted, k, func(m Material, k Key) int { return m.Key().Compare(k) })
	if !found {
		return nil
	}
	return &sorted[i]
}

// Listing is how one kind of material was listed.
type Listing struct {
	Kind     string
	Count    int
	Complete bool
	Why      string // why it is not complete, for a person; empty where it is
	Note     string // what a person should know of a listing, complete or not; empty for nothing
	// Tenants are those that the listing is complete for, where it is not complete for all.
	Tenants []string
	// Empty is set where nothing of the kind was listed and some of it is billed, while the
	// platform's own sums agree, and it lists other kinds: it is not complete for
	// this reason alone.
	Empty bool `json:",omitempty"`
}

// Floorplan is what is there: an inventory of one foundation. Absence from it proves nothing.
type Floorplan struct {
	Source, Foundation string
	// Begun and Seen are the platform's own times at the first and behind the last request.
	Begun, Seen time.Time
	// AfterSequence is the newest fact of the foundation in USAGE before the first request.
	AfterSequence uint64
	Listings      []Listing  // in the order of kinds
	Materials     []Material // in the order of their keys
	// Beside is what the platform's own sums have beside the materials, for reasons that stay: the
	// contents of excluded spaces.
	Beside Sums
}

// Find returns the material of a key; nil for none.
func (f *Floorplan) Find(k Key) *Material { return find(f.Materials, k) }

// CompleteFor reports whether all materials of a kind and a tenant were listed.
func (f *Floorplan) CompleteFor(kind, tenant string) bool {
	for i := range f.Listings {
		if l := &f.Listings[i]; l.Kind == kind {
			return l.Complete || slices.Contains(l.Tenants, tenant)
		}
	}
	return false
}

// Complete reports whether all materials of a kind were listed.
func (f *Floorplan) Complete(kind string) bool {
	for i := range f.Listings {
		if f.Listings[i].Kind == kind {
			return f.Listings[i].Complete
		}
	}
	return false
}

// Empty reports whether the listing of a kind is not complete for the sole reason that it has
// nothing.
func (f *Floorplan) Empty(kind string) bool {
	return slices.ContainsFunc(f.Listings, func(l Listing) bool { return l.Kind == kind && l.Empty })
}

// Sight is the answer of a platform that was asked for one resource alone.
type Sight struct {
	Key  Key
	Seen time.Time // the platform's time of the answer
	// There is set where it runs, with Material as it is now. Else it is gone: the platform said
	// so, and the scope to see it was proven before and after.
	There bool
	// Doubt says why the platform cannot tell whether it runs; There means nothing then. Empty for
	// none.
	Doubt    string
	Material Material
	// Told is set where the platform itself says that it has ended: it shows it as ended, or has an
	// event of its end. Without it only its absence says so.
	Told bool `json:",omitempty"`
	// Ended is the true time of its end, where the platform tells; else zero.
	Ended time.Time
	// Began is the true time at which it took up its size, where the platform tells; else zero.
	Began time.Time
	// NotBefore and NotAfter are the bounds of the end, or of the beginning, that the platform
	// tells where it does not tell the time; zero for none.
	NotBefore, NotAfter time.Time
	Evidence            []byte // the answers, verbatim but for removed secrets
}
