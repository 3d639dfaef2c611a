package projector_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A resource that comes back after its months are folded", func() {
	opened := func() *books {
		b := newBooks(projector.Config{Cut: timeline.CutDay})
		neverClose(b.meter)
		return b
	}
	closing := func() *books { return newBooks(projector.Config{Cut: timeline.CutDay}).remembering() }
	// begin is a gap and a run behind it, of which nothing is at hand when its months are folded.
	begin := func(b *books) *books {
		b.gap("", "08:00", "08:10").tell(app("STARTED", "09:00"), app("STOPPED", "10:00", previous("STARTED"))).
			reach("05-10 00:00")
		return b
	}
	all := func(b *books) []string { return slices.Concat(lines(b.whole()), b.held(), b.codes()) }

	It("with a fact that contradicts its past is held since the fact before, and not since the gap", func() {
		b := begin(closing())
		Expect(b.meter.Tracked()).To(BeZero())
		b.tell(app("STARTED", "05-11 00:00", unchanged))
		Expect(b.held()).To(Equal([]string{"P 10:00-05-11 00:00 1x1024 lost_change"}))
		b.say(events.ActionRelease, func(d *events.Decision) { d.Footprint.Instances = events.Some(1) })
		Expect(b.held()).To(BeEmpty())
		Expect(b.closed()[:2]).To(Equal([]string{"P 09:00-10:00 1x1024", "P 10:00-03-02 00:00 1x1024 inferred_start"}),
			"no hour twice")
	})

	DescribeTable("is billed and held as if its months had never been closed", func(facts ...*events.Usage) {
		first, then := facts[:len(facts)-1], facts[len(facts)-1]
		tell := func(b *books) []string {
			b.gap("", "08:00", "08:10")
			for _, u := range first {
				copied := *u
				b.tell(&copied)
			}
			copied := *then
			return all(b.reach("05-10 00:00").tell(&copied).reach("05-12 00:00"))
		}
		closed := closing()
		found := tell(closed)
		Expect(found).To(Equal(tell(opened())))
		Expect(closed.again).To(HaveLen(1), "its facts are read again")
	},
		Entry("a stale row of a reseed behind its end", app("STARTED", "09:00"), app("STOPPED", "10:00", unchanged),
			app("STARTED", "10:00", reseeded), app("STARTED", "05-11 00:00", unchanged)),
		Entry("a row of a reseed, which names no process type", app("STARTED", "09:00"), app("STOPPED", "10:00",
			unchanged), app("STARTED", "05-11 00:00", reseeded)),
		Entry("a second end", app("STARTED", "09:00"), app("STOPPED", "10:00", unchanged),
			app("STOPPED", "05-11 00:00")),
		Entry("the end of a run whose beginning is missing", app("STARTED", "09:00"), app("STOPPED", "10:00",
			unchanged), app("STOPPED", "05-11 00:00", unchanged)),
		Entry("a beginning that a rescan finds", app("STARTED", "09:00"), app("STOPPED", "10:00", unchanged),
			app("STARTED", "09:00", listed("05-11 00:00"))),
		Entry("a second end of a task", task("TASK_STARTED", "09:00"), task("TASK_STOPPED", "10:00",
			previous("RUNNING")), task("TASK_STOPPED", "05-11 00:00", previous("RUNNING"))),
		Entry("a second deletion of a service instance", service("CREATED", "09:00", "small"), service("DELETED",
			"10:00", "small"), service("DELETED", "05-11 00:00", "small")),
		Entry("a change of a service instance that was deleted", service("CREATED", "09:00", "small"),
			service("DELETED", "10:00", "small"), service("UPDATED", "05-11 00:00", "large")),
		Entry("a fact found late, of an open month", app("STARTED", "09:00"), app("STOPPED", "10:00", unchanged),
			app("STOPPED", "05-09 00:00", late(3), unchanged)),
	)

	It("in a fact found late, before the first one that is at hand", func() {
		tell := func(b *books) []string {
			begin(b).tell(service("CREATED", "05-10 00:00", "small"), app("STARTED", "05-11 12:00",
				previous("STOPPED")), app("STOPPED", "05-11 00:00", late(5), unchanged))
			return all(b.reach("05-12 00:00"))
		}
		closed := closing()
		found := tell(closed)
		Expect(found).To(Equal(tell(opened())))
		Expect(closed.again).To(HaveKey("P"))
	})
	It("is held from a gap since then on, behind the stale row of a reseed, and not from the folded one", func() {
		tell := func(b *books) *books {
			b.gap("", "08:00", "08:10").tell(app("STARTED", "09:00"), app("STOPPED", "10:00", unchanged),
				app("STARTED", "10:00", reseeded, previous("STOPPED")))
			return b.reach("05-10 00:00").gap("", "05-10 23:00", "05-10 23:30").
				tell(app("STARTED", "05-11 00:00", previous("STARTED")))
		}
		closed := tell(closing())
		Expect(closed.again).To(HaveKey("P"))
		Expect(closed.held()).To(Equal([]string{"P 05-10 23:00-05-11 00:00 1x1024 gap"}))
		Expect(all(closed)).To(Equal(all(tell(opened()))))

		forgetful := tell(newBooks(projector.Config{Cut: timeline.CutDay}))
		Expect(forgetful.held()).To(Equal([]string{"P 08:00-05-11 00:00 1x1024 gap"}), "without its facts")
	})
	It("that nothing was heard of before its gap was closed is held from the gap on", func() {
		b := begin(closing()).tell(app("STARTED", "05-11 00:00", process("Q"), unchanged))
		Expect(b.again).To(BeEmpty(), "nothing of it was forgotten")
		Expect(b.held()).To(Equal([]string{"Q 08:00-05-11 00:00 1x1024 gap"}))
		Expect(b.running()).To(Equal([]string{"Q 05-11 00:00- 1x1024 inferred_start"}))
	})
	It("with an ordinary beginning needs nothing of its past", func() {
		b := begin(closing()).tell(app("STARTED", "05-11 00:00", previous("STOPPED")))
		Expect(b.again).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
		Expect(b.running()).To(Equal([]string{"P 05-11 00:00- 1x1024"}))
	})
	It("is one that nothing is known of where USAGE has not got its facts any more", func() {
		b := begin(closing())
		b.lacks = "messages of USAGE are gone"
		b.tell(app("STARTED", "05-11 00:00", unchanged))
		Expect(b.held()).To(Equal([]string{"P 08:00-05-11 00:00 1x1024 gap"}))
		Expect(b.codes()).To(BeEmpty())
	})
})
