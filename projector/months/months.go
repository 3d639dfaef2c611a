// Package months decides which months of a foundation are closed. They close in order, by
// themselves or by an act of a person, and the last closed one may be opened again. The package is
// pure: what it decides is a function of the order of its calls.
package months

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// DefaultGrace is the time from a month's end to its closing: for facts that were held up at the
// end of a month.
const DefaultGrace = 5 * 24 * time.Hour

// MaxGrace keeps the number of open months small: all their facts are kept.
const MaxGrace = 366 * 24 * time.Hour

// Policy is how open months close.
type Policy struct {
	Manual bool          // by an act alone
	Grace  time.Duration // from the end of a month to its closing by itself
}

// Decide applies an act about the mode or the grace. The error says why nothing changes.
func (p *Policy) Decide(a *events.Act) error {
	grace := time.Duration(a.Month.GraceSeconds) * time.Second
	switch {
	case (a.Source == "") != (a.Foundation == ""):
		return errors.New("it names a source alone or a foundation alone, and is about one foundation of one source, " +
			"with both names, or about all, with none")
	case a.Kind == events.ActGrace && grace > MaxGrace:
		return fmt.Errorf("the grace %s is longer than %s", grace, MaxGrace)
	case a.Kind == events.ActGrace:
		p.Grace = grace
	case a.Month.Mode != events.ModeAutomatic && a.Month.Mode != events.ModeManual:
		return fmt.Errorf("the mode %q is neither %s nor %s", a.Month.Mode, events.ModeAutomatic, events.ModeManual)
	default:
		p.Manual = a.Month.Mode == events.ModeManual
	}
	return nil
}

// Months is the state of one foundation.
type Months struct {
	Policy Policy
	// closed is the end of the last closed month; MinMoment while none is.
	closed timeline.Moment
	// first is the beginning of the earliest month with anything in it, while none is closed;
	// MaxMoment for none.
	first timeline.Moment
	// byHand is the beginning of the month that was opened again, which closes by an act alone;
	// MinMoment for none.
	byHand timeline.Moment
}

// New returns the months of a foundation of which nothing is known.
func New(p Policy) Months {
	return Months{
		Policy: p, closed: timeline.MinMoment, first: timeline.MaxMoment, byHand: timeline.MinMoment,
	}
}

// Closed is the end of the last closed month; MinMoment while none is.
func (m *Months) Closed() timeline.Moment { return m.closed }

// Seen takes note of a time with something in it, before the first closing.
func (m *Months) Seen(at time.Time) {
	if m.closed == timeline.MinMoment && timeline.MomentOf(at) < m.first {
		m.first = timeline.MomentOf(timeline.CutMonth.Floor(at))
	}
}

// open is the beginning of the first open month; MaxMoment while nothing is known.
func (m *Months) open() timeline.Moment {
	if m.closed != timeline.MinMoment {
		return m.closed
	}
	return m.first
}

func end(month timeline.Moment) timeline.Moment {
	return timeline.MomentOf(timeline.CutMonth.Next(month.Time()))
}

// Due closes the first open month, if it closes by itself at a horizon, and returns it. None does
// before a catalogue is in force.
func (m *Months) Due(horizon timeline.Moment, catalogued bool) (month string, due bool) {
	open := m.open()
	if !catalogued || m.Policy.Manual || open == timeline.MaxMoment || open == m.byHand ||
		horizon == timeline.MinMoment || horizon < end(open).Add(m.Policy.Grace) {
		return "", false
	}
	return m.close(open), true
}

func (m *Months) close(open timeline.Moment) string {
	m.closed, m.byHand = end(open), timeline.MinMoment
	return open.Time().Format(events.MonthForm)
}

// Close closes a month by an act, at a horizon. A foundation that has ended has nothing to wait
// for. The error says why the month stays as it is.
func (m *Months) Close(month string, horizon timeline.Moment, ended bool) error {
	at, err := parse(month)
	if err != nil {
		return err
	}
	open := m.open()
	switch {
	case open == timeline.MaxMoment:
		return fmt.Errorf("nothing is known of the foundation, and month %s has nothing to close", month)
	case at < open && m.closed == timeline.MinMoment:
		return fmt.Errorf("month %s is before the first one with anything in it, %s", month,
			open.Time().Format(events.MonthForm))
	case at < open:
		return fmt.Errorf("month %s is closed already", month)
	case at > open:
		return fmt.Errorf("month %s is open and closes before %s: close it first",
			open.Time().Format(events.MonthForm), month)
	case !ended && horizon < end(at), ended && horizon < at:
		return fmt.Errorf("month %s is not over: the foundation was not collected up to its end, %s", month, end(at))
	}
	m.close(at)
	return nil
}

// Reopen opens a month again by an act. The error says why it stays as it is.
func (m *Months) Reopen(month string) error {
	at, err := parse(month)
	if err != nil {
		return err
	}
	switch {
	case m.closed == timeline.MinMoment || at >= m.closed:
		return fmt.Errorf("month %s is open", month)
	case m.byHand != timeline.MinMoment:
		return fmt.Errorf("month %s was opened again and is not closed: none before it can be opened",
			m.byHand.Time().Format(events.MonthForm))
	case end(at) != m.closed:
		return fmt.Errorf("month %s is closed, and so is a later one: only the last closed one can be opened again, %s",
			month, m.closed.Add(-time.Microsecond).Time().Format(events.MonthForm))
	}
	m.closed, m.byHand = at, at
	return nil
}

func parse(month string) (timeline.Moment, error) {
	at, err := time.Parse(events.MonthForm, month)
	if err != nil || at.Year() < 1000 {
		return 0, fmt.Errorf("%q is not a month such as 2026-11", month)
	}
	return timeline.MomentOf(at), nil
}

// Folded is the time before which facts are folded: the facts of the last closed month are kept,
// for it may be opened again. MinMoment while no month is closed.
func (m *Months) Folded() timeline.Moment {
	switch {
	case m.closed == timeline.MinMoment, m.byHand == m.closed:
		return m.closed
	}
	return timeline.MomentOf(m.closed.Time().AddDate(0, -1, 0))
}

// Pack writes the state.
func (m *Months) Pack(p *timeline.Packer) {
	m.Policy.Pack(p)
	p.Moment(m.closed)
	p.Moment(m.first)
	p.Moment(m.byHand)
}

// Unpack reads the state.
func (m *Months) Unpack(r *timeline.Reader) {
	m.Policy.Unpack(r)
	m.closed, m.first, m.byHand = r.Moment(), r.Moment(), r.Moment()
}

// Pack writes the policy.
func (p *Policy) Pack(to *timeline.Packer) {
	to.Bool(p.Manual)
	to.Int(int64(p.Grace))
}

// Unpack reads the policy.
func (p *Policy) Unpack(r *timeline.Reader) { p.Manual, p.Grace = r.Bool(), time.Duration(r.Int()) }
