package cf

import (
	"fmt"
	"regexp"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
)

// DefaultRetake is how long an inspection waits before it takes a listing again.
const DefaultRetake = 5 * time.Second

// Limits of an inspection and of a look.
const (
	maxRequests  = 1000     // of an inspection
	maxSums      = 30       // of a comparison of sums
	maxTakes     = 3        // of a listing
	maxDoubts    = 40       // processes whose instances are asked for
	maxLeftOut   = 1000     // apps or processes that a list left out
	askedAtOnce  = 100      // guids in a query
	lookAtOnce   = 50       // resources between two proofs of the scope
	maxPlans     = 50       // plans that are asked for alone
	maxHeld      = 32 << 20 // bytes of evidence in a floorplan
	maxEvidence  = 16 << 10 // bytes of evidence of one resource
	smallSpread  = 20       // difference of two summaries that does not matter, whatever their size
	spreadShare  = 100      // and one part in so many
	requestsEach = 12       // of a look, for each resource
	requestsLook = 100      // of a look beside these: pages of audit events, proofs of the scope
)

// Config says how to inspect a foundation.
type Config struct {
	API cfapi.Config
	// ExcludeSpaces is a regular expression (RE2) of names of spaces that are not metered, as the
	// projector's setting of this name; empty for none.
	ExcludeSpaces string
	// Retake is the wait before a listing is taken again; default: DefaultRetake.
	Retake time.Duration
}

func (c Config) compile() (Config, *regexp.Regexp, error) {
	if c.Retake == 0 {
		c.Retake = DefaultRetake
	}
	if c.ExcludeSpaces == "" {
		return c, nil, nil
	}
	excluded, err := regexp.Compile(c.ExcludeSpaces)
	if err != nil {
		return c, nil, fmt.Errorf("the names of spaces to exclude are no regular expression: %w", err)
	}
	return c, excluded, nil
}
