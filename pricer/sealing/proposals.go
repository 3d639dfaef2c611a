package sealing

import (
	"context"
	"sync"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// Proposals are the statements without a seal, as a stage derives them: the stage changes them
// bit by bit, and other goroutines read them.
type Proposals struct {
	mu      sync.Mutex // guards the fields below
	of      map[place]*foundation
	changed chan struct{} // closed and replaced at each change
}

// place is a source and a foundation.
type place struct{ source, foundation string }

type foundation struct {
	number  uint64 // the last one given
	pending statements.Pending
}

// NewProposals returns Proposals without any.
func NewProposals() *Proposals {
	return &Proposals{of: map[place]*foundation{}, changed: make(chan struct{})}
}

// change changes the proposals of a foundation.
func (p *Proposals) change(source, in string, change func(f *foundation)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{source, in}
	if p.of[at] == nil {
		p.of[at] = &foundation{}
	}
	change(p.of[at])
	p.signal()
}

func (p *Proposals) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reset forgets all of them.
func (p *Proposals) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.of)
	p.signal()
}

// Propose replaces those of a foundation's month.
func (p *Proposals) Propose(source, in, month string, all []statement.Statement) {
	p.change(source, in, func(f *foundation) {
		f.pending.Withdraw(month)
		f.add(all)
	})
}

// Restore sets those of a foundation, and the last number given there.
func (p *Proposals) Restore(source, in string, number uint64, all []statement.Statement) {
	p.change(source, in, func(f *foundation) {
		*f = foundation{number: number}
		f.add(all)
	})
}

// Issue takes out a statement that has its number.
func (p *Proposals) Issue(x *statement.Statement) {
	p.change(x.Source, x.Foundation, func(f *foundation) {
		f.number = x.Number
		f.pending.Remove(x)
	})
}

func (f *foundation) add(all []statement.Statement) {
	for i := range all {
		f.pending.Add(&all[i])
	}
}

// now are the foundations with proposals at this moment; changed is closed when they are others.
func (p *Proposals) now() (all []place, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, f := range p.of {
		if f.pending.Len() > 0 {
			all = append(all, at)
		}
	}
	return all, p.changed
}

// unsealed are those of a foundation.
func (p *Proposals) unsealed(at place) acts.Unsealed {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.of[at]
	if f == nil {
		return acts.Unsealed{}
	}
	return acts.Unsealed{Number: f.number, Statements: f.pending.All()}
}

// Settled returns when there is none.
func (p *Proposals) Settled(ctx context.Context) error {
	for {
		all, changed := p.now()
		if len(all) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
