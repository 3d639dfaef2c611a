package anomalies_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

func TestAnomalies(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "anomalies")
}

var _ = Describe("An anomaly", func() {
	const subject = "metered.trove.eu.t.instance.db"
	october, november := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC)
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var s *anomalies.Standing
	var under standing.Subject
	BeforeEach(func() { s, under = anomalies.New(), standing.Subject{} })
	found := func(code string) {
		s.Add(subject, &anomalies.Anomaly{
			Anomaly: events.Anomaly{Code: code, Resource: "db", Time: october}, Source: "trove", Foundation: "eu",
			Tenant: "t", Kind: "instance",
		}, october)
	}
	advance := func(at time.Time) {
		s.Advance(at, func(source, foundation string) bool { return source == "trove" && foundation == "eu" })
	}
	told := func(string) bool { return true }
	listed := func(running bool, held ...string) {
		m := events.Metered{}
		if running {
			m.Running = []events.Span{{Kind: "instance", Resource: "db"}}
		}
		for _, code := range held {
			m.Held = append(m.Held, events.Hold{Kind: "volume", Resource: "db", Code: code})
		}
		under.Apply(&m)
		s.Listed(subject, &under, told)
	}
	stands := func() int { return len(s.Entries(anomalies.Filter{})) }

	It("without a hold stands for its month and the next", func() {
		found(events.AnomalyFailedBuild)
		advance(november)
		s.Advance(december, func(_, foundation string) bool { return foundation == "us" })
		Expect(stands()).To(Equal(1))
		advance(december)
		Expect(stands()).To(BeZero())
	})

	DescribeTable("with a hold stands as long as the hold", func(code, hold string) {
		found(code)
		listed(true, hold)
		advance(december)
		Expect(stands()).To(Equal(1), "longer than its month, if need be")
		listed(true, "gap")
		Expect(stands()).To(BeZero(), "and no longer")
	},
		Entry(nil, events.AnomalyUnknownVolume, events.AnomalyUnknownVolume),
		Entry(nil, events.AnomalyDeleteWithoutCreate, events.AnomalyDeleteWithoutCreate),
		Entry(nil, events.AnomalyClosedPeriod, events.AnomalyClosedPeriod),
		Entry(nil, events.AnomalyLostChange, events.AnomalyLostChange),
		Entry(nil, events.AnomalyLostChange, events.HoldUnknownFlavor),
		Entry(nil, events.AnomalyLostChange, events.HoldUnprovenBaseline),
	)

	It("stays while messages tell of other resources, and waits for its hold", func() {
		found(events.AnomalyUnknownVolume)
		listed(true)
		Expect(stands()).To(Equal(1), "the hold follows in the next part")
		listed(true, events.AnomalyUnknownVolume)
		told = func(string) bool { return false }
		DeferCleanup(func() { told = func(string) bool { return true } })
		listed(true)
		Expect(stands()).To(Equal(1))
	})

	It("about silence ends when something runs again", func() {
		found(events.AnomalySilent)
		listed(false)
		Expect(stands()).To(Equal(1))
		listed(true)
		Expect(stands()).To(BeZero())
	})

	It("is only counted where there are a thousand of its code", func() {
		for range anomalies.MaxListed + 5 {
			found(events.AnomalyClock)
		}
		Expect(stands()).To(Equal(anomalies.MaxListed))
		Expect(s.Counts(anomalies.Filter{}, time.Time{}, time.Time{})).To(
			Equal(map[string]int{"clock": anomalies.MaxListed + 5}))
		advance(december)
		Expect(s.Counts(anomalies.Filter{}, time.Time{}, time.Time{})).To(BeEmpty())
	})

	It("is selected by foundation, tenant, kind and code", func() {
		for i, code := range []string{"clock", "silent"} {
			for _, tenant := range []string{"b", "a"} {
				s.Add("", &anomalies.Anomaly{
					Anomaly: events.Anomaly{Code: code, Time: october}, Foundation: fmt.Sprint("f", i), Tenant: tenant,
					Kind: "app",
				}, october)
			}
		}
		Expect(s.Entries(anomalies.Filter{})).To(HaveExactElements(
			And(HaveField("Tenant", "a"), HaveField("Code", "clock")), And(HaveField("Tenant", "a"),
				HaveField("Code", "silent")), HaveField("Tenant", "b"), HaveField("Tenant", "b")))
		for _, f := range []anomalies.Filter{{Foundation: "f0"}, {Tenant: "a"}, {Code: "silent"}} {
			Expect(s.Entries(f)).To(HaveLen(2))
		}
		Expect(s.Entries(anomalies.Filter{Kind: "task"})).To(BeEmpty())
	})
})
