package pricer

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/sealing"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// Deps are the pricer's dependencies.
type Deps struct {
	Bus   stage.Bus
	Seals sealing.Bus // nil: statements are proposed, and not issued
	// SealAfter is closed when statements may be issued; nil: at once.
	SealAfter <-chan struct{}
	Log       *slog.Logger
	Metrics   *stage.Metrics // may be nil
	Figures   *Metrics       // may be nil
}

// Pricer is the service.
type Pricer struct {
	stage *stage.Stage
	seals *sealing.Sealer
}

// Bucket is the Object Store bucket of the pricer's snapshots.
const Bucket = "daybook-pricer"

// New returns a pricer before its Run.
func New(cfg Config, deps Deps) *Pricer {
	contract, newProcessor := Contract(cfg)
	contract.Replays = &stage.Replayer{Processor: newProcessor, Comparer: NewComparer}
	own, _ := newProcessor().(*processor) // as Contract makes it
	contract.TooLong = own.tooLong
	p := &Pricer{stage: stage.New(contract, deps.Bus, own, deps.Log, deps.Metrics)}
	if deps.Seals != nil {
		own.proposals = sealing.NewProposals()
		p.seals = &sealing.Sealer{
			Bus: deps.Seals, Proposals: own.proposals, Wait: p.stage.Wait, After: deps.SealAfter, Log: deps.Log,
		}
	}
	if deps.Figures != nil {
		own.figures = deps.Figures
		own.publish()
		own.figures.watch(p.Ready)
	}
	return p
}

// Contract returns the pricer as a stage, and the function that makes processors in their empty
// state: Run runs one, verify and replay derive BILLING again with others.
func Contract(Config) (stage.Config, func() stage.Processor) {
	return stage.Config{
		Name: "pricer", Input: events.StreamMetered, Output: events.StreamBilling, OutputFilter: events.SubjectsBilling,
		Marker: events.BillingMarkerSubject, Bucket: Bucket, Logic: logicVersion, Derived: true,
		Acts: events.StreamUsage, TooLong: tooLong,
	}, func() stage.Processor { return newProcessor() }
}

// Run works until ctx is done; see stage.Stage.Run for its errors.
func (p *Pricer) Run(ctx context.Context) error {
	if p.seals == nil {
		return p.stage.Run(ctx)
	}
	issuing, stop := context.WithCancel(ctx)
	var sealed sync.WaitGroup
	sealed.Go(func() { p.seals.Run(issuing) })
	defer sealed.Wait()
	defer stop()
	return p.stage.Run(ctx)
}

// WaitIssued returns when every proposed statement has been sealed and published.
func (p *Pricer) WaitIssued(ctx context.Context) error {
	if p.seals == nil {
		return nil
	}
	return p.seals.Proposals.Settled(ctx)
}

// Wait returns when the message at sequence of METERED has been worked off and its outputs are in
// BILLING.
func (p *Pricer) Wait(ctx context.Context, sequence uint64) error { return p.stage.Wait(ctx, sequence) }

// Ready tells why the service is not at work; see stage.Stage.Ready.
func (p *Pricer) Ready() error { return p.stage.Ready() }

// Done returns the sequence in METERED of the last message worked off.
func (p *Pricer) Done() uint64 { return p.stage.Done() }

// processor is the stage's view of a Book.
type processor struct {
	book     *Book
	past     *processor // of book.past; what it takes is not kept
	tally    tally
	issuing  issuing              // nil in a past, which has no statements
	standing *statements.Standing // nil unless entries of BILLING are being adopted
	metered  events.Metered
	billing  events.Billing

	figures   *Metrics           // nil for none
	proposals *sealing.Proposals // nil: nobody seals
	emit      func(stage.Output) // of the step
	counted   func(stage.Output) // emit, with the tally
}

func newProcessor() *processor {
	p := &processor{book: NewBook(), tally: newTally(), issuing: issuing{}}
	p.book.bounded = true
	return p
}

