package projector

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// act takes an act: only on the subject of its kind, for collectors may not append there.
func (p *processor) act(in *bus.Stored, emit func(stage.Output)) error {
	a := &p.decided
	if err := a.DecodeJSON(in.Data); err != nil {
		return err
	}
	if _, long := limit.Act(a); long != "" {
		return tooLong(long)
	}
	if err := a.Misplaced(in.Subject); err != nil {
		return err
	}
	switch metered := func(m *events.Metered) { emit(meteredOutput(m)) }; a.Kind {
	case events.ActDecision:
		if known(a.Source) != nil || !p.meter.Decide(a, in.Sequence, metered) {
			emit(undecided(a, in.Sequence))
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
		if a.Source != "" || a.Kind == events.ActClosing || a.Kind == events.ActReopening {
			if err := known(a.Source); err != nil {
				return err
			}
		}
		if err := p.meter.Month(a, in.Sequence, closingOutput(emit)); err != nil {
			emit(refusedMonth(a, in.Sequence, err))
		}
	case events.ActReplay, events.ActDiscard: // METERED has nothing of it
	default:
		return fmt.Errorf("it is an act of kind %q, which this version does not know", a.Kind)
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

// undecided is the anomaly of a decision without a hold.
func undecided(d *events.Act, sequence uint64) stage.Output {
	word := &d.Decision
	return refused(d, sequence, events.AnomalyUnknownHold, word.Resource, fmt.Sprintf("%q of hold %s of %s %s: there "+
		"is no such hold, or no such action. `daybook holds list` lists what is held", word.Action, word.Hold,
		word.Kind, word.Resource))
}

// closingOutput puts out the message about a month.
func closingOutput(emit func(stage.Output)) func(*events.Closing) {
	return func(c *events.Closing) {
		emit(stage.Output{
			Subject: events.MeteredClosingSubject(c.Source, c.Foundation), Type: events.TypeClosing, ID: c.ID, Body: c,
		})
	}
}

// refusedMonth is the anomaly of an act about a month that stays as it is.
func refusedMonth(a *events.Act, sequence uint64, reason error) stage.Output {
	return refused(a, sequence, events.AnomalyRefusedMonth, "", fmt.Sprintf("the %s by %s changes nothing: %v. "+
		"`daybook month list` lists the months", a.Kind, a.By, reason))
}

// refused is the anomaly of an act without an effect.
func refused(a *events.Act, sequence uint64, code, resource, message string) stage.Output {
	return noticeOutput(&events.AnomalyNotice{
		ID: events.ID("anomaly", a.ID, fmt.Sprint(sequence)), Source: a.Source, Foundation: a.Foundation,
		Cause:   events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind, Time: a.Time},
		Anomaly: events.Anomaly{Code: code, Resource: resource, Time: a.Time, Message: message},
	})
}

// noticeOutput is the message of an anomaly of no resource.
func noticeOutput(n *events.AnomalyNotice) stage.Output {
	return stage.Output{
		Subject: events.MeteredAnomalySubject(cmp.Or(n.Source, "all"), cmp.Or(n.Foundation, "all")),
		Type:    events.TypeAnomaly, ID: n.ID, Body: n,
	}
}
