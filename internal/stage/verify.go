package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// VerifyOptions say how thoroughly to verify. The zero value compares the chains only.
type VerifyOptions struct {
	// Deep compares every stored byte, not only the chain at the end.
	Deep bool
	// Progress is told now and then how many inputs of how many have been derived again; it may be
	// nil.
	Progress func(done, total uint64)
	// Patience is how long to wait for a stage that is at work on what is not put out yet; default
	// 5 s.
	Patience time.Duration
}

// Verified says what was compared.
type Verified struct {
	Input, Output string // streams
	Inputs        uint64 // derived again
	Outputs       uint64 // compared: by the chain, or byte by byte
	Position      uint64 // last input whose outputs are stored
	Sequence      uint64 // of the last message compared
	Chain         string // there
	Deep          bool
}

// Mismatch is the first difference between what is stored and what the input derives.
type Mismatch struct {
	Stream   string
	Sequence uint64 // of the message that differs, or of the one that stands where another is missing; 0 beyond the end
	Subject  string
	What     string // differs
	Expected string
	Found    string
	Advice   string
}

func (m *Mismatch) Error() string {
	where := "at its end"
	if m.Sequence != 0 {
		where = fmt.Sprintf("at message %d (%s)", m.Sequence, m.Subject)
	}
	return fmt.Sprintf("%s differs %s: %s: expected %s, found %s. %s", m.Stream, where, m.What, m.Expected, m.Found,
		m.Advice)
}

// verifier is one verification.
type verifier struct {
	cfg     Config
	bus     Source
	options VerifyOptions
	cp      checkpoint
	input   bus.StreamState
	output  bus.StreamState
	middle  int // messages since the last one that ends a batch
	source  string
	wanted  []events.Header // reused
	result  Verified
}

// StoredLogic returns the logic that the last of the stage's outputs were derived by, "" when there
// are none.
func StoredLogic(ctx context.Context, b Source, cfg Config) (string, error) {
	cp, err := cfg.readCheckpoint(ctx, b)
	return cp.logic, err
}

// Verify derives the outputs of a stage again, up to the checkpoint that it finds, and compares
// them with those stored. It stores nothing, and may run beside the stage. newProcessor makes a
// processor in its empty state.
//
// Errors: *Mismatch where the outputs differ; errors.Is ErrDiverged when they were derived by
// another logic, ErrInputChanged when the input is not what they rest on; others come from the bus.
func Verify(ctx context.Context, cfg Config, b Source, newProcessor func() Processor, options VerifyOptions) (Verified,
	error,
) {
	cfg = cfg.withDefaults()
	if options.Patience == 0 {
		options.Patience = 5 * time.Second
	}
	if options.Progress == nil {
		options.Progress = func(uint64, uint64) {}
	}
	v := &verifier{cfg: cfg, bus: b, options: options, source: cfg.source()}
	v.result = Verified{Input: cfg.Input, Output: cfg.Output, Deep: options.Deep}
	if err := v.open(ctx); err != nil {
		return v.result, err
	}
	ahead, err := v.compare(ctx, newProcessor())
	var mismatch *Mismatch
	if errors.As(err, &mismatch) && !options.Deep {
		options.Deep = true
		_, deep := Verify(ctx, cfg, b, newProcessor, options)
		if errors.As(deep, &mismatch) {
			return v.result, deep
		}
	}
	if err == nil && ahead != nil {
		err = v.overtaken(ctx, ahead)
	}
	return v.result, err
}

// open finds out what is to be compared.
func (v *verifier) open(ctx context.Context) (err error) {
	if v.output, err = streamOf(ctx, v.bus, v.cfg.Output); err != nil {
		return err
	}
	v.cp, err = v.cfg.readCheckpoint(ctx, v.bus)
	if errors.Is(err, ErrDiverged) {
		return v.unended(ctx, err)
	}
	if err != nil {
		return err
	}
	if v.input, err = streamOf(ctx, v.bus, v.cfg.Input); err != nil {
		return err
	}
	if v.cp.Sequence != 0 {
		if v.cp.logic != v.cfg.Logic {
			return v.cfg.otherLogic(v.cp)
		}
		if err := v.cfg.holds(ctx, v.bus, v.input, v.cp.source); err != nil {
			return err
		}
	}
	if v.input.Messages > 0 && v.input.First > max(1, v.cp.base.First) {
		return fmt.Errorf("%w: %s starts at message %d, and what came before cannot be derived again. Restore the "+
			"stream from a backup that begins at 1; "+
			"if it was emptied and derived anew, `daybook replay %s` brings %s in line with it", ErrInputChanged,
			v.cfg.Input, v.input.First, v.cfg.Name, v.cfg.Output)
	}
	v.result.Position, v.result.Sequence, v.result.Chain = v.cp.place.Sequence, v.cp.Sequence, v.cp.chain.String()
	return nil
}

