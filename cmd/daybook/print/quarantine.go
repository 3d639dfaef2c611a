package print

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/collector/quarantine"
)

// quarantinedJSON is a quarantined input.
type quarantinedJSON struct {
	Sequence   uint64 `json:"sequence"`
	Time       string `json:"time"`
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	File       string `json:"file,omitempty"`
	Line       uint32 `json:"line,omitempty"`
	Reason     string `json:"reason"`
	Input      string `json:"input"`
	AfterID    string `json:"after_id,omitempty"`
	// the last word, if there is one
	Outcome string `json:"outcome,omitempty"`
	By      string `json:"by,omitempty"`
	Note    string `json:"note,omitempty"`
	Settled string `json:"settled,omitempty"`
}

func newQuarantined(x *quarantine.Entry, word quarantine.Word) quarantinedJSON {
	return quarantinedJSON{
		Sequence: x.Sequence, Time: Time(x.Time), Source: x.Source, Foundation: x.Foundation, File: x.File,
		Line: x.Line, Reason: x.Reason, Input: x.Input, AfterID: x.AfterID, Outcome: word.Outcome, By: word.By,
		Note: word.Note, Settled: Time(word.Time),
	}
}

// outcome is the last word, in one cell.
func (q *quarantinedJSON) outcome() string {
	text := q.Outcome
	if q.By != "" {
		text += " by " + q.By
	}
	if q.Note != "" {
		text += ": " + q.Note
	}
	return text
}

// Quarantined prints one input in full, as JSON, with the last word on it.
func Quarantined(w io.Writer, x *quarantine.Entry, word quarantine.Word) error {
	return JSON(w, newQuarantined(x, word))
}

// Quarantine prints quarantined input.
type Quarantine struct {
	list
	words   bool
	settled int
}

// NewQuarantine prints to w: a table at the end, or JSON; words adds the column of last words.
func NewQuarantine(w io.Writer, asJSON, words bool) *Quarantine {
	header := []string{"SEQUENCE", "TIME", "SOURCE", "FOUNDATION", "FROM", "LINE", "REASON", "INPUT"}
	if words {
		header = append(header, "OUTCOME")
	}
	return &Quarantine{list: newList(w, asJSON, header...), words: words}
}

// maxInput is the number of an input's characters in a table.
const maxInput = 60

// Add takes one input, with the last word on it, empty for none.
func (p *Quarantine) Add(x *quarantine.Entry, word quarantine.Word) error {
	out := newQuarantined(x, word)
	line := ""
	if out.Line > 0 {
		line = strconv.FormatUint(uint64(out.Line), 10)
	}
	input := out.Input
	if runes := []rune(input); len(runes) > maxInput {
		input = string(runes[:maxInput]) + "…"
	}
	row := []string{
		strconv.FormatUint(out.Sequence, 10), out.Time, out.Source, out.Foundation, out.File, line, out.Reason, input,
	}
	if word.Outcome != "" {
		p.settled++
	}
	if p.words {
		row = append(row, out.outcome())
	}
	return p.add(out, row...)
}

// End prints the table and the number of quarantined inputs.
func (p *Quarantine) End() error {
	if p.json {
		return nil
	}
	if err := p.end(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.w, "quarantined: %d\n", len(p.rows)-1-p.settled)
	return err
}

// Outcome is the fate of one resubmitted input.
type Outcome struct {
	Sequence uint64 `json:"sequence"` // in QUARANTINE
	Outcome  string `json:"outcome"`
	ID       string `json:"id,omitempty"`      // of the fact
	Subject  string `json:"subject,omitempty"` // of the fact
	Reason   string `json:"reason,omitempty"`
}

// Outcomes prints the fate of resubmitted inputs.
type Outcomes struct {
	list
	counts map[string]int
}

// NewOutcomes prints to w: a table at the end, or JSON.
func NewOutcomes(w io.Writer, asJSON bool) *Outcomes {
	return &Outcomes{newList(w, asJSON, "SEQUENCE", "OUTCOME", "FACT", "REASON"), map[string]int{}}
}

// Add takes the fate of one input.
func (p *Outcomes) Add(o Outcome) error {
	p.counts[o.Outcome]++
	return p.add(o, strconv.FormatUint(o.Sequence, 10), o.Outcome, o.ID, o.Reason)
}

// End prints the table and how often each of the possible outcomes was, in the order given.
func (p *Outcomes) End(possible ...string) error {
	if p.json {
		return nil
	}
	if err := p.end(); err != nil {
		return err
	}
	var parts []string
	for _, outcome := range possible {
		parts = append(parts, fmt.Sprintf("%d %s", p.counts[outcome], outcome))
	}
	_, err := fmt.Fprintf(p.w, "%s; what is not refused counts as quarantined no longer\n", strings.Join(parts, ", "))
	return err
}
