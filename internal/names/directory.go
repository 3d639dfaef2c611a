package names

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// maxKeys is how many names a Directory has: of tenants and spaces beyond it the guid is shown.
const maxKeys = 200_000

// Directory has the present or last names of tenants and spaces, without the erased ones.
// Nil has none. It is safe for concurrent use.
type Directory struct {
	reading sync.Mutex // held by Refresh

	mu       sync.RWMutex // guards the next four
	last     uint64       // read message of the bucket; Refresh alone writes it
	erasures *Erasures
	names    map[Key]held        // at most maxKeys
	tenants  map[string][]Tenant // by guid: those with a name
}

// held is a name, or the last one of something gone.
type held struct {
	name string
	gone bool
}

// Load reads the bucket, and the erasures. Without a bucket there are no names.
func Load(ctx context.Context, b Reader) (*Directory, error) {
	d := &Directory{names: map[Key]held{}, tenants: map[string][]Tenant{}}
	return d, d.Refresh(ctx, b)
}

// State is what the names are of: the message of the bucket that was read last, and how many
// tenants' names are erased. Names with the same state are the same; nil has the zero state.
func (d *Directory) State() (last uint64, erased int) {
	if d == nil {
		return 0, 0
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.erasures != nil {
		erased = len(d.erasures.tenants)
	}
	return d.last, erased
}

// Refresh takes additions to the bucket, and erasures, since the last call. It costs a few
// requests where that is nothing. Names are answered meanwhile.
func (d *Directory) Refresh(ctx context.Context, b Reader) error {
	d.reading.Lock()
	defer d.reading.Unlock()
	erasures, err := LoadErasures(ctx, b)
	if err != nil {
		return err
	}
	changed := map[Key]held{}
	options := bus.ReadOptions{Filters: []string{prefix + ">"}, LastPerSubject: d.last == 0}
	last, err := b.Each(ctx, stream, d.last+1, bus.End, options, func(m *bus.Stored) error {
		if k, err := parseKey(m.Subject[len(prefix):]); err == nil && len(changed) < maxKeys {
			l := valueOf(m)
			changed[k] = held{l.Latest(), len(l) > 0 && !l[len(l)-1].Until.IsZero()}
		}
		return nil
	})
	anew := errors.Is(err, bus.ErrNotFound) || errors.Is(err, bus.ErrStreamChanged)
	if err != nil && !anew {
		return fmt.Errorf("reading names from %s: %w", Bucket, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.erasures, d.last = erasures, last; anew {
		clear(d.names)
		clear(d.tenants)
		d.last = 0
		return nil
	}
	for k, h := range changed {
		d.put(k, h)
	}
	return nil
}

// put takes a key's name, empty for none.
func (d *Directory) put(k Key, h held) {
	_, known := d.names[k]
	switch {
	case h.name == "":
		delete(d.names, k)
	case known || len(d.names) < maxKeys:
		d.names[k] = h
	default:
		return
	}
	if k.Space != "" || known == (h.name != "") {
		return
	}
	all := slices.DeleteFunc(d.tenants[k.GUID], func(t Tenant) bool { return t == k.Tenant })
	if h.name != "" {
		all = append(all, k.Tenant)
	}
	if d.tenants[k.GUID] = all; len(all) == 0 {
		delete(d.tenants, k.GUID)
	}
}

// Erasures are those of the last Refresh.
func (d *Directory) Erasures() *Erasures {
	if d == nil {
		return nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.erasures
}

// Name is the name of a tenant or a space; empty where there is none.
func (d *Directory) Name(k Key) string {
	if d == nil {
		return ""
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.erasures.Has(k.Tenant) {
		return ""
	}
	return d.names[k].name
}

// TenantName is Name of a tenant in answers without a foundation. It is empty where foundations
// have several names for the guid, or one of them was erased.
func (d *Directory) TenantName(guid string) (name string) {
	if d == nil {
		return ""
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.erasures.HasGUID(guid) {
		return ""
	}
	for _, t := range d.tenants[guid] {
		own := d.names[Key{Tenant: t}].name
		if name != "" && own != name {
			return ""
		}
		name = own
	}
	return name
}

// SpaceName is Name of a space in answers without a foundation. It is empty where foundations have
// several names for the guid.
func (d *Directory) SpaceName(tenant, space string) (name string) {
	if d == nil || space == "" {
		return ""
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.erasures.HasGUID(tenant) {
		return ""
	}
	for _, t := range d.tenants[tenant] {
		own := d.names[Key{Tenant: t, Space: space}].name
		if name != "" && own != "" && own != name {
			return ""
		}
		name = cmp.Or(own, name)
	}
	return name
}

// maxCandidates is how many tenants and names an error has.
const maxCandidates = 5

// AmbiguousError reports a name of several tenants.
type AmbiguousError struct {
	Name    string
	Tenants []Tenant // sorted by guid, and at most maxCandidates
	More    int
}

func (e *AmbiguousError) Error() string {
	var all []string
	for _, t := range e.Tenants {
		all = append(all, fmt.Sprintf("%s (%s %s)", t.GUID, t.Source, t.Foundation))
	}
	if e.More > 0 {
		all = append(all, fmt.Sprintf("%d more", e.More))
	}
	return fmt.Sprintf("several tenants are called %q: give the guid of one: %s", e.Name, strings.Join(all, ", "))
}

// UnknownError reports a name of no tenant.
type UnknownError struct {
	Name string
	Near []string // similar names, the nearest first
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("no tenant is called %q", e.Name)
	if len(e.Near) > 0 {
		text += ": did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return text
}

// Tenant is the guid of the tenant with a name, in one foundation or, where that is empty, in all:
// foundations may have the same tenant. A present owner of the name goes before former ones.
// Errors: *AmbiguousError, *UnknownError.
func (d *Directory) Tenant(name, foundation string) (guid string, err error) {
	found, gone, others := map[string]Tenant{}, map[string]Tenant{}, map[string]bool{}
	d.each(func(k Key, h held) {
		switch {
		case k.Space != "" || foundation != "" && k.Foundation != foundation:
		case h.name != name:
			others[h.name] = true
		case h.gone:
			gone[k.GUID] = k.Tenant
		default:
			found[k.GUID] = k.Tenant
		}
	})
	if len(found) == 0 {
		found = gone
	}
	all := slices.Sorted(maps.Keys(found))
	switch len(all) {
	case 0:
		return "", &UnknownError{name, metered.Near(name, others)}
	case 1:
		return all[0], nil
	}
	e := &AmbiguousError{Name: name, More: max(len(all)-maxCandidates, 0)}
	for _, guid := range all[:len(all)-e.More] {
		e.Tenants = append(e.Tenants, found[guid])
	}
	return "", e
}

// each gives every name, in no order.
func (d *Directory) each(yield func(k Key, h held)) {
	if d == nil {
		return
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for k, h := range d.names {
		if !d.erasures.Has(k.Tenant) {
			yield(k, h)
		}
	}
}
