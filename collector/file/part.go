package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// errMoved says that another file has a name by now.
var errMoved = errors.New("the file has another name by now")

// part is what is read before the content of a followed name: the rest of an earlier one, or a
// sibling. It says errDry at its end.
type part struct {
	name  string
	live  *tail    // the earlier content, in its own file; the rest is about other files
	own   bool     // it is the rest of what was read last
	file  *os.File // nil where err says why
	at    time.Time
	plain *plain
	text  *bufio.Reader
	err   error
	lost  string // why facts may be missing before it; empty: none are
}

// openPart opens a sibling, from its start.
func openPart(s *sibling) (*part, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	p := &part{name: s.path, file: f}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, s.info) {
		err = errMoved
	}
	if err == nil {
		p.at, err = info.ModTime(), p.again()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// again reads the part from its start.
func (p *part) again() error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.plain = &plain{in: bufio.NewReaderSize(p.file, bufferSize)}
	if err := p.plain.begin(filepath.Ext(p.name)); err != nil {
		return err
	}
	p.text = bufio.NewReader(p.plain)
	return nil
}

// from reads the part from a byte on. The error is io.EOF where it has fewer.
func (p *part) from(offset int64) error {
	if err := p.again(); err != nil {
		return err
	}
	if !p.plain.isPlain {
		_, err := io.CopyN(io.Discard, p.text, offset)
		return err
	}
	info, err := p.file.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() < offset:
		return io.EOF
	}
	_, err = p.file.Seek(offset, io.SeekStart)
	p.plain.in.Reset(p.file)
	p.text.Reset(p.plain)
	return err
}

// holds finds in the file what was read of a content, and goes on behind it. It is short where it
// ends before.
func (p *part) holds(t *tail) (found, short bool) {
	if p.err != nil {
		return false, false
	}
	if n := p.matches(t.head); n == 0 {
		return false, false
	} else if n < len(t.head) {
		return true, true
	}
	if err := p.from(t.read - int64(len(t.last))); err != nil {
		return errors.Is(err, io.EOF), true
	}
	n := p.matches(t.last)
	return n > 0, n < len(t.last)
}

// matches returns how many of the next bytes are as expected, up to the end of the part; 0 where
// others are.
func (p *part) matches(expected []byte) int {
	b := make([]byte, len(expected))
	n, err := io.ReadFull(p.text, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(b[:n],
		expected[:n]) {
		return 0
	}
	return n
}

// fill reads the next bytes, and returns how many there are.
func (p *part) fill(b []byte) int {
	n, _ := io.ReadFull(p.text, b) // fewer are others
	return n
}

// Read implements io.Reader.
func (p *part) Read(b []byte) (int, error) {
	switch {
	case p.err != nil:
		return 0, p.err
	case p.live != nil:
		return p.live.Read(b)
	}
	n, err := p.text.Read(b)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, errDry
	case err != nil:
		p.err = fmt.Errorf("%s cannot be read to its end: %w", p.name, err)
	}
	return n, p.err
}

// peek returns the next byte, if there is one.
func (p *part) peek() (next byte, some bool) {
	switch {
	case p.err != nil:
		return 0, false
	case p.live != nil:
		return p.live.peek()
	}
	b, err := p.text.Peek(1)
	if err != nil {
		return 0, false
	}
	return b[0], true
}

func (p *part) close() {
	if p == nil {
		return
	}
	p.live.close()
	if p.file != nil {
		_ = p.file.Close() // it was only read
	}
}
