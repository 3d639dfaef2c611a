package events

import "github.com/daybook-billing/daybook/events/wire"

// scanner is a wire.Scanner for the types of this package.
type scanner struct {
	wire.Scanner
	without meteredParts
	base    *shape // what spans without it have; nil for nothing
}

func scan(b []byte) scanner { return scanner{Scanner: wire.Scanner{B: b}} }

// meteredParts are the spans of a Metered message to pass over.
type meteredParts struct{ changes, running bool }

// spansUnless reads a list of spans, or passes over it.
func (s *scanner) spansUnless(skip bool, into []Span) []Span {
	if skip {
		s.Skip()
		return into
	}
	return readList(s, into)
}

// CheckRaw reports whether b can be a fact's Raw: one JSON object, in UTF-8, without half surrogate
// pairs, nested at most 200 deep, and nothing else around it but white space. The error says at
// which byte it is not.
func CheckRaw(b []byte) error {
	s := scan(b)
	return s.Whole("raw")
}

func (s *scanner) count() Count {
	n, ok := s.Uint(1<<32 - 1)
	return Count{uint32(n), ok} //nolint:gosec // uint keeps the limit
}

// flags reads a list of names. Unknown names belong to a newer version, and are ignored
// like its fields.
func (s *scanner) flags() Flags {
	var f Flags
	for ok := s.List(); ok && s.Element(); {
		b, _ := s.Quoted("a string")
		for _, n := range flagNames() {
			if string(b) == n.name {
				f |= n.flag
			}
		}
	}
	return f
}

func readList[T any, P interface {
	*T
	read(s *scanner)
}](s *scanner, list []T) []T {
	for ok := s.List(); ok && s.Element(); {
		list = grow(list)
		P(&list[len(list)-1]).read(s)
	}
	return list
}

// grow adds an element, with the former content of its memory: read takes strings from there.
func grow[T any](list []T) []T {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	var zero T
	return append(list, zero)
}
