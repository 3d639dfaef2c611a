package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// Limits for readers: lines of a file, of a package without its tests, of a subcommand's file;
// columns of a comment, with a tab of 4.
const (
	maxFileLines    = 500
	maxPackageLines = 3500
	maxCommandLines = 199
	maxCommentWidth = 100
	tabWidth        = 4
)

// commands are the folders of subcommands, with those below them: they parse flags, call and print,
// and hold no rule of the domain. The packages of printing hold tables, which may be longer.
var (
	commands = []string{"cmd/daybook"}
	printing = []string{"cmd/daybook/print"}
)

// Size returns the files, packages and comments above the limits, generated files excepted.
func Size(files []File) []string {
	var broken []string
	packages := map[string]int{}
	for i := range files {
		f := &files[i]
		if ast.IsGenerated(f.AST) {
			continue
		}
		lines := bytes.Count(f.Source, []byte("\n"))
		if !f.test() {
			packages[f.folder()] += lines
		}
		broken = append(broken, f.wideComments()...)
		limit := maxFileLines
		if within(f.folder(), commands) && !within(f.folder(), printing) && !f.test() {
			limit = maxCommandLines
		}
		if lines > limit {
			broken = append(broken, fmt.Sprintf("%s: has %d lines, at most %d are allowed: split it by meaning", f.Path,
				lines, limit))
		}
	}
	var large []string
	for folder, lines := range packages {
		if lines > maxPackageLines {
			large = append(large, fmt.Sprintf("%s: has %d lines without tests, at most %d are allowed", folder, lines,
				maxPackageLines))
		}
	}
	slices.Sort(large)
	return append(broken, large...)
}

// columns is the width of a line as an editor shows it.
func columns(line string) int {
	n := 0
	for _, r := range line {
		if r == '\t' {
			n += tabWidth - n%tabWidth
		} else {
			n++
		}
	}
	return n
}

// wideComments finds breakable comments beyond the limit. Directives are not breakable.
func (f *File) wideComments() []string {
	var broken []string
	for _, group := range f.AST.Comments {
		for _, comment := range group.List {
			if strings.HasPrefix(comment.Text, "//go:") || strings.HasPrefix(comment.Text, "//nolint") ||
				!strings.Contains(strings.TrimSpace(comment.Text[2:]), " ") {
				continue
			}
			line := f.line(comment.Pos())
			if width := columns(line); width > maxCommentWidth && strings.HasPrefix(strings.TrimSpace(line), "//") {
				broken = append(broken, f.at(comment.Pos(), "has %d columns, a comment has at most %d", width,
					maxCommentWidth))
			}
		}
	}
	return broken
}
