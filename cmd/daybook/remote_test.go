package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/pricer/bundle"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// remote runs a command line against an API.
func remote(url string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(append(args, "--api", url), strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// called names a tenant of the demo.
func (s *site) called(ctx context.Context, name string) {
	GinkgoHelper()
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	key := names.Key{Tenant: names.Tenant{Source: "cf", Foundation: "demo", GUID: demo.Retail}}
	_, err := names.Record(ctx, s.bus, "cf", "demo", map[names.Key]names.Observation{
		key: {Name: name, Born: at, Seen: at},
	}, true)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("A command that reads from an API", Ordered, ContinueOnFailure, func() {
	var s *site
	var a *asked
	var url string
	var known *strings.Replacer // of words in the table
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		s.called(ctx, "retail")
		plan := keptPlan()
		Expect(plans.Keep(ctx, s.bus, plan)).To(Succeed())
		a = s.ask(ctx)
		server := httptest.NewServer(a.handler)
		DeferCleanup(server.Close)
		url = server.URL
		var page answers.Charges
		a.get(&page, "charges", "tenant", demo.Retail, "limit", "1")
		var charge answers.Explanation
		a.get(&charge, "charges/"+page.Charges[0].ID)
		issued := s.statements(ctx)[0]
		var version answers.Version
		a.get(&version, "catalogues/current")
		file := filepath.Join(GinkgoT().TempDir(), "rates.yaml")
		dearer := bytes.Replace(demo.Catalogue(), []byte("0.000"), []byte("0.001"), 1)
		Expect(dearer).NotTo(Equal(demo.Catalogue()))
		Expect(os.WriteFile(file, dearer, 0o600)).To(Succeed())
		known = strings.NewReplacer("RETAIL", demo.Retail, "CHARGE", charge.Charge.ID, "RESOURCE",
			charge.Charge.Resource, "NAME", charge.Charge.Name, "FACT", fmt.Sprint(charge.Facts[0].Usage),
			"BUYER", issued.Tenant, "SETTLED", issued.Month, "NUMBER", fmt.Sprint(issued.Number), "VERSION",
			version.Version, "FILE", file)
	})
	BeforeEach(func() { a.asker = everything() })

	// same compares what a command prints with and without the API.
	same := func(line string) {
		GinkgoHelper()
		args := strings.Fields(line)
		for i := range args {
			args[i] = known.Replace(args[i])
		}
		wantStatus, wantOut, wantErr := s.daybook(args...)
		status, out, problem := remote(url, args...)
		Expect(out).To(Equal(wantOut), problem)
		Expect(problem).To(Equal(wantErr))
		Expect(status).To(Equal(wantStatus))
	}
	DescribeTable("prints what it prints from the streams", func(r remoteRead) {
		if len(r.formats) == 0 {
			same(r.line)
		}
		for _, format := range r.formats {
			same(r.line + " --format " + format)
		}
	}, remoteEntries())
	It("prints the text of a catalogue, and the state of collectors", func() {
		same("catalogue show")
		// the times that have passed since differ
		ago := func(text string) string {
			var lines []string
			for line := range strings.Lines(text) {
				if !strings.Contains(line, " ago)") {
					lines = append(lines, line)
				}
			}
			return strings.Join(lines, "")
		}
		_, want, _ := s.daybook("status")
		_, got, _ := remote(url, "status")
		Expect(ago(got)).To(Equal(ago(want)))
	})
	It("prints of a tenant's token what is the tenant's", func() {
		a.asker = auth.Access{Tenants: map[events.Owner]auth.Rights{
			{Foundation: "demo", Tenant: demo.Retail}: auth.Read,
		}}
		_, want, _ := s.daybook("bill", "--tenant", demo.Retail, "--format", "csv")
		status, got, problem := remote(url, "bill", "--format", "csv")
		Expect(status).To(BeZero(), problem)
		Expect(got).To(Equal(want))
		_, got, _ = remote(url, "running", "--format", "json")
		_, want, _ = s.daybook("running", "--tenant", demo.Retail, "--format", "json")
		Expect(got).To(Equal(want))
		status, _, problem = remote(url, "bill", "--tenant", demo.Logistics)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("404"))
		_, got, _ = remote(url, "status")
		Expect(got).To(ContainSubstring("METERED THROUGH"))
		_, got, _ = remote(url, "month", "list")
		Expect(got).NotTo(ContainSubstring("GBP"))
	})
	It("writes a bundle, byte for byte the same, and says where it is not signed", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		in := func(name string) string { return filepath.Join(dir, name) }
		issued := s.statements(ctx)[0]
		args := []string{"statement", "export", "--tenant", issued.Tenant, "--month", issued.Month}
		s.ran(append(args, "--bundle", in("streams"))...)
		status, out, problem := remote(url, append(args, "--bundle", in("api"))...)
		Expect(status).To(BeZero(), problem)
		Expect(out).To(BeEmpty())
		Expect(problem).To(HavePrefix("unsigned: "))
		bytesOf := func(name string) []byte {
			GinkgoHelper()
			text, err := os.ReadFile(in(name))
			Expect(err).NotTo(HaveOccurred())
			return text
		}
		Expect(bytesOf("api")).To(Equal(bytesOf("streams")))

		alone := func(args ...string) string {
			GinkgoHelper()
			var out, errs bytes.Buffer
			Expect(run(args, strings.NewReader(""), &out, &errs)).To(BeZero(), errs.String())
			return out.String()
		}
		alone("keys", "generate", "--signing-key", in("key"))
		args = append(args, "--signing-key", in("key"))
		key, err := bundle.ParsePrivate(bytesOf("key"))
		Expect(err).NotTo(HaveOccurred())
		signing := httptest.NewServer(s.ask(ctx, func(d *api.Deps) { d.SigningKey = key }).handler)
		DeferCleanup(signing.Close)
		s.ran(append(args, "--bundle", in("streams"))...)
		status, out, problem = remote(signing.URL, append(args, "--bundle", in("api"))...)
		Expect([]any{status, out, problem}).To(Equal([]any{0, "", ""}))
		Expect(bytesOf("api")).To(Equal(bytesOf("streams")))
		Expect(alone("statement", "verify", in("api"))).To(ContainSubstring("right"))

		status, _, _ = remote(url, "statement", "export", "--tenant", issued.Tenant, "--month", "2020-01", "--bundle",
			in("none"))
		Expect(status).To(Equal(1))
		Expect(in("none")).NotTo(BeAnExistingFile())
	})
	It("sends its token to no other host", func() {
		var seen []string
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Authorization"))
		}))
		DeferCleanup(other.Close)
		moved := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
		DeferCleanup(moved.Close)
		file := filepath.Join(GinkgoT().TempDir(), "token")
		Expect(os.WriteFile(file, []byte("t0\n"), 0o600)).To(Succeed())
		status, _, problem := remote(moved.URL, "bill", "--token-file", file)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("sends on to " + other.URL))
		Expect(seen).To(BeEmpty())
	})
})
