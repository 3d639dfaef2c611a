package jsondoc

import (
	"fmt"
	"sync"
)

// Limits of one document; a larger one is refused.
const (
	MaxDepth = 64
	MaxNodes = 100_000
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds. Missing is the kind of an absent value.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Object
	Array
)

// node is one value. Offsets are into the document's bytes; strings and keys include their quotes.
type node struct {
	keyStart, keyEnd uint32
	start, end       uint32
	next             int32 // next sibling, 0 when last (the root, 0, is nobody's sibling)
	child            int32 // first child, 0 when none
	kind             Kind
	escaped          bool // the string holds a backslash
	keyEscaped       bool
}

// Document is one parsed JSON object. The zero value is ready for Parse. It shares memory with the
// parsed bytes, and it is not safe for concurrent use.
type Document struct {
	src   []byte
	nodes []node
	// text and other are for ParseText: the one holds the text under way, the other the next.
	text, other []byte
	compared    int // keys compared and indexed so far, to find duplicates
}

// pool only saves memory: no document in it is anybody's.
var pool = sync.Pool{New: func() any { return new(Document) }}

// Borrow returns a document for a short use; Return gives it back.
func Borrow() *Document {
	d, ok := pool.Get().(*Document)
	if !ok {
		return new(Document) // the pool holds nothing else
	}
	return d
}

// Return ends the use of a borrowed document and its values. A large document is not
// kept.
func (d *Document) Return() {
	if cap(d.nodes) > 4096 || cap(d.text)+cap(d.other) > 64<<10 {
		return
	}
	d.src = nil
	pool.Put(d)
}

// ParseText parses the document anew, from the text of a string in it: a JSON object.
// All values of the document end. An error is a *SyntaxError.
func (d *Document) ParseText(of Value) error {
	if of.Kind() != String {
		return d.Parse(nil)
	}
	n := &d.nodes[of.i]
	text := d.src[n.start+1 : n.end-1]
	if n.escaped {
		d.text, d.other = appendUnquoted(d.other[:0], text), d.text
		text = d.text
	}
	d.src, d.nodes = text, d.nodes[:0]
	return d.scan() // every string of a document is UTF-8
}

// Value is a value in a document; the zero Value is missing. It is valid until the document is
// parsed again.
type Value struct {
	d *Document
	i int32
}

// SyntaxError tells where bytes stop being an acceptable JSON object.
type SyntaxError struct {
	Column  int // 1-based byte position
	Message string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("column %d: %s", e.Column, e.Message)
}

// Root returns the object itself.
func (d *Document) Root() Value { return Value{d, 0} }

// Bytes returns the object's bytes, without white space around it.
func (d *Document) Bytes() []byte { return d.src[d.nodes[0].start:d.nodes[0].end] }

// Exists reports whether the value is there, null or not.
func (v Value) Exists() bool { return v.d != nil }

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if v.d == nil {
		return Missing
	}
	return v.d.nodes[v.i].kind
}

// Raw returns the value's bytes as they are in the document, strings with their quotes.
func (v Value) Raw() []byte {
	n := &v.d.nodes[v.i]
	return v.d.src[n.start:n.end]
}

// Text returns the decoded string, and "" for every other kind.
func (v Value) Text() string {
	if v.Kind() != String {
		return ""
	}
	n := &v.d.nodes[v.i]
	return unquote(v.d.src[n.start+1:n.end-1], n.escaped)
}

// Get returns the member of an object; it is missing when there is none, or v is no object.
func (v Value) Get(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	nodes, src := v.d.nodes, v.d.src
	for i := nodes[v.i].child; i != 0; i = nodes[i].next {
		n := &nodes[i]
		if n.keyEscaped {
			if unquote(src[n.keyStart+1:n.keyEnd-1], true) == key {
				return Value{v.d, i}
			}
		} else if int(n.keyEnd-n.keyStart) == len(key)+2 && string(src[n.keyStart+1:n.keyEnd-1]) == key {
			return Value{v.d, i}
		}
	}
	return Value{}
}

// Each calls yield for every member of an object with its decoded key, and for every element of an
// array with an empty key, in order. The key is valid until yield returns.
func (v Value) Each(yield func(key []byte, member Value)) {
	if v.d == nil {
		return
	}
	for i := v.d.nodes[v.i].child; i != 0; i = v.d.nodes[i].next {
		yield(Value{v.d, i}.key(), Value{v.d, i})
	}
}

// key returns the decoded key, a part of the document unless it had escapes.
func (v Value) key() []byte {
	n := &v.d.nodes[v.i]
	switch {
	case n.keyEnd == n.keyStart:
		return nil
	case n.keyEscaped:
		return []byte(unquote(v.d.src[n.keyStart+1:n.keyEnd-1], true))
	}
	return v.d.src[n.keyStart+1 : n.keyEnd-1]
}

func (v Value) rawKey() []byte {
	n := &v.d.nodes[v.i]
	return v.d.src[n.keyStart:n.keyEnd]
}
