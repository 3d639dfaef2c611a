// Command gen writes the demo's Cloud Foundry usage events: a story told on a simulated platform,
// always the same.
//
//	go run ./internal/lab/demo/gen [-o FILE]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "internal/lab/demo/cloud-foundry.jsonl", "the file to write")
	flag.Parse()
	var lines bytes.Buffer
	tell(&lines)
	if err := os.WriteFile(*out, lines.Bytes(), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "demo events:", err, "(run it from the top of the repository, or give -o)")
		os.Exit(1)
	}
}
