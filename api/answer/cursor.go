package answer

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/daybook-billing/daybook/ledger"
)

// cursor is where a page ends, with the position of the first page: everything behind it belongs to
// another listing.
type cursor struct {
	Upto    uint64 // BILLING
	Metered uint64
	Known   uint64 // USAGE; 0: all
	After   ledger.Place
	digest  [digestBytes]byte // of the selection
}

// digestBytes is how much of a digest tells two selections apart. It guards against mistakes: a
// cursor opens nothing.
const digestBytes = 8

// digest is the digest of a selection.
func digest(selection any) (d [digestBytes]byte) {
	text, err := json.Marshal(selection)
	if err != nil {
		panic(err) // a struct of strings
	}
	sum := sha256.Sum256(text)
	copy(d[:], sum[:])
	return d
}

// String is the cursor as a token.
func (c *cursor) String() string {
	b := append([]byte(nil), c.digest[:]...)
	for _, n := range []uint64{c.Upto, c.Metered, c.Known, c.After.Sequence, uint64(c.After.Index)} {
		b = binary.AppendUvarint(b, n)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (c *cursor) position() Position {
	return Position{Billing: c.Upto, Metered: c.Metered, Usage: c.Known}
}

// readCursor reads what String wrote for the same selection.
func readCursor(text string, selection any, known uint64) (*cursor, error) {
	c := &cursor{digest: digest(selection)}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < digestBytes {
		return nil, invalid("the cursor is none: give the next of a page")
	}
	if [digestBytes]byte(b) != c.digest {
		return nil, invalid("the cursor is of another selection: give the same parameters as for the first page")
	}
	b = b[digestBytes:]
	var index uint64
	for _, to := range []*uint64{&c.Upto, &c.Metered, &c.Known, &c.After.Sequence, &index} {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, invalid("the cursor is none: give the next of a page")
		}
		*to, b = n, b[size:]
	}
	if len(b) > 0 || index > 1<<32-1 || c.Upto == 0 || c.Known != known {
		return nil, invalid("the cursor is none: give the next of a page, with the same known_at")
	}
	c.After.Index = uint32(index)
	return c, nil
}
