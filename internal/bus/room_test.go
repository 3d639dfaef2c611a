package bus_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/jet"
)

var _ = Describe("A server that runs out of room", func() {
	DescribeTable("in a batch is not said to have stored nothing", func(ctx SpecContext, room, stored int) {
		server := jet.New(jet.Config{})
		DeferCleanup(server.Close)
		b := connect(bus.Config{Process: server})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		server.Room("USAGE", room)
		_, err := b.Append(ctx, "USAGE", batch("usage", 3), bus.Expect{})
		Expect(server.Messages("USAGE")).To(HaveLen(stored))
		Expect(err).To(MatchError(bus.ErrOutcomeUnknown))
		Expect(err).To(MatchError(ContainSubstring("insufficient resources")))
	},
		Entry("before its first message", 0, 0),
		Entry("at its last message: the others are stored", 2, 2),
	)
})
