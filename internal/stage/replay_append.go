package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

func (r *replay) add(out Output) {
	from := len(r.slab)
	r.slab, out = r.cfg.fit(r.slab, out, r.target)
	r.chain = r.chain.Next(out.Subject, r.slab[from:])
	r.count++
	r.pending = append(r.pending, pending{
		position: r.next, source: r.target, chain: r.chain, count: r.count, subject: out.Subject, kind: out.Type,
		id: out.ID, from: from, to: len(r.slab),
	})
	r.next.Part++
}

// append stores the pending outputs. Before the end of the replay, their logic is nobody's.
func (r *replay) append(ctx context.Context, end bool) error {
	r.result.Messages += len(r.pending)
	for len(r.pending) > 0 && !r.options.DryRun {
		n, err := r.store(ctx, end)
		if err != nil {
			return err
		}
		r.pending = r.pending[n:]
	}
	r.pending, r.slab = nil, r.slab[:0]
	return nil
}

// store stores the next batch, or the beginning of it, and returns how many messages that is. The
// act goes first.
func (r *replay) store(ctx context.Context, end bool) (n int, err error) {
	if r.options.Begin != nil && !r.resumes && !r.begun {
		if err := r.options.Begin(ctx, &r.act); err != nil {
			return 0, err
		}
		r.begun = true
	}
	const wait = 50 * time.Millisecond
	limits := once.Limits{
		Failures: appendTries, Conflicts: appendTries, Unexplained: appendTries, Wait: wait, MaxWait: wait,
	}
	// The first message of a replay is a batch of its own: it ends a batch with the chain as it was
	// computed, whatever stands in the headers before it.
	writer := Stage{
		cfg: r.cfg, pending: r.pending, slab: r.slab, cp: checkpoint{Sequence: r.cp.Sequence, ends: r.appended},
	}
	writer.cfg.Logic = unfinished + " by " + r.cfg.Logic
	if end {
		writer.cfg.Logic = r.cfg.Logic
		writer.cp.base = base{
			First: r.input.First, Input: r.target.Sequence, Held: r.input.Messages - (r.input.Last - r.target.Sequence),
			Output: r.last + 1, Count: r.count, Chain: r.chain,
		}
	}
	last, err := once.Append(ctx, appender{r.bus}, r.cfg.Output, limits,
		func(ctx context.Context, f *once.Failure) ([]bus.Message, bus.Expect, error) {
			if f != nil {
				if n, err = r.resolve(ctx); err != nil || n > 0 {
					return nil, bus.Expect{}, err
				}
				if end {
					writer.cp.base.Output = r.last + 1
				}
			}
			return writer.messages(), bus.Expect{Last: r.last}, nil
		})
	if givenUp := new(once.GivenUpError); errors.As(err, &givenUp) {
		return 0, fmt.Errorf("replay of %s: %w", r.cfg.Output, err)
	}
	if err != nil {
		return 0, err
	}
	if last > 0 {
		n = writer.due()
		r.last, r.cp.Sequence, r.appended = last, last, true
	}
	return n, nil
}

// resolve finds out how many messages of a refused or unanswered batch are stored.
func (r *replay) resolve(ctx context.Context) (stored int, err error) {
	output, err := r.bus.Stream(ctx, r.cfg.Output)
	if err != nil {
		return 0, nil //nolint:nilerr // the next try fails the same way, or does not
	}
	last, err := r.bus.Last(ctx, r.cfg.Output, r.cfg.OutputFilter)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if last.Sequence == r.cp.Sequence { // only others' messages moved the stream
		r.last = max(output.Last, r.last)
		return 0, nil
	}
	for i := range r.pending {
		if p := &r.pending[i]; last.Header(events.HeaderID) == p.id && last.Subject == p.subject &&
			bytes.Equal(last.Data, r.slab[p.from:p.to]) {
			r.last, r.cp.Sequence, r.appended = last.Sequence, last.Sequence, last.Header(HeaderChain) != ""
			return i + 1, nil
		}
	}
	if r.appended {
		return 0, fmt.Errorf("replay of %s: %w: %w", r.cfg.Output, ErrDiverged, errRival)
	}
	return 0, errMoved
}
