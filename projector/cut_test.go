package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("The horizon", func() {
	cutBy := func(c timeline.Cut, facts ...*events.Usage) *books {
		return newBooks(projector.Config{Cut: c}).tell(facts...)
	}

	DescribeTable("closes and reopens what runs at the boundaries that it passes, many at once",
		func(cut timeline.Cut, start, horizon string, want ...string) {
			b := cutBy(cut, app("STARTED", start)).reach(horizon)
			Expect(b.closed()).To(Equal(want[:len(want)-1]))
			Expect(b.running()).To(Equal(want[len(want)-1:]))
		},
		Entry("hours", timeline.CutHour, "10:30", "13:10",
			"P 10:30-11:00 1x1024", "P 11:00-12:00 1x1024 since 10:30", "P 12:00-13:00 1x1024 since 10:30",
			"P 13:00- 1x1024 since 10:30"),
		Entry("days", timeline.CutDay, "10:30", "03-03 00:00",
			"P 10:30-03-02 00:00 1x1024", "P 03-02 00:00-03-03 00:00 1x1024 since 10:30", "P 03-03 00:00- 1x1024 "+
				"since 10:30"),
		Entry("months", timeline.CutMonth, "10:30", "05-01 00:00",
			"P 10:30-04-01 00:00 1x1024", "P 04-01 00:00-05-01 00:00 1x1024 since 10:30", "P 05-01 00:00- 1x1024 "+
				"since 10:30"),
		Entry("a start on the boundary", timeline.CutHour, "11:00", "12:00", "P 11:00-12:00 1x1024",
			"P 12:00- 1x1024 since 11:00"),
		Entry("no boundary passed", timeline.CutHour, "11:00", "11:59:59", "P 11:00- 1x1024"),
	)

	It("does no cutting without a cut", func() {
		Expect(cutBy(timeline.CutNone, app("STARTED", "10:00")).reach("06-01 00:00").closed()).To(BeEmpty())
	})

	It("divides what ended between two horizons, too", func() {
		Expect(cutBy(timeline.CutHour, app("STARTED", "10:30"), app("STOPPED", "11:10")).closed()).
			To(Equal([]string{"P 10:30-11:00 1x1024", "P 11:00-11:10 1x1024 since 10:30"}))
	})

	It("leaves what it has cut alone when the end comes after", func() {
		b := cutBy(timeline.CutHour, app("STARTED", "10:30")).reach("11:00").tell(app("STOPPED", "11:10"))
		Expect(b.retracted).To(BeZero())
		Expect(b.closed()).To(Equal([]string{"P 10:30-11:00 1x1024", "P 11:00-11:10 1x1024 since 10:30"}))
	})

	It("may have gone further than a late ending: the pieces after it are taken back, and no others", func() {
		b := cutBy(timeline.CutHour, app("STARTED", "10:30")).reach("14:00").tell(app("STOPPED", "12:20"))
		Expect(lines(b.last.Retracted)).To(Equal([]string{"P 12:00-13:00 1x1024 since 10:30", "P 13:00-14:00 1x1024 " +
			"since 10:30"}))
		Expect(b.closed()).To(Equal([]string{
			"P 10:30-11:00 1x1024", "P 11:00-12:00 1x1024 since 10:30",
			"P 12:00-12:20 1x1024 since 10:30",
		}))
	})

	It("leaves the pieces up to a late ending on a boundary alone", func() {
		b := cutBy(timeline.CutHour, app("STARTED", "10:30")).reach("13:00").tell(app("STOPPED", "12:00"))
		Expect(lines(b.last.Retracted)).To(Equal([]string{"P 12:00-13:00 1x1024 since 10:30"}))
		Expect(b.last.Closed).To(BeEmpty())
	})

	It("may have gone further than a late beginning, which is cut at the next boundary", func() {
		b := cutBy(timeline.CutHour).reach("14:00").tell(app("STARTED", "12:20")).reach("15:00")
		Expect(b.closed()).To(Equal([]string{
			"P 12:20-13:00 1x1024", "P 13:00-14:00 1x1024 since 12:20",
			"P 14:00-15:00 1x1024 since 12:20",
		}))
	})

	It("does not move backward", func() {
		b := cutBy(timeline.CutHour, app("STARTED", "10:30")).reach("12:00")
		before := len(b.stream)
		Expect(b.reach("12:00").reach("11:00").stream).To(HaveLen(before))
	})

	It("works subject by subject, in a fixed order", func() {
		var order []string
		m := newMeter(projector.Config{Cut: timeline.CutHour})
		for i, app := range []string{"c", "a", "b"} {
			u := task("TASK_STARTED", "10:00", process("T"+app))
			u.App = app
			m.Fact(u, uint64(i)+1, func(*events.Metered) {})
		}
		m.Fact(service("CREATED", "10:00", "small"), 4, func(*events.Metered) {})
		collected(m, &events.Horizon{Source: "cf", Foundation: "eu", Time: clock("11:00")}, 5,
			func(o *events.Metered) { order = append(order, o.Kind+" "+o.Resource) })
		Expect(order).To(Equal([]string{"service D", "task a", "task b", "task c"}))
	})

	It("of one source says nothing of another", func() {
		b := cutBy(timeline.CutHour, app("STARTED", "10:30")).reachTime(events.SourceTrove, clock("12:00"))
		Expect(b.closed()).To(BeEmpty())
	})

	It("over more boundaries than one message takes comes in parts with ids of their own, all with what runs", func() {
		var ids []string
		n := 0
		m := newMeter(projector.Config{Cut: timeline.CutHour})
		m.Fact(app("STARTED", "00:00"), 1, func(*events.Metered) {})
		late := clock("00:00").Add(1200 * time.Hour)
		collected(m, &events.Horizon{ID: "h", Source: "cf", Foundation: "eu", Time: late},
			2, func(o *events.Metered) {
				ids = append(ids, o.ID)
				n += len(o.Closed)
				Expect(o.Running).To(HaveLen(1))
			})
		Expect(n).To(Equal(1200))
		Expect(ids).To(HaveLen(5))
		Expect(ids[0]).NotTo(Equal(ids[1]))
	})
})

