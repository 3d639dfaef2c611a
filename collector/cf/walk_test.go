package cf_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// started makes n events of apps that were started, one a minute, the first at a time.
func started(prefix string, n int, first time.Time) []apiRow {
	rows := make([]apiRow, n)
	for i := range rows {
		rows[i] = appEvent(fmt.Sprintf("%s%d", prefix, i), "STARTED", "STOPPED", fmt.Sprintf("p-%s%d", prefix, i), first.Add(time.Duration(i)*time.Minute))
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

	It("does not let a young event be overtaken, whatever the created_at of those behind it", func() {
		r.settings.Complete = true
		r.restart()
		r.add(apps, appEvent("e0", "STARTED", "STOPPED", "p0", noon.Add(-time.Hour)))
		r.add(apps, appEvent("young", "STARTED", "STOPPED", "p1", noon.Add(-time.Minute)))
		r.add(apps, appEvent("skewed", "STARTED", "STOPPED", "p2", noon.Add(-20*time.Minute)))
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0"}))
		Expect(r.horizon()).To(Equal(noon.Add(-time.Hour)), "the page is full: what stands on the next ones is not known")
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

	It("says nothing about an empty table", func() {
		r.poll()
		Expect(r.story()).To(BeEmpty())
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
	})
})
