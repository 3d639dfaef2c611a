package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/names"
)

// Limits of a Keystone's answers.
const (
	keystoneTime  = 30 * time.Second
	maxAnswer     = 16 << 20 // bytes
	maxPages      = 1000
	maxAnswerText = 200 // bytes of it in an error
)

// Keystone says how projects are asked for: by an application credential, or by a user with a role
// in the system, such as reader.
type Keystone struct {
	URL          string // http://keystone.example.org:5000, without /v3
	CredentialID string
	User         string
	UserDomain   string // by name
	Secret       string // of the application credential or the user
	CAFile       string // PEM, instead of the system's
}

// keystone looks at projects.
type keystone struct {
	Keystone
	settings Config
	deps     Deps
	client   *http.Client
}

// NewKeystone makes the directory of the projects of a Trove foundation. It reads the CA file, and
// does no other I/O.
func NewKeystone(k Keystone, cfg Config, deps Deps) (*Directory, error) {
	cfg, deps, err := complete(cfg, deps)
	if err != nil {
		return nil, err
	}
	if k.URL = cfapi.Address(strings.TrimSuffix(strings.TrimRight(k.URL, "/"), "/v3")); k.URL == "" {
		return nil, errors.New("the address of Keystone is wrong: give one such as https://keystone.example.org:5000")
	}
	if (k.CredentialID == "") == (k.User == "") || k.Secret == "" {
		return nil, errors.New("Keystone asks for credentials: give an application credential with its secret, or a " +
			"user with the password")
	}
	transport, err := (&cfapi.Config{Foundation: cfg.Foundation, CAFile: k.CAFile, Timeout: keystoneTime}).Transport()
	if err != nil {
		return nil, err
	}
	x := &keystone{Keystone: k, settings: cfg, deps: deps, client: &http.Client{
		Transport: transport, Timeout: keystoneTime,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return &Directory{
		settings: cfg, deps: deps, look: x.look, close: x.client.CloseIdleConnections,
		clean: func(text string) string { return strings.ReplaceAll(text, k.Secret, "***") },
	}, nil
}

// look looks at all projects, with a token of its own. Source: Keystone's API reference, "List
// projects".
func (k *keystone) look(ctx context.Context) error {
	login, err := json.Marshal(k.login())
	if err != nil {
		return err
	}
	_, header, err := k.ask(ctx, http.MethodPost, k.URL+"/v3/auth/tokens", "", login)
	if err != nil {
		return err
	}
	token, seen := header.Get("X-Subject-Token"), map[names.Key]names.Observation{}
	at := k.deps.Now()
	for page, n := k.URL+"/v3/projects", 0; page != ""; n++ {
		if n == maxPages {
			return fmt.Errorf("GET %s: the list has more than %d pages", page, maxPages)
		}
		body, _, err := k.ask(ctx, http.MethodGet, page, token, nil)
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
			of := names.Tenant{Source: events.SourceTrove, Foundation: k.settings.Foundation, GUID: p.ID}
			seen[names.Key{Tenant: of}] = names.Observation{Name: p.Name, Seen: at}
		}
		if page, err = k.next(in.Links.Next); err != nil {
			return err
		}
	}
	_, err = names.Record(ctx, k.deps.Bus, events.SourceTrove, k.settings.Foundation, seen, true)
	return err
}

// next is the address of the next page, by this Keystone's own address; empty for none.
func (k *keystone) next(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("the next page of projects: %w", err)
	}
	return k.URL + "/v3/projects?" + u.RawQuery, nil
}

// ask sends a request and reads the whole answer.
func (k *keystone) ask(ctx context.Context, method, address, token string, body []byte) (
	answer []byte, header http.Header, err error,
) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it matters
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s %s: %w", method, address, err)
	case len(answer) > maxAnswer:
		return nil, nil, fmt.Errorf("%s %s: the answer has more than %d bytes", method, address, maxAnswer)
	case resp.StatusCode == http.StatusForbidden:
		return nil, nil, fmt.Errorf("%s %s: the user may not: grant it the role that Keystone's policy asks for "+
			"(identity:list_projects)", method, address)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, nil, fmt.Errorf("%s %s: status %d: %s", method, address, resp.StatusCode,
			answer[:min(len(answer), maxAnswerText)])
	}
	return answer, resp.Header, nil
}

type object = map[string]any

// login is the body of a request for a token.
func (k *keystone) login() object {
	if k.CredentialID != "" {
		return object{"auth": object{"identity": object{
			"methods":                []string{"application_credential"},
			"application_credential": object{"id": k.CredentialID, "secret": k.Secret},
		}}}
	}
	return object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": k.User, "password": k.Secret, "domain": object{"name": k.UserDomain},
		}}},
		"scope": object{"system": object{"all": true}},
	}}
}
