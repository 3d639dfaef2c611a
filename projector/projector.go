package projector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector/internal/history"
	"github.com/daybook-billing/daybook/projector/internal/notice"
)

// Deps are the surroundings of the projector.
type Deps struct {
	Bus     stage.Bus
	Log     *slog.Logger
	Metrics *stage.Metrics // may be nil
	Figures *Metrics       // may be nil
}

// Projector is the service.
type Projector struct{ stage *stage.Stage }

// Bucket is the Object Store bucket of the projector's snapshots.
const Bucket = "daybook-projector"

// New returns a projector at rest.
func New(cfg Config, deps Deps) (*Projector, error) {
	contract, newProcessor, err := Contract(cfg)
	if err != nil {
		return nil, err
	}
	contract.Replays = &stage.Replayer{
		Processor: newProcessor,
		Comparer:  func(stage.Processor) stage.Comparer { return NewComparer() },
	}
	own, _ := newProcessor().(*processor) // as Contract makes it
	contract.TooLong = own.tooLong
	p := &Projector{stage.New(contract, deps.Bus, own, deps.Log, deps.Metrics)}
	if deps.Figures != nil {
		own.figures = deps.Figures
		own.figures.update(own.meter)
		own.figures.watch(p.Ready)
	}
	return p, nil
}

// Contract returns the projector's stage, and a constructor of its processors in their empty state.
// Run runs one; others derive METERED again to compare it.
func Contract(cfg Config) (stage.Config, func() stage.Processor, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return stage.Config{}, nil, err
	}
	cfg, err := cfg.compile()
	if err != nil {
		return stage.Config{}, nil, err
	}
	return stage.Config{
		Name: "projector", Input: events.StreamUsage, Output: events.StreamMetered, Acts: events.StreamUsage,
		TooLong: notice.TooLong, OutputFilter: events.SubjectsMetered,
		Marker: events.MeteredMarkerSubject, Bucket: Bucket, Logic: cfg.logic(),
	}, func() stage.Processor { return newProcessor(cfg) }, nil
}

