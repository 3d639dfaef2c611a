package compare_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/compare"
	"github.com/daybook-billing/daybook/internal/stage"
)

func header(key, value string) events.Header { return events.Header{Key: key, Value: value} }

func run(stream string, messages ...compare.Message) *compare.Run {
	return &compare.Run{Streams: map[string][]compare.Message{stream: messages}}
}

func message(subject, kind, body string, headers ...events.Header) compare.Message {
	return compare.Message{
		Subject: subject, Body: []byte(body),
		Headers: append([]events.Header{header(events.HeaderType, kind)}, headers...),
	}
}

// day is a span of an app on one day of October.
func day(n int, memory uint32) events.Span {
	start := time.Date(2026, 10, n, 0, 0, 0, 0, time.UTC)
	return events.Span{
		ID: "span", Kind: events.KindApp, Resource: "p", Tenant: "t", Start: start, Since: start,
		End: start.AddDate(0, 0, 1), Footprint: events.Footprint{MemoryMB: events.Some(memory)},
	}
}

func metered(closed, retracted []events.Span) compare.Message {
	m := events.Metered{
		Source: "cf", Foundation: "f", Tenant: "t", Kind: events.KindApp, Resource: "p",
		Closed: closed, Retracted: retracted,
	}
	return message("metered.cf.f.t.app.p", events.TypeMetered, string(m.AppendJSON(nil)))
}

func billed(charges ...events.Charge) compare.Message {
	b := events.Billing{Tenant: "t", Kind: events.KindApp, Resource: "p", Charges: charges}
	return message("billing.charge.t.cf.f.app.p", events.TypeBilling, string(b.AppendJSON(nil)))
}

func charge(entry, amount string) events.Charge {
	x, err := events.ParseDecimal(amount)
	Expect(err).NotTo(HaveOccurred())
	return events.Charge{
		Entry: entry, Period: "2026-10", Tenant: "t", Kind: events.KindApp, Resource: "p",
		Plan: "small", Component: "memory", Amount: x, Currency: "GBP",
	}
}

func contents(a, b *compare.Run) []string {
	before, err := compare.ContentOf(a)
	Expect(err).NotTo(HaveOccurred())
	after, err := compare.ContentOf(b)
	Expect(err).NotTo(HaveOccurred())
	return before.Differences(after)
}

var _ = Describe("comparing bytes", func() {
	seq := header(stage.HeaderSourceSeq, "7")
	whole := message("metered.cf.f.t.app.p", events.TypeMetered, `{"id":"1"}`, seq)

	It("finds nothing where nothing differs", func() {
		Expect(compare.Bytes(run(events.StreamMetered, whole), run(events.StreamMetered, whole))).To(BeEmpty())
	})

	DescribeTable("finds", func(change func(m *compare.Message), says string) {
		other := whole
		other.Headers = slices.Clone(whole.Headers)
		change(&other)
		Expect(compare.Bytes(run(events.StreamMetered, whole), run(events.StreamMetered, other))).
			To(ConsistOf(ContainSubstring(says)))
	},
		Entry("another subject", func(m *compare.Message) { m.Subject += "q" }, "subject"),
		Entry("another body", func(m *compare.Message) { m.Body = []byte(`{"id":"2"}`) }, "body"),
		Entry("another header", func(m *compare.Message) { m.Headers[1].Value = "8" }, "headers"),
		Entry("a header more", func(m *compare.Message) { m.Headers = append(m.Headers, header("x", "y")) }, "headers"),
	)

	It("finds a missing message, and another bill", func() {
		Expect(compare.Bytes(run(events.StreamMetered, whole), run(events.StreamMetered))).
			To(ConsistOf(ContainSubstring("1 messages before, 0 after")))
		other := run(events.StreamMetered, whole)
		other.Bill = "1.00"
		Expect(compare.Bytes(run(events.StreamMetered, whole), other)).To(ConsistOf(ContainSubstring("the bill")))
	})

	It("passes over the place where a batch ends, but not over the chain at the end of the stream", func() {
		ended := message(whole.Subject, events.TypeMetered, `{"id":"1"}`, seq, header(stage.HeaderChain, "a"))
		other := message(whole.Subject, events.TypeMetered, `{"id":"1"}`, seq, header(stage.HeaderChain, "b"))
		Expect(compare.Bytes(run(events.StreamMetered, ended, ended), run(events.StreamMetered, whole, ended))).
			To(BeEmpty())
		Expect(compare.Bytes(run(events.StreamMetered, whole, ended), run(events.StreamMetered, whole, other))).
			To(ConsistOf(ContainSubstring("headers")))
	})

	It("passes over the time of an act, but not over the time of a fact", func() {
		act := func(t time.Time) *compare.Run {
			a := events.Act{ID: "a", Kind: events.ActCatalogue, Time: t}
			return run(events.StreamUsage, message("usage.act.catalogue.all.all", events.TypeAct,
				string(a.AppendJSON(nil))))
		}
		fact := func(t time.Time) *compare.Run {
			u := events.Usage{ID: "u", Source: "cf", Time: t}
			return run(events.StreamUsage, message("usage.cf.f.t.app.p", events.TypeUsage, string(u.AppendJSON(nil))))
		}
		first, second := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
		Expect(compare.Bytes(act(first), act(second))).To(BeEmpty())
		Expect(compare.Bytes(fact(first), fact(second))).To(ConsistOf(ContainSubstring("body")))
	})
})

var _ = Describe("comparing content", func() {
	It("takes a span that was retracted and published again for the same", func() {
		direct := run(events.StreamMetered, metered([]events.Span{day(1, 512)}, nil))
		detour := run(events.StreamMetered, metered([]events.Span{day(1, 1024)}, nil),
			metered([]events.Span{day(1, 512)}, []events.Span{day(1, 1024)}))
		Expect(contents(direct, detour)).To(BeEmpty())
	})

	It("finds a span of another size, and a span that stands twice", func() {
		once := run(events.StreamMetered, metered([]events.Span{day(1, 512)}, nil))
		larger := run(events.StreamMetered, metered([]events.Span{day(1, 1024)}, nil))
		twice := run(events.StreamMetered, metered([]events.Span{day(1, 512), day(1, 512)}, nil))
		Expect(contents(once, larger)).To(HaveLen(2))
		Expect(contents(once, twice)).To(HaveLen(1))
	})

	It("takes a charge that was reversed and posted again for the same, and finds a penny", func() {
		direct := run(events.StreamBilling, billed(charge(events.EntryCharge, "1.00")))
		detour := run(events.StreamBilling, billed(charge(events.EntryCharge, "3.00")),
			billed(charge(events.EntryReversal, "-3.00"), charge(events.EntryCharge, "1.00")))
		penny := run(events.StreamBilling, billed(charge(events.EntryCharge, "1.01")))
		Expect(contents(direct, detour)).To(BeEmpty())
		Expect(contents(direct, penny)).To(HaveLen(4)) // a piece and a sum, before and after
	})
})
