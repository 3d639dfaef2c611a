package main

import (
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// instant is a time on the command line: RFC 3339, or a date.
type instant struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *instant) UnmarshalText(text []byte) (err error) {
	i.Time, err = events.ParseTimeOrDate(string(text))
	if err == nil && (i.Year() < 2000 || i.Year() >= 2200) {
		err = fmt.Errorf("%s is not between the years 2000 and 2199", text)
	}
	return err
}
