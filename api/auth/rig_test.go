package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// Keys of all specs: making one takes longer than a spec.
var (
	key    = sync.OnceValue(func() identity.Key { return identity.NewKey("key-1") })
	newKey = sync.OnceValue(func() identity.Key { return identity.NewKey("key-2") })
)

// Organizations, and users with a role there.
const (
	shop    = "4e7a1100-0000-4000-8000-000000000001"
	bakery  = "4e7a1100-0000-4000-8000-000000000002"
	manager = "a0000000-0000-4000-8000-000000000001" // of shop
	biller  = "a0000000-0000-4000-8000-000000000002" // of shop and bakery
	auditor = "a0000000-0000-4000-8000-000000000003" // of shop; manager of bakery
	nobody  = "a0000000-0000-4000-8000-000000000004"
)

// Rights over shop, as the specs compare them.
var (
	prodShop   = events.Owner{Foundation: "prod", Tenant: shop}
	prodBakery = events.Owner{Foundation: "prod", Tenant: bakery}
	allOfProd  = events.Owner{Foundation: "prod"}
	devShop    = events.Owner{Foundation: "dev", Tenant: shop}
)

// clock is a time at a standstill, moved by the specs.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// platform is a foundation's Cloud Controller, which counts what it is asked for.
type platform struct {
	*cc.Foundation
	url string

	mu     sync.Mutex
	asked  map[string]int // by path
	broken bool
}

func newPlatform() *platform {
	GinkgoHelper()
	f, err := cc.New(cc.Config{
		World: sim.Config{Seed: 1, Orgs: 1, Spaces: 1, Apps: 1, Services: 1, Instances: 1, Events: 1},
		Key:   key().Private,
		Users: []cc.User{
			{GUID: manager, Name: "m", Manages: []string{shop}},
			{GUID: biller, Name: "b", Bills: []string{shop, bakery}},
			{GUID: auditor, Name: "a", Audits: []string{shop}, Manages: []string{bakery}},
			{GUID: nobody, Name: "n"},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	p := &platform{Foundation: f, asked: map[string]int{}}
	s := httptest.NewServer(p)
	DeferCleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	broken := p.broken
	p.mu.Unlock()
	if broken {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	p.Foundation.ServeHTTP(w, r)
}

// breaks has every answer be a 502, or ends that.
func (p *platform) breaks(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

// lists is how often the list of roles was asked for.
func (p *platform) lists() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked["/v3/roles"]
}

// as is a foundation with the platform's API.
func (p *platform) as(name, client string) auth.Foundation {
	return auth.Foundation{Name: name, API: p.url, ClientID: client, Secret: auth.Secret{Value: client + "-secret"}}
}

// newUAA is a running UAA.
func newUAA(c *clock) *identity.UAA {
	u := identity.NewUAA(key(), c.now)
	s := httptest.NewServer(u)
	DeferCleanup(s.Close)
	u.At(s.URL)
	return u
}

// rig is an Authenticator with one UAA and, on demand, the API of its foundation "prod".
type rig struct {
	*clock
	*identity.UAA
	config auth.Config
	auth   *auth.Authenticator
}

func newRig(change ...func(*auth.Config)) *rig {
	GinkgoHelper()
	r := &rig{clock: newClock()}
	r.UAA = newUAA(r.clock)
	r.config = auth.Config{UAAs: []auth.UAA{{
		Address: addressOf(r.UAA), Foundations: []auth.Foundation{{Name: "prod"}},
	}}}
	for _, c := range change {
		c(&r.config)
	}
	r.start()
	return r
}

func (r *rig) start() {
	GinkgoHelper()
	a, err := auth.New(r.config, auth.Deps{Now: r.now})
	Expect(err).NotTo(HaveOccurred())
	r.auth = a
}

// addressOf is the UAA's address.
func addressOf(u *identity.UAA) string {
	return u.Issuer()[:len(u.Issuer())-len("/oauth/token")]
}

// withAPI gives "prod" the API of a platform.
func withAPI(p *platform) func(*auth.Config) {
	return func(c *auth.Config) { c.UAAs[0].Foundations[0] = p.as("prod", "daybook") }
}

// request has headers given as names and values by turns.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/charges", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func (r *rig) ask(headers ...string) (auth.Access, error) {
	return r.auth.Authenticate(context.Background(), request(headers...))
}

// bearer asks with a bearer token.
func (r *rig) bearer(token string) (auth.Access, error) {
	return r.ask("Authorization", "Bearer "+token)
}

// user asks with a good token of a user.
func (r *rig) user(guid string, scopes ...string) (auth.Access, error) {
	return r.bearer(r.Token(r.User(guid, scopes...)))
}
