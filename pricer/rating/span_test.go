package rating_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/rating"
)

var _ = Describe("The spans of an offline calculation", func() {
	span := func(start, end string) rating.Span { return rating.Span{Span: *app(start, end)} }
	intervals := func(spans []rating.Span) []string {
		out := []string{}
		for _, s := range spans {
			out = append(out, short(s.Start)+" "+short(s.End))
		}
		return out
	}

	Describe("cropped", func() {
		It("lie within the bounds, and begin there as if nothing had been before", func() {
			spans := rating.Crop([]rating.Span{
				span("2001-01-01", "2001-01-03"), span("2001-01-03", "2001-01-05"), span("2001-01-05", "2001-01-07"),
			}, day("2001-01-02"), day("2001-01-04"))
			Expect(intervals(spans)).To(Equal([]string{"2001-01-02 2001-01-03", "2001-01-03 2001-01-04"}))
			Expect(spans[0].Since).To(Equal(day("2001-01-02")))
		})
		It("do not run at the bound", func() {
			s := span("2001-01-01", "2001-01-03")
			s.Running = true
			Expect(rating.Crop([]rating.Span{s}, time.Time{}, day("2001-01-02"))[0].Running).To(BeFalse())
			Expect(rating.Crop([]rating.Span{s}, time.Time{}, day("2001-01-03"))[0].Running).To(BeTrue())
		})
		It("are all of them without bounds", func() {
			Expect(rating.Crop([]rating.Span{span("2001-01-01", "2001-01-03")}, time.Time{},
				time.Time{})).To(HaveLen(1))
		})
	})

	Describe("joined", func() {
		It("are one where they are adjacent and their footprints equal", func() {
			spans := rating.Join([]rating.Span{
				span("2001-01-02", "2001-01-03"), span("2001-01-01", "2001-01-02"), span("2001-01-04", "2001-01-05"),
			}, nil, "")
			Expect(intervals(spans)).To(Equal([]string{"2001-01-01 2001-01-03", "2001-01-04 2001-01-05"}))
			Expect(spans[0].Parts).To(HaveLen(2))
		})
		It("stay two where the footprint changes", func() {
			scaled := span("2001-01-02", "2001-01-03")
			scaled.Footprint.Instances = events.Some(2)
			Expect(rating.Join([]rating.Span{span("2001-01-01", "2001-01-02"), scaled}, nil, "")).To(HaveLen(2))
		})
		It("have the labels and the end of the last part, and the beginning of the first", func() {
			first, last := span("2001-01-01", "2001-01-02"), span("2001-01-02", "2001-01-03")
			first.Name, first.Flags = "old", events.InferredStart
			last.Name, last.Flags, last.Running = "new", events.ProvisionalEnd, true
			joined := rating.Join([]rating.Span{first, last}, nil, "")[0]
			Expect(joined.Name).To(Equal("new"))
			Expect(joined.Flags).To(Equal(events.InferredStart | events.ProvisionalEnd))
			Expect(joined.Running).To(BeTrue())
		})
	})

	Describe("priced", func() {
		It("have one line for parts of one price, and cost what the uncut span costs", func() {
			second := span("2001-01-01T00:40:00Z", "2001-01-01T00:50:00Z")
			second.Since = day("2001-01-01")
			spans := rating.Join([]rating.Span{span("2001-01-01", "2001-01-01T00:40:00Z"), second}, nil, "")
			total := rating.Price(rates(formulaPlan("2001-01-01", hourly)), "file", spans)
			Expect(written(spans[0].Lines)).To(Equal([]string{"2001-01-01 2001-01-01T00:50:00Z c 1 0.01 0.002"}))
			Expect(spans[0].Lines[0].Seconds.String()).To(Equal("3000"))
			Expect([]string{total.Amount.String(), total.VAT.String()}).To(Equal([]string{"0.01", "0.002"}))
			Expect([]int{total.Charges, total.Unrated}).To(Equal([]int{1, 0}))
		})
		It("have one part without a price for adjacent ones with one reason", func() {
			spans := rating.Join([]rating.Span{span("2001-01-01", "2001-01-02"), span("2001-01-02", "2001-01-03")}, nil,
				"")
			total := rating.Price(rates(formulaPlan("2002-01-01", hourly)), "file", spans)
			Expect(spans[0].Unrated).To(Equal([]rating.Unrated{{
				Start: day("2001-01-01"), End: day("2001-01-03"), Reason: "no plan that matches is in force",
			}}))
			Expect([]int{total.Charges, total.Unrated}).To(Equal([]int{0, 1}))
			Expect(total.Amount.IsZero()).To(BeTrue())
		})
	})
})
