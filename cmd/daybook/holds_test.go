package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

// site is a NATS server with Daybook's streams.
type site struct {
	url string
	bus *bus.Bus
}

func newSite(ctx context.Context) *site {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return &site{url: server.URL(), bus: b}
}

// daybook runs a command line against the server.
func (s *site) daybook(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(append(args, "--nats", s.url), strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// metered appends a message of METERED once for each message of USAGE in sources, in one batch, as
// a projector does.
func (s *site) metered(ctx context.Context, m *events.Metered, sources ...uint64) {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, events.StreamMetered)
	Expect(err).NotTo(HaveOccurred())
	var parts []bus.Message
	for _, source := range sources {
		m.Cause.Sequence = source
		parts = append(parts, bus.Message{
			Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource),
			Data:    m.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderType, Value: events.TypeMetered}, {
				Key:   stage.HeaderSourceSeq,
				Value: strconv.FormatUint(source, 10),
			}},
		})
	}
	end := &parts[len(parts)-1]
	end.Header = append(end.Header, events.Header{Key: stage.HeaderChain, Value: "x"})
	_, err = s.bus.Append(ctx, events.StreamMetered, parts, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

// decisions are the decisions in USAGE, oldest first.
func (s *site) decisions(ctx context.Context) []events.Act {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, events.StreamUsage)
	Expect(err).NotTo(HaveOccurred())
	var all []events.Act
	for seq := uint64(1); seq <= state.Last; seq++ {
		m, err := s.bus.Get(ctx, events.StreamUsage, seq)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Subject).To(Equal("usage.act.decision.trove.dbaas"))
		var d events.Act
		Expect(d.DecodeJSON(m.Data)).To(Succeed())
		Expect(m.Header(events.HeaderID)).To(Equal(d.ID))
		Expect(m.Header(events.HeaderType)).To(Equal(events.TypeAct))
		all = append(all, d)
	}
	return all
}

