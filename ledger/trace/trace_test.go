package trace_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/daybook-billing/daybook/ledger/trace"
)

// The page about bills has a row for each answer and each reason, and no other.
func TestAnswersAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/bills.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(page), "## What became of an event")
	if !found {
		t.Fatal("docs/bills.md has no part about events")
	}
	var rows, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(part, -1) {
		rows = append(rows, row[1])
	}
	for _, answer := range trace.Answers() {
		want = append(want, string(answer))
		o := trace.Outcome{Answer: answer}
		if o.Sentence() == "" {
			t.Errorf("%s has no sentence", answer)
		}
	}
	for _, reason := range trace.Reasons() {
		want = append(want, string(reason))
		if reason.Sentence() == "" {
			t.Errorf("%s has no sentence", reason)
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the page has %q, the package %q", rows, want)
	}
}
