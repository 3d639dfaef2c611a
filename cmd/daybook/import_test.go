package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestImportTranscripts holds `daybook catalogue import paas-billing` to the transcripts in
// testdata/import: each begins with a rule in one line and its source in the next. Sections:
//
//	config.json     the prices of paas-billing
//	pages-N.json    pages of service plans, each a --plans
//	flags           further flags
//	events          events that are rated with the catalogue (notation_test.go)
//	catalogue       standard output
//	notices         standard error
//	charges         what daybook rate answers for the events
//
// A path transcript of the same name has the same catalogue as its version 1.
// `go test ./cmd/daybook -run ImportTranscripts -update` writes the last three anew.
func TestImportTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/import/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if rule := strings.Split(string(archive.Comment), "\n"); len(rule) < 2 ||
				!strings.HasPrefix(rule[1], "Source: ") {
				t.Error("the transcript does not begin with its rule in one line and its source in the next")
			}
			want := string(txtar.Format(archive))
			got := string(txtar.Format(imported(t, archive)))
			switch {
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			case got != want:
				t.Errorf("daybook says\n%s\nthe transcript says\n%s", got, want)
			}
			if path, err := txtar.ParseFile("testdata/path/" + name + ".txt"); err == nil {
				if prices := section(path, "catalogue.1"); prices != section(archive, "catalogue") {
					t.Errorf("the path's catalogue is\n%s", prices)
				}
			}
		})
	}
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// imported runs a transcript's import, and rates its events.
func imported(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	out := &txtar.Archive{Comment: archive.Comment}
	args := []string{"catalogue", "import", "paas-billing"}
	notation := ""
	for _, f := range archive.Files {
		switch {
		case strings.HasPrefix(f.Name, "pages-"):
			args = append(args, "--plans", write(f.Name, f.Data))
		case f.Name == "config.json":
			args = append(args, write(f.Name, f.Data))
		case f.Name == "flags":
			args = append(args, strings.Fields(string(f.Data))...)
		case f.Name == "events":
			notation = string(f.Data)
		default:
			continue
		}
		out.Files = append(out.Files, f)
	}
	add := func(name, text string) {
		if text = strings.ReplaceAll(text, folder+string(filepath.Separator), ""); text != "" {
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	a := daybook("", args...)
	add("catalogue", a.stdout)
	add("notices", a.stderr)
	if a.status != 0 {
		return out
	}
	prices := write("catalogue.yaml", []byte(a.stdout))
	if checked := daybook("", "catalogue", "check", prices); checked.status != 0 {
		t.Fatalf("the catalogue is refused: %s", checked.stderr)
	}
	if notation != "" {
		lines, err := jsonLines(notation)
		if err != nil {
			t.Fatal(err)
		}
		rated := daybook(lines, "rate", "--catalogue", prices, "-")
		add("charges", string(trimmed([]byte(rated.stdout)))+rated.stderr)
	}
	return out
}
