package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("daybook trace", func() {
	It("answers for an event by its guid or its message_id, wherever it is", func(ctx SpecContext) {
		const started = `{"guid":"e1","created_at":"2026-05-01T09:00:00Z","state":{"current":"STARTED","previous":"STOPPED"},` +
			`"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},` +
			`"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"java"},"task":{"guid":null,"name":null},` +
			`"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":1,"previous":1}}`
		stopped := strings.NewReplacer("e1", "e2", "T09", "T11", `"STARTED"`, `"STOPPED"`, `"STOPPED"`, `"STARTED"`).
			Replace(started)
		odd := strings.NewReplacer("e1", "e3", `"STARTED"`, `"SLEEPING"`).Replace(started)
		database := `{"message_id":"m1","event_type":"trove.instance.create","timestamp":"2026-05-01 09:00:00",` +
			`"payload":{"instance_id":"i","tenant_id":"t","created_at":"2026-05-01T09:00:00Z",` +
			`"instance_type_id":"1","volume_size":1,"instance_size":512}}`
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(strings.Join([]string{started, stopped, odd, database}, "\n")),
			0o600)).To(Succeed())
		s := newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", prices)
		// answer is the first word of the answer for an event.
		answer := func(event string) string {
			GinkgoHelper()
			_, text, _ := s.daybook("trace", event)
			_, sentence, found := strings.Cut(text, "answer    ")
			Expect(found).To(BeTrue(), text)
			word, _, _ := strings.Cut(sentence, ":")
			return word
		}
		_, _, _ = s.daybook("collect", "file", "--foundation", "eu", "--horizon", "2026-05-01T12:00:00Z", file)
		Expect(answer("e1")).To(Equal("unmetered"))
		s.work(ctx, timeline.CutDay)

		Expect(answer("e1")).To(Equal("charged"))
		Expect(answer("e2")).To(Equal("charged"))
		Expect(answer("e3")).To(Equal("quarantined"))
		Expect(answer("m1")).To(Equal("running"))
		Expect(s.ran("trace", "e2")).To(ContainSubstring("STOPPED of app P"))
		for _, none := range []string{"A", "P", "e4", "9999"} {
			status, out, _ := s.daybook("trace", none)
			Expect(status).To(Equal(1))
			Expect(out).To(ContainSubstring("answer    unknown: "))
		}

		By("daybook explain takes a charge down to the event, and computes it again")
		var traced struct {
			Charges []struct{ ID, Amount, Span string }
		}
		Expect(json.Unmarshal([]byte(s.ran("trace", "e1", "--format", "json")), &traced)).To(Succeed())
		Expect(len(traced.Charges)).To(BeNumerically(">=", 1))
		charge := traced.Charges[0]
		out := s.ran("explain", charge.ID)
		Expect(out).To(And(ContainSubstring("  equal     what is charged"), ContainSubstring("seconds=7200"),
			ContainSubstring("\n"+started+"\n"), ContainSubstring("\n"+stopped+"\n"),
			MatchRegexp(`catalogue \S+, message 1 of USAGE, plan \S+ at line [1-9]`)))
		for _, resource := range []string{"A", "P"} {
			Expect(s.ran("explain", resource, "--month", "2026-05")).To(Equal(out))
		}
		var told struct {
			Equal bool
			Facts []struct{ Raw json.RawMessage }
		}
		Expect(json.Unmarshal([]byte(s.ran("explain", charge.ID, "--format", "json")), &told)).To(Succeed())
		Expect(told.Equal).To(BeTrue())
		Expect(string(told.Facts[0].Raw)).To(Equal(started))
		status, _, problem := s.daybook("explain", "P", "--month", "2026-06")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("P has no charge in 2026-06"))
		status, _, problem = s.daybook("explain", "e1")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring(`no charge has the id "e1"`))

		By("and says where it is charged otherwise")
		s.charged(ctx, &events.Billing{
			Source: "cf", Foundation: "eu", Tenant: "O", Kind: "app", Resource: "A",
			Charges: []events.Charge{{
				ID: "forged", Entry: events.EntryCharge, Period: "2026-05", Span: charge.Span, Kind: "app",
				Resource: "P", Amount: events.NewDecimal(1, 0), Currency: "GBP",
			}},
		})
		status, out, _ = s.daybook("explain", "forged")
		Expect(status).To(Equal(5))
		Expect(out).To(ContainSubstring("  differs   "))
	})
})

var _ = Describe("An observation of a reconciliation", func() {
	It("stands beside the events behind a charge, and is traced like one", func(ctx SpecContext) {
		const started = `{"guid":"e1","created_at":"2026-05-01T09:00:00Z","state":{"current":"STARTED","previous":"STOPPED"},` +
			`"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},` +
			`"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"java"},"task":{"guid":null,"name":null},` +
			`"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":1,"previous":1}}`
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(started+"\n"), 0o600)).To(Succeed())
		s := newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", prices)
		_, _, _ = s.daybook("collect", "file", "--foundation", "eu", "--horizon", "2026-05-01T12:00:00Z", file)
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		at := func(hour int) time.Time { return time.Date(2026, 5, 1, hour, 0, 0, 0, time.UTC) }
		_, err = acts.Observe(ctx, s.bus, "cf", "eu", "plan-1", []events.Observation{{
			Finding: events.FindingGone, Remodel: "missing_stop", Kind: "app", Resource: "P", App: "A", Tenant: "O",
			At: at(10), NotBefore: at(10), NotAfter: at(11), Seen: at(11), AfterSequence: usage.Last,
			Evidence: []byte(`{"look":{"status":404}}`),
		}}, "ann", "a secret of hers", at(12))
		Expect(err).NotTo(HaveOccurred())
		s.work(ctx, timeline.CutDay)

		act := fmt.Sprint(usage.Last + 1)
		Expect(s.ran("trace", act)).To(And(ContainSubstring("ABSENT of app P"),
			ContainSubstring("answer    charged: ")))
		var traced struct{ Charges []struct{ ID string } }
		Expect(json.Unmarshal([]byte(s.ran("trace", act, "--format", "json")), &traced)).To(Succeed())
		out := s.ran("explain", traced.Charges[0].ID)
		Expect(out).To(And(ContainSubstring("seconds=3600"), ContainSubstring("\n"+started+"\n"),
			ContainSubstring(`{"look":{"status":404}}`), ContainSubstring("plan-1"), Not(ContainSubstring("secret"))))
		Expect(s.ran("explain", "P", "--month", "2026-05")).To(Equal(out))

		By("saying that it counts no more, once its plan is reverted")
		_, err = acts.Revert(ctx, s.bus, "cf", "eu", "plan-1", "ann", "it was a lie", at(13))
		Expect(err).NotTo(HaveOccurred())
		s.work(ctx, timeline.CutDay)
		Expect(s.ran("trace", act)).To(ContainSubstring("answer    replaced: "))
		_, reversion, _ := s.daybook("trace", fmt.Sprint(usage.Last+2))
		Expect(reversion).To(ContainSubstring("a message of Daybook's own"))
	})
})

var _ = Describe("daybook explain", func() {
	It("computes charges behind a closed month again, and names its corrections", func(ctx SpecContext) {
		prices := func(rate string) string {
			GinkgoHelper()
			file := filepath.Join(GinkgoT().TempDir(), "prices.yaml")
			Expect(os.WriteFile(file, []byte("currency: GBP\nplans: [{name: app, match: {kind: app}, "+
				"valid_from: 2020-01-01, components: [{name: fee, formula: \"1 + ceil(seconds / 500000) * "+rate+
				"\"}]}]\n"), 0o600)).To(Succeed())
			return file
		}
		fact := func(guid, process, at, state string) string {
			return `{"guid":"` + guid + `","created_at":"` + at + `","state":{"current":"` + state +
				`","previous":"STOPPED"},"app":{"guid":"A","name":"shop"},"process":{"guid":"` + process +
				`","type":"web"},"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},` +
				`"buildpack":{"guid":null,"name":"java"},"task":{"guid":null,"name":null},` +
				`"memory_in_mb_per_instance":{"current":64,"previous":64},"instance_count":{"current":1,"previous":1}}`
		}
		s := newSite(ctx)
		collect := func(horizon string, facts ...string) {
			GinkgoHelper()
			file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
			Expect(os.WriteFile(file, []byte(strings.Join(facts, "\n")), 0o600)).To(Succeed())
			s.ran("collect", "file", "--foundation", "eu", "--horizon", horizon, file)
			s.work(ctx, timeline.CutDay)
		}
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices("0.3"))
		collect("2026-05-10T00:00:00Z", fact("e1", "P", "2026-04-28T09:00:00Z", "STARTED"))
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices("0.7"))
		collect("2026-05-20T00:00:00Z", fact("e2", "Q", "2026-05-19T09:00:00Z", "STARTED"))

		for _, month := range []string{"2026-04", "2026-05"} {
			out := s.ran("explain", "A", "--month", month)
			Expect(out).NotTo(ContainSubstring("differs"))
			Expect(strings.Count(out, "\n  equal ")).To(Equal(strings.Count(out, "\n  again ")))
			Expect(strings.Count(out, "\n  equal ")).To(BeNumerically(">=", 3))
		}
		Expect(s.ran("explain", "P", "--month", "2026-05")).To(And(ContainSubstring("* 0.7, in GBP"),
			ContainSubstring("the price counts from 2026-05-01T00:00:00Z")))

		collect("2026-05-21T00:00:00Z", fact("e4", "R", "2026-04-29T09:00:00Z", "STARTED"),
			fact("e5", "R", "2026-04-29T19:00:00Z", "STOPPED"), fact("e3", "P", "2026-05-20T09:00:00Z", "STOPPED"))
		Expect(s.ran("explain", "R", "--month", "2026-05")).To(ContainSubstring(
			"  corrects  2026-04, of which nothing was charged: all of it is the difference"))
		Expect(s.ran("trace", "e4")).To(MatchRegexp(`(?s)answer    corrected: .*correction 2026-05 app/fee`))

		By("a catalogue that prices the closed month again corrects what it changes")
		Expect(s.ran("trace", "e1")).NotTo(ContainSubstring("correction"))
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--reprice-closed", "2026-04", prices("0.9"))
		s.work(ctx, timeline.CutDay)
		Expect(s.ran("trace", "e1")).To(MatchRegexp(`(?s)answer    charged: .*correction 2026-05 app/fee`))
		Expect(strings.Count(s.ran("trace", "e4"), "correction 2026-05 app/fee")).To(Equal(2))
		Expect(s.ran("trace", "e2")).NotTo(ContainSubstring("correction"), "its month is open")
		Expect(s.ran("bill")).To(ContainSubstring("corrections of 2026-04, posted after it was closed:"))
	})
})

// charged appends charges to BILLING.
func (s *site) charged(ctx context.Context, b *events.Billing) {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, events.StreamBilling)
	Expect(err).NotTo(HaveOccurred())
	_, err = s.bus.Append(ctx, events.StreamBilling, []bus.Message{{
		Subject: events.ChargeSubject(b.Tenant, b.Source, b.Foundation, b.Kind, b.Resource), Data: b.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: events.TypeBilling}},
	}}, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}
