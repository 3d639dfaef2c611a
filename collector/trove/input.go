package trove

import (
	"bytes"
	"strings"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// traceback is how Python begins one. What follows are lines of source and an exception's text,
// which may quote anything.
const traceback = "Traceback (most recent call last)"

// input is what the quarantine keeps of a text: all but its secrets, so that it can be understood
// by a later release. A member that is a secret by its name is masked by redact.Text; a traceback
// may stand under any name. What is no text is not kept.
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
