package acts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var (
	// ErrMonthOpen: the month is not the last closed one of its foundation, so it is not reopened.
	ErrMonthOpen = errors.New("it is not the last closed month: daybook month list shows which months are closed, " +
		"and only the last one can be opened again")
	// ErrMonthClosed: the month is closed already.
	ErrMonthClosed = errors.New("the month is closed already")
	// ErrMonthNotOver: the foundation was not collected up to the end of the month.
	ErrMonthNotOver = errors.New("the month is not over: the foundation was not collected up to its end; daybook " +
		"status shows how far it was")
)

// Months are the months of a foundation, as METERED says.
type Months struct {
	Source     string
	Foundation string
	First      time.Time // the first horizon
	Horizon    time.Time // metered up to there
	Ended      bool      // the foundation is retired
	Closed     []events.Closing
	Reopened   []events.Closing // of the month that is open again; else empty
}

// last is the last closed month; empty for none.
func (m *Months) last() string {
	if len(m.Closed) == 0 {
		return ""
	}
	return m.Closed[len(m.Closed)-1].Month
}

// ReadMonths reads the months of one foundation or, where it is empty, of all, in order of source
// and foundation.
func ReadMonths(ctx context.Context, b Reader, foundation string) ([]Months, error) {
	var all []Months
	of := func(source, foundation string) *Months {
		for i := range all {
			if all[i].Source == source && all[i].Foundation == foundation {
				return &all[i]
			}
		}
		all = append(all, Months{Source: source, Foundation: foundation})
		return &all[len(all)-1]
	}
	options := bus.ReadOptions{Filters: []string{
		events.MeteredClosingFilter(foundation), events.MeteredHorizonFilter(foundation),
	}}
	_, err := b.Each(ctx, events.StreamMetered, 1, bus.End, options, func(m *bus.Stored) error {
		switch m.Header(events.HeaderType) {
		case events.TypeHorizon:
			var h events.Horizon
			if h.DecodeJSON(m.Data) == nil {
				at := of(h.Source, h.Foundation)
				if at.Horizon, at.Ended = h.Time, !h.Ended.IsZero(); at.First.IsZero() {
					at.First = h.Time
				}
			}
		case events.TypeClosing:
			var c events.Closing
			if c.DecodeJSON(m.Data) == nil {
				of(c.Source, c.Foundation).take(&c)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Months) int {
		return slices.Compare([]string{a.Source, a.Foundation}, []string{b.Source, b.Foundation})
	})
	return all, err
}

// take takes a closing or a reopening.
func (m *Months) take(c *events.Closing) {
	m.Closed = slices.DeleteFunc(m.Closed, func(o events.Closing) bool { return o.Month == c.Month })
	m.Reopened = nil
	if c.Reopened {
		m.Reopened = []events.Closing{*c}
	} else {
		m.Closed = append(m.Closed, *c)
	}
}

// Closable tells why a month of the foundation is not to be closed by an act. The projector has the
// last word: of the months before the first closed one it alone knows. Errors: ErrMonthClosed,
// ErrMonthNotOver.
func (m *Months) Closable(month string) error {
	at, err := time.Parse(events.MonthForm, month)
	if err != nil {
		return fmt.Errorf("%q is not a month such as 2026-11", month)
	}
	switch {
	case month <= m.last():
		return ErrMonthClosed
	case !m.Ended && m.Horizon.Before(at.AddDate(0, 1, 0)):
		return ErrMonthNotOver
	}
	return nil
}

// Openable tells why a month of the foundation is not to be opened again. Errors: ErrMonthOpen.
func (m *Months) Openable(month string) error {
	if month != m.last() || len(m.Reopened) > 0 {
		return ErrMonthOpen
	}
	return nil
}

// DecideMonth publishes an act about the months of a foundation, or of all, as the kind says:
// closing, reopening, mode or grace. By, note and time are the act's; its id is made here. A check
// is asked as that of a Publication; nil for none. It returns the act's sequence. Errors:
// *TooLongError, *BusyError, and those of the check.
func DecideMonth(ctx context.Context, b Bus, act events.Act, check Check) (sequence uint64, err error) {
	if err := bounded(&act); err != nil {
		return 0, err
	}
	last, stored := "", uint64(0)
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, act.Source, act.Foundation)}, alone: check != nil,
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok {
				if last = a.ID; last == act.ID {
					stored = a.Sequence // an earlier try was, though no answer came
				}
			}
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			if stored != 0 {
				return nil, nil
			}
			if check != nil {
				if err := check(ctx, expectation); err != nil {
					return nil, err
				}
			}
			act.ID = events.ID(act.Kind, act.Source, act.Foundation, act.Month.Month, act.Month.Mode,
				fmt.Sprint(act.Month.GraceSeconds), last)
			act.Expectation = expectation
			return []events.Act{act}, nil
		},
	}
	sequence, err = publishing.run(ctx)
	return max(sequence, stored), err
}
