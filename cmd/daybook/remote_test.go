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

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/names"
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
	var charge answers.Explanation
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		s.called(ctx, "retail")
		a = s.ask(ctx)
		server := httptest.NewServer(a.handler)
		DeferCleanup(server.Close)
		url = server.URL
		var page answers.Charges
		a.get(&page, "charges", "tenant", demo.Retail, "limit", "1")
		a.get(&charge, "charges/"+page.Charges[0].ID)
	})
	BeforeEach(func() { a.asker = everything() })

	// same compares what a command prints with and without the API.
	same := func(line string) {
		GinkgoHelper()
		line = strings.NewReplacer("RETAIL", demo.Retail, "CHARGE", charge.Charge.ID, "RESOURCE",
			charge.Charge.Resource, "FACT", fmt.Sprint(charge.Facts[0].Usage)).Replace(line)
		args := strings.Fields(line)
		wantStatus, wantOut, wantErr := s.daybook(args...)
		status, out, problem := remote(url, args...)
		Expect(out).To(Equal(wantOut), problem)
		Expect(problem).To(Equal(wantErr))
		Expect(status).To(Equal(wantStatus))
	}
	DescribeTable("prints what it prints from the streams", func(line string, formats ...string) {
		for _, format := range formats {
			same(line + " --format " + format)
		}
	},
		Entry(nil, "bill", "table", "json", "csv"),
		Entry(nil, "bill --exact --month 2026-10 --by resource,day", "table", "json", "csv"),
		Entry(nil, "bill --tenant retail", "table", "json", "csv"),
		Entry(nil, "running", "table", "json"),
		Entry(nil, "running --guids --tenant RETAIL", "table", "json"),
		Entry(nil, "running --foundation demo --tenant retail", "table"),
		Entry(nil, "holds list", "table", "json"),
		Entry(nil, "anomalies list", "table", "json"),
		Entry(nil, "unrated list", "table", "json"),
		Entry(nil, "statement --tenant RETAIL --month 2026-10", "table", "json", "csv"),
		Entry(nil, "statement --tenant RETAIL --month 2026-11 --all", "table", "json", "csv"),
		Entry(nil, "month list", "table", "json"),
		Entry(nil, "catalogue list", "table", "json"),
		Entry(nil, "forecast", "table", "json", "csv"),
		Entry(nil, "forecast --tenant RETAIL --month 2026-12 --by app", "table", "json", "csv"),
		Entry(nil, "explain CHARGE", "table", "json"),
		Entry(nil, "explain RESOURCE --month 2026-10", "table", "json"),
		Entry(nil, "explain nothing", "table"),
		Entry(nil, "explain nothing --month 2026-10", "table"),
		Entry(nil, "trace FACT", "table", "json"),
		Entry(nil, "trace 1", "table", "json"),
		Entry(nil, "trace nothing", "table", "json"),
		Entry(nil, "status", "json"),
	)
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
	It("sends its token to no other host", func() {
		var seen []string
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Authorization"))
		}))
		DeferCleanup(other.Close)
		api := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
		DeferCleanup(api.Close)
		file := filepath.Join(GinkgoT().TempDir(), "token")
		Expect(os.WriteFile(file, []byte("t0\n"), 0o600)).To(Succeed())
		status, _, problem := remote(api.URL, "bill", "--token-file", file)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("sends on to " + other.URL))
		Expect(seen).To(BeEmpty())
	})
})
