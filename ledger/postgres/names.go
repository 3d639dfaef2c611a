package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
)

// Facts is the part of the bus for names, and for their erasure.
type Facts interface {
	Usage
	names.Reader
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
}

const (
	// lookEvery is the time between two looks for names and erasures.
	lookEvery = time.Second
	// namesBatch is how many lists of names go into one transaction.
	namesBatch = 200
)

// watch notes how far another process fills a new generation, for the metrics.
func (l *Ledger) watch(ctx context.Context, from Facts) error {
	r, err := l.rebuild(ctx, from)
	l.filling.Store(r)
	return err
}

// KeepNames keeps the table of names as the bucket has them, and erases names everywhere, until
// ctx is done. It calls noted, once, when the erasures so far are noted: what is posted from then
// on has no erased names. Errors are retried. State counts a process with it among those that post.
func (l *Ledger) KeepNames(ctx context.Context, from Facts, noted func()) {
	k := &keeping{ledger: l, from: from}
	here := &present{}
	defer here.end(ctx)
	said := ""
	for {
		err := k.note(ctx)
		if err == nil && noted != nil {
			noted()
			noted = nil
		}
		if err == nil {
			err = errors.Join(k.look(ctx), here.tell(ctx, l), l.watch(ctx, from))
		}
		if ctx.Err() != nil {
			return
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		switch {
		case err != nil && now != said:
			l.log.Warn("the names in the database are not up to date; it is tried again", slog.Any("error", err))
		case err == nil && said != "":
			l.log.Info("the names in the database are up to date again")
		}
		said = now
		_ = bus.Wait(ctx, lookEvery)
	}
}

// TakeNames is one look of KeepNames: all names and erasures are taken as they are now.
func (l *Ledger) TakeNames(ctx context.Context, from Facts) error {
	k := &keeping{ledger: l, from: from}
	if err := k.note(ctx); err != nil {
		return err
	}
	return k.look(ctx)
}

// keeping is the keeping of names by one process.
type keeping struct {
	ledger *Ledger
	from   Facts
	erased uint64 // sequence in USAGE of the last noted erasure
	denied bool   // the user may not read names: the table stays empty
}

// note notes the erasures.
func (k *keeping) note(ctx context.Context) error {
	last, err := names.ErasureSequence(ctx, k.from)
	if err != nil || last == k.erased {
		return err
	}
	all, err := names.LoadErasures(ctx, k.from)
	if err != nil {
		return err
	}
	if err := k.ledger.note(ctx, all.Tenants()); err != nil {
		return err
	}
	k.erased = last
	return nil
}

// look takes names, and finishes erasures.
func (k *keeping) look(ctx context.Context) error {
	unfinished := k.ledger.finish(ctx, k.from)
	if k.denied {
		return unfinished
	}
	err := k.ledger.takeNames(ctx, k.from)
	if errors.Is(err, bus.ErrDenied) {
		k.denied, err = true, nil
		k.ledger.log.Warn("this user of NATS may not read names: the table of names stays as it is")
	}
	return errors.Join(unfinished, err)
}

// namesMark is how far the table of names is filled.
func namesMark(ctx context.Context, from interface {
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
},
) (at names.Mark, err error) {
	var created []byte
	err = from.QueryRow(ctx, "SELECT sequence, mark FROM positions WHERE stream = $1", names.Stream).
		Scan(&at.Sequence, &created)
	if errors.Is(err, pgx.ErrNoRows) {
		return names.Mark{}, nil
	}
	if err == nil && len(created) > 0 {
		at.Created, err = events.ParseTime(string(created))
	}
	return at, err
}

// takeNames takes what the bucket has behind the position. A bucket made anew, or gone, begins with
// an empty table.
func (l *Ledger) takeNames(ctx context.Context, from Facts) error {
	at, err := namesMark(ctx, l.pool)
	if err != nil {
		return err
	}
	now, err := names.Extent(ctx, from)
	if err != nil || at.Equal(now) {
		return err
	}
	b := &namesRows{before: at, at: at}
	if at.Anew(now) {
		b.at, b.anew = names.Mark{Created: now.Created}, true
	}
	err = names.Changes(ctx, from, b.at.Sequence, func(sequence uint64, k names.Key, list names.List) error {
		b.add(k, list)
		b.at.Sequence = sequence
		if len(b.keys) < namesBatch {
			return nil
		}
		return l.keepNames(ctx, b)
	})
	if err == nil {
		b.at.Sequence = max(b.at.Sequence, now.Sequence)
		err = l.keepNames(ctx, b)
	}
	if errors.Is(err, errNamesTaken) {
		return nil // the next look goes on from there
	}
	return err
}

// namesRows are lists of names, for one transaction.
type namesRows struct {
	before, at names.Mark // the positions of the table before the transaction, and behind it
	anew       bool       // the table is emptied first
	keys       map[names.Key]names.List
}

func (b *namesRows) add(k names.Key, l names.List) {
	if b.keys == nil {
		b.keys = map[names.Key]names.List{}
	}
	b.keys[k] = l
}

// errNamesTaken: another process has taken names meanwhile.
var errNamesTaken = errors.New("another process takes names, too")

// keepNames replaces the rows of keys, and moves the position, in one transaction.
func (l *Ledger) keepNames(ctx context.Context, b *namesRows) error {
	err := l.inTurn(ctx, func(tx pgx.Tx) error {
		at, err := namesMark(ctx, tx)
		if err != nil {
			return err
		}
		if !at.Equal(b.before) {
			return errNamesTaken
		}
		if b.anew {
			if _, err := tx.Exec(ctx, "DELETE FROM names"); err != nil {
				return err
			}
		}
		if err := b.write(ctx, tx); err != nil {
			return fmt.Errorf("names: %w", err)
		}
		var created []byte
		if !b.at.Created.IsZero() {
			created = []byte(events.FormatTime(b.at.Created))
		}
		_, err = tx.Exec(ctx, `INSERT INTO positions (stream, sequence, mark) VALUES ($1, $2, $3)
			ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, mark = excluded.mark`, names.Stream,
			b.at.Sequence, created)
		return err
	})
	b.before, b.anew, b.keys = b.at, false, nil
	return err
}

// namesColumns are the columns of names, in the order of their values.
var namesColumns = []string{"source", "foundation", "kind", "id", "tenant", "name", "from_time", "until_time"}

// write replaces the rows of the keys. Names of erased tenants are left out.
func (b *namesRows) write(ctx context.Context, tx pgx.Tx) error {
	guids := map[string]bool{}
	for k := range b.keys {
		guids[k.GUID] = true
	}
	erased, err := erasedOf(ctx, tx, guids)
	if err != nil {
		return err
	}
	var gone [4][]string
	var rows [][]any
	for k, list := range b.keys {
		kind, id := kindOf(k)
		for i, value := range []string{k.Source, k.Foundation, kind, id} {
			gone[i] = append(gone[i], value)
		}
		if erased.Has(k.Tenant) {
			continue
		}
		var before time.Time
		for i := range list {
			n := &list[i]
			since := n.From.Truncate(time.Microsecond) // Postgres has no nanoseconds
			if i > 0 && !since.After(before) {
				continue
			}
			before = since
			rows = append(rows, []any{k.Source, k.Foundation, kind, id, k.GUID, n.Name, at(&since), at(&n.Until)})
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM names USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
		AS gone(source, foundation, kind, id) WHERE names.source = gone.source
		AND names.foundation = gone.foundation AND names.kind = gone.kind AND names.id = gone.id`,
		gone[0], gone[1], gone[2], gone[3]); err != nil {
		return err
	}
	p := &posting{tx: tx}
	return copyRows(ctx, p, "names", namesColumns, rows, func(row *[]any) []any { return *row })
}

// kindOf is the kind and the id of what has a name.
func kindOf(k names.Key) (kind, id string) {
	switch {
	case k.Space != "":
		return "space", k.Space
	case k.Source == events.SourceTrove:
		return "project", k.GUID
	default:
		return "organization", k.GUID
	}
}
