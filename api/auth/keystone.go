package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// ErrMayNotValidate: Keystone gives the API no answers about tokens.
var ErrMayNotValidate = errors.New("the API's own user may not validate tokens: grant it the role that Keystone's " +
	"policy asks for (identity:validate_token)")

// maxKeystoneToken is the longest token of Keystone, in bytes. Fernet's have some 250.
const maxKeystoneToken = 8 << 10

// keystone asks a Keystone about tokens.
type keystone struct {
	settings   Keystone // complete
	base       string
	client     *http.Client
	everywhere bool
	now        func() time.Time
	verdicts   *lookup[verdict]

	// mu guards own, and is held while a token is asked for: Keystone gets one login at a time.
	mu  sync.Mutex
	own string
}

func newKeystone(cfg *Config, now func() time.Time) (*keystone, error) {
	k := cfg.Keystone
	client, err := newClient(cfapi.Config{Foundation: "Keystone", CAFile: k.CAFile, SkipTLS: k.SkipTLS})
	if err != nil {
		return nil, err
	}
	return &keystone{
		settings: *k, base: cfapi.Address(k.URL) + "/v3/auth/tokens", client: client,
		everywhere: k.Everywhere || cfg.issuers() == 1, now: now, verdicts: newLookup[verdict](now),
	}, nil
}

// verdict is an answer of Keystone: an access, or why there is none.
type verdict struct {
	access Access
	err    error
}

// granted is what Keystone says about a token. Source: Keystone's API reference, "Validate and show
// information for token".
type granted struct {
	User    named     `json:"user"`
	Project *named    `json:"project"`
	System  *system   `json:"system"`
	Roles   []named   `json:"roles"`
	Audits  []string  `json:"audit_ids"`
	Expires time.Time `json:"expires_at"`
	// IsDomain marks a domain that acts as a project.
	IsDomain   bool `json:"is_domain"`
	Credential struct {
		Rules []rule `json:"access_rules"` // nil for no limits
	} `json:"application_credential"`
}

