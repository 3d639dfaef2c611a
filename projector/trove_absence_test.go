package projector_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

func of(instance string) detail {
	return func(u *events.Usage) {
		u.Resource = instance
		u.ID = events.ID("trove", instance, u.Event, u.Time.String(), u.Observed.String(), u.Publisher)
	}
}

func by(publisher string) detail { return func(u *events.Usage) { u.Publisher = publisher } }
func audited(period time.Duration) detail {
	return func(u *events.Usage) { u.AuditSeconds = events.Some(uint32(period / time.Second)) }
}

// report is an exists of database I or another, by task manager 1 of the region.
func report(instance, at string, details ...detail) *events.Usage {
	return exists(at, append([]detail{by("region/taskmanager.1"), audited(time.Hour)},
		append(details, of(instance))...)...)
}

// other is database J: its reports prove that its task manager is at work.
func other(times ...string) []*events.Usage {
	facts := []*events.Usage{created(of("J"))}
	for _, at := range times {
		facts = append(facts, report("J", at))
	}
	return facts
}

// onlyI are the lines of database I.
func onlyI(lines []string) []string {
	out := []string{}
	for _, l := range lines {
		if l[0] == 'I' {
			out = append(out, l)
		}
	}
	return out
}

// Reference: Trove sends no deletion twice, and drops messages that the bus refuses
// (oslo.messaging, notify/messaging.py: at most once). A task manager reports with exists every
// database that is not deleted.
var _ = Describe("A database that is not seen any more", func() {
	hourly := projector.Config{Cut: timeline.CutHour}
	goneAfter := func(horizon string, facts ...*events.Usage) *books {
		return newBooks(hourly).tell(created()).tell(facts...).reachTime(events.SourceTrove, clock(horizon))
	}
	gone := []string{"I 10:00-10:40 m1.s 512 MB provisional_end", "I 10:00-10:40 1 GB provisional_end"}

	silent := func() *books {
		return goneAfter("15:00", append(other("10:40", "11:40", "12:40", "13:40", "14:40"), report("I", "10:40"))...)
	}

	It("ends for the time being where it was last seen, once its task manager has left it out of three "+
		"windows", func() {
		b := silent()
		Expect(onlyI(b.closed())).To(Equal(gone))
		Expect(b.codes()).To(Equal([]string{events.AnomalySilent}))
	})

	It("runs on until then: the window after the last sign of life does not count, for a round of reports may run "+
		"over its edge", func() {
		b := goneAfter("14:59", append(other("10:40", "11:40", "12:40", "13:40", "14:40"), report("I", "10:40"))...)
		Expect(onlyI(lines(b.whole()))).To(ContainElement(HavePrefix("I 10:00-14:59 m1.s 512 MB")))
	})

	It("that comes back ran all the time", func() {
		b := silent().tell(report("I", "15:10")).reachTime(events.SourceTrove, clock("16:00"))
		Expect(onlyI(b.closed())).To(Equal([]string{
			"I 10:00-11:00 m1.s 512 MB", "I 11:00-12:00 m1.s 512 MB since 10:00", "I 12:00-13:00 m1.s 512 MB " +
				"since 10:00",
			"I 13:00-14:00 m1.s 512 MB since 10:00", "I 14:00-15:00 m1.s 512 MB since 10:00", "I 15:00-16:00 m1.s " +
				"512 MB since 10:00",
			"I 10:00-11:00 1 GB", "I 11:00-12:00 1 GB since 10:00", "I 12:00-13:00 1 GB since 10:00",
			"I 13:00-14:00 1 GB since 10:00", "I 14:00-15:00 1 GB since 10:00", "I 15:00-16:00 1 GB since 10:00",
		}))
		Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
	})

	It("ends at its deletion when that comes late after all", func() {
		b := silent().tell(deleted("12:30"))
		Expect(onlyI(b.closed())).To(ConsistOf(
			"I 10:00-11:00 m1.s 512 MB", "I 11:00-12:00 m1.s 512 MB since 10:00", "I 12:00-12:30 m1.s 512 MB "+
				"since 10:00",
			"I 10:00-11:00 1 GB", "I 11:00-12:00 1 GB since 10:00", "I 12:00-12:30 1 GB since 10:00",
		))
	})

	It("ends where the audit period does, when that is before the report", func() {
		b := goneAfter("15:00", append(other("10:40", "11:40", "12:40", "13:40", "14:40"),
			report("I", "10:40", func(u *events.Usage) { u.Time = clock("10:38") }))...)
		Expect(onlyI(b.closed())).To(Equal([]string{"I 10:00-10:38 m1.s 512 MB provisional_end", "I 10:00-10:38 1 GB " +
			"provisional_end"}))
	})

	It("has lived until a change at least", func() {
		b := goneAfter("16:00", append(other("10:40", "12:40", "13:40", "14:40", "15:40"), report("I", "10:40"),
			database("modify_volume", "11:20", flavour("s", 512), volume(2), oldVolume(1)))...)
		Expect(onlyI(b.closed())).To(Equal([]string{
			"I 10:00-11:00 m1.s 512 MB", "I 11:00-11:20 m1.s 512 MB since 10:00 provisional_end",
			"I 10:00-11:00 1 GB", "I 11:00-11:20 1 GB since 10:00 provisional_end",
		}))
	})

	DescribeTable("is not judged", func(horizon string, facts []*events.Usage) {
		b := goneAfter(horizon, facts...)
		Expect(onlyI(lines(b.whole()))).To(ContainElement(HavePrefix("I 10:00-" + horizon + " m1.s 512 MB")))
		Expect(b.codes()).To(BeEmpty())
	},
		Entry("while its task manager says nothing of others either", "23:00",
			[]*events.Usage{report("I", "10:40"), created(of("J"))}),
		Entry("when its task manager said nothing in one of the windows", "15:00",
			append(other("10:40", "11:40", "12:40", "14:40"), report("I", "10:40"))),
		Entry("by another task manager that never reported it", "15:00",
			append([]*events.Usage{report("I", "10:40", by("region/taskmanager.2"))}, other("10:40", "11:40", "12:40",
				"13:40", "14:40")...)),
		Entry("when another task manager reports it", "15:00",
			append(other("10:40", "11:40", "12:40", "13:40", "14:40"), report("I", "10:40"), report("I", "13:50",
				by("region/taskmanager.2")))),
		Entry("when it was never reported: exists may be off, or not for it", "15:00",
			other("10:40", "11:40", "12:40", "13:40", "14:40")),
		Entry("by hours where reports are meant to come once a day", "15:00",
			append(other("10:40", "11:40", "12:40", "13:40", "14:40"), report("I", "10:40"), report("J", "10:30",
				audited(24*time.Hour)))),
	)

	It("is gone after three days where reports come once a day", func() {
		facts := []*events.Usage{report("I", "10:40", audited(24*time.Hour)), created(of("J"))}
		for day := range 5 {
			facts = append(facts, report("J", fmt.Sprintf("03-%02d 10:40", day+1), audited(24*time.Hour)))
		}
		b := newBooks(projector.Config{Cut: timeline.CutNone}).tell(created()).tell(facts...).
			reachTime(events.SourceTrove, clock("03-05 10:59"))
		Expect(onlyI(b.closed())).To(BeEmpty())
		Expect(onlyI(b.reachTime(events.SourceTrove, clock("03-05 11:00")).closed())).To(Equal(gone))
	})

	It("is never judged where that is turned off", func() {
		b := newBooks(projector.Config{Cut: timeline.CutNone, AbsenceWindows: -1}).tell(created()).
			tell(append(other("10:40", "11:40", "12:40", "13:40", "14:40"),
				report("I", "10:40"))...).reachTime(events.SourceTrove, clock("15:00"))
		Expect(onlyI(b.closed())).To(BeEmpty())
	})
})
