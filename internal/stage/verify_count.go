package stage

import (
	"context"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// miscounted is the mismatch of counted.
const miscounted = "messages were removed or added"

// counted compares the number of stored outputs from a message to the checkpoint with the number of
// derived ones: the chain at the end does not show that a message before it was removed, or that
// one was added with a copy of its headers.
func (v *verifier) counted(ctx context.Context, first uint64) error {
	if v.cp.Sequence == 0 {
		return nil
	}
	for {
		// The stage may append meanwhile: the count is good where nothing came during it.
		before, err := v.waiting(ctx, v.cp.Sequence+1)
		if err != nil {
			return err
		}
		all, err := v.waiting(ctx, first)
		if err != nil {
			return err
		}
		after, err := v.waiting(ctx, v.cp.Sequence+1)
		if err != nil {
			return err
		}
		if before != after {
			continue
		}
		if stored := all - before; stored != v.derived {
			return &Mismatch{
				Stream: v.cfg.Output, What: miscounted,
				Expected: fmt.Sprintf("%d messages from %d to %d", v.derived, first, v.cp.Sequence),
				Found:    fmt.Sprint(stored), Advice: v.repair(),
			}
		}
		return nil
	}
}

// waiting is the number of outputs from a sequence on.
func (v *verifier) waiting(ctx context.Context, from uint64) (uint64, error) {
	reader, err := v.bus.Read(ctx, v.cfg.Output, from, bus.ReadOptions{
		Filters: []string{v.cfg.OutputFilter}, HeadersOnly: true,
	})
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	return reader.Waiting(), nil
}
