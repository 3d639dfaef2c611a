package metered_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/stage"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "metered")
}

// part is a message of METERED derived from a message of USAGE.
func part(m *events.Metered, source uint64, last bool) bus.Message {
	m.Cause.Sequence = source
	headers := []events.Header{
		{Key: events.HeaderType, Value: events.TypeMetered},
		{Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(source, 10)},
	}
	if last {
		headers = append(headers, events.Header{Key: stage.HeaderChain, Value: "x"})
	}
	return bus.Message{
		Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource), Data: m.AppendJSON(nil),
		Header: headers,
	}
}

var _ = Describe("METERED as it stands", Ordered, func() {
	var b *bus.Bus
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	app := func(resource string) *events.Metered {
		return &events.Metered{
			Source: "cf", Foundation: "eu", Tenant: "org", Kind: "app", Resource: resource,
			Closed: []events.Span{{ID: "s", Kind: "app", Resource: resource}}, HeldOmitted: 2,
		}
	}
	put := func(ctx context.Context, messages ...bus.Message) {
		GinkgoHelper()
		state, err := b.Stream(ctx, events.StreamMetered)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.Append(ctx, events.StreamMetered, messages, bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
	}
	BeforeAll(func(ctx SpecContext) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		h := events.Horizon{Source: "cf", Foundation: "eu", Time: at}
		put(ctx, part(app("a"), 3, true), part(app("b"), 5, false), part(app("b"), 5, true),
			bus.Message{
				Subject: events.MeteredHorizonSubject("cf", "eu"), Data: h.AppendJSON(nil),
				Header: []events.Header{{Key: stage.HeaderSourceSeq, Value: "8"}, {Key: stage.HeaderChain, Value: "x"}},
			})
	})

	It("is the last message of each resource, and the horizons", func(ctx SpecContext) {
		var resources []string
		Expect(metered.Latest(ctx, b, "eu", "org", func(m *events.Metered) error {
			resources = append(resources, m.Resource)
			return nil
		})).To(Succeed())
		Expect(resources).To(Equal([]string{"a", "b"}))
		Expect(metered.Latest(ctx, b, "us", "", func(*events.Metered) error {
			panic("nothing runs " +
				"there")
		})).To(Succeed())
		Expect(metered.Through(ctx, b, "")).To(HaveExactElements(HaveField("Time", at)))
	})

	It("has the effect of a message of USAGE, in all its parts", func(ctx SpecContext) {
		Expect(metered.AwaitEffect(ctx, b, 0, 5)).To(Equal(metered.Effect{
			Sequence: 3, Closed: 2, Held: 2, Subject: "metered.cf.eu.org.app.b",
		}))
		none, err := metered.AwaitEffect(ctx, b, 0, 4)
		Expect(err).NotTo(HaveOccurred())
		Expect(none.Changed()).To(BeFalse())
		foreign, err := metered.AwaitEffect(ctx, b, 0, 8)
		Expect(err).NotTo(HaveOccurred())
		Expect(foreign.Foreign).To(ContainSubstring(`"foundation":"eu"`))
	})

	It("is everything that the messages of a resource list, where the last one lists a part", func(ctx SpecContext) {
		crowd := func(source, from uint64, omitted uint32, ended []string, running ...string) bus.Message {
			m := events.Metered{
				Source: "cf", Foundation: "jp", Tenant: "org", Kind: "task", Resource: "crowd", RunningOmitted: omitted,
				Ended: ended, ListedFrom: from,
			}
			for _, resource := range running {
				m.Running = append(m.Running, events.Span{Kind: "task", Resource: resource, Tenant: "org"})
			}
			return part(&m, source, true)
		}
		put(ctx, crowd(20, 0, 0, nil, "stale"), crowd(21, 0, 0, nil, "a", "b", "c"),
			crowd(22, 21, 2, []string{"b"}, "d"), part(app("else"), 23, true), crowd(24, 21, 3, nil, "e"))
		var resources []string
		Expect(metered.Latest(ctx, b, "jp", "", func(m *events.Metered) error {
			for i := range m.Running {
				resources = append(resources, m.Running[i].Resource)
			}
			Expect(m.RunningOmitted).To(BeZero())
			return nil
		})).To(Succeed())
		Expect(resources).To(Equal([]string{"a", "c", "d", "e"}))
	})

	It("has no effect of a message before the projector has worked it off", func(ctx SpecContext) {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := metered.AwaitEffect(short, b, 0, 99)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})

	It("is changed by usage, by a closing and by another catalogue, and by no horizon", func(ctx SpecContext) {
		message := func(subject, kind string) bus.Message {
			return bus.Message{Subject: subject, Header: []events.Header{{Key: events.HeaderType, Value: kind}}}
		}
		before, err := b.Stream(ctx, events.StreamMetered)
		Expect(err).NotTo(HaveOccurred())
		put(ctx, part(app("z"), 30, true), message(events.MeteredClosingSubject("cf", "eu"), events.TypeClosing),
			message(events.MeteredCatalogueSubject, events.TypeCatalogue),
			message(events.MeteredHorizonSubject("cf", "eu"), events.TypeHorizon))
		for n, between := range []int{0, 1, 2, 3, 3} {
			Expect(metered.Changes(ctx, b, before.Last, before.Last+uint64(n)+1)).To(Equal(between))
		}
		since := before.Last + 1
		Expect(metered.Unchanged(ctx, b, since, 0, time.Millisecond)).To(
			MatchError(&metered.ChangedError{Since: since, Changes: 2}))
	})

	It("is changed for a month by what has time before its end, and by nothing of later months", func(ctx SpecContext) {
		before, err := b.Stream(ctx, events.StreamMetered)
		Expect(err).NotTo(HaveOccurred())
		day := func(day int) time.Time { return time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC) }
		spans := func(source string, change func(*events.Metered)) bus.Message {
			m := events.Metered{Source: source, Foundation: "it", Tenant: "org", Kind: "app", Resource: "a"}
			change(&m)
			return part(&m, 40, true)
		}
		closed := func(at time.Time) func(*events.Metered) {
			return func(m *events.Metered) { m.Closed = []events.Span{{Kind: "app", Resource: "a", Start: at}} }
		}
		message := func(subject, kind string, body interface{ AppendJSON(b []byte) []byte }) bus.Message {
			return bus.Message{
				Subject: subject, Data: body.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: kind}},
			}
		}
		month := metered.Month{Source: "cf", Foundation: "it", Month: "2026-10"}
		counts := func() int {
			GinkgoHelper()
			state, err := b.Stream(ctx, events.StreamMetered)
			Expect(err).NotTo(HaveOccurred())
			n, err := month.Changes(ctx, b, before.Last, state.Last+1)
			Expect(err).NotTo(HaveOccurred())
			return n
		}
		put(ctx, spans("cf", closed(day(32))), spans("trove", closed(day(1))), part(app("a"), 40, true),
			spans("cf", func(m *events.Metered) { m.Held = []events.Hold{{ID: "h", Start: day(40)}} }),
			message(events.MeteredHorizonSubject("cf", "it"), events.TypeHorizon, &events.Horizon{Source: "cf"}),
			message(events.MeteredClosingSubject("trove", "it"), events.TypeClosing, &events.Closing{Source: "trove"}))
		Expect(counts()).To(BeZero())
		for n, m := range []bus.Message{
			spans("cf", closed(day(31))),
			spans("cf", func(m *events.Metered) { m.Retracted = []events.Span{{Kind: "app", Start: day(-40)}} }),
			spans("cf", func(m *events.Metered) { m.Held = []events.Hold{{ID: "h", Start: day(3)}} }),
			message(events.MeteredClosingSubject("cf", "it"), events.TypeClosing, &events.Closing{Source: "cf"}),
			message(events.MeteredGapSubject("cf", "it"), events.TypeGap, &events.Gap{Source: "cf", To: day(2)}),
			message(events.MeteredCatalogueSubject, events.TypeCatalogue, &events.Catalogue{Version: "v"}),
		} {
			put(ctx, m)
			Expect(counts()).To(Equal(n + 1))
		}
		Expect(month.Unchanged(ctx, b, before.Last, 0, time.Millisecond)).To(
			MatchError(&metered.ChangedError{Since: before.Last, Changes: 6}))
	})

	It("is unchanged where nothing about usage came behind a message, and USAGE has nothing without an answer", func(
		ctx SpecContext,
	) {
		usage := func(kind string, body []byte) uint64 {
			state, err := b.Stream(ctx, events.StreamUsage)
			Expect(err).NotTo(HaveOccurred())
			last, err := b.Append(ctx, events.StreamUsage, []bus.Message{{
				Subject: "usage.cf.kr.org.app.a", Data: body,
				Header: []events.Header{{Key: events.HeaderType, Value: kind}},
			}}, bus.Expect{Last: state.Last})
			Expect(err).NotTo(HaveOccurred())
			return last
		}
		unchanged := func(since, to uint64) error {
			return metered.Unchanged(ctx, b, since, to, time.Millisecond)
		}
		var to uint64
		for range 40 {
			to = usage(events.TypeUsage, nil)
		}
		put(ctx, part(app("x"), to, true))
		state, err := b.Stream(ctx, events.StreamMetered)
		Expect(err).NotTo(HaveOccurred())
		Expect(unchanged(state.Last, to)).To(Succeed())
		Expect(unchanged(state.Last-1, to)).To(MatchError(&metered.ChangedError{Since: state.Last - 1, Changes: 1}))
		Expect(metered.Changes(ctx, b, state.Last-1, state.Last)).To(BeZero())

		By("a marker, or an act that METERED has nothing of, has no answer")
		act := events.Act{Kind: events.ActReplay}
		to = usage(events.TypeMarker, nil)
		to = max(to, usage(events.TypeAct, act.AppendJSON(nil)))
		Expect(unchanged(state.Last, to)).To(Succeed())

		By("a catalogue has one, and a decision may have one")
		act.Kind = events.ActCatalogue
		open := usage(events.TypeAct, act.AppendJSON(nil))
		act.Kind = events.ActDecision
		usage(events.TypeAct, act.AppendJSON(nil))
		Expect(unchanged(state.Last, open)).To(MatchError(&metered.ChangedError{Since: state.Last, Usage: open}))
		Expect(unchanged(state.Last, open)).To(MatchError(ContainSubstring("the projector does not run, or is behind")))
		Expect(unchanged(state.Last, to)).To(Succeed(), "it stands behind what was asked about")

		By("the projector's answer is waited for")
		answered := make(chan error, 1)
		go func() { answered <- metered.Unchanged(ctx, b, state.Last, open, time.Minute) }()
		h := events.Horizon{Source: "cf", Foundation: "eu", Time: at.Add(time.Hour)}
		put(ctx, bus.Message{
			Subject: events.MeteredHorizonSubject("cf", "eu"), Data: h.AppendJSON(nil),
			Header: []events.Header{{Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(open, 10)}},
		})
		Expect(<-answered).To(Succeed())
	})
})