type rule struct {
	Service string `json:"service"` // its type
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type system struct {
	All bool `json:"all"`
}

// byKeystone asks about a token, by its digest: a token is kept nowhere.
func (a *Authenticator) byKeystone(ctx context.Context, token string) (Access, error) {
	switch {
	case a.keystone == nil:
		return Access{}, invalid("Keystone's tokens are not accepted here")
	case token == "" || len(token) > maxKeystoneToken:
		return Access{}, invalid("it is no token of Keystone")
	}
	digest := sha256.Sum256([]byte(token))
	v, err := a.keystone.verdicts.get(ctx, string(digest[:]), func(ctx context.Context) (answer[verdict], error) {
		return a.keystone.ask(ctx, token)
	})
	if err != nil {
		return Access{}, err
	}
	return v.access, v.err
}

// ask validates a token.
func (k *keystone) ask(ctx context.Context, token string) (answer[verdict], error) {
	asked := k.now()
	status, body, err := k.validate(ctx, token)
	var in struct {
		Token granted `json:"token"`
	}
	switch {
	case err != nil:
		return answer[verdict]{}, err
	case status == http.StatusForbidden:
		return answer[verdict]{}, ErrMayNotValidate
	case status == http.StatusOK:
		if err := json.Unmarshal(body, &in); err != nil {
			return answer[verdict]{}, fmt.Errorf("GET %s: %w", k.base, err)
		}
	case status != http.StatusNotFound:
		return answer[verdict]{}, fmt.Errorf("GET %s: status %d", k.base, status)
	}
	t := &in.Token
	v := verdict{err: invalid("Keystone does not know it, or it has expired")}
	if asked.Before(t.Expires) && t.User.ID != "" {
		v.access, v.err = k.access(t)
	}
	until := asked.Add(remember)
	if v.err != nil {
		until = asked.Add(rememberNothing)
	} else if t.Expires.Before(until) {
		until = t.Expires
	}
	return answer[verdict]{v, until}, nil
}

// access is what the holder of a valid token may see.
func (k *keystone) access(t *granted) (Access, error) {
	global, err := k.judge(t)
	if err != nil {
		return Access{}, err
	}
	a := Access{Kind: KindKeystone, Subject: t.User.ID, Name: t.User.Name, Expires: t.Expires.UTC()}
	if len(t.Audits) > 0 {
		a.TokenID = t.Audits[0]
	}
	switch {
	case global != 0 && k.everywhere:
		a.All = global
	case global != 0:
		a.grant(over(k.settings.Foundations, global))
	default:
		for _, f := range k.settings.Foundations {
			a.grant(map[events.Owner]Rights{{Foundation: f, Tenant: t.Project.ID}: Read})
		}
	}
	return a, nil
}

// judge returns an operator's rights over everything, 0 for the token of a project that may read
// its own usage and money, and ErrForbidden for any other token. A project's admin is no operator.
func (k *keystone) judge(t *granted) (global Rights, err error) {
	ours := func(r rule) bool { return r.Service == k.settings.ServiceType }
	has := func(roles ...string) bool {
		return slices.ContainsFunc(t.Roles, func(r named) bool { return slices.Contains(roles, r.Name) })
	}
	system := t.System != nil && t.System.All
	switch rules := t.Credential.Rules; {
	case rules != nil && !slices.ContainsFunc(rules, ours):
		return 0, fmt.Errorf("%w: no access rule of the application credential names the service %s", ErrForbidden,
			k.settings.ServiceType)
	case system && has("admin"):
		return Operate, nil
	case system && has("reader"):
		return Read, nil
	case t.IsDomain || t.Project == nil || t.Project.ID == "":
		return 0, fmt.Errorf("%w: the token is not of a project", ErrForbidden)
	case t.Project.ID == k.settings.OperatorProject && has(k.settings.OperatorRole):
		return Operate, nil
	case !has(k.settings.Roles...):
		return 0, fmt.Errorf("%w: the token has none of the roles that may read a project's usage", ErrForbidden)
	}
	return 0, nil
}

// validate asks Keystone about a token, and once more with a new token of its own where it refuses
// the old one.
func (k *keystone) validate(ctx context.Context, token string) (status int, body []byte, err error) {
	refused := ""
	for {
		own, err := k.ownToken(ctx, refused)
		if err != nil {
			return 0, nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.base+"?nocatalog", nil)
		if err != nil {
			return 0, nil, err
		}
		r.Header.Set("X-Auth-Token", own)
		r.Header.Set("X-Subject-Token", token)
		status, _, body, err = fetch(k.client, r)
		if err != nil || status != http.StatusUnauthorized || refused != "" {
			return status, body, err
		}
		refused = own
	}
}

// ownToken is the API's own token. A refused one is not returned again.
func (k *keystone) ownToken(ctx context.Context, refused string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own != "" && k.own != refused {
		return k.own, nil
	}
	k.own = ""
	text, err := json.Marshal(k.settings.login())
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.base, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	status, header, _, err := fetch(k.client, r)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusUnauthorized:
		return "", fmt.Errorf("%w: Keystone refuses the API's own credentials", ErrMayNotValidate)
	case status != http.StatusCreated || header.Get("X-Subject-Token") == "":
		return "", fmt.Errorf("POST %s: status %d, and no token", k.base, status)
	}
	k.own = header.Get("X-Subject-Token")
	return k.own, nil
}

type object = map[string]any

// login is the body of a request for the own token.
func (k *Keystone) login() object {
	if k.CredentialID != "" {
		return object{"auth": object{"identity": object{
			"methods":                []string{"application_credential"},
			"application_credential": object{"id": k.CredentialID, "secret": k.Secret.Value},
		}}}
	}
	return object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": k.Username, "password": k.Secret.Value, "domain": object{"name": k.UserDomain},
		}}},
		"scope": object{"project": object{"name": k.Project, "domain": object{"name": k.ProjectDomain}}},
	}}
}
