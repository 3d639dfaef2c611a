package events

import "hash/maphash"

// maxInterned is the length in bytes of the longest string an Interner keeps.
const maxInterned = 128

// Interner gives equal strings the same memory: facts, spans and charges repeat the same guids and
// names all the time. It holds a fixed number of strings, a new one takes the place of an old one.
// A nil Interner keeps nothing; one Interner belongs to one goroutine.
type Interner struct {
	seed  maphash.Seed
	slots []string
}

// NewInterner returns an Interner for up to 2^bits strings of at most 128 bytes; 16 bits take 1 MiB
// and the strings.
func NewInterner(bits uint8) *Interner {
	return &Interner{seed: maphash.MakeSeed(), slots: make([]string, 1<<min(bits, 24))}
}

func (in *Interner) intern(b []byte) string {
	if len(b) > maxInterned {
		return string(b)
	}
	slot := &in.slots[maphash.Bytes(in.seed, b)&uint64(len(in.slots)-1)]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// DecodeFact is Usage.DecodeFact with shared strings.
func (in *Interner) DecodeFact(x *Usage, b []byte) error {
	return x.decode(scanner{b: b, keep: in, fact: true})
}

// DecodeMetered is Metered.DecodeJSON with shared strings.
func (in *Interner) DecodeMetered(x *Metered, b []byte) error {
	return x.decode(scanner{b: b, keep: in})
}

// DecodeChanges is DecodeMetered without Running.
func (in *Interner) DecodeChanges(x *Metered, b []byte) error {
	return x.decode(scanner{b: b, keep: in, without: meteredParts{running: true}})
}

// DecodeRunning is DecodeMetered without Retracted and Closed.
func (in *Interner) DecodeRunning(x *Metered, b []byte) error {
	return x.decode(scanner{b: b, keep: in, without: meteredParts{changes: true}})
}

// DecodeBilling is Billing.DecodeJSON with shared strings.
func (in *Interner) DecodeBilling(x *Billing, b []byte) error {
	return x.decode(scanner{b: b, keep: in})
}
