package stage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/audit"
)

// readCheckpoint reads the end of the stage's messages in the output stream. Any message can be the
// last: the server stores batches message by message. The logic stands on the first message of its
// batch, and the chain on the last one of the batch before, so it reads back to them.
func (c *Config) readCheckpoint(ctx context.Context, b Source) (checkpoint, error) {
	last, err := b.Last(ctx, c.Output, c.OutputFilter)
	if errors.Is(err, bus.ErrNotFound) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, err
	}
	return c.checkpointAt(ctx, b, &last)
}

// checkpointAt is the checkpoint that ends with one of the stage's messages.
func (c *Config) checkpointAt(ctx context.Context, b Source, last *bus.Stored) (checkpoint, error) {
	own := []bus.Stored{*last}
	cp, found, err := c.tail(own, last.Sequence == 1)
	for back := uint64(bus.MaxBatch); err == nil && !found; back *= 4 {
		from := uint64(1)
		if last.Sequence > back {
			from = last.Sequence - back
		}
		own = own[:0]
		_, err = b.Each(ctx, c.Output, from, last.Sequence, bus.ReadOptions{Filters: []string{c.OutputFilter}},
			func(m *bus.Stored) error {
				own = append(own, *m)
				own = own[max(0, len(own)-bus.MaxBatch-1):]
				return nil
			})
		if err != nil {
			return checkpoint{}, err
		}
		if len(own) == 0 || own[len(own)-1].Sequence != last.Sequence {
			return checkpoint{}, fmt.Errorf("%w: message %d was removed while it was read", errWentBack, last.Sequence)
		}
		cp, found, err = c.tail(own, from == 1 || len(own) > bus.MaxBatch)
	}
	return cp, err
}

// tail reads the checkpoint from the last of the stage's messages; found is false if it needs
// earlier ones. With all there are no earlier ones that could help. Where the message that begins
// the last batch is gone, the checkpoint has no logic.
func (c *Config) tail(own []bus.Stored, all bool) (cp checkpoint, found bool, err error) {
	end := len(own) - 1
	cp = checkpoint{Sequence: own[end].Sequence}
	anchor, logic := -1, ""
	for i := end; i >= 0 && (anchor < 0 || logic == ""); i-- {
		m := &own[i]
		at, ok := positionOf(m)
		switch {
		case !ok && anchor >= 0:
			continue // the chain does not have it
		case !ok:
			return cp, false, c.notOurs(m, "has no "+HeaderSourceSeq+" header, or a wrong "+HeaderPart+" header")
		case i == end:
			cp.position = at
		}
		if anchor < 0 && m.Header(HeaderChain) != "" {
			anchor = i
			if err := c.anchor(&cp, m, at.Sequence); err != nil {
				return cp, false, err
			}
		}
		if logic == "" {
			logic = m.Header(HeaderLogic)
			if cp.base, err = audit.ParseBase(m.Header(HeaderBase)); err != nil {
				return cp, false, c.notOurs(m, "has a wrong "+HeaderBase+" header")
			}
		}
	}
	first := all && own[0].Header(HeaderLogic) != "" && len(own) <= bus.MaxBatch
	if (logic == "" || anchor < 0) && !all {
		return cp, false, nil
	}
	if anchor < 0 && !first {
		return cp, false, c.notOurs(&own[end], "has no "+HeaderChain+" header, and none before it has one that could "+
			"end a batch")
	}
	cp.follow(own[anchor+1:])
	cp.logic, cp.ends = logic, anchor == end
	return cp, true, nil
}

// follow carries chain and count on over messages.
func (cp *checkpoint) follow(messages []bus.Stored) {
	for i := range messages {
		cp.chain = cp.chain.Next(messages[i].Subject, messages[i].Data)
		cp.count++
	}
}

// anchor takes chain, count and input from the last message of a batch.
func (c *Config) anchor(cp *checkpoint, m *bus.Stored, sequence uint64) (err error) {
	digest, err := hex.DecodeString(m.Header(HeaderChain))
	if err != nil || copy(cp.chain[:], digest) != len(cp.chain) {
		return c.notOurs(m, "has a wrong "+HeaderChain+" header")
	}
	if cp.count, err = strconv.ParseUint(m.Header(HeaderCount), 10, 64); err != nil {
		return c.notOurs(m, "has no "+HeaderCount+" header")
	}
	cp.source = identity{sequence, m.Header(HeaderSourceID)}
	return nil
}

// notOurs is the error about a message that a stage did not put out. It may stay where it is: the
// stage behind has read it, perhaps, and put out that it is nobody's.
func (c *Config) notOurs(m *bus.Stored, what string) error {
	return fmt.Errorf("%w: message %d of %s (%s) %s. It was not published by Daybook: have `daybook replay %s` "+
		"publish behind it what is right, or restore the stream",
		ErrDiverged, m.Sequence, c.Output, m.Subject, what, c.Name)
}
