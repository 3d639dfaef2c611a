package projector_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A fact that was found late", func() {
	It("counts at its place in the API's order: a stop before the start that was collected first", func() {
		b := told(app("STARTED", "09:00"), app("STARTED", "11:00")).tell(app("STOPPED", "10:00", late(1)))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
		Expect(b.running()).To(Equal([]string{"P 11:00- 1x1024"}))
	})
	It("takes back what it contradicts, and no more", func() {
		b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(app("STARTED",
			"09:00")).reach("12:00").tell(task("TASK_STARTED", "12:00")).
			tell(app("STARTED", "10:30", late(1), size(2, 1024), previous("STARTED")))
		Expect(lines(b.last.Retracted)).To(Equal([]string{"P 10:00-11:00 1x1024 since 09:00", "P 11:00-12:00 1x1024 " +
			"since 09:00"}))
		Expect(b.closed()).To(Equal([]string{
			"P 09:00-10:00 1x1024", "P 10:00-10:30 1x1024 since 09:00", "P 10:30-11:00 2x1024",
			"P 11:00-12:00 2x1024 since 10:30",
		}))
		Expect(b.running()).To(Equal([]string{"P 12:00- 2x1024 since 10:30"}))
	})
	It("follows the one that a scan found before it", func() {
		b := told(app("STARTED", "09:00"), app("STOPPED", "12:00")).
			tell(app("STOPPED", "10:00", late(1)), app("STARTED", "11:00", late(3), size(2, 1024)))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-12:00 2x1024"}))
	})
	It("stands nearer to what both follow than one that was found earlier", func() {
		b := told(app("STARTED", "09:00"), app("STOPPED", "12:00")).
			tell(app("STARTED", "11:00", late(1), size(3, 1024)), app("STARTED", "10:00", late(1), size(2, 1024)))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 10:00-11:00 2x1024", "P 11:00-12:00 3x1024"}))
	})
	It("clamps the times of the facts after it", func() {
		b := told(app("STARTED", "09:00"), app("STOPPED", "10:00")).tell(app("STARTED", "10:30", late(1),
			size(2, 1024)))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:30 1x1024"}))
	})
	It("follows a fact of another resource", func() {
		b := told(app("STARTED", "09:00"), task("TASK_STARTED", "09:30"), app("STARTED", "11:00")).tell(app("STOPPED",
			"10:00", late(2)))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
	})
	It("that comes twice is one", func() {
		u := app("STOPPED", "10:00", late(1))
		u.ID = "once"
		b := told(app("STARTED", "09:00"), app("STARTED", "11:00")).tell(u)
		n := len(b.stream)
		Expect(b.tell(u).stream).To(HaveLen(n))
	})
	It("is an ending of builds, too", func() {
		b := told(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "10:20"), build("STAGING_STOPPED",
			"10:30"))
		b.tell(build("STAGING_STOPPED", "10:10", late(1)))
		Expect(b.closed()).To(Equal([]string{"A 10:00-10:10 1x1024", "A 10:20-10:30 1x1024"}))
	})

	Describe("of a month that is closed", func() {
		It("is applied exactly while what it changes goes on, as a correction", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(app("STARTED",
				"09:00")).reach("05-10 00:00")
			Expect(b.last.Correction).To(BeEmpty())
			b.tell(app("STOPPED", "03-20 00:00", late(1)))
			Expect(b.last.Correction).NotTo(BeEmpty())
			Expect(b.closed()).To(Equal([]string{"P 09:00-03-20 00:00 1x1024"}))
		})
		It("is held, never lost, when its place is settled", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(app("STARTED", "09:00"),
				app("STARTED", "03-10 00:00", size(2, 1024))).reach("05-10 00:00")
			before := b.closed()
			b.tell(app("STOPPED", "03-05 00:00", late(1)))
			Expect(b.closed()).To(Equal(before))
			Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
			Expect(b.held()).To(Equal([]string{"P 03-05 00:00-03-05 00:00 1x1024 closed_period"}))
			b.say(events.ActionDiscard)
			Expect(b.held()).To(BeEmpty())
		})
		It("and that stands behind a gap is not before it when the month is settled", func() {
			for _, closed := range []bool{false, true} {
				b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(app("STARTED",
					"09:00")).gap(events.ListApp, "10:00", "11:00").
					tell(app("STARTED", "12:00", late(1), size(2, 1024), was(1, 1024), previous("STARTED")),
						service("CREATED", "12:00", "small"))
				if closed {
					b.reach("05-10 00:00")
				}
				b.tell(app("STARTED", "04-15 00:00", size(3, 1024), was(2, 1024), previous("STARTED"))).
					tell(app("STARTED", "04-14 00:00", late(b.sequence-1), size(2, 1024), buildpack("ruby"),
						previous("STARTED")))
				Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}), "closed: %v", closed)
			}
		})
		It("is held when it stands before a gap that is settled", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).
				tell(app("STARTED", "09:00"), app("STOPPED", "09:30"), app("STARTED", "09:40"), service("CREATED",
					"09:50", "small")).
				gap(events.ListApp, "10:00", "11:00").reach("05-10 00:00").tell(app("STOPPED", "10:30", late(4),
				previous("STARTED")))
			Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
			Expect(b.held()).To(ContainElement("P 10:30-10:30 1x1024 closed_period"))
		})
		It("is held when the place of the one that it follows is not kept any more", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).
				tell(app("STARTED", "09:00"), app("STARTED", "10:30", size(2, 1024)), service("CREATED", "10:40",
					"small")).reach("11:00").
				tell(service("UPDATED", "09:20", "large", late(1))).reach("05-10 00:00").tell(app("STOPPED", "09:30",
				late(5)))
			Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
			Expect(b.held()).To(Equal([]string{"P 09:30-09:30 1x1024 closed_period"}))
		})
		It("leaves what was decided as it is: another word changes nothing and is an anomaly", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(app("STARTED", "09:00")).gap(events.ListApp,
				"10:00", "11:00").
				tell(app("STOPPED", "12:00", previous("STARTED")))
			hold := b.last.Held[0].ID
			b.sayOn(hold, events.ActionRelease).tell(app("STARTED", "13:00")).reach("05-10 00:00")
			before := b.closed()
			b.sayOn(hold, events.ActionRelease)
			Expect(b.codes()).To(BeEmpty())
			b.sayOn(hold, events.ActionDiscard)
			Expect(b.closed()).To(Equal(before))
			Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
		})
		It("does not begin what may have been forgotten", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(app("STARTED",
				"09:00")).reach("05-10 00:00")
			b.tell(task("TASK_STARTED", "03-05 00:00", late(1)))
			Expect(b.running()).To(BeEmpty())
			Expect(b.held()).To(Equal([]string{"T 03-05 00:00-03-05 00:00 1x256 closed_period"}))
		})
	})
})

var _ = Describe("A time that goes back", func() {
	It("by more than an hour without being known to be late is an anomaly", func() {
		b := told(app("STARTED", "12:00"), app("STOPPED", "10:30"))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.codes()).To(Equal([]string{events.AnomalyClock}))
	})
	It("by less is a skewed clock", func() {
		Expect(told(app("STARTED", "12:00"), app("STOPPED", "11:30")).codes()).To(BeEmpty())
	})
})
