package schedule_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/reread"
)

// markerEvery is how many inputs without outputs a stage of a schedule passes by a marker.
const markerEvery = 4

// body is the text of an output.
type body string

func (b body) AppendJSON(to []byte) []byte { return append(to, b...) }

// adder is a processor with a running sum in its outputs, so that a wrong state shows. A number in
// an input says how many outputs it has. Now and then it reads the inputs before one again, and its
// outputs to them.
type adder struct {
	name string // begins the subjects of outputs
	sum  uint64
	past past
}

// past is a digest of what was read again for the input with a sequence.
type past struct{ sequence, digest uint64 }

func (p *past) add(data []byte) {
	for _, b := range data {
		p.digest = p.digest*31 + uint64(b)
	}
}

// Every fourth input needs those before it, and few do where there are many: the work grows with
// their square.
const (
	rereadEvery = 4
	rereadMost  = 64 // the last sequence of which this is so
	rereadFew   = 256
)

// rereads reports whether an input needs those before it.
func rereads(subject string, sequence uint64) bool {
	every := uint64(rereadEvery)
	if sequence > rereadMost {
		every = rereadFew
	}
	return sequence%every == 0 && !strings.HasSuffix(subject, ".marker")
}

// Reread implements reread.Reader.
func (a *adder) Reread(in *bus.Stored) error {
	a.past.add(in.Data)
	return nil
}

// Readopt implements reread.Reader.
func (a *adder) Readopt(stored *bus.Stored) error { return a.Reread(stored) }

func (a *adder) Step(in *bus.Stored, emit func(stage.Output)) error {
	if rereads(in.Subject, in.Sequence) {
		if a.past.sequence != in.Sequence {
			a.past = past{sequence: in.Sequence}
			return &reread.Needed{Inputs: []string{"usage.toy.x", "metered.x.*"}, Own: []string{a.name + ".x.*"}}
		}
		a.sum += a.past.digest
	}
	for i, text := range a.outputs(in.Subject, in.Data, in.Sequence) {
		emit(stage.Output{
			Subject: fmt.Sprintf("%s.x.%d", a.name, i%3), Type: "toy", ID: fmt.Sprintf("%s-%d-%d", a.name, in.Sequence,
				i),
			Body: body(text),
		})
	}
	return nil
}

// outputs are the bodies for one input.
func (a *adder) outputs(subject string, data []byte, sequence uint64) []string {
	if strings.HasSuffix(subject, ".marker") {
		return nil
	}
	var size int
	if _, err := fmt.Sscanf(string(data), `{"n":%d`, &size); err != nil {
		size = -1 // nothing that a collector or the projector wrote
	}
	a.sum += sequence * uint64(size+2)
	var bodies []string
	for i := range max(size, 0) {
		bodies = append(bodies, fmt.Sprintf(`{"n":%d,"sum":%d}`, (a.sum+uint64(i))%3, a.sum))
	}
	return bodies
}

func (a *adder) Snapshot() ([]byte, error) { return binary.BigEndian.AppendUint64(nil, a.sum), nil }

func (a *adder) Restore(snapshot []byte) error {
	a.past = past{}
	switch len(snapshot) {
	case 0:
		a.sum = 0
	case 8:
		a.sum = binary.BigEndian.Uint64(snapshot)
	default:
		return errors.New("not a sum")
	}
	return nil
}

// made is a message as it should be.
type made struct {
	at            uint64 // its sequence
	subject, body string
	sequence      uint64 // of the input
	part          int
}

// derive computes the outputs for inputs, without the stage.
func derive(name string, inputs []made) []made {
	a := &adder{name: name}
	var all []made
	last := uint64(0)
	add := func(subject, body string, sequence uint64, part int) {
		all = append(all, made{uint64(len(all) + 1), subject, body, sequence, part})
		last = sequence
	}
	for i, in := range inputs {
		if rereads(in.subject, in.at) {
			var p past
			for _, before := range slices.Concat(inputs[:i], all) {
				if !strings.HasSuffix(before.subject, ".marker") {
					p.add([]byte(before.body))
				}
			}
			a.sum += p.digest
		}
		for part, text := range a.outputs(in.subject, []byte(in.body), in.at) {
			add(fmt.Sprintf("%s.x.%d", name, part%3), text, in.at, part)
		}
		if in.at-last >= markerEvery {
			add(name+".marker", fmt.Sprintf(`{"input_sequence":"%d"}`, in.at), in.at, 0)
		}
	}
	return all
}

func fact(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }
