package trove_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("The lag", func() {
	It("grows in silence, from the last horizon on", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Settle = time.Hour
		r.publisher(false)
		c := r.start(ctx).bound()
		Eventually(func() time.Time { return c.Report().Horizon }).WithTimeout(patience).ShouldNot(BeZero())
		Expect(lagOf(r.metrics)).To(BeNumerically("~", time.Hour.Seconds(), 60))
	})
})

// lagOf reads the gauge as Prometheus does.
func lagOf(m *trove.Metrics) float64 {
	GinkgoHelper()
	lag := gauges(m)
	Expect(lag).To(HaveKey("daybook_trove_lag_seconds"))
	return lag["daybook_trove_lag_seconds"]
}

// gauges are the gauges as Prometheus reads them.
func gauges(m *trove.Metrics) map[string]float64 {
	GinkgoHelper()
	registry := prometheus.NewPedanticRegistry()
	Expect(registry.Register(m)).To(Succeed())
	families, err := registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	all := map[string]float64{}
	for _, f := range families {
		if g := f.GetMetric()[0].GetGauge(); g != nil {
			all[f.GetName()] = g.GetValue()
		}
	}
	return all
}

var _ = Describe("The horizon", func() {
	It("never passes what is not stored", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		var attempts atomic.Int64
		r.store.failing(func(_ string, _ []bus.Message, _ func() (uint64, error)) (uint64, error) {
			attempts.Add(1)
			return 0, bus.ErrNotConnected
		})
		sent := time.Now()
		p.send(ctx, notify("i"))
		Eventually(attempts.Load).WithTimeout(patience).Should(BeNumerically(">", 10))
		r.store.failing(nil)
		r.seen(ctx, "i")
		Eventually(func() time.Time { return c.Report().Horizon }).WithTimeout(patience).Should(BeTemporally(">", sent))
		fact := r.stored(ctx, "USAGE", "usage.trove.os-1.*.*.*")[0]
		for _, m := range r.stored(ctx, "USAGE", "usage.trove.os-1.horizon") {
			var h events.Horizon
			Expect(h.DecodeJSON(m.Data)).To(Succeed())
			if m.Sequence < fact.Sequence {
				Expect(h.Time).To(BeTemporally("<=", sent))
			}
		}
	})

	It("stands still while the exchange is gone, stays behind by the settling time, and names its collector",
		func(ctx SpecContext) {
			r := newRig(ctx)
			r.cfg.Name, r.cfg.Settle = "east", time.Hour
			p := r.publisher(true)
			c := r.start(ctx).bound()
			Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
			h := r.horizons(ctx)[0]
			Expect(h.Collector).To(Equal("east"))
			Expect(h.Time).To(BeTemporally("~", time.Now().Add(-time.Hour), time.Minute))
			Expect(p.channel.ExchangeDelete(p.exchange, false, false)).To(Succeed())
			Eventually(c.Ready).WithTimeout(patience).ShouldNot(Succeed())
			before := len(r.horizons(ctx))
			r.now.Store(int64(time.Hour))
			// The collector declares what it has seen before; until then no marker comes back.
			c.bound()
			Expect(r.gaps(ctx)).To(HaveLen(1))
			gap := r.stored(ctx, "USAGE", "usage.trove.os-1.gap")[0]
			for _, m := range r.stored(ctx, "USAGE", "usage.trove.os-1.horizon")[before:] {
				Expect(m.Sequence).To(BeNumerically(">", gap.Sequence))
			}
		})
})
