package reread

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

// streams have messages without end.
type streams struct {
	broken   error
	messages uint64 // of nine
}

func (s streams) Each(_ context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	for n := from; n <= to && s.broken == nil; n++ {
		m := bus.NewStored(bus.Message{Subject: fmt.Sprint(stream, options.Filters)}, n, time.Time{}, 0)
		if err := yield(&m); err != nil {
			return 0, err
		}
	}
	return to, s.broken
}

func (s streams) Stream(context.Context, string) (bus.StreamState, error) {
	return bus.StreamState{First: 1, Last: 9, Messages: s.messages}, s.broken
}

// processor needs all earlier messages at each step.
type processor struct {
	told   []string
	refuse error
}

func (p *processor) step() error {
	if p.told == nil {
		p.told = []string{}
		return &Needed{Inputs: []string{"a"}, Outputs: []string{"b"}}
	}
	p.told = append(p.told, "step")
	return nil
}

func (p *processor) Reread(in *bus.Stored) error {
	p.told = append(p.told, fmt.Sprint(in.Subject, in.Sequence))
	return p.refuse
}

func (p *processor) Readopt(stored *bus.Stored) error { return p.Reread(stored) }

// A step comes behind the inputs that it needs, and what a replay has put out stands behind the
// inputs up to the replay.
func TestStepBehindWhatItNeeds(t *testing.T) {
	for _, of := range []struct {
		base uint64
		want []string
	}{
		{0, []string{"in[a]1", "in[a]2", "in[a]3", "step"}},
		{2, []string{"in[a]1", "in[a]2", "out[b]1", "out[b]2", "in[a]3", "step"}},
		{3, []string{"in[a]1", "in[a]2", "in[a]3", "out[b]1", "out[b]2", "step"}},
		{4, []string{"in[a]1", "in[a]2", "in[a]3", "step"}}, // it is a step of the replay's own inputs
	} {
		s := Streams{Source: streams{}, Input: "in", Output: "out", BaseInput: of.base, BaseOutput: min(of.base, 2)}
		p := &processor{}
		if err := s.Step(t.Context(), p, 4, p.step); err != nil || !slices.Equal(p.told, of.want) {
			t.Errorf("with a replay up to %d: %q, %v", of.base, p.told, err)
		}
	}
}

// Where a stream cannot be read it is not the processor's fault, and where the processor refuses a
// message it is.
func TestStepWithoutWhatItNeeds(t *testing.T) {
	down, refused := errors.New("no connection"), errors.New("unreadable")
	s := Streams{Source: streams{broken: down}, Input: "in"}
	p := &processor{}
	if err := s.Step(t.Context(), p, 4, p.step); !errors.Is(err, ErrUnread) || !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	s.Source, p = streams{}, &processor{refuse: refused}
	if err := s.Step(t.Context(), p, 4, p.step); errors.Is(err, ErrUnread) || !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

// wants is a processor that needs one thing after another.
type wants struct {
	needs []*Needed
	told  []string
}

func (w *wants) step() error {
	if len(w.needs) == 0 {
		w.told = append(w.told, "step")
		return nil
	}
	next := w.needs[0]
	w.needs = w.needs[1:]
	return next
}

func (w *wants) Reread(in *bus.Stored) error {
	w.told = append(w.told, fmt.Sprint(in.Subject, in.Sequence))
	return nil
}

func (w *wants) Readopt(stored *bus.Stored) error { return w.Reread(stored) }

// A step may need one thing after another: the outputs so far behind the inputs, a single input,
// and whether inputs are gone.
func TestStepNeedsMore(t *testing.T) {
	w := &wants{}
	gone := func() { w.told = append(w.told, "gone") }
	w.needs = []*Needed{{Inputs: []string{"a"}, Own: []string{"b"}, Gone: gone}, {Input: 2}}
	s := Streams{
		Source: streams{messages: 8}, Input: "in", Output: "out",
		Own: func(filters []string, take func(*bus.Stored) error) error {
			m := bus.NewStored(bus.Message{Subject: fmt.Sprint("own", filters)}, 7, time.Time{}, 0)
			return take(&m)
		},
	}
	err := s.Step(t.Context(), w, 4, w.step)
	if want := []string{"gone", "in[a]1", "in[a]2", "in[a]3", "own[b]7", "in[]2", "step"}; err != nil ||
		!slices.Equal(w.told, want) {
		t.Errorf("%q, %v", w.told, err)
	}
	w.told, w.needs, s.Source = nil, []*Needed{{Inputs: []string{"a"}, Gone: gone}}, streams{messages: 9}
	if err := s.Step(t.Context(), w, 2, w.step); err != nil || !slices.Equal(w.told, []string{"in[a]1", "step"}) {
		t.Errorf("of a whole stream: %q, %v", w.told, err)
	}
	for range maxRepeats + 2 {
		w.needs = append(w.needs, &Needed{Input: 1})
	}
	if err := s.Step(t.Context(), w, 2, w.step); err == nil {
		t.Error("it is repeated without end")
	}
}
