package statements

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// Series is what is issued in a foundation: one series of numbers, from 1, over statements and
// credit notes. The zero value is an empty one.
type Series struct {
	Number uint64 // the last one
	// Issued are the ids of all of them, 16 bytes each.
	Issued map[[16]byte]struct{}
	// Parts are the parts of the next one so far. It is issued with its last part: without that its
	// number goes to whatever is begun behind it.
	Parts []statement.Statement
}

// Take takes a seal. With the last part of a statement it returns all of them, and before that
// none. The error says why the seal is none: then it changes nothing. over reports whether the
// month is over, and last is what was issued last for the tenant's month, nil where that is not
// kept.
func (s *Series) Take(x *statement.Statement, over bool, last *statement.Statement) ([]statement.Statement, error) {
	if err := s.next(x, over); err != nil {
		return nil, err
	}
	if x.Part == 0 {
		s.Parts = nil
	}
	s.Parts = append(s.Parts, *x)
	if !x.Last() {
		return nil, nil
	}
	parts := s.Parts
	s.Parts = nil
	whole := Joined(parts)
	if err := s.follows(&whole, last); err != nil {
		return nil, err
	}
	raw, _ := events.ParseID(whole.ID) // as id made it
	if s.Issued == nil {
		s.Issued = map[[16]byte]struct{}{}
	}
	s.Issued[raw], s.Number = struct{}{}, whole.Number
	return parts, nil
}

// next reports why a message is neither the next part of a statement nor the first one of the next
// statement.
func (s *Series) next(x *statement.Statement, over bool) error {
	switch {
	case x.Number <= s.Number:
		return fmt.Errorf("number %d is given already, and %d is the next one", x.Number, s.Number+1)
	case x.Number > s.Number+1:
		return fmt.Errorf("number %d is not the next one, which is %d", x.Number, s.Number+1)
	case x.Parts > statement.MaxParts || x.Part >= x.Parts:
		return fmt.Errorf("it is part %d of %d, and a statement has 1 to %d parts", x.Part+1, x.Parts,
			statement.MaxParts)
	case x.ID != statement.PartID(id(x), x.Part):
		return errors.New("its id is not that of its tenant, month, revision and part")
	case x.Part > 0 && (len(s.Parts) != int(x.Part) || !sameFrame(x, &s.Parts[0])):
		return fmt.Errorf("it is part %d of %d, and does not go on with the part before it", x.Part+1, x.Parts)
	case !over:
		return errors.New("its month is not over")
	}
	return nil
}

// sameFrame reports whether two parts have all but the lines in common.
func sameFrame(a, b *statement.Statement) bool {
	x, y := *a, *b
	x.ID, x.Part, x.Lines = y.ID, y.Part, y.Lines
	return bytes.Equal(x.AppendJSON(nil), y.AppendJSON(nil))
}

// follows reports why a statement can not come behind what is issued for its tenant's month: a
// credit note takes the statement there back, and the next revision comes behind that.
func (s *Series) follows(x, last *statement.Statement) error {
	before := *x // what it comes behind
	switch {
	case s.has(x):
		return fmt.Errorf("revision %d is issued already", x.Revision)
	case x.CreditNote():
		before.Credits = 0
	default:
		before.Credits = x.Number
		before.Revision--
	}
	if (x.CreditNote() || x.Revision != 1) && !s.has(&before) {
		return fmt.Errorf("what revision %d comes behind is not issued", x.Revision)
	}
	if !addsUp(x) {
		return errors.New("its totals are not those of its lines")
	}
	if x.CreditNote() && last != nil {
		if want := CreditNote(last, x.Closed); !bytes.Equal(content(x), content(&want)) || x.Credits != want.Credits {
			return fmt.Errorf("it does not take back statement %d", last.Number)
		}
	}
	return nil
}

// addsUp reports whether the lines come to the sums, exactly and as rounded.
func addsUp(x *statement.Statement) bool {
	own := *x
	if x.CreditNote() {
		negate(&own)
	}
	again := own
	again.Lines = slices.Clone(own.Lines)
	again.Settle()
	return bytes.Equal(content(&own), content(&again))
}

// content is the lines and the sums as JSON.
func content(x *statement.Statement) []byte {
	of := statement.Statement{Lines: x.Lines, Rates: x.Rates, Totals: x.Totals}
	return of.AppendJSON(nil)
}

// has reports whether a statement was issued.
func (s *Series) has(x *statement.Statement) bool {
	raw, _ := events.ParseID(id(x))
	_, issued := s.Issued[raw]
	return issued
}

// Joined are all parts of a statement as one.
func Joined(parts []statement.Statement) (whole statement.Statement) {
	for i := range parts {
		whole.Join(&parts[i])
	}
	whole.Part, whole.Parts = 0, 1
	return whole
}