var _ = Describe("What runs and what is held", func() {
	begin := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	app := events.Metered{
		Source: "cf", Foundation: "eu", Tenant: "org-1", Kind: "app", Resource: "shop",
		Running: []events.Span{{
			Kind: "app", Resource: "shop-web", App: "shop", Tenant: "org-1", Space: "prod", Name: "shop",
			Start: begin.Add(16 * time.Hour), Since: begin,
			Footprint: events.Footprint{Instances: events.Some(2), MemoryMB: events.Some(1024), ProcessType: "web"},
			Flags:     events.InferredStart,
		}},
	}
	database := events.Metered{
		Source: "trove", Foundation: "dbaas", Tenant: "org-2", Kind: "instance", Resource: "db-1",
		Running: []events.Span{{
			Kind: "instance", Resource: "db-1", Tenant: "org-2", Name: "orders", Start: begin,
			Since: begin, Footprint: events.Footprint{Flavor: "m1"},
		}},
		Held: []events.Hold{{
			ID: "hold-1", Kind: "volume", Resource: "db-1", Code: "unknown_volume", Start: begin,
			Reason: "no fact tells the size",
		}},
	}
	var s *site

	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		earlier := app
		earlier.Running = append(earlier.Running, events.Span{Kind: "app", Resource: "gone"})
		s.metered(ctx, &earlier, 1)
		s.metered(ctx, &app, 2)
		s.metered(ctx, &database, 3)
	})

	It("is listed as the last message of each subject says", func() {
		status, out, _ := s.daybook("running")
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring("FOUNDATION  TENANT  SPACE  KIND      RESOURCE  NAME    SINCE                " +
			" FOOTPRINT"))
		Expect(out).To(ContainSubstring("eu          org-1   prod   app       shop-web  shop    2026-11-01T08:00:00Z " +
			" instances=2 memory_mb=1024 process_type=web  inferred_start\n"))
		Expect(out).To(ContainSubstring("running: 2\n"))
		Expect(out).NotTo(ContainSubstring("gone"))
	})

	It("is listed for a tenant or a foundation alone, as JSON for scripts", func() {
		status, out, notices := s.daybook("running", "--tenant", "org-1", "--format", "json")
		Expect(status).To(BeZero())
		Expect(out).To(MatchJSON(`{"source":"cf","foundation":"eu","tenant":"org-1","space":"prod","kind":"app","resource":"shop-web","app":"shop","name":"shop",
			"since":"2026-11-01T08:00:00Z","start":"2026-11-02T00:00:00Z",
			"footprint":{"instances":2,"memory_mb":1024,"process_type":"web","buildpack":""},"flags":["inferred_start"]}`))
		Expect(notices).To(BeEmpty())
		_, out, _ = s.daybook("running", "--foundation", "dbaas")
		Expect(out).To(And(ContainSubstring("orders"), Not(ContainSubstring("shop"))))
		for _, command := range [][]string{{"running"}, {"holds", "list"}} {
			status, _, notices = s.daybook(append(command, "--foundation", "*")...)
			Expect(status).To(Equal(1))
			Expect(notices).To(Equal("daybook: there is no foundation \"*\": there is dbaas, eu\n"))
		}
	})

	It("is held until a decision, which is published once", func(ctx SpecContext) {
		status, out, _ := s.daybook("holds", "list", "--format", "json")
		Expect(status).To(BeZero())
		Expect(out).To(MatchJSON(`{"id":"hold-1","source":"trove","foundation":"dbaas","tenant":"org-2","kind":"volume","resource":"db-1","name":"orders",
			"code":"unknown_volume","start":"2026-11-01T08:00:00Z","footprint":{"volume_gb":0},"reason":"no fact tells the size"}`))
		_, out, _ = s.daybook("holds", "list")
		Expect(out).To(And(ContainSubstring("goes on"), ContainSubstring("held: 1\n")))

		release := []string{
			"holds", "release", "hold-1", "--volume-gb", "10", "--by", "ann", "--note",
			"seen in the console", "--wait", "0",
		}
		status, out, _ = s.daybook(release...)
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring("published on usage.act.decision.trove.dbaas: release of hold hold-1 " +
			"(message 1 of USAGE)"))
		_, out, _ = s.daybook(release...)
		Expect(out).To(ContainSubstring("decided already: release of hold hold-1 by ann"))
		Expect(s.decisions(ctx)).To(HaveExactElements(And(
			HaveField("By", "ann"), HaveField("Note", "seen in the console"), HaveField("Decision", events.Decision{
				Kind: "instance", Resource: "db-1", Hold: "hold-1", Action: "release",
				Footprint: events.Footprint{VolumeGB: events.Some(10)},
			}))))
	})

	It("is not decided about where nobody has heard of it, unless that is insisted on", func(ctx SpecContext) {
		status, _, notices := s.daybook("holds", "discard", "hold-9")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring("no hold has the id hold-9: daybook holds list shows"))
		status, _, notices = s.daybook("holds", "discard", "hold-9", "--force")
		Expect(status).To(Equal(2))
		Expect(notices).To(ContainSubstring("--force needs --source"))
		Expect(s.decisions(ctx)).To(BeEmpty())
		status, _, _ = s.daybook("holds", "discard", "hold-9", "--force", "--source", "trove", "--foundation", "dbaas",
			"--kind", "instance", "--resource", "db-2", "--wait", "0")
		Expect(status).To(BeZero())
		Expect(s.decisions(ctx)).To(HaveExactElements(HaveField("Decision.Resource", "db-2")))
	})

	DescribeTable("is not released with what contradicts it, and no decision is published", func(ctx SpecContext, hold,
		expected string, args ...string,
	) {
		held := events.Metered{
			Source: "trove", Foundation: "dbaas", Tenant: "org-2", Kind: "instance",
			Resource: "db-3", Held: []events.Hold{
				{ID: "unknown-volume", Kind: "volume", Resource: "db-3", Code: "unknown_volume", Start: begin},
				{
					ID: "known-volume", Kind: "volume", Resource: "db-3", Code: "delete_without_create", Start: begin,
					Footprint: events.Footprint{VolumeGB: events.Some(5)},
				},
				{
					ID: "closed", Kind: "volume", Resource: "db-3", Code: "closed_period", Start: begin,
					Footprint: events.Footprint{VolumeGB: events.Some(5)},
				},
			},
		}
		s.metered(ctx, &held, 20)
		status, out, notices := s.daybook(append([]string{"holds", "release", hold, "--wait", "0"}, args...)...)
		Expect(status).To(Equal(1), out)
		Expect(notices).To(ContainSubstring(expected))
		Expect(s.decisions(ctx)).To(BeEmpty())
	},
		Entry("no size where none is known", "unknown-volume", "give its size in GiB with --volume-gb"),
		Entry("0 GB", "unknown-volume", "a volume has 1 GiB at least", "--volume-gb", "0"),
		Entry("0 GB, insisted on", "gone", "a volume has 1 GiB at least", "--volume-gb", "0", "--force", "--source",
			"trove", "--foundation", "dbaas", "--kind", "instance", "--resource", "db-3"),
		Entry("a flavour for a volume", "unknown-volume", "it is not about a flavour", "--flavor", "m1"),
		Entry("another size, insisted on though it is listed", "known-volume", "had 5 GiB, not 6", "--volume-gb", "6",
			"--force", "--source", "trove", "--foundation", "dbaas", "--kind", "instance", "--resource", "db-3"),
		Entry("what is closed", "closed", "what it would change is closed"),
	)

	It("is decided about all at once, of what is named, and each once", func(ctx SpecContext) {
		for i := range 3 {
			m := events.Metered{
				Source: "trove", Foundation: "dbaas", Tenant: fmt.Sprint("org-", i), Kind: "instance",
				Resource: fmt.Sprint("db-g", i),
			}
			for j := range 400 {
				m.Held = append(m.Held, events.Hold{
					ID: fmt.Sprint("gap-", i, "-", j), Kind: "instance", Resource: m.Resource, Code: "gap",
					Start: begin, Footprint: events.Footprint{Flavor: "m1"},
				})
			}
			m.Held = append(m.Held, events.Hold{
				ID: fmt.Sprint("unsized-", i), Kind: "volume", Resource: m.Resource,
				Code: "unknown_volume", Start: begin,
			})
			s.metered(ctx, &m, uint64(10+i))
		}
		all := []string{
			"holds", "discard", "--all", "--code", "gap", "--foundation", "dbaas", "--by", "ann", "--note",
			"outage",
		}
		status, out, notices := s.daybook(all...)
		Expect(status).To(BeZero(), notices)
		Expect(out).To(And(MatchRegexp(`gap-2-399 +dbaas +org-2 +instance +db-g2 .* discard `),
			Not(ContainSubstring("unsized")),
			HaveSuffix("\ndiscard of 1200 holds: nothing published yet; add --yes to decide\n")))
		Expect(strings.Count(out, "\n")).To(Equal(1+1200+2), "each hold has its line")
		Expect(s.decisions(ctx)).To(BeEmpty())

		_, out, _ = s.daybook("holds", "discard", "gap-0-7", "--wait", "0")
		Expect(out).To(ContainSubstring("message 1 of USAGE"))
		_, out, notices = s.daybook(append(all, "--yes")...)
		Expect(out).To(Equal("published: discard of 1199 holds; 1 had been decided so already\n"), notices)
		ids := map[string]bool{}
		for _, d := range s.decisions(ctx) {
			ids[d.ID] = true
			Expect(d.Decision.Hold).To(HavePrefix("gap-"))
			Expect(d.Decision.Resource).To(HavePrefix("db-g"))
		}
		Expect(ids).To(HaveLen(1200))
		_, out, _ = s.daybook(append(all, "--yes")...)
		Expect(out).To(ContainSubstring("of 0 holds; 1200 had been decided"))

		_, out, notices = s.daybook("holds", "release", "--all", "--tenant", "org-1", "--yes")
		Expect(out).To(ContainSubstring("published: release of 400 holds"))
		Expect(notices).To(HavePrefix("left out: 1 "))
		for _, args := range [][]string{{}, {"hold-1", "--all"}, {"--all", "--force"}, {"hold-1", "--code", "gap"}} {
			status, _, _ = s.daybook(append([]string{"holds", "discard"}, args...)...)
			Expect(status).To(Equal(2), "%v", args)
		}
		status, _, notices = s.daybook("holds", "release", "--all", "--tenant", "org-11")
		Expect(status).To(Equal(1))
		Expect(notices).To(ContainSubstring(`there is no tenant "org-11": did you mean org-1`))
		status, _, _ = s.daybook("holds", "release", "--all", "--volume-gb", "10", "--yes")
		Expect(status).To(Equal(1))
	})

	It("tells what the projector made of a decision in all parts that it was told in", func(ctx SpecContext) {
		done := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			decisions, err := s.bus.Read(ctx, events.StreamUsage, 1, bus.ReadOptions{})
			Expect(err).NotTo(HaveOccurred())
			defer decisions.Close()
			in, err := decisions.Next(ctx)
			Expect(err).NotTo(HaveOccurred())
			part := database
			part.Held, part.Closed = nil, []events.Span{{ID: "span-1", Kind: "volume", Resource: "db-1"}}
			s.metered(ctx, &part, in.Sequence, in.Sequence)
		}()
		status, out, _ := s.daybook("holds", "release", "hold-1", "--volume-gb", "10", "--wait", "20s")
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring("the projector has taken it up: 2 spans closed, 0 retracted, 0 still held"))
		<-done
	})

	It("tells what the projector made of a decision", func(ctx SpecContext) {
		done := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			decisions, err := s.bus.Read(ctx, events.StreamUsage, 1, bus.ReadOptions{})
			Expect(err).NotTo(HaveOccurred())
			defer decisions.Close()
			in, err := decisions.Next(ctx)
			Expect(err).NotTo(HaveOccurred())
			after := database
			after.Held, after.Closed = nil, []events.Span{{ID: "span-1", Kind: "volume", Resource: "db-1"}}
			s.metered(ctx, &after, in.Sequence)
		}()
		status, out, _ := s.daybook("holds", "release", "hold-1", "--volume-gb", "10", "--wait", "20s")
		Expect(status).To(BeZero())
		Expect(out).To(ContainSubstring("the projector has taken it up: 1 spans closed, 0 retracted, 0 still held " +
			"under metered.trove.dbaas.org-2.instance.db-1"))
		<-done
		status, out, _ = s.daybook("holds", "discard", "hold-1", "--force", "--source", "trove", "--foundation",
			"dbaas", "--kind", "instance", "--resource", "db-1", "--wait", "20ms")
		Expect(status).To(Equal(4))
		Expect(out).To(ContainSubstring("the projector has not taken it up within 20ms"))
	})
})
