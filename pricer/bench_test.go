package pricer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// benched is a catalogue of so many plans, and messages of METERED with a day of an app each, in
// equal parts for each plan.
func benched(b *testing.B, plans int) (*catalogue.Catalogue, [][]byte) {
	b.Helper()
	var text strings.Builder
	text.WriteString("currency: GBP\nvat_rates: [{code: Standard, valid_from: 2017-01-01, rate: \"0.2\"}]\n" +
		"currency_rates: [{code: USD, valid_from: 2017-01-01, rate: \"0.8\"}]\nplans:\n")
	for i := range plans {
		match := fmt.Sprintf("buildpack: %q", fmt.Sprintf("buildpack-%03d*", i))
		if i%2 == 1 {
			match = fmt.Sprintf("space: space-%03d", i)
		}
		fmt.Fprintf(&text, `  - name: app-%d
    match: {kind: app, %s}
    valid_from: 2017-01-01
    components:
      - {name: instance, formula: "ceil(seconds / 3600) * instances * 0.01", currency: USD, vat: Standard}
      - {name: memory, quantity: "instances * memory_mb / 1024 * seconds / 3600", unit: GiB-hour, unit_price: "0.004"}
`, i, match)
	}
	c, err := catalogue.Check("rates.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	const messages = 20_000
	bodies := make([][]byte, messages)
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range bodies {
		guid, org := events.ID("app", fmt.Sprint(i%3000)), events.ID("org", fmt.Sprint(i%40))
		start := from.AddDate(0, 0, i%30)
		s := events.Span{
			ID: events.ID("span", fmt.Sprint(i)), Kind: events.KindApp, Resource: guid, App: guid, Tenant: org,
			Space: events.ID("space", fmt.Sprint(i%200)), SpaceName: fmt.Sprintf("space-%03d", i%plans),
			Name: fmt.Sprintf("shop-%d", i%3000), Start: start, End: start.AddDate(0, 0, 1),
			Since: start.Add(-12345 * time.Second),
			Footprint: events.Footprint{
				Instances: events.Some(2), MemoryMB: events.Some(512), ProcessType: "web",
				Buildpack:     fmt.Sprintf("buildpack-%03d.tgz", i%plans),
				BuildpackGUID: events.ID("buildpack", fmt.Sprint(i%plans)),
			},
			Evidence: []uint64{1234567, 1234589},
		}
		running := s
		running.ID, running.Start, running.End = "", s.End, time.Time{}
		m := events.Metered{
			ID: events.ID("metered", fmt.Sprint(i)), Source: "cf", Foundation: "eu-1", Tenant: org,
			Kind: events.KindApp, Resource: guid,
			Cause:  events.Cause{ID: events.ID("horizon"), Event: "horizon", Time: s.End},
			Closed: []events.Span{s}, Running: []events.Span{running},
		}
		bodies[i] = m.AppendJSON(nil)
	}
	return c, bodies
}

// BenchmarkPrices is rating the spans of messages (rate), and the preview of other prices for them
// (preview), as ratios to decoding the same messages and to taking them up. The number of plans
// plays no part.
func BenchmarkPrices(b *testing.B) {
	for _, plans := range []int{5, 200} {
		c, bodies := benched(b, plans)
		b.Run(fmt.Sprint("rate-", plans), func(b *testing.B) { benchRate(b, c, bodies) })
		b.Run(fmt.Sprint("preview-", plans), func(b *testing.B) { benchPreview(b, c, bodies) })
	}
}

func benchRate(b *testing.B, c *catalogue.Catalogue, bodies [][]byte) {
	names := events.NewInterner(internBits)
	var m events.Metered
	var decoding, pricing time.Duration
	rated := 0
	spans := make([]events.Span, 0, 1000)
	for b.Loop() {
		for at := 0; at < len(bodies); at += 1000 {
			spans = spans[:0]
			begun := time.Now()
			for _, body := range bodies[at : at+1000] {
				if err := names.DecodeChanges(&m, body); err != nil {
					b.Fatal(err)
				}
				spans = append(spans, m.Closed...)
			}
			decoded := time.Now()
			for i := range spans {
				if lines, unrated := rating.Rate(c, "eu-1", &spans[i]); len(lines) != 2 || len(unrated) > 0 {
					b.Fatal(unrated)
				}
			}
			decoding, pricing, rated = decoding+decoded.Sub(begun), pricing+time.Since(decoded), rated+len(spans)
		}
	}
	b.ReportMetric(decoding.Seconds()/pricing.Seconds(), "ratio")
	b.ReportMetric(float64(rated)/pricing.Seconds(), "spans/s")
}

func benchPreview(b *testing.B, c *catalogue.Catalogue, bodies [][]byte) {
	var reading, pricing time.Duration
	rated := 0
	for b.Loop() {
		v := NewPreview()
		v.processor.book.versions = []version{{Name: "v1", parsed: c}}
		v.processor.book.inForce = 0
		begun := time.Now()
		for i, body := range bodies {
			in := bus.NewStored(bus.Message{Header: []events.Header{{
				Key: events.HeaderType, Value: events.TypeMetered,
			}}, Data: body}, uint64(i+1), time.Time{}, 0)
			if err := v.Step(&in); err != nil {
				b.Fatal(err)
			}
		}
		read := time.Now()
		if rows, _, _ := v.Rows(c, nil); len(rows) != 40 {
			b.Fatal(len(rows))
		}
		reading, pricing, rated = reading+read.Sub(begun), pricing+time.Since(read), rated+len(bodies)
	}
	b.ReportMetric(reading.Seconds()/pricing.Seconds(), "ratio")
	b.ReportMetric(float64(rated)/pricing.Seconds(), "spans/s")
}
