package names

import (
	"context"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/acts"
)

// maxAge is how long erasures are answered by before they are read again.
const maxAge = time.Second

// Current are the erasures of a process that answers for long: an erasure is in every answer a
// second after it is stored. It is safe for concurrent use.
type Current struct {
	bus acts.Reader

	mu       sync.Mutex // held while they are read; guards the next two
	erasures *Erasures
	read     time.Time
}

// NewCurrent reads nothing yet.
func NewCurrent(b acts.Reader) *Current { return &Current{bus: b} }

// Read returns the erasures. Where they can not be read nothing may be answered.
func (c *Current) Read(ctx context.Context) (*Erasures, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.erasures != nil && time.Since(c.read) < maxAge {
		return c.erasures, nil
	}
	asked := time.Now()
	e, err := LoadErasures(ctx, c.bus)
	if err != nil {
		return nil, err
	}
	c.erasures, c.read = e, asked
	return e, nil
}
