package trove

import (
	"bytes"
	"strings"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// traceback is the first line of one in Python. Lines of source follow, and an exception's text:
// they may quote anything.
const traceback = "Traceback (most recent call last)"

// input is a text for the quarantine: all but its secrets, so that a later release can understand
// it. redact.Text masks members with a secret's name; a traceback may stand under any name. Binary
// input is not kept.
func input(text []byte) string {
	if bytes.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }) >= 0 {
		return textless(text, nil)
	}
	if !bytes.Contains(text, []byte(traceback)) {
		return redact.Text(string(text))
	}
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(text) != nil {
		before, _, _ := strings.Cut(string(text), traceback) // where it ends cannot be told
		return redact.Text(before + traceback + ": ***")
	}
	if inner := d.Root().Get("oslo.message"); inner.Kind() == jsondoc.String {
		return input([]byte(inner.Text())) // the envelope says nothing more
	}
	without, _ := d.ReplaceTexts(func(s string) string {
		if before, _, found := strings.Cut(s, traceback); found {
			return before + traceback + ": ***"
		}
		return s
	})
	return redact.Text(string(without))
}
