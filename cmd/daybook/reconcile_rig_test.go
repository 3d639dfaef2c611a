package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/reconcile/foreman"
)

// cloud is a made-up foundation with two addresses: a collector's, by which time passes with each
// look at events, and a reconciliation's, which may lie.
type cloud struct {
	*cc.Foundation
	collected, inspected string

	mu     sync.Mutex // guards the lies
	scoped int        // requests that are answered with the scope; below 0 for all
	hollow bool       // the usage summary counts nothing
	nobody string     // a token without the scope
	still  int        // time stands still until the usage summary was asked for so often
}

// newCloud is a foundation of some apps and service instances, an hour old. The same seed gives the
// same guids.
func newCloud(seed uint64, apps, services int) *cloud {
	GinkgoHelper()
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	f, err := cc.New(cc.Config{World: sim.Config{
		Seed: seed, Orgs: 1, Spaces: 1, Apps: 1, Services: 1, Instances: 1, Events: 1, Start: start,
		End: start.AddDate(5, 0, 0),
	}})
	Expect(err).NotTo(HaveOccurred())
	f.Advance(start.Add(time.Hour))
	f.Do(func(p *sim.Platform) {
		space := p.AddSpace(p.AddOrg("", "shop"), "", "prod")
		for i := range apps {
			p.StartApp(p.CreateApp(space, "", fmt.Sprintf("app-%d", i), sim.Buildpack{GUID: "b", Name: "ruby"},
				sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
		}
		for i := range services {
			p.CreateService(space, "", fmt.Sprintf("db-%d", i), p.Plans[0])
		}
	})
	f.Advance(start.Add(2 * time.Hour))
	c := &cloud{Foundation: f, scoped: -1}
	c.collected, c.inspected = c.serve(c.passing), c.serve(c.lying)
	c.nobody = tokenOf(c.collected, "nobody", "nobody-secret")
	return c
}

func (c *cloud) serve(answer http.HandlerFunc) string {
	server := httptest.NewServer(answer)
	DeferCleanup(server.Close)
	return server.URL
}

func (c *cloud) passing(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	still := c.still > 0
	c.mu.Unlock()
	if r.URL.Path == "/v3/app_usage_events" && !still {
		c.Advance(c.Now().Add(2 * foreman.Skew))
	}
	c.ServeHTTP(w, r)
}

func (c *cloud) lying(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	without, hollow := false, c.hollow && r.URL.Path == "/v3/info/usage_summary"
	if r.URL.Path == "/v3/info/usage_summary" {
		c.still = max(c.still-1, 0)
	}
	if r.Header.Get("Authorization") != "" && strings.HasPrefix(r.URL.Path, "/v3/") {
		without = c.scoped == 0
		c.scoped = max(c.scoped-1, min(c.scoped, 0))
	}
	c.mu.Unlock()
	if without {
		r.Header.Set("Authorization", "bearer "+c.nobody)
	}
	if hollow {
		w.Header().Set("Date", c.Now().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"usage_summary":{"started_instances":0,"memory_in_mb":0,"routes":0,`+
			`"service_instances":0,"reserved_ports":0,"domains":0,"per_app_tasks":0,"service_keys":0}}`)
		return
	}
	c.ServeHTTP(w, r)
}

// lie says how the reconciliation's address answers from now on.
func (c *cloud) lie(scoped int, hollow bool, turn func(k *cc.Knobs)) {
	GinkgoHelper()
	c.mu.Lock()
	c.scoped, c.hollow = scoped, hollow
	c.mu.Unlock()
	knobs := c.Knobs()
	turn(&knobs)
	Expect(c.SetKnobs(knobs)).To(Succeed())
}

// honest ends all lies.
func (c *cloud) honest() {
	GinkgoHelper()
	c.lie(-1, false, func(*cc.Knobs) {})
	c.ResetFaults()
}

// lose does something, and loses its events. It returns when the collector has looked since: a
// difference as young as a listing proves nothing.
func (c *cloud) lose(verb func(p *sim.Platform)) {
	GinkgoHelper()
	knobs := c.Knobs()
	was := knobs.LostRate
	knobs.LostRate = 1
	Expect(c.SetKnobs(knobs)).To(Succeed())
	c.Do(verb)
	knobs.LostRate = was
	Expect(c.SetKnobs(knobs)).To(Succeed())
	Eventually(c.Now).Should(BeTemporally(">", c.Now().Add(2*foreman.Skew)))
}

// running are the running apps and service instances, by guid.
func (c *cloud) running() (all []string) {
	c.Do(func(p *sim.Platform) {
		for _, a := range p.Apps {
			if a.Started {
				all = append(all, a.GUID)
			}
		}
		for _, s := range p.Services {
			if s.Plan != nil {
				all = append(all, s.GUID)
			}
		}
	})
	return all
}

// tokenOf is an access token of a client.
func tokenOf(api, client, secret string) string {
	GinkgoHelper()
	form := url.Values{"grant_type": {"client_credentials"}}
	request, err := http.NewRequest(http.MethodPost, api+"/oauth/token", strings.NewReader(form.Encode()))
	Expect(err).NotTo(HaveOccurred())
	request.SetBasicAuth(client, secret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	var given struct {
		Token string `json:"access_token"`
	}
	Expect(json.NewDecoder(response.Body).Decode(&given)).To(Succeed())
	Expect(given.Token).NotTo(BeEmpty())
	return given.Token
}

// reconciled is a site where foundations are collected, metered and reconciled by the real
// commands.
type reconciled struct {
	*site
	clouds map[string]*cloud
	folder string
	plain  []string // flags of all reconciliations
}

// newReconciled collects foundations, and waits until all that runs is metered.
func newReconciled(ctx context.Context, clouds map[string]*cloud) *reconciled {
	GinkgoHelper()
	GinkgoT().Setenv("CF_CLIENT_ID", "daybook")
	GinkgoT().Setenv("CF_CLIENT_SECRET", "daybook-secret")
	r := &reconciled{site: newSite(ctx), clouds: clouds, folder: GinkgoT().TempDir()}
	rules := r.file("rules.yaml", "settle: 1s\n")
	r.plain = []string{
		"--foundations", r.foundations("inspected.yaml", func(c *cloud) string { return c.inspected }), "--rules",
		rules, "--retake", "1ms", "--list-size", "3",
	}
	r.background(ctx, "project")
	schedule := (time.Duration(len(clouds)) * 20 * time.Millisecond).String()
	r.background(ctx, "collect", "cf", "--foundations",
		r.foundations("collected.yaml", func(c *cloud) string { return c.collected }), "--cf-complete",
		"--cf-schedule", schedule, "--cf-min-wait", "0s", "--log-level", "error")
	Eventually(func(g Gomega) {
		for name, c := range clouds {
			g.Expect(r.billed(ctx, name)).To(ConsistOf(c.running()), name)
		}
	}).Should(Succeed())
	return r
}

func (r *reconciled) file(name, text string) string {
	GinkgoHelper()
	path := filepath.Join(r.folder, name)
	Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	return path
}

func (r *reconciled) foundations(file string, address func(*cloud) string) string {
	GinkgoHelper()
	var text strings.Builder
	for name, c := range r.clouds {
		fmt.Fprintf(&text, "- {name: %s, api: '%s', client_id: daybook, client_secret: daybook-secret}\n", name,
			address(c))
	}
	return r.file(file, text.String())
}

// background runs a command until the spec ends, or the returned function is called. The buffer has
// its log.
func (r *reconciled) background(ctx context.Context, args ...string) (log *gbytes.Buffer, stop func()) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	log = gbytes.NewBuffer()
	ended := make(chan int, 1)
	go func() {
		ended <- runIn(ctx, append(args, "--nats", r.url), strings.NewReader(""), io.Discard, log)
	}()
	stopped := false
	stop = func() {
		GinkgoHelper()
		if !stopped {
			stopped = true
			cancel()
			Eventually(ended).Should(Receive(BeZero()), "daybook %s\n%s", strings.Join(args, " "), log.Contents())
		}
	}
	DeferCleanup(stop)
	return log, stop
}

// reconcile reconciles once, and settles.
func (r *reconciled) reconcile(args ...string) (status int, out, errs string) {
	var stdout, stderr bytes.Buffer
	line := append([]string{"reconcile", "--once", "--act", "settle", "--nats", r.url}, r.plain...)
	status = run(append(line, args...), strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// metrics are those of a reconciliation that runs as a service, once they match.
func (r *reconciled) metrics(ctx context.Context, line string) {
	GinkgoHelper()
	args := append([]string{"reconcile", "--act", "settle", "--http", "127.0.0.1:0", "--every", "1h"}, r.plain...)
	log, stop := r.background(ctx, args...)
	defer stop()
	var address string
	Eventually(func() string {
		if found := regexp.MustCompile(`url=(http://[0-9.:]+)`).FindSubmatch(log.Contents()); found != nil {
			address = string(found[1])
		}
		return address
	}).ShouldNot(BeEmpty())
	Eventually(func() string {
		response, err := http.Get(address + "/metrics")
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}).Should(MatchRegexp("(?m)^" + line + "$"))
}

// billed are the resources that METERED bills in a foundation.
func (r *reconciled) billed(ctx context.Context, foundation string) (all []string) {
	GinkgoHelper()
	Expect(metered.Latest(ctx, r.bus, foundation, "", func(m *events.Metered) error {
		for i := range m.Running {
			all = append(all, m.Running[i].Resource)
		}
		return nil
	})).To(Succeed())
	return all
}

// observations are those of a foundation in USAGE, as finding and resource; of all where it is
// empty.
func (r *reconciled) observations(ctx context.Context, foundation string) (all []string) {
	GinkgoHelper()
	Expect(acts.List(ctx, r.bus, events.ActObservation, foundation, func(a *acts.Act) error {
		all = append(all, a.Observation.Finding+" "+a.Observation.Resource)
		return nil
	})).To(Succeed())
	return all
}
