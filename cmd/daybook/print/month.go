package print

import (
	"io"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
)

// sums are the totals of a month, and the corrections of it since.
func sums(m *answer.Month) (totals, corrections string) {
	var net, since []string
	for _, s := range m.Sums {
		net = append(net, s.Amount+" "+s.Currency)
		if s.Corrections > 0 {
			since = append(since, s.Corrected+" "+s.Currency+" in "+strconv.Itoa(s.Corrections))
		}
	}
	return strings.Join(net, ", "), strings.Join(since, ", ")
}

// monthJSON is a month of a foundation.
type monthJSON struct {
	Source     string            `json:"source"`
	Foundation string            `json:"foundation"`
	Month      string            `json:"month"`
	State      string            `json:"state"`
	At         string            `json:"at,omitempty"`
	By         string            `json:"by,omitempty"`
	Note       string            `json:"note,omitempty"`
	Sums       []answer.MonthSum `json:"sums"`
}

// Months prints months, as a table or as one JSON object a line.
func Months(w io.Writer, months []answer.Month, asJSON bool) error {
	out := newList(w, asJSON, "FOUNDATION", "MONTH", "STATE", "SINCE", "BY", "NET", "CORRECTIONS SINCE", "NOTE")
	for i := range months {
		m := &months[i]
		by := m.By
		switch {
		case by == "" && m.ByHand:
			by = "an operator"
		case by == "" && m.State == "closed" && m.At != "":
			by = "itself"
		}
		totals, corrections := sums(m)
		x := monthJSON{
			m.Source, m.Foundation, m.Month, m.State, m.At, m.By, m.Note, append([]answer.MonthSum{}, m.Sums...),
		}
		if err := out.add(x, m.Source+"/"+m.Foundation, m.Month, m.State, m.At, by, totals, corrections,
			m.Note); err != nil {
			return err
		}
	}
	if asJSON {
		return nil
	}
	return Table(w, out.rows)
}
