package projector

import (
	"errors"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/forgotten"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// This file closes the months of foundations: projector/months decides, and the meter folds.

// CloseDue closes the months of all foundations that close by themselves, and puts out a closing
// for each.
func (m *Meter) CloseDue(cause events.Cause, emit func(*events.Closing)) {
	for _, key := range slices.SortedFunc(maps.Keys(m.foundations), foundationKey.Compare) {
		f := m.foundations[key]
		month, due := f.months.Due(f.rules.Horizon, m.catalogued)
		if !due {
			continue
		}
		for ; due; month, due = f.months.Due(f.rules.Horizon, m.catalogued) {
			at := cause
			at.Time = f.rules.Horizon.Time()
			emit(f.closing(month, at))
		}
		f.closeTo()
	}
}

// Catalogued takes note of a catalogue in force: months close by themselves from the first one on.
func (m *Meter) Catalogued() { m.catalogued = true }

// closing is the message about a month.
func (f *foundation) closing(month string, cause events.Cause) *events.Closing {
	return &events.Closing{
		ID:     events.ID("closing", cause.ID, f.rules.Source, f.rules.Foundation, month),
		Source: f.rules.Source, Foundation: f.rules.Foundation, Month: month, Cause: cause, Time: cause.Time,
	}
}

// Month applies an act of a person about the months of a foundation or, with the mode or the grace,
// of all. It puts out a closing where a month is closed or opened by it. The error says why nothing
// changes.
func (m *Meter) Month(a *events.Act, sequence uint64, emit func(*events.Closing)) error {
	cause := events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind, Time: a.Time}
	if a.Kind == events.ActMode || a.Kind == events.ActGrace {
		if err := m.decidePolicy(a); err != nil {
			return err
		}
		m.CloseDue(cause, emit)
		return nil
	}
	f := m.foundations[foundationKey{Source: a.Source, Foundation: a.Foundation}]
	if f == nil {
		return errors.New("nothing was collected of the foundation")
	}
	out := f.closing(a.Month.Month, cause)
	out.By, out.Note = a.By, a.Note
	if a.Kind == events.ActReopening {
		if err := f.months.Reopen(a.Month.Month); err != nil {
			return err
		}
		out.Reopened = true
		f.rules.Closed = f.months.Closed()
		emit(out)
		return nil
	}
	if err := f.months.Close(a.Month.Month, f.rules.Horizon, f.ended); err != nil {
		return err
	}
	emit(out)
	f.closeTo()
	m.CloseDue(cause, emit) // the months behind it may have waited for it
	return nil
}

// decidePolicy changes how open months close.
func (m *Meter) decidePolicy(a *events.Act) error {
	p := m.policy
	if err := p.Decide(a); err != nil {
		return err
	}
	if a.Source != "" {
		return m.foundation(a.Source, a.Foundation).months.Policy.Decide(a)
	}
	m.policy = p
	for _, f := range m.foundations {
		_ = f.months.Policy.Decide(a) // as p took it
	}
	return nil
}

// closeTo folds the facts that no reopening needs: timelines keep the last closed month, and the
// ones that are over are forgotten.
func (f *foundation) closeTo() {
	f.rules.Closed = f.months.Closed()
	if folded := f.months.Folded(); folded > f.rules.Folded {
		f.fold(folded)
	}
}

// fold folds the facts before a time.
func (f *foundation) fold(before timeline.Moment) {
	f.rules.Folded = before
	over := f.closeFrozen(before)
	for _, e := range f.entries {
		ended := e.Close()
		if f.list(e); ended {
			f.forget(e)
			over = append(over, forgotten.KeyOf(e.key.kind, e.key.resource))
		} else {
			f.prune(e, e.Final())
		}
	}
	f.forgotten.Add(over)
	f.pruneCuts()
	f.platform.Close()
	for _, e := range f.entries {
		f.freeze(e)
	}
}
