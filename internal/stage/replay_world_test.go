package stage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// tally adds up outputs of adders: each adds one to what it says, and what begins with a minus
// takes one away.
type tally map[string]int

func (t tally) add(subject string, body []byte) {
	text, by := string(body), 1
	if strings.HasPrefix(text, "-") {
		text, by = text[1:], -1
	}
	key := subject + " " + text
	if t[key] += by; t[key] == 0 {
		delete(t, key)
	}
}

// comparer compares tallies.
type comparer struct{ stored, derived tally }

func newComparer(stage.Processor) stage.Comparer { return &comparer{tally{}, tally{}} }

func (r *comparer) Stored(m *bus.Stored) error {
	if m.Header(events.HeaderType) == "test" {
		r.stored.add(m.Subject, m.Data)
	}
	return nil
}

func (r *comparer) Derived(out *stage.Output) error {
	r.derived.add(out.Subject, out.Body.AppendJSON(nil))
	return nil
}

func (r *comparer) Compare() (bool, error) { return false, nil }

func (r *comparer) Difference(cause events.Cause, emit func(stage.Output)) (reversed, posted int, err error) {
	put := func(key, sign string) {
		subject, body, _ := strings.Cut(key, " ")
		emit(stage.Output{Subject: subject, Type: "test", ID: cause.ID + sign + key, Body: text(sign + body)})
	}
	for _, key := range slices.Sorted(maps.Keys(r.stored)) {
		for range r.stored[key] - r.derived[key] {
			put(key, "-")
			reversed++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.derived)) {
		for range r.derived[key] - r.stored[key] {
			put(key, "")
			posted++
		}
	}
	return reversed, posted, nil
}

// program is an adder and its logic.
type program struct {
	logic string
	extra uint64
}

var (
	former = program{"v1", 0}
	todays = program{"v2", 1}
)

func (w *world) configOf(p program) stage.Config {
	cfg := w.config()
	cfg.Logic = p.logic
	return cfg
}

func (w *world) adders(p program) func() stage.Processor {
	return func() stage.Processor { return &adder{out: "own" + w.id, extra: p.extra} }
}

func (w *world) replay(b stage.Bus, p program) (stage.Replayed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stage.Replay(ctx, w.configOf(p), b, w.adders(p), newComparer, stage.ReplayOptions{})
}

// run runs a program until every input has been worked off.
func (w *world) work(p program) error {
	r := w.start(options{change: func(c *stage.Config) { c.Logic = p.logic }, extra: p.extra})
	r.worked()
	return r.stop()
}

// adds tells how what is stored differs from what a program derives, added up.
func (w *world) adds(p program) error {
	r := &comparer{tally{}, tally{}}
	proc := w.adders(p)()
	for i := range w.sizes {
		in := must(w.bus.Get(context.Background(), w.in, uint64(i+1)))
		check(proc.Step(&in, func(out stage.Output) { _ = r.Derived(&out) }))
	}
	state := must(w.bus.Stream(context.Background(), w.out))
	for seq := uint64(1); seq <= state.Last; seq++ {
		m, err := w.bus.Get(context.Background(), w.out, seq)
		if errors.Is(err, bus.ErrNotFound) {
			continue // deleted by the test
		}
		check(err)
		_ = r.Stored(&m)
	}
	if !maps.Equal(r.stored, r.derived) {
		return fmt.Errorf("stored %d, derived %d, and they differ", len(r.stored), len(r.derived))
	}
	return nil
}

func (w *world) checkAs(p program) error {
	_, err := stage.Verify(context.Background(), w.configOf(p), w.bus, w.adders(p), stage.VerifyOptions{
		Deep:     true,
		Patience: 5 * time.Millisecond,
	})
	return err
}

func (w *world) length() uint64 { return must(w.bus.Stream(context.Background(), w.out)).Last }

// copier is the processor of a stage that follows another: it passes on what that one puts out, and
// counts it.
type copier struct {
	out string
	n   byte
}

func (c *copier) Step(in *bus.Stored, emit func(stage.Output)) error {
	if in.Header(events.HeaderType) == "test" {
		c.n++
		emit(stage.Output{
			Subject: c.out, Type: "test", ID: fmt.Sprint(in.Sequence),
			Body: text(fmt.Sprintf("%d %s", c.n, in.Data)),
		})
	}
	return nil
}

func (c *copier) Snapshot() ([]byte, error) { return []byte{c.n}, nil }

func (c *copier) Restore(snapshot []byte) error {
	c.n = 0
	if len(snapshot) == 1 {
		c.n = snapshot[0]
	}
	return nil
}

// follower is a stage that follows that of a world.
type follower struct{ *world }

func (w *world) following() follower {
	next := newWorld(w.site)
	next.in = w.out
	return follower{next}
}

func (f follower) processor() stage.Processor { return &copier{out: "own" + f.id + ".x"} }

// run runs it until all that the other has put out has been worked off.
func (f follower) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := stage.New(f.config(), f.bus, f.processor(), slog.New(slog.DiscardHandler), nil)
	ran := make(chan error, 1)
	go func() {
		ran <- s.Run(ctx)
		cancel()
	}()
	err := s.Wait(ctx, must(f.bus.Stream(ctx, f.in)).Last)
	cancel()
	return errors.Join(<-ran, err)
}

func (f follower) replay() (stage.Replayed, error) {
	return stage.Replay(context.Background(), f.config(), f.bus, f.processor, newComparer, stage.ReplayOptions{})
}

func (f follower) verify() error {
	_, err := stage.Verify(context.Background(), f.config(), f.bus, f.processor, stage.VerifyOptions{
		Deep:     true,
		Patience: 5 * time.Millisecond,
	})
	return err
}