// StoredContract is Contract with the settings of the stored METERED, or with the defaults where
// METERED is empty or another program's: verification says more about that.
func StoredContract(ctx context.Context, b stage.Source) (stage.Config, func() stage.Processor, error) {
	contract, newProcessor, err := Contract(Config{})
	if err != nil {
		return contract, newProcessor, err
	}
	logic, err := stage.StoredLogic(ctx, b, contract)
	if errors.Is(err, stage.ErrDiverged) {
		return contract, newProcessor, nil
	}
	if err != nil || logic == "" {
		return contract, newProcessor, err
	}
	cfg, err := ParseLogic(logic)
	if err != nil {
		return contract, newProcessor, nil //nolint:nilerr // another program's settings
	}
	return Contract(cfg)
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

// Done returns the sequence of the last message of USAGE that has been worked off.
func (p *Projector) Done() uint64 { return p.stage.Done() }

// processor is the stage's view of a Meter.
type processor struct {
	meter      *Meter
	usage      events.Usage
	long       []string // cut labels
	unreadable error    // it cannot be read
	decided    events.Act
	metered    events.Metered
	names      *events.Interner
	notices    []stage.Output // anomalies for the end of the window

	history *history.Reading   // for the last late fact; nil for none
	figures *Metrics           // nil for none
	emit    func(stage.Output) // of the step
	counted func(stage.Output) // emit, with the meter's tally
}

// internBits is the size of the table of repeated strings: 2^16.
const internBits = 16

func newProcessor(cfg Config) *processor {
	return &processor{meter: newMeter(cfg), names: events.NewInterner(internBits)}
}

// Step implements stage.Processor.
func (p *processor) Step(in *bus.Stored, emit func(stage.Output)) error {
	if p.counted == nil {
		p.counted = func(out stage.Output) {
			p.meter.tally.Count(out.Body)
			p.emit(out)
		}
	}
	p.emit = emit
	err := p.step(in, p.counted)
	if p.meter.tally.Changed {
		p.figures.update(p.meter)
	}
	return err
}

// step takes one message. The facts between the marks of a window are one: their messages
// wait for its end. Anything but a fact ends it, and so does the mark of another beginning.
func (p *processor) step(in *bus.Stored, emit func(stage.Output)) error {
	kind, mark := in.Header(events.HeaderType), in.Header(events.HeaderWindow)
	isFact := kind == events.TypeUsage
	if isFact {
		if needed := p.read(in); needed != nil {
			return needed
		}
	}
	if !isFact || mark == events.WindowBegin {
		p.flush(emit)
	}
	if isFact && mark == events.WindowBegin {
		p.meter.Open(in.Sequence)
	}
	err := p.take(in, kind, emit)
	if err != nil && in.Time.IsZero() {
		return stage.ErrNoTime
	}
	if err != nil {
		p.notices = append(p.notices, notice.Unreadable(in, err))
	}
	if !isFact || mark == events.WindowEnd || p.meter.Opened() == 0 || len(p.notices) >= maxWindowMessages {
		p.flush(emit)
	}
	if !isFact && mark == events.WindowBegin { // of the facts behind it
		p.meter.Open(in.Sequence + 1)
	}
	return nil
}

// take applies a message of a kind.
func (p *processor) take(in *bus.Stored, kind string, emit func(stage.Output)) error {
	switch kind {
	case events.TypeUsage:
		return p.fact(in, emit)
	case events.TypeHorizon:
		return p.horizon(in, emit)
	case events.TypeGap:
		return p.gap(in, emit)
	case events.TypeMarker: // of the begin or end of a collector's batch
		return nil
	case events.TypeAct:
		return p.act(in, emit)
	}
	return fmt.Errorf("the %s header is %q", events.HeaderType, kind)
}

// flush ends the window: it puts out its messages, and then its notices.
func (p *processor) flush(emit func(stage.Output)) {
	p.meter.Flush(func(m *events.Metered) { emit(meteredOutput(m)) })
	for i := range p.notices {
		emit(p.notices[i])
	}
	clear(p.notices)
	p.notices = p.notices[:0]
}

// Window implements stage.Windowed.
func (p *processor) Window() uint64 { return p.meter.Opened() }

// Adopt implements stage.Adopter: a retraction names the message that published its span, be it of
// a replay, or of another version.
func (p *processor) Adopt(stored *bus.Stored) error {
	if stored == nil || stored.Header(events.HeaderType) != events.TypeMetered {
		return nil
	}
	m := &p.metered
	if err := p.names.DecodeMetered(m, stored.Data); err != nil {
		return err
	}
	source, err := strconv.ParseUint(stored.Header(stage.HeaderSourceSeq), 10, 64)
	p.meter.adopt(m, source)
	return err
}

// read decodes a fact. A late one of folded time needs the history of its resource.
func (p *processor) read(in *bus.Stored) error {
	u := &p.usage
	p.long, p.unreadable = history.Fact(p.names, u, in)
	if p.unreadable == nil && !meters(u.Source, u.Kind) {
		p.unreadable = fmt.Errorf("it is about kind %q of source %q, which is not metered", u.Kind, u.Source)
	}
	about := p.history.About(in.Sequence)
	if p.unreadable == nil && (about || p.meter.NeedsPast(u, in.Sequence)) {
		if !about {
			p.history = history.New(p.names, u, in.Sequence)
		}
		if needed := p.history.Needs(); needed != nil {
			return needed
		}
	}
	return nil
}

// Reread implements reread.Reader.
func (p *processor) Reread(in *bus.Stored) error {
	p.history.Input(in)
	return nil
}

// Readopt implements reread.Reader.
func (p *processor) Readopt(stored *bus.Stored) error { return p.history.Output(stored) }

// fact applies a fact. The error is the reason why no collector publishes such a message, here and
// in the methods below.
func (p *processor) fact(in *bus.Stored, emit func(stage.Output)) error {
	u, metered := &p.usage, func(m *events.Metered) { emit(meteredOutput(m)) }
	if p.unreadable != nil {
		return p.unreadable
	}
	if p.history.About(in.Sequence) {
		p.meter.FactWithPast(u, in.Sequence, p.history.Past(), metered)
		p.history = nil
	} else {
		p.meter.Fact(u, in.Sequence, metered)
	}
	if len(p.long) > 0 && u.Event != events.EventTroveExists { // reports repeat the labels of the create
		p.notices = append(p.notices, notice.LongLabel(u, in.Sequence, p.long))
	}
	return nil
}

func (p *processor) horizon(in *bus.Stored, emit func(stage.Output)) error {
	var h events.Horizon
	if err := h.DecodeJSON(in.Data); err != nil {
		return err
	}
	if _, long := limit.Horizon(&h); long != "" {
		return history.TooLong(long)
	}
	if err := limit.Times(h.Time); err != nil {
		return err
	}
	if err := cmp.Or(history.Timed(h.Time), known(h.Source)); err != nil {
		return err
	}
	all, moved := p.meter.Horizon(&h, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) })
	if moved {
		emit(meteredHorizon(h.ID, h.Source, h.Foundation, all, time.Time{}))
		p.meter.CloseDue(events.Cause{ID: h.ID, Sequence: in.Sequence, Event: "horizon"}, closingOutput(emit))
	}
	return nil
}

