package stage

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/pipeline"
)

// bodies compares message by message.
func (v *verifier) bodies(p *pipeline.Pipeline, derived <-chan *outputs, stored <-chan []bus.Stored) (ahead *pending,
	err error,
) {
	messages := pipeline.NewCursor(p, stored)
	ahead, err = v.each(p, derived, func(o *outputs, i int) error {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		return v.match(&o.list[i], o.body(i), m)
	})
	if err != nil {
		return nil, err
	}
	m, err := messages.Next()
	if err != nil {
		return nil, err
	}
	if m != nil {
		return nil, v.surplus(m, "nothing more")
	}
	return ahead, nil
}

// match compares an output with the message in its position, nil if there is none.
func (v *verifier) match(out *pending, body []byte, m *bus.Stored) error {
	wanted := func() string {
		return fmt.Sprintf("%s %s on %s, part %d of what message %d of %s leads to", out.kind, out.id, out.subject,
			out.position.Part, out.position.Sequence, v.cfg.Input)
	}
	if m == nil {
		return &Mismatch{
			Stream: v.cfg.Output, What: "a message is missing", Expected: wanted(),
			Found: "the end of the stream", Advice: v.repair(),
		}
	}
	differs := func(what, expected, found string) error {
		return &Mismatch{
			Stream: v.cfg.Output, Sequence: m.Sequence, Subject: m.Subject, What: what, Expected: expected,
			Found: found, Advice: v.repair(),
		}
	}
	at, ok := positionOf(m)
	switch {
	case !ok:
		return v.surplus(m, wanted())
	case out.position.before(at):
		return differs("a message is missing before this one", wanted(), fmt.Sprintf("what message %d of %s leads "+
			"to, part %d", at.Sequence, v.cfg.Input, at.Part))
	case at.before(out.position):
		return v.surplus(m, wanted())
	case m.Subject != out.subject:
		return differs("the subject", out.subject, m.Subject)
	case !bytes.Equal(m.Data, body):
		expected, found := excerpts(body, m.Data)
		return differs("the body", expected, found)
	}
	return v.headers(out, m, differs)
}

// headers compares the headers of the contract.
func (v *verifier) headers(out *pending, m *bus.Stored, differs func(what, expected, found string) error) error {
	v.wanted = events.AppendHeaders(v.wanted[:0], out.id, out.kind, v.source)
	opens := m.Header(HeaderLogic) != "" || m.Header(HeaderBase) != ""
	ends := m.Header(HeaderChain) != "" || m.Header(HeaderCount) != "" || m.Header(HeaderSourceID) != ""
	if opens {
		base := ""
		if v.cp.base.Output != 0 {
			base = v.cp.base.String()
		}
		v.wanted = append(v.wanted, events.Header{Key: HeaderLogic, Value: v.cfg.Logic},
			events.Header{Key: HeaderBase, Value: base})
	}
	if ends {
		v.wanted = append(v.wanted, out.ending()...)
	}
	for _, h := range v.wanted {
		if found := m.Header(h.Key); found != h.Value {
			return differs("the header "+h.Key, strconv.Quote(h.Value), strconv.Quote(found))
		}
	}
	if v.inside == 0 && !opens {
		return differs("the headers that begin a batch", HeaderLogic, "none")
	}
	if v.inside++; v.inside > bus.MaxBatch && !ends {
		return differs("the headers that end a batch", fmt.Sprintf("them on one of %d messages in a row",
			bus.MaxBatch), "them on none")
	}
	if ends {
		v.inside = 0
	}
	return nil
}

// surplus is the mismatch of a message without an input.
func (v *verifier) surplus(m *bus.Stored, wanted string) error {
	what, found := "a message that Daybook did not publish", "a message without "+HeaderSourceSeq
	if at, ok := positionOf(m); ok {
		what, found = "a message that stands a second time, or that nothing leads to",
			fmt.Sprintf("part %d of what message %d of %s leads to", at.Part, at.Sequence, v.cfg.Input)
	}
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: m.Sequence, Subject: m.Subject, What: what, Expected: wanted, Found: found,
		Advice: fmt.Sprintf("Look at it (nats stream get %s %d). %s", v.cfg.Output, m.Sequence, v.repair()),
	}
}

// positionOf reads a message's position.
func positionOf(m *bus.Stored) (p position, ok bool) {
	var err error
	if p.Sequence, err = strconv.ParseUint(m.Header(HeaderSourceSeq), 10, 64); err != nil {
		return p, false
	}
	if text := m.Header(HeaderPart); text != "" {
		part, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return p, false
		}
		p.Part = uint32(part)
	}
	return p, true
}

// excerpts shows two texts where they begin to differ.
func excerpts(expected, found []byte) (string, string) {
	const before, after = 40, 80
	at := 0
	for at < len(expected) && at < len(found) && expected[at] == found[at] {
		at++
	}
	cut := func(text []byte) string {
		from, to := max(0, at-before), min(len(text), at+after)
		return fmt.Sprintf("%q from byte %d", text[min(from, len(text)):to], from)
	}
	return cut(expected), cut(found)
}
