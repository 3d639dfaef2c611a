// Package progress lets others wait until a stage has worked off an input, and tells them whether
// it is at work.
package progress

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Progress is how far a stage has come. It is safe for concurrent use.
type Progress struct {
	mu      sync.Mutex
	open    bool   // the state has come up to the checkpoint
	waits   error  // the cause of a wait before the stage opens; nil for none
	failed  error  // end of the last run, until a run has come past it
	until   uint64 // the last input stepped by a failed run: behind it the failure is over
	done    uint64
	changed chan struct{} // closed and replaced at each change; nil while nobody waits
}

// Fail notes the error of a run, and its last input.
func (p *Progress) Fail(err error, stepped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.waits, p.failed, p.until = false, nil, err, max(p.until, stepped)
}

// Waits notes the cause of a wait before the stage opens, nil for its end.
func (p *Progress) Waits(waits error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = waits
}

// Committed notes the last input with all outputs stored just now: the stage works.
func (p *Progress) Committed(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done >= p.until { // an input that runs dry before says nothing of the failed append
		p.failed, p.until = nil, 0
	}
	p.reached(done)
}

// Restored notes the last input with all outputs stored by an earlier run.
func (p *Progress) Restored(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached(done)
}

// reached is called with mu held.
func (p *Progress) reached(done uint64) {
	p.open, p.done = true, done
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Ready tells why the stage is not at work: it is restoring its state, or it failed and has stored
// nothing since.
func (p *Progress) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.waits != nil:
		return p.waits
	case p.failed != nil:
		return fmt.Errorf("failed, and tries again: %w", p.failed)
	case !p.open:
		return errors.New("restoring the state")
	}
	return nil
}

// Done returns the last input with all outputs stored.
func (p *Progress) Done() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Wait returns when an input has been worked off and its outputs are stored, or ctx is done.
func (p *Progress) Wait(ctx context.Context, sequence uint64) error {
	for {
		p.mu.Lock()
		if p.done >= sequence {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
