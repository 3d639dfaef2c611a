package cf

import (
	"context"
	"net/url"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// pack is the buildpack of a droplet: the last of several, as usage events have it. Source:
// cloud_controller_ng, app/models/runtime/droplet_model.rb, set_buildpack_receipt.
type pack struct {
	name, stack string
	staged      time.Time
	guid        string // of the foundation's buildpack; empty for a custom one
}

// of is the buildpack of an app's processes, as the next usage event names it: by the app's first
// custom URL where there is one, with the guid of the droplet's.
func (p pack) of(a *app) (name, guid string) {
	switch {
	case a.droplet == "" || p.staged.IsZero():
		return "", ""
	case a.custom != "":
		return a.custom, p.guid
	}
	return p.name, p.guid
}

// takeDroplets finds the buildpacks of the apps' current droplets. There is no list of current ones
// alone: all staged ones are listed.
func (s *survey) takeDroplets(ctx context.Context) error {
	s.packs = map[string]pack{}
	wanted := map[string]bool{}
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil && a.started && a.droplet != "" {
			wanted[a.droplet] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	offered, err := buildpacks(ctx, s.errand)
	if err != nil {
		return err
	}
	states := url.Values{"states": {"STAGED"}}
	_, err = s.errand.List(ctx, "droplets", states, ignore, func(r cfapi.Row) error {
		if !wanted[r.GUID] {
			return nil
		}
		p, err := readPack(r.Raw, offered)
		s.packs[r.GUID] = p
		return err
	})
	return err
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
func readPack(raw []byte, offered map[[2]string]offer) (p pack, err error) {
	err = read(raw, "droplet", func(r *rowReader, v jsondoc.Value) {
		p.staged, _ = r.times(v)
		p.stack = r.Text(v, "", "stack")
		last := ""
		v.Get("buildpacks").Each(func(_ []byte, b jsondoc.Value) { last = b.Get("name").Text() })
		p.name = redact.Value(last)
		for _, stack := range []string{p.stack, ""} {
			if of, is := offered[[2]string{last, stack}]; is && !of.created.After(p.staged) {
				p.guid = of.guid
				return
			}
		}
	})
	return p, err
}