// Step implements stage.Processor.
func (p *processor) Step(in *bus.Stored, emit func(stage.Output)) error {
	if p.counted == nil {
		p.counted = func(out stage.Output) {
			p.tally.count(out.Body)
			p.emit(out)
		}
	}
	p.emit = emit
	unrated, version := p.book.unrated, p.book.inForce
	err := p.step(in, p.counted)
	if p.book.past == nil {
		p.past = nil
	}
	if p.tally.changed || p.book.unrated != unrated || p.book.inForce != version {
		p.publish()
	}
	return err
}

// step takes one message.
func (p *processor) step(in *bus.Stored, emit func(stage.Output)) error {
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		m := &p.metered
		if err := p.book.names.DecodeChanges(m, in.Data); err != nil {
			return err
		}
		if err := p.needSpans(m, in.Sequence); err != nil {
			return err
		}
		cause := causeOf(in, m.ID, m.Cause.Event, m.Cause.Time)
		if err := p.holds(m, in.Data); err != nil {
			return err
		}
		for i, a := range p.book.Metered(m, p.numbered(cause, emit)) {
			emit(anomaly(events.ID("anomaly", cause.ID, strconv.Itoa(i)), m.Source, m.Foundation, cause, a))
		}
	case events.TypeHorizon:
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return err
		}
		h.ID = events.ID("billing", h.ID)
		emit(stage.Output{
			Subject: events.BillingHorizonSubject(h.Source, h.Foundation), Type: events.TypeHorizon, ID: h.ID,
			Body: &h,
		})
	case events.TypeClosing:
		return p.closing(in, emit)
	case statement.SealType:
		return p.seal(in, emit)
	case events.TypeGap:
		return p.gap(in)
	case events.TypeCatalogue:
		return p.catalogue(in, emit)
	case events.TypeAnomaly, events.TypeMarker: // nothing to charge
	default:
		cause := causeOf(in, in.Header(events.HeaderID), "unreadable", time.Time{})
		sequence := strconv.FormatUint(in.Sequence, 10)
		emit(anomaly(events.ID("anomaly", "metered", sequence), "unknown", "unknown", cause, events.Anomaly{
			Code: events.AnomalyUnreadable,
			Message: fmt.Sprintf("message %s of %s on %s was not published by Daybook and is not used: its %s header "+
				"is %q. A catalogue is published with daybook catalogue publish",
				sequence, events.StreamMetered, in.Subject, events.HeaderType, in.Header(events.HeaderType)),
		}))
	}
	return nil
}

// causeOf is the cause of what a message of METERED leads to.
func causeOf(in *bus.Stored, id, event string, at time.Time) events.Cause {
	usage, err := strconv.ParseUint(in.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		usage = 0 // somebody else published it
	}
	return events.Cause{ID: id, Sequence: in.Sequence, Event: event, Time: at, Usage: usage}
}

func (p *processor) catalogue(in *bus.Stored, emit func(stage.Output)) error {
	var c events.Catalogue
	// The time of publication stays out of the bodies: BILLING is a function of the contents of
	// METERED and not of the times of storing.
	cause := causeOf(in, in.Header(events.HeaderID), "catalogue", time.Time{})
	err := c.DecodeJSON(in.Data)
	former := p.book.InForce()
	if err == nil {
		if err := p.needMonths(&c, in.Sequence); err != nil {
			return err
		}
		err = p.book.Catalogue(&c, cause.ID, p.numbered(cause, emit))
	}
	switch {
	case err == nil && p.book.silent:
		return nil
	case err == nil:
		effects(&effect.Effect{
			Cause: cause, Version: c.Version, Former: former, Rows: p.book.Effect().Rows(),
			Closed: p.book.Effect().Left(),
		}, emit)
		return nil
	}
	emit(anomaly(events.ID("anomaly", cause.ID), "catalogue", c.Version, cause, events.Anomaly{
		Code:    events.AnomalyUnreadable,
		Message: fmt.Sprintf("the catalogue on %s is not used, the former stays in force: %v", in.Subject, err),
	}))
	return nil
}

