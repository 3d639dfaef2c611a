package projector

import (
	"context"
	"errors"
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
	contract, processor, err := Stage(cfg)
	if err != nil {
		return nil, err
	}
	return &Projector{stage.New(contract, deps.Bus, processor(), deps.Log, deps.Metrics)}, nil
}

// Stage returns what the projector is as a stage, and what makes processors in their empty state:
// Run runs one, and others derive METERED again to compare it with what is stored.
func Stage(cfg Config) (stage.Config, func() stage.Processor, error) {
	settings, err := cfg.settings()
	if err != nil {
		return stage.Config{}, nil, err
	}
	return stage.Config{
		Name: "projector", Input: events.StreamUsage, Output: events.StreamMetered,
		OutputFilter: events.SubjectsMetered,
		Marker:       events.MeteredMarkerSubject, Bucket: Bucket, Logic: settings.logic(),
	}, func() stage.Processor { return newProcessor(settings) }, nil
}

// Run works until ctx is done; see stage.Stage.Run for its errors.
func (p *Projector) Run(ctx context.Context) error { return p.stage.Run(ctx) }

// Wait returns when the message at sequence of USAGE has been worked off and its outputs are in
// METERED.
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
		err := p.names.DecodeFact(u, in.Data)
		if err == nil {
			err = plausible(u.Time, u.Observed, u.Created, u.Listed)
		}
		switch {
		case err != nil:
		case u.Time.IsZero():
			err = errNoTime
		case u.AfterSequence >= in.Sequence:
			err = fmt.Errorf("it follows message %d, which does not stand before it", u.AfterSequence)
		}
		if err != nil {
			return p.unreadable(in, emit, err)
		}
		p.meter.Fact(u, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) })
	case events.TypeHorizon:
		var h events.Horizon
		err := h.DecodeJSON(in.Data)
		if err == nil {
			err = plausible(h.Time)
		}
		if err == nil && h.Time.IsZero() {
			err = errNoTime
		}
		if err != nil {
			return p.unreadable(in, emit, err)
		}
		if all, moved := p.meter.Horizon(&h, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) }); moved {
			out := events.Horizon{ID: events.ID("metered", h.ID), Source: h.Source, Foundation: h.Foundation, Time: all}
			emit(stage.Output{
				Subject: events.MeteredHorizonSubject(h.Source, h.Foundation), Type: events.TypeHorizon, ID: out.ID,
				Time: all, Body: &out,
			})
		}
	case events.TypeGap:
		var g events.Gap
		err := g.DecodeJSON(in.Data)
		if err == nil {
			err = plausible(g.From, g.To)
		}
		switch {
		case err != nil:
		case g.To.IsZero():
			err = errNoTime
		case g.To.Before(g.From):
			err = fmt.Errorf("it ends at %s, before it begins at %s", events.FormatTime(g.To),
				events.FormatTime(g.From))
		}
		if err != nil {
			return p.unreadable(in, emit, err)
		}
		if !p.meter.Gap(&g, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) }) {
			return nil
		}
		g.ID = events.ID("metered", g.ID)
		emit(stage.Output{Subject: events.MeteredGapSubject(g.Source, g.Foundation), Type: events.TypeGap, ID: g.ID,
			Time: in.Time, Body: &g})
	case events.TypeDecision:
		var d events.Decision
		if err := d.DecodeJSON(in.Data); err != nil {
			return p.unreadable(in, emit, err)
		}
		if !p.meter.Decide(&d, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) }) {
			emit(undecided(&d, in.Sequence))
		}
	default:
		return p.unreadable(in, emit, fmt.Errorf("the %s header is %q", events.HeaderType, kind))
	}
	return nil
}

// firstYear and lastYear are those that collectors take: a span of millennia would be cut into
// millions of pieces.
const (
	firstYear = 2000
	lastYear  = 2200
)

var errNoTime = errors.New("it says no time")

// plausible refuses times that no collector publishes. The zero time is none.
func plausible(times ...time.Time) error {
	for _, t := range times {
		if !t.IsZero() && (t.Year() < firstYear || t.Year() >= lastYear) {
			return fmt.Errorf("it says the time %s, which is not between the years %d and %d", events.FormatTime(t),
				firstYear, lastYear-1)
		}
	}
	return nil
}

func meteredOutput(m *events.Metered) stage.Output {
	return stage.Output{
		Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource),
		Type:    events.TypeMetered, ID: m.ID, Time: m.Cause.Time, Body: m,
	}
}

// undecided says that a decision names no hold that there is.
func undecided(d *events.Decision, sequence uint64) stage.Output {
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", d.ID, fmt.Sprint(sequence)), Source: d.Source, Foundation: d.Foundation,
		Cause: events.Cause{ID: d.ID, Sequence: sequence, Event: "decision", Time: d.Time},
		Anomaly: events.Anomaly{
			Code: events.AnomalyUnknownHold, Resource: d.Resource, Time: d.Time,
			Message: fmt.Sprintf("%q of hold %s of %s %s: there is no such hold, or no such action. `daybook holds "+
				"list` lists what is held",
				d.Action, d.Hold, d.Kind, d.Resource),
		},
	}
	return stage.Output{
		Subject: events.MeteredAnomalySubject(d.Source, d.Foundation), Type: events.TypeAnomaly, ID: notice.ID,
		Time: d.Time, Body: &notice,
	}
}

// unreadable turns a message that no collector published into an anomaly: it must neither stop
// everybody's bill nor go unseen.
func (p *processor) unreadable(in *bus.Stored, emit func(stage.Output), cause error) error {
	source, foundation := "unknown", "unknown"
	if tokens := strings.Split(in.Subject, "."); len(tokens) > 2 {
		source, foundation = tokens[1], tokens[2]
	}
	at := in.Time.UTC()
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", in.Header(events.HeaderID), fmt.Sprint(in.Sequence)), Source: source,
		Foundation: foundation,
		Cause:      events.Cause{ID: in.Header(events.HeaderID), Sequence: in.Sequence, Event: "unreadable", Time: at},
		Anomaly: events.Anomaly{
			Code: events.AnomalyUnreadable, Time: at,
			Message: fmt.Sprintf("message %d of %s on %s is not a fact and was not metered: %v. `nats stream get %s "+
				"%d` shows it; "+
				"if it tells of usage, what it tells is on no bill: collect that from a file (daybook collect file)",
				in.Sequence, events.StreamUsage, in.Subject, cause, events.StreamUsage, in.Sequence),
		},
	}
	emit(stage.Output{Subject: events.MeteredAnomalySubject(source, foundation), Type: events.TypeAnomaly,
		ID: notice.ID, Time: at, Body: &notice})
	return nil
}

// Snapshot implements stage.Processor.
func (p *processor) Snapshot() ([]byte, error) { return p.meter.Snapshot(), nil }

// Restore implements stage.Processor.
func (p *processor) Restore(snapshot []byte) error {
	if snapshot == nil {
		p.meter = NewMeter(p.meter.settings)
		return nil
	}
	meter, err := RestoreMeter(p.meter.settings, snapshot)
	if err == nil {
		p.meter = meter
	}
	return err
}
