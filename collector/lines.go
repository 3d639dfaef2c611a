package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// InputLine is one line of an input.
type InputLine struct {
	Number uint32 // 1-based
	Data   []byte // without its end; valid until the next line
}

// Lines reads one input line by line, for those who store nothing: "-" is stdin, names that end in
// ".gz" are decompressed, blank lines are passed over. It ends with an error when the input cannot
// be opened or read on; a line longer than MaxLine comes cut, with a *LineError, and the lines
// after it follow.
func Lines(ctx context.Context, name string, stdin io.Reader) iter.Seq2[InputLine, error] {
	return func(yield func(InputLine, error) bool) {
		inputs, err := open(ctx, []string{name}, false, stdin)
		if err != nil {
			yield(InputLine{}, err)
			return
		}
		defer closeAll(inputs)
		for in := inputs[0]; ; {
			data, excess, err := in.next()
			line := InputLine{Number: in.line, Data: data}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(line, fmt.Errorf("reading %s: %w", name, err))
				return
			case excess > 0:
				err = &LineError{SourceUnknown, fmt.Errorf("the line has %d bytes: at most %d are read",
					len(data)+excess, MaxLine)}
			case len(bytes.TrimSpace(data)) == 0:
				continue
			}
			if !yield(line, err) {
				return
			}
		}
	}
}
