package cf_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// started makes n STARTED events of apps, one a minute, the first at a time.
func started(prefix string, n int, first time.Time) []apiRow {
	rows := make([]apiRow, n)
	for i := range rows {
		rows[i] = appEvent(fmt.Sprintf("%s%d", prefix, i), "STARTED", "STOPPED", fmt.Sprintf("p-%s%d", prefix, i),
			first.Add(time.Duration(i)*time.Minute))
	}
	return rows
}

var _ = Describe("walking a foundation's lists", func() {
	var r *rig
	BeforeEach(func() { r = newRig() })

	It("stores every event that is old enough once, in the API's order, then the horizon", func() {
		r.settings.Complete = true
		r.restart()
		r.add(apps, started("e", 9, noon.Add(-time.Hour))...)
		r.add(apps, appEvent("young", "STARTED", "STOPPED", "p", noon.Add(-4*time.Minute)))
		r.add(services, serviceEvent("s0", "CREATED", "i", noon.Add(-time.Hour)))
		r.poll()
		Expect(r.story()).To(ConsistOf("e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "s0"))
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(11))
		Expect(r.horizon()).To(Equal(noon.Add(-4 * time.Minute)))
		r.restart()
		r.poll()
		Expect(r.story()).To(HaveLen(11))
	})

	It("does not take the horizon beyond the local clock by more than a minute, whatever the API's clock", func() {
		r.settings.Complete = true
		local := noon.Add(-24 * time.Hour)
		r.clock = func() time.Time { return local }
		r.restart()
		r.add(apps, started("e", 2, noon.Add(-26*time.Hour))...)
		r.add(apps, appEvent("ahead", "STARTED", "STOPPED", "p", noon.Add(-time.Hour)))
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "ahead"}))
		Expect(r.horizon()).To(Equal(local.Add(time.Minute)))
		local = noon
		r.poll()
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
	})

	It("does not let a young event be overtaken, whatever the created_at of those behind it", func() {
		r.settings.Complete = true
		r.restart()
		r.add(apps, appEvent("e0", "STARTED", "STOPPED", "p0", noon.Add(-time.Hour)))
		r.add(apps, appEvent("young", "STARTED", "STOPPED", "p1", noon.Add(-time.Minute)))
		r.add(apps, appEvent("skewed", "STARTED", "STOPPED", "p2", noon.Add(-20*time.Minute)))
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0"}))
		Expect(r.horizon()).To(Equal(noon.Add(-time.Hour)), "the page is full: what stands on the next ones is "+
			"not known")
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "young", "skewed"}))
	})

	It("says at the first collection that what ran before is not known", func() {
		r.add(apps, started("e", 2, noon.Add(-time.Hour))...)
		r.poll()
		Expect(r.story()).To(Equal([]string{"gap app", "e0", "e1"}))
		g := r.gaps()[0]
		Expect(g.From).To(BeZero())
		Expect(g.To).To(Equal(noon.Add(-time.Hour)))
		Expect(g.Cursor).To(BeEmpty())
		Expect(g.Reason).To(ContainSubstring("First collection of the app usage events"))
	})

	It("walks on when a page holds fewer events than were asked for, and names a next one", func() {
		r.settings.Complete = true
		r.restart()
		r.most = 2
		r.add(apps, started("e", 7, noon.Add(-time.Hour))...)
		r.poll()
		Expect(r.story()).To(HaveLen(7))
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
	})

	It("lets what nobody understands follow an event that was replayed", func() {
		r.settings.Complete = true
		r.restart()
		r.add(apps, started("e", 1, noon.Add(-time.Hour))...)
		r.poll()
		replayed := appEvent("replayed", "STARTED", "STOPPED", "p", noon.Add(-30*time.Minute))
		var d jsondoc.Document
		Expect(d.Parse([]byte(replayed.body))).To(Succeed())
		u, err := usageevent.FromDocument(r.name, &d)
		Expect(err).NotTo(HaveOccurred())
		u.AfterGUID, u.AfterSequence = "e0", r.facts()[0].sequence
		state, err := shared.Stream(context.Background(), events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		_, err = shared.Append(context.Background(), events.StreamUsage, []bus.Message{{
			Subject: events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
			Data:    u.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderID, Value: u.ID}, {
				Key:   events.HeaderType,
				Value: events.TypeUsage,
			}},
		}}, bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
		r.add(apps, replayed, apiRow{
			"odd", noon.Add(-20 * time.Minute),
			`{"guid":"odd","created_at":"2026-05-01T11:40:00Z","state":{"current":"EVACUATED"}}`,
		})
		r.restart()
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "replayed after e0"}))
		Expect(r.quarantined()[0].AfterID).To(Equal(u.ID))
	})

	It("warns once, and shows, that an event stays too young, which holds up all behind it", func() {
		r.settings.Complete = true
		r.restart()
		r.add(apps, appEvent("e0", "STARTED", "STOPPED", "p", noon.Add(-time.Hour)))
		r.add(apps, appEvent("ahead", "STARTED", "STOPPED", "p0", noon.Add(time.Hour)), appEvent("behind", "STARTED",
			"STOPPED", "p1", noon.Add(-time.Hour)))
		r.poll()
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.log.String()).NotTo(ContainSubstring("a clock of the foundation is wrong"))
		for range 3 {
			r.pass(time.Minute)
			r.poll()
		}
		Expect(strings.Count(r.log.String(), "a clock of the foundation is wrong")).To(Equal(1))
		Expect(r.status().Details).To(HaveKeyWithValue("app waits", ContainSubstring("since 2026-05-01T12:00:00Z for "+
			"the event ahead of 2026-05-01T13:00:00Z")))
		r.pass(time.Hour)
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "ahead", "behind"}))
		Expect(r.status().Details).To(BeEmpty())
	})

	It("warns that the API's clock stands still", func() {
		r.settings.Complete = true
		our := noon
		r.clock = func() time.Time { return our }
		r.restart()
		r.add(apps, appEvent("young", "STARTED", "STOPPED", "p0", noon.Add(-time.Minute)))
		for range 3 {
			r.poll()
			our = our.Add(5 * time.Minute)
		}
		Expect(r.log.String()).To(ContainSubstring("a clock of the foundation is wrong"))
	})

	It("does not warn of events that are too young because others came before them", func() {
		r.settings.Complete = true
		r.restart()
		for i := range 10 {
			r.add(apps, appEvent(fmt.Sprintf("y%d", i), "STARTED", "STOPPED", "p", r.now))
			r.pass(time.Minute)
			r.poll()
		}
		Expect(r.log.String()).NotTo(ContainSubstring("a clock of the foundation is wrong"))
	})

	It("says nothing about an empty table", func() {
		r.poll()
		Expect(r.story()).To(BeEmpty())
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
	})
})
