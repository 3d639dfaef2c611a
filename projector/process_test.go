package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A process", func() {
	It("runs from STARTED to STOPPED", func() {
		b := told(app("STARTED", "10:00"))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.running()).To(Equal([]string{"P 10:00- 1x1024"}))
		b.tell(app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		Expect(b.running()).To(BeEmpty())
		Expect(b.spans()[0].Evidence).To(Equal([]uint64{1, 2}))
	})

	It("is divided by a scaling, which is one STARTED without a STOPPED", func() {
		b := told(app("STARTED", "10:00"), app("STARTED", "11:00", size(2, 1024), previous("STARTED")),
			app("STOPPED", "12:00", size(2, 1024)))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024", "P 11:00-12:00 2x1024"}))
	})

	DescribeTable("has its footprint since before one that lasted no time",
		func(there, back *events.Usage) {
			b := told(app("STARTED", "10:00"), there, back, app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:00-10:20 1x1024", "P 10:20-11:00 1x1024 since 10:00"}))
			Expect(b.codes()).To(BeEmpty())
		},
		Entry("another number of instances", app("STARTED", "10:20", size(2, 1024), scaledFrom(1)),
			app("STARTED", "10:20", scaledFrom(2))),
		Entry("0 instances", app("STARTED", "10:20", size(0, 1024), scaledFrom(1)),
			app("STARTED", "10:20", scaledFrom(0))),
		Entry("by a clock that is behind", app("STARTED", "10:20", size(2, 1024), scaledFrom(1)),
			app("STARTED", "10:19:59", scaledFrom(2))),
		Entry("of a size that no event reported", app("STARTED", "10:20", size(2, 1024), scaledFrom(1)),
			app("STARTED", "10:20", scaledFrom(3))),
		Entry("of another tenant", app("STARTED", "10:20", unchanged, tenant("other")),
			app("STARTED", "10:20", unchanged)),
	)

	It("has no footprint since before another one that lasted a second, a restart or another tenant", func() {
		for _, second := range [][]*events.Usage{
			{
				app("STARTED", "10:20", size(2, 1024), scaledFrom(1)),
				app("STARTED", "10:20:01", scaledFrom(2)),
			},
			{app("STOPPED", "10:20", unchanged), app("STARTED", "10:20", previous("STOPPED"))},
			{app("STARTED", "10:20", unchanged, tenant("other"))},
		} {
			b := told(app("STARTED", "10:00")).tell(second...).tell(app("STOPPED", "11:00"))
			closed := b.closed()
			Expect(closed[len(closed)-1]).NotTo(ContainSubstring("since"))
		}
	})

	It("of a service has its plan since before another one that lasted no time", func() {
		b := told(service("CREATED", "10:00", "small"), service("UPDATED", "10:20", "large"),
			service("UPDATED", "10:20", "small"), service("DELETED", "11:00", "small"))
		Expect(b.closed()).To(Equal([]string{"D 10:00-10:20 small", "D 10:20-11:00 small since 10:00"}))
	})

	It("is not divided by the same STARTED again", func() {
		b := told(app("STARTED", "10:00"), app("STARTED", "10:10"), app("STARTED", "10:20"), app("STOPPED", "10:30"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-10:30 1x1024"}))
	})

	It("is not divided by a new name, which its running span takes over", func() {
		b := told(app("STARTED", "10:00"), app("STARTED", "10:10", named("store"), previous("STARTED")))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.last.Running).To(HaveLen(1))
		Expect(b.last.Running[0].Name).To(Equal("store"))
	})

	It("ends at its first ending; a second one is noise", func() {
		b := told(app("STARTED", "10:00"), app("STOPPED", "11:00"), app("STOPPED", "12:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		Expect(b.codes()).To(BeEmpty())
	})

	It("that ends without a beginning costs nothing and is an anomaly, once", func() {
		b := told(app("STOPPED", "11:00"), app("STOPPED", "11:01"))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})

	It("that ends without a beginning after its buildpack was set is an anomaly, too", func() {
		Expect(told(app("BUILDPACK_SET", "10:00", buildpack("ruby")),
			app("STOPPED", "11:00")).codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})

	It("with 0 instances is a span, which says so", func() {
		b := told(app("STARTED", "10:00", size(0, 512)), app("STARTED", "11:00", size(1, 512), previous("STARTED")),
			app("STOPPED", "12:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 0x512", "P 11:00-12:00 1x512"}))
	})

	It("is rated by the buildpack of its STARTED, not of the STOPPED of a deletion, which has none", func() {
		b := told(app("STARTED", "10:00", buildpack("ruby")), app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 ruby"}))
	})

	It("restarted in one second makes two runs, so that a started hour counts from the restart", func() {
		b := told(app("STARTED", "10:00"), app("STOPPED", "10:30"), app("STARTED", "10:30"), app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-10:30 1x1024", "P 10:30-11:00 1x1024"}))
	})

	It("started before our first event has an inferred start", func() {
		b := told(app("STARTED", "10:00", previous("STARTED")), app("STARTED", "10:30", size(2, 1024),
			previous("STARTED")), app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-10:30 1x1024 inferred_start", "P 10:30-11:00 2x1024"}))
	})

	It("goes on through a purge and reseed, whose STARTED has no process type", func() {
		b := told(app("STARTED", "10:00"), app("STARTED", "10:20", previous("STARTED"), processType("")),
			app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		Expect(b.spans()[0].Footprint.ProcessType).To(Equal("web"))
	})

	It("has a length of 0, never less, where clocks go backward", func() {
		b := told(app("STARTED", "10:00"), app("STOPPED", "09:59"), app("STARTED", "09:58", size(2, 512)),
			app("STOPPED", "10:05"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-10:05 2x512"}))
	})

	It("with several facts in one second goes by the order of the API", func() {
		b := told(app("STARTED", "10:00"), app("STARTED", "10:00", size(3, 1024)), app("STARTED", "10:00",
			size(2, 1024)), app("STOPPED", "10:01"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-10:01 2x1024"}))
	})

	It("of a rolling deployment is a timeline of its own", func() {
		b := told(
			app("STARTED", "09:00", size(2, 1024)),
			app("STARTED", "10:00", process("Q")),
			app("STARTED", "10:01", size(1, 1024), previous("STARTED")),
			app("STARTED", "10:02", process("Q"), size(2, 1024), previous("STARTED")),
			app("STARTED", "10:03", size(0, 1024), previous("STARTED")),
		)
		Expect(b.running()).To(Equal([]string{"P 10:03- 0x1024", "Q 10:02- 2x1024"}), "all processes of the app "+
			"stand under its subject")
		b.tell(app("STOPPED", "10:04", size(0, 1024)))
		Expect(b.closed()).To(Equal([]string{
			"P 09:00-10:01 2x1024", "P 10:01-10:03 1x1024", "P 10:03-10:04 0x1024",
			"Q 10:00-10:02 1x1024",
		}))
		Expect(b.running()).To(Equal([]string{"Q 10:02- 2x1024"}))
	})

	It("that is restaged to another buildpack is divided (a stop and a start per process, app_restart.rb)", func() {
		b := told(app("STARTED", "10:00", buildpack("ruby")), app("STOPPED", "11:00", buildpack("java")),
			app("STARTED", "11:00", buildpack("java"), previous("STOPPED")))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 ruby"}))
		Expect(b.running()).To(Equal([]string{"P 11:00- 1x1024 java"}))
	})

	It("whose buildpack changed with a droplet is divided at the next scaling, which says so first", func() {
		b := told(app("STARTED", "10:00", buildpack("ruby")), app("STARTED", "11:00", buildpack("java"), size(2, 1024),
			previous("STARTED")))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 ruby"}))
	})

	It("of an app with several types starts and stops per process (app_restart_spec.rb)", func() {
		worker := func(event, at string) *events.Usage {
			return app(event, at, process("W"), processType("worker"), size(0, 1024))
		}
		b := told(app("STARTED", "10:00"), worker("STARTED", "10:00"), app("STOPPED", "11:00"), worker("STOPPED",
			"11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024", "W 10:00-11:00 0x1024"}))
	})

	Context("that WAS_RUNNING", func() {
		It("may have an ending that was repaired, once its process was found to be gone: the first ending "+
			"counts", func() {
			b := told(app("WAS_RUNNING", "10:00"), app("STOPPED", "11:00", previous("WAS_RUNNING")),
				app("STOPPED", "12:00", previous("STARTED")))
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 inferred_start"}))
			Expect(b.codes()).To(BeEmpty())
		})
		It("begins then, with an inferred start, when nothing was known of it", func() {
			b := told(app("WAS_RUNNING", "10:00"), app("STOPPED", "11:00", previous("WAS_RUNNING")))
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 inferred_start"}))
		})
		It("goes on as it was when it is tracked, whatever the baseline says", func() {
			b := told(app("STARTED", "10:00"), app("WAS_RUNNING", "10:30", size(9, 64)), app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		})
	})

	Context("whose BUILDPACK_SET comes from the v2 API", func() {
		It("has had it since its start when none was known", func() {
			b := told(app("STARTED", "10:00"), app("BUILDPACK_SET", "10:02", buildpack("ruby"), size(7, 7)),
				app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 ruby"}))
		})
		It("has pieces that were cut already taken back and put out anew", func() {
			b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(app("STARTED", "10:30")).reach("12:00").
				tell(app("BUILDPACK_SET", "12:02", buildpack("ruby")))
			Expect(lines(b.last.Retracted)).To(Equal([]string{"P 10:30-11:00 1x1024", "P 11:00-12:00 1x1024 since " +
				"10:30"}))
			Expect(b.closed()).To(Equal([]string{"P 10:30-11:00 1x1024 ruby", "P 11:00-12:00 1x1024 ruby since 10:30"}))
			Expect(b.running()).To(Equal([]string{"P 12:00- 1x1024 ruby since 10:30"}))
		})
		It("is divided at a different one", func() {
			b := told(app("STARTED", "10:00", buildpack("ruby")), app("BUILDPACK_SET", "10:30", buildpack("java"),
				size(7, 7)), app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:00-10:30 1x1024 ruby", "P 10:30-11:00 1x1024 java"}))
		})
		It("is not divided by the same one, nor by none", func() {
			b := told(app("STARTED", "10:00", buildpack("ruby")), app("BUILDPACK_SET", "10:20", buildpack("ruby")),
				app("BUILDPACK_SET", "10:30"), app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024 ruby"}))
		})
	})

	It("is not touched by the BUILDPACK_SET of a build (v3)", func() {
		b := told(app("STARTED", "10:00"), build("BUILDPACK_SET", "10:20", buildpack("ruby")), app("STOPPED", "11:00"))
		Expect(b.closed()).To(Equal([]string{"P 10:00-11:00 1x1024"}))
	})

	Context("with an epoch", func() {
		from := func(at string, facts ...*events.Usage) *books {
			return newBooks(projector.Config{
				Cut:   timeline.CutNone,
				Epoch: map[string]time.Time{events.SourceCF: clock(at)},
			}).tell(facts...)
		}
		It("is not billed before it", func() {
			Expect(from("10:15", app("STARTED", "10:00"), app("STOPPED",
				"11:00")).closed()).To(Equal([]string{"P 10:15-11:00 1x1024"}))
		})
		It("is not billed when it ended before it", func() {
			Expect(from("12:00", app("STARTED", "10:00"), app("STARTED", "10:30", size(2, 1024)),
				app("STOPPED", "11:00")).closed()).To(BeEmpty())
		})
		It("of its foundation goes before that of all", func() {
			epochs := map[string]time.Time{
				events.SourceCF: clock("10:15"), "cf/eu": clock("10:30"),
				"cf/us": clock("10:45"),
			}
			b := newBooks(projector.Config{Cut: timeline.CutNone, Epoch: epochs}).tell(app("STARTED", "10:00"),
				app("STOPPED", "11:00"))
			Expect(b.closed()).To(Equal([]string{"P 10:30-11:00 1x1024"}))
		})
		It("has, of the scalings before it, the last one", func() {
			Expect(from("10:45", app("STARTED", "10:00"), app("STARTED", "10:30", size(2, 1024)),
				app("STOPPED", "11:00")).closed()).To(Equal([]string{"P 10:45-11:00 2x1024"}))
		})
	})
})

var _ = Describe("Spaces that are excluded", func() {
	excluding := func(facts ...*events.Usage) *books {
		return newBooks(projector.Config{
			Cut:           timeline.CutHour,
			ExcludeSpaces: "^(SMOKE|ACC|CATS|PERF)-",
		}).tell(facts...)
	}
	in := func(space string) detail { return func(u *events.Usage) { u.SpaceName = space } }

	It("are not metered: apps, tasks, builds and services", func() {
		b := excluding(
			app("STARTED", "09:00", in("SMOKE-1")), task("TASK_STARTED", "09:00", in("ACC-2")), build("STAGING_STARTED",
				"09:00", in("CATS-3")),
			service("CREATED", "09:00", "small", in("PERF-4")), build("STAGING_STOPPED", "09:05", in("CATS-3")),
			app("STOPPED", "10:00", in("SMOKE-1")),
		).gap("", "10:10", "10:20").tell(service("DELETED", "10:30", "small", in("PERF-4"))).reach("11:00")
		Expect(b.stream).To(BeEmpty())
	})
	It("are those whose name matched when a span began", func() {
		b := excluding(
			app("STARTED", "09:00", in("dev")), app("STARTED", "10:00", size(2, 1024), previous("STARTED"),
				in("SMOKE-dev")), app("STOPPED", "11:00", in("dev")),
		)
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024"}))
	})
	It("begin with such a name", func() {
		Expect(excluding(app("STARTED", "09:00", in("NO-SMOKE-1"))).running()).To(HaveLen(1))
	})
})

var _ = Describe("A task", func() {
	It("so fast that its end comes before its start is billed until the platform misses it (task_create.rb, "+
		"tasks_sync.rb)", func() {
		b := told(task("TASK_STARTED", "10:00", previous("PENDING")), task("TASK_STOPPED", "10:05",
			previous("RUNNING")))
		Expect(b.closed()).To(Equal([]string{"T 10:00-10:05 1x256"}))
		b = told(task("TASK_STOPPED", "10:00", previous("RUNNING")), task("TASK_STARTED", "10:00", previous("PENDING")),
			task("TASK_STOPPED", "10:05", previous("RUNNING")))
		Expect(b.closed()).To(Equal([]string{"T 10:00-10:05 1x256"}))
		Expect(b.codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})
	It("that is stopped twice ended the first time", func() {
		b := told(task("TASK_STARTED", "10:00"), task("TASK_STOPPED", "11:00"), task("TASK_STOPPED", "12:00",
			previous("TASK_WAS_RUNNING")))
		Expect(b.closed()).To(Equal([]string{"T 10:00-11:00 1x256"}))
		Expect(b.codes()).To(BeEmpty())
	})
	It("runs from TASK_STARTED to TASK_STOPPED, apart from its app", func() {
		b := told(app("STARTED", "09:00"), task("TASK_STARTED", "10:00", previous("PENDING")), app("STOPPED", "10:30"),
			task("TASK_STOPPED", "11:00", previous("CANCELING")))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:30 1x1024", "T 10:00-11:00 1x256"}))
	})
	It("that never started may be said to have stopped when its app is deleted", func() {
		b := told(task("TASK_STOPPED", "11:00", previous("PENDING")))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})
	It("without an end runs up to the horizon", func() {
		b := told(task("TASK_STARTED", "10:00")).reach("10:20")
		Expect(lines(b.whole())).To(Equal([]string{"T 10:00-10:20 1x256"}))
	})
	It("of before is known by its TASK_WAS_RUNNING", func() {
		b := told(task("TASK_WAS_RUNNING", "10:00"), task("TASK_STOPPED", "11:00", previous("TASK_WAS_RUNNING")))
		Expect(b.closed()).To(Equal([]string{"T 10:00-11:00 1x256 inferred_start"}))
	})
	It("stands with the app's other tasks under one subject", func() {
		b := told(task("TASK_STARTED", "10:00", process("T2")), task("TASK_STARTED", "10:01", process("T1")))
		Expect(b.last.Resource).To(Equal("A"))
		Expect(b.running()).To(Equal([]string{"T1 10:01- 1x256", "T2 10:00- 1x256"}))
	})
})

var _ = Describe("A service instance", func() {
	It("is divided by a change of plan", func() {
		b := told(service("CREATED", "10:00", "small"), service("UPDATED", "11:00", "large"), service("DELETED",
			"12:00", "large"))
		Expect(b.closed()).To(Equal([]string{"D 10:00-11:00 small", "D 11:00-12:00 large"}))
	})
	It("is not divided by a new name", func() {
		b := told(service("CREATED", "10:00", "small"), service("UPDATED", "11:00", "small", named("db2")),
			service("DELETED", "12:00", "small", named("db2")))
		Expect(b.closed()).To(Equal([]string{"D 10:00-12:00 small"}))
		Expect(b.spans()[0].Name).To(Equal("db2"))
	})
	It("is not divided when its broker, offering and plan have new names and their old guids", func() {
		b := told(service("CREATED", "10:00", "small"), service("UPDATED", "11:00", "small", func(u *events.Usage) {
			u.Footprint.Broker, u.Footprint.Offering, u.Footprint.Plan = "b2", "o2", "p2"
		}), service("DELETED", "12:00", "small"))
		Expect(b.closed()).To(Equal([]string{"D 10:00-12:00 small"}))
	})
	It("is divided when a plan of the same name is another one", func() {
		other := func(u *events.Usage) { u.Footprint.PlanGUID = "other" }
		b := told(service("CREATED", "10:00", "small"), service("UPDATED", "11:00", "small", other),
			service("DELETED", "12:00", "small", other))
		Expect(b.closed()).To(Equal([]string{"D 10:00-11:00 small", "D 11:00-12:00 small"}))
	})
	It("whose provisioning failed is billed until it is deleted: the platform says CREATED before it asks the broker "+
		"(service_instance_create_managed.rb)", func() {
		b := told(service("CREATED", "10:00", "small"), service("DELETED", "10:03", "small"), service("CREATED",
			"10:03", "small", process("D2")))
		Expect(b.closed()).To(Equal([]string{"D 10:00-10:03 small"}))
		Expect(b.running()).To(Equal([]string{"D2 10:03- small"}))
	})
	It("that WAS_RUNNING begins then when it is not known, and is ignored when it is (pull request 5210)", func() {
		Expect(told(service("WAS_RUNNING", "10:00", "small")).running()).To(Equal([]string{"D 10:00- small " +
			"inferred_start"}))
		Expect(told(service("CREATED", "09:00", "small"), service("WAS_RUNNING", "10:00",
			"large")).running()).To(Equal([]string{"D 09:00- small"}))
	})
	It("that is first heard of by UPDATED has an inferred start", func() {
		Expect(told(service("UPDATED", "10:00", "small"), service("DELETED", "12:00",
			"small")).closed()).To(Equal([]string{"D 10:00-12:00 small inferred_start"}))
	})
	It("goes on through a reseed, which says CREATED again", func() {
		b := told(service("CREATED", "10:00", "small"), service("CREATED", "11:00", "small"), service("DELETED",
			"12:00", "small"))
		Expect(b.closed()).To(Equal([]string{"D 10:00-12:00 small"}))
	})
	It("that a user provided has no plan and is not metered", func() {
		b := told(service("CREATED", "10:00", ""), service("UPDATED", "10:30", "", named("x")), service("DELETED",
			"11:00", ""))
		Expect(b.stream).To(BeEmpty())
	})
})

var _ = Describe("What a meter publishes", func() {
	It("lists under a subject all that runs there, with an empty list where the tenant left", func() {
		var messages []events.Metered
		m := newMeter(projector.Config{Cut: timeline.CutNone})
		for i, u := range []*events.Usage{app("STARTED", "10:00"), app("STARTED", "11:00", tenant("org2"))} {
			m.Fact(u, uint64(i)+1, func(o *events.Metered) { messages = append(messages, *o) })
		}
		Expect(messages).To(HaveLen(3))
		Expect(messages[1].Tenant).To(Equal("org"))
		Expect(messages[1].Running).To(BeEmpty())
		Expect(messages[2].Tenant).To(Equal("org2"))
		Expect(lines(messages[2].Closed)).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		Expect(messages[2].Closed[0].Tenant).To(Equal("org"))
		Expect(lines(messages[2].Running)).To(Equal([]string{"P 11:00- 1x1024"}))
		Expect(messages[1].ID).NotTo(Equal(messages[2].ID))
	})

	It("is nothing for a fact that changes nothing", func() {
		b := told(app("STARTED", "10:00"))
		before := len(b.stream)
		b.tell(app("STARTED", "10:10"), app("WAS_RUNNING", "10:11"))
		Expect(b.stream).To(HaveLen(before))
	})

	It("keeps foundations apart", func() {
		us := app("STARTED", "10:00")
		us.Foundation = "us"
		b := told(us, app("STOPPED", "11:00"))
		Expect(b.closed()).To(BeEmpty())
		Expect(b.codes()).To(Equal([]string{events.AnomalyOrphanEnding}))
	})

	It("ends a managed service instance whose deletion does not repeat the plan", func() {
		Expect(told(service("CREATED", "10:00", "small"), service("DELETED", "11:00", "")).closed()).To(HaveLen(1))
		Expect(told(service("DELETED", "11:00", "")).codes()).To(BeEmpty(), "a user-provided one")
	})

	It("forgets a timeline that has ended when the month after its own is closed, and not before", func() {
		b := newBooks(projector.Config{Cut: timeline.CutDay}).tell(task("TASK_STARTED", "10:00"),
			task("TASK_STOPPED", "11:00"), app("STARTED", "11:00"))
		b.reach("05-05 23:59:59")
		Expect(b.meter.Tracked()).To(Equal(2))
		b.reach("05-06 00:00")
		Expect(b.meter.Tracked()).To(Equal(1), "the app still runs")
	})
})
