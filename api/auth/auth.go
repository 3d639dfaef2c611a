package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// maxToken is the longest token, in bytes.
const maxToken = 16 << 10

// Authenticator verifies the tokens of requests. It is safe for concurrent use.
type Authenticator struct {
	settings Config
	now      func() time.Time
	uaas     []*uaa
	keystone *keystone   // nil for none
	static   *staticFile // nil for none
	accounts *accounts
}

// New makes an Authenticator. It reads files of certificates and static tokens, and does no other
// I/O: what cannot be reached later is an ErrUnavailable then.
func New(cfg Config, deps Deps) (*Authenticator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	a := &Authenticator{settings: cfg, now: deps.Now}
	for i := range cfg.UAAs {
		u, err := newUAA(&cfg, cfg.UAAs[i], deps)
		if err != nil {
			return nil, err
		}
		a.uaas = append(a.uaas, u)
	}
	if cfg.Keystone != nil {
		k, err := newKeystone(&cfg, deps.Now)
		if err != nil {
			return nil, err
		}
		a.keystone = k
	}
	if cfg.TokensFile != "" {
		a.static = &staticFile{path: cfg.TokensFile, now: deps.Now}
		if _, err := a.static.tokens(); err != nil {
			return nil, err
		}
	}
	accounts := cfg.Accounts
	if cfg.Guest != nil {
		accounts = append(slices.Clone(accounts), *cfg.Guest)
	}
	var err error
	a.accounts, err = newAccounts(accounts)
	return a, err
}

func newUAA(cfg *Config, settings UAA, deps Deps) (*uaa, error) {
	algorithms, err := settings.algorithms()
	if err != nil {
		return nil, err
	}
	client, err := newClient(settings.Foundations[0].client())
	if err != nil {
		return nil, err
	}
	u := &uaa{
		settings: settings, leeway: cfg.Leeway, everywhere: settings.Everywhere || cfg.issuers() == 1,
		auditors: Usage, roles: newLookup[map[events.Owner]Rights](deps.Now), now: deps.Now,
	}
	if cfg.AuditorsSeeMoney {
		u.auditors = Read
	}
	u.keys = &keys{
		client: client, address: u.address, issuer: settings.Issuer, algorithms: algorithms, maxAge: cfg.MaxAge,
		now: deps.Now, failure: errNotAsked,
	}
	for _, f := range settings.Foundations {
		if f.API == "" {
			continue
		}
		c, err := cfapi.New(f.client(), cfapi.Deps{Log: deps.Log})
		if err != nil {
			return nil, err
		}
		u.api = append(u.api, &foundation{name: f.Name, client: c})
	}
	return u, nil
}

// Open reports whether the API is open: nothing is configured, and it listens on loopback.
func (a *Authenticator) Open() bool { return a.settings.open() }

// Check makes sure that every issuer answers, and that the API's own credentials suffice. The error
// wraps cfapi.ErrRefused, cfapi.ErrNoGlobalRead or ErrMayNotValidate where an operator has to act.
func (a *Authenticator) Check(ctx context.Context) error {
	var problems []error
	for _, u := range a.uaas {
		if _, err := u.keys.issued(ctx); err != nil {
			problems = append(problems, err)
		}
		for _, f := range u.api {
			f.client.Reset()
			if err := f.readsAll(ctx, a.now()); err != nil {
				problems = append(problems, fmt.Errorf("foundation %s: %w", f.name, err))
			}
		}
	}
	if a.keystone != nil {
		_, err := a.keystone.ownToken(ctx, "")
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// Authenticate finds out who sends a request, by its headers alone. The errors are those of the
// package.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request) (Access, error) {
	if a.Open() {
		return openAccess(r)
	}
	bearers, subjects := r.Header.Values("Authorization"), r.Header.Values("X-Auth-Token")
	switch {
	case len(bearers)+len(subjects) > 1:
		return Access{}, ErrBadRequest
	case len(subjects) == 1:
		return a.byKeystone(ctx, subjects[0])
	case len(bearers) == 0:
		return Access{}, ErrNoToken
	}
	scheme, token, _ := strings.Cut(bearers[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return Access{}, invalid("it is no bearer token")
	case len(token) > maxToken:
		return Access{}, invalid("it is too long")
	case strings.HasPrefix(token, staticPrefix):
		return a.byStatic(token)
	}
	return a.byUAA(ctx, token)
}

// openAccess is everybody's on this machine. A page of another site in its browser is kept out: it
// could reach the API by a name of its own (Host), or by a script (Origin).
func openAccess(r *http.Request) (Access, error) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !loopback(strings.Trim(host, "[]")) {
		return Access{}, fmt.Errorf("%w: an open API answers to localhost and loopback addresses only", ErrForbidden)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return Access{}, fmt.Errorf("%w: an open API does not answer to pages of another origin", ErrForbidden)
		}
	}
	return Access{Kind: KindOpen, All: Read}, nil
}

// loopback reports whether a host, without its port, is on this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
