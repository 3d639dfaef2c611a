package cc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// key signs the tokens of all specs: making one takes longer than they do.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	return k
})

var start = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// lively is a small and busy world: some 200 events a day.
func lively(seed uint64) sim.Config {
	return sim.Config{Seed: seed, Orgs: 3, Spaces: 6, Apps: 20, Services: 8, Instances: 1, Start: start, Events: 6000}
}

// quiet is a world without events of its own.
func quiet() sim.Config {
	return sim.Config{
		Seed: 1, Orgs: 2, Spaces: 2, Apps: 1, Services: 1, Instances: 1, Start: start,
		End: start.AddDate(50, 0, 0), Events: 1,
	}
}

// clock is a real time at a standstill, moved by the tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

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

// caller talks to a foundation over HTTP.
type caller struct {
	*cc.Foundation
	server *httptest.Server
	token  string
	clock  *clock
}

// found starts a foundation; knobs are turned before it starts.
func found(world sim.Config, turn ...func(*cc.Knobs)) *caller {
	GinkgoHelper()
	knobs := cc.StandardKnobs()
	for _, t := range turn {
		t(&knobs)
	}
	c := &caller{clock: &clock{t: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}}
	f, err := cc.New(cc.Config{World: world, Knobs: &knobs, Key: key(), Clock: c.clock.now})
	Expect(err).NotTo(HaveOccurred())
	c.Foundation = f
	c.server = httptest.NewServer(f)
	DeferCleanup(c.server.Close)
	return c
}

// as signs in by client credentials.
func (c *caller) as(id string) *caller {
	GinkgoHelper()
	other := *c
	other.token = c.ask(id, id+"-secret", url.Values{"grant_type": {"client_credentials"}}).AccessToken
	return &other
}

// user signs in by password.
func (c *caller) user(name string) *caller {
	GinkgoHelper()
	other := *c
	other.token = c.ask("cf", "", url.Values{
		"grant_type": {"password"}, "username": {name},
		"password": {"password"},
	}).AccessToken
	return &other
}

type granted struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string
	Error        string
	Status       int `json:"-"`
}

func (c *caller) ask(id, secret string, form url.Values) (g granted) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.server.URL+"/oauth/token",
		strings.NewReader(form.Encode()))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(id, secret)
	r := c.do(request)
	Expect(json.Unmarshal(r.body, &g)).To(Succeed(), string(r.body))
	g.Status = r.status
	return g
}

type response struct {
	status int
	header http.Header
	body   []byte
	err    error // reading the body
}

func (c *caller) do(request *http.Request) response {
	GinkgoHelper()
	r, err := c.server.Client().Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return response{r.StatusCode, r.Header, body, err}
}

func (c *caller) request(method, path, body string) response {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(context.Background(), method, c.server.URL+path, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	if c.token != "" {
		request.Header.Set("Authorization", "bearer "+c.token)
	}
	return c.do(request)
}

func (c *caller) get(path string) response {
	GinkgoHelper()
	return c.request(http.MethodGet, path, "")
}

func (c *caller) post(path, body string) response {
	GinkgoHelper()
	return c.request(http.MethodPost, path, body)
}

// page is a list as the API shows it.
type page struct {
	Pagination struct {
		Total    int `json:"total_results"`
		Pages    int `json:"total_pages"`
		First    struct{ Href string }
		Last     struct{ Href string }
		Next     *struct{ Href string }
		Previous *struct{ Href string }
	}
	Resources []resource
	Included  map[string][]resource
}

type resource struct {
	GUID, Name, Type string
	Created          time.Time `json:"created_at"`
	State            any
	Process, Task    struct{ GUID, Type *string }
	Instance         struct{ GUID, Type string } `json:"service_instance"`
	Count            struct{ Current int }       `json:"instance_count"`
	Links            map[string]struct{ Href string }
	Instances        int
	Lifecycle        struct{ Type string }
	Relationships    map[string]struct{ Data *struct{ GUID string } }
}

// state is the current state in either list.
func (r *resource) state() string {
	if both, ok := r.State.(map[string]any); ok {
		return both["current"].(string)
	}
	return r.State.(string)
}

func (c *caller) list(path string) (p page) {
	GinkgoHelper()
	r := c.get(path)
	Expect(r.err).NotTo(HaveOccurred())
	Expect(r.status).To(Equal(http.StatusOK), string(r.body))
	Expect(json.Unmarshal(r.body, &p)).To(Succeed(), string(r.body))
	return p
}

func guids(resources []resource) []string {
	all := []string{}
	for i := range resources {
		all = append(all, resources[i].GUID)
	}
	return all
}

func states(resources []resource) []string {
	all := []string{}
	for i := range resources {
		all = append(all, resources[i].state())
	}
	return all
}

// fault is an error of Cloud Controller.
type fault struct {
	Status        int
	Code          int
	Title, Detail string
}

func (r *response) fault() fault {
	GinkgoHelper()
	var body struct{ Errors []fault }
	Expect(json.Unmarshal(r.body, &body)).To(Succeed(), string(r.body))
	Expect(body.Errors).To(HaveLen(1))
	body.Errors[0].Status = r.status
	return body.Errors[0]
}

// tell turns knobs as an operator does.
func (c *caller) tell(knobs string) {
	GinkgoHelper()
	r := c.post("/_sim/knobs", knobs)
	Expect(r.status).To(Equal(http.StatusOK), string(r.body))
}

// direct talks to a foundation without a network, for the many requests of a property.
type direct struct {
	f     *cc.Foundation
	token string
}

func (d *direct) signIn() {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"daybook"},
		"client_secret": {"daybook-secret"},
	}
	request := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.f.ServeHTTP(w, request)
	var g granted
	Expect(json.Unmarshal(w.Body.Bytes(), &g)).To(Succeed())
	d.token = g.AccessToken
}

func (d *direct) list(t *rapid.T, path string, per, number int) (p page) {
	request := httptest.NewRequest(http.MethodGet, fmt.Sprintf("%sper_page=%d&page=%d", path, per, number), http.NoBody)
	request.Header.Set("Authorization", "Bearer "+d.token)
	w := httptest.NewRecorder()
	d.f.ServeHTTP(w, request)
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
