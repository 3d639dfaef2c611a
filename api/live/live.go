// Package live sends charges as they are posted, and the positions of the ledger, as server-sent
// events.
//
// An event of charges is an entry of BILLING; its id is the entry's place, SEQUENCE-INDEX. A client
// that sends the last id that it has (Last-Event-ID) gets what is behind it: nothing twice, and
// nothing is left out.
//
// A stream ends with the token of its asker, when Check fails, and when its client does not read
// for WriteTime: nothing is buffered for a client but what a connection and a reader of the bus
// hold. Where nothing is posted a comment is sent every KeepAlive.
package live

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/ledger"
)

// Times of a stream.
const (
	KeepAlive = 15 * time.Second
	WriteTime = 10 * time.Second // for a client to read what was written
)

// Stream is a stream of charges for one client.
type Stream struct {
	Bus   metered.Reading
	Query ledger.Query // what its asker may see, and wants
	After ledger.Place
	// Check fails where the asker may not see it any more; it is called every Every.
	Check func(ctx context.Context) error
	Every time.Duration
	// Erase puts guids in the places of erased names.
	Erase func(ctx context.Context, c *ledger.Charge) error
	// Deadline is for each write; nil where there is none.
	Deadline func(time.Time) error
	ReadTime time.Duration // for a client to read what was written; default: WriteTime
}

// Run writes events until ctx is done, or the stream is to end: then it returns nil. Other errors
// are those of the bus, of Erase and of w.
func (s *Stream) Run(ctx context.Context, w io.Writer, flush func()) error {
	out := &writer{w: w, flush: flush, deadline: s.Deadline, wait: cmp.Or(s.ReadTime, WriteTime)}
	if err := out.write("retry: 2000\n\n"); err != nil {
		return nil // the client is gone
	}
	reader, err := s.Bus.Read(ctx, events.StreamBilling, s.After.Sequence, bus.ReadOptions{
		Filters: s.Query.ChargeFilters(), FromServer: true,
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	checked := time.Now()
	for {
		m, err := next(ctx, reader, min(KeepAlive, time.Until(checked.Add(s.Every))))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			if err := out.write(": alive\n\n"); err != nil {
				return nil // the client is gone, or too slow
			}
		case err != nil:
			return err
		default:
			done, err := s.send(ctx, out, &m)
			if done || err != nil {
				return err
			}
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

// next is the next message, if it comes in time.
func next(ctx context.Context, reader *bus.Reader, wait time.Duration) (bus.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0))
	defer cancel()
	return reader.Next(ctx)
}

// send writes the entries of a message that are asked for. done: the client is gone, or too slow.
func (s *Stream) send(ctx context.Context, out *writer, in *bus.Stored) (done bool, err error) {
	if in.Header(events.HeaderType) != events.TypeBilling {
		return false, nil
	}
	var m events.Billing
	if err := m.DecodeJSON(in.Data); err != nil {
		return false, metered.Unreadable(events.StreamBilling, in, err)
	}
	charges := ledger.AppendCharges(nil, &m, in.Sequence)
	for i := range charges {
		c := &charges[i]
		if c.Place.Compare(s.After) <= 0 || !s.Query.Takes(c) {
			continue
		}
		if err := s.Erase(ctx, c); err != nil {
			return false, err
		}
		text, err := json.Marshal(answer.NewCharge(c))
		if err != nil {
			return false, err
		}
		if out.write("id: "+FormatID(c.Place)+"\nevent: charge\ndata: "+string(text)+"\n\n") != nil {
			return true, nil //nolint:nilerr // nobody reads
		}
	}
	return false, nil
}

// FormatID is the id of an event.
func FormatID(p ledger.Place) string { return fmt.Sprintf("%d-%d", p.Sequence, p.Index) }

// ParseID reads an id.
func ParseID(id string) (p ledger.Place, err error) {
	if _, err := fmt.Sscanf(id, "%d-%d", &p.Sequence, &p.Index); err != nil || FormatID(p) != id || p.Sequence == 0 {
		return p, &answer.Problem{Kind: answer.Invalid, Detail: "Last-Event-ID is not the id of an event, such as 17-0"}
	}
	return p, nil
}

// writer writes events at once.
type writer struct {
	w        io.Writer
	flush    func()
	deadline func(time.Time) error
	wait     time.Duration
}

func (o *writer) write(text string) error {
	if o.deadline != nil {
		if err := o.deadline(time.Now().Add(o.wait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		return err
	}
	o.flush()
	return nil
}
