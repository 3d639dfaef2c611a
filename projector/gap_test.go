package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// The facts of these lists between 10:00 and 11:00 may be missing, because the cursor was pruned
// (cloud_controller_ng: cutoff_age_in_days, and 422 for an unknown after_guid).

var _ = Describe("A gap", func() {
	apps := func(before ...*events.Usage) *books { return told(before...).gap(events.ListApp, "10:00", "11:00") }

	Describe("while a process runs", func() {
		It("holds it from the gap's beginning on, until a fact confirms it", func() {
			b := apps(app("STARTED", "09:00"))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
			Expect(b.running()).To(BeEmpty())
			Expect(b.held()).To(Equal([]string{"P 10:00- 1x1024 gap"}))
			Expect(b.last.Held[0].Reason).To(And(ContainSubstring("from 2026-03-01T10:00:00Z until "+
				"2026-03-01T11:00:00Z may be missing (pruned)"), ContainSubstring("Release it")))
		})
		It("takes back what was put out after it", func() {
			b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(app("STARTED",
				"08:30")).reach("11:30").gap(events.ListApp, "09:50", "11:00")
			Expect(b.closed()).To(Equal([]string{"P 08:30-09:00 1x1024", "P 09:00-09:50 1x1024 since 08:30"}))
			Expect(lines(b.last.Retracted)).To(Equal([]string{
				"P 09:00-10:00 1x1024 since 08:30",
				"P 10:00-11:00 1x1024 since 08:30",
			}))
		})
		It("leaves what a stop after it shows: it ran from the gap's end to the stop", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STOPPED", "12:00", previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-12:00 1x1024 since 09:00 " +
				"inferred_start"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}))
		})
		It("leaves, with another size before the fact, a run of that size", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "12:00", size(5, 1024), was(3, 1024),
				previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-12:00 3x1024 inferred_start"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 12:00- 5x1024"}))
		})
		It("proves nothing after it when the process starts anew", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "12:00", previous("STOPPED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 12:00- 1x1024"}))
		})
		It("holds up to a baseline, which says nothing of the time before it (WAS_RUNNING, pull request 5210)", func() {
			b := apps(app("STARTED", "09:00")).tell(app("WAS_RUNNING", "12:00"))
			Expect(b.held()).To(Equal([]string{"P 10:00-12:00 1x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 12:00- 1x1024 since 09:00 inferred_start"}))
		})
		It("holds up to a repaired ending, whose time is that of the repair (previous WAS_RUNNING, pull request "+
			"5210)", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STOPPED", "12:00", previous("WAS_RUNNING")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-12:00 1x1024 gap"}))
			Expect(b.running()).To(BeEmpty())
		})
		It("does not restart the run at a purge and reseed (STARTED/STARTED without a process type)", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "11:00", previous("STARTED"), processType("")))
			Expect(b.running()).To(Equal([]string{"P 11:00- 1x1024 since 09:00 inferred_start"}))
			Expect(b.last.Running[0].Footprint.ProcessType).To(Equal("web"))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}))
		})
		It("holds nothing that a rescan confirms: the latest beginning is still listed", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "09:00", listed("11:30")))
			Expect(b.held()).To(BeEmpty())
			Expect(b.closed()).To(BeEmpty())
			Expect(b.running()).To(Equal([]string{"P 09:00- 1x1024"}))
			b.tell(app("STOPPED", "12:00", previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-12:00 1x1024"}))
			Expect(b.codes()).To(BeEmpty())
		})
		It("is not confirmed by the first beginning of a run that was scaled since", func() {
			b := apps(app("STARTED", "09:00"), app("STARTED", "09:30", size(2, 1024),
				previous("STARTED"))).tell(app("STARTED", "09:00", listed("11:30")))
			Expect(b.held()).To(Equal([]string{"P 10:00- 2x1024 gap"}))
		})
		It("is held all the same when the same rescan finds a newer beginning", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "09:00", listed("11:30")), app("STARTED", "11:20",
				size(4, 1024), was(3, 1024), previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-11:20 3x1024 inferred_start"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:00 1x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 11:20- 4x1024"}))
		})
		It("holds up to its end what a beginning within it says that stands after it", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STARTED", "10:30", size(2, 1024), previous("STARTED"),
				was(1, 1024)))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-10:30 1x1024 gap", "P 10:30-11:00 2x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 11:00- 2x1024 since 10:30 inferred_start"}))
		})
		It("that follows another one is one with it", func() {
			b := apps(app("STARTED", "09:00")).gap(events.ListApp, "11:10", "11:40").tell(app("STOPPED", "12:00",
				previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:40-12:00 1x1024 since 09:00 " +
				"inferred_start"}))
			Expect(b.held()).To(Equal([]string{"P 10:00-11:40 1x1024 gap"}))
		})
	})

	It("that is said again by several clocks is one, however often a rescan confirms it: a change within it is "+
		"held", func() {
		b := told(app("STARTED", "03:00"))
		for _, to := range []string{"06:00:03", "06:00:00", "05:59:52"} {
			b.gap(events.ListApp, "05:00", to).tell(app("STARTED", "03:00", listed(to)))
			Expect(b.held()).To(BeEmpty())
		}
		b.tell(app("STARTED", "05:30", size(5, 1024), was(3, 1024), previous("STARTED")))
		Expect(b.closed()).To(Equal([]string{"P 03:00-05:00 1x1024"}))
		Expect(b.held()).To(Equal([]string{"P 05:00-05:30 1x1024 gap", "P 05:30-06:00:03 5x1024 gap"}))
		Expect(b.running()).To(Equal([]string{"P 06:00:03- 5x1024 since 05:30 inferred_start"}))
	})
	It("that begins within the overlap of one that was confirmed takes back no more than its own time", func() {
		b := apps(app("STARTED", "09:00")).tell(app("STARTED", "09:00", listed("11:00"))).gap(events.ListApp, "10:50",
			"12:00")
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:50 1x1024"}))
		Expect(b.held()).To(Equal([]string{"P 10:50- 1x1024 gap"}))
		b.tell(app("STOPPED", "12:30", previous("STARTED")))
		Expect(b.held()).To(Equal([]string{"P 10:50-12:00 1x1024 gap"}))
	})
	It("that reaches back over several spans makes a hold of each, which is decided alone", func() {
		b := apps(app("STARTED", "09:00"), app("STARTED", "10:20", size(2, 1024)), app("STARTED", "10:40",
			size(3, 1024)))
		Expect(b.held()).To(Equal([]string{
			"P 10:00-10:20 1x1024 gap", "P 10:20-10:40 2x1024 gap",
			"P 10:40- 3x1024 gap",
		}))
		b.say(events.ActionRelease)
		Expect(b.held()).To(Equal([]string{"P 10:20-10:40 2x1024 gap", "P 10:40- 3x1024 gap"}))
	})
	It("does not bring back what had ended: a second ending is noise", func() {
		b := apps(task("TASK_STARTED", "08:00"), task("TASK_STOPPED", "09:00", previous("RUNNING"))).
			tell(task("TASK_STOPPED", "12:00", previous("RUNNING")))
		Expect(b.closed()).To(Equal([]string{"T 08:00-09:00 1x256"}))
		Expect(b.held()).To(BeEmpty())
		b = told(service("CREATED", "08:00", "small"), service("DELETED", "09:00", "small")).gap(events.ListService,
			"10:00", "11:00").
			tell(service("DELETED", "12:00", "small"))
		Expect(b.closed()).To(Equal([]string{"D 08:00-09:00 small"}))
		Expect(b.held()).To(BeEmpty())
	})

	It("leaves what was stopped alone", func() {
		b := apps(app("STARTED", "08:00"), app("STOPPED", "09:00"))
		Expect(b.held()).To(BeEmpty())
		Expect(b.closed()).To(Equal([]string{"P 08:00-09:00 1x1024"}))
	})
	It("may hide a beginning: what a later fact says to have run before it is held, because nothing says with which "+
		"buildpack", func() {
		b := apps().tell(app("STOPPED", "12:00", previous("STARTED")))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.held()).To(Equal([]string{"P 10:00-12:00 1x1024 gap"}))
		Expect(b.codes()).To(BeEmpty())
	})
	It("may hide a change of buildpack: the time before the fact that shows another is held", func() {
		b := apps(app("STARTED", "09:00", buildpack("ruby"))).tell(app("STARTED", "12:00", previous("STARTED"),
			buildpack("go")))
		Expect(b.held()).To(Equal([]string{"P 10:00-12:00 1x1024 ruby gap"}))
	})
	It("reaches back over what was collected before it: facts may have been overlooked there", func() {
		b := apps(app("STARTED", "09:00"), app("STARTED", "10:30", size(2, 1024), was(1, 1024), previous("STARTED")))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
		Expect(b.held()).To(Equal([]string{"P 10:00-10:30 1x1024 gap", "P 10:30- 2x1024 gap"}))
	})
	It("of one list says nothing of the other", func() {
		b := told(service("CREATED", "09:00", "small")).gap(events.ListApp, "10:00", "11:00")
		Expect(b.held()).To(BeEmpty())
		Expect(b.running()).To(Equal([]string{"D 09:00- small"}))
	})
	It("that is said twice is one", func() {
		g := &events.Gap{ID: "g", Source: "cf", Foundation: "eu", From: clock("10:00"), To: clock("11:00")}
		b := told(app("STARTED", "09:00")).miss(g)
		n := len(b.stream)
		Expect(b.miss(g).stream).To(HaveLen(n))
	})

	Describe("while a task runs", func() {
		It("holds it until its end, which proves all of it: a task runs once", func() {
			b := apps(task("TASK_STARTED", "09:00"))
			Expect(b.held()).To(Equal([]string{"T 10:00- 1x256 gap"}))
			b.tell(task("TASK_STOPPED", "12:00", previous("RUNNING")))
			Expect(b.closed()).To(Equal([]string{"T 09:00-12:00 1x256"}))
			Expect(b.held()).To(BeEmpty())
		})
		It("may hide its start", func() {
			b := apps().tell(task("TASK_STOPPED", "12:00", previous("CANCELING")))
			Expect(b.closed()).To(Equal([]string{"T 11:00-12:00 1x256 inferred_start"}))
			Expect(b.held()).To(Equal([]string{"T 10:00-11:00 1x256 gap"}))
		})
		It("does not make a task of one that never started (deleted with its app while PENDING)", func() {
			b := apps().tell(task("TASK_STOPPED", "12:00", previous("PENDING")))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
		})
	})

	Describe("while a service instance exists", func() {
		services := func() *books {
			return told(service("CREATED", "09:00", "small")).gap(events.ListService, "10:00", "11:00")
		}
		It("leaves what its deletion shows: it had the plan that the deletion names", func() {
			b := services().tell(service("DELETED", "12:00", "small"))
			Expect(b.closed()).To(Equal([]string{"D 09:00-10:00 small", "D 11:00-12:00 small since 09:00 " +
				"inferred_start"}))
			Expect(b.held()).To(Equal([]string{"D 10:00-11:00 small gap"}))
			b = services().tell(service("DELETED", "12:00", "large"))
			Expect(b.closed()).To(Equal([]string{"D 09:00-10:00 small", "D 11:00-12:00 large inferred_start"}))
		})
		It("holds up to an update, for the plan before it is not known", func() {
			b := services().tell(service("UPDATED", "12:00", "large"))
			Expect(b.held()).To(Equal([]string{"D 10:00-12:00 small gap"}))
			Expect(b.running()).To(Equal([]string{"D 12:00- large inferred_start"}))
		})
		It("goes on at a reseed (CREATED again)", func() {
			b := services().tell(service("CREATED", "11:00", "small"))
			Expect(b.held()).To(Equal([]string{"D 10:00-11:00 small gap"}))
			Expect(b.running()).To(Equal([]string{"D 11:00- small since 09:00 inferred_start"}))
		})
	})

	// Usage events of builds say no build guid (BuildModel,
	// AppUsageEventRepository#create_from_build).
	Describe("around builds", func() {
		short := func(before ...*events.Usage) *books { return told(before...).gap(events.ListApp, "10:00", "10:30") }

		It("holds one that was open: it may have ended in the gap", func() {
			b := short(build("STAGING_STARTED", "09:50"))
			Expect(b.held()).To(Equal([]string{"A 09:50-10:30 1x1024 gap"}))
			Expect(b.running()).To(BeEmpty())
			Expect(b.codes()).To(BeEmpty())
		})
		It("holds one that was open for as long as a build may last", func() {
			Expect(apps(build("STAGING_STARTED", "09:50")).held()).To(Equal([]string{"A 09:50-10:50 1x1024 gap"}))
		})
		It("holds one up to an ending after the gap, which may be another build's", func() {
			b := short(build("STAGING_STARTED", "09:50")).tell(build("STAGING_STOPPED", "10:40"))
			Expect(b.held()).To(Equal([]string{"A 09:50-10:40 1x1024 gap"}))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.codes()).To(BeEmpty())
			b.say(events.ActionRelease)
			Expect(b.closed()).To(Equal([]string{"A 09:50-10:40 1x1024"}))
			Expect(b.held()).To(BeEmpty())
		})
		It("marks an end that nobody reported when a build is released", func() {
			Expect(short(build("STAGING_STARTED",
				"09:50")).say(events.ActionRelease).closed()).To(Equal([]string{"A 09:50-10:30 1x1024 inferred_end"}))
		})
		It("never bills one that is discarded, and bills it after all after another word", func() {
			b := short(build("STAGING_STARTED", "09:50"))
			hold := b.last.Held[0].ID
			b.sayOn(hold, events.ActionDiscard).tell(build("STAGING_STOPPED", "10:40"), build("STAGING_STARTED",
				"13:00"), build("STAGING_STOPPED", "13:10"))
			Expect(b.held()).To(BeEmpty())
			Expect(b.closed()).To(Equal([]string{"A 13:00-13:10 1x1024"}))
			Expect(b.sayOn(hold, events.ActionRelease).closed()).To(Equal([]string{
				"A 09:50-10:40 1x1024",
				"A 13:00-13:10 1x1024",
			}))
		})
		It("holds one that began in it, as an ending after it shows", func() {
			b := short(build("STAGING_STARTED", "09:00"), build("STAGING_STOPPED",
				"09:05")).tell(build("STAGING_STOPPED", "10:40"))
			Expect(b.held()).To(Equal([]string{"A 10:00-10:40 1x1024 gap"}))
			Expect(b.closed()).To(Equal([]string{"A 09:00-09:05 1x1024"}))
			Expect(b.codes()).To(BeEmpty())
			Expect(b.say(events.ActionRelease).closed()).To(ContainElement("A 10:00-10:40 1x1024 inferred_start"))
		})
		It("holds nothing of an ending so long after it that its build can not have been open then", func() {
			b := short(build("STAGING_STARTED", "09:00"), build("STAGING_STOPPED",
				"09:05")).tell(build("STAGING_STOPPED", "11:30"))
			Expect(b.held()).To(BeEmpty())
		})
		It("bills one that began behind it: as many run as began and have not ended, whoever ends", func() {
			b := short(build("STAGING_STARTED", "09:50")).tell(build("STAGING_STARTED", "10:35"),
				build("STAGING_STOPPED", "10:40"))
			Expect(b.closed()).To(Equal([]string{"A 10:35-10:40 1x1024"}))
			Expect(b.held()).To(Equal([]string{"A 09:50-10:30 1x1024 gap"}))
			b.tell(build("STAGING_STOPPED", "11:20"))
			Expect(b.held()).To(Equal([]string{"A 09:50-11:20 1x1024 gap"}), "the ending of 10:40 was its, and this "+
				"one is that of the other")
		})
		It("takes back what was put out of the time that it reaches back over", func() {
			b := told(build("STAGING_STARTED", "09:00"), build("STAGING_STOPPED", "09:05"), build("STAGING_STARTED",
				"09:50"), build("STAGING_STOPPED", "10:20")).
				gap(events.ListApp, "10:00", "10:30")
			Expect(lines(b.last.Retracted)).To(Equal([]string{"A 09:50-10:20 1x1024"}))
			Expect(b.held()).To(Equal([]string{"A 09:50-10:20 1x1024 gap"}))
			Expect(b.closed()).To(Equal([]string{"A 09:00-09:05 1x1024"}))
		})
		It("keeps them listed while other builds come and go, and when their month is closed", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(build("STAGING_STARTED",
				"09:50")).gap(events.ListApp, "10:00", "10:30").
				tell(build("STAGING_STARTED", "14:00"), build("STAGING_STOPPED", "14:10")).reach("05-10 00:00").
				tell(build("STAGING_STARTED", "04-10 14:00"), build("STAGING_STOPPED", "04-10 14:10"))
			Expect(b.held()).To(Equal([]string{"A 09:50-10:30 1x1024 gap"}))
			b.say(events.ActionRelease)
			Expect(b.closed()).To(ContainElement("A 09:50-10:30 1x1024 inferred_end"))
			Expect(b.last.Correction).To(Equal("2026-05"))
			Expect(b.reach("06-10 00:00").meter.Tracked()).To(BeZero())
		})
		It("leaves what was decided as it is when the month is closed: another word changes nothing and is an "+
			"anomaly", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(build("STAGING_STARTED",
				"09:50")).gap(events.ListApp, "10:00", "10:30")
			hold := b.last.Held[0].ID
			b.sayOn(hold, events.ActionRelease).tell(build("STAGING_STARTED", "04-01 14:00"), build("STAGING_STOPPED",
				"04-01 14:10")).reach("05-10 00:00")
			before := b.closed()
			b.sayOn(hold, events.ActionDiscard)
			Expect(b.closed()).To(Equal(before))
			Expect(b.codes()).To(Equal([]string{events.AnomalyClosedPeriod}))
		})
		It("holds one that began in it though its month was closed before the ending was found", func() {
			b := newBooks(projector.Config{Cut: timeline.CutMonth}).tell(service("CREATED", "09:00",
				"small")).gap(events.ListApp, "03-31 23:40", "03-31 23:50").
				tell(app("STARTED", "04-01 00:10")).reach("05-10 00:00").tell(build("STAGING_STOPPED", "04-01 00:05",
				late(3)))
			Expect(b.held()).To(Equal([]string{"A 03-31 23:40-04-01 00:05 1x1024 gap"}))
		})
		It("holds one that ended in the time that it reaches back over, though the ending was lost and another build "+
			"came since", func() {
			b := told(build("STAGING_STARTED", "09:00"), build("STAGING_STARTED", "10:05"), build("STAGING_STOPPED",
				"10:06")).
				gap(events.ListApp, "09:30", "10:30")
			Expect(b.held()).To(Equal([]string{"A 09:00-10:00 1x1024 gap", "A 10:05-10:06 1x1024 gap"}))
		})
		DescribeTable("forgets what is not listed, so that nobody can decide about it, when the month is closed",
			func(s projector.Config, facts ...*events.Usage) {
				s.Cut = timeline.CutMonth
				b := newBooks(s).tell(facts...).gap(events.ListApp, "10:00", "10:30")
				Expect(b.held()).To(BeEmpty())
				Expect(b.reach("05-10 00:00").meter.Tracked()).To(BeZero())
			},
			Entry("of a space that is not metered", projector.Config{ExcludeSpaces: "^dev$"},
				build("STAGING_STARTED", "09:50")),
			Entry("before the epoch", projector.Config{Epoch: map[string]time.Time{"cf": clock("12:00")}},
				build("STAGING_STARTED", "09:50")),
			Entry("of no length", projector.Config{}, build("STAGING_STARTED", "10:05"), build("STAGING_STOPPED",
				"10:05")),
		)
		It("does not bill others for closed months while one of them is held", func() {
			unheard := func(before ...*events.Usage) []string {
				monthly := projector.Config{Cut: timeline.CutMonth}
				b := newBooks(monthly).tell(before...).gap("", "10:00", "10:30").reach("05-10 00:00")
				var err error
				b.meter, err = projector.RestoreMeter(monthly, b.meter.Snapshot())
				Expect(err).NotTo(HaveOccurred())
				b.tell(service("DELETED", "05-10 10:00", "small"))
				Expect(b.closed()).To(BeEmpty())
				return b.held()
			}
			Expect(unheard(build("STAGING_STARTED", "09:50"))).To(And(Equal(unheard()),
				Equal([]string{"D 10:00-05-10 10:00 small gap"})))
		})
		It("is the first collection: a build that ends after it is held from its end on", func() {
			b := told().gap(events.ListApp, "", "10:30").tell(build("STAGING_STOPPED", "10:40"))
			Expect(b.held()).To(Equal([]string{"A 10:30-10:40 1x1024 gap"}))
		})
	})

	Describe("before the first collection", func() {
		first := func(facts ...*events.Usage) *books { return told().gap(events.ListApp, "", "11:00").tell(facts...) }
		It("is like an epoch: what ran at its end is held from there, until something says with which buildpack",
			func() {
				b := first(app("STOPPED", "12:00", previous("STARTED")))
				Expect(b.closed()).To(BeEmpty())
				Expect(b.held()).To(Equal([]string{"P 11:00-12:00 1x1024 gap"}))
			})
		It("holds what a known beginning before its end says", func() {
			b := first(app("STARTED", "08:00", previous("STOPPED")))
			Expect(b.held()).To(Equal([]string{"P 08:00-11:00 1x1024 gap"}))
			Expect(b.running()).To(Equal([]string{"P 11:00- 1x1024 since 08:00 inferred_start"}))
		})
	})

	Describe("decided by an operator", func() {
		release := func(b *books) *books { return b.say(events.ActionRelease) }
		It("is billed when what it holds is released: the run is uninterrupted", func() {
			b := release(apps(app("STARTED", "09:00")).tell(app("STOPPED", "12:00", previous("STARTED"))))
			Expect(b.closed()).To(Equal([]string{
				"P 09:00-10:00 1x1024", "P 10:00-11:00 1x1024 since 09:00",
				"P 11:00-12:00 1x1024 since 09:00 inferred_start",
			}))
			Expect(b.held()).To(BeEmpty())
		})
		It("goes on when what nothing has confirmed is released", func() {
			b := release(apps(app("STARTED", "09:00")))
			Expect(b.running()).To(Equal([]string{"P 10:00- 1x1024 since 09:00"}))
			Expect(b.held()).To(BeEmpty())
		})
		It("is never billed when it is discarded", func() {
			b := apps(app("STARTED", "09:00")).say(events.ActionDiscard)
			Expect(b.held()).To(BeEmpty())
			Expect(b.running()).To(BeEmpty())
			b.tell(app("STOPPED", "12:00", previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-12:00 1x1024 since 09:00 " +
				"inferred_start"}))
			Expect(b.held()).To(BeEmpty())
		})
		It("is billed with the size that the operator names", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STOPPED", "12:00", previous("STARTED"))).
				say(events.ActionRelease, func(d *events.Decision) { d.Footprint.Instances = events.Some(3) })
			Expect(b.closed()).To(ContainElement("P 10:00-11:00 3x1024 since 09:00"))
		})
		It("takes the last word", func() {
			b := apps(app("STARTED", "09:00")).tell(app("STOPPED", "12:00", previous("STARTED")))
			hold := b.last.Held[0].ID
			b.sayOn(hold, events.ActionRelease).sayOn(hold, events.ActionDiscard)
			Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 11:00-12:00 1x1024 since 09:00 " +
				"inferred_start"}))
		})
		It("is an anomaly where there is no such hold", func() {
			b := apps(app("STARTED", "09:00")).sayOn("other", events.ActionRelease)
			Expect(b.wrong).To(Equal([]string{"no hold other"}))
		})
	})
})
