package export

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/daybook-billing/daybook/events"
)

// Cell makes a text safe for a spreadsheet: control characters are escaped as in Go, and an
// apostrophe stands before what a spreadsheet would take for a formula. Numbers stay as they are.
func Cell(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		var out strings.Builder
		for _, r := range text {
			if quoted := strconv.QuoteRune(r); unicode.IsControl(r) {
				out.WriteString(quoted[1 : len(quoted)-1])
			} else {
				out.WriteRune(r)
			}
		}
		text = out.String()
	}
	if text == "" || !strings.ContainsRune("=+-@", rune(text[0])) {
		return text
	}
	if _, err := events.ParseDecimal(text); err == nil {
		return text
	}
	return "'" + text
}
