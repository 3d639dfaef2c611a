package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// heldUnder are the holds of the last message, as lines.
func (b *books) heldUnder() []string {
	out := []string{}
	for i := range b.last.Held {
		out = append(out, heldLine(&b.last.Held[i]))
	}
	return out
}

// decide is an operator's word on a hold.
func (b *books) decide(hold, action, at string, footprint events.Footprint) bool {
	b.sequence++
	return b.meter.Decide(&events.Act{
		ID: events.ID("decision", hold, action, at), Kind: events.ActDecision, Source: events.SourceTrove,
		Foundation: "eu", By: "ops", Time: clock(at),
		Decision: events.Decision{
			Kind: events.KindInstance, Resource: "I", Hold: hold, Action: action, Footprint: footprint,
		},
	}, b.sequence, b.post)
}

func (b *books) release(footprint events.Footprint) *books {
	for _, h := range b.last.Held {
		Expect(b.decide(h.ID, events.ActionRelease, "20:00", footprint)).To(BeTrue())
	}
	return b
}

func (b *books) discard() *books {
	for _, h := range b.last.Held {
		Expect(b.decide(h.ID, events.ActionDiscard, "20:00", events.Footprint{})).To(BeTrue())
	}
	return b
}

func gigabytes(n uint32) events.Footprint { return events.Footprint{VolumeGB: events.Some(n)} }

