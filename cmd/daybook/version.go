package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *shell.Env) error {
	_, err := fmt.Fprintln(e.Stdout, "daybook", version(e.Ctx))
	return err
}

// build is the origin of a program.
type build struct {
	version  string
	commit   string
	at       string // of the commit, RFC 3339
	modified bool   // files differed from the commit
}

// version is the version of this program, with its commit and the commit's date.
func version(ctx context.Context) string {
	var b build
	if info, ok := debug.ReadBuildInfo(); ok {
		b = stamped(info)
	}
	if b.commit == "" {
		b.commit, b.at = checkedOut(ctx)
	}
	return b.String()
}

// stamped is the origin that the go command wrote into the program: `go build` and `go install` in
// a checkout write the commit, `go install …@version` a version that may name one.
func stamped(info *debug.BuildInfo) build {
	b := build{version: info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.at = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	if parts := pseudoVersion.FindStringSubmatch(b.version); b.commit == "" && parts != nil {
		if at, err := time.Parse("20060102150405", parts[1]); err == nil {
			b.commit, b.at = parts[2], at.Format(time.RFC3339)
		}
	}
	return b
}

// pseudoVersion ends the version of a commit without a tag:
// https://go.dev/ref/mod#pseudo-versions.
var pseudoVersion = regexp.MustCompile(`[-.](\d{14})-([0-9a-f]{12})(?:\+|$)`)

// checkedOut is the commit of the folder that this file was compiled from, empty where it is no
// checkout on this machine: `go run` writes no commit into the program.
func checkedOut(ctx context.Context) (commit, at string) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	git := exec.CommandContext(ctx, "git", "-C", filepath.Dir(file), "log", "-1", //nolint:gosec // a constant
		"--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ")
	git.Env = append(os.Environ(), "TZ=UTC")
	out, err := git.Output()
	if err != nil {
		return "", ""
	}
	commit, at, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	return commit, at
}

func (b build) String() string {
	text := cmp.Or(b.version, "(devel)")
	switch {
	case b.commit == "":
		return text + " of an unknown commit"
	case b.at != "":
		text += fmt.Sprintf(" commit %.12s of %s", b.commit, b.at)
	default:
		text += fmt.Sprintf(" commit %.12s", b.commit)
	}
	if b.modified {
		text += ", with changes"
	}
	return text
}
