package projector_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A new guid of an equal name", func() {
	guid := func(id string) detail {
		return func(u *events.Usage) { u.Footprint.Buildpack, u.Footprint.BuildpackGUID = "java", id }
	}
	earlier := func(s *events.Span) (all []string) {
		for _, e := range s.Earlier {
			all = append(all, short(e.Since)+" "+e.Footprint.BuildpackGUID+e.Footprint.OfferingGUID)
		}
		return all
	}
	hourly := func() *books { return newBooks(projector.Config{Cut: timeline.CutHour}) }

	It("divides the span, which says since when the run had the earlier ones", func() {
		b := hourly().tell(app("STARTED", "10:00", guid("1")), app("STARTED", "10:20", guid("2"), unchanged),
			app("STARTED", "10:40", guid("3"), unchanged)).reach("12:00").tell(app("STOPPED", "12:10", guid("3")))
		spans := b.spans()
		Expect(b.closed()).To(HaveLen(5))
		Expect(earlier(&spans[0])).To(BeEmpty())
		Expect(earlier(&spans[1])).To(Equal([]string{"10:00 1"}))
		for i := range spans[2:] {
			Expect(earlier(&spans[2+i])).To(Equal([]string{"10:20 2", "10:00 1"}), "in all pieces of it")
		}
		Expect(b.wrong).To(BeEmpty())
	})
	It("is no such one where the size changes, or the name, or the process stops between", func() {
		for _, other := range []*events.Usage{
			app("STARTED", "10:20", guid("2"), unchanged, size(2, 1024)), app("STARTED", "10:20", unchanged),
		} {
			b := hourly().tell(app("STARTED", "10:00", guid("1")), other)
			Expect(b.last.Running[0].Earlier).To(BeEmpty())
		}
		b := hourly().tell(app("STARTED", "10:00", guid("1")), app("STOPPED", "10:10", guid("1")),
			app("STARTED", "10:10", guid("2")))
		Expect(b.last.Running[0].Earlier).To(BeEmpty())
	})
	It("of an offering comes with a new guid of its plan", func() {
		b := hourly().tell(service("CREATED", "10:00", "small"), service("UPDATED", "10:20", "small",
			func(u *events.Usage) { u.Footprint.OfferingGUID, u.Footprint.PlanGUID = "new", "new-plan" }))
		Expect(earlier(&b.last.Running[0])).To(Equal([]string{"10:00 postgres-guid"}))
		Expect(b.last.Running[0].Earlier[0].Footprint.PlanGUID).To(Equal("small-guid"))
	})
	It("is published anew when a late fact moves what was before it", func() {
		b := hourly().tell(app("STARTED", "10:10", guid("1")), app("STARTED", "10:20", guid("2"), unchanged),
			app("STOPPED", "10:50", guid("2"))).tell(app("STOPPED", "10:15", guid("1"), late(1)))
		spans := b.spans()
		Expect(earlier(&spans[len(spans)-1])).To(BeEmpty())
		Expect(b.wrong).To(BeEmpty())
	})
	It("is in snapshots, in what runs and in what was published", func() {
		b := hourly().tell(app("STARTED", "10:00", guid("1")), app("STARTED", "10:20", guid("2"), unchanged)).
			reach("12:00")
		snapshot := b.meter.Snapshot()
		meter, err := projector.RestoreMeter(projector.Config{Cut: timeline.CutHour}, snapshot)
		Expect(err).NotTo(HaveOccurred())
		Expect(meter.Snapshot()).To(Equal(snapshot))
		b.meter = meter
		b.tell(app("STOPPED", "11:30", guid("2"), late(2)))
		Expect(b.last.Retracted).NotTo(BeEmpty())
		Expect(earlier(&b.last.Retracted[0])).To(Equal([]string{"10:00 1"}))
		Expect(b.wrong).To(BeEmpty())
	})
	It("remembers the last sixteen", func() {
		b := hourly().tell(app("STARTED", "10:00", guid("0")))
		for i := range 20 {
			b.tell(app("STARTED", "10:"+string(rune('1'+i/10))+string(rune('0'+i%10)), guid(string(rune('a'+i))),
				unchanged))
		}
		Expect(b.last.Running[0].Earlier).To(HaveLen(16))
	})
})
