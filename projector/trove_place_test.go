package projector_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
)

func on(datastore, region, zone string) detail {
	return func(u *events.Usage) {
		u.Footprint.Datastore, u.Footprint.Region, u.Footprint.AvailabilityZone = datastore, region, zone
	}
}

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
