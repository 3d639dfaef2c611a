package main

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// park puts input into the quarantine.
func (s *site) park(ctx context.Context, q *events.Quarantined) {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, events.StreamQuarantine)
	Expect(err).NotTo(HaveOccurred())
	_, err = s.bus.Append(ctx, events.StreamQuarantine, []bus.Message{{
		Subject: events.QuarantineSubject(q.Source, q.Foundation), Data: q.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderID, Value: q.ID}, {
			Key:   events.HeaderType,
			Value: events.TypeQuarantined,
		}},
	}}, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("daybook quarantine", func() {
	const exists = `{"message_id":"m","event_type":"trove.instance.exists","timestamp":"2026-01-01 00:00:00","payload":{"tenant_id":"t","instance_id":"i","instance_type_id":"7"}}`
	var s *site
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		s.park(ctx, &events.Quarantined{
			ID: "q1", Source: "trove", Foundation: "os-1", File: "billing.trove",
			Reason: "nobody understood it then", Input: exists,
		})
		s.park(ctx, &events.Quarantined{
			ID: "q2", Source: "unknown", Foundation: "file", File: "november.jsonl",
			Line: 17, Reason: "broken", Input: "{" + strings.Repeat("x", 100),
		})
	})

	It("lists what there is, in a table that is narrow enough, and in full as JSON", func() {
		status, out, _ := s.daybook("quarantine", "list")
		Expect(status).To(BeZero())
		Expect(out).To(MatchRegexp(`1 +\S+ +trove +os-1 +billing\.trove +nobody understood it then`))
		Expect(out).To(And(ContainSubstring("november.jsonl"), ContainSubstring("xxx…"),
			HaveSuffix("quarantined: 2\n")))
		_, out, _ = s.daybook("quarantine", "list", "--foundation", "file", "--format", "json")
		Expect(strings.Count(out, "\n")).To(Equal(1))
		Expect(out).To(And(ContainSubstring(`"line":17`), ContainSubstring(strings.Repeat("x", 100))))
		_, out, _ = s.daybook("quarantine", "list", "--source", "cf")
		Expect(out).To(Equal("quarantined: 0\n"))
	})

	It("shows one in full", func() {
		status, out, _ := s.daybook("quarantine", "show", "2")
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring(strings.Repeat("x", 100)))
		status, _, problem := s.daybook("quarantine", "show", "9")
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring("there is no message 9 in QUARANTINE"))
	})

	It("resubmits what is understood now, once, and says what is not", func(ctx SpecContext) {
		status, out, problem := s.daybook("quarantine", "resubmit", "--all", "--by", "ann", "--note", "a new version")
		Expect(status).To(BeZero(), problem)
		Expect(out).To(And(MatchRegexp(`1 +stored`), MatchRegexp(`2 +refused`),
			HaveSuffix("1 stored, 0 known, 0 ignored, 1 refused; what is not refused counts as quarantined no "+
				"longer\n")))
		_, out, _ = s.daybook("quarantine", "list")
		Expect(out).To(And(ContainSubstring("november.jsonl"), Not(ContainSubstring("billing.trove")),
			HaveSuffix("quarantined: 1\n")))
		_, out, _ = s.daybook("quarantine", "list", "--all")
		Expect(out).To(And(MatchRegexp(`billing\.trove.* stored by ann: a new version\n`), HaveSuffix("quarantined: 1\n")))
		status, out, _ = s.daybook("quarantine", "resubmit", "1", "--format", "json")
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring(`"outcome":"known"`))
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		Expect(usage.Messages).To(Equal(uint64(3)), "the fact, between two markers")
		quarantine, err := s.bus.Stream(ctx, events.StreamQuarantine)
		Expect(err).NotTo(HaveOccurred())
		Expect(quarantine.Messages).To(Equal(uint64(3)), "the inputs, and one word that the first is stored")
	})

	It("discards what needs nothing more, with who and why, and it counts no longer", func(ctx SpecContext) {
		_, out, _ := s.daybook("bill")
		Expect(out).To(ContainSubstring("quarantined: 2 inputs"))
		_, out, _ = s.daybook("status")
		Expect(out).To(MatchRegexp(`quarantined +1 inputs; daybook quarantine list`))
		discard := []string{"quarantine", "discard", "--by", "ann", "--note", "a test event"}
		status, out, problem := s.daybook(append(discard, "2")...)
		Expect(status).To(BeZero(), problem)
		Expect(out).To(Equal("discarded: 1 inputs; 0 were resubmitted or discarded before\n"))
		_, out, _ = s.daybook(append(discard, "2")...)
		Expect(out).To(Equal("discarded: 0 inputs; 1 were resubmitted or discarded before\n"))

		_, out, _ = s.daybook("bill")
		Expect(out).To(ContainSubstring("quarantined: 1 inputs"))
		_, out, _ = s.daybook("quarantine", "list", "--all", "--format", "json")
		Expect(out).To(And(ContainSubstring(`"outcome":"discarded","by":"ann","note":"a test event","settled":"`)))
		_, out, _ = s.daybook("quarantine", "show", "2")
		Expect(out).To(ContainSubstring(`"outcome":"discarded","by":"ann"`))

		_, out, _ = s.daybook(append(discard, "--all")...)
		Expect(out).To(And(ContainSubstring("billing.trove"), Not(ContainSubstring("november.jsonl")),
			HaveSuffix("discard of 1 inputs: nothing published yet; add --yes to discard them\n")))
		_, out, _ = s.daybook(append(discard, "--all", "--yes")...)
		Expect(out).To(Equal("discarded: 1 inputs; 1 were resubmitted or discarded before\n"))
		_, out, _ = s.daybook("bill", "--format", "json")
		Expect(out).To(ContainSubstring(`"quarantined":0`))
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		Expect(usage.Messages).To(Equal(uint64(2)), "an act for each input")
	})

	DescribeTable("refuses a command line that does not say what", func(message string, args ...string) {
		status, _, problem := s.daybook(append([]string{"quarantine", "resubmit"}, args...)...)
		Expect(status).NotTo(BeZero())
		Expect(problem).To(ContainSubstring(message))
	},
		Entry("nothing", "name sequences"),
		Entry("both", "exclude each other", "--all", "1"),
		Entry("one that is not there", "only 1 of the 2 sequences", "1", "9"),
	)

	DescribeTable("discards nothing by a command line that does not say what", func(message string, args ...string) {
		status, _, problem := s.daybook(append([]string{"quarantine", "discard"}, args...)...)
		Expect(status).NotTo(BeZero())
		Expect(problem).To(ContainSubstring(message))
	},
		Entry("nothing", "name sequences"),
		Entry("both", "exclude each other", "--all", "1"),
		Entry("--yes for one", "--yes goes with --all", "--yes", "1"),
		Entry("one that is not there", "only 1 of the 2 sequences", "1", "9"),
	)
})

var _ = DescribeTable("daybook collect trove refuses", func(message string, args ...string) {
	var out, problem strings.Builder
	Expect(run(append([]string{"collect", "trove"}, args...), strings.NewReader(""), &out, &problem)).To(Equal(2))
	Expect(problem.String()).To(ContainSubstring(message))
},
	Entry("nothing to collect from", "give RabbitMQ's URL with --amqp"),
	Entry("pushes without an address", "give one with --http", "--push-token-file", "token"),
	Entry("half of a user", "must be given together", "--amqp", "amqp://h/", "--amqp-user", "u"),
)
