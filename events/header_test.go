package events_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("The headers of a message", func() {
	It("are four of CloudEvents, in this order", func() {
		Expect(events.AppendHeaders(nil, "id", events.TypeUsage, "daybook/x")).To(Equal([]events.Header{
			{Key: "ce-id", Value: "id"},
			{Key: "ce-type", Value: "daybook.usage.v1"},
			{Key: "ce-source", Value: "daybook/x"},
			{Key: "ce-specversion", Value: "1.0"},
		}))
	})

	It("stand behind those that are there already", func() {
		headers := events.AppendHeaders([]events.Header{{Key: "k", Value: "v"}}, "id", "t", "s")
		Expect(headers).To(HaveLen(1 + events.HeaderCount))
		Expect(headers[0]).To(Equal(events.Header{Key: "k", Value: "v"}))
	})
})
