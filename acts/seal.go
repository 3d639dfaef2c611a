package acts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// sealer is the name in seals.
const sealer = "daybook pricer"

// Limits of the seals of a batch, beside bus.MaxBatch: bytes of a part, whose act has the rest of a
// message, and of a batch with several statements.
const (
	maxStatement  = events.MaxBody - 64<<10
	maxSealsBatch = 16 << 20
)

// ErrUnsealable: a statement has no seal, and another try gives it none.
var ErrUnsealable = errors.New("a statement can not be sealed")

// Unsealed are statements and credit notes of a foundation without a seal, in the order of the
// numbers that they get, and the last number given.
type Unsealed struct {
	Number     uint64
	Statements []statement.Statement
}

// Seal gives the statements and credit notes of a foundation the next numbers, in their order, and
// stores each once. A statement and its parts stand in one atomic batch. behind tells what has no
// seal once the seals up to a message of USAGE are taken, 0 for none. Errors: *BusyError; those of
// behind; ErrUnsealable, when all others are sealed, for a statement with more than
// statement.MaxParts parts, and for seals that were stored and not taken.
func Seal(ctx context.Context, b Bus, source, foundation string, at time.Time,
	behind func(ctx context.Context, last uint64) (Unsealed, error),
) error {
	var stored, given uint64 // last numbers: of the seals stored, and of the batch at hand
	var large error
	p := publish{bus: b, filters: []string{events.ActSubject(events.ActSeal, source, foundation)}}
	p.next = func(expectation uint64) (batch []events.Act, err error) {
		of, err := behind(ctx, expectation)
		if err == nil && of.Number < stored {
			err = fmt.Errorf("the seals of %s/%s are stored up to number %d, and taken up to number %d; daybook "+
				"anomalies list says why: %w", source, foundation, stored, of.Number, ErrUnsealable)
		}
		if err != nil {
			return nil, err
		}
		batch, given, large = of.seals(expectation, at)
		return batch, nil
	}
	for {
		last, err := p.run(ctx)
		switch {
		case err != nil:
			return err
		case last == 0:
			return large
		}
		stored = given
	}
}

// seals makes a batch of seals behind one; number is the last one in it.
func (u *Unsealed) seals(expectation uint64, at time.Time) (batch []events.Act, number uint64, large error) {
	number = u.Number
	size := 0
	var without *statement.Statement
	for i := range u.Statements {
		x := u.Statements[i]
		if without != nil && without.Tenant == x.Tenant && without.Month == x.Month {
			continue // it replaces one without a seal
		}
		x.Number = number + 1
		parts := x.Parted(maxStatement)
		if len(parts) > statement.MaxParts {
			without = &u.Statements[i]
			large = fmt.Errorf("the statement of tenant %s, month %s, has %d lines in %d parts, and at most %d are "+
				"sealed: merge plans or components of the catalogue, reopen the month and close it again: %w", x.Tenant,
				x.Month, len(x.Lines), len(parts), statement.MaxParts, ErrUnsealable)
			continue
		}
		all := make([]events.Act, len(parts))
		for n := range parts {
			all[n] = seal(&parts[n], expectation, at)
			size += len(all[n].Statement)
		}
		if len(batch) > 0 && (len(batch)+len(all) > bus.MaxBatch || size > maxSealsBatch) {
			break
		}
		batch, number = append(batch, all...), x.Number
	}
	return batch, number, large
}

// seal is the seal of a part. A statement that was stored in part is sealed anew, under other ids.
func seal(part *statement.Statement, expectation uint64, at time.Time) events.Act {
	return events.Act{
		ID:   events.ID("seal", part.ID, strconv.FormatUint(expectation, 10)),
		Kind: events.ActSeal, Source: part.Source, Foundation: part.Foundation, By: sealer, Time: at,
		Expectation: expectation, Statement: part.AppendJSON(nil),
	}
}
