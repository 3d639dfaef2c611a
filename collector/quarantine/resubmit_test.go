package quarantine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestQuarantine(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "quarantine")
}

// started is a Cloud Foundry event, n seconds into 2026.
func started(n int) string {
	at := events.FormatTime(time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC))
	return fmt.Sprintf(`{"guid":"e-%d","created_at":"%s","state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"a-%d"},"process":{"guid":"p-%d","type":"web"},"organization":{"guid":"o"},"space":{"guid":"s"},"memory_in_mb_per_instance":{"current":64},"instance_count":{"current":1}}`, n, at, n%7, n%7)
}

// trove is a notification, n seconds into 2026.
func trove(event string, n int) string {
	return fmt.Sprintf(`{"message_id":"m-%d","event_type":"%s","timestamp":"2026-01-01 00:00:%02d.250000","payload":{"tenant_id":"t","instance_id":"i","instance_type_id":"7"}}`, n, event, n)
}

var _ = Describe("Resubmitting quarantined input", func() {
	var (
		b     *bus.Bus
		store quarantine.Store
		rules quarantine.Rules
	)
	BeforeEach(func(ctx SpecContext) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		store = quarantine.OnBus(b)
		rules = quarantine.Rules{
			Normalise: file.Normalise,
			End: func(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error) {
				return cf.End(ctx, cf.OnBus(b), foundation, list)
			},
			GUID: usageevent.GUID,
		}
	})
	every := func(*quarantine.Entry) bool { return true }
	only := func(sequences ...uint64) func(*quarantine.Entry) bool {
		return func(p *quarantine.Entry) bool {
			for _, s := range sequences {
				if p.Sequence == s {
					return true
				}
			}
			return false
		}
	}
	parked := func(sequence uint64, after, input string) quarantine.Entry {
		return quarantine.Entry{Sequence: sequence, Quarantined: events.Quarantined{
			Foundation: "file", AfterID: after,
			Input: strings.TrimSpace(input),
		}}
	}
	resubmit := func(ctx context.Context, chosen func(*quarantine.Entry) bool, all ...quarantine.Entry) string {
		GinkgoHelper()
		results, err := quarantine.NewResubmitter(store, rules).Resubmit(ctx, all, chosen)
		Expect(err).NotTo(HaveOccurred())
		var text []string
		for _, r := range results {
			text = append(text, fmt.Sprintf("%d %s", r.Sequence, r.Outcome))
		}
		return strings.Join(text, ", ")
	}
	type fact struct {
		events.Usage
		sequence uint64
	}
	usage := func(ctx context.Context) []fact {
		GinkgoHelper()
		state, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		var all []fact
		for seq := state.First; seq <= state.Last && state.Messages > 0; seq++ {
			m, err := b.Get(ctx, events.StreamUsage, seq)
			Expect(err).NotTo(HaveOccurred())
			if m.Header(events.HeaderType) == events.TypeMarker {
				continue
			}
			u := fact{sequence: seq}
			Expect(u.DecodeJSON(m.Data)).To(Succeed())
			all = append(all, u)
		}
		return all
	}
	idOf := func(line string) string {
		GinkgoHelper()
		u, err := file.Normalise("file", []byte(strings.TrimSpace(line)))
		Expect(err).NotTo(HaveOccurred())
		return u.ID
	}

	collected := func(ctx context.Context, line string) {
		GinkgoHelper()
		u, err := file.Normalise("file", []byte(strings.TrimSpace(line)))
		Expect(err).NotTo(HaveOccurred())
		state, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.Append(ctx, events.StreamUsage, []bus.Message{{
			Subject: events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
			Data:    u.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderID, Value: u.ID}, {
				Key:   events.HeaderType,
				Value: events.TypeUsage,
			}},
		}}, bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
	}

	It("stores once what is understood now, and says what is not", func(ctx SpecContext) {
		all := []quarantine.Entry{
			parked(1, "", trove("trove.instance.exists", 1)), parked(2, "", "{broken"),
			parked(3, "", trove("dbaas.backup_create.end", 2)), parked(4, "", trove("trove.instance.exists", 1)),
		}
		Expect(resubmit(ctx, every, all...)).To(Equal("1 stored, 2 refused, 3 ignored, 4 known"))
		Expect(usage(ctx)).To(HaveLen(1))
		Expect(resubmit(ctx, every, all...)).To(Equal("1 known, 2 refused, 3 ignored, 4 known"))
		Expect(usage(ctx)).To(HaveLen(1))
	})

	It("takes nothing from a message that no collector wrote, whatever its text", func(ctx SpecContext) {
		e := parked(1, "", trove("trove.instance.exists", 1))
		e.Foreign = true
		results, err := quarantine.NewResubmitter(store, rules).Resubmit(ctx, []quarantine.Entry{e}, every)
		Expect(err).NotTo(HaveOccurred())
		Expect(results).To(ConsistOf(And(HaveField("Outcome", quarantine.Refused),
			HaveField("Reason", ContainSubstring("discard it")))))
		Expect(usage(ctx)).To(BeEmpty())
	})

	It("resubmits what was chosen only", func(ctx SpecContext) {
		Expect(resubmit(ctx, only(2), parked(1, "", trove("trove.instance.exists", 1)),
			parked(2, "", trove("trove.instance.exists", 2)))).To(Equal("2 stored"))
		Expect(usage(ctx)).To(HaveLen(1))
	})

	It("does not guess the place of a Cloud Foundry event", func(ctx SpecContext) {
		results, err := quarantine.NewResubmitter(store, rules).Resubmit(ctx, []quarantine.Entry{
			parked(1, "", started(0)),
			parked(2, "nobody", started(1)),
		}, every)
		Expect(err).NotTo(HaveOccurred())
		Expect(results[0].Reason).To(ContainSubstring("its place in the order of events is not known"))
		Expect(results[1].Reason).To(ContainSubstring("the event that it followed (nobody) is not in USAGE"))
		Expect(usage(ctx)).To(BeEmpty())
	})

	It("appends behind everything on request, and moves no cursor", func(ctx SpecContext) {
		atEnd := func(inputs ...string) []quarantine.Resubmitted {
			GinkgoHelper()
			var all []quarantine.Entry
			for i, input := range inputs {
				all = append(all, parked(uint64(i)+1, "", input))
			}
			rules.AtEnd = true
			results, err := quarantine.NewResubmitter(store, rules).Resubmit(ctx, all, every)
			Expect(err).NotTo(HaveOccurred())
			return results
		}
		Expect(atEnd(started(5))[0].Reason).To(ContainSubstring("collect first"), "alone it would be the cursor")
		Expect(usage(ctx)).To(BeEmpty())
		collected(ctx, started(0))
		collected(ctx, started(1))
		guid, cursor, err := rules.End(ctx, "file", events.ListApp)
		Expect(err).NotTo(HaveOccurred())
		Expect(cursor).To(Equal(uint64(2)))
		atEnd(started(5), started(6))
		atEnd(started(7))
		all := usage(ctx)
		Expect(all).To(HaveLen(5))
		Expect(all[2].AfterGUID).To(Equal(guid))
		for i, u := range all[2:] {
			Expect(u.AfterSequence).To(Equal(all[i+1].sequence), "each stands behind the one before")
		}
		Expect(all[:2]).To(HaveEach(HaveField("AfterSequence", BeZero())))
	})

	It("goes on in the order of the quarantine from one part to the next", func(ctx SpecContext) {
		first := started(0)
		collected(ctx, first)
		resubmitter := quarantine.NewResubmitter(store, rules)
		for i := range 3 {
			_, err := resubmitter.Resubmit(ctx, []quarantine.Entry{parked(uint64(i)+1, idOf(first), started(i+1))},
				every)
			Expect(err).NotTo(HaveOccurred())
		}
		stored := usage(ctx)
		for i, u := range stored[1:] {
			Expect(u.AfterSequence).To(Equal(stored[i].sequence))
		}
	})

	It("names the event in front in the form of v2, too", func(ctx SpecContext) {
		first := `{"metadata":{"guid":"e-0","created_at":"2026-01-01T00:00:00Z"},"entity":{"state":"STARTED",` +
			`"app_guid":"p-0","space_guid":"s","org_guid":"o","memory_in_mb_per_instance":64,"instance_count":1}}`
		collected(ctx, first)
		Expect(resubmit(ctx, every, parked(1, idOf(first), started(1)))).To(Equal("1 stored"))
		Expect(usage(ctx)[1]).To(And(HaveField("AfterGUID", "e-0"), HaveField("AfterSequence", uint64(1))))
	})

	It("stops at an event in front that cannot be read", func(ctx SpecContext) {
		first := started(0)
		collected(ctx, first)
		rules.GUID = func([]byte) string { return "" }
		_, err := quarantine.NewResubmitter(store, rules).Resubmit(ctx,
			[]quarantine.Entry{parked(1, idOf(first), started(1))}, every)
		Expect(err).To(MatchError("message 1 of USAGE: its upstream event cannot be read, or has no guid"))
	})

	DescribeTable("puts Cloud Foundry events behind what they followed, in their order", func(ctx context.Context,
		rounds ...uint64,
	) {
		first, a, c := started(0), started(1), started(2)
		collected(ctx, first)
		all := []quarantine.Entry{parked(1, idOf(first), a), parked(2, idOf(first), c)}
		for _, round := range rounds {
			chosen := every
			if round != 0 {
				chosen = only(round)
			}
			resubmit(ctx, chosen, all...)
		}
		position := map[string]uint64{}
		for _, u := range usage(ctx) {
			position[u.ID] = u.sequence
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
