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
	file   *os.File // nil for standard input
	docs   *documents.Reader
	tail   *tail // nil unless it is followed
	events int   // documents in it
	ended  bool
	ahead  *documents.Document // waits for the clock
	warned bool                // that one waits
}

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
				name: std.name,
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
	f, err := os.Open(name) //nolint:gosec // reading the named files is the purpose
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it was only read
		}
	}()
	in := &input{name: name, file: f}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory: name the files in it", name)
	}
	t := &tail{file: f}
	p := &plain{in: bufio.NewReaderSize(t, bufferSize)}
	if err := p.begin(filepath.Ext(name)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if follow && p.isPlain {
		t.follow, in.tail = true, t
	}
	in.docs = documents.NewReader(p)
	return in, nil
}

func closeAll(inputs []*input) {
	for _, in := range inputs {
		if in.file != nil {
			_ = in.file.Close() // it was only read
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
func (in *input) place(d *documents.Document) Place { return Place{in.name, d.Line, d.Item} }

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
