package jsondoc

import "bytes"

// Edit changes a document while it is written out. Both functions may be nil.
type Edit struct {
	// Drop reports whether the member with this key is left out. Elements of arrays are always
	// kept.
	Drop func(key []byte) bool
	// Text returns the new string value; the same string keeps its token byte for byte.
	Text func(s string) string
}

// Append appends the value without white space between tokens, edited. Unchanged tokens
// are copied byte for byte, and members keep their order.
func (v Value) Append(b []byte, e Edit) []byte {
	n := &v.d.nodes[v.i]
	switch n.kind {
	case Object, Array:
	case String:
		if e.Text == nil {
			return append(b, v.Raw()...)
		}
		old := v.Text()
		if s := e.Text(old); s != old {
			return appendText(b, s)
		}
		return append(b, v.Raw()...)
	default:
		return append(b, v.Raw()...)
	}
	opening, closing := byte('['), byte(']')
	if n.kind == Object {
		opening, closing = '{', '}'
	}
	b = append(b, opening)
	first := true
	for i := n.child; i != 0; i = v.d.nodes[i].next {
		m := Value{v.d, i}
		if n.kind == Object && e.Drop != nil && e.Drop(m.key()) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if n.kind == Object {
			b = append(b, m.rawKey()...)
			b = append(b, ':')
		}
		b = m.Append(b, e)
	}
	return append(b, closing)
}

// ReplaceTexts returns the object with every string value replaced by the result of text, all
// other bytes verbatim, and whether anything changed. When nothing did, the result is Bytes.
func (d *Document) ReplaceTexts(text func(s string) string) ([]byte, bool) {
	var out []byte
	from := d.nodes[0].start
	for i := range d.nodes {
		n := &d.nodes[i]
		if n.kind != String {
			continue
		}
		old := unquote(d.src[n.start+1:n.end-1], n.escaped)
		s := text(old)
		if s == old {
			continue
		}
		out = append(out, d.src[from:n.start]...)
		out = appendText(out, s)
		from = n.end
	}
	if out == nil {
		return d.Bytes(), false
	}
	return append(out, d.src[from:d.nodes[0].end]...), true
}

// OneLine returns a copy of the object: verbatim when it stands on one line, else without white
// space between tokens.
func (d *Document) OneLine() []byte {
	b := d.Bytes()
	if bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return append(make([]byte, 0, len(b)), b...)
	}
	return d.Root().Append(make([]byte, 0, len(b)), Edit{})
}
