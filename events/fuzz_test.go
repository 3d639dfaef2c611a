package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events"
)

// seeds are the released fixtures, and what a fuzzer takes long to find.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/v1/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures: ", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range []string{
		`{}`, `null`, `{"id":"\ud83d\ude00"}`, `{"raw":{"a":[1.5e-3,"\\\""]}}`,
		`{"time":"0001-01-01T00:00:00+01:00"}`,
	} {
		f.Add([]byte(s))
	}
}

// fuzzDecode demands that nothing panics, and that what is read can be written, and read, with the
// same meaning.
func fuzzDecode(f *testing.F, empty message) {
	f.Helper()
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) { settles(t, empty, text) })
}

func settles(t *testing.T, empty message, text []byte) {
	t.Helper()
	x := fresh(empty)
	if x.DecodeJSON(text) != nil {
		return
	}
	if !json.Valid(text) {
		t.Fatalf("read what is no JSON: %q", text)
	}
	once := x.AppendJSON(nil)
	y := fresh(empty)
	if err := y.DecodeJSON(once); err != nil {
		t.Fatalf("read, but not what was written of it: %v\n%s", err, once)
	}
	if d := difference(x, y); d != "" {
		t.Fatalf("changed on the way:\n%s", d)
	}
	if twice := y.AppendJSON(nil); !bytes.Equal(once, twice) {
		t.Fatalf("written as\n%s\nand then as\n%s", once, twice)
	}
}

func FuzzDecodeUsage(f *testing.F) {
	seeds(f)
	var used events.Usage // whatever was in it must not show
	f.Fuzz(func(t *testing.T, text []byte) {
		settles(t, &events.Usage{}, text)
		var whole events.Usage
		err, factErr := whole.DecodeJSON(text), used.DecodeFact(text)
		if err == nil && factErr != nil {
			t.Fatalf("DecodeJSON reads it, DecodeFact does not: %v", factErr)
		}
		whole.Raw = nil
		if d := difference(&whole, &used); err == nil && d != "" {
			t.Fatalf("DecodeFact differs:\n%s", d)
		}
	})
}

func FuzzDecodeMetered(f *testing.F) { fuzzDecode(f, &events.Metered{}) }

func FuzzDecodeBilling(f *testing.F) { fuzzDecode(f, &events.Billing{}) }

// FuzzDecodeOther is for the messages that are read now and then.
func FuzzDecodeOther(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range messageTypes() {
			settles(t, m.empty, text)
		}
	})
}

func FuzzCheckRaw(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		err := events.CheckRaw(text)
		isObject := json.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
		if err == nil && !isObject {
			t.Fatalf("takes what is no JSON object: %q", text)
		}
		// Surrogates and nesting are where it asks for more than JSON does.
		plain := utf8.Valid(text) && !bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) && strings.Count(string(text),
			"{")+strings.Count(string(text), "[") < 200
		if err != nil && isObject && plain {
			t.Fatalf("refuses a JSON object: %v\n%q", err, text)
		}
	})
}
