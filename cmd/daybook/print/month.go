package print

import (
	"encoding/json"
	"io"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Month is a month of a foundation in a list.
type Month struct {
	Source, Foundation, Month string
	State                     string    // open, closed, open again
	At                        time.Time // of the closing, or of the reopening; zero for an open one
	By, Note                  string
}

// Months prints months, as a table or as one JSON object a line.
func Months(w io.Writer, months []Month, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		for i := range months {
			m := &months[i]
			if err := out.Encode(struct {
				Source     string `json:"source"`
				Foundation string `json:"foundation"`
				Month      string `json:"month"`
				State      string `json:"state"`
				At         string `json:"at,omitempty"`
				By         string `json:"by,omitempty"`
				Note       string `json:"note,omitempty"`
			}{m.Source, m.Foundation, m.Month, m.State, timeOrEmpty(m.At), m.By, m.Note}); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{{"FOUNDATION", "MONTH", "STATE", "SINCE", "BY", "NOTE"}}
	for i := range months {
		m := &months[i]
		by := m.By
		if by == "" && m.State == "closed" {
			by = "itself"
		}
		rows = append(rows, []string{m.Source + "/" + m.Foundation, m.Month, m.State, timeOrEmpty(m.At), by, m.Note})
	}
	return Table(w, rows)
}

func timeOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return events.FormatTime(t)
}
