package cf_test

import (
	"log/slog"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/collector/cf"
)

var _ = Describe("The metrics of a foundation", func() {
	It("are there with 0 before the first poll, so that the first gap is an increase", func() {
		metrics := cf.NewMetrics()
		_, err := cf.New(cf.Config{Foundations: []cf.Foundation{{
			Name: "eu", API: "http://127.0.0.1:1", ClientID: "c", ClientSecret: "s",
		}}}, cf.Deps{Store: cf.OnBus(nil), Log: slog.New(slog.DiscardHandler), Metrics: metrics})
		Expect(err).NotTo(HaveOccurred())
		registry := prometheus.NewRegistry()
		registry.MustRegister(metrics)
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		found := map[string]int{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				Expect(m.GetCounter().GetValue()).To(BeZero(), f.GetName())
				found[f.GetName()]++
			}
		}
		Expect(found).To(And(HaveKeyWithValue("daybook_cf_gaps_total", 2),
			HaveKeyWithValue("daybook_cf_quarantined_total", 2), HaveKeyWithValue("daybook_cf_late_events_total", 2),
			HaveKeyWithValue("daybook_cf_rescans_total", 2), HaveKeyWithValue("daybook_cf_polls_total", 2),
			HaveKeyWithValue("daybook_cf_events_total", 13), HaveKeyWithValue("daybook_cf_retries_total", 8),
			HaveKeyWithValue("daybook_cf_append_retries_total", 1)))
	})
})
