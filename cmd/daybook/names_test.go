package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// named are names that the tenant of these tests has.
var named = []string{"acme", "production", "shop", "migrate", "sleepy"}

// namedEvents are an app of a tenant and a task of it, an app of another tenant, and input of the
// first that nobody understands.
func namedEvents() string {
	event := func(guid, at, state, app, task, org, space string) string {
		return fmt.Sprintf(`{"guid":%q,"created_at":"2026-05-01T%s:00Z","state":{"current":%q,"previous":"STOPPED"},`+
			`"app":{"guid":"%s-app","name":%q},"process":{"guid":"%s-process","type":"web"},`+
			`"space":{"guid":"%s-space","name":%q},"organization":{"guid":%q},`+
			`"buildpack":{"guid":null,"name":"java"},"task":%s,`+
			`"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":1,"previous":1}}`,
			guid, at, state, org, app, org, org, space, org, task)
	}
	const none, migrate = `{"guid":null,"name":null}`, `{"guid":"org-1-task","name":"migrate"}`
	return strings.Join([]string{
		event("e1", "09:00", "STARTED", "shop", none, "org-1", "production"),
		event("e2", "09:10", "TASK_STARTED", "shop", migrate, "org-1", "production"),
		event("e3", "09:20", "TASK_STOPPED", "shop", migrate, "org-1", "production"),
		event("e4", "09:30", "STARTED", "blog", none, "org-2", "qa"),
		event("e5", "09:40", "SLEEPING", "sleepy", none, "org-1", "production"),
		event("e6", "11:00", "STOPPED", "shop", none, "org-1", "production"),
		event("e7", "11:30", "STARTED", "shop", none, "org-1", "production"),
	}, "\n")
}

var _ = Describe("The names of a tenant", func() {
	var s *site
	var transcript strings.Builder
	// said runs a command line, and notes it with what it prints.
	said := func(args ...string) string {
		GinkgoHelper()
		status, out, problem := s.daybook(args...)
		shown := fmt.Sprintf("$ daybook %s\n%s%s", strings.Join(args, " "), trimmed([]byte(out)), problem)
		if status != 0 {
			shown += fmt.Sprintf("[exit status %d]\n", status)
		}
		transcript.WriteString(shown + "\n")
		return shown
	}
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		transcript.Reset()
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(namedEvents()), 0o600)).To(Succeed())
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--by", "ann", "--name", "2026", prices)
		_, _, _ = s.daybook("collect", "file", "--foundation", "eu", "--horizon", "2026-05-01T12:00:00Z", file)
		s.work(ctx, timeline.CutDay)
		seen := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		observed := map[names.Key]names.Observation{}
		for key, name := range map[[2]string]string{
			{"org-1"}: "acme", {"org-1", "org-1-space"}: "production", {"org-2"}: "globex",
		} {
			k := names.Key{Tenant: names.Tenant{Source: "cf", Foundation: "eu", GUID: key[0]}, Space: key[1]}
			observed[k] = names.Observation{Name: name, Born: seen.Add(-time.Hour), Seen: seen}
		}
		Expect(names.Record(ctx, s.bus, "cf", "eu", observed, true)).To(Equal(3))
	})

	It("are on every answer until they are erased, and on none from then on", func(ctx SpecContext) {
		answers := func() string {
			return said("names", "list") + said("bill") + said("running") +
				said("explain", "org-1-app", "--month", "2026-05") + said("trace", "e2")
		}
		transcript.WriteString("# Answers with names.\n\n")
		before := answers() + s.ran("quarantine", "list", "--format", "json")
		for _, name := range named {
			Expect(before).To(ContainSubstring(name))
		}
		Expect(s.ran("explain", "shop", "--month", "2026-05")).To(ContainSubstring("charge"))

		transcript.WriteString("# The erasure.\n\n")
		said("names", "erase", "acme", "--yes", "--by", "ann", "--note", "the contract has ended")
		s.work(ctx, timeline.CutDay)
		transcript.WriteString("# The same answers: amounts and ids are what they were.\n\n")
		after := answers() + s.ran("quarantine", "list", "--format", "json") + s.ran("running", "--format", "json") +
			s.ran("bill", "--format", "json") + s.ran("explain", "org-1-app", "--month", "2026-05", "--format", "json")
		for _, name := range named {
			Expect(after).NotTo(ContainSubstring(name))
		}
		Expect(after).To(And(ContainSubstring("globex"), ContainSubstring("blog"), Not(ContainSubstring("differs"))))
		status, _, problem := s.daybook("explain", "shop", "--month", "2026-05")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("shop has no charge in 2026-05"))
		status, _, problem = s.daybook("bill", "--tenant", "acme")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring(`there is no tenant "acme"`))
		said("names", "erase", "org-1", "--yes", "--by", "ann", "--note", "again")
		s.ran("verify", "--deep")

		const file = "testdata/names/erase.txt"
		if *update {
			Expect(os.WriteFile(file, []byte(transcript.String()), 0o600)).To(Succeed())
		}
		want, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(transcript.String()).To(Equal(string(want)))
	})

	It("are gone from the API a moment after they are erased", func(ctx SpecContext) {
		a := s.ask(ctx)
		answers := func() (all string) {
			GinkgoHelper()
			for _, path := range []string{
				"charges", "running", "unrated", "resources/org-1-app/charges?month=2026-05", "events/e2",
			} {
				w := a.do(http.MethodGet, "/v1/"+path, nil)
				Expect(w.Code).To(Equal(http.StatusOK), w.Body.String())
				all += w.Body.String()
			}
			return all
		}
		Expect(answers()).To(And(ContainSubstring("shop"), ContainSubstring("migrate"), ContainSubstring("production")))
		s.ran("names", "erase", "acme", "--yes", "--by", "ann", "--note", "the contract has ended")
		Eventually(answers).Should(And(Not(ContainSubstring("shop")), Not(ContainSubstring("migrate")),
			Not(ContainSubstring("production")), ContainSubstring("blog"), ContainSubstring(`"equal":true`)))
	})

	It("name the tenant of a command, and a wrong one is an error with near ones", func() {
		bill := s.ran("bill", "--tenant", "org-1")
		Expect(s.ran("bill", "--tenant", "acme")).To(Equal(bill))
		Expect(s.ran("running", "--tenant", "acme", "--guids")).To(And(ContainSubstring("org-1"),
			Not(ContainSubstring("acme"))))
		Expect(s.ran("names", "show", "org-1-space")).To(MatchRegexp(`eu +org-1 +org-1-space +production +2026-05-01T11`))
		for _, command := range []string{"bill", "running", "holds list", "anomalies list", "unrated list"} {
			status, _, problem := s.daybook(append(strings.Fields(command), "--tenant", "acne")...)
			Expect(status).To(Equal(1), command)
			Expect(problem).To(Equal("daybook: no tenant is called \"acne\": did you mean acme?\n"), command)
		}
		Expect(s.ran("bill", "--format", "csv")).To(ContainSubstring("\n2026-05,org-1,acme,,"))
	})
})
