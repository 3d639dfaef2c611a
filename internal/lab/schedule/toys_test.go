package schedule_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// markerEvery is how many inputs without outputs a stage of a schedule passes by a marker.
const markerEvery = 4

// body is the text of an output.
type body string

func (b body) AppendJSON(to []byte) []byte { return append(to, b...) }

// adder is a processor with a running sum in its outputs, so that a wrong state shows. A number in
// an input says how many outputs it has.
type adder struct {
	name string // begins the subjects of outputs
	sum  uint64
}

func (a *adder) Step(in *bus.Stored, emit func(stage.Output)) error {
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
		bodies = append(bodies, fmt.Sprintf(`{"n":%d,"sum":%d}`, (int(a.sum)+i)%3, a.sum))
	}
	return bodies
}

func (a *adder) Snapshot() ([]byte, error) { return binary.BigEndian.AppendUint64(nil, a.sum), nil }

func (a *adder) Restore(snapshot []byte) error {
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

// made is an output as it should be.
type made struct {
	subject, body string
	sequence      uint64 // of the input
	part          int
}

// derive computes the outputs for inputs, without the stage.
func derive(name string, inputs []made) []made {
	a := &adder{name: name}
	var all []made
	last := 0
	for i, in := range inputs {
		sequence := i + 1
		for part, text := range a.outputs(in.subject, []byte(in.body), uint64(sequence)) {
			all = append(all, made{fmt.Sprintf("%s.x.%d", name, part%3), text, uint64(sequence), part})
			last = sequence
		}
		if sequence-last >= markerEvery {
			all = append(all, made{
				name + ".marker", `{"input_sequence":"` + strconv.Itoa(sequence) + `"}`, uint64(sequence), 0,
			})
			last = sequence
		}
	}
	return all
}

func fact(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }
