package documents

import (
	"bytes"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// begin finds the beginning of a document, or the end of an array. It reports whether it came to
// one of them.
func (r *Reader) begin() bool {
	for r.pos < r.end {
		switch c := r.buf[r.pos]; {
		case c == '\n':
			r.line++
			r.pos++
		case space(c), c == ',',
			c == 0x1e, // RFC 7464 writes it before each document
			c == 0:    // of a file that was cut while its writer kept its place
			r.pos++
		case c == 0xef && r.end-r.pos < 3 && !r.ended:
			return false
		case bytes.HasPrefix(r.buf[r.pos:r.end], []byte("\xef\xbb\xbf")): // a byte order mark
			r.pos += 3
		case c == ']' && len(r.outer) > 0:
			r.pos++
			r.endArray()
			return true
		case c == '[' && len(r.outer) < maxOuter:
			r.pos++
			r.outer = append(r.outer, outer{line: r.line})
		default:
			r.beginDocument(c)
			return true
		}
	}
	return true
}

func (r *Reader) beginDocument(c byte) {
	r.start, r.began, r.item = r.pos, r.line, 0
	if n := len(r.outer); n > 0 {
		r.outer[n-1].items++
		r.item = r.outer[n-1].items
	}
	if c != '{' {
		r.unlikely()
	} else {
		r.mode, r.depth, r.rest, r.escape = inside, 0, false, false
		r.open(true)
		r.pos++
	}
}

// endArray leaves the array of documents. The page around it goes on with its other members.
func (r *Reader) endArray() {
	if !r.outer[len(r.outer)-1].page {
		r.pop()
		return
	}
	r.mode, r.rest, r.depth = inside, true, 0
	r.open(true)
	r.state = commaOrEnd
}

func (r *Reader) pop() {
	r.outer = r.outer[:len(r.outer)-1]
	r.mode, r.rest = between, false
}

// open enters an object or an array of the document.
func (r *Reader) open(object bool) bool {
	if r.depth == maxDepth {
		return false
	}
	bit := uint64(1) << r.depth
	r.depth++
	r.objects &^= bit
	r.state = valueOrEnd
	if object {
		r.objects |= bit
		r.state = keyOrEnd
	}
	return true
}

func (r *Reader) inObject() bool { return r.objects>>(r.depth-1)&1 == 1 }

// scan goes on in a document. It reports whether the document ends at pos.
func (r *Reader) scan() bool {
	for r.pos < r.end {
		c := r.buf[r.pos]
		switch r.state {
		case inKey, inText:
			if !r.text() {
				r.unlikely()
				return false
			}
			continue
		case inScalar:
			r.scalar()
			continue
		}
		if space(c) {
			if c == '\n' {
				r.line++
			}
			r.pos++
			continue
		}
		if !r.token(c) {
			r.unlikely()
			return false
		}
		r.pos++
		switch {
		case r.mode == between: // the resources of a page begin
			return false
		case r.depth == 0 && r.rest:
			r.pop()
			return false
		case r.depth == 0:
			return true
		}
	}
	return false
}

// token takes the first byte of a token, and reports whether it may stand there.
func (r *Reader) token(c byte) bool {
	switch r.state {
	case keyNext, keyOrEnd:
		if c == '"' {
			r.state, r.key = inKey, r.key[:0]
			return true
		}
		return c == '}' && r.state == keyOrEnd && r.close()
	case colonNext:
		r.state = valueNext
		return c == ':'
	case commaOrEnd:
		if c == ',' {
			r.state = valueNext
			if r.inObject() {
				r.state = keyNext
			}
			return true
		}
		return c == '}' && r.inObject() && r.close() || c == ']' && !r.inObject() && r.close()
	}
	return r.value(c)
}

// value takes the first byte of a value.
func (r *Reader) value(c byte) bool {
	switch c {
	case '"':
		r.state = inText
	case '[':
		if r.depth == 1 && string(r.key) == resources && r.page() {
			return true
		}
		return r.open(false)
	case '{':
		return r.open(true)
	case ']':
		return r.state == valueOrEnd && r.close()
	case '}', ',', ':':
		return false
	default:
		r.state = inScalar // whoever reads the document tells numbers from nonsense
	}
	return true
}

// close leaves an object or an array of the document.
func (r *Reader) close() bool {
	r.depth--
	r.state = commaOrEnd
	return true
}

// page makes the document under way a page, whose resources begin.
func (r *Reader) page() bool {
	if !r.rest {
		if len(r.outer) == maxOuter {
			return false
		}
		if n := len(r.outer); n > 0 {
			r.outer[n-1].items-- // it is no document
		}
		r.outer = append(r.outer, outer{page: true, line: r.began})
	}
	r.mode, r.rest, r.excess = between, false, 0
	return true
}

// text goes on in a string, and reports whether it may be one: a line never ends in it.
func (r *Reader) text() bool {
	p := r.pos
	if r.escape {
		p++ // the byte behind the backslash
		r.escape = false
	}
	for p = jsondoc.Plain(r.buf[:r.end], p); p < r.end; p = jsondoc.Plain(r.buf[:r.end], p) {
		switch r.buf[p] {
		case '"':
			if r.state == inKey {
				r.keep(r.buf[r.pos:p])
				r.state = colonNext
			} else {
				r.state = commaOrEnd
			}
			r.pos = p + 1
			return true
		case '\\':
			if p+1 == r.end {
				r.escape = true
			}
			p++
		case '\n':
			return false
		}
		p++
	}
	if r.state == inKey {
		r.keep(r.buf[r.pos:r.end])
	}
	r.pos = r.end
	return true
}

// keep keeps the beginning of a key at depth 1.
func (r *Reader) keep(part []byte) {
	if r.depth == 1 {
		r.key = append(r.key, part[:min(len(part), len(resources)+1-len(r.key))]...)
	}
}

// scalar goes on in a number, true, false, null, or nonsense.
func (r *Reader) scalar() {
	for r.pos < r.end {
		switch c := r.buf[r.pos]; c {
		case ',', '}', ']', ':', '"', '{', '[', ' ', '\n', '\r', '\t':
			r.state = commaOrEnd
			return
		}
		r.pos++
	}
}

// unlikely gives the document under way up as JSON. Its end is looked for from its first byte on,
// as far as that is there.
func (r *Reader) unlikely() {
	for i := range r.outer {
		r.outer[i].damaged = true
	}
	switch {
	case r.rest: // a page behind its resources
		r.start, r.began = r.pos, r.line
	case r.excess == 0:
		r.pos, r.line = r.start, r.began
	}
	r.mode, r.rest, r.escape = unlikely, false, false
}

// passOver finds the end of what is no JSON: the line end before a line that begins with { or [.
func (r *Reader) passOver() (end int, found bool) {
	for {
		i := bytes.IndexByte(r.buf[r.pos:r.end], '\n')
		if i < 0 {
			r.pos = r.end
			return 0, false
		}
		if r.pos += i; r.pos+1 == r.end {
			return 0, false // what comes behind the line end is not read yet
		}
		if next := r.buf[r.pos+1]; next == '{' || next == '[' {
			return r.pos, true
		}
		r.line++
		r.pos++
	}
}
