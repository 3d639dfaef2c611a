package stage

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// progress lets others wait until an input has been worked off.
type progress struct {
	mu      sync.Mutex
	open    bool   // the state has come up to the checkpoint
	waits   error  // what the stage waits for before it opens; nil when for nothing
	failed  error  // end of the last run, until a run has come past it
	until   uint64 // the last input stepped by a failed run: behind it the failure is over
	done    uint64
	changed chan struct{} // closed and replaced at each change; nil while nobody waits
}

// fail notes the error of a run, and its last input.
func (p *progress) fail(err error, stepped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.waits, p.failed, p.until = false, nil, err, max(p.until, stepped)
}

// wait notes what the stage waits for before it opens, nil for nothing any more.
func (p *progress) wait(waits error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = waits
}

// committed notes the last input with all outputs stored just now: the stage works.
func (p *progress) committed(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done >= p.until { // an input that runs dry before says nothing of the failed append
		p.failed, p.until = nil, 0
	}
	p.reached(done)
}

// restored notes the last input with all outputs stored by an earlier run.
func (p *progress) restored(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached(done)
}

// reached is called with mu held.
func (p *progress) reached(done uint64) {
	p.open, p.done = true, done
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Ready tells why the stage is not at work: it is restoring its state, or it failed and has stored
// nothing since. It is a readiness check.
func (s *Stage) Ready() error {
	s.progress.mu.Lock()
	defer s.progress.mu.Unlock()
	switch {
	case s.progress.waits != nil:
		return s.progress.waits
	case s.progress.failed != nil:
		return fmt.Errorf("failed, and tries again: %w", s.progress.failed)
	case !s.progress.open:
		return errors.New("restoring the state")
	}
	return nil
}

// Done returns the last input with all outputs stored.
func (s *Stage) Done() uint64 {
	s.progress.mu.Lock()
	defer s.progress.mu.Unlock()
	return s.progress.done
}

// Wait returns when input sequence has been worked off and its outputs are stored, or ctx is done.
func (s *Stage) Wait(ctx context.Context, sequence uint64) error {
	for {
		s.progress.mu.Lock()
		if s.progress.done >= sequence {
			s.progress.mu.Unlock()
			return nil
		}
		if s.progress.changed == nil {
			s.progress.changed = make(chan struct{})
		}
		changed := s.progress.changed
		s.progress.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
