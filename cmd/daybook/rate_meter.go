package main

import (
	"time"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// noMonthCloses is longer than the time between any two events of files. A meter forgets ended
// timelines of a closed month with their anomalies, to bound its memory; files end, and need none
// of that.
const noMonthCloses = 250 * 365 * 24 * time.Hour

// meter runs the facts through the projector's functions up to the horizon. It also returns the
// anomalies that the whole input leaves. Metering stays in this command: pricer/rating prices spans
// and never imports the projector, and nobody but daybook rate meters files without a stream.
func (c *rateCmd) meter(in *rateInput) ([]rating.Span, []events.Anomaly, error) {
	now := c.Now.Time
	if now.IsZero() {
		now = in.newest
	}
	meter, err := projector.NewMeter(projector.Config{
		Cut: timeline.CutNone, Grace: noMonthCloses, Epoch: map[string]time.Time{
			events.SourceCF:    c.Epoch.Time,
			events.SourceTrove: c.Epoch.Time,
		},
	})
	if err != nil {
		return nil, nil, err
	}
	var order []string
	closed := map[string]events.Span{}
	var anomalies []events.Anomaly
	collect := func(m *events.Metered) {
		for _, s := range m.Retracted {
			delete(closed, s.ID)
		}
		for _, s := range m.Closed {
			if _, again := closed[s.ID]; !again {
				order = append(order, s.ID)
			}
			closed[s.ID] = s
		}
		if m.Kind != events.KindInstance { // which later facts may put right: see Meter.Anomalies
			anomalies = append(anomalies, m.Anomalies...)
		}
	}
	for i := range in.facts {
		if u := &in.facts[i]; !u.Time.After(now) {
			meter.Fact(u, uint64(i)+1, collect)
		}
	}
	var spans []rating.Span
	for _, source := range []string{events.SourceCF, events.SourceTrove} {
		meter.Horizon(&events.Horizon{Source: source, Foundation: file.DefaultFoundation, Time: now},
			uint64(len(in.facts))+1, collect)
		for _, s := range meter.Accrued(source, file.DefaultFoundation) {
			spans = append(spans, rating.Span{Span: s, Running: true})
		}
	}
	for _, id := range order {
		if s, ok := closed[id]; ok {
			spans = append(spans, rating.Span{Span: s})
			delete(closed, id)
		}
	}
	return spans, append(anomalies, meter.Anomalies(events.SourceTrove, file.DefaultFoundation)...), nil
}
