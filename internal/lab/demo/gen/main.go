// Command gen writes the demo's usage events of Cloud Foundry and notifications of Trove: two
// stories told on simulated platforms, always the same.
//
//	go run ./internal/lab/demo/gen [-o FOLDER]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("o", "internal/lab/demo", "the folder to write to")
	flag.Parse()
	for name, lines := range stories() {
		if err := os.WriteFile(filepath.Join(*out, name), lines.Bytes(), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "demo events:", err, "(run it from the top of the repository, or give -o)")
			os.Exit(1)
		}
	}
}

// stories are the generated files, by name.
func stories() map[string]*bytes.Buffer {
	var usage, databases, late bytes.Buffer
	tell(&usage)
	tellDatabases(&databases, &late)
	return map[string]*bytes.Buffer{
		"cloud-foundry.jsonl": &usage, "databases.jsonl": &databases, "databases-late.jsonl": &late,
	}
}
