package stage

import (
	"context"
	"sync"
)

// progress lets others wait until an input has been worked off.
type progress struct {
	mu      sync.Mutex
	open    bool // the state has been restored once
	done    uint64
	changed chan struct{} // closed and replaced at each change; nil while nobody waits
}

func (p *progress) set(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = true
	p.done = done
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Restored reports whether the state has come up to the checkpoint. It stays true when the stage starts again after an error;
// the metric restarts_total counts those.
func (s *Stage) Restored() bool {
	s.progress.mu.Lock()
	defer s.progress.mu.Unlock()
	return s.progress.open
}

// Done returns the last input whose outputs are all stored.
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
