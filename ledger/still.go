package ledger

import "context"

// Stills is a Reader with several answers at one position, in spite of posting meanwhile.
type Stills interface {
	// Still asks a reader of one state of the ledger, and returns its positions. The reader is
	// valid during the call, for one goroutine. still is false after posting at each try: then the
	// answer may have more than the positions say.
	Still(ctx context.Context, answer func(r Reader) error) (at Positions, still bool, err error)
}

// stillTries is how often an answer is made again, because something was posted meanwhile.
const stillTries = 3

// Still calls the method of one of Stills. Any other reader answers between two equal positions.
func Still(ctx context.Context, r Reader, answer func(r Reader) error) (at Positions, still bool, err error) {
	if s, ok := r.(Stills); ok {
		return s.Still(ctx, answer)
	}
	at, err = r.Positions(ctx)
	for range stillTries {
		if err != nil {
			break
		}
		if err = answer(r); err != nil {
			break
		}
		var after Positions
		if after, err = r.Positions(ctx); err != nil || after == at {
			return at, err == nil, err
		}
		at = after
	}
	return at, false, err
}
