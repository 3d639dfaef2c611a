package projector_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("Builds", func() {
	It("of one app add up while they overlap: 6 and 31 minutes are not 6", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:25"), build("STAGING_STOPPED",
			"10:26"), build("STAGING_STOPPED", "10:31"))
		Expect(b.closed()).To(Equal([]string{"A 10:00-10:25 1x1024", "A 10:25-10:26 2x1024", "A 10:26-10:31 1x1024"}))
	})
	It("one after the other are spans of their own", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STOPPED", "10:05"), build("STAGING_STARTED",
			"10:05"), build("STAGING_STOPPED", "10:06"))
		Expect(b.closed()).To(Equal([]string{"A 10:00-10:05 1x1024", "A 10:05-10:06 1x1024"}))
	})
	It("run apart from the app: their end is not the app's", func() {
		b := told(app("STARTED", "09:00", size(10, 1000)), build("STAGING_STARTED", "10:00"), build("STAGING_STOPPED",
			"10:01"), app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 09:00-11:00 10x1000", "A 10:00-10:01 1x1024"}))
	})
	It("show how many are open", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:05"))
		Expect(b.running()).To(Equal([]string{"A 10:05- 2x1024"}))
	})
	It("that end without a beginning are an anomaly", func() {
		Expect(told(build("STAGING_STOPPED", "10:00")).codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})
	It("accrue up to the horizon", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:05")).reach("10:10")
		Expect(lines(b.whole())).To(Equal([]string{"A 10:00-10:05 1x1024", "A 10:05-10:10 2x1024"}))
	})
	It("are divided at the boundaries once they have ended", func() {
		b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(build("STAGING_STARTED",
			"10:50")).reach("11:05").tell(build("STAGING_STOPPED", "11:10"))
		Expect(b.closed()).To(Equal([]string{"A 10:50-11:00 1x1024", "A 11:00-11:10 1x1024 since 10:50"}))
		Expect(b.retracted).To(BeZero())
	})

	Context("without an end after an hour", func() {
		It("are not billed, and are an anomaly when the horizon passes", func() {
			b := told(build("STAGING_STARTED", "10:00")).reach("10:59:59")
			Expect(b.codes()).To(BeEmpty())
			b.reach("11:00")
			Expect(b.codes()).To(Equal([]string{events.AnomalyBuildWithoutEnd}))
			Expect(b.whole()).To(BeEmpty())
			Expect(b.running()).To(BeEmpty())
		})
		It("are not billed when the end comes after all", func() {
			b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STOPPED", "11:00"))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.codes()).To(Equal([]string{events.AnomalyBuildWithoutEnd}))
		})
		It("leave the builds beside them as one run, whose started hours count once", func() {
			b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:05"), build("STAGING_STOPPED",
				"10:50")).reach("11:30")
			Expect(b.closed()).To(Equal([]string{"A 10:00-10:05 1x1024", "A 10:05-10:50 1x1024 since 10:00"}))
			Expect(b.codes()).To(Equal([]string{events.AnomalyBuildWithoutEnd}))
		})
		It("are held, as nothing that is left tells of them, when the end is found after their month was "+
			"closed", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(build("STAGING_STARTED", "10:00"),
				build("STAGING_STARTED", "04-02 10:00")).
				reach("05-10 00:00").tell(build("STAGING_STOPPED", "10:30", late(1)))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.held()).To(Equal([]string{"A 10:30-10:30 1x1024 closed_period"}))
			Expect(b.codes()).To(ContainElement(events.AnomalyClosedPeriod))
		})
		It("have the time that the setting gives them", func() {
			b := newBooks(projector.Config{
				Cut:          timeline.CutNone,
				BuildTimeout: 2 * time.Hour,
			}).tell(build("STAGING_STARTED", "10:00"), build("STAGING_STOPPED", "11:59"))
			Expect(b.closed()).To(Equal([]string{"A 10:00-11:59 1x1024"}))
		})
	})

	It("that hand over within one second are one run; behind an ending begins another", func() {
		for order, since := range map[string]string{"STARTED STOPPED": " since 10:00", "STOPPED STARTED": ""} {
			b := told(build("STAGING_STARTED", "10:00"))
			for _, verb := range strings.Fields(order) {
				b.tell(build("STAGING_"+verb, "10:20"))
			}
			b.tell(build("STAGING_STOPPED", "10:50"))
			Expect(b.closed()).To(Equal([]string{"A 10:00-10:20 1x1024", "A 10:20-10:50 1x1024" + since}))
		}
	})

	It("that begin and end in one second leave the run of the others as it is", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:20"),
			build("STAGING_STOPPED", "10:20"), build("STAGING_STARTED", "10:20"), build("STAGING_STOPPED", "10:20"),
			build("STAGING_STOPPED", "10:50"))
		Expect(b.closed()).To(Equal([]string{"A 10:00-10:20 1x1024", "A 10:20-10:50 1x1024 since 10:00"}))
	})

	It("that BUILDPACK_SET reports (v3) are information only", func() {
		Expect(told(build("BUILDPACK_SET", "10:00", buildpack("ruby"))).stream).To(BeEmpty())
	})
})