// unended is the mismatch of an output stream whose last message ends no batch.
func (v *verifier) unended(ctx context.Context, cause error) error {
	last, err := v.bus.Last(ctx, v.cfg.Output, v.cfg.OutputFilter)
	if err != nil {
		return err
	}
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: last.Sequence, Subject: last.Subject, What: "the end of the stream",
		Expected: "a message that ends a batch", Found: cause.Error(), Advice: "If it is Daybook's, what stood " +
			"behind it was removed: " + v.repair(),
	}
}

func (v *verifier) repair() string {
	return fmt.Sprintf("Restore %s from a backup, or have `daybook replay %s` publish what is right", v.cfg.Output,
		v.cfg.Name)
}

// compare derives and compares. ahead is the first output that is not stored yet, nil if everything
// is.
func (v *verifier) compare(ctx context.Context, proc Processor) (ahead *pending, err error) {
	p := newPipeline(ctx)
	defer p.stop()
	d := &deriver{cfg: &v.cfg, proc: proc}
	from, start, first := uint64(1), chain{}, uint64(1)
	if base := v.cp.base; base.Output != 0 {
		inputs := p.read(v.bus, v.cfg.Input, 1, base.Input, nil)
		if err := d.skip(p, inputs, v.worked); err != nil {
			return nil, err
		}
		if d.last, err = v.rebase(p, proc); err != nil {
			return nil, err
		}
		from, start, first = base.Input+1, base.Chain, base.Output+1
	}
	inputs := p.read(v.bus, v.cfg.Input, from, v.input.Last, nil)
	atBase := d.last == v.cp.place // before the derivation moves on, in a goroutine of its own
	derived := digest(p, d.derive(p, inputs, v.cp.place), start)
	if v.options.Deep {
		ahead, err = v.bodies(p, derived, p.read(v.bus, v.cfg.Output, first, v.cp.Sequence, v.cfg.owns))
	} else {
		ahead, err = v.chains(p, derived, atBase)
	}
	if err == nil {
		err = v.end(ctx)
	}
	return ahead, err
}

// rebase recomputes the chain over what is stored up to the end of the last replay: of that it is
// known that it has not changed, not how it was derived. A processor that asks for it adopts it.
func (v *verifier) rebase(p *pipeline, proc Processor) (end place, err error) {
	adopter, _ := proc.(Adopter)
	stored := p.read(v.bus, v.cfg.Output, 1, v.cp.base.Output, v.cfg.owns)
	var c chain
	var scratch []byte
	differs := func(m *bus.Stored, expected, found string) error {
		return &Mismatch{
			Stream: v.cfg.Output, Sequence: m.Sequence, Subject: m.Subject, What: "the chain over the messages up to " +
				"this one, which a replay left as they were",
			Expected: expected, Found: found, Advice: v.repair(),
		}
	}
	for {
		chunk, more, err := take(p, stored)
		if err != nil {
			return end, err
		}
		if !more {
			break
		}
		for i := range chunk {
			m := &chunk[i]
			c, scratch = c.nextIn(scratch, m.Subject, m.Data)
			if m.Sequence == v.cp.base.Output {
				if c != v.cp.base.Chain {
					return end, differs(m, v.cp.base.Chain.String(), c.String())
				}
				cp, err := parseCheckpoint(v.cfg.Output, m)
				if err != nil {
					return end, err
				}
				end = cp.place
			}
			if adopter != nil {
				if err := adopter.Adopt(m); err != nil {
					return end, fmt.Errorf("%w: message %d of %s (%s): %w", errProcessor, m.Sequence, v.cfg.Output,
						m.Subject, err)
				}
			}
			v.result.Outputs++
		}
	}
	if end == (place{}) {
		return end, &Mismatch{
			Stream: v.cfg.Output, What: "the message that ends the last replay", Expected: fmt.Sprintf("message %d",
				v.cp.base.Output), Found: "none", Advice: v.repair(),
		}
	}
	return end, nil
}

