package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

// natsLine finds the lines of a page for the nats CLI, each with what stands in its answer.
var natsLine = regexp.MustCompile(`(?m)^    nats (.*?)  # (.+)$`)

var _ = Describe("Questions over NATS", Ordered, func() {
	var s *site
	var a *asked
	BeforeAll(func(ctx SpecContext) {
		s = demonstrated(ctx)
		a = s.ask(ctx)
		books := memory.New()
		Expect(ledger.CatchUp(ctx, s.bus, books)).To(BeEmpty())
		server, err := api.New(api.Config{}, api.Deps{
			Reader: memory.NewReader(books, s.bus), Bus: s.bus, Queries: s.bus, Authenticator: a, Version: "test",
			Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
		Expect(err).NotTo(HaveOccurred())
		serving, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- server.RunQueries(serving) }()
		DeferCleanup(func() {
			stop()
			Expect(<-done).To(Succeed())
		})
		Eventually(func() error {
			_, err := query.Ask(ctx, s.bus, "daybook.query.all.status", nil)
			return err
		}).Should(Succeed())
	})

	ask := func(subject, body string) (string, *query.Error) {
		GinkgoHelper()
		answer, err := query.Ask(GinkgoT().Context(), s.bus, subject, []byte(body))
		var e *query.Error
		if err != nil {
			Expect(errors.As(err, &e)).To(BeTrue(), "%v", err)
		}
		return string(answer), e
	}

	DescribeTable("have the answers of the API", func(tenant, question, body, path string) {
		got, failed := ask("daybook.query."+tenant+"."+question, body)
		Expect(failed).To(BeNil())
		w := a.do(http.MethodGet, "/v1/"+path, nil)
		Expect(w.Code).To(Equal(http.StatusOK))
		Expect(got).To(MatchJSON(w.Body.Bytes()))
	},
		Entry("about a tenant's month", demo.Retail, "totals", `{"month":"2026-10","by":["plan","component"]}`,
			"totals?tenant="+demo.Retail+"&month=2026-10&by=plan,component"),
		Entry("about everybody", "all", "totals", `{"by":["tenant"]}`, "totals?by=tenant"),
		Entry("about entries", demo.Retail, "charges", `{"limit":1000,"kind":"staging"}`,
			"charges?limit=1000&kind=staging&tenant="+demo.Retail),
		Entry("about what runs", demo.Retail, "running", ``, "running?tenant="+demo.Retail),
		Entry("about a part of a path", "all", "catalogue", `{"version":"current"}`, "catalogues/current"),
	)

	DescribeTable("are refused with a status and a sentence", func(subject, body string, status int, text string) {
		answer, failed := ask(subject, body)
		Expect(failed).NotTo(BeNil(), answer)
		Expect(failed.Status).To(Equal(status))
		Expect(failed.Text).To(ContainSubstring(text))
	},
		Entry("a tenant in the body", "daybook.query.all.totals", `{"tenant":"a"}`, 422, "stands in the subject alone"),
		Entry("the tenant of the subject in the body", "daybook.query."+demo.Retail+".totals",
			`{"tenant":"`+demo.Retail+`"}`, 422, "stands in the subject alone"),
		Entry("a body that is no object", "daybook.query.all.totals", `[1]`, 422, "no JSON object"),
		Entry("an unknown field", "daybook.query.all.totals", `{"moon":"full"}`, 422, "moon"),
		Entry("a month that is none", "daybook.query.all.totals", `{"month":"2026-13"}`, 422, "month"),
		Entry("a part of a path that is missing", "daybook.query.all.catalogue", ``, 422, "the body lacks version"),
		Entry("a tenant that nobody knows", "daybook.query.nobody.totals", ``, 404, ""),
		Entry("a tenant called all, who is nobody here", "daybook.query.%61ll.totals", ``, 404, ""),
		Entry("a token that no tenant has", "daybook.query.%62ll.totals", ``, 422, "wrong escape"),
		Entry("a question that does not exist", "daybook.query.all.weather", ``, 503, "nobody answers"),
	)

	It("show a tenant nothing of another one, whatever the id", func() {
		page, failed := ask("daybook.query."+demo.Logistics+".charges", `{"limit":1}`)
		Expect(failed).To(BeNil())
		var charges struct {
			Charges []struct {
				ID string `json:"id"`
			} `json:"charges"`
		}
		Expect(json.Unmarshal([]byte(page), &charges)).To(Succeed())
		body := `{"id":"` + charges.Charges[0].ID + `"}`
		_, failed = ask("daybook.query."+demo.Logistics+".charge", body)
		Expect(failed).To(BeNil())
		_, failed = ask("daybook.query."+demo.Retail+".charge", body)
		Expect(failed).NotTo(BeNil())
		_, none := ask("daybook.query."+demo.Retail+".charge", `{"id":"none"}`)
		Expect(failed).To(Equal(none))
	})

	It("are asked with the nats CLI, which shows the schema of each body", func(ctx SpecContext) {
		nats := os.Getenv("DAYBOOK_NATS_CLI")
		if nats == "" {
			Skip("the nats CLI is not built")
		}
		cli := func(args ...string) string {
			GinkgoHelper()
			out, err := exec.CommandContext(ctx, nats, append([]string{"--server", s.url}, args...)...).Output()
			Expect(err).NotTo(HaveOccurred())
			return string(out)
		}
		answer := cli("req", "--raw", "daybook.query."+demo.Retail+".totals", `{"month":"2026-10"}`)
		Expect(answer).To(ContainSubstring(`"amount":"203.646613258332"`))
		Expect(cli("micro", "info", "daybook", "--json")).To(ContainSubstring("additionalProperties"))

		By("the lines of the page about the API")
		page, err := os.ReadFile("../../docs/api.md")
		Expect(err).NotTo(HaveOccurred())
		lines := natsLine.FindAllSubmatch(page, -1)
		Expect(lines).NotTo(BeEmpty())
		for _, m := range lines {
			line := `nats() { "` + nats + `" --server "` + s.url + `" "$@"; }; nats ` + string(m[1])
			out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), "%s: %s", line, out)
			Expect(string(out)).To(ContainSubstring(string(m[2])), line)
		}
	}, NodeTimeout(time.Minute))
})
