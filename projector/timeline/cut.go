package timeline

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Cut is the unit of cuts: spans are divided at each of its boundaries, in UTC.
type Cut string

// The cuts. CutNone leaves spans whole; the services use the others, so every span lies in one
// month.
const (
	CutNone  Cut = "none"
	CutHour  Cut = "hour"
	CutDay   Cut = "day"
	CutMonth Cut = "month"
)

// ParseCut reads hour, day or month.
func ParseCut(s string) (Cut, error) {
	switch c := Cut(s); c {
	case CutHour, CutDay, CutMonth:
		return c, nil
	}
	return "", fmt.Errorf("cut %q is not one of hour, day, month", s)
}

// Floor returns the last boundary at or before t.
func (c Cut) Floor(t time.Time) time.Time {
	switch c {
	case CutHour:
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, time.UTC)
	case CutDay:
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	case CutMonth:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// Next returns the first boundary after t, or the zero time when there is none.
func (c Cut) Next(t time.Time) time.Time {
	switch f := c.Floor(t); c {
	case CutHour:
		return f.Add(time.Hour)
	case CutDay:
		return f.AddDate(0, 0, 1)
	case CutMonth:
		return f.AddDate(0, 1, 0)
	}
	return time.Time{}
}

// Divide appends the pieces of span s from `from` to `to`, divided at the boundaries. The pieces
// keep s.Since, where the footprint was taken up. Pieces before `from` are taken to exist already.
func (c Cut) Divide(out []events.Span, s *events.Span, from, to time.Time) []events.Span {
	for from.Before(to) {
		end := to
		if next := c.Next(from); !next.IsZero() && next.Before(to) {
			end = next
		}
		piece := *s
		piece.Start, piece.End = from, end
		out = append(out, piece)
		from = end
	}
	return out
}

// LastPiece returns where the last piece of a part from start to end begins, or `end` if a piece
// ends there however long the part is, and says nothing of its end.
func (c Cut) LastPiece(start, end Moment, inferred bool) Moment {
	floor := MomentOf(c.Floor(end.Time()))
	if inferred {
		floor = MomentOf(c.Floor((end - 1).Time()))
	}
	if end <= start || floor == end {
		return end
	}
	return max(start, floor)
}
