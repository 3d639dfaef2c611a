package file

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/daybook-billing/daybook/collector/file/documents"
)

// errDry is the end of a followed input for the moment.
var errDry = errors.New("nothing more yet")

const (
	bufferSize = 256 << 10
	maxWindow  = 128 << 20 // of a zstd file, in memory: what zstd --long makes
)

// input is one file, cut into documents.
type input struct {
	name   string
	docs   *documents.Reader
	tail   *tail // nil for standard input
	events int   // documents in it
	ended  bool
	ahead  *documents.Document // waits for the clock
	warned bool                // that one waits

	// The rest is about a followed file (turn.go).
	key     string  // of its place
	marked  int64   // bytes read by its stored place
	parts   []*part // to be read next
	goal    *tail   // to be read behind them; nil: nothing follows the tail yet
	part    *part   // read now, instead of the tail
	file    string  // that is read
	before  earlier // where that stands
	carried bool    // the next document began in an earlier one
	waits   misses  // of the rest of a document
	old     *tail   // the file that had the name before, for what is written late
	until   time.Time
	gap     string // why facts may be missing before the next one; empty: none are
}

// earlier is where a document stands that began in an earlier file.
type earlier struct {
	file string
	by   uint32 // lines
}

// join goes on with another source of documents. It is the same content that was read, or a
// document under way may end in it.
func (in *input) join(src io.Reader, name string, line uint32, separated bool) {
	torn := in.docs.Torn()
	by := in.docs.Continue(src, line, torn && separated)
	if torn {
		in.carried, in.before = true, earlier{in.file, by}
	}
	in.file = name
}

// followed reports whether the input is a file that is looked at again and again.
func (in *input) followed() bool { return in.tail != nil && in.tail.follow }

// stdin is standard input, with its name in places and messages.
type stdin struct {
	io.Reader
	name string
}

// open opens all inputs: an unreadable one shows before anything is stored.
func open(ctx context.Context, names []string, follow bool, std stdin) (_ []*input, err error) {
	var inputs []*input
	defer func() {
		if err != nil {
			closeAll(inputs)
		}
	}()
	for _, name := range names {
		if name == "-" {
			p := newPump(ctx, std.Reader, follow)
			inputs = append(inputs, &input{
				name: std.name, file: std.name,
				docs: documents.NewReader(&plain{in: bufio.NewReaderSize(p, bufferSize), compressed: p.wait}),
			})
			continue
		}
		in, err := openFile(name, follow)
		if err != nil {
			return nil, fmt.Errorf("cannot read the input: %w", err)
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func openFile(name string, follow bool) (_ *input, err error) {
	t, _, err := openTail(name)
	if err != nil {
		if follow && errors.Is(err, os.ErrNotExist) && len(siblings(name)) > 0 { // it is being rotated
			t = &tail{path: name, follow: true, regular: true, line: 1, beside: siblings(name)}
			return &input{name: name, file: name, tail: t, docs: documents.NewReader(t)}, nil
		}
		return nil, err
	}
	p := &plain{in: bufio.NewReaderSize(t, bufferSize)}
	if err := p.begin(filepath.Ext(name)); err != nil {
		t.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	in := &input{name: name, file: name, tail: t}
	switch t.follow = follow && p.isPlain; {
	case t.follow && t.regular: // what was read of it is read again, by those who know it then
		t.read, t.head, t.last, t.beside = 0, nil, nil, siblings(name)
		in.docs = documents.NewReader(t)
	default:
		in.docs = documents.NewReader(p)
	}
	return in, nil
}

// reopen opens the name again where another file has it since the input was opened. Nothing of it
// was read.
func (in *input) reopen() {
	if in.tail.file == nil || in.tail.named() {
		return
	}
	if now, err := openFile(in.name, true); err == nil {
		in.tail.close()
		in.tail, in.docs = now.tail, now.docs
	}
}

func closeAll(inputs []*input) {
	for _, in := range inputs {
		in.tail.close()
		in.goal.close()
		in.old.close()
		for _, p := range append(in.parts, in.part) {
			p.close()
		}
	}
}

// next returns the next document. The error is errDry, io.EOF, or that of a failed read.
func (in *input) next() (documents.Document, error) {
	if d := in.ahead; d != nil {
		in.ahead = nil
		return *d, nil
	}
	d, err := in.docs.Next()
	switch {
	case err == nil:
		in.events++
	case errors.Is(err, io.EOF):
		in.ended = true
		return d, io.EOF
	case !errors.Is(err, errDry):
		err = fmt.Errorf("%s: reading after line %d: %w", in.name, in.docs.Line()-1, err)
	}
	return d, err
}

// place is where a document of the input begins.
func (in *input) place(d *documents.Document) Place {
	if line := int32(d.Line); line < 1 { //nolint:gosec // so Continue says it
		return Place{in.before.file, d.Line + in.before.by, d.Item}
	}
	return Place{in.file, d.Line, d.Item}
}

// plain undoes a compression, which the first bytes tell: names lie, and standard input has none.
type plain struct {
	in         *bufio.Reader
	text       io.Reader // nil before the first bytes
	isPlain    bool
	compressed func() // called when the input is compressed; may be nil
}

// Read implements io.Reader.
func (p *plain) Read(b []byte) (int, error) {
	if p.text == nil {
		if err := p.begin(""); err != nil {
			return 0, err
		}
	}
	return p.text.Read(b)
}

// begin reads the first bytes. ext is the ending of the input's name.
func (p *plain) begin(ext string) error {
	first, err := p.in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var unpack func() (io.Reader, error)
	switch {
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		unpack = func() (io.Reader, error) { return gzip.NewReader(p.in) }
	case isZstd(first):
		unpack = func() (io.Reader, error) {
			return zstd.NewReader(p.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow))
		}
	case bytes.HasPrefix(first, []byte("BZh")):
		unpack = func() (io.Reader, error) { return bzip2.NewReader(p.in), nil }
	default:
		p.text, p.isPlain = p.in, true
		return foreign(first, ext)
	}
	if p.compressed != nil {
		p.compressed()
	}
	p.text, err = unpack()
	return err
}

// isZstd reports whether a file begins with a frame of zstd, or with a skippable one (RFC 8878).
func isZstd(first []byte) bool {
	return bytes.HasPrefix(first, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(first) >= 4 && first[0]&0xf0 == 0x50 && bytes.Equal(first[1:4], []byte{0x2a, 0x4d, 0x18})
}

// foreign is the error of a file in a form that nobody reads here.
func foreign(first []byte, ext string) error {
	switch {
	case bytes.HasPrefix(first, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return errors.New("an xz file is not read: unpack it with xz -dc, and give its output as - (standard input)")
	case bytes.HasPrefix(first, []byte{'P', 'K', 3, 4}):
		return errors.New("a zip archive is not read: unpack it, and name the files in it")
	case bytes.HasPrefix(first, []byte{0xff, 0xfe}), bytes.HasPrefix(first, []byte{0xfe, 0xff}):
		return errors.New("the file is UTF-16, and JSON is UTF-8: convert it with iconv -f UTF-16 -t UTF-8, and give " +
			"the output as - (standard input)")
	}
	head := bytes.TrimLeft(first, " \t\r\n\xef\xbb\xbf")
	if (ext == ".gz" || ext == ".zst" || ext == ".bz2") && len(head) > 0 && head[0] != '{' && head[0] != '[' {
		return fmt.Errorf("neither a compressed file nor JSON, though its name ends in %s", ext)
	}
	return nil
}
