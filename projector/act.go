package projector

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/projector/internal/history"
	"github.com/daybook-billing/daybook/projector/internal/notice"
)

// act takes an act: only on the subject of its kind, for collectors may not append there.
func (p *processor) act(in *bus.Stored, emit func(stage.Output)) error {
	a := &p.decided
	if err := a.DecodeJSON(in.Data); err != nil {
		return err
	}
	if _, long := limit.Act(a); long != "" {
		return history.TooLong(long)
	}
	if err := a.Misplaced(in.Subject); err != nil {
		return err
	}
	switch metered := func(m *events.Metered) { emit(meteredOutput(m)) }; a.Kind {
	case events.ActDecision:
		if known(a.Source) != nil || !p.meter.Decide(a, in.Sequence, metered) {
			emit(notice.Undecided(a, in.Sequence))
		}
	case events.ActRetirement:
		if err := errors.Join(known(a.Source), limit.Times(a.Retirement.At)); err != nil {
			return err
		}
		if a.Retirement.At.After(a.Time) {
			return errFuture
		}
		all, moved := p.meter.Retired(a, in.Sequence, metered)
		if moved {
			emit(meteredHorizon(a.ID, a.Source, a.Foundation, all, a.Retirement.At))
			p.meter.CloseDue(events.Cause{ID: a.ID, Sequence: in.Sequence, Event: a.Kind}, closingOutput(emit))
		}
	case events.ActCatalogue, events.ActSeal:
		return p.pass(a, in.Sequence, emit)
	case events.ActClosing, events.ActReopening, events.ActMode, events.ActGrace:
		return p.month(a, in.Sequence, emit)
	case events.ActObservation:
		return p.observation(a, in.Sequence, emit)
	case events.ActReplay, events.ActDiscard, events.ActErasure: // METERED has nothing of it
	default:
		return fmt.Errorf("it is an act of kind %q, which this version does not know", a.Kind)
	}
	return nil
}

// month applies an act about months.
func (p *processor) month(a *events.Act, sequence uint64, emit func(stage.Output)) error {
	if a.Source != "" || a.Kind == events.ActClosing || a.Kind == events.ActReopening {
		if err := known(a.Source); err != nil {
			return err
		}
	}
	if err := p.meter.Month(a, sequence, closingOutput(emit)); err != nil {
		emit(notice.RefusedMonth(a, sequence, err))
	}
	return nil
}

// observation applies an observation of a reconciliation, or a reversion.
func (p *processor) observation(a *events.Act, sequence uint64, emit func(stage.Output)) error {
	if err := errors.Join(known(a.Source), history.Observation(a)); err != nil {
		return err
	}
	if !p.meter.Observed(a, sequence, func(m *events.Metered) { emit(meteredOutput(m)) }) {
		emit(notice.UnknownPlan(a, sequence))
	}
	return nil
}

// pass passes a seal or a catalogue on. Months close by themselves from the first catalogue on that
// the pricer puts in force; it reads each with the same function.
func (p *processor) pass(a *events.Act, sequence uint64, emit func(stage.Output)) error {
	id := events.ID("metered", a.ID)
	if a.Kind == events.ActSeal {
		x, err := statement.Sealed(a)
		if err == nil {
			emit(stage.Output{
				Subject: statement.SealSubject(a.Source, a.Foundation), Type: statement.SealType, ID: id, Body: x,
			})
		}
		return err
	}
	if err := limit.Catalogue(&a.Catalogue); err != nil {
		return err
	}
	version := a.Catalogue
	emit(stage.Output{
		Subject: events.MeteredCatalogueSubject, Type: events.TypeCatalogue, ID: id, Body: &version,
	})
	if !p.meter.catalogued {
		if _, err := (catalogue.Texts{}).Read(&version); err == nil {
			p.meter.Catalogued()
		}
	}
	p.meter.CloseDue(events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind}, closingOutput(emit))
	return nil
}

// closingOutput puts out the message about a month.
func closingOutput(emit func(stage.Output)) func(*events.Closing) {
	return func(c *events.Closing) {
		emit(stage.Output{
			Subject: events.MeteredClosingSubject(c.Source, c.Foundation), Type: events.TypeClosing, ID: c.ID, Body: c,
		})
	}
}
