package projector

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Deps are what the projector works with.
type Deps struct {
	Bus     stage.Bus
	Log     *slog.Logger
	Metrics *stage.Metrics // may be nil
}

// Projector is the service.
type Projector struct{ stage *stage.Stage }

// Bucket is the Object Store bucket of the projector's snapshots.
const Bucket = "daybook-projector"

// New returns a projector that is not running.
func New(cfg Config, deps Deps) (*Projector, error) {
	settings, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	return &Projector{stage.New(stage.Config{
		Name: "projector", Input: events.StreamUsage, Output: events.StreamMetered, OutputFilter: events.SubjectsMetered,
		Marker: events.MeteredMarkerSubject, Bucket: Bucket, Logic: settings.logic(),
	}, deps.Bus, newProcessor(settings), deps.Log, deps.Metrics)}, nil
}

// Run works until ctx is done; see stage.Stage.Run for its errors.
func (p *Projector) Run(ctx context.Context) error { return p.stage.Run(ctx) }

// Wait returns when the message at sequence of USAGE has been worked off and its outputs are in METERED.
func (p *Projector) Wait(ctx context.Context, sequence uint64) error {
	return p.stage.Wait(ctx, sequence)
}

// Ready tells why the service is not at work; see stage.Stage.Ready.
func (p *Projector) Ready() error { return p.stage.Ready() }

// Done returns the last message of USAGE that has been worked off.
func (p *Projector) Done() uint64 { return p.stage.Done() }

// processor is the stage's view of a Meter.
type processor struct {
	meter *Meter
	usage events.Usage
	names *events.Interner
}

// internBits is the size of the table of repeated strings: 2^16.
const internBits = 16

func newProcessor(settings Settings) *processor {
	return &processor{meter: NewMeter(settings), names: events.NewInterner(internBits)}
}

// Step implements stage.Processor.
func (p *processor) Step(in *bus.Stored, emit func(stage.Output)) error {
	switch kind := in.Header(events.HeaderType); kind {
	case events.TypeUsage:
		u := &p.usage
		if err := p.names.DecodeFact(u, in.Data); err != nil {
			return p.unreadable(in, emit, err)
		}
		p.meter.Fact(u, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) })
	case events.TypeHorizon:
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return p.unreadable(in, emit, err)
		}
		if p.meter.Horizon(&h, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) }) {
			out := h
			out.ID = events.ID("metered", h.ID)
			emit(stage.Output{
				Subject: events.MeteredHorizonSubject(h.Source, h.Foundation), Type: events.TypeHorizon, ID: out.ID, Time: h.Time, Body: &out,
			})
		}
	case events.TypeGap:
		var g events.Gap
		if err := g.DecodeJSON(in.Data); err != nil {
			return p.unreadable(in, emit, err)
		}
		g.ID = events.ID("metered", g.ID)
		emit(stage.Output{Subject: events.MeteredGapSubject(g.Source, g.Foundation), Type: events.TypeGap, ID: g.ID, Time: in.Time, Body: &g})
	default:
		return p.unreadable(in, emit, fmt.Errorf("the %s header is %q", events.HeaderType, kind))
	}
	return nil
}

func meteredOutput(m *events.Metered) stage.Output {
	return stage.Output{
		Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource),
		Type:    events.TypeMetered, ID: m.ID, Time: m.Cause.Time, Body: m,
	}
}

// unreadable turns a message that no collector published into an anomaly: it must neither stop everybody's bill nor go unseen.
func (p *processor) unreadable(in *bus.Stored, emit func(stage.Output), cause error) error {
	source, foundation := "unknown", "unknown"
	if tokens := strings.Split(in.Subject, "."); len(tokens) > 2 {
		source, foundation = tokens[1], tokens[2]
	}
	at := in.Time.UTC()
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", in.Header(events.HeaderID), fmt.Sprint(in.Sequence)), Source: source, Foundation: foundation,
		Cause: events.Cause{ID: in.Header(events.HeaderID), Sequence: in.Sequence, Event: "unreadable", Time: at},
		Anomaly: events.Anomaly{
			Code: events.AnomalyUnreadable, Time: at,
			Message: fmt.Sprintf("message %d of %s on %s is not a fact and was not metered: %v", in.Sequence, events.StreamUsage, in.Subject, cause),
		},
	}
	emit(stage.Output{Subject: events.MeteredAnomalySubject(source, foundation), Type: events.TypeAnomaly, ID: notice.ID, Time: at, Body: &notice})
	return nil
}

// Snapshot implements stage.Processor.
func (p *processor) Snapshot() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(p.meter.foundations)
	return b.Bytes(), err
}

// Restore implements stage.Processor.
func (p *processor) Restore(snapshot []byte) error {
	p.meter = NewMeter(p.meter.settings)
	if snapshot == nil {
		return nil
	}
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&p.meter.foundations); err != nil {
		return err
	}
	for _, f := range p.meter.foundations { // gob leaves out what is empty
		if f.Subjects == nil {
			f.Subjects = map[subjectKey]*subject{}
		}
		if f.Ended == nil {
			f.Ended = map[string]time.Time{}
		}
	}
	return nil
}
