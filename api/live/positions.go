package live

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
)

// PollEvery is the time between two looks at the position of the ledger.
const PollEvery = time.Second

// Positions is a stream of the ledger's positions for one client: an event for each look at which
// the ledger has come further.
type Positions struct {
	Ask func(ctx context.Context) (answer.Position, error)
	// Check fails where the asker may see nothing any more; it is called every Every.
	Check func(ctx context.Context) error
	Every time.Duration
	// Deadline is for each write; nil where there is none.
	Deadline func(time.Time) error
	ReadTime time.Duration // for a client to read what was written; default: WriteTime
	Poll     time.Duration // default: PollEvery
}

// Run writes events until ctx is done, or the stream is to end: then it returns nil. Other errors
// are those of Ask.
func (s *Positions) Run(ctx context.Context, w io.Writer, flush func()) error {
	out := &writer{w: w, flush: flush, deadline: s.Deadline, wait: cmp.Or(s.ReadTime, WriteTime)}
	if err := out.write("retry: 2000\n\n"); err != nil {
		return nil // the client is gone
	}
	tick := time.NewTicker(cmp.Or(s.Poll, PollEvery))
	defer tick.Stop()
	var sent answer.Position
	written, checked := time.Time{}, time.Now()
	for {
		at, err := s.Ask(ctx)
		text := ""
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case at != sent || written.IsZero():
			body, err := json.Marshal(at)
			if err != nil {
				return err
			}
			sent, text = at, "event: position\ndata: "+string(body)+"\n\n"
		case time.Since(written) >= KeepAlive:
			text = ": alive\n\n"
		}
		if text != "" {
			if out.write(text) != nil {
				return nil // the client is gone, or too slow
			}
			written = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if time.Since(checked) < s.Every {
			continue
		}
		if s.Check(ctx) != nil {
			return nil
		}
		checked = time.Now()
	}
}