// chains compares the chain at the checkpoint. reached says that nothing has been put out since the
// base.
func (v *verifier) chains(p *pipeline, derived <-chan *outputs, reached bool) (ahead *pending, err error) {
	ahead, err = v.each(p, derived, func(o *outputs, i int) error {
		if out := &o.list[i]; out.place == v.cp.place {
			if out.chain != v.cp.chain {
				return v.chainDiffers(out)
			}
			reached = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !reached && v.cp.Sequence != 0 {
		return nil, v.chainDiffers(&pending{})
	}
	return ahead, nil
}

// each gives check the outputs up to the checkpoint, by their index in a chunk, and returns the
// first that stands behind it, if any.
func (v *verifier) each(p *pipeline, derived <-chan *outputs, check func(o *outputs, i int) error) (ahead *pending,
	err error,
) {
	for {
		o, more, err := take(p, derived)
		if err != nil {
			return nil, err
		}
		if !more {
			return ahead, nil
		}
		for i := range o.list {
			out := &o.list[i]
			if v.cp.place.before(out.place) {
				if ahead == nil {
					first := *out
					ahead = &first
				}
				continue
			}
			if err := check(o, i); err != nil {
				return nil, err
			}
			v.result.Outputs++
		}
		v.worked(o)
		p.release(o)
	}
}

func (v *verifier) worked(o *outputs) {
	v.result.Inputs += o.inputs
	v.options.Progress(o.position, v.input.Last)
}

func (v *verifier) chainDiffers(out *pending) error {
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: v.cp.Sequence, Subject: out.subject, What: "the chain over all messages",
		Expected: out.chain.String(), Found: v.cp.chain.String(), Advice: v.repair(),
	}
}

// bodies compares message by message.
func (v *verifier) bodies(p *pipeline, derived <-chan *outputs, stored <-chan []bus.Stored) (ahead *pending,
	err error,
) {
	messages := &cursor{p: p, chunks: stored}
	ahead, err = v.each(p, derived, func(o *outputs, i int) error {
		m, err := messages.next()
		if err != nil {
			return err
		}
		return v.match(&o.list[i], o.body(i), m)
	})
	if err != nil {
		return nil, err
	}
	m, err := messages.next()
	if err != nil {
		return nil, err
	}
	if m != nil {
		return nil, v.surplus(m, "nothing more")
	}
	return ahead, nil
}

// cursor walks over chunks.
type cursor struct {
	p      *pipeline
	chunks <-chan []bus.Stored
	chunk  []bus.Stored
}

// next returns the next message, nil after the last one.
func (c *cursor) next() (*bus.Stored, error) {
	for len(c.chunk) == 0 {
		chunk, more, err := take(c.p, c.chunks)
		if err != nil || !more {
			return nil, err
		}
		c.chunk = chunk
	}
	m := &c.chunk[0]
	c.chunk = c.chunk[1:]
	return m, nil
}

// match compares an output with the message that stands in its place, nil if none does.
func (v *verifier) match(out *pending, body []byte, m *bus.Stored) error {
	wanted := func() string {
		return fmt.Sprintf("%s %s on %s, part %d of what message %d of %s leads to", out.kind, out.id, out.subject,
			out.place.Part, out.place.Sequence, v.cfg.Input)
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
	at, ok := placeOf(m)
	switch {
	case !ok:
		return v.surplus(m, wanted())
	case out.place.before(at):
		return differs("a message is missing before this one", wanted(), fmt.Sprintf("what message %d of %s leads "+
			"to, part %d", at.Sequence, v.cfg.Input, at.Part))
	case at.before(out.place):
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
	v.wanted = events.AppendHeaders(v.wanted[:0], out.id, out.kind, v.source, events.FormatTime(out.time))
	for _, h := range v.wanted {
		if found := m.Header(h.Key); found != h.Value {
			return differs("the header "+h.Key, strconv.Quote(h.Value), strconv.Quote(found))
		}
	}
	ends := m.Header(HeaderChain) != "" || m.Header(HeaderLogic) != "" || m.Header(HeaderSourceID) != "" ||
		m.Header(HeaderSourceTime) != "" || m.Header(HeaderBase) != ""
	if !ends { // it stands in the middle of a batch
		if v.middle++; v.middle >= bus.MaxBatch {
			return differs("the headers that end a batch", fmt.Sprintf("them on one of %d messages in a row",
				bus.MaxBatch), "them on none")
		}
		return nil
	}
	v.middle = 0
	base := ""
	if v.cp.base.Output != 0 {
		base = v.cp.base.String()
	}
	for _, h := range []events.Header{
		{Key: HeaderChain, Value: out.chain.String()},
		{Key: HeaderLogic, Value: v.cfg.Logic},
		{Key: HeaderSourceID, Value: out.source.ID},
		{Key: HeaderSourceTime, Value: out.source.Time.UTC().Format(time.RFC3339Nano)},
		{Key: HeaderBase, Value: base},
	} {
		if found := m.Header(h.Key); found != h.Value {
			return differs("the header "+h.Key, strconv.Quote(h.Value), strconv.Quote(found))
		}
	}
	return nil
}

// surplus is the mismatch of a message that nothing leads to.
func (v *verifier) surplus(m *bus.Stored, wanted string) error {
	what, found := "a message that Daybook did not publish", "a message without "+HeaderSourceSeq
	if at, ok := placeOf(m); ok {
		what, found = "a message that stands a second time, or that nothing leads to",
			fmt.Sprintf("part %d of what message %d of %s leads to", at.Part, at.Sequence, v.cfg.Input)
	}
	return &Mismatch{
		Stream: v.cfg.Output, Sequence: m.Sequence, Subject: m.Subject, What: what, Expected: wanted, Found: found,
		Advice: fmt.Sprintf("Look at it (nats stream get %s %d). %s", v.cfg.Output, m.Sequence, v.repair()),
	}
}

// placeOf reads which output a message is.
func placeOf(m *bus.Stored) (p place, ok bool) {
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

// end checks that nothing was removed behind the last message: the stream remembers how far it
// went.
func (v *verifier) end(ctx context.Context) error {
	if v.output.Last <= v.cp.Sequence {
		return nil
	}
	next := v.cp.Sequence + 1
	_, err := v.bus.Each(ctx, v.cfg.Output, next, v.output.Last, bus.ReadOptions{HeadersOnly: true},
		func(m *bus.Stored) error {
			if m.Sequence == next {
				next++
			}
			return nil
		})
	if err != nil {
		return err
	}
	if next > v.output.Last {
		return nil
	}
	return &Mismatch{
		Stream: v.cfg.Output, What: "messages were removed behind the last one",
		Expected: fmt.Sprintf("message %d", next), Found: fmt.Sprintf("nothing there, though the stream went as far "+
			"as %d", v.output.Last),
		Advice: fmt.Sprintf("Had the stage appended them, it appends them again when it runs; what was made of them "+
			"then is to be brought in line: `daybook replay`. Or restore %s from a backup",
			v.cfg.Output),
	}
}

// overtaken waits until the stage has stored what it had not when the verification began.
func (v *verifier) overtaken(ctx context.Context, ahead *pending) error {
	wait, cancel := context.WithTimeout(ctx, v.options.Patience)
	defer cancel()
	reader, err := v.bus.Read(wait, v.cfg.Output, v.cp.Sequence+1,
		bus.ReadOptions{Filters: []string{v.cfg.OutputFilter}, HeadersOnly: true})
	if err != nil {
		return err
	}
	defer reader.Close()
	_, err = reader.Next(wait)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if wait.Err() == nil {
		return err
	}
	return &Mismatch{
		Stream: v.cfg.Output, What: "a message is missing",
		Expected: fmt.Sprintf("%s %s on %s, part %d of what message %d of %s leads to", ahead.kind, ahead.id,
			ahead.subject, ahead.place.Part, ahead.place.Sequence, v.cfg.Input),
		Found: "the end of the stream",
		Advice: fmt.Sprintf("The %s has not put it out yet, or the end of %s was removed: run the %s, which goes "+
			"on from there, and verify again", v.cfg.Name, v.cfg.Output, v.cfg.Name),
	}
}
