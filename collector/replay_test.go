package collector_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("Replaying the quarantine", func() {
	var (
		b     *bus.Bus
		store collector.ReplayStore
	)
	BeforeEach(func(ctx SpecContext) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		store = collector.ReplayOnBus(b)
	})
	every := func(*collector.Parked) bool { return true }
	only := func(sequences ...uint64) func(*collector.Parked) bool {
		return func(p *collector.Parked) bool {
			for _, s := range sequences {
				if p.Sequence == s {
					return true
				}
			}
			return false
		}
	}
	parked := func(sequence uint64, after, input string) collector.Parked {
		return collector.Parked{Sequence: sequence, Quarantined: events.Quarantined{Foundation: "file", AfterID: after,
			Input: strings.TrimSpace(input)}}
	}
	replay := func(ctx context.Context, chosen func(*collector.Parked) bool, all ...collector.Parked) string {
		GinkgoHelper()
		results, err := collector.NewReplayer(store, false).Replay(ctx, all, chosen)
		Expect(err).NotTo(HaveOccurred())
		var text []string
		for _, r := range results {
			text = append(text, fmt.Sprintf("%d %s", r.Sequence, r.Outcome))
		}
		return strings.Join(text, ", ")
	}
	usage := func(ctx context.Context) []events.Usage {
		GinkgoHelper()
		state, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		var all []events.Usage
		for seq := state.First; seq <= state.Last && state.Messages > 0; seq++ {
			m, err := b.Get(ctx, events.StreamUsage, seq)
			Expect(err).NotTo(HaveOccurred())
			var u events.Usage
			Expect(u.DecodeJSON(m.Data)).To(Succeed())
			all = append(all, u)
		}
		return all
	}
	idOf := func(line string) string {
		GinkgoHelper()
		u, err := collector.Line("file", []byte(strings.TrimSpace(line)))
		Expect(err).NotTo(HaveOccurred())
		return u.ID
	}

	collected := func(ctx context.Context, line string) {
		GinkgoHelper()
		u, err := collector.Line("file", []byte(strings.TrimSpace(line)))
		Expect(err).NotTo(HaveOccurred())
		state, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.Append(ctx, events.StreamUsage, []bus.Message{{
			Subject: events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
			Data:    u.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderID, Value: u.ID}, {Key: events.HeaderType,
				Value: events.TypeUsage}},
		}}, bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
	}

	It("stores once what is understood now, and says what is not", func(ctx SpecContext) {
		all := []collector.Parked{
			parked(1, "", trove("trove.instance.exists", 1)), parked(2, "", "{broken"),
			parked(3, "", trove("dbaas.backup_create.end", 2)), parked(4, "", trove("trove.instance.exists", 1)),
		}
		Expect(replay(ctx, every, all...)).To(Equal("1 stored, 2 refused, 3 ignored, 4 known"))
		Expect(usage(ctx)).To(HaveLen(1))
		Expect(replay(ctx, every, all...)).To(Equal("1 known, 2 refused, 3 ignored, 4 known"))
		Expect(usage(ctx)).To(HaveLen(1))
	})

	It("replays what was chosen only", func(ctx SpecContext) {
		Expect(replay(ctx, only(2), parked(1, "", trove("trove.instance.exists", 1)),
			parked(2, "", trove("trove.instance.exists", 2)))).To(Equal("2 stored"))
		Expect(usage(ctx)).To(HaveLen(1))
	})

	It("does not guess the place of a Cloud Foundry event", func(ctx SpecContext) {
		results, err := collector.NewReplayer(store, false).Replay(ctx, []collector.Parked{parked(1, "", lines(0, 1)),
			parked(2, "nobody", lines(1, 2))}, every)
		Expect(err).NotTo(HaveOccurred())
		Expect(results[0].Reason).To(ContainSubstring("its place in the order of events is not known"))
		Expect(results[1].Reason).To(ContainSubstring("the event that it followed (nobody) is not in USAGE"))
		Expect(usage(ctx)).To(BeEmpty())
	})

	It("appends behind everything on request, and moves no cursor", func(ctx SpecContext) {
		atEnd := func(inputs ...string) []collector.Replayed {
			GinkgoHelper()
			var all []collector.Parked
			for i, input := range inputs {
				all = append(all, parked(uint64(i)+1, "", input))
			}
			results, err := collector.NewReplayer(store, true).Replay(ctx, all, every)
			Expect(err).NotTo(HaveOccurred())
			return results
		}
		Expect(atEnd(lines(5, 6))[0].Reason).To(ContainSubstring("collect first"), "alone it would be the cursor")
		Expect(usage(ctx)).To(BeEmpty())
		collected(ctx, lines(0, 1))
		collected(ctx, lines(1, 2))
		guid, cursor, err := store.End(ctx, "file", events.ListApp)
		Expect(err).NotTo(HaveOccurred())
		Expect(cursor).To(Equal(uint64(2)))
		atEnd(lines(5, 6), lines(6, 7))
		atEnd(lines(7, 8))
		all := usage(ctx)
		Expect(all).To(HaveLen(5))
		Expect(all[2].AfterGUID).To(Equal(guid))
		for i, u := range all[2:] {
			Expect(u.AfterSequence).To(Equal(uint64(i)+2), "each stands behind the one before")
		}
		Expect(all[:2]).To(HaveEach(HaveField("AfterSequence", BeZero())))
	})

	It("goes on in the order of the quarantine from one part to the next", func(ctx SpecContext) {
		first := lines(0, 1)
		collected(ctx, first)
		replayer := collector.NewReplayer(store, false)
		for i := range 3 {
			_, err := replayer.Replay(ctx, []collector.Parked{parked(uint64(i)+1, idOf(first), lines(i+1, i+2))}, every)
			Expect(err).NotTo(HaveOccurred())
		}
		for i, u := range usage(ctx)[1:] {
			Expect(u.AfterSequence).To(Equal(uint64(i) + 1))
		}
	})

	DescribeTable("puts Cloud Foundry events behind what they followed, in their order", func(ctx context.Context,
		rounds ...uint64) {
		first, a, c := lines(0, 1), lines(1, 2), lines(2, 3)
		collected(ctx, first)
		all := []collector.Parked{parked(1, idOf(first), a), parked(2, idOf(first), c)}
		for _, round := range rounds {
			chosen := every
			if round != 0 {
				chosen = only(round)
			}
			replay(ctx, chosen, all...)
		}
		position := map[string]uint64{}
		for i, u := range usage(ctx) {
			position[u.ID] = uint64(i) + 1
		}
		for _, u := range usage(ctx)[1:] {
			switch {
			case u.ID == idOf(c) && position[idOf(a)] < position[u.ID]:
				Expect(u.AfterSequence).To(Equal(position[idOf(a)]), "it follows the one before")
			default:
				Expect(u.AfterSequence).To(Equal(uint64(1)))
				Expect(u.AfterGUID).NotTo(BeEmpty())
			}
		}
		Expect(position).To(HaveLen(3))
	},
		Entry("both at once", uint64(0)),
		Entry("one after the other", uint64(1), uint64(2)),
		Entry("the second one first", uint64(2), uint64(1)), // a later insertion stands nearer to what it follows
	)
})
