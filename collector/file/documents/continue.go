package documents

import (
	"bytes"
	"io"
)

// Edge returns the line of the first byte that is not read from the source yet.
func (r *Reader) Edge() uint32 {
	return r.line + uint32(bytes.Count(r.buf[r.pos:r.end], []byte{'\n'})) //nolint:gosec // far below
}

// Torn reports that the input ends in the middle of a document, as far as it is read.
func (r *Reader) Torn() bool {
	return r.mode == inside || r.mode == unlikely && r.end > 0 && r.buf[r.end-1] != '\n'
}

// Continue goes on with another source, whose first byte is on the line given. It may be called
// when Next has returned an error of the source before. A document under way goes on in it, behind
// a line end where it is separated, and its Line, as an int32, is 0 or less: before, added to it,
// makes it the line in the source before.
func (r *Reader) Continue(src io.Reader, line uint32, separated bool) (before uint32) {
	if separated {
		r.buf = append(r.buf[:r.end], '\n')
		r.end++
		r.buf = r.buf[:cap(r.buf)]
	}
	before = r.Edge() - line
	r.src = src
	r.line -= before
	r.began -= before
	for i := range r.outer {
		r.outer[i].line -= before
	}
	return before
}
