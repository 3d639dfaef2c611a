package jsondoc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// fewKeys is how many keys of one object are compared one by one. Beyond it a set of all keys is
// cheaper, and the work grows linearly with the keys, whatever they are: Go seeds the hash of every
// map anew.
const fewKeys = 32

// keys is the keys of one object so far.
type keys struct {
	s      *scanner
	parent int // the object's node
	count  int
	filter filter              // only a hit needs a comparison with the siblings
	set    map[string]struct{} // nil up to fewKeys
}

// add adds the key of a member and reports whether it has been there.
func (k *keys) add(n *node) bool {
	k.count++
	if k.set == nil {
		if !k.filter.add(k.s.src[n.keyStart+1:n.keyEnd-1], n.keyEscaped) {
			return false
		}
		if k.count <= fewKeys {
			return k.duplicate(n)
		}
		k.index()
	}
	key := k.s.decoded(n)
	k.s.d.compared++
	if _, found := k.set[string(key)]; found {
		return true
	}
	k.set[string(key)] = struct{}{}
	return false
}

// index makes the set of the keys before.
func (k *keys) index() {
	k.set = make(map[string]struct{}, 4*k.count)
	nodes := k.s.d.nodes
	for i := nodes[k.parent].child; i != 0; i = nodes[i].next {
		k.s.d.compared++
		k.set[string(k.s.decoded(&nodes[i]))] = struct{}{}
	}
}

// duplicate reports whether a member before has the key.
func (k *keys) duplicate(n *node) bool {
	key, nodes := k.s.decoded(n), k.s.d.nodes
	for i := nodes[k.parent].child; i != 0; i = nodes[i].next {
		k.s.d.compared++
		if bytes.Equal(key, k.s.decoded(&nodes[i])) {
			return true
		}
	}
	return false
}

// decoded returns the key of a member, a part of the source unless it has escapes.
func (s *scanner) decoded(n *node) []byte {
	key := s.src[n.keyStart+1 : n.keyEnd-1]
	if n.keyEscaped {
		return []byte(unquote(key, true))
	}
	return key
}

// filter is a Bloom filter of one hash over an object's keys.
type filter struct {
	bits    [8]uint64
	escaped bool // a key has escapes: any may be equal to it
}

// add adds a key and reports whether it may have been there.
func (f *filter) add(key []byte, escaped bool) bool {
	if escaped || f.escaped {
		f.escaped = true
		return true
	}
	h := hash(key)
	word, bit := h>>6&7, uint64(1)<<(h&63)
	hit := f.bits[word]&bit != 0
	f.bits[word] |= bit
	return hit
}

// hash makes 9 bits of a key: of its length and its first and last eight bytes, which tell most
// keys of one object apart.
func hash(key []byte) uint64 {
	h := uint64(len(key))
	if len(key) >= 8 {
		h += binary.LittleEndian.Uint64(key) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(key[len(key)-8:]), 29)
	} else {
		for _, c := range key {
			h = h<<8 | uint64(c)
		}
	}
	return h * 0x9E3779B97F4A7C15 >> 55
}
