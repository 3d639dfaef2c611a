package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

// lateness is how long a file is listened to after another one has its name: a process may still
// write into it.
const lateness = 10 * time.Minute

// turn goes on where nothing more can be read of a followed file: with what follows it, if
// something does. end is why nothing can be read. The error is never nil if it has not moved.
func (c *Collector) turn(ctx context.Context, in *input, end error) (moved bool, err error) {
	if !in.followed() || ctx.Err() != nil {
		return false, end
	}
	switch {
	case !errors.Is(end, errDry):
		if in.part == nil || in.part.live != nil {
			return false, end
		}
		in.lose(in.part.err.Error())
	case in.goal == nil:
		if err := c.look(in); err != nil {
			return false, fmt.Errorf("%s: %w", in.name, err)
		}
		if in.goal == nil {
			return false, end
		}
	case in.part != nil && in.part.live != nil && in.docs.Torn() && in.waits.more(): // somebody writes the rest
		return false, end
	}
	in.waits = misses{}
	if err := c.flush(ctx, false); err != nil { // places say that all before is stored
		return false, err
	}
	if !in.advance() {
		return false, end
	}
	return true, nil
}

// look looks for what follows the content that is read.
func (c *Collector) look(in *input) error {
	t := in.tail
	before := t.away
	p, err := t.look()
	if err != nil {
		return err
	}
	if t.away != nil && (before == nil || before.Error() != t.away.Error()) {
		c.deps.Log.Warn("a followed file cannot be looked at: looking again", slog.String("file", in.name),
			slog.Any("error", t.away))
	}
	switch {
	case p != nil:
		t.line = in.docs.Edge()
		in.parts, in.goal = p.parts, p.next
		if in.old.grown() && !in.docs.Torn() { // the last look at it
			in.parts = slices.Insert(in.parts, 0, &part{name: in.name, live: in.old})
		}
		c.deps.Log.Info("the followed file was rotated", slog.String("file", in.name),
			slog.Int("parts", len(p.parts)))
	case in.old.grown() && !in.docs.Torn():
		t.line = in.docs.Edge()
		in.parts, in.goal = []*part{{name: in.name, live: in.old}}, t
	case in.old != nil && time.Now().After(in.until):
		in.old.close()
		in.old = nil
	}
	return nil
}

// advance goes on with the next part, or with what stands under the name. It does not while the
// rest of a document may come there.
func (in *input) advance() bool {
	for len(in.parts) > 0 {
		p := in.parts[0]
		first, some := p.peek()
		in.parts = in.parts[1:]
		if p.lost != "" {
			in.lose(p.lost)
		}
		if !some && p.err == nil && !p.own && p.live == nil { // an empty one
			p.close()
			continue
		}
		in.leave()
		in.part = p
		switch {
		case p.own:
			in.docs.Continue(p, in.docs.Edge(), false)
		case p.live != nil:
			in.join(p, p.name, p.live.line, starts(first))
		default:
			in.join(p, p.name, 1, starts(first))
		}
		return true
	}
	t := in.goal
	first, some := t.peek()
	if !some && in.docs.Torn() && t.named() {
		return false
	}
	if t.lost != "" {
		in.lose(t.lost)
		t.lost = ""
	}
	in.leave()
	in.goal, in.tail, in.marked = nil, t, 0
	in.join(t, in.name, t.line, starts(first))
	return true
}

// starts reports whether a document may begin with the byte, so that it is not taken for the rest
// of another one.
func starts(first byte) bool { return first == '{' || first == '[' || first == 0 }

// leave closes the part that was read. The file that was followed stays open for what is written
// late.
func (in *input) leave() {
	switch p := in.part; {
	case p == nil:
	case p.live != nil:
		p.live.line = in.docs.Edge()
		if in.old != p.live {
			if in.old.grown() {
				in.lose("lines were written late into a file that was renamed twice, and they were not read")
			}
			in.old.close()
			in.old, in.until = p.live, time.Now().Add(lateness)
		}
	default:
		p.close()
	}
	in.part = nil
}

// lose notes why facts may be missing before the next one.
func (in *input) lose(reason string) {
	if in.gap == "" {
		in.gap = reason
	}
}

// broken notes a loss where one content ends in the middle of a document, and the next does not go
// on with it.
func (in *input) broken(e *Event) {
	if in.carried {
		in.carried = false
		if wrong := new(collector.InputError); errors.As(e.Err, &wrong) {
			in.lose("what was read ended in the middle of a line, and what followed does not go on with it")
		}
	}
}

// publishGaps publishes the gap in front of a fact, for each source in the foundation: nobody knows
// of which the missing ones are.
func (c *Collector) publishGaps(ctx context.Context, in *input, next *events.Usage) error {
	if err := c.flush(ctx, false); err != nil {
		return err
	}
	for _, source := range events.Sources() {
		from := c.newest[source]
		if from.IsZero() { // this run has read nothing yet
			last, err := horizons.Last(ctx, c.deps.Store, source, c.cfg.Foundation)
			if err != nil {
				return err
			}
			from = last.Time
		}
		if from.IsZero() && source != next.Source {
			continue
		}
		if err := c.publishGap(ctx, in, source, from, next); err != nil {
			return err
		}
	}
	in.gap = ""
	return nil
}

func (c *Collector) publishGap(ctx context.Context, in *input, source string, from time.Time,
	next *events.Usage,
) error {
	to := next.Time
	if to.Before(from) {
		to = from
	}
	g := events.Gap{
		ID:     events.ID("gap", source, c.cfg.Foundation, in.key, next.ID),
		Source: source, Foundation: c.cfg.Foundation, From: from, To: to,
		Reason: limit.Label(fmt.Sprintf("The file %s is followed, and it is not shown that nothing is missing between "+
			"what was read of it before and %s: %s. What was running meanwhile is held, where later events do not "+
			"tell; daybook holds list shows it, to be released or discarded.", in.name, next.Event, in.gap)),
	}
	k := appender.KeyOf(g.ID)
	if c.usage.known.Has(k) {
		return nil
	}
	c.deps.Log.Warn("a gap: events may be missing", slog.String("file", in.name), slog.String("source", source),
		slog.String("from", events.FormatTime(from)), slog.String("to", events.FormatTime(to)),
		slog.String("reason", in.gap))
	a := c.usage.of(source)
	a.Add(k, events.UsageGapSubject(source, g.Foundation), events.AppendHeaders(nil, g.ID, events.TypeGap,
		c.origins[source]), g.AppendJSON(a.Buffer()))
	stored, _, err := a.Flush(ctx, nil) // without a place, which a later batch has
	c.r.Gaps += stored
	return err
}
