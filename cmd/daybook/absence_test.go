package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A message that is not there", func() {
	var s *site

	BeforeEach(func(ctx SpecContext) {
		first, _, prices := month(400)
		s = newSite(ctx)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
	})

	// remove is nats stream rmm.
	remove := func(stream string, sequence uint64) {
		GinkgoHelper()
		s.api("STREAM.MSG.DELETE."+stream, map[string]any{"seq": sequence})
	}

	DescribeTable("in the middle makes bill and plain verify say so, and a replay mends it",
		func(ctx SpecContext, stream, stage string) {
			right := s.bill(ctx)
			s.ran("bill")
			s.ran("verify")
			state, err := s.bus.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			remove(stream, state.Last/2)

			status, out, notices := s.daybook("bill")
			Expect(status).To(Equal(1))
			Expect(out).To(ContainSubstring("incomplete: " + stream))
			Expect(notices).To(And(ContainSubstring("the bill is incomplete: "+stream),
				ContainSubstring("daybook replay "+stage)))
			_, out, _ = s.daybook("bill", "--format", "json")
			Expect(out).To(ContainSubstring(`"missing":["` + stream))
			status, _, notices = s.daybook("verify", stage)
			Expect(status).To(Equal(5))
			Expect(notices).To(ContainSubstring(stream + " differs"))
			status, _, _ = s.daybook("verify", "--deep", stage)
			Expect(status).To(Equal(5))

			s.ran("replay", "--cut", "day")
			Expect(s.bill(ctx)).To(Equal(right))
			s.ran("bill")
			s.ran("verify")
		},
		Entry("of BILLING", "BILLING", "pricer"),
		Entry("of METERED", "METERED", "projector"),
	)

	DescribeTable("at the end does not hold the bill up, is missed by it and by verify, and a replay mends it",
		func(ctx SpecContext, stream, stage string) {
			right := s.bill(ctx)
			state, err := s.bus.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			remove(stream, state.Last)
			begun := time.Now()
			status, out, _ := s.daybook("bill")
			Expect(time.Since(begun)).To(BeNumerically("<", 10*time.Second))
			Expect(status).To(Equal(1))
			Expect(out).To(ContainSubstring("incomplete: " + stream))
			status, _, _ = s.daybook("verify", stage)
			Expect(status).To(Equal(5))

			s.ran("replay", "--cut", "day")
			Expect(s.bill(ctx)).To(Equal(right))
			s.ran("bill")
			s.ran("verify")
		},
		Entry("of BILLING", "BILLING", "pricer"), Entry("of METERED", "METERED", "projector"),
	)

	DescribeTable("is missed where the stream is empty, until a replay brings all back",
		func(ctx SpecContext, stream string, request map[string]any, replay ...string) {
			right := s.bill(ctx)
			s.api("STREAM.PURGE."+stream, request)
			status, out, _ := s.daybook("bill")
			Expect(status).To(Equal(1))
			Expect(out).To(ContainSubstring("incomplete: " + stream + ": it is empty"))
			s.ran(replay...)
			s.work(ctx, timeline.CutDay)
			s.ran("bill")
			Expect(s.bill(ctx)).To(Equal(right))
			s.ran("verify", "--deep")
		},
		Entry("BILLING", "BILLING", map[string]any{}, "replay", "pricer"),
		Entry("METERED, by its subjects", "METERED", map[string]any{"filter": "metered.>"}, "replay", "--cut", "day"),
	)

	It("does not hide behind a forged one with the headers of the last", func(ctx SpecContext) {
		right := s.bill(ctx)
		last, err := s.bus.Last(ctx, "BILLING", "billing.charge.>")
		Expect(err).NotTo(HaveOccurred())
		end, err := s.bus.Last(ctx, "BILLING", "")
		Expect(err).NotTo(HaveOccurred())
		forged := bus.Message{Subject: last.Subject, Data: last.Data}
		for _, h := range end.Headers() {
			if !strings.HasPrefix(h.Key, "Nats-") { // those of its batch
				forged.Header = append(forged.Header, h)
			}
		}
		_, err = s.bus.Append(context.WithoutCancel(ctx), "BILLING", []bus.Message{forged},
			bus.Expect{Last: end.Sequence})
		Expect(err).NotTo(HaveOccurred())
		status, _, notices := s.daybook("verify")
		Expect(status).To(Equal(5))
		Expect(notices).To(ContainSubstring("BILLING differs"))
		status, out, _ := s.daybook("bill")
		Expect(status).To(Equal(1))
		Expect(strings.Count(out, "incomplete: BILLING")).To(Equal(1))
		s.ran("replay", "pricer")
		s.ran("verify")
		Expect(s.bill(ctx)).To(Equal(right))
	})

	DescribeTable("because its block is damaged does not hold the bill up, and a replay mends it", func(ctx SpecContext,
		stream string,
		at int,
	) {
		scale.Long(Skip)
		folder := GinkgoT().TempDir()
		server, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).NotTo(HaveOccurred())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		own := &site{url: server.URL(), bus: b}
		first, _, prices := month(200)
		own.ran("catalogue", "publish", "--yes", prices)
		own.ran("collect", "file", first)
		own.work(ctx, timeline.CutDay)
		right := own.bill(ctx)
		b.Close()
		server.Shutdown()
		blocks, err := filepath.Glob(filepath.Join(folder, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
		Expect(err).NotTo(HaveOccurred())
		Expect(blocks).To(HaveLen(1))
		data, err := os.ReadFile(blocks[0])
		Expect(err).NotTo(HaveOccurred())
		data[(len(data)+at)%len(data)] ^= 0x20
		Expect(os.WriteFile(blocks[0], data, 0o600)).To(Succeed())
		server, err = bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		defer server.Shutdown()
		own.url = server.URL()
		begun := time.Now()
		status, out, notices := own.daybook("bill")
		Expect(time.Since(begun)).To(BeNumerically("<", 10*time.Second))
		Expect(status).To(Equal(1), "%s", out)
		Expect(notices).To(ContainSubstring(stream))

		own.bus, err = bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).NotTo(HaveOccurred())
		defer own.bus.Close()
		own.ran("replay", "--cut", "day") // alone: nothing is removed by hand
		own.work(ctx, timeline.CutDay)
		Expect(own.bill(ctx)).To(Equal(right))
		own.ran("bill") // what the server still counts and does not deliver is no loss
		own.ran("verify")
	},
		Entry("the last of BILLING", "BILLING", -60), Entry("the last of METERED", "METERED", -60),
		Entry("the first of BILLING", "BILLING", 300), Entry("one in the middle of METERED", "METERED", 30_000),
	)
})
