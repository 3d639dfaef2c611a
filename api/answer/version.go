package answer

import (
	"context"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/acts"
)

// A version of the catalogue is answered from memory for a while: its text never changes, and only
// the act that puts it in force once more can.
const (
	versionAge  = time.Second
	maxVersions = 100 // of them in memory
)

// versions are the versions that charges named in the last second. It is safe for concurrent use.
type versions struct {
	bus acts.Reader

	mu    sync.Mutex // guards the next two
	known map[string]acts.Act
	since time.Time // of the oldest one
}

// find is acts.FindVersion.
func (v *versions) find(ctx context.Context, name string) (acts.Act, error) {
	v.mu.Lock()
	act, found := v.known[name]
	found = found && time.Since(v.since) < versionAge
	v.mu.Unlock()
	if found {
		return act, nil
	}
	asked := time.Now()
	act, err := acts.FindVersion(ctx, v.bus, name)
	if err != nil {
		return act, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil || len(v.known) >= maxVersions || asked.Sub(v.since) >= versionAge {
		v.known, v.since = map[string]acts.Act{}, asked
	}
	v.known[name] = act
	return act, nil
}
