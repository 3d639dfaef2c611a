package limit

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// firstYear and lastYear are the limits of collectors, too: a span of millennia would be cut into
// millions of pieces.
const (
	firstYear = 2000
	lastYear  = 2200
)

// Times refuses times out of the limits of collectors. The zero time is none.
func Times(times ...time.Time) error {
	for _, t := range times {
		if !t.IsZero() && (t.Year() < firstYear || t.Year() >= lastYear) {
			return fmt.Errorf("it says the time %s, which is not between the years %d and %d", events.FormatTime(t),
				firstYear, lastYear-1)
		}
	}
	return nil
}
