package events

import "github.com/daybook-billing/daybook/events/wire"

// Interner gives equal strings the same memory: facts, spans and charges repeat the same guids and
// names all the time. It holds a fixed number of strings, a new one takes the place of an old one.
// A nil Interner keeps nothing; one Interner belongs to one goroutine.
type Interner struct{ strings *wire.Strings }

// NewInterner returns an Interner for up to 2^bits strings of at most 128 bytes; 16 bits take 1 MiB
// and the strings.
func NewInterner(bits uint8) *Interner { return &Interner{wire.NewStrings(bits)} }

// scan returns a scanner that shares strings.
func (in *Interner) scan(b []byte) scanner {
	s := scan(b)
	if in != nil {
		s.Keep = in.strings
	}
	return s
}

// DecodeFact is Usage.DecodeFact with shared strings.
func (in *Interner) DecodeFact(x *Usage, b []byte) error {
	s := in.scan(b)
	s.Fact = true
	return x.decode(s)
}

// DecodeMetered is Metered.DecodeJSON with shared strings.
func (in *Interner) DecodeMetered(x *Metered, b []byte) error {
	return x.decode(in.scan(b))
}

// DecodeChanges is DecodeMetered without Running.
func (in *Interner) DecodeChanges(x *Metered, b []byte) error {
	s := in.scan(b)
	s.without.running = true
	return x.decode(s)
}

// DecodeRunning is DecodeMetered without Retracted and Closed.
func (in *Interner) DecodeRunning(x *Metered, b []byte) error {
	s := in.scan(b)
	s.without.changes = true
	return x.decode(s)
}

// DecodeBilling is Billing.DecodeJSON with shared strings.
func (in *Interner) DecodeBilling(x *Billing, b []byte) error {
	return x.decode(in.scan(b))
}
