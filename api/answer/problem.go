package answer

import (
	"errors"
	"fmt"
)

// Kind is the kind of a Problem.
type Kind uint8

// The kinds.
const (
	Invalid   Kind = iota + 1 // the question itself
	NotFound                  // or not the asker's to see
	Forbidden                 // the asker may not do this
	Forgotten                 // it can not be told any more
	Refused                   // an act in conflict with the present state
)

// Of reports whether an error is a Problem of the kind.
func (k Kind) Of(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Kind == k
}

// Problem is an error of the asker's: the fault, and the way out.
type Problem struct {
	Kind   Kind
	Detail string
	Near   []string // names, or guids, that may have been meant
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

func invalid(format string, args ...any) error {
	return &Problem{Kind: Invalid, Detail: fmt.Sprintf(format, args...)}
}

// errNobody is the one Problem of tenants and foundations that do not exist, and of those that the
// asker may not see. It does not repeat the name: both answers have the same bytes.
var errNobody = &Problem{
	Kind: NotFound, Detail: "no such tenant or foundation, or it is not yours to see",
}

// errNone is the one Problem of everything else with an id.
var errNone = &Problem{Kind: NotFound, Detail: "nothing has this id, or it is not yours to see"}

// NoTenant is the Problem of tenants and foundations that do not exist, or are not the asker's.
func NoTenant() error { return errNobody }

// NoID is the Problem of everything else with an id.
func NoID() error { return errNone }
