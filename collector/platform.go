package collector

import (
	"fmt"

	"github.com/daybook-billing/daybook/events"
)

// Platform is the platform behind a foundation, as its collector finds it.
type Platform struct {
	Source     string // events.SourceCF or events.SourceTrove
	Foundation string
	// Here is the name of the platform that answers: the address of Cloud Foundry's API, Keystone's
	// region. Empty where it is not known.
	Here string
	// MovedFrom is its name before a move, as an operator says; empty for no move.
	MovedFrom string
}

// Check compares the platform with the one in USAGE, which is empty where nothing was collected. It
// reports whether the platform has moved. The error is an *AnotherPlatformError.
func (p *Platform) Check(known string) (moved bool, err error) {
	switch {
	case known == "" || p.Here == "" || p.Here == known:
		return false, nil
	case p.MovedFrom == known:
		return true, nil
	}
	return false, &AnotherPlatformError{*p, known}
}

// AnotherPlatformError reports a platform that is not the one a foundation was collected from.
type AnotherPlatformError struct {
	Platform
	Known string // the platform in USAGE
}

// Error implements error.
func (e *AnotherPlatformError) Error() string {
	name, command := "--cf-name", "daybook collect cf"
	if e.Source == events.SourceTrove {
		name, command = "--foundation", "daybook collect trove"
	}
	said := ""
	if e.MovedFrom != "" {
		said = fmt.Sprintf(", not %s, which --moved-from names", e.MovedFrom)
	}
	return fmt.Sprintf("foundation %q was collected from %s%s, and %s answers: one foundation is one platform. "+
		"Collect another platform under a name of its own (%s). If this one has moved, say so: %s --moved-from %s",
		e.Foundation, e.Known, said, e.Here, name, command, e.Known)
}
