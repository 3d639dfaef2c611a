package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/internal/stage"
)

// Forms of an intrusion into an output stream.
const (
	published = iota // nats pub
	oldBinary        // another version of the program
	copied           // a repetition of the last message, headers and all
	deleted          // nats stream rmm
	damaged          // a flipped byte
	forms
)

// intrude stores a message of another writer behind the last one of an output stream, or takes one
// of the stage's away. Only the first time counts.
func (w *world) intrude(stream, prefix string, form int) {
	messages := w.model.Messages(stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.foreign.sequence > 0 || len(messages) == 0 {
		return
	}
	last := messages[len(messages)-1]
	if form %= forms; form >= deleted {
		middle := messages[len(messages)/2].Sequence
		if form == deleted {
			w.model.Delete(stream, middle)
		} else {
			w.model.Damage(stream, middle)
		}
		w.foreign = intruder{stream, middle, form}
		return
	}
	var headers []string
	text := []byte(`{"n":1,"sum":1}`)
	switch form {
	case oldBinary:
		sequence, err := strconv.ParseUint(last.Header(stage.HeaderSourceSeq), 10, 64)
		if err != nil {
			return
		}
		headers = []string{stage.HeaderSourceSeq, strconv.FormatUint(sequence+1, 10), stage.HeaderLogic, "toy/0"}
	case copied:
		text = last.Data
		for _, key := range []string{
			stage.HeaderSourceSeq, stage.HeaderPart, stage.HeaderLogic, stage.HeaderChain, stage.HeaderCount,
			stage.HeaderSourceID,
		} {
			if value := last.Header(key); value != "" {
				headers = append(headers, key, value)
			}
		}
	}
	sequence, err := w.model.Publish(prefix+".x.0", text, headers...)
	if err == nil {
		w.foreign = intruder{stream, sequence, form}
	}
}

// intruder is a message of another writer, or one that is gone.
type intruder struct {
	stream   string
	sequence uint64
	form     int
}

// stopped judges what a stage did about an intrusion: nothing of its own is behind a foreign
// message, what is before it is right, and the stage, or a verification, names it. A message that
// is gone need not be named where nothing is lost.
func (w *world) stopped(ctx context.Context, foreign intruder) error {
	w.mu.Lock()
	failure := w.failure
	w.mu.Unlock()
	if failure != nil && !errors.Is(failure, stage.ErrDiverged) && !errors.Is(failure, stage.ErrInputChanged) {
		return failure
	}
	wanted := w.wanted()
	for n, s := range services {
		if s.Output != foreign.stream || foreign.form >= deleted {
			continue
		}
		messages := w.model.Messages(s.Output)
		own := messages[:min(len(messages), int(foreign.sequence)-1)]
		if err := compare(s.Output, own, wanted[n][:min(len(own), len(wanted[n]))]); err != nil {
			return err
		}
		// A copy cannot be told from a message of the stage's own but by the count: the stage goes
		// on behind it, and the verification must name it.
		if behind := len(messages) - len(own) - 1; behind > 0 && foreign.form != copied {
			return fmt.Errorf("%s: %d messages behind the foreign one, %d", s.Output, behind, foreign.sequence)
		}
	}
	// A damaged message is still counted: only a verification that reads it can know.
	if noticed := failure != nil || w.verified(ctx, foreign.form == damaged) != nil; noticed {
		return nil
	}
	unnoticed := fmt.Sprintf("%s: nobody has noticed what somebody did at message %d", foreign.stream, foreign.sequence)
	if foreign.form < deleted {
		return errors.New(unnoticed)
	}
	if err := w.whole(); err != nil {
		return fmt.Errorf("%s: %w", unnoticed, err)
	}
	return nil
}

// whole compares the outputs with what they should be, at whatever sequences. A stage that starts
// while its last output is gone derives it again, behind the hole: there is nothing to notice.
func (w *world) whole() error {
	inputs := w.facts()
	for n, s := range services {
		got, want := w.model.Messages(s.Output), derive(prefixes[n], inputs)
		for i := range min(len(got), len(want)) {
			want[i].at = got[i].Sequence
		}
		if err := compare(s.Output, got, want); err != nil {
			return err
		}
		inputs = want
	}
	return nil
}
