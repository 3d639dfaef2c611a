package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the results of the transcripts into testdata")

// TestTranscripts holds `daybook rate` to the transcripts in testdata/rate: each a rule of metering
// or rating with where it comes from, events in the notation of notation_test.go, and what the
// command prints. Sections:
//
//	events      the input
//	catalogue   prices; left out, testdata/rate/catalogue.yaml
//	flags       further flags
//	spans       standard output of --spans
//	charges     standard output without
//	notices     standard error of both, where there is some
//
// `go test ./cmd/daybook -run Transcripts -update` writes the last three anew; read the difference
// before committing it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/rate/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := readTranscript(t, file)
			var spans, charges, notices bytes.Buffer
			status := run(s.args(true), strings.NewReader(""), &spans, &notices)
			var again bytes.Buffer
			if other := run(s.args(false), strings.NewReader(""), &charges, &again); other != status ||
				again.String() != notices.String() {
				notices.WriteString(again.String())
			}
			found := []txtar.File{{Name: "spans", Data: trimmed(spans.Bytes())}, {
				Name: "charges",
				Data: trimmed(charges.Bytes()),
			}}
			if notices.Len() > 0 {
				text := strings.ReplaceAll(notices.String(), s.folder+string(filepath.Separator), "")
				found = append(found, txtar.File{Name: "notices", Data: []byte(text)})
			}
			want := s.outputs()
			if *update {
				s.archive.Files = append(s.inputs(), found...)
				if err := os.WriteFile(file, txtar.Format(s.archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := string(txtar.Format(&txtar.Archive{Files: found})); got != want {
				t.Errorf("daybook rate prints\n%s\nthe transcript says\n%s", got, want)
			}
			if strings.TrimSpace(string(s.archive.Comment)) == "" {
				t.Error("the transcript does not say its rule")
			}
		})
	}
}

// trimmed removes the blanks that align an empty last column.
func trimmed(table []byte) []byte {
	var out []byte
	for line := range bytes.Lines(table) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}

// transcript is a file of testdata/rate with its inputs laid out in a folder.
type transcript struct {
	archive *txtar.Archive
	folder  string
	flags   []string
}

func readTranscript(t testing.TB, file string) transcript {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := transcript{archive: archive, folder: t.TempDir()}
	prices, err := os.ReadFile("testdata/rate/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := ""
	for _, f := range archive.Files {
		switch f.Name {
		case "events":
			if lines, err = jsonLines(string(f.Data)); err != nil {
				t.Fatalf("%s: events: %v", file, err)
			}
		case "catalogue":
			prices = f.Data
		case "flags":
			s.flags = strings.Fields(string(f.Data))
		}
	}
	for name, data := range map[string][]byte{"events.jsonl": []byte(lines), "catalogue.yaml": prices} {
		if err := os.WriteFile(filepath.Join(s.folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s transcript) args(spans bool, more ...string) []string {
	args := append([]string{"rate", filepath.Join(s.folder, "events.jsonl")}, s.flags...)
	if spans {
		return append(append(args, "--spans"), more...)
	}
	return append(append(args, "--catalogue", filepath.Join(s.folder, "catalogue.yaml")), more...)
}

func isOutput(name string) bool { return name == "spans" || name == "charges" || name == "notices" }

func (s transcript) inputs() []txtar.File {
	var in []txtar.File
	for _, f := range s.archive.Files {
		if !isOutput(f.Name) {
			in = append(in, f)
		}
	}
	return in
}

func (s transcript) outputs() string {
	var out []txtar.File
	for _, f := range s.archive.Files {
		if isOutput(f.Name) {
			out = append(out, f)
		}
	}
	return string(txtar.Format(&txtar.Archive{Files: out}))
}