var _ = Describe("The horizon of several collectors", func() {
	var b *books
	BeforeEach(func() {
		b = newBooks(projector.Config{Cut: timeline.CutHour}).tell(app("STARTED", "10:30"))
	})
	says := func(collector, at string) string {
		b.sequence++
		h := events.Horizon{
			ID: at, Source: events.SourceCF, Foundation: "eu", Collector: collector, Time: clock(at),
		}
		all, moved := collected(b.meter, &h, b.sequence, b.post)
		if !moved {
			return "not moved"
		}
		return short(all)
	}
	retire := func(collector string) string {
		b.sequence++
		all, moved := b.meter.Retire(&events.Act{
			ID: "retirement", Kind: events.ActRetirement, Source: events.SourceCF, Foundation: "eu",
			Retirement: events.Retirement{Collector: collector},
		}, b.sequence, b.post)
		if !moved {
			return "not moved"
		}
		return short(all)
	}

	It("is the lowest of those that have a name", func() {
		Expect(says("a", "12:00")).To(Equal("12:00"))
		Expect(says("b", "11:30")).To(Equal("not moved"), "it never goes back")
		Expect(says("a", "13:00")).To(Equal("not moved"))
		Expect(says("b", "12:30")).To(Equal("12:30"))
		Expect(b.closed()).To(Equal([]string{"P 10:30-11:00 1x1024", "P 11:00-12:00 1x1024 since 10:30"}))
	})
	It("goes on without one that is retired", func() {
		says("a", "12:00")
		says("b", "12:00")
		says("a", "14:00")
		Expect(retire("b")).To(Equal("14:00"))
		Expect(retire("b")).To(Equal("not moved"))
		Expect(retire("c")).To(Equal("not moved"), "nobody knows it")
		Expect(says("c", "15:00")).To(Equal("not moved"), "a collector that comes after holds back again")
		Expect(says("a", "15:00")).To(Equal("15:00"))
	})
	It("waits again for a retired one that says something", func() {
		says("a", "12:00")
		says("b", "12:00")
		Expect(retire("b")).To(Equal("not moved"))
		Expect(says("a", "14:00")).To(Equal("14:00"))
		Expect(says("b", "13:00")).To(Equal("not moved"))
		Expect(says("a", "15:00")).To(Equal("not moved"))
	})
	It("is the highest of those without a name where none has one, and theirs holds nobody up", func() {
		Expect(says("", "12:00")).To(Equal("12:00"))
		Expect(says("", "11:00")).To(Equal("not moved"))
		Expect(says("a", "13:00")).To(Equal("13:00"))
		Expect(says("", "15:00")).To(Equal("not moved"))
	})
	It("stays where it is when all are retired", func() {
		says("a", "12:00")
		Expect(retire("a")).To(Equal("not moved"))
	})
})

var _ = Describe("A cut", func() {
	It("is an hour, a day or a month", func() {
		for _, s := range []string{"hour", "day", "month"} {
			c, err := timeline.ParseCut(s)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(c)).To(Equal(s))
		}
		_, err := timeline.ParseCut("week")
		Expect(err).To(MatchError(ContainSubstring("hour, day, month")))
	})
})
