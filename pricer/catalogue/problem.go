package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxProblems is how many problems an error lists.
const maxProblems = 100

// Problem is one mistake in a catalogue file, with the way to correct it.
type Problem struct {
	File    string
	Line    int // from 1
	Column  int // in characters, from 1
	Message string
}

// Error writes file:line:column: message.
func (p *Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems are all mistakes in a catalogue file, in its order.
type Problems []*Problem

// Error writes one problem a line, the first 100 of them.
func (p Problems) Error() string {
	var lines []string
	for i, problem := range p {
		if i == maxProblems {
			lines = append(lines, fmt.Sprintf("%s: and %d more problems", problem.File, len(p)-i))
			break
		}
		lines = append(lines, problem.Error())
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column,
			b.Column))
	})
	return p
}

// within finds the line and column in the file of a byte offset in the value of a scalar. YAML
// quotes, folds and indents scalars in five ways, but in all of them the characters other than
// white space stand in the file as in the value, so they are counted. Where that fails (escapes),
// the position is the scalar's.
func within(lines []string, n *yaml.Node, offset int) (line, column int) {
	line, column = n.Line, n.Column
	inside := offset < len(n.Value)
	if inside {
		r, _ := utf8.DecodeRuneInString(n.Value[offset:])
		inside = !unicode.IsSpace(r)
	}
	want := []rune(strings.Join(strings.Fields(n.Value[:offset]), ""))
	if inside {
		r, _ := utf8.DecodeRuneInString(n.Value[offset:])
		want = append(want, r)
	}
	if len(want) == 0 || line > len(lines) {
		return line, column
	}
	at, skip := line, column-1
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle, yaml.FoldedStyle:
		at, skip = line+1, 0
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		skip++
	}
	for ; at <= len(lines); at++ {
		for i, r := range []rune(lines[at-1]) {
			if i < skip || unicode.IsSpace(r) || r == '\ufeff' {
				continue
			}
			if r != want[0] {
				return line, column
			}
			if want = want[1:]; len(want) == 0 {
				if inside {
					return at, i + 1
				}
				return at, i + 2
			}
		}
		skip = 0
	}
	return line, column
}

// nearest returns the known name probably meant by a misspelt one, or "".
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of characters to insert, delete or replace; long names are not compared.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal + 1
			if a[i] == b[j] {
				cost = diagonal
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// unknown is the message for a name beside the known ones.
func unknown(noun, name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown %s %q: did you mean %q", noun, clip(name), near)
	}
	if len(known) == 0 {
		return fmt.Sprintf("unknown %s %q: none is defined", noun, clip(name))
	}
	return fmt.Sprintf("unknown %s %q: known are %s", noun, clip(name), strings.Join(known[:min(len(known), 20)], ", "))
}

// clip shortens a quotation from the file.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