var _ = Describe("What is not known of a database is held", func() {
	Context("its volume, when only exists was collected, which does not say it", func() {
		known := func() *books { return told(exists("10:30"), exists("10:40")) }

		It("is listed as long as it goes on", func() {
			b := known()
			Expect(b.heldUnder()).To(Equal([]string{"I held volume unknown_volume 10:00-"}))
			Expect(b.last.Held[0].Reason).To(ContainSubstring("--volume-gb"))
			Expect(b.codes()).To(Equal([]string{events.AnomalyUnknownVolume}))
		})
		It("is billed with the size that an operator gives, and goes on running", func() {
			b := known().release(gigabytes(7))
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.running()).To(Equal([]string{"I 10:00- s inferred_start", "I 10:00- 7 GB inferred_start"}))
			Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
		})
		It("stays held when a release gives no size, or none that a volume has", func() {
			for _, said := range []events.Footprint{{}, gigabytes(0)} {
				Expect(known().release(said).heldUnder()).To(Equal([]string{"I held volume unknown_volume 10:00-"}))
			}
		})
		It("is never billed when it is discarded", func() {
			b := known().discard()
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.running()).To(Equal([]string{"I 10:00- s inferred_start"}))
			Expect(b.tell(exists("11:00")).heldUnder()).To(BeEmpty())
		})
		It("is what a message says as soon as one does, whatever the operator said", func() {
			b := known().release(gigabytes(7)).tell(deleted("12:00", volume(2)))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB inferred_start", "I 10:00-12:00 2 GB " +
				"inferred_start"}))
		})
		It("is what the operator said up to a change that does not say the size before", func() {
			b := known().release(gigabytes(7)).tell(database("resize_volume.end", "11:00", volume(9)))
			Expect(lines(b.last.Closed)).To(Equal([]string{"I 10:00-11:00 7 GB inferred_start"}))
			Expect(b.running()).To(ContainElement("I 11:00- 9 GB"))
		})
		It("follows the last decision", func() {
			b := known()
			hold := b.last.Held[0].ID
			Expect(b.decide(hold, events.ActionRelease, "20:00", gigabytes(7))).To(BeTrue())
			Expect(b.decide(hold, events.ActionDiscard, "21:00", events.Footprint{})).To(BeTrue())
			Expect(b.running()).To(Equal([]string{"I 10:00- s inferred_start"}))
			Expect(b.decide(hold, events.ActionRelease, "20:30", gigabytes(8))).To(BeTrue(),
				"by another operator's clock")
			Expect(b.running()).To(Equal([]string{"I 10:00- s inferred_start", "I 10:00- 8 GB inferred_start"}))
		})
		It("keeps its id while it grows and shrinks", func() {
			b := known()
			first := b.last.Held[0].ID
			b.tell(database("resize_volume.end", "11:00", volume(9)))
			Expect(b.heldUnder()).To(Equal([]string{"I held volume unknown_volume 10:00-11:00"}))
			Expect(b.last.Held[0].ID).To(Equal(first))
		})
	})

	Context("its flavour, when the create was lost and the first that is known is a change", func() {
		known := func() *books { return told(database("modify_flavor", "11:00", flavour("m", 768), volume(1))) }

		It("is held until the change", func() {
			Expect(known().heldUnder()).To(Equal([]string{"I held instance unknown_flavor 10:00-11:00"}))
		})
		It("is held with the memory that the change says there was before", func() {
			b := told(database("modify_flavor", "11:00", flavour("m", 768), volume(1),
				func(u *events.Usage) { u.PreviousMemoryMB = events.Some(512) }))
			Expect(b.last.Held[0].Footprint).To(Equal(events.Footprint{MemoryMB: events.Some(512)}))
			b.release(events.Footprint{Flavor: "m1.s", FlavorID: "s"})
			Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB inferred_start"}))
		})
		It("is what the create says when that arrives", func() {
			b := known().tell(created())
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB"}))
		})
		It("is held for ever when no message names one", func() {
			b := told(database("resize_volume.end", "11:00", volume(9)),
				deleted("12:00", func(u *events.Usage) { u.Footprint = gigabytes(9) }))
			Expect(b.heldUnder()).To(Equal([]string{
				"I held instance unknown_flavor 10:00-12:00",
				"I held volume unknown_volume 10:00-11:00",
			}))
			Expect(b.closed()).To(Equal([]string{"I 11:00-12:00 9 GB"}))
		})
	})

	// Trove sends a delete for an instance that failed to build, too (taskmanager/models.py,
	// delete_async), but no create.
	Context("all of it, when only the deletion was collected", func() {
		It("is listed with what the deletion says, from created_at to deleted_at", func() {
			b := told(deleted("10:05"))
			Expect(b.heldUnder()).To(Equal([]string{
				"I held instance delete_without_create 10:00-10:05 s", "I held volume delete_without_create " +
					"10:00-10:05  1",
			}))
			Expect(b.closed()).To(BeEmpty())
		})
		It("is held without a size, and needs one, when the deletion names the volume only, or says 0 GB", func() {
			for _, size := range []detail{unsized, volume(0)} {
				b := told(deleted("10:05", size))
				Expect(b.heldUnder()).To(ContainElement(HavePrefix("I held volume delete_without_create 10:00-10:05")))
				Expect(b.last.Held[1].Reason).To(ContainSubstring("--volume-gb"))
				Expect(b.release(events.Footprint{}).heldUnder()).To(ConsistOf(HavePrefix("I held volume " +
					"delete_without_create 10:00-10:05")))
				Expect(b.release(gigabytes(2)).closed()).To(ContainElement("I 10:00-10:05 2 GB inferred_start"))
			}
		})
		It("is billed when it is released", func() {
			b := told(deleted("10:05")).release(events.Footprint{})
			Expect(b.closed()).To(Equal([]string{"I 10:00-10:05 m1.s 512 MB inferred_start", "I 10:00-10:05 1 GB " +
				"inferred_start"}))
			again := told(deleted("10:05")).release(events.Footprint{
				Flavor: "m1.l", FlavorID: "l",
				VolumeGB: events.Some(7),
			})
			Expect(again.closed()).To(Equal(b.closed()), "what the deletion says stands")
			Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
		})
		It("is nothing when it is discarded", func() {
			b := told(deleted("10:05")).discard()
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.closed()).To(BeEmpty())
		})
		It("is a failed build, and not held, when the deletion says that no server was made", func() {
			b := told(deleted("10:05", func(u *events.Usage) { u.NoServer = true }))
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.codes()).To(Equal([]string{events.AnomalyFailedBuild}))
		})
		It("is billed when the create arrives", func() {
			b := told(deleted("10:05"), created())
			Expect(b.heldUnder()).To(BeEmpty())
			Expect(b.closed()).To(Equal([]string{"I 10:00-10:05 m1.s 512 MB", "I 10:00-10:05 1 GB"}))
		})
	})

	It("and a hold that the database cannot have is not one", func() {
		b := told(created())
		Expect(b.decide("no such hold", events.ActionRelease, "20:00", gigabytes(1))).To(BeFalse())
	})

	It("and is billed from the epoch on when it is released", func() {
		b := newBooks(projector.Config{
			Cut:   timeline.CutNone,
			Epoch: map[string]time.Time{events.SourceTrove: clock("10:15")},
		}).tell(exists("10:30"))
		Expect(b.heldUnder()).To(Equal([]string{"I held volume unknown_volume 10:15-"}))
	})
})

