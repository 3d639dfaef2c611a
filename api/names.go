package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
)

// nameAge is how long names are answered by before they are read again. Erasures do not wait for
// it.
const nameAge = 10 * time.Second

// directory has the names of organizations and spaces as they are now. It is safe for concurrent
// use.
type directory struct {
	bus names.Reader

	mu    sync.Mutex // held while they are read; guards the next two
	names *names.Directory
	read  time.Time
}

// now returns the names; nil where the user of NATS may not read them: guids are shown.
func (d *directory) now(ctx context.Context) (*names.Directory, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.read) < nameAge {
		return d.names, nil
	}
	asked := time.Now()
	var err error
	if d.names == nil {
		d.names, err = names.Load(ctx, d.bus)
	} else {
		err = d.names.Refresh(ctx, d.bus)
	}
	if errors.Is(err, bus.ErrDenied) {
		d.names, err = nil, nil
	}
	if err == nil {
		d.read = asked
	}
	return d.names, err
}
