package print

import (
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/ledger"
)

// Ledger prints the state of a ledger.
func Ledger(w io.Writer, s *ledger.State, asJSON bool) error {
	if asJSON {
		return JSON(w, struct {
			Ledger *ledger.State `json:"ledger"`
		}{s})
	}
	rows := [][]string{{"ledger", s.In}}
	add := func(name, value string) { rows = append(rows, []string{"  " + name, value}) }
	state := s.State
	if s.Problem != "" {
		state += ": " + s.Problem
	}
	add("state", state)
	for _, p := range s.Streams {
		add(p.Stream, fmt.Sprintf("posted to message %d of %d", p.Posted, p.Last))
	}
	if r := s.Rebuild; r != nil {
		left := "not known yet"
		if r.SecondsLeft > 0 || r.Posted >= r.Messages {
			left = (time.Duration(r.SecondsLeft) * time.Second).String() //nolint:gosec // a time
		}
		add("filled anew", fmt.Sprintf("%d of %d messages, %d a second, time left: %s", r.Posted, r.Messages, r.Rate,
			left))
	}
	return Table(w, rows)
}
