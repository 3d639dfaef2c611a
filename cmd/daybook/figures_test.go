package main

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// figures runs projector and pricer until everything has been worked off, and returns their
// metrics: the name with the values of its labels.
func (s *site) figures(ctx context.Context) map[string]float64 {
	GinkgoHelper()
	log := slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	metering, pricing := projector.NewMetrics(), pricer.NewMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metering, pricing)
	Expect(gathered(registry)).To(BeEmpty(), "before the state is restored there is nothing to say")
	p, err := projector.New(projector.Config{Cut: timeline.CutDay}, projector.Deps{
		Bus: s.bus, Log: log,
		Figures: metering,
	})
	Expect(err).NotTo(HaveOccurred())
	s.settle(ctx, events.StreamUsage, p.Run, p.Wait)
	q := pricer.New(pricer.Config{}, pricer.Deps{Bus: s.bus, Log: log, Figures: pricing})
	s.settle(ctx, events.StreamMetered, q.Run, q.Wait)
	return gathered(registry)
}

func gathered(from prometheus.Gatherer) map[string]float64 {
	GinkgoHelper()
	families, err := from.Gather()
	Expect(err).NotTo(HaveOccurred())
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// counted are the numbers of anomalies and gaps in METERED.
func (s *site) counted(ctx context.Context) (anomalies map[string]float64, gaps int) {
	GinkgoHelper()
	anomalies = map[string]float64{}
	for _, code := range metered.AnomalyCodes() {
		anomalies[code] = 0
	}
	_, err := s.bus.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{}, func(in *bus.Stored) error {
		switch in.Header(events.HeaderType) {
		case events.TypeMetered:
			var m events.Metered
			Expect(m.DecodeJSON(in.Data)).To(Succeed())
			for i := range m.Anomalies {
				anomalies[m.Anomalies[i].Code]++
			}
		case events.TypeAnomaly:
			var a events.AnomalyNotice
			Expect(a.DecodeJSON(in.Data)).To(Succeed())
			anomalies[a.Anomaly.Code]++
		case events.TypeGap:
			gaps++
		}
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return anomalies, gaps
}

var _ = Describe("The metrics of the stages", func() {
	It("are there from the start, all 0", func(ctx SpecContext) {
		s := newSite(ctx)
		foreign := bus.Message{Subject: "usage.act.replay.all.all", Data: []byte("{}")}
		_, err := s.bus.Append(ctx, events.StreamUsage, []bus.Message{foreign}, bus.Expect{})
		Expect(err).NotTo(HaveOccurred())
		all := s.figures(ctx)
		for _, code := range metered.AnomalyCodes() {
			Expect(all).To(HaveKey("daybook_projector_anomalies_total " + code))
		}
		Expect(all).To(And(HaveKeyWithValue("daybook_pricer_unrated", 0.0),
			HaveKeyWithValue("daybook_pricer_catalogue_info ", 0.0),
			HaveKeyWithValue("daybook_pricer_anomalies_total inconsistent", 0.0),
			HaveKeyWithValue("daybook_projector_anomalies_total unreadable", 1.0),
			HaveKeyWithValue("daybook_projector_anomalies_total lost_change", 0.0)))
	})

	It("say what the bill says, after a restart, too", func(ctx SpecContext) {
		s := newSite(ctx)
		first, _, prices := month(300)
		s.ran("collect", "file", first)
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		at := time.Date(2026, 10, 30, 6, 0, 0, 0, time.UTC)
		gap := events.Gap{ID: "g", Source: "cf", Foundation: "file", From: at, To: at.Add(time.Hour), Reason: "pruned"}
		_, err = s.bus.Append(ctx, events.StreamUsage, []bus.Message{{
			Subject: events.UsageGapSubject("cf", "file"), Data: gap.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderType, Value: events.TypeGap}},
		}}, bus.Expect{Last: usage.Last})
		Expect(err).NotTo(HaveOccurred())

		agree := func() map[string]float64 {
			all := s.figures(ctx)
			books := memory.New()
			_, err := ledger.CatchUp(ctx, s.bus, books)
			Expect(err).NotTo(HaveOccurred())
			bill, err := books.Bill(ctx, ledger.Query{})
			Expect(err).NotTo(HaveOccurred())
			Expect(all["daybook_projector_held cf file"] + all["daybook_projector_held file trove"] +
				all["daybook_projector_held file cf"]).To(Equal(float64(bill.Held)))
			Expect(bill.Held).To(BeNumerically(">", 0))
			Expect(all["daybook_pricer_unrated"]).To(Equal(float64(bill.Unrated)))
			for _, h := range bill.Horizons {
				key := " " + h.Foundation + " " + h.Source
				Expect(all["daybook_projector_metered_through_seconds"+key]).To(Equal(float64(h.Metered.Unix())))
				Expect(all["daybook_pricer_charged_through_seconds"+key]).To(Equal(float64(h.Metered.Unix())))
			}
			anomalies, gaps := s.counted(ctx)
			for code, n := range anomalies {
				Expect(all["daybook_projector_anomalies_total "+code]).To(Equal(n), code)
			}
			Expect(all["daybook_projector_gaps_total file cf"]).To(Equal(float64(gaps)))
			Expect(gaps).To(Equal(1))
			return all
		}
		before := agree()
		Expect(before["daybook_pricer_unrated"]).To(BeNumerically(">", 0), "no catalogue is in force")
		Expect(agree()).To(Equal(before), "from a snapshot")
		s.ran("catalogue", "publish", "--yes", prices, "--name", "v1")
		after := agree()
		Expect(after).To(And(HaveKeyWithValue("daybook_pricer_catalogue_info v1", 1.0),
			Not(HaveKey("daybook_pricer_catalogue_info "))))
		Expect(after["daybook_pricer_unrated"]).To(BeNumerically("<", before["daybook_pricer_unrated"]))
		Expect(slices.Sorted(maps.Keys(after))).To(HaveLen(len(before)))
	})
})

