package quarantine

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/redact"
)

// whyForeign is the reason of a resubmission's refusal of a foreign message.
const whyForeign = "no collector put it into QUARANTINE, so that its text is nobody's input: discard it, and collect " +
	"the input from where it came"

var (
	errNoID      = errors.New("it has no id")
	errElsewhere = errors.New("it says that it belongs on another subject")
)

// read is the entry of a message, whatever stands in it.
func read(m *bus.Stored) Entry {
	e := Entry{Sequence: m.Sequence, Time: m.Time, size: len(m.Data)}
	err := e.DecodeJSON(m.Data)
	switch {
	case err != nil:
		return foreign(m, err)
	case e.ID == "":
		return foreign(m, errNoID)
	case m.Subject != events.QuarantineSubject(e.Source, e.Foundation):
		return foreign(m, errElsewhere)
	}
	return e
}

// foreign is the entry of a foreign message. Its subject has its source and its foundation.
func foreign(m *bus.Stored, why error) Entry {
	e := Entry{
		Sequence: m.Sequence, Time: m.Time, Foreign: true, size: len(m.Data),
		Quarantined: events.Quarantined{
			ID: fmt.Sprintf("message %d", m.Sequence), Source: collector.SourceUnknown,
			Foundation: collector.SourceUnknown, Input: redact.Text(strings.ToValidUTF8(string(m.Data), "\uFFFD")),
		},
	}
	if tokens := strings.Split(m.Subject, "."); len(tokens) > 2 {
		e.Source, e.Foundation = untoken(tokens[1]), untoken(tokens[2])
	}
	e.Reason = redact.Text(fmt.Sprintf("unreadable: no collector wrote this message of %s: %v", m.Subject, why))
	return e
}

// untoken is the text of a token of a subject. A token of another form is its own text.
func untoken(token string) string {
	text, err := events.Untoken(token)
	if err != nil {
		return token
	}
	return cmp.Or(text, token)
}
