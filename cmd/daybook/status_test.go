package main

import (
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("The status of a foundation", func() {
	It("says how far it was metered, as the bill does", func(ctx SpecContext) {
		first, _, prices := month(100)
		s := newSite(ctx)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		_, bill, _ := s.daybook("bill")
		lines := regexp.MustCompile(`metered through (\S+),`).FindAllStringSubmatch(bill, -1)
		Expect(lines).NotTo(BeEmpty())
		_, status, _ := s.daybook("status")
		for _, line := range lines {
			Expect(status).To(MatchRegexp(` metered through +` + line[1] + `\n`))
		}
	})

	It("shows messages of USAGE that are no facts: what they tell is on no bill", func(ctx SpecContext) {
		s := newSite(ctx)
		_, processor, err := projector.Contract(projector.Config{})
		Expect(err).NotTo(HaveOccurred())
		p := processor()
		for sequence := range uint64(7) {
			foreign := bus.NewStored(bus.Message{Subject: "usage.cf.eu.org.app.a", Data: []byte("{}")}, sequence+1,
				time.Unix(0, 0), 0)
			Expect(p.Step(&foreign, func(out stage.Output) {
				_, err := s.bus.Append(ctx, events.StreamMetered, []bus.Message{{
					Subject: out.Subject,
					Data:    out.Body.AppendJSON(nil),
				}}, bus.Expect{Last: sequence})
				Expect(err).NotTo(HaveOccurred())
			})).To(Succeed())
		}
		status, out, _ := s.daybook("status")
		Expect(status).To(BeZero())
		Expect(out).To(MatchRegexp(`(?s)cf +eu\n.*not metered +7 messages of USAGE that are no facts\n`))
		Expect(out).To(ContainSubstring("message 7 of USAGE on usage.cf.eu.org.app.a is not a fact and was not " +
			"metered"))
		Expect(out).To(ContainSubstring("`nats stream get USAGE 7` shows it"))
		_, out, _ = s.daybook("status", "--format", "json", "--foundation", "eu")
		Expect(out).To(ContainSubstring(`"unreadable_omitted":2`))
		status, out, problem := s.daybook("status", "--foundation", "eu1")
		Expect(status).To(Equal(1))
		Expect([]string{out, problem}).To(Equal([]string{
			"", "daybook: there is no foundation \"eu1\": did you mean eu?\n",
		}))
	})

	It("is shown beside messages that somebody else has put among Daybook's", func(ctx SpecContext) {
		s := newSite(ctx)
		at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		gap := events.Gap{
			ID: "g", Source: "cf", Foundation: "eu", From: at, To: at.Add(time.Hour),
			Reason: "the table was purged",
		}
		for i, m := range []bus.Message{
			{Subject: events.UsageGapSubject("cf", "eu"), Data: []byte("{")},
			{Subject: events.UsageGapSubject("cf", "eu"), Data: gap.AppendJSON(nil)},
			{Subject: events.UsageHorizonSubject("cf", "eu"), Data: []byte("{")},
		} {
			_, err := s.bus.Append(ctx, events.StreamUsage, []bus.Message{m}, bus.Expect{Last: uint64(i)})
			Expect(err).NotTo(HaveOccurred())
		}
		status, out, problem := s.daybook("status")
		Expect(status).To(Equal(1))
		Expect(out).To(ContainSubstring("the table was purged"))
		Expect(problem).To(And(ContainSubstring("message 1 of USAGE (usage.cf.eu.gap) cannot be read"),
			ContainSubstring("message 3 of USAGE")))
	})
})
