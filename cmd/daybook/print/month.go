package print

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// sums are the totals of a month, and the corrections of it since.
func sums(m *ledger.Month) (totals, corrections string) {
	var net, since []string
	for i := range m.Sums {
		s := &m.Sums[i]
		net = append(net, s.Amount.String()+" "+s.Currency)
		if s.Corrections > 0 {
			since = append(since, s.Corrected.String()+" "+s.Currency+" in "+strconv.Itoa(s.Corrections))
		}
	}
	return strings.Join(net, ", "), strings.Join(since, ", ")
}

// sumJSON is the money of a month in one currency, net.
type sumJSON struct {
	Currency    string `json:"currency"`
	Amount      string `json:"amount"`
	VAT         string `json:"vat"`
	Corrections int    `json:"corrections"`
	Corrected   string `json:"corrected"`
}

// Months prints months, as a table or as one JSON object a line.
func Months(w io.Writer, months []ledger.Month, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		for i := range months {
			m := &months[i]
			own := []sumJSON{}
			for j := range m.Sums {
				s := &m.Sums[j]
				own = append(own, sumJSON{
					s.Currency, s.Amount.String(), s.VAT.String(), s.Corrections, s.Corrected.String(),
				})
			}
			if err := out.Encode(struct {
				Source     string    `json:"source"`
				Foundation string    `json:"foundation"`
				Month      string    `json:"month"`
				State      string    `json:"state"`
				At         string    `json:"at,omitempty"`
				By         string    `json:"by,omitempty"`
				Note       string    `json:"note,omitempty"`
				Sums       []sumJSON `json:"sums"`
			}{m.Source, m.Foundation, m.Month, m.State, timeOrEmpty(m.At), m.By, m.Note, own}); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{{"FOUNDATION", "MONTH", "STATE", "SINCE", "BY", "NET", "CORRECTIONS SINCE", "NOTE"}}
	for i := range months {
		m := &months[i]
		by := m.By
		if by == "" && m.State == "closed" && !m.At.IsZero() {
			by = "itself"
		}
		totals, corrections := sums(m)
		rows = append(rows, []string{
			m.Source + "/" + m.Foundation, m.Month, m.State, timeOrEmpty(m.At), by, totals, corrections, m.Note,
		})
	}
	return Table(w, rows)
}

func timeOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return events.FormatTime(t)
}
