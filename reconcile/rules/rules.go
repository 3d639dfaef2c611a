// Package rules reads the rules of a reconciliation from a file (YAML). It reads and writes
// nothing else, so a crash does nothing to it.
//
//	settle: 10m
//	acts:
//	  - kind: task
//	    type: missing_stop
//	    act: settle
//	limitations:
//	  - space: "sandbox-*"
//	    until: 2027-01-01
//	    by: ann
//	    note: a training
package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// Limits of a file.
const (
	MaxSize   = 1 << 20
	MaxRules  = 10000
	maxSettle = 24 * time.Hour
)

// Parse reads the rules of a file. The error lists all mistakes, with line and column.
func Parse(file string, data []byte) (reconcile.Rules, error) {
	r := &reader{file: file}
	if len(data) > MaxSize {
		return reconcile.Rules{}, fmt.Errorf("%s:1:1: the rules have %d bytes, more than %d: use patterns", file,
			len(data), MaxSize)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return reconcile.Rules{}, fmt.Errorf("%s: not valid YAML: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) == 0 {
		return reconcile.Rules{}, fmt.Errorf("%s:1:1: there are no rules: it needs one of settle, allow, acts and "+
			"limitations", file)
	}
	var rules reconcile.Rules
	r.mapping(root.Content[0], "the rules", map[string]func(n *yaml.Node){
		"settle": func(n *yaml.Node) { rules.Settle = r.duration(n) },
		"allow": func(n *yaml.Node) {
			r.list(n, func(n *yaml.Node) { rules.Allow = append(rules.Allow, r.allowance(n)) })
		},
		"acts": func(n *yaml.Node) {
			r.list(n, func(n *yaml.Node) { rules.Acts = append(rules.Acts, r.act(n)) })
		},
		"limitations": func(n *yaml.Node) {
			r.list(n, func(n *yaml.Node) { rules.Limitations = append(rules.Limitations, r.limitation(n)) })
		},
	})
	return rules, errors.Join(r.problems...)
}

type reader struct {
	file     string
	problems []error
}

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d:%d: %s", r.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// mapping reads the keys of a mapping.
func (r *reader) mapping(n *yaml.Node, what string, keys map[string]func(n *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "expected %s: keys with their values", what)
		return
	}
	known := make([]string, 0, len(keys))
	for key := range keys {
		known = append(known, key)
	}
	slices.Sort(known)
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, is := keys[key.Value]
		switch {
		case !is:
			r.problem(key, "%q is unknown here; known are %s", key.Value, strings.Join(known, ", "))
		case seen[key.Value] != 0:
			r.problem(key, "%s stands twice, first in line %d", key.Value, seen[key.Value])
		default:
			read(value)
		}
		seen[key.Value] = key.Line
	}
}

func (r *reader) list(n *yaml.Node, each func(n *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "expected a list")
		return
	}
	if len(n.Content) > MaxRules {
		r.problem(n, "the list has %d entries, more than %d: use patterns", len(n.Content), MaxRules)
		return
	}
	for _, one := range n.Content {
		each(one)
	}
}

// text reads a word.
func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		r.problem(n, "expected a word; leave the key out for all")
		return ""
	}
	return n.Value
}

// one reads one of some words.
func (r *reader) one(n *yaml.Node, of ...string) string {
	if !slices.Contains(of, n.Value) {
		r.problem(n, "%q is none of %s", n.Value, strings.Join(of, ", "))
	}
	return n.Value
}

func (r *reader) kind(n *yaml.Node) string {
	return r.one(n, reconcile.Kinds()...)
}

func (r *reader) kindOf(n *yaml.Node) reconcile.Type {
	return reconcile.Type(r.one(n, string(reconcile.MissingStart), string(reconcile.MissingStop),
		string(reconcile.FootprintDrift), string(reconcile.TenantDrift), string(reconcile.Unknown)))
}

func (r *reader) duration(n *yaml.Node) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d <= 0 || d > maxSettle {
		r.problem(n, "%q is no time from 1s to 24h, such as 10m", n.Value)
	}
	return d
}

func (r *reader) allowance(n *yaml.Node) (a reconcile.Allowance) {
	if err := a.UnmarshalText([]byte(n.Value)); err != nil {
		r.problem(n, "%v", err)
	}
	return a
}

// when reads a date or a time.
func (r *reader) when(n *yaml.Node) time.Time {
	if at, err := time.Parse(time.DateOnly, n.Value); err == nil {
		return at
	}
	at, err := events.ParseTime(n.Value)
	if err != nil {
		r.problem(n, "%q is no time, such as 2027-01-01 or 2027-01-01T12:00:00Z", n.Value)
	}
	return at
}

func (r *reader) act(n *yaml.Node) (a reconcile.ActRule) {
	r.mapping(n, "a rule", map[string]func(n *yaml.Node){
		"foundation": func(n *yaml.Node) { a.Foundation = r.text(n) },
		"kind":       func(n *yaml.Node) { a.Kind = r.kind(n) },
		"type":       func(n *yaml.Node) { a.Type = r.kindOf(n) },
		"act": func(n *yaml.Node) {
			a.Act = reconcile.Act(r.one(n, string(reconcile.Report), string(reconcile.Hold), string(reconcile.Settle)))
		},
		"at": func(n *yaml.Node) { a.At = r.one(n, "earliest", "latest") },
	})
	if a.Act == "" && n.Kind == yaml.MappingNode {
		r.problem(n, "a rule needs act: report, hold or settle")
	}
	return a
}

func (r *reader) limitation(n *yaml.Node) (l reconcile.Limitation) {
	r.mapping(n, "a limitation", map[string]func(n *yaml.Node){
		"foundation": func(n *yaml.Node) { l.Foundation = r.text(n) },
		"tenant":     func(n *yaml.Node) { l.Tenant = r.text(n) },
		"space":      func(n *yaml.Node) { l.Space = r.text(n) },
		"kind":       func(n *yaml.Node) { l.Kind = r.kind(n) },
		"resource":   func(n *yaml.Node) { l.Resource = r.text(n) },
		"type":       func(n *yaml.Node) { l.Type = r.kindOf(n) },
		"until":      func(n *yaml.Node) { l.Until = r.when(n) },
		"by":         func(n *yaml.Node) { l.By = r.text(n) },
		"note":       func(n *yaml.Node) { l.Note = r.text(n) },
	})
	if n.Kind != yaml.MappingNode {
		return l
	}
	if l.By == "" || l.Note == "" {
		r.problem(n, "a limitation needs by and note: who says so, and why")
	}
	if l.Foundation+l.Tenant+l.Space+l.Kind+l.Resource+string(l.Type) == "" {
		r.problem(n, "a limitation of everything is --reconcile off; say what to leave alone: foundation, tenant, "+
			"space, kind, resource or type")
	}
	return l
}
