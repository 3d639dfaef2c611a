package print

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
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
}

func newQuarantined(sequence uint64, stored time.Time, q *events.Quarantined) quarantinedJSON {
	return quarantinedJSON{
		Sequence: sequence, Time: Time(stored), Source: q.Source, Foundation: q.Foundation, File: q.File, Line: q.Line,
		Reason: q.Reason, Input: q.Input, AfterID: q.AfterID,
	}
}

// Quarantined prints one input in full, as JSON, with the sequence and the time of its message.
func Quarantined(w io.Writer, sequence uint64, stored time.Time, q *events.Quarantined) error {
	return JSON(w, newQuarantined(sequence, stored, q))
}

// Quarantine prints quarantined input.
type Quarantine struct{ list }

// NewQuarantine prints to w: a table at the end, or JSON.
func NewQuarantine(w io.Writer, asJSON bool) *Quarantine {
	return &Quarantine{newList(w, asJSON, "SEQUENCE", "TIME", "SOURCE", "FOUNDATION", "FROM", "LINE", "REASON",
		"INPUT")}
}

// maxInput is the number of an input's characters in a table.
const maxInput = 60

// Add takes one input, with the sequence and the time of its message.
func (p *Quarantine) Add(sequence uint64, stored time.Time, q *events.Quarantined) error {
	out := newQuarantined(sequence, stored, q)
	line := ""
	if out.Line > 0 {
		line = strconv.FormatUint(uint64(out.Line), 10)
	}
	input := out.Input
	if runes := []rune(input); len(runes) > maxInput {
		input = string(runes[:maxInput]) + "…"
	}
	return p.add(out, strconv.FormatUint(out.Sequence, 10), out.Time, out.Source, out.Foundation, out.File, line,
		out.Reason, input)
}

// End prints the table and the number of inputs.
func (p *Quarantine) End() error {
	if p.json {
		return nil
	}
	if err := p.end(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.w, "quarantined: %d\n", len(p.rows)-1)
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
	_, err := fmt.Fprintf(p.w, "%s; resubmitted input stays in QUARANTINE\n", strings.Join(parts, ", "))
	return err
}