func meteredHorizon(cause, source, foundation string, at, ended time.Time) stage.Output {
	out := events.Horizon{
		ID: events.ID("metered", cause), Source: source, Foundation: foundation, Time: at, Ended: ended,
	}
	return stage.Output{
		Subject: events.MeteredHorizonSubject(source, foundation), Type: events.TypeHorizon, ID: out.ID,
		Body: &out,
	}
}

func (p *processor) gap(in *bus.Stored, emit func(stage.Output)) error {
	var g events.Gap
	if err := g.DecodeJSON(in.Data); err != nil {
		return err
	}
	if _, long := limit.Gap(&g); long != "" {
		return history.TooLong(long)
	}
	if err := limit.Times(g.From, g.To); err != nil {
		return err
	}
	if err := history.Timed(g.To); err != nil {
		return err
	}
	if g.To.Before(g.From) {
		return fmt.Errorf("it ends at %s, before it begins at %s", events.FormatTime(g.To), events.FormatTime(g.From))
	}
	if err := known(g.Source); err != nil {
		return err
	}
	if p.meter.Gap(&g, in.Sequence, func(m *events.Metered) { emit(meteredOutput(m)) }) {
		g.ID = events.ID("metered", g.ID)
		emit(stage.Output{
			Subject: events.MeteredGapSubject(g.Source, g.Foundation), Type: events.TypeGap, ID: g.ID,
			Body: &g,
		})
	}
	return nil
}

func known(source string) error {
	if _, ok := platforms[source]; !ok {
		return fmt.Errorf("its source is %q, which is not metered", source)
	}
	return nil
}

var errFuture = errors.New("it ends the foundation after the time of the act itself")

func meteredOutput(m *events.Metered) stage.Output {
	return stage.Output{
		Subject: events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource),
		Type:    events.TypeMetered, ID: m.ID, Body: m,
	}
}

// tooLong is notice.TooLong, counted.
func (p *processor) tooLong(out *stage.Output, cause events.Cause, a events.Anomaly) stage.Output {
	said := notice.TooLong(out, cause, a)
	p.meter.tally.Count(said.Body)
	return said
}

// Snapshot implements stage.Processor.
func (p *processor) Snapshot() ([]byte, error) { return p.meter.Snapshot(), nil }

// Restore implements stage.Processor.
func (p *processor) Restore(snapshot []byte) error {
	meter := newMeter(p.meter.cfg)
	if snapshot != nil {
		var err error
		if meter, err = RestoreMeter(p.meter.cfg, snapshot); err != nil {
			return err
		}
	}
	p.meter, p.history = meter, nil
	p.figures.update(p.meter)
	return nil
}
