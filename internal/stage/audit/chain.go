// Package audit has the chain, the running digest over the outputs of a stage, and the audit of a
// stored stream by it: whether any message is missing, changed or added.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Header names of the contract of stages that an audit reads: on every output, and on the last one
// of each batch.
const (
	HeaderSourceSeq = "Daybook-Source-Seq"
	HeaderChain     = "Daybook-Chain"
	HeaderCount     = "Daybook-Count" // outputs in the stream up to here
)

// Chain is the running digest over subject and body of every output of a stage, in order: two
// output streams are equal when their chains are. It leaves out headers: a stream rebuilt from the
// same facts has the same chain.
type Chain [sha256.Size]byte

// Next is the chain with one more output.
func (c Chain) Next(subject string, body []byte) Chain {
	next, _ := c.NextIn(nil, subject, body)
	return next
}

// NextIn is Next with memory to work in. It returns the memory for the next call.
func (c Chain) NextIn(scratch []byte, subject string, body []byte) (next Chain, _ []byte) {
	scratch = append(scratch[:0], c[:]...)
	scratch = binary.BigEndian.AppendUint32(scratch,
		uint32(len(subject))) //nolint:gosec // subjects are at most a few kilobytes
	scratch = append(append(scratch, subject...), body...)
	return sha256.Sum256(scratch), scratch
}

// String is the chain in hexadecimal digits, as in the header.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }
