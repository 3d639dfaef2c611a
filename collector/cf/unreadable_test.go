package cf_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// status is the last status of the foundation's collector.
func (r *rig) status() status.Status {
	GinkgoHelper()
	all, err := status.Read(context.Background(), shared)
	Expect(err).NotTo(HaveOccurred())
	for _, s := range all {
		if s.Foundation == r.name {
			return s
		}
	}
	Fail("nothing was told of " + r.name)
	return status.Status{}
}

// broken is a row without an identity.
func broken(n int) apiRow {
	return apiRow{
		guid: fmt.Sprintf("broken%d", n), created: noon.Add(-50 * time.Minute),
		body: fmt.Sprintf(`{"broken":%d}`, n),
	}
}

var _ = Describe("an event that has no guid or no created_at", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete = true
		r.restart()
		r.add(apps, started("e", 2, noon.Add(-time.Hour))...)
	})

	DescribeTable("is quarantined once, and what is behind it is collected", func(body, reason string) {
		r.add(apps, apiRow{"bad", noon.Add(-50 * time.Minute), body})
		r.add(apps, started("n", 3, noon.Add(-40*time.Minute))...)
		r.poll()
		r.pass(10 * time.Minute)
		r.poll()
		r.restart()
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "n0", "n1", "n2"}))
		Expect(r.horizon()).To(Equal(noon.Add(5 * time.Minute)))
		quarantined := r.quarantined()
		Expect(quarantined).To(HaveLen(1))
		Expect(quarantined[0].Input).To(Equal(body))
		Expect(quarantined[0].Reason).To(ContainSubstring(reason))
		Expect(quarantined[0].AfterID).To(Equal(r.facts()[1].id))
		Expect(quarantined[0].File).To(Equal("/v3/app_usage_events"))
		Expect(r.log.String()).To(ContainSubstring("level=ERROR msg=quarantined"))
	},
		Entry("an object without a guid", `{"created_at":"2026-05-01T11:10:00Z","state":{"current":"STARTED"}}`,
			"it has no guid"),
		Entry("a guid that is null", `{"guid":null,"created_at":"2026-05-01T11:10:00Z"}`, "it has no guid"),
		Entry("a guid that is a number", `{"guid":5,"created_at":"2026-05-01T11:10:00Z"}`, "it has no guid"),
		Entry("an object without a created_at", `{"guid":"bad"}`, "its created_at is no time"),
		Entry("a created_at that is no time", `{"guid":"bad","created_at":"yesterday"}`,
			`its created_at is no time: "yesterday"`),
		Entry("a created_at that is never reached", `{"guid":"bad","created_at":"9999-12-31T23:59:59Z"}`,
			"its created_at is no time"),
		Entry("an object with nothing", `{}`, "it has no guid"),
		Entry("null", `null`, "it has no guid"),
		Entry("a text", `"a,b]"`, "it is no JSON object"),
		Entry("a list", `[{"guid":"x","created_at":"2026-05-01T11:10:00Z"}]`, "it is no JSON object"),
		Entry("a number", `7`, "it is no JSON object"),
	)

	It("is shown by the status though the poll went well", func() {
		r.add(apps, broken(1))
		r.add(apps, started("n", 1, noon.Add(-40*time.Minute))...)
		r.poll()
		Expect(r.status().Problem).To(BeEmpty())
		Expect(r.status().Details).To(HaveKeyWithValue("app unreadable event", ContainSubstring("it has no guid")))
	})

	It("is shown without its secrets", func() {
		r.add(apps, apiRow{"bad", noon, `{"guid":"bad","created_at":"https://user:PLANTED@h"}`})
		r.poll()
		Expect(r.status().Details).To(HaveKeyWithValue("app unreadable event", ContainSubstring("https://***:***@h")))
		Expect(r.log.String()).NotTo(ContainSubstring("PLANTED"))
		Expect(r.everything()).NotTo(ContainElement(ContainSubstring("PLANTED")))
	})

	It("at the end of the list is quarantined at once, and no cursor", func() {
		r.add(apps, broken(1))
		r.poll()
		Expect(r.quarantined()).To(HaveLen(1))
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
		r.add(apps, started("n", 1, noon.Add(-4*time.Minute))...)
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "n0"}))
		Expect(r.quarantined()).To(HaveLen(1))
	})

	It("waits behind one that is too young, and the horizon with it, because its time is not known", func() {
		r.settings.PageSize = 5
		r.restart()
		r.add(apps, appEvent("young", "STARTED", "STOPPED", "y", noon.Add(-time.Minute)), broken(1))
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1"}))
		Expect(r.quarantined()).To(BeEmpty())
		Expect(r.horizon()).To(BeZero())
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "young"}))
		Expect(r.quarantined()).To(HaveLen(1))
		Expect(r.horizon()).To(Equal(noon))
	})

	It("stops the list where a whole page is of them, and says how to get past them", func() {
		r.add(apps, broken(1), broken(2), broken(3), broken(4))
		r.add(apps, started("n", 2, noon.Add(-40*time.Minute))...)
		r.add(services, serviceEvent("s0", "CREATED", "i", noon.Add(-time.Hour)))
		for range 2 {
			err := r.current.Poll(context.Background())
			Expect(err).To(MatchError(ContainSubstring("none of the 3 events on a page of the app list has a guid " +
				"and a created_at")))
			Expect(err).To(MatchError(ContainSubstring("--cf-page-size")))
			Expect(r.story()).To(ConsistOf("e0", "e1", "s0"))
			Expect(r.quarantined()).To(HaveLen(3))
			Expect(r.current.Ready(r.name)).NotTo(Succeed())
			Expect(r.horizon()).To(Equal(noon.Add(-59 * time.Minute)))
			r.restart()
		}
		r.settings.PageSize = 5
		r.restart()
		r.poll()
		Expect(r.story()).To(ConsistOf("e0", "e1", "s0", "n0", "n1"))
		Expect(r.quarantined()).To(HaveLen(4))
	})

	It("at the head of the list stops it until another is there", func() {
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, broken(1))
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("none of the 1 events")))
		Expect(r.horizon()).To(BeZero())
		r.add(apps, started("n", 1, noon.Add(-40*time.Minute))...)
		r.poll()
		Expect(r.story()).To(Equal([]string{"n0"}))
		Expect(r.quarantined()).To(HaveLen(1))
	})

	It("is found by the re-scan, with what it follows", func() {
		r.add(apps, started("n", 3, noon.Add(-20*time.Minute))...)
		r.poll()
		r.insert(apps, "n1", broken(1))
		r.insert(apps, "n1", appEvent("late", "STARTED", "STOPPED", "l", noon.Add(-19*time.Minute)))
		r.insert(apps, "n1", broken(2))
		for range 3 {
			r.pass(5 * time.Minute)
			r.poll()
		}
		Expect(r.story()).To(Equal([]string{"e0", "e1", "n0", "n1", "n2", "late after n0"}))
		facts := r.facts()
		quarantined := r.quarantined()
		Expect(quarantined).To(HaveLen(2))
		Expect(quarantined[0].AfterID).To(Equal(facts[2].id))
		Expect(quarantined[1].AfterID).To(Equal(facts[5].id))
	})

	It("is passed when the list is read from its start", func() {
		r.add(apps, broken(1), stopped("e9", "p-e1", noon.Add(-50*time.Minute)))
		r.poll()
		r.keep(apps, func(row apiRow) bool { return row.guid != "e9" })
		r.add(apps, broken(2))
		r.add(apps, started("n", 4, noon.Add(-40*time.Minute))...)
		r.poll()
		Expect(r.story()).To(Equal([]string{
			"e0", "e1", "e9", "gap app", "e0 listed", "e1 listed", "n0", "n1", "n2",
			"n3",
		}))
		Expect(r.quarantined()).To(HaveLen(2))
	})
})

var _ = Describe("Every message of the collector", func() {
	It("has four headers, and Daybook's own behind them", func(ctx SpecContext) {
		r := newRig()
		r.add(apps, started("e", 1, noon.Add(-time.Hour))...)
		r.add(apps, broken(1))
		r.add(apps, started("n", 1, noon.Add(-40*time.Minute))...)
		r.poll()
		kinds := map[string]bool{}
		for stream, filter := range map[string]string{
			events.StreamUsage:      events.UsageFilter(events.SourceCF, r.name),
			events.StreamQuarantine: events.QuarantineFilter(r.name),
		} {
			state, err := shared.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			scan := cf.Scan{Filters: []string{filter}, From: 1, To: state.Last}
			Expect(cf.OnBus(shared).Scan(ctx, stream, scan, func(m *bus.Stored) error {
				var keys []string
				for _, h := range m.Headers() {
					if !strings.HasPrefix(h.Key, "Daybook-") && !strings.HasPrefix(h.Key, "Nats-") {
						keys = append(keys, h.Key)
					}
				}
				Expect(keys).To(ConsistOf("ce-id", "ce-type", "ce-source", "ce-specversion"))
				kinds[m.Header(events.HeaderType)] = true
				return nil
			})).To(Succeed())
		}
		Expect(kinds).To(HaveLen(5), "facts, gaps, horizons, markers, quarantined input")
	})
})
