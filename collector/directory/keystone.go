package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/names"
)

// maxPages is the largest number of pages of projects.
const maxPages = 1000

// projects looks at the projects of a Keystone.
type projects struct {
	keystone *keystone.Client
	settings Config
	deps     Deps
}

// NewKeystone makes the directory of the projects of a Trove foundation. It reads the CA file, and
// does no other I/O.
func NewKeystone(k keystone.Config, cfg Config, deps Deps) (*Directory, error) {
	cfg, deps, err := complete(cfg, deps)
	if err != nil {
		return nil, err
	}
	client, err := keystone.New(k, cfg.Foundation)
	if err != nil {
		return nil, err
	}
	x := &projects{keystone: client, settings: cfg, deps: deps}
	return &Directory{settings: cfg, deps: deps, look: x.look, close: client.Close, clean: client.Clean}, nil
}

// look looks at all projects, with a token of its own. Source: Keystone's API reference, "List
// projects".
func (x *projects) look(ctx context.Context) error {
	token, err := x.keystone.Token(ctx)
	if err != nil {
		return err
	}
	seen := map[names.Key]names.Observation{}
	at := x.deps.Now()
	for page, n := x.keystone.URL()+"/v3/projects", 0; page != ""; n++ {
		if n == maxPages {
			return fmt.Errorf("GET %s: the list has more than %d pages", page, maxPages)
		}
		body, _, err := x.keystone.Ask(ctx, http.MethodGet, page, token, nil)
		if err != nil {
			return err
		}
		var in struct {
			Projects []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"projects"`
			Links struct {
				Next string `json:"next"`
			} `json:"links"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return fmt.Errorf("GET %s: %w", page, err)
		}
		for _, p := range in.Projects {
			of := names.Tenant{Source: events.SourceTrove, Foundation: x.settings.Foundation, GUID: p.ID}
			seen[names.Key{Tenant: of}] = names.Observation{Name: p.Name, Seen: at}
		}
		if page, err = x.next(in.Links.Next); err != nil {
			return err
		}
	}
	_, err = names.Record(ctx, x.deps.Bus, events.SourceTrove, x.settings.Foundation, seen, true)
	return err
}

// next is the address of the next page, by this Keystone's own address; empty for none.
func (x *projects) next(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("the next page of projects: %w", err)
	}
	return x.keystone.URL() + "/v3/projects?" + u.RawQuery, nil
}
