package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/daybook-billing/daybook/collector"
)

// errDry is the end of a followed input for the moment.
var errDry = errors.New("nothing more yet")

const bufferSize = 256 << 10

// input is one file, cut into lines.
type input struct {
	name string
	file *os.File // nil for standard input
	tail bool     // wait for more at the end
	buf  *bufio.Reader
	read int64 // bytes taken from a tail

	line    uint32 // of the last complete line
	events  int    // lines without the blank ones
	partial []byte // the beginning of a line, at most MaxLine bytes
	excess  int    // how many more bytes the line has
	ended   bool
}

// open opens all inputs: an unreadable one shows before anything is stored.
func open(ctx context.Context, names []string, follow bool, stdin io.Reader) (_ []*input, err error) {
	var inputs []*input
	defer func() {
		if err != nil {
			closeAll(inputs)
		}
	}()
	for _, name := range names {
		if name == "-" {
			inputs = append(inputs, &input{name: "standard input", buf: bufio.NewReaderSize(newPump(ctx, stdin, follow),
				bufferSize)})
			continue
		}
		in, err := openFile(name, follow)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func openFile(name string, follow bool) (*input, error) {
	f, err := os.Open(name) //nolint:gosec // reading the named files is the purpose
	if err != nil {
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	in := &input{name: name, file: f, tail: follow}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name the files in it", name)
	}
	if err == nil {
		in.buf = bufio.NewReaderSize(f, bufferSize)
		if _, peekErr := in.buf.Peek(1); peekErr != nil && !errors.Is(peekErr, io.EOF) {
			err = peekErr
		}
	}
	if err == nil && strings.HasSuffix(name, ".gz") {
		in.tail = false
		var z *gzip.Reader
		if z, err = gzip.NewReader(in.buf); err != nil {
			err = fmt.Errorf("%s: not a gzip file, though its name ends in .gz: %w", name, err)
		} else {
			in.buf = bufio.NewReaderSize(z, bufferSize)
		}
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	return in, nil
}

func closeAll(inputs []*input) {
	for _, in := range inputs {
		if in.file != nil {
			_ = in.file.Close() // it was only read
		}
	}
}

// next returns the next line without its end, cut to MaxLine bytes; excess is the number of bytes
// cut off. The line is valid until the next call. The error is errDry, io.EOF, or that of a failed
// read.
func (in *input) next() (line []byte, excess int, err error) {
	for {
		piece, err := in.buf.ReadSlice('\n')
		in.read += int64(len(piece))
		complete := err == nil
		if complete && len(in.partial) == 0 && len(piece) <= MaxLine {
			return in.finish(piece, 0), 0, nil
		}
		room := min(MaxLine-len(in.partial), len(piece))
		in.partial = append(in.partial, piece[:room]...)
		in.excess += len(piece) - room
		switch {
		case complete:
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, errDry) || errors.Is(err, io.EOF) && in.tail:
			return nil, 0, errDry
		case errors.Is(err, io.EOF) && len(in.partial) > 0:
		case errors.Is(err, io.EOF):
			in.ended = true
			return nil, 0, io.EOF
		default:
			return nil, 0, fmt.Errorf("%s: reading after line %d: %w", in.name, in.line, err)
		}
		line, excess := in.partial, in.excess
		in.partial, in.excess = in.partial[:0], 0
		return in.finish(line, excess), excess, nil
	}
}

// finish counts a line and takes off its end, and a byte order mark in front of the first.
func (in *input) finish(line []byte, excess int) []byte {
	in.line++
	if in.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if excess == 0 {
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return line
}

// rewound reports that a followed file has become shorter than the part read of it, and goes back
// to its start.
func (in *input) rewound() (bool, error) {
	if !in.tail {
		return false, nil
	}
	info, err := in.file.Stat()
	if err != nil {
		return false, fmt.Errorf("looking at the followed file: %w", err)
	}
	if info.Size() >= in.read {
		return false, nil
	}
	if _, err := in.file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("going back to the start of %s: %w", in.name, err)
	}
	in.buf.Reset(in.file)
	in.read, in.line, in.partial, in.excess = 0, 0, in.partial[:0], 0
	return true, nil
}

// Line is one line of an input.
type Line struct {
	Number uint32 // 1-based
	Data   []byte // without its end; valid until the next line
}

// Lines reads one input line by line, for callers that store nothing: "-" is stdin, a name with the
// ending ".gz" is decompressed, blank lines are passed over. It ends with an error when the input
// cannot be opened or read on. A line longer than MaxLine comes cut, with a *collector.InputError,
// and the lines after it follow.
func Lines(ctx context.Context, name string, stdin io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		inputs, err := open(ctx, []string{name}, false, stdin)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer closeAll(inputs)
		for in := inputs[0]; ; {
			data, excess, err := in.next()
			line := Line{Number: in.line, Data: data}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(line, fmt.Errorf("reading %s: %w", name, err))
				return
			case excess > 0:
				err = &collector.InputError{Source: collector.SourceUnknown, Err: fmt.Errorf("the line has %d bytes: "+
					"at most %d are read",
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
