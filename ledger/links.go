package ledger

import "context"

// Links are the messages that say more about an entry than its own.
type Links struct {
	// Stands reports that its span is not retracted.
	Stands bool
	// Span is the sequence in METERED of the message that published a span that stands; 0: the one
	// that the entry was derived from.
	Span uint64
	// Reversal is the sequence in BILLING of the last entry that takes it back; 0: none does.
	Reversal uint64
}

// Linked is a Reader that finds single entries, and what is linked to them, without a look through
// the streams. Links fails with ErrNone where that is not known.
type Linked interface {
	// Charge is that of a Reader. Error: ErrNone.
	Charge(ctx context.Context, q Query, id string) (Charge, error)
	Links(ctx context.Context, c *Charge) (Links, error)
}
