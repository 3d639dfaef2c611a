package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// stopped and started are ordinary facts about process P, as Cloud Controller writes them.
func stopped(at string, instances uint32, details ...detail) *events.Usage {
	return app("STOPPED", at, append([]detail{size(instances, 512), unchanged}, details...)...)
}

func started(at string, instances uint32, details ...detail) *events.Usage {
	return app("STARTED", at, append([]detail{size(instances, 512), previous("STOPPED")}, details...)...)
}

func scaled(at string, before, instances uint32, details ...detail) *events.Usage {
	return app("STARTED", at, append([]detail{size(instances, 512), was(before, 512), previous("STARTED")},
		details...)...)
}

// bounds are the lower bounds of the holds.
func (b *books) bounds() (instances []uint32) {
	for _, h := range b.last.Held {
		instances = append(instances, h.Lower.Instances.Or(99))
	}
	return instances
}

var lostChange = []string{events.AnomalyLostChange}

var _ = Describe("A contradiction", func() {
	It("of a STARTED that was STOPPED before with a running process shows a lost STOPPED: from the last event on it "+
		"may have run, or not", func() {
		b := told(started("10:00", 2), scaled("12:00", 2, 1), started("15:00", 3)).reach("15:00")
		Expect(b.closed()).To(Equal([]string{"P 10:00-12:00 2x512"}))
		Expect(b.held()).To(Equal([]string{"P 12:00-15:00 1x512 lost_change"}))
		Expect(b.bounds()).To(Equal([]uint32{0}))
		Expect(b.running()).To(Equal([]string{"P 15:00- 3x512"}))
		Expect(b.codes()).To(Equal(lostChange))
		Expect(b.anomalies[0].Message).To(ContainSubstring("contradiction"))
		Expect(b.last.Held[0].Reason).To(ContainSubstring("database was changed or restored"))
	})

	It("of an event that was STARTED before with a stopped process shows a lost STARTED", func() {
		b := told(started("10:00", 2), stopped("11:00", 2), scaled("15:00", 4, 3)).reach("15:00")
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 2x512"}))
		Expect(b.held()).To(Equal([]string{"P 11:00-15:00 4x512 lost_change"}))
		Expect(b.bounds()).To(Equal([]uint32{0}))
		Expect(b.running()).To(Equal([]string{"P 15:00- 3x512 inferred_start"}))
		Expect(b.codes()).To(Equal(lostChange))
	})

	It("of a STOPPED with a stopped process holds the size that ran before it", func() {
		b := told(started("10:00", 2), stopped("11:00", 2), stopped("15:00", 4)).reach("15:00")
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 2x512"}))
		Expect(b.held()).To(Equal([]string{"P 11:00-15:00 4x512 lost_change"}))
		Expect(b.bounds()).To(Equal([]uint32{0}))
		Expect(b.running()).To(BeEmpty())
		Expect(b.codes()).To(Equal(lostChange))
	})

	It("of the size before a scaling or a STOPPED shows a lost scaling, with bounds by quantity", func() {
		b := told(started("10:00", 2), app("STARTED", "15:00", size(5, 512), was(1, 2048), previous("STARTED"))).
			reach("15:00")
		Expect(b.closed()).To(BeEmpty())
		Expect(b.held()).To(Equal([]string{"P 10:00-15:00 2x2048 lost_change"}))
		Expect(b.last.Held[0].Lower.Instances).To(Equal(events.Some(1)))
		Expect(b.last.Held[0].Lower.MemoryMB).To(Equal(events.Some(512)))
		Expect(b.running()).To(Equal([]string{"P 15:00- 5x512"}))
		Expect(b.codes()).To(Equal(lostChange))

		b = told(started("10:00", 2), stopped("15:00", 3)).reach("15:00")
		Expect(b.held()).To(Equal([]string{"P 10:00-15:00 3x512 lost_change"}))
		Expect(b.bounds()).To(Equal([]uint32{2}))
	})

	It("of the previous size alone counts: a STOPPED that names another present size never ran in it", func() {
		b := told(started("10:00", 2), app("STOPPED", "12:00", size(7, 512), was(2, 512), previous("STARTED"))).
			reach("12:00")
		Expect(b.closed()).To(Equal([]string{"P 10:00-12:00 2x512"}))
		Expect(b.codes()).To(BeEmpty())
	})

	It("is none where a process was scaled while it was stopped: sizes of STARTED say nothing of the time before",
		func() {
			b := told(started("10:00", 2), stopped("11:00", 2), started("12:00", 5)).reach("12:00")
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 2x512"}))
			Expect(b.held()).To(BeEmpty())
			Expect(b.codes()).To(BeEmpty())
		})

	It("is none where the size before is null", func() {
		b := told(started("10:00", 2), app("STARTED", "11:00", size(3, 1024), previous("STARTED")), stopped("12:00", 3,
			size(3, 1024))).reach("12:00")
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 2x512", "P 11:00-12:00 3x1024"}))
		Expect(b.codes()).To(BeEmpty())
	})

	It("is none with 0 instances, which run", func() {
		b := told(started("10:00", 0), scaled("11:00", 0, 2), scaled("12:00", 2, 0), stopped("13:00", 0)).reach("13:00")
		Expect(b.codes()).To(BeEmpty())
	})

	It("is none with a first event, whatever it says of before", func() {
		Expect(told(scaled("10:00", 1, 2), stopped("11:00", 2)).reach("11:00").codes()).To(BeEmpty())
	})

	It("is none by buildpack, name, space or type", func() {
		b := told(started("10:00", 2, buildpack("ruby")), scaled("11:00", 2, 3, buildpack("java"), named("new"),
			processType("worker"))).reach("11:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
	})

	It("is none of tasks and builds, whose states before are not usage states", func() {
		b := told(task("TASK_STARTED", "10:00", previous("CANCELING")), task("TASK_STOPPED", "11:00",
			previous("PENDING"), size(1, 512)), build("STAGING_STARTED", "10:00", previous("STAGING")),
			build("STAGING_STARTED", "10:10", previous("STAGING"))).reach("10:30")
		Expect(b.codes()).To(BeEmpty())
	})

	DescribeTable("within a minute raises nothing, and the smaller is billed",
		func(closed, running []string, facts ...*events.Usage) {
			b := told(facts...).reach("12:00")
			Expect(b.codes()).To(BeEmpty())
			Expect(b.closed()).To(Equal(closed))
			Expect(b.running()).To(Equal(running))
		},
		Entry("a canceled deployment scales a process to 0 and from its old size on",
			[]string{"P 10:00-11:00 4x512", "P 11:00-11:01 0x512"}, []string{"P 11:01- 3x512"},
			started("10:00", 4), scaled("11:00", 4, 0), scaled("11:01", 4, 3)),
		Entry("a canceled deployment scales a process down and from its old size on",
			[]string{"P 10:00-11:00 1x512", "P 11:00-11:01 1x512 inferred_start"}, []string{"P 11:01- 3x512"},
			started("10:00", 1), scaled("11:00", 1, 2), scaled("11:01", 1, 3)),
		Entry("STARTED twice", []string{}, []string{"P 10:00:05- 2x512"}, started("10:00", 2), started("10:00:05", 2)),
		Entry("STOPPED twice", []string{"P 10:00-11:00 2x512"}, []string{},
			started("10:00", 2), stopped("11:00", 2), stopped("11:00", 2)),
		Entry("a scaling that is lost", []string{"P 10:00-10:00:30 2x512"}, []string{},
			started("10:00", 2), stopped("10:00:30", 5)),
	)

	Describe("of a STARTED<STARTED right after a STOPPED, which a race makes of a stopped process", func() {
		facts := []*events.Usage{started("10:00", 3), stopped("11:00", 3), scaled("11:00:20", 3, 2)}

		It("holds the run while no later event shows it", func() {
			b := told(facts...).reach("12:00")
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 3x512"}))
			Expect(b.running()).To(BeEmpty())
			Expect(b.held()).To(Equal([]string{"P 11:00:20- 2x512 unproven_baseline"}))
		})
		It("bills the run once an event shows it", func() {
			b := told(facts...).tell(stopped("13:00", 2)).reach("13:00")
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 3x512", "P 11:00:20-13:00 2x512 inferred_start"}))
			Expect(b.held()).To(BeEmpty())
			Expect(b.codes()).To(BeEmpty())
		})
		It("never bills it where the next event says STOPPED before, and raises nothing", func() {
			b := told(facts...).tell(started("13:00", 4)).reach("13:00")
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 3x512"}))
			Expect(b.held()).To(Equal([]string{"P 11:00:20-13:00 2x512 unproven_baseline"}))
			Expect(b.codes()).To(BeEmpty())
		})
		It("survives a restart of the projector in between", func() {
			b := told(facts...)
			meter, err := projector.RestoreMeter(projector.Config{Cut: timeline.CutNone}, b.meter.Snapshot())
			Expect(err).NotTo(HaveOccurred())
			b.meter = meter
			b.tell(started("13:00", 4)).reach("13:00")
			Expect(b.held()).To(Equal([]string{"P 11:00:20-13:00 2x512 unproven_baseline"}))
			Expect(b.codes()).To(BeEmpty())
		})
	})

	DescribeTable("with a baseline is an unproven baseline, and no lost change", func(held string,
		facts ...*events.Usage,
	) {
		b := told(facts...).reach("18:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(Equal([]string{held + " unproven_baseline"}))
	},
		Entry("a reseed", "P 11:00-12:00 2x512", started("10:00", 2), app("STARTED", "11:00", size(2, 512), reseeded),
			started("12:00", 2)),
		Entry("a reseed by its size", "P 11:00-12:00 3x512", started("10:00", 2), app("STARTED", "11:00",
			size(2, 512), reseeded), stopped("12:00", 3)),
		Entry("WAS_RUNNING behind a STOPPED", "P 11:00-12:00 2x512", started("10:00", 2),
			stopped("10:30", 2), app("WAS_RUNNING", "11:00", size(2, 512)), started("12:00", 2)),
		Entry("WAS_RUNNING of a process that is known: from the last event on", "P 10:00-12:00 2x512",
			started("10:00", 2), app("WAS_RUNNING", "11:00", size(2, 512)), started("12:00", 2)),
		Entry("a service's baseline", "D 10:00-12:00 small", service("WAS_RUNNING", "10:00", "small"),
			service("DELETED", "12:00", "large")),
		Entry("a service's reseed", "D 10:00-12:00 small", service("CREATED", "10:00", "small", reseeded),
			service("DELETED", "12:00", "large")),
	)

	It("is none with a repaired ending", func() {
		b := told(app("WAS_RUNNING", "09:00", size(2, 512)), scaled("10:00", 2, 3), stopped("11:00", 3),
			app("STOPPED", "12:00", size(2, 512), previous("WAS_RUNNING"))).reach("12:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
	})

	Describe("of the plan that a deletion names", func() {
		It("shows a lost UPDATED: the time since the last event is held, with both plans", func() {
			b := told(service("CREATED", "03-02 00:00", "small"), service("DELETED", "03-12 00:00", "large")).
				reach("03-12 00:00")
			Expect(b.closed()).To(BeEmpty())
			Expect(b.held()).To(Equal([]string{"D 03-02 00:00-03-12 00:00 small lost_change"}))
			Expect(b.last.Held[0].Lower.Plan).To(Equal("large"))
			Expect(b.codes()).To(Equal(lostChange))
		})
		It("within a minute is held without an anomaly: neither plan is the smaller one", func() {
			b := told(service("CREATED", "10:00", "small"), service("DELETED", "10:00:40", "large")).reach("11:00")
			Expect(b.closed()).To(BeEmpty())
			Expect(b.held()).To(HaveLen(1))
			Expect(b.codes()).To(BeEmpty())
		})
		It("is none where it has another name, no guid, or is said by an UPDATED", func() {
			renamed := func(u *events.Usage) { u.Footprint.Plan = "renamed" }
			null := func(u *events.Usage) { u.Footprint = events.Footprint{} }
			for _, facts := range [][]*events.Usage{
				{service("CREATED", "10:00", "small"), service("DELETED", "12:00", "small", renamed)},
				{service("CREATED", "10:00", "small"), service("DELETED", "12:00", "small", null)},
				{service("CREATED", "10:00", "small"), service("UPDATED", "11:00", "large"), service("DELETED", "12:00",
					"large")},
				{service("CREATED", "10:00", "small"), service("DELETED", "12:00", "small"), service("DELETED", "13:00",
					"large")},
			} {
				b := told(facts...).reach("13:00")
				Expect(b.codes()).To(BeEmpty())
				Expect(b.held()).To(BeEmpty())
			}
		})
	})

	It("across a gap is the gap's", func() {
		b := told(started("10:00", 2)).gap(events.ListApp, "11:00", "12:00").tell(started("15:00", 3)).reach("15:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(Equal([]string{"P 11:00-12:00 2x512 gap"}))
	})

	It("before a gap that reaches back over it is the gap's", func() {
		b := told(started("10:00", 2), started("15:00", 3)).gap(events.ListApp, "14:00", "16:00").reach("16:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.closed()).To(Equal([]string{"P 10:00-14:00 2x512"}))
		Expect(b.held()).To(ContainElement("P 14:00-15:00 2x512 gap"))
	})

	Describe("that a late event may still explain", func() {
		It("is held at once, and is an anomaly when no late event is looked for any more", func() {
			b := told(started("10:00", 2), started("15:00", 3))
			Expect(b.held()).To(Equal([]string{"P 10:00-15:00 2x512 lost_change"}))
			b.settled("15:29", "14:59")
			Expect(b.codes()).To(BeEmpty())
			b.settled("15:30", "15:00")
			Expect(b.codes()).To(Equal(lostChange))
			b.settled("15:40", "15:10")
			Expect(b.codes()).To(Equal(lostChange), "once")
		})
		It("is gone when the late event comes", func() {
			b := told(started("10:00", 2), started("15:00", 3)).settled("15:10", "14:40").
				tell(stopped("13:00", 2, late(1))).reach("18:00")
			Expect(b.closed()).To(Equal([]string{"P 10:00-13:00 2x512"}))
			Expect(b.held()).To(BeEmpty())
			Expect(b.codes()).To(BeEmpty())
		})
		It("waits through a restart of the projector, also where an operator has decided", func() {
			b := told(started("10:00", 2), started("15:00", 3)).say(events.ActionDiscard)
			Expect(b.held()).To(BeEmpty())
			meter, err := projector.RestoreMeter(projector.Config{Cut: timeline.CutNone}, b.meter.Snapshot())
			Expect(err).NotTo(HaveOccurred())
			b.meter = meter
			b.tell(stopped("16:00", 3)).reach("17:00")
			Expect(b.codes()).To(Equal(lostChange))
		})
	})

	Describe("an operator decides about it", func() {
		for _, cut := range []timeline.Cut{timeline.CutNone, timeline.CutHour} {
			It("release bills the most, and a run of the same size goes on, cut by "+string(cut), func() {
				b := newBooks(projector.Config{Cut: cut}).tell(started("10:00", 2)).reach("13:00").
					tell(started("15:30", 3)).reach("16:00")
				Expect(b.held()).To(Equal([]string{"P 10:00-15:30 2x512 lost_change"}))
				b.say(events.ActionRelease)
				Expect(lines(b.whole())).To(Equal([]string{"P 10:00-15:30 2x512", "P 15:30-16:00 3x512"}))
				Expect(b.held()).To(BeEmpty())
			})
		}
		It("release with the lower bound bills it", func() {
			b := told(started("10:00", 2), stopped("15:00", 5)).reach("15:00")
			lower := b.last.Held[0].Lower
			b.say(events.ActionRelease, func(d *events.Decision) { d.Footprint = lower })
			Expect(b.closed()).To(Equal([]string{"P 10:00-15:00 2x512"}))
		})
		It("release names one of two plans", func() {
			b := told(service("CREATED", "10:00", "small"), service("DELETED", "15:00", "large")).reach("15:00")
			lower := b.last.Held[0].Lower
			b.say(events.ActionRelease, func(d *events.Decision) { d.Footprint = lower })
			Expect(b.closed()).To(Equal([]string{"D 10:00-15:00 large"}))
		})
		It("discard bills nothing", func() {
			b := told(started("10:00", 2), started("15:00", 3)).say(events.ActionDiscard)
			Expect(b.closed()).To(BeEmpty())
			Expect(b.held()).To(BeEmpty())
		})
	})

	It("before the epoch is none, and what is held begins at the epoch", func() {
		epoch := func(at string) projector.Config {
			return projector.Config{Cut: timeline.CutNone, Epoch: map[string]time.Time{events.SourceCF: clock(at)}}
		}
		b := newBooks(epoch("16:00")).tell(started("10:00", 2), started("15:00", 3)).reach("17:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
		b = newBooks(epoch("12:00")).tell(started("10:00", 2), started("15:00", 3)).reach("17:00")
		Expect(b.codes()).To(Equal(lostChange))
		Expect(b.held()).To(Equal([]string{"P 12:00-15:00 2x512 lost_change"}))
	})

	It("of a space that is not metered is none", func() {
		b := newBooks(projector.Config{ExcludeSpaces: "^dev$"}).tell(started("10:00", 2),
			started("15:00", 3)).reach("17:00")
		Expect(b.codes()).To(BeEmpty())
		Expect(b.held()).To(BeEmpty())
	})

	It("cannot be seen of a lost pair of equal size, a lost change that another follows, or a lost last event", func() {
		b := told(started("10:00", 2), stopped("15:00", 2), service("CREATED", "10:00", "small"), service("UPDATED",
			"12:00", "large")).reach("15:00")
		Expect(b.codes()).To(BeEmpty())
	})
})
