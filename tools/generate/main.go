// Command generate makes proto/daybook/v1/*.pb.go and schemas/*.schema.json from
// proto/daybook/v1/*.proto. It runs in its own folder:
//
//	go -C tools/generate run .           lint, generate
//	go -C tools/generate run . check     lint, and compare with the released messages
//	go -C tools/generate run . release   make today's messages the released ones, after check
//
// buf is pinned in package.json and fetched by npm, the plugins are pinned in go.mod. Nothing else
// is fetched: with both in their caches it needs no network. The same sources give the same bytes.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	protoFolder  = "../../proto"
	schemaFolder = "../../schemas"
	// rawSchemas is where proto/buf.gen.yaml puts the plugin's output, inside the proto folder.
	rawSchemas = ".jsonschema"
	released   = "released.binpb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	buf, err := installBuf()
	if err != nil {
		return err
	}
	command := strings.Join(args, " ")
	if err := in(protoFolder, buf, "lint"); err != nil {
		return fmt.Errorf("the messages in proto/ break a rule of proto/buf.yaml: %w", err)
	}
	switch command {
	case "":
		return generate(buf)
	case "check":
		return check(buf)
	case "release":
		if err := check(buf); err != nil {
			return err
		}
		return in(protoFolder, buf, "build", "--exclude-source-info", "-o", released)
	}
	return fmt.Errorf("unknown command %q: want none, check or release", command)
}

func generate(buf string) error {
	raw := filepath.Join(protoFolder, rawSchemas)
	if err := os.RemoveAll(raw); err != nil {
		return err
	}
	defer os.RemoveAll(raw)
	if err := in(protoFolder, buf, "generate"); err != nil {
		return fmt.Errorf("buf generate: %w", err)
	}
	return writeSchemas(raw, schemaFolder)
}

// check compares with the last release. That is a file: it needs neither a network nor the
// history.
func check(buf string) error {
	if err := in(protoFolder, buf, "breaking", "--against", released); err != nil {
		return fmt.Errorf("the messages in proto/ no longer fit the released ones in proto/%s; only ever add: %w",
			released, err)
	}
	return nil
}

// installBuf returns the path of the pinned buf, and has npm fetch it if it is not there.
func installBuf() (string, error) {
	buf, err := filepath.Abs("node_modules/.bin/buf")
	if err != nil {
		return "", err
	}
	want, err := pinnedBuf()
	if err != nil {
		return "", err
	}
	if version(buf) == want {
		return buf, nil
	}
	if err := in(".", "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return "", fmt.Errorf("npm ci in tools/generate, to fetch buf %s (is Node.js installed?): %w", want, err)
	}
	if got := version(buf); got != want {
		return "", fmt.Errorf("%s says it is version %q, want %s: remove tools/generate/node_modules and try again",
			buf, got, want)
	}
	return buf, nil
}

func pinnedBuf() (string, error) {
	text, err := os.ReadFile("package.json")
	if err != nil {
		return "", fmt.Errorf("run it in tools/generate, as go -C tools/generate run . does: %w", err)
	}
	var pins struct {
		DevDependencies map[string]string `json:"devDependencies"`
	}
	if err := json.Unmarshal(text, &pins); err != nil {
		return "", fmt.Errorf("package.json: %w", err)
	}
	if pins.DevDependencies["@bufbuild/buf"] == "" {
		return "", errors.New("package.json does not pin @bufbuild/buf")
	}
	return pins.DevDependencies["@bufbuild/buf"], nil
}

// version is buf's own report, empty when there is none.
func version(buf string) string {
	out, err := exec.Command(buf, "--version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// in runs a program in a folder and shows its output.
func in(folder, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir = folder
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}
