package paas

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// maxDepth is how deep a file may be nested.
const maxDepth = 20

// value is one value of a JSON file, with its place.
type value struct {
	kind    kind
	text    string   // of text and numbers
	names   []string // of an object's members, in the order of the file
	members []*value // of an object or a list
	offset  int
}

type kind uint8

const (
	nothing kind = iota
	text
	number
	truth
	list
	object
)

var kindNames = [...]string{"nothing", "text", "a number", "true or false", "a list", "an object"}

// reader reads one file and collects its problems and notes.
type reader struct {
	file     string
	data     []byte
	problems catalogue.Problems
	notes    []Note
}

// place is the line and the column of an offset.
func (r *reader) place(offset int) (line, column int) {
	before := r.data[:min(offset, len(r.data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

func (r *reader) problem(offset int, format string, args ...any) {
	line, column := r.place(offset)
	r.problems = append(r.problems, &catalogue.Problem{
		File: r.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...),
	})
}

func (r *reader) note(offset int, format string, args ...any) {
	line, column := r.place(offset)
	r.notes = append(r.notes, Note{File: r.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}

// sorted are the problems in the order of the file.
func (r *reader) sorted() catalogue.Problems {
	slices.SortStableFunc(r.problems, func(a, b *catalogue.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}

// documents reads the JSON values of the file, one after the other, and returns nil after a
// problem.
func (r *reader) documents() []*value {
	decoder := json.NewDecoder(bytes.NewReader(r.data))
	decoder.UseNumber()
	var all []*value
	for {
		v, err := r.value(decoder, 0)
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(r.data[decoder.InputOffset():])) == 0 {
			if len(all) == 0 {
				r.problem(0, "the file is empty")
			}
			return all
		}
		if err != nil {
			offset := int(decoder.InputOffset())
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				offset = r.wrongCharacter(syntax)
			} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				offset, err = len(r.data), errors.New("the file ends too early")
			}
			r.problem(offset, "not valid JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
			return nil
		}
		all = append(all, v)
	}
}

// wrongCharacter is the offset of the character that is wrong: the decoder stops before it or
// behind it.
func (r *reader) wrongCharacter(err *json.SyntaxError) int {
	offset := min(max(int(err.Offset), 0), len(r.data))
	if offset > 0 && strings.HasPrefix(err.Error(), fmt.Sprintf("invalid character %q", rune(r.data[offset-1]))) {
		offset--
	}
	return offset
}

// value reads a value and all in it.
func (r *reader) value(decoder *json.Decoder, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	v := &value{offset: int(decoder.InputOffset())}
	for v.offset < len(r.data) && strings.ContainsRune(" \t\r\n,:", rune(r.data[v.offset])) {
		v.offset++
	}
	token, err := decoder.Token()
	if errors.Is(err, io.EOF) && depth > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		return v, r.inside(decoder, v, t, depth)
	case string:
		v.kind, v.text = text, t
	case json.Number:
		v.kind, v.text = number, t.String()
	case bool:
		v.kind, v.text = truth, fmt.Sprint(t)
	}
	return v, nil
}

// inside reads the members of a list or an object.
func (r *reader) inside(decoder *json.Decoder, v *value, open json.Delim, depth int) error {
	v.kind = list
	if open == '{' {
		v.kind = object
	}
	for decoder.More() {
		if v.kind == object {
			name, err := r.value(decoder, depth+1)
			if err != nil {
				return err
			}
			if slices.Contains(v.names, name.text) {
				r.problem(name.offset, "the key %q stands twice; keep one", clip(name.text))
			}
			v.names = append(v.names, name.text)
		}
		member, err := r.value(decoder, depth+1)
		if err != nil {
			return err
		}
		v.members = append(v.members, member)
	}
	_, err := decoder.Token() // the closing one
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// get is the member of that name, nil for none and for null.
func (v *value) get(name string) *value {
	if i := slices.Index(v.names, name); i >= 0 && v.members[i].kind != nothing {
		return v.members[i]
	}
	return nil
}

// is reports whether a value has a kind, after noting the problem that it has not.
func (r *reader) is(v *value, what string, wanted kind) bool {
	if v.kind != wanted {
		r.problem(v.offset, "%s must be %s, not %s", what, kindNames[wanted], kindNames[v.kind])
	}
	return v.kind == wanted
}

// text is the text of a member that must be there.
func (r *reader) text(of *value, name, what string) (string, *value) {
	v := of.get(name)
	if v == nil {
		r.problem(of.offset, "%s has no %s", what, name)
		return "", of
	}
	if r.is(v, name, text) && strings.TrimSpace(v.text) == "" {
		r.problem(v.offset, "%s is empty", name)
	}
	return v.text, v
}

// list are the members of a list; none where there is no such list.
func (r *reader) list(of *value, name string) []*value {
	v := of.get(name)
	if v == nil || !r.is(v, name, list) {
		return nil
	}
	return slices.DeleteFunc(v.members, func(member *value) bool {
		return !r.is(member, "an entry of "+name, object)
	})
}

// known notes the keys that mean nothing to paas-billing.
func (r *reader) known(v *value, what string, names ...string) {
	for i, name := range v.names {
		if !slices.Contains(names, name) {
			r.note(v.members[i].offset, "%s: the key %q is left out: it is none of paas-billing's", what, clip(name))
		}
	}
}

// clip shortens a quotation.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