var _ = Describe("The metric of how far a foundation is metered", func() {
	It("is gone with the foundation, and there again where it reports again", func(ctx SpecContext) {
		const through = "daybook_projector_metered_through_seconds eu cf"
		s := newSite(ctx)
		started, _, _ := month(5)
		stopped := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
		s.ran("collect", "file", "--foundation", "eu", "--horizon", "2026-11-02T00:00:00Z", started)
		Expect(s.figures(ctx)).To(HaveKey(through))
		s.ran("collect", "retire", "--foundation", "eu", "--at", events.FormatTime(stopped), "--by", "ann")
		Expect(s.figures(ctx)).NotTo(HaveKey(through))
		Expect(s.figures(ctx)).To(And(Not(HaveKey(through)), HaveKey("daybook_projector_held eu cf")),
			"from a snapshot")
		s.ran("collect", "file", "--foundation", "eu", "--horizon", "2026-11-02T06:00:00Z", started)
		Expect(s.figures(ctx)).To(HaveKeyWithValue(through, float64(stopped.Unix())))
	})
})

var _ = Describe("A pricer without a price", func() {
	It("says so in the log once for each change, and in its readiness", func() {
		var text bytes.Buffer
		l := pricer.Lacking{Log: slog.New(slog.NewTextHandler(&text, nil))}
		say := func(f pricer.Figures) string {
			text.Reset()
			l.Say(&f)
			return text.String()
		}
		Expect(say(pricer.Figures{})).To(BeEmpty(), "while the state is being restored")
		well := pricer.Lacking{Log: l.Log}
		well.Say(&pricer.Figures{Known: true, Catalogue: "v1"})
		Expect(text.String()).To(BeEmpty(), "at a start with a catalogue")
		Expect(say(pricer.Figures{Known: true})).To(And(ContainSubstring("level=WARN"),
			ContainSubstring("no catalogue is in force: daybook catalogue publish puts one in force")))
		Expect(say(pricer.Figures{Known: true})).To(BeEmpty())
		Expect(say(pricer.Figures{Known: true, Unrated: 3})).To(ContainSubstring("3 parts of spans have no price: " +
			"daybook unrated list shows them"))
		Expect(say(pricer.Figures{Known: true, Unrated: 4})).To(BeEmpty())
		Expect(say(pricer.Figures{Known: true, Unrated: 4, Catalogue: "v1"})).To(ContainSubstring("unrated=4"))
		Expect(say(pricer.Figures{Known: true, Catalogue: "v1"})).To(And(ContainSubstring("level=INFO"),
			ContainSubstring("all usage has a price")))
		Expect(say(pricer.Figures{Known: true, Catalogue: "v1"})).To(BeEmpty())
		Expect(say(pricer.Figures{Known: true, Catalogue: "v2"})).To(And(ContainSubstring("level=INFO"),
			ContainSubstring("another catalogue is in force; daybook catalogue history shows what it changes"),
			ContainSubstring("catalogue=v2 former=v1")))
		Expect(say(pricer.Figures{Known: true, Catalogue: "v3", Left: []string{"2026-09", "2026-10"}})).To(And(
			ContainSubstring("level=WARN"), ContainSubstring("closed months stay as they are"),
			ContainSubstring("catalogue=v3 months=2026-09,2026-10")))
		Expect(say(pricer.Figures{Known: true, Catalogue: "v3", Left: []string{"2026-09", "2026-10"}})).To(BeEmpty())
	})
})

var _ = Describe("The metric of quarantined inputs", func() {
	It("counts those without a last word, 0 at the places of the collector from the start", func(ctx SpecContext) {
		s := newSite(ctx)
		gauge := quarantine.NewGauge(quarantine.AnySource("file")...)
		registry := prometheus.NewRegistry()
		registry.MustRegister(gauge)
		Expect(gathered(registry)).To(HaveKeyWithValue("daybook_quarantine_inputs file unknown", 0.0))
		s.park(ctx, &events.Quarantined{ID: "q1", Source: "unknown", Foundation: "file", Input: "{"})
		s.park(ctx, &events.Quarantined{ID: "q2", Source: "cf", Foundation: "eu", Input: "{"})
		Expect(gauge.Look(ctx, s.bus)).To(Succeed())
		Expect(gathered(registry)).To(And(HaveKeyWithValue("daybook_quarantine_inputs file unknown", 1.0),
			HaveKeyWithValue("daybook_quarantine_inputs eu cf", 1.0)))
		s.ran("quarantine", "discard", "1", "--by", "ann")
		Expect(gauge.Look(ctx, s.bus)).To(Succeed())
		Expect(gathered(registry)).To(And(HaveKeyWithValue("daybook_quarantine_inputs file unknown", 0.0),
			HaveKeyWithValue("daybook_quarantine_inputs eu cf", 1.0)))
		Expect(strings.Count(s.ran("quarantine", "list", "--format", "json"), "\n")).To(Equal(1))
	})
})
