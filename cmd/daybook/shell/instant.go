package shell

import (
	"fmt"
	"regexp"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Instant is a time on the command line: RFC 3339, or a date.
type Instant struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Instant) UnmarshalText(text []byte) (err error) {
	i.Time, err = events.ParseTimeOrDate(string(text))
	if err == nil && (i.Year() < 2000 || i.Year() >= 2200) {
		err = fmt.Errorf("%s is not between the years 2000 and 2199", text)
	}
	return err
}

var monthForm = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])$`)

// IsMonth reports whether the text is a month such as 2026-11.
func IsMonth(text string) bool { return monthForm.MatchString(text) }
