package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/sim"
	"github.com/daybook-billing/daybook/internal/sim/cc"
)

// newFoundation is a made-up foundation with ten days of history, behind its address.
func newFoundation() (*cc.Foundation, string) {
	GinkgoHelper()
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	f, err := cc.New(cc.Config{World: sim.Config{Seed: 1, Start: start, Events: 300, Apps: 8}})
	Expect(err).NotTo(HaveOccurred())
	f.Advance(start.Add(10 * 24 * time.Hour))
	server := httptest.NewServer(f)
	DeferCleanup(server.Close)
	return f, server.URL
}

var _ = Describe("collecting from a foundation", func() {
	BeforeEach(func() {
		GinkgoT().Setenv("CF_CLIENT_ID", "daybook")
		GinkgoT().Setenv("CF_CLIENT_SECRET", "daybook-secret")
	})

	It("goes through the whole path with daybook up", func() {
		_, api := newFoundation()
		catalogue := filepath.Join(GinkgoT().TempDir(), "rates.yaml")
		Expect(os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600)).To(Succeed())
		var out, errs bytes.Buffer
		args := []string{"up", "--once", "--cf", api, "--cf-complete", "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0", "--catalogue", catalogue}
		Expect(run(args, strings.NewReader(""), &out, &errs)).To(BeZero(), errs.String())
		Expect(out.String()).To(ContainSubstring("cf cf: metered through 2026-10-10T23:55:00Z"))
		Expect(out.String()).To(ContainSubstring("no gaps"))
		Expect(out.String()).To(ContainSubstring("total"))
	})

	It("shows how it is doing", func(ctx context.Context) {
		f, api := newFoundation()
		s := newSite(ctx)
		status, out, _ := s.daybook("status")
		Expect(status).To(BeZero())
		Expect(out).To(Equal("Nothing has been collected yet.\n"))

		process := collecting(ctx, s, api)
		shown := func() string {
			_, out, _ := s.daybook("status")
			return out
		}
		Eventually(shown).WithTimeout(10 * time.Second).Should(MatchRegexp(`(?s)cf +prod\n  state +collecting\n  horizon +2026-10-10T23:55:00Z\n  lag +5m[0-9]+s\n.*` +
			`app cursor +\S+ of 2026-10-\S+\n  service cursor .*gaps +2\n.*  gap app +the beginning to 2026-10-01T\S+: First collection`))
		status, out, _ = s.daybook("status", "--format", "json", "--foundation", "prod")
		Expect(status).To(BeZero())
		var told struct {
			Horizon string
			Gaps    []struct{ List, To string }
		}
		Expect(json.Unmarshal([]byte(out), &told)).To(Succeed())
		Expect(told.Horizon).To(Equal("2026-10-10T23:55:00Z"))
		Expect(told.Gaps).To(HaveLen(2))

		knobs := f.Knobs()
		knobs.MissingGlobalScope, knobs.UnauthorizedRate = true, 0
		Expect(f.SetKnobs(knobs)).To(Succeed())
		process()
		status, _, errs := s.daybook("collect", "cf", "--api", api, "--cf-name", "prod")
		Expect(status).To(Equal(1))
		Expect(errs).To(ContainSubstring("cloud_controller.global_auditor"))
		Expect(errs).NotTo(ContainSubstring("daybook-secret"))
	})

	DescribeTable("refuses a command line", func(problem string, args ...string) {
		var out, errs bytes.Buffer
		args = append(args, "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0")
		Expect(run(append([]string{"up", "--once"}, args...), strings.NewReader(""), &out, &errs)).To(Equal(1))
		Expect(errs.String()).To(ContainSubstring(problem))
	},
		Entry("with an address that is none", "the address of the API is wrong", "--cf", "example.org"),
		Entry("with an API and a file", "exclude each other", "--cf", "http://127.0.0.1:1", "--foundations", "f.yaml"),
		Entry("with a file that is not there", "cannot read the foundations", "--foundations", "/nowhere/f.yaml"),
	)
})

// collecting runs daybook collect cf until the function that it returns is called.
func collecting(ctx context.Context, s *site, api string) (stop func()) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	command := collectCFCmd{API: api}
	command.NATS, command.Replicas = s.url, 1
	command.LogFormat, command.LogLevel = "text", "error"
	command.Name, command.ClientID, command.ClientSecret = "prod", "daybook", "daybook-secret"
	var out, errs bytes.Buffer
	go func() { done <- command.Run(&env{ctx: ctx, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}) }()
	return func() {
		GinkgoHelper()
		cancel()
		Eventually(done).WithTimeout(10 * time.Second).Should(Receive(BeNil()))
	}
}