// closingOutput is the message about a month, behind its entries.
func closingOutput(c *events.Closing) stage.Output {
	return stage.Output{
		Subject: events.BillingClosingSubject(c.Source, c.Foundation), Type: events.TypeClosing, ID: c.ID, Body: c,
	}
}

// effects puts out what a version changes, in as many parts as it takes.
func effects(whole *effect.Effect, emit func(stage.Output)) {
	parts := whole.Parted(events.MaxBody)
	for i := range parts {
		e := &parts[i]
		e.ID = events.ID("effect", e.Cause.ID, strconv.Itoa(i))
		emit(stage.Output{Subject: effect.Subject(e.Version), Type: effect.Type, ID: e.ID, Body: e})
	}
}

// anomaly is the message for an anomaly without an entry.
func anomaly(id, source, foundation string, cause events.Cause, a events.Anomaly) stage.Output {
	notice := events.AnomalyNotice{ID: id, Source: source, Foundation: foundation, Cause: cause, Anomaly: a}
	return stage.Output{
		Subject: events.BillingAnomalySubject, Type: events.TypeAnomaly, ID: id, Body: &notice,
	}
}

// tooLong is the message of the anomaly in place of one that no server surely takes.
func tooLong(out *stage.Output, cause events.Cause, a events.Anomaly) stage.Output {
	return anomaly(events.ID("anomaly", out.ID), "unknown", "unknown", cause, a)
}

// tooLong is tooLong, counted.
func (p *processor) tooLong(out *stage.Output, cause events.Cause, a events.Anomaly) stage.Output {
	notice := tooLong(out, cause, a)
	p.tally.count(notice.Body)
	return notice
}

// numbered turns entries into the messages of a cause, each with an id of its own.
func numbered(cause events.Cause, emit func(stage.Output)) func(*Entries) {
	part := 0
	return func(e *Entries) {
		if len(e.Charges) > 0 {
			b := events.Billing{
				ID: events.ID("billing", cause.ID, strconv.Itoa(part)), Source: e.Source, Foundation: e.Foundation,
				Tenant: e.Tenant,
				Kind:   e.Kind, Resource: e.Resource, Cause: cause, Charges: e.Charges,
			}
			emit(stage.Output{
				Subject: events.ChargeSubject(e.Tenant, e.Source, e.Foundation, e.Kind, e.Resource),
				Type:    events.TypeBilling, ID: b.ID, Body: &b,
			})
			part++
		}
		if len(e.Unrated)+len(e.Settled) > 0 {
			u := events.UnratedNotice{
				ID: events.ID("billing", cause.ID, strconv.Itoa(part)), Source: e.Source, Foundation: e.Foundation,
				Tenant: e.Tenant,
				Kind:   e.Kind, Resource: e.Resource, Cause: cause, Unrated: e.Unrated, Settled: e.Settled,
			}
			emit(stage.Output{
				Subject: events.UnratedSubject(e.Tenant, e.Source, e.Foundation, e.Kind, e.Resource),
				Type:    events.TypeUnrated, ID: u.ID, Body: &u,
			})
			part++
		}
	}
}

// Adopt implements stage.Adopter. The entries of a replay have the replay as their cause, all other
// entries keep theirs.
func (p *processor) Adopt(stored *bus.Stored) error {
	if stored == nil {
		p.adopted()
		return nil
	}
	switch stored.Header(events.HeaderType) {
	case events.TypeBilling:
		if err := p.book.names.DecodeBilling(&p.billing, stored.Data); err != nil {
			return err
		}
		p.book.adopt(p.billing.Cause.ID, p.billing.Charges, nil)
		p.adopt(&p.billing)
	case events.TypeUnrated:
		var u events.UnratedNotice
		if err := u.DecodeJSON(stored.Data); err != nil {
			return err
		}
		p.book.adopt(u.Cause.ID, nil, u.Unrated)
	}
	return nil
}
