package usageevent_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
)

// FuzzNormalise: any input is refused, or becomes a fact that can be stored and
// read back the same.
func FuzzNormalise(f *testing.F) {
	for _, path := range []string{"testdata/events.jsonl"} {
		input, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(input) {
			f.Add(bytes.TrimSpace(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		u, err := usageevent.Normalise("f", line)
		if err != nil {
			return
		}
		if err := events.CheckRaw(u.Raw); err != nil {
			t.Fatalf("%q: raw: %v", line, err)
		}
		var back events.Usage
		if err := back.DecodeJSON(u.AppendJSON(nil)); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(u, back, cmp.AllowUnexported(events.Count{})); diff != "" {
			t.Fatalf("%q: read back: %s", line, diff)
		}
		if u.ID == "" || u.Tenant == "" || u.Kind == "" || u.Resource == "" || u.Event == "" || u.Time.IsZero() {
			t.Fatalf("%q: incomplete: %+v", line, u)
		}
	})
}
