package timeline

import (
	"math"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Moment is a time in microseconds since 1970, UTC.
type Moment int64

// MinMoment is before all times and MaxMoment after all times: the end of an open span.
const (
	MinMoment Moment = math.MinInt64
	MaxMoment Moment = math.MaxInt64
)

// MomentOf returns the moment of a time, to the microsecond.
func MomentOf(t time.Time) Moment { return Moment(t.UnixMicro()) }

// Time returns the time of a moment other than MinMoment and MaxMoment.
func (m Moment) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

func (m Moment) String() string {
	switch m {
	case MinMoment:
		return "MinMoment"
	case MaxMoment:
		return "MaxMoment"
	}
	return events.FormatTime(m.Time())
}

// Add returns the moment so much later; MinMoment and MaxMoment stay.
func (m Moment) Add(d time.Duration) Moment {
	if m == MinMoment || m == MaxMoment {
		return m
	}
	return m + Moment(d/time.Microsecond)
}

// Later returns the latest of the times.
func Later(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
