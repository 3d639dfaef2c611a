package projector_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A late fact of a month whose facts are folded", func() {
	daily := func() *books { return newBooks(projector.Config{Cut: timeline.CutDay}).remembering() }
	monthly := func() *books { return newBooks(projector.Config{Cut: timeline.CutMonth}).remembering() }

	It("is placed by its resource's facts: the spans of before are retracted as they were published", func() {
		b := daily().tell(app("STARTED", "09:00"), app("STARTED", "03-04 12:00", size(2, 1024))).
			reach("05-10 00:00")
		before := len(b.closed())
		b.tell(app("STOPPED", "03-02 12:00", late(1)))
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
		Expect(b.closed()[:3]).To(Equal([]string{
			"P 09:00-03-02 00:00 1x1024", "P 03-02 00:00-03-02 12:00 1x1024 since 09:00",
			"P 03-04 12:00-03-05 00:00 2x1024",
		}))
		Expect(b.closed()).To(HaveLen(before - 2)) // 2 March is shorter, 3 and 4 March are gone
	})
	It("names the correction month, and the one in which each span was published", func() {
		b := monthly().tell(app("STARTED", "09:00"), app("STOPPED", "09:30", previous("STARTED"))).reach("05-10 00:00")
		b.tell(app("STOPPED", "09:20", late(1), previous("STARTED")))
		Expect(b.last.Correction).To(Equal("2026-05"))
		Expect(b.last.Retracted).To(HaveLen(1))
		Expect(b.last.Retracted[0].Correction).To(BeEmpty())
		b.reach("06-10 00:00").tell(app("STOPPED", "09:10", late(1), previous("STARTED")))
		Expect(b.last.Correction).To(Equal("2026-06"))
		Expect(b.last.Retracted[0].Correction).To(Equal("2026-05"))
		Expect(b.closed()).To(Equal([]string{"P 09:00-09:10 1x1024"}))
	})
	It("begins what may have been forgotten", func() {
		b := monthly().tell(app("STARTED", "09:00")).reach("05-10 00:00")
		b.tell(task("TASK_STARTED", "03-05 00:00", late(1)), task("TASK_STOPPED", "03-05 01:00", late(3),
			previous("RUNNING")))
		Expect(b.closed()).To(ContainElement("T 03-05 00:00-03-05 01:00 1x256"))
		Expect(b.codes()).To(BeEmpty())
	})
	It("goes on to run through the months since, up to the last cut", func() {
		b := monthly().tell(service("CREATED", "09:00", "small"), service("UPDATED", "03-10 00:00", "large"),
			app("STARTED", "03-11 00:00")).reach("05-10 00:00")
		b.tell(service("UPDATED", "03-12 00:00", "huge", late(2)))
		Expect(b.last.Correction).To(Equal("2026-05"))
		Expect(b.closed()).To(ContainElements("D 03-10 00:00-03-12 00:00 large", "D 03-12 00:00-04-01 00:00 huge",
			"D 04-01 00:00-05-01 00:00 huge since 03-12 00:00"))
		b.reach("06-10 00:00").tell(service("DELETED", "06-11 00:00", "huge"))
		Expect(b.closed()).To(ContainElement("D 06-01 00:00-06-11 00:00 huge since 03-12 00:00"))
	})
	It("may be a build's ending, or a beginning", func() {
		b := monthly().tell(build("STAGING_STARTED", "10:00"), build("STAGING_STARTED", "04-02 10:00")).
			reach("05-10 00:00").tell(build("STAGING_STOPPED", "10:30", late(1)))
		Expect(b.closed()).To(Equal([]string{"A 10:00-10:30 1x1024"}))
		Expect(b.last.Correction).To(Equal("2026-05"))
		Expect(b.held()).To(BeEmpty())
	})
	It("stands behind a first collection, and behind a gap that is settled", func() {
		b := monthly().gap("", "", "08:00").tell(app("STARTED", "09:00"), app("STOPPED", "09:30"),
			service("CREATED", "09:40", "small")).gap(events.ListApp, "10:00", "11:00").
			tell(app("STARTED", "12:00", previous("STOPPED")), app("STOPPED", "13:00")).reach("05-10 00:00").
			tell(app("STOPPED", "12:30", late(6), previous("STARTED")))
		Expect(b.codes()).To(BeEmpty())
		Expect(b.closed()).To(Equal([]string{
			"P 09:00-09:30 1x1024", "P 12:00-12:30 1x1024",
			"D 09:40-04-01 00:00 small", "D 04-01 00:00-05-01 00:00 small since 09:40",
		}))
		b.tell(app("STOPPED", "09:20", late(2), previous("STARTED")))
		Expect(b.closed()).To(ContainElement("P 09:00-09:20 1x1024"))
	})
	It("follows one that was found late itself, whose place is not kept any more", func() {
		b := monthly().tell(app("STARTED", "09:00"), app("STARTED", "10:30", size(2, 1024)),
			service("CREATED", "10:40", "small")).reach("11:00").
			tell(service("UPDATED", "09:20", "large", late(1))).reach("05-10 00:00").
			tell(app("STOPPED", "09:30", late(5)))
		Expect(b.codes()).To(BeEmpty())
		Expect(b.closed()[:3]).To(Equal([]string{
			"P 09:00-09:30 1x1024", "P 10:30-04-01 00:00 2x1024", "P 04-01 00:00-05-01 00:00 2x1024 since 10:30",
		}))
	})
	It("that comes twice is one, and after a restart, too", func() {
		cfg := projector.Config{Cut: timeline.CutDay}
		b := daily().tell(app("STARTED", "09:00"), app("STARTED", "03-04 12:00", size(2, 1024))).
			reach("05-10 00:00")
		u := app("STOPPED", "03-02 12:00", late(1))
		u.ID = "once"
		b.tell(u)
		snapshot := b.meter.Snapshot()
		meter, err := projector.RestoreMeter(cfg, snapshot)
		Expect(err).NotTo(HaveOccurred())
		Expect(meter.Snapshot()).To(Equal(snapshot))
		b.meter = meter
		n := len(b.stream)
		Expect(b.remembering().tell(u).stream).To(HaveLen(n))
		b.tell(app("STARTED", "03-03 12:00", late(4), previous("STOPPED")))
		Expect(b.closed()).To(ContainElement("P 03-03 12:00-03-04 00:00 1x1024"))
	})
	It("comes after what its window has changed before, and together with what it changes behind it", func() {
		b := daily().tell(app("STARTED", "09:00"), app("STARTED", "03-04 12:00", size(2, 1024))).
			reach("05-10 00:00")
		b.meter.Open(b.sequence + 1)
		b.tell(app("STARTED", "05-10 01:00", size(3, 1024), previous("STARTED"), was(2, 1024)),
			app("STOPPED", "03-02 12:00", late(1)), app("STARTED", "03-02 18:00", late(5), previous("STOPPED")))
		Expect(b.meter.Opened()).To(Equal(uint64(4)))
		b.meter.Flush(b.post)
		Expect(b.closed()).To(ContainElements("P 03-02 00:00-03-02 12:00 1x1024 since 09:00",
			"P 03-02 18:00-03-03 00:00 1x1024"))
		Expect(b.last.Cause.Sequence).To(Equal(uint64(6)), "both late facts in one message")
		Expect(b.closed()).To(ContainElement("P 05-10 00:00-05-10 01:00 2x1024 since 03-04 12:00"))
		Expect(b.running()).To(Equal([]string{"P 05-10 01:00- 3x1024"}))
	})
	It("is held where USAGE has not got the facts any more, and says so", func() {
		b := monthly().tell(app("STARTED", "09:00"), app("STARTED", "03-10 00:00", size(2, 1024))).reach("05-10 00:00")
		before := b.closed()
		b.lacks = "messages of USAGE are gone"
		b.tell(app("STOPPED", "03-05 00:00", late(1)))
		Expect(b.closed()).To(Equal(before))
		Expect(b.held()).To(Equal([]string{"P 03-05 00:00-03-05 00:00 1x1024 closed_period"}))
		Expect(b.last.Held[0].Reason).To(ContainSubstring("and messages of USAGE are gone: what was billed stands"))
		b.lacks = ""
		b.say(events.ActionDiscard).tell(app("STOPPED", "03-04 00:00", late(1)))
		Expect(b.held()).To(HaveLen(1), "what was settled by hand is not derived any more")
		Expect(b.closed()).To(Equal(before))
	})
	It("is held where its facts do not give what was published of it", func() {
		b := monthly().tell(app("STARTED", "09:00"), app("STARTED", "03-10 00:00", size(2, 1024))).reach("05-10 00:00")
		b.inputs = b.inputs[1:]
		b.tell(app("STOPPED", "03-12 00:00", late(1)))
		Expect(b.held()).To(HaveLen(1))
		Expect(b.last.Held[0].Reason).To(ContainSubstring("what was published of it is not what its facts give"))
	})
	It("of a database that was deleted is placed, too", func() {
		b := daily().tell(created(), deleted("12:00", volume(5))).reachTime(events.SourceTrove, clock("05-07 00:00"))
		Expect(b.meter.Tracked()).To(BeZero())
		b.tell(database("modify_volume", "11:00", flavour("s", 512), volume(5), oldVolume(1)))
		Expect(b.wrong).To(BeEmpty())
		Expect(b.closed()).To(Equal([]string{
			"I 10:00-12:00 m1.s 512 MB", "I 10:00-11:00 1 GB", "I 11:00-12:00 5 GB",
		}))
		Expect(b.codes()).To(Equal([]string{events.AnomalyLostChange}), "said with the deletion")
		Expect(b.last.Correction).To(Equal("2026-05"))
		Expect(b.reachTime(events.SourceTrove, clock("06-07 00:00")).meter.Tracked()).To(BeZero())
		b.tell(exists("11:00"), exists("13:00"))
		Expect(b.codes()).To(HaveLen(2))
		Expect(b.codes()).To(ContainElement(events.AnomalyAfterDelete))
	})
})
