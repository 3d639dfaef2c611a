package projector_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

func on(datastore, region, zone string) detail {
	return func(u *events.Usage) {
		u.Footprint.Datastore, u.Footprint.Region, u.Footprint.AvailabilityZone = datastore, region, zone
	}
}

func called(name string) detail { return func(u *events.Usage) { u.Name = name } }

var _ = Describe("The place of a database", func() {
	It("is on its flavour and on its volume", func() {
		b := told(created(on("mysql", "eu", "a")), deleted("11:00", on("mysql", "eu", "a")))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB mysql/eu/a", "I 10:00-11:00 1 GB mysql/eu/a"}))
	})

	It("divides both where a message shows another one, whose time is deduced", func() {
		b := told(created(on("mysql", "eu", "a")), exists("10:30", on("redis", "eu", "")))
		Expect(b.closed()).To(Equal([]string{
			"I 10:00-10:30 m1.s 512 MB mysql/eu/a inferred_end", "I 10:00-10:30 1 GB mysql/eu/a inferred_end",
		}))
		Expect(b.running()).To(Equal([]string{
			"I 10:30- m1.s 512 MB redis/eu/a inferred_start", "I 10:30- 1 GB redis/eu/a inferred_start",
		}))
		Expect(b.codes()).To(BeEmpty(), "Trove has no message about it, so none was lost")
	})

	It("changes with a modify at its modify_at", func() {
		b := told(created(on("mysql", "eu", "a")), database("modify_flavor", "10:30", flavour("l", 2048), volume(1),
			on("mysql", "eu", "b")))
		Expect(b.closed()).To(Equal([]string{"I 10:00-10:30 m1.s 512 MB mysql/eu/a", "I 10:00-10:30 1 GB mysql/eu/a"}))
		Expect(b.running()).To(Equal([]string{"I 10:30- m1.l 2048 MB mysql/eu/b", "I 10:30- 1 GB mysql/eu/b"}))
	})

	It("that only a later message says holds from the beginning, and nothing said is no change", func() {
		b := told(created(), exists("10:20", on("mysql", "eu", "")), exists("10:40"),
			deleted("11:00", on("mysql", "eu", "a")))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB mysql/eu/a", "I 10:00-11:00 1 GB mysql/eu/a"}))
	})

	It("divides what an operator released, and a hold is one", func() {
		b := told(exists("10:05", on("mysql", "eu", "")), exists("11:00", on("mysql", "us", "")))
		Expect(b.last.Held).To(HaveLen(1))
		Expect(b.last.Held[0].Footprint).To(Equal(events.Footprint{Datastore: "mysql", Region: "eu"}))
		b.release(events.Footprint{VolumeGB: events.Some(3)})
		Expect(b.last.Held).To(BeEmpty())
		Expect(b.closed()).To(ContainElement("I 10:00-11:00 3 GB mysql/eu/ inferred_start inferred_end"))
		Expect(b.running()).To(ContainElement("I 11:00- 3 GB mysql/us/ inferred_start"))
	})

	DescribeTable("is part of the id of a span",
		func(other detail) {
			one, two := told(created(on("mysql", "eu", "a")), deleted("11:00", on("mysql", "eu", "a"))),
				told(created(other), deleted("11:00", other))
			for i := range one.last.Closed {
				Expect(one.last.Closed[i].ID).NotTo(Equal(two.last.Closed[i].ID))
			}
		},
		Entry("datastore", on("redis", "eu", "a")), Entry("region", on("mysql", "us", "a")),
		Entry("zone", on("mysql", "eu", "b")),
	)
})

var _ = Describe("A label of a database", func() {
	It("that names its flavour later names it from the start: a price may ask for the name", func() {
		b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(exists("10:05")).
			reachTime(events.SourceTrove, clock("12:00"))
		Expect(b.closed()).To(ContainElement("I 10:00-11:00 s inferred_start"))
		b.tell(exists("12:05", func(u *events.Usage) { u.Footprint.Flavor = "m1.s" }))
		Expect(b.closed()).To(ContainElements("I 10:00-11:00 m1.s inferred_start", "I 11:00-12:00 m1.s since 10:00"))
		Expect(b.closed()).NotTo(ContainElement("I 10:00-11:00 s inferred_start"))
		Expect(b.wrong).To(BeEmpty())
	})

	It("that is its first name is on every span of the open months", func() {
		resize := func(at string, gb uint32) *events.Usage {
			return database("resize_volume.end", at, volume(gb), called(""))
		}
		b := told(resize("10:10", 2), resize("10:20", 3), resize("10:30", 4))
		names := func() (all []string) {
			for _, s := range b.spans() {
				all = append(all, s.Name)
			}
			return all
		}
		Expect(names()).To(HaveEach(""))
		b.tell(deleted("10:40", volume(4), called("orders")))
		Expect(names()).To(HaveEach("orders"))
		Expect(b.wrong).To(BeEmpty())
		b.tell(exists("10:35", called("invoices")))
		b.tell(exists("10:41", called("bills")))
		Expect(names()).To(HaveEach("orders"), "another name is a label")
	})

	It("that is its first name leaves closed months as they were published", func() {
		b := newBooks(projector.Config{Cut: timeline.CutDay}).tell(created(called(""))).
			reachTime(events.SourceTrove, clock("04-07 12:00"))
		b.tell(exists("04-07 13:00", called("orders")))
		Expect(b.last.Retracted).NotTo(BeEmpty())
		for _, s := range b.last.Retracted {
			Expect(s.Start).NotTo(BeTemporally("<", clock("04-01 00:00")))
		}
		Expect(b.wrong).To(BeEmpty())
	})
})

var _ = Describe("A name that the last event of a run says first", func() {
	It("is the name of the span that it ends", func() {
		named := func(name string) detail { return func(u *events.Usage) { u.Name = name } }
		b := newBooks(projector.Config{Cut: timeline.CutDay}).tell(app("STARTED", "10:00", named("shop")),
			app("STOPPED", "11:00", named("store")))
		Expect(b.spans()[0].Name).To(Equal("store"))
		b = newBooks(projector.Config{Cut: timeline.CutDay}).tell(app("STARTED", "10:00", named("shop")),
			app("STOPPED", "11:00", named("")))
		Expect(b.spans()[0].Name).To(Equal("shop"), "a name that is left out is no name")
	})
})