var _ = Describe("A database of a month that is closed", func() {
	daily := projector.Config{Cut: timeline.CutDay}
	forgotten := func(facts ...*events.Usage) *books {
		b := newBooks(daily).tell(facts...).reachTime(events.SourceTrove, clock("05-07 00:00"))
		Expect(b.meter.Tracked()).To(BeZero())
		return b
	}

	It("is remembered until the month of its end is closed, five days after it", func() {
		b := newBooks(daily).tell(created(), deleted("12:00")).reachTime(events.SourceTrove, clock("05-05 00:00"))
		Expect(b.meter.Tracked()).To(Equal(1))
		Expect(b.reachTime(events.SourceTrove, clock("05-07 00:00")).meter.Tracked()).To(BeZero())
	})

	It("is not brought back to life by an exists that comes late, and nothing is published again", func() {
		b := forgotten(created(), deleted("12:00"))
		before := b.closed()
		b.tell(exists("11:00"), exists("13:00")).reachTime(events.SourceTrove, clock("06-06 00:00"))
		Expect(b.closed()).To(Equal(before))
		Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod, events.AnomalyAfterDelete}))
		Expect(b.running()).To(BeEmpty())
		Expect(b.meter.Tracked()).To(BeZero())
	})

	It("has a change that comes late held, which an operator settles by hand and discards", func() {
		b := forgotten(created(), deleted("12:00"))
		before := b.closed()
		b.tell(database("modify_volume", "11:00", flavour("s", 512), volume(5),
			oldVolume(1))).reachTime(events.SourceTrove, clock("05-08 00:00"))
		Expect(b.heldUnder()).To(Equal([]string{"I held volume closed_period 11:00-12:00  5"}))
		Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
		b.release(events.Footprint{})
		Expect(b.heldUnder()).To(HaveLen(1), "it can not be released")
		Expect(b.decide(b.last.Held[0].ID, events.ActionDiscard, "21:00", events.Footprint{})).To(BeTrue())
		Expect(b.heldUnder()).To(BeEmpty())
		Expect(b.closed()).To(Equal(before))
		Expect(b.reachTime(events.SourceTrove, clock("06-06 00:00")).meter.Tracked()).To(BeZero())
	})

	It("is not forgotten while something of it is held", func() {
		b := newBooks(daily).tell(deleted("12:00")).reachTime(events.SourceTrove, clock("06-06 00:00"))
		Expect(b.meter.Tracked()).To(Equal(1))
		Expect(b.tell(created()).closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB", "I 10:00-12:00 1 GB"}))
	})

	It("that went silent is remembered 400 days, in case that it comes back", func() {
		facts := []*events.Usage{created(), report("I", "10:40"), created(of("J"))}
		for day := range 4 {
			facts = append(facts, report("J", clock("10:40").AddDate(0, 0, day).Format("01-02 15:04")),
				report("J", clock("11:40").AddDate(0, 0, day).Format("01-02 15:04")))
		}
		b := newBooks(daily).tell(facts...).reachTime(events.SourceTrove, clock("06-20 00:00"))
		Expect(onlyI(b.closed())).To(Equal([]string{"I 10:00-10:40 m1.s 512 MB provisional_end", "I 10:00-10:40 1 GB " +
			"provisional_end"}))
		before := b.retracted
		b.tell(report("I", "06-20 01:00"))
		Expect(b.retracted - before).To(Equal(2))
		Expect(b.last.Correction).To(BeEmpty(), "the closed months stand in a message of their own")
		Expect(onlyI(b.closed())).To(HaveLen(2 * 111))
		Expect(b.running()).To(Equal([]string{"I 06-20 00:00- m1.s 512 MB since 10:00", "I 06-20 00:00- 1 GB since " +
			"10:00"}))
	})
})
