package pricer_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer"
)

// versions has three versions of a plan with a fee that stays, and in the second one a component
// that cannot be computed for a process without a known memory.
const versions = `
currency: GBP
plans:
  - name: app
    match: {kind: app}
    valid_from: 2000-01-01
    components:
      - {name: fee, formula: "5"}
      - {name: hour, formula: "ceil(seconds / 7200) * 0.01"}
  - name: app
    match: {kind: app}
    valid_from: 2001-01-01T05:00:00Z
    components:
      - {name: fee, formula: "5"}
      - {name: hour, formula: "ceil(seconds / 7200) * 0.01"}
      - {name: memory, formula: "memory_mb * 0"}
  - name: app
    match: {kind: app}
    valid_from: 2001-01-01T08:00:00Z
    components:
      - {name: fee, formula: "5"}
      - {name: hour, formula: "ceil(seconds / 7200) * 0.01"}
`

// TestUnratedPartsBeginPieces: however a run is cut, what stands behind an unrated part is a new
// piece; when a later version rates the part, the whole is rated as if it had always been.
func TestUnratedPartsBeginPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, posted := pricer.NewBook(), account{}
		publish := func(version, plans string) {
			err := book.Catalogue(&events.Catalogue{Version: version, YAML: plans}, version, posted.post)
			if err != nil {
				t.Fatal(err)
			}
		}
		publish("unrated", versions)
		var spans []events.Span
		from := rapid.IntRange(0, 4).Draw(t, "since")
		end := rapid.IntRange(9, 12).Draw(t, "end")
		for since := from; from < end; {
			to := min(end, from+rapid.IntRange(1, 12).Draw(t, "hours"))
			s := span("app", "p", from, to)
			s.Since, s.Footprint.MemoryMB = hour(since), events.Count{}
			spans, from = append(spans, s), to
		}
		since := spans[0].Start
		for i := range spans {
			if anomalies := book.Metered(metered(fmt.Sprint("m", i), nil, spans[i:i+1]),
				posted.post); anomalies != nil {
				t.Fatal(anomalies)
			}
		}
		started := func(first, last int) string { return events.NewDecimal(int64((last-first+1)/2), -2).String() }
		before, behind := started(since.Hour(), 5), started(8, end)
		want := add(add(before, behind), "10")
		if got, _ := posted.sum(); got != want || len(posted.unrated) == 0 {
			t.Fatalf("with an unrated part it costs %s, not %s; %d are unrated", got, want, len(posted.unrated))
		}
		publish("rated", versionsWithDefault())
		if got, _ := posted.sum(); got != add(started(since.Hour(), end), "5") || len(posted.unrated) > 0 {
			t.Fatalf("rated as a whole it costs %s; %d are unrated", got, len(posted.unrated))
		}
		publish("unrated", versions)
		if got, _ := posted.sum(); got != want {
			t.Fatalf("with the unrated part again it costs %s, not %s", got, want)
		}
	})
}

func versionsWithDefault() string {
	return strings.ReplaceAll(versions, "    components:\n", "    defaults: {memory_mb: 0}\n    components:\n")
}

func add(a, b string) string {
	x, err := events.ParseDecimal(a)
	if err != nil {
		panic(err)
	}
	y, err := events.ParseDecimal(b)
	if err != nil {
		panic(err)
	}
	return x.Add(y).String()
}
