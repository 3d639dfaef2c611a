package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
)

// reader collects the problems of one file.
type reader struct {
	file     string
	strict   bool // see Check
	lines    []string
	problems Problems
}

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.at(n.Line, n.Column, format, args...)
}

func (r *reader) at(line, column int, format string, args ...any) {
	r.problems = append(r.problems, &Problem{r.file, max(line, 1), max(column, 1), fmt.Sprintf(format, args...)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document reads the only document of the file, or returns nil after noting why it cannot.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		r.at(1, 1, "the catalogue has %d bytes, more than %d; split the plans over several foundations' catalogues",
			len(data), MaxSize)
		return nil
	}
	r.lines = strings.Split(string(data), "\n")
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && (len(first.Content) == 0 || first.Content[0].ShortTag() == "!!null") {
		r.at(1, 1, "the catalogue is empty; it needs at least currency and plans")
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			r.problem(&second, "a second YAML document begins here; a catalogue is one document, so put all plans "+
				"under one plans key")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			line, _ = strconv.Atoi(m[1]) // digits, by the expression
		}
		r.at(line, 1, "not valid YAML: %s; check the indentation and quotes here and in the line before",
			yamlLine.ReplaceAllString(err.Error(), ""))
		return nil
	}
	if !r.plain(first.Content[0]) {
		return nil
	}
	return first.Content[0]
}

// plain refuses anchors and aliases, so that no file is larger than it looks.
func (r *reader) plain(n *yaml.Node) bool {
	ok := true
	if n.Kind == yaml.AliasNode {
		r.problem(n, "aliases (*%s) are not supported; write the value out", clip(n.Value))
		return false
	}
	if n.Anchor != "" {
		r.problem(n, "anchors (&%s) are not supported; write the value out where it is used", clip(n.Anchor))
		ok = false
	}
	for _, child := range n.Content {
		ok = r.plain(child) && ok
	}
	return ok
}

// nodeName names a kind of node in messages.
func nodeName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!int" || n.ShortTag() == "!!float":
		return "the number " + clip(n.Value)
	case n.ShortTag() == "!!bool":
		return "the truth value " + clip(n.Value)
	case n.ShortTag() == "!!timestamp":
		return "the time " + clip(n.Value)
	default:
		return "the text " + strconv.Quote(clip(n.Value))
	}
}

// object is a YAML mapping with text keys.
type object struct {
	r      *reader
	node   *yaml.Node
	name   string // in messages
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
}

// object reads a mapping with any of the given keys; nil when it is none.
func (r *reader) object(n *yaml.Node, name string, known ...string) *object {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "%s must be a mapping with the keys %s, not %s", name, strings.Join(known, ", "), nodeName(n))
		return nil
	}
	o := &object{r, n, name, map[string]*yaml.Node{}, map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.problem(key, "a key of %s must be text, not %s", name, nodeName(key))
		case !slices.Contains(known, key.Value):
			r.problem(key, "%s: %s", name, unknown("key", key.Value, known))
		case o.keys[key.Value] != nil:
			r.problem(key, "%s: the key %s stands twice, first in line %d; keep one", name, key.Value,
				o.keys[key.Value].Line)
		default:
			o.keys[key.Value], o.values[key.Value] = key, value
		}
	}
	return o
}

// require returns the value of a key, after noting its absence.
func (o *object) require(key, hint string) *yaml.Node {
	n := o.values[key]
	if n == nil {
		o.r.problem(o.node, "%s has no %s; %s", o.name, key, hint)
	}
	return n
}

// list returns the items of a list.
func (r *reader) list(n *yaml.Node, name string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "%s must be a list, not %s", name, nodeName(n))
		return nil
	}
	return n.Content
}

const maxName = 200

// text reads a name; ok is false after a problem and for nil.
func (r *reader) text(n *yaml.Node, name string) (s string, ok bool) {
	switch {
	case n == nil:
		return "", false
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" && n.ShortTag() != "!!null":
		r.problem(n, "%s must be text, not %s; put it in quotes", name, nodeName(n))
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null":
		r.problem(n, "%s must be text, not %s", name, nodeName(n))
	case strings.TrimSpace(n.Value) == "":
		r.problem(n, "%s is empty", name)
	case utf8.RuneCountInString(n.Value) > maxName:
		r.problem(n, "%s has more than %d characters", name, maxName)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		r.problem(n, "%s holds a control character or a line break", name)
	default:
		return n.Value, true
	}
	return "", false
}

// time reads an RFC 3339 time or a date.
func (r *reader) time(n *yaml.Node, name string) (t time.Time, ok bool) {
	if n == nil {
		return t, false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.problem(n, "%s must be a time such as 2026-11-01T00:00:00Z, not %s", name, nodeName(n))
		return t, false
	}
	t, err := events.ParseTimeOrDate(n.Value)
	if err != nil {
		r.problem(n, "%s: %s", name, err)
	}
	return t, err == nil
}

// Limits of the decimals in a catalogue.
const (
	maxWholeDigits = 15
	maxPlaces      = 20
)

// truth reads true or false.
func (r *reader) truth(n *yaml.Node, name string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.problem(n, "%s must be true or false, not %s", name, nodeName(n))
		return false
	}
	var is bool
	if err := n.Decode(&is); err != nil {
		r.problem(n, "%s: %s", name, err)
	}
	return is
}

// decimal reads a non-negative decimal, which may stand in quotes or not.
func (r *reader) decimal(n *yaml.Node, name string) (x events.Decimal, ok bool) {
	return r.number(n, name, false)
}

// number reads a decimal, which may stand in quotes or not.
func (r *reader) number(n *yaml.Node, name string, negative bool) (x events.Decimal, ok bool) {
	if n == nil {
		return x, false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!bool" {
		r.problem(n, "%s must be a decimal number such as \"0.25\", not %s", name, nodeName(n))
		return x, false
	}
	x, err := events.ParseDecimal(n.Value)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(n.Value, "-"), ".")
	switch {
	case err != nil:
		r.problem(n, "%s: %q is not a decimal number such as 0.25", name, clip(n.Value))
	case x.Sign() < 0 && !negative:
		r.problem(n, "%s is %s; it cannot be negative", name, clip(n.Value))
	case len(whole) > maxWholeDigits || len(fraction) > maxPlaces:
		r.problem(n, "%s has more than %d digits before or %d behind the point", name, maxWholeDigits, maxPlaces)
	default:
		return x, true
	}
	return x, false
}
