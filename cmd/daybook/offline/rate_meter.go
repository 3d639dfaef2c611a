package offline

import (
	"time"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// rateMeter runs facts through the projector's functions. Metering stays in this command:
// pricer/rating prices spans and never imports the projector, and nobody but daybook rate meters
// files without a stream.
type rateMeter struct {
	meter     *projector.Meter
	now       time.Time // later facts are passed over; zero: none is
	sequence  uint64
	order     []string // ids of closed
	closed    map[string]events.Span
	anomalies []events.Anomaly
	held      map[string]int // parts, by subject; their anomalies say why
}

func newRateMeter(epoch, now time.Time) (*rateMeter, error) {
	meter, err := projector.NewMeter(projector.Config{
		Cut:   timeline.CutNone,
		Epoch: map[string]time.Time{events.SourceCF: epoch, events.SourceTrove: epoch},
	})
	return &rateMeter{meter: meter, now: now, closed: map[string]events.Span{}, held: map[string]int{}}, err
}

func (r *rateMeter) fact(u *events.Usage) {
	r.sequence++
	if r.now.IsZero() || !u.Time.After(r.now) {
		r.meter.Fact(u, r.sequence, r.collect)
	}
}

func (r *rateMeter) collect(m *events.Metered) {
	for _, s := range m.Retracted {
		delete(r.closed, s.ID)
	}
	for _, s := range m.Closed {
		if _, again := r.closed[s.ID]; !again {
			r.order = append(r.order, s.ID)
		}
		r.closed[s.ID] = s
	}
	subject := m.Source + " " + m.Tenant + " " + m.Kind + " " + m.Resource
	r.held[subject] = len(m.Held) + int(m.HeldOmitted)
	if m.Kind != events.KindInstance { // which later facts may put right: see Meter.Anomalies
		r.anomalies = append(r.anomalies, m.Anomalies...)
	}
}

// spans returns what ran up to the horizon, and the anomalies that the whole input leaves.
func (r *rateMeter) spans(horizon time.Time) ([]rating.Span, []events.Anomaly) {
	var spans []rating.Span
	for _, source := range events.Sources() {
		r.meter.Horizon(&events.Horizon{Source: source, Foundation: file.DefaultFoundation, Time: horizon},
			r.sequence+1,
			r.collect)
		for _, s := range r.meter.Accrued(source, file.DefaultFoundation) {
			spans = append(spans, rating.Span{Span: s, Running: true})
		}
	}
	for _, id := range r.order {
		if s, ok := r.closed[id]; ok {
			spans = append(spans, rating.Span{Span: s})
			delete(r.closed, id)
		}
	}
	return spans, append(r.anomalies, r.meter.Anomalies(events.SourceTrove, file.DefaultFoundation)...)
}

// heldParts is how many parts are held, and so not billed.
func (r *rateMeter) heldParts() (n int) {
	for _, parts := range r.held {
		n += parts
	}
	return n
}
