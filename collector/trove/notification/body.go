package notification

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// MaxBody is the largest size of a notification in bytes, compressed and decompressed. With the
// whole request context and its service catalogue, as some releases of oslo.messaging send it, a
// notification stays far below.
const MaxBody = 4 << 20

// TooLargeError is a body beyond MaxBody.
type TooLargeError struct{ size int } // 0: too large when decompressed

func (e *TooLargeError) Error() string {
	if e.size == 0 {
		return fmt.Sprintf("the body decompresses to more than %d bytes: no notification is that large", MaxBody)
	}
	return fmt.Sprintf("the body has %d bytes: at most %d are read", e.size, MaxBody)
}

// CompressionError is an unsupported compression: all messages of its publisher are lost.
type CompressionError struct{ name string }

func (e *CompressionError) Error() string {
	return fmt.Sprintf("the header compression says %q, and the body is neither zlib, gzip, bzip2, zstd nor JSON: "+
		"set kombu_compression of the publisher to gzip, or to nothing", Clip(e.name))
}

// Decoder undoes the compression of oslo.messaging's transport. It is for one goroutine.
type Decoder struct {
	zlib io.ReadCloser
	gzip *gzip.Reader
	zstd *zstd.Decoder
	out  bytes.Buffer
}

// Text returns the JSON text in a body, whose header "compression" is given; it is valid until the
// next call. The text is not parsed.
//
// kombu writes the header "compression: application/x-gzip" on what is a zlib stream (RFC 1950),
// not a gzip file, and leaves the content type as it was; real gzip comes from other programs.
// Therefore the body's first bytes decide, which cannot be those of JSON, and the header is only
// for messages. Source: kombu/compression.py, whose names oslo.messaging's kombu_compression takes.
// Its lzma and brotli are not read.
func (d *Decoder) Text(body []byte, compression string) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, &TooLargeError{len(body)}
	}
	switch {
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return d.ungzip(body)
	case len(body) >= 2 && body[0] == 0x78 && (int(body[0])<<8|int(body[1]))%31 == 0:
		return d.inflate(body)
	case bytes.HasPrefix(body, []byte("BZh")):
		return d.read(bzip2.NewReader(bytes.NewReader(body)), "bzip2")
	case bytes.HasPrefix(body, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return d.unzstd(body)
	case compression == "" || LooksLikeJSON(body):
		return body, nil
	}
	return nil, &CompressionError{compression}
}

// LooksLikeJSON reports whether a body begins like a JSON object or array.
func LooksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

func (d *Decoder) inflate(body []byte) ([]byte, error) {
	if d.zlib == nil {
		r, err := zlib.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("the body begins like zlib and is not: %w", err)
		}
		d.zlib = r
	} else if err := reset(d.zlib, body); err != nil {
		return nil, fmt.Errorf("the body begins like zlib and is not: %w", err)
	}
	return d.read(d.zlib, "zlib")
}

func reset(r io.Reader, body []byte) error {
	//nolint:errcheck,forcetypeassert // package zlib promises it
	return r.(zlib.Resetter).Reset(bytes.NewReader(body), nil)
}

func (d *Decoder) ungzip(body []byte) ([]byte, error) {
	if d.gzip == nil {
		d.gzip = new(gzip.Reader)
	}
	if err := d.gzip.Reset(bytes.NewReader(body)); err != nil {
		return nil, fmt.Errorf("the body begins like gzip and is not: %w", err)
	}
	return d.read(d.gzip, "gzip")
}

func (d *Decoder) unzstd(body []byte) ([]byte, error) {
	var err error
	if d.zstd == nil {
		// One goroutine, the caller's, and no more memory than a body may take.
		d.zstd, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(2*MaxBody))
	} else {
		err = d.zstd.Reset(bytes.NewReader(body))
	}
	if err != nil {
		return nil, fmt.Errorf("the body begins like zstd and is not: %w", err)
	}
	return d.read(d.zstd, "zstd")
}

func (d *Decoder) read(r io.Reader, name string) ([]byte, error) {
	d.out.Reset()
	n, err := d.out.ReadFrom(io.LimitReader(r, MaxBody+1))
	switch {
	case n > MaxBody:
		d.out = bytes.Buffer{} // nothing so large stays in memory
		return nil, &TooLargeError{}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the body is compressed with %s and was cut off after %d bytes of text", name, n)
	case err != nil:
		return nil, fmt.Errorf("the body is compressed with %s and damaged: %w", name, err)
	}
	return d.out.Bytes(), nil
}

// Clip makes a foreign name fit for a message.
func Clip(s string) string {
	const most = 80
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}
