package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// objectDroplets is the object with the buildpacks of droplets.
const objectDroplets = "droplets"

// dropletsEvery is the least time from one list of all droplets to the next.
const dropletsEvery = 24 * time.Hour

// Objects is the part of the bus for a Droplets.
type Objects interface {
	GetObject(ctx context.Context, bucket, name string) ([]byte, error)
	PutObject(ctx context.Context, bucket, name string, data []byte) error
}

// Droplets keeps the buildpacks of droplets of one foundation in the bucket of package plans, with
// the time of their last list. As a cf.Shelf it has them listed once a day at most: the time is
// stored before the list, so that neither a failed list nor a restart has another one made.
type Droplets struct {
	Bus        Objects
	Foundation string
	Now        func() time.Time // default: time.Now
}

// droplets is a shelf as it is stored.
type droplets struct {
	Version int
	Listed  time.Time
	Packs   []packed
}

// packed are droplets with one buildpack.
type packed struct {
	Name, GUID string
	Droplets   []string
}

func (d *Droplets) now() time.Time {
	if d.Now == nil {
		return time.Now().UTC()
	}
	return d.Now().UTC()
}

// Take implements cf.Shelf.
func (d *Droplets) Take(ctx context.Context) (kept cf.Packs, list bool, err error) {
	of, err := d.read(ctx)
	if err != nil {
		return nil, false, err
	}
	kept = cf.Packs{}
	for i := range of.Packs {
		for _, droplet := range of.Packs[i].Droplets {
			kept[droplet] = cf.Pack{Name: of.Packs[i].Name, GUID: of.Packs[i].GUID}
		}
	}
	now := d.now()
	if now.Sub(of.Listed) < dropletsEvery {
		return kept, false, nil
	}
	of.Listed = now
	return kept, true, d.write(ctx, of)
}

// Put implements cf.Shelf.
func (d *Droplets) Put(ctx context.Context, current cf.Packs) error {
	of, err := d.read(ctx)
	if err != nil {
		return err
	}
	by := map[cf.Pack][]string{}
	for droplet, pack := range current {
		by[pack] = append(by[pack], droplet)
	}
	of.Packs = nil
	for pack, all := range by {
		slices.Sort(all)
		of.Packs = append(of.Packs, packed{pack.Name, pack.GUID, all})
	}
	slices.SortFunc(of.Packs, func(a, b packed) int { return strings.Compare(a.Droplets[0], b.Droplets[0]) })
	return d.write(ctx, of)
}

// read reads the shelf; an empty one where there is none. A damaged one is none, and costs a list.
func (d *Droplets) read(ctx context.Context) (*droplets, error) {
	none := &droplets{Version: stateVersion}
	data, err := d.Bus.GetObject(ctx, plans.Bucket, plans.Name(events.SourceCF, d.Foundation, objectDroplets))
	switch {
	case errors.Is(err, bus.ErrNotFound), errors.Is(err, bus.ErrCorrupt):
		return none, nil
	case err != nil:
		return nil, err
	}
	var of droplets
	if plans.Unseal(data, &of) != nil || of.Version != stateVersion {
		return none, nil //nolint:nilerr // as none
	}
	return &of, nil
}

func (d *Droplets) write(ctx context.Context, of *droplets) error {
	data, err := plans.Seal(of)
	if err != nil {
		return err
	}
	return d.Bus.PutObject(ctx, plans.Bucket, plans.Name(events.SourceCF, d.Foundation, objectDroplets), data)
}
