package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// planted are secrets in the input, never to be seen again.
var planted = []string{"s3cr3t-token", "hunter2", "gAAAAA-context-token"}

const (
	appStarted = `{"guid":"00000000-0000-4000-8000-0000000000e1","created_at":"2026-10-02T08:00:00Z","updated_at":"2026-10-02T08:00:00Z",` +
		`"state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"00000000-0000-4000-8000-0000000000a1","name":"shop"},` +
		`"process":{"guid":"00000000-0000-4000-8000-0000000000a1","type":"web"},"space":{"guid":"00000000-0000-4000-8000-0000000000b1","name":"production"},` +
		`"organization":{"guid":"00000000-0000-4000-8000-0000000000c1"},` +
		`"buildpack":{"guid":"00000000-0000-4000-8000-0000000000d1","name":"https://deploy:s3cr3t-token@git.example.org/java_buildpack?access_token=s3cr3t-token"},` +
		`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":2,"previous":2}}`
	appStopped = `{"guid":"00000000-0000-4000-8000-0000000000e2","created_at":"2026-10-02T11:00:00Z","updated_at":"2026-10-02T11:00:00Z",` +
		`"state":{"current":"STOPPED","previous":"STARTED"},"app":{"guid":"00000000-0000-4000-8000-0000000000a1","name":"shop"},` +
		`"process":{"guid":"00000000-0000-4000-8000-0000000000a1","type":"web"},"space":{"guid":"00000000-0000-4000-8000-0000000000b1","name":"production"},` +
		`"organization":{"guid":"00000000-0000-4000-8000-0000000000c1"},"buildpack":{"guid":null,"name":null},` +
		`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":2,"previous":2}}`
	troveDeleted = `{"event_type":"trove.instance.frobnicate","timestamp":"2026-10-02 12:00:00.000000","_context_auth_token":"gAAAAA-context-token",` +
		`"publisher_id":"x","priority":"INFO","message_id":"1","payload":{"tenant_id":"t","instance_id":"i","admin_password":"hunter2"}}`
	halfLine = `{"guid":"00000000-0000-4000-8000-0000000000e3","password":"hunter2","app":{"name":"sh`
)

// service is a service alone, with health and metrics.
type service struct {
	session *gexec.Session
	url     string
}

func startService(nats string, args ...string) service {
	GinkgoHelper()
	session := start(append(args, "--nats", nats, "--http", "127.0.0.1:0", "--log-format", "json")...)
	url := httpURL(session)
	Expect(url).NotTo(BeEmpty(), "%s", session.Err.Contents())
	return service{session, url}
}

// metrics waits until the metrics hold all the lines.
func (s service) metrics(ctx context.Context, lines ...string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		status, body := get(ctx, s.url+"/metrics")
		g.Expect(status).To(Equal(200))
		for _, line := range lines {
			g.Expect(body).To(MatchRegexp("(?m)^" + line + "$"))
		}
	}).WithPolling(20 * pollEvery).Should(Succeed())
}

func appendTo(path string, text string) {
	GinkgoHelper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	_, err = f.WriteString(text)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("Each service alone", func() {
	It("does its part, says how it is, keeps secrets to itself, and stops when told", func(ctx context.Context) {
		nats, _ := serve(GinkgoT().TempDir())
		b := connect(ctx, nats)
		run("catalogue", "publish", "--yes", file("demo.yaml", string(demo.Catalogue())), "--nats", nats)
		input := file("followed.jsonl", appStarted+"\n")
		projector, pricer := startService(nats, "project"), startService(nats, "price")
		collector := startService(nats, "collect", "file", input, "--follow", "--foundation", "live")
		all := []service{collector, projector, pricer}

		By("being ready")
		for _, s := range all {
			status, body := get(ctx, s.url+"/healthz")
			Expect(status).To(Equal(200), body)
			Eventually(func() int {
				status,
					_ := get(ctx, s.url+"/readyz")
				return status
			}).WithPolling(20 * pollEvery).Should(Equal(200))
		}
		collector.metrics(ctx, `# TYPE daybook_collector_inputs_total counter`, `daybook_collector_inputs_total 1`)

		By("charging what is appended to the file")
		waiting, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		charges, err := b.Read(waiting, events.StreamBilling, 1, bus.ReadOptions{Filters: []string{"billing.charge.>"}})
		Expect(err).NotTo(HaveOccurred())
		defer charges.Close()
		appendTo(input, appStopped+"\n"+troveDeleted+"\n"+halfLine) // half of it waits for the rest
		appendTo(input, "op\n")                                     // still no JSON, but it may go on
		appendTo(input, "{}\n")                                     // it does not
		charge, err := charges.Next(waiting)
		Expect(err).NotTo(HaveOccurred())
		Expect(charge.Subject).To(Equal("billing.charge.00000000-0000-4000-8000-0000000000c1.cf.live.app.00000000-0000-4000-8000-0000000000a1"))
		Expect(string(charge.Data)).To(And(ContainSubstring(`"currency":"GBP"`),
			ContainSubstring(`"start":"2026-10-02T08:00:00Z"`)))

		By("counting")
		collector.metrics(ctx, `daybook_collector_inputs_total 5`, `daybook_collector_facts_stored_total 2`,
			`daybook_collector_facts_known_total 0`, `# TYPE daybook_collector_quarantined_total counter`,
			`daybook_collector_quarantined_total 2`)
		projector.metrics(ctx, `# TYPE daybook_stage_inputs_total counter`,
			`daybook_stage_inputs_total\{stage="projector"\} [1-9]\d*`,
			`daybook_stage_lag_messages\{stage="projector"\} 0`, `daybook_stage_standby\{stage="projector"\} 0`)
		pricer.metrics(ctx, `daybook_stage_outputs_total\{stage="pricer"\} [1-9]\d*`,
			`daybook_stage_lag_messages\{stage="pricer"\} 0`)

		By("stopping")
		stop(collector.session, projector.session, pricer.session)
		for _, s := range all {
			logged(s.session)
		}

		By("keeping what is secret out of streams and logs")
		for _, name := range streams {
			messages(ctx, b, name, func(m *bus.Stored) {
				for _, secret := range planted {
					Expect(string(m.Data)).NotTo(ContainSubstring(secret), "%s in %s", secret, name)
				}
			})
		}
		Expect(read(ctx, b)["QUARANTINE"]).NotTo(BeEmpty())

		By("going on from there when started again")
		before := read(ctx, b)
		again := startService(nats, "project")
		again.metrics(ctx, `daybook_stage_lag_messages\{stage="projector"\} 0`,
			`daybook_stage_outputs_total\{stage="projector"\} 0`)
		stop(again.session)
		Expect(difference(read(ctx, b), before)).To(BeEmpty())
	})
})

// logged expects the log to be objects, a line each, with time, level, message and service, and
// without secrets.
func logged(session *gexec.Session) {
	GinkgoHelper()
	text := string(session.Err.Contents())
	Expect(text).NotTo(BeEmpty())
	for line := range strings.Lines(text) {
		var entry struct {
			Time                time.Time
			Level, Msg, Service string
		}
		Expect(json.Unmarshal([]byte(line), &entry)).To(Succeed(), line)
		Expect(entry.Time).NotTo(BeZero(), line)
		Expect([]string{entry.Level, entry.Msg, entry.Service}).To(HaveEach(Not(BeEmpty())), line)
	}
	for _, secret := range planted {
		Expect(text).NotTo(ContainSubstring(secret))
	}
}
