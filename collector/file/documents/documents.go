// Package documents cuts an input into JSON documents, each one usage event or notification. It
// knows only the structure of JSON; the reader of a document checks the rest.
//
// # Forms of an input
//
// All forms may be mixed, and stand behind each other with or without white space or commas:
//
//   - one document a line; zero bytes in front of a document are passed over
//   - documents over several lines, as jq prints them
//   - an array: each element is a document
//   - a page of an API, an object with an array "resources": each element is a document. The other
//     members of a page are passed over
//
// Arrays hold pages, too, as jq -s makes them.
//
// # Input that is no JSON
//
// What cannot be cut is one document up to the next line that begins with { or [, without white
// space in front: there the next document begins. Nested lines are indented, or end the document
// before.
//
// # Limits
//
// A document of more than MaxDocument bytes comes cut. Pages and arrays have no limit: their
// elements come one by one, and memory holds one of them.
package documents

import (
	"fmt"
	"io"
)

// Limits of an input.
const (
	// MaxDocument is the greatest length of a document in bytes.
	MaxDocument = 1 << 20

	maxDepth = 64       // of the objects and arrays in a document
	maxOuter = 8        // of the arrays and pages around a document
	chunk    = 64 << 10 // of one read
)

// Document is one document of an input.
type Document struct {
	// Data is the document, at most MaxDocument bytes. It is valid until the next call of Next.
	Data   []byte
	Excess int    // bytes of the document beyond Data
	Line   uint32 // of its first byte, from 1
	Item   uint32 // its number in its page or array, from 1; 0 outside of one
	// Err says that the rest of a page or an array is missing. Then there is no Data, and Line is
	// the line where the page or the array begins.
	Err error
}

// resources is the member of a page with its documents, as a key is written.
const resources = "resources"

// Reader cuts one input. It is for one goroutine.
type Reader struct {
	src   io.Reader
	buf   []byte
	start int // of the document under way
	pos   int // of the first byte that is not looked at
	end   int // of the bytes read
	ended bool

	mode   mode
	line   uint32 // at pos
	began  uint32 // line of start
	item   uint32
	excess int // bytes of the document under way that were dropped
	outer  []outer

	// The rest is about the document under way.
	state   state
	depth   int
	objects uint64 // a bit for each level of depth: whether it is an object
	escape  bool   // the next byte of a string is escaped
	key     []byte // of the member at depth 1, its first bytes
	rest    bool   // it is a page, behind its resources
}

// outer is an array or a page around documents.
type outer struct {
	page    bool
	line    uint32
	items   uint32
	damaged bool // a document in it was no JSON: its end may be lost
}

type mode uint8

const (
	between  mode = iota // documents
	inside               // a document
	unlikely             // to be JSON: up to the next document
)

// state is what may come next in a document.
type state uint8

const (
	valueNext state = iota
	valueOrEnd
	keyNext
	keyOrEnd
	colonNext
	commaOrEnd
	inKey
	inText
	inScalar
)

// NewReader makes a Reader of the input.
func NewReader(src io.Reader) *Reader { return &Reader{src: src, line: 1} }

// Line returns the line that Next has come to, from 1.
func (r *Reader) Line() uint32 { return r.line }

// Next returns the next document. The error is io.EOF behind the last one; any other is the
// source's, and Next may be called again after it.
func (r *Reader) Next() (Document, error) {
	for {
		d, found := r.cut()
		if found {
			return d, nil
		}
		if r.ended {
			return r.last()
		}
		if err := r.fill(); err != nil {
			return Document{}, err
		}
	}
}

// fill reads on. It drops the bytes before the document under way, and those of it that are beyond
// MaxDocument.
func (r *Reader) fill() error {
	if r.mode == between || r.rest {
		r.start = r.pos
	}
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.pos -= r.start
		r.start = 0
	}
	if over := r.pos - MaxDocument; over > 0 {
		r.end = MaxDocument + copy(r.buf[MaxDocument:], r.buf[r.pos:r.end])
		r.pos = MaxDocument
		r.excess += over
	}
	if len(r.buf)-r.end < chunk {
		grown := make([]byte, min(max(2*len(r.buf), 4*chunk), MaxDocument+4*chunk))
		copy(grown, r.buf[:r.end])
		r.buf = grown
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if err == io.EOF {
		r.ended, err = true, nil
	}
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// cut returns the next document in the bytes that were read.
func (r *Reader) cut() (Document, bool) {
	for r.pos < r.end {
		switch r.mode {
		case between:
			if !r.begin() {
				return Document{}, false
			}
		case inside:
			if r.scan() {
				return r.finish(r.pos), true
			}
		case unlikely:
			end, found := r.passOver()
			if !found {
				return Document{}, false
			}
			return r.finish(end), true
		}
	}
	return Document{}, false
}

// last returns what is left at the end of the input.
func (r *Reader) last() (Document, error) {
	for r.mode == inside && !r.rest {
		r.unlikely()
		if d, found := r.cut(); found {
			return d, nil
		}
	}
	if r.mode == unlikely {
		r.pos = r.end
		return r.finish(r.end), nil
	}
	for len(r.outer) > 0 {
		o := r.outer[len(r.outer)-1]
		r.pop()
		if o.damaged {
			continue
		}
		name := "array"
		if o.page {
			name = "page"
		}
		return Document{Line: o.line, Err: fmt.Errorf("the %s ends in its middle, after %d documents: the rest is "+
			"missing", name, o.items)}, nil
	}
	return Document{}, io.EOF
}

// finish is the document that ends at a position.
func (r *Reader) finish(end int) Document {
	d := Document{Line: r.began, Item: r.item, Excess: r.excess + max(end-r.start-MaxDocument, 0)}
	d.Data = r.buf[r.start:min(end, r.start+MaxDocument)]
	if d.Excess == 0 {
		d.Data = trimmed(d.Data)
	}
	r.mode, r.excess, r.start = between, 0, r.pos
	return d
}

// trimmed is the text without white space behind it.
func trimmed(b []byte) []byte {
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
