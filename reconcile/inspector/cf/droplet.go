package cf

import (
	"context"
	"net/url"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// Pack is the buildpack of a droplet: the last of several, as usage events have it. Source:
// cloud_controller_ng, app/models/runtime/droplet_model.rb, set_buildpack_receipt.
type Pack struct {
	Name string
	GUID string // of the foundation's buildpack; empty for a custom one
}

// of is the buildpack of an app's processes, as the next usage event names it: by the app's first
// custom URL where there is one, with the guid of the droplet's.
func (p Pack) of(a *app) (name, guid string) {
	if a.custom != "" {
		return a.custom, p.GUID
	}
	return p.Name, p.GUID
}

// Packs are the buildpacks of staged droplets, by the droplets' guids. A droplet keeps its own.
type Packs map[string]Pack

// Shelf keeps the buildpacks of droplets from one inspection to the next: the list of all droplets
// is long.
type Shelf interface {
	// Take gives the kept ones, and tells whether the droplets are to be listed again. They
	// are listed at once then.
	Take(ctx context.Context) (kept Packs, list bool, err error)
	// Put keeps those of the current droplets, and nothing else.
	Put(ctx context.Context, current Packs) error
}

// NoShelf keeps nothing: each inspection lists the droplets.
type NoShelf struct{}

// Take implements Shelf.
func (NoShelf) Take(context.Context) (Packs, bool, error) { return nil, true, nil }

// Put implements Shelf.
func (NoShelf) Put(context.Context, Packs) error { return nil }

// takeDroplets finds the buildpacks of the apps' current droplets. A buildpack on neither shelf nor
// list stays unknown: its absence proves nothing.
func (s *survey) takeDroplets(ctx context.Context) error {
	kept, list, err := s.ask.Droplets.Take(ctx)
	s.packs = kept
	if err != nil || !list {
		return err
	}
	current := map[string]bool{}
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil && a.started && a.droplet != "" {
			current[a.droplet] = true
		}
	}
	if len(current) == 0 {
		return nil
	}
	listed, err := s.listDroplets(ctx, current)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		s.noPacks = "the buildpacks were not listed, and are looked at the next day: " + err.Error()
		return nil //nolint:nilerr // the note has it, and nothing else depends on it
	}
	for droplet, pack := range kept {
		if _, told := listed[droplet]; !told && current[droplet] { // half a list takes nothing away
			listed[droplet] = pack
		}
	}
	s.packs = listed
	return s.ask.Droplets.Put(ctx, listed)
}

// listDroplets finds the buildpacks of current droplets. There is no list of current ones alone:
// all staged ones are listed.
func (s *survey) listDroplets(ctx context.Context, current map[string]bool) (Packs, error) {
	offered, err := buildpacks(ctx, s.errand)
	if err != nil {
		return nil, err
	}
	listed, states := Packs{}, url.Values{"states": {"STAGED"}}
	_, err = s.errand.List(ctx, "droplets", states, ignore, func(r cfapi.Row) error {
		if !current[r.GUID] {
			return nil
		}
		p, err := readPack(r.Raw, offered)
		listed[r.GUID] = p
		return err
	})
	return listed, err
}

// offer is a buildpack of the foundation.
type offer struct {
	guid    string
	created time.Time
}

// buildpacks lists the foundation's buildpacks, by name and stack.
func buildpacks(ctx context.Context, e *cfapi.Errand) (map[[2]string]offer, error) {
	offered := map[[2]string]offer{}
	_, err := e.List(ctx, "buildpacks", nil, ignore, func(r cfapi.Row) error {
		return read(r.Raw, "buildpack", func(row *rowReader, v jsondoc.Value) {
			offered[[2]string{row.NeedText(v, "", "name"), row.Text(v, "", "stack")}] = offer{r.GUID, r.Created}
		})
	})
	return offered, err
}

// readPack reads the buildpack of a droplet. A buildpack that is younger than the droplet is
// another one of the same name: it gives no guid.
func readPack(raw []byte, offered map[[2]string]offer) (p Pack, err error) {
	err = read(raw, "droplet", func(r *rowReader, v jsondoc.Value) {
		staged, _ := r.times(v)
		last := ""
		v.Get("buildpacks").Each(func(_ []byte, b jsondoc.Value) { last = b.Get("name").Text() })
		p.Name = redact.Value(last)
		for _, stack := range []string{r.Text(v, "", "stack"), ""} {
			if of, is := offered[[2]string{last, stack}]; is && !of.created.After(staged) {
				p.GUID = of.guid
				return
			}
		}
	})
	return p, err
}
