package pricer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/posted"
)

// errSnapshot: the bytes are no snapshot of the pricer's.
var errSnapshot = errors.New("the pricer's snapshot is damaged")

// Snapshot implements stage.Processor. A snapshot is the number of catalogue versions as uvarint,
// each version as JSON with its length in front, the number of the version in force, from 1, the
// terms and the months, the tally, the statements, the replaced spans, and the tail of the posted
// spans. Pieces has the rest of them.
func (p *processor) Snapshot() ([]byte, error) {
	p.book.bind() // a comparison has kept all
	tail := p.book.spans.Tail()
	out := append(make([]byte, 0, 1<<16+len(tail)), snapshotForm...)
	out = binary.AppendUvarint(out, uint64(len(p.book.versions)))
	for _, v := range p.book.versions {
		c := events.Catalogue{Version: v.Name, YAML: v.YAML}
		text := c.AppendJSON(nil)
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	out = binary.AppendUvarint(out, uint64(p.book.inForce+1)) //nolint:gosec // never below -1
	out = append(out, boolByte(p.book.lacks))
	out = p.book.appendMonths(out)
	out = p.issuing.append(p.tally.append(out, p.book.unrated))
	for _, piece := range p.book.replaced.Pieces() {
		out = append(binary.AppendUvarint(out, uint64(len(piece.Data))), piece.Data...)
	}
	rest := p.book.replaced.Tail()
	out = append(binary.AppendUvarint(append(out, 0), uint64(len(rest))), rest...)
	return append(out, tail...), nil
}

func boolByte(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// appendMonths writes the terms and the months of foundations.
func (b *Book) appendMonths(out []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(b.terms)))
	for _, t := range b.terms {
		out = appendText(binary.AppendUvarint(out, uint64(t.version)), t.from) //nolint:gosec // not negative
		out = binary.AppendUvarint(out, uint64(t.before+1))                    //nolint:gosec // never below -1
	}
	out = binary.AppendUvarint(out, uint64(len(b.months)))
	for _, at := range slices.SortedFunc(maps.Keys(b.months), place.compare) {
		m := b.months[at]
		out = appendText(appendText(appendText(appendText(out, at.source), at.foundation), m.open), m.kept)
		out = binary.AppendUvarint(out, uint64(m.first+1)) //nolint:gosec // never below -1
		out = binary.AppendUvarint(out, uint64(len(m.terms)))
		for _, month := range slices.Sorted(maps.Keys(m.terms)) {
			out = binary.AppendUvarint(appendText(out, month), uint64(m.terms[month]+1)) //nolint:gosec // as above
		}
	}
	return out
}

// Pieces implements stage.Piecewise.
func (p *processor) Pieces() []stage.Piece {
	whole := p.book.spans.Pieces()
	pieces := make([]stage.Piece, len(whole))
	for i := range whole {
		pieces[i] = stage.Piece(whole[i])
	}
	return pieces
}

// Restore implements stage.Processor.
func (p *processor) Restore(snapshot []byte) error { return p.RestorePieces(snapshot, nil) }

// RestorePieces implements stage.Piecewise.
func (p *processor) RestorePieces(snapshot []byte, pieces []stage.Piece) error {
	fresh := newProcessor()
	p.book, p.tally, p.issuing = fresh.book, fresh.tally, fresh.issuing
	if snapshot != nil {
		if err := p.restore(snapshot, pieces); err != nil {
			return err
		}
	}
	p.standing = nil
	p.proposeAll()
	p.publish()
	return nil
}

// restore reads a snapshot into the empty state.
func (p *processor) restore(snapshot []byte, pieces []stage.Piece) error {
	in := reader{snapshot}
	if !in.form() {
		return errSnapshot
	}
	count, err := in.number()
	if err != nil {
		return err
	}
	for range count {
		v, err := in.version()
		if err != nil {
			return err
		}
		p.book.keep(&v)
	}
	inForce, err := in.number()
	if err != nil {
		return err
	}
	if inForce > uint64(len(p.book.versions)) {
		return errSnapshot
	}
	p.book.inForce = int(inForce) - 1 //nolint:gosec // at most the number of versions
	lacks, err := in.number()
	if err != nil {
		return err
	}
	p.book.lacks = lacks != 0
	if err := in.months(p.book); err != nil {
		return err
	}
	if err := in.tally(p); err != nil {
		return err
	}
	if p.issuing, err = in.issuing(); err != nil {
		return err
	}
	if p.book.replaced, err = in.replaced(len(p.book.terms)); err != nil {
		return err
	}
	whole := make([]posted.Piece, len(pieces))
	for i := range pieces {
		whole[i] = posted.Piece(pieces[i])
	}
	spans, err := posted.Restore(whole, in.rest, len(p.book.terms))
	if err != nil {
		return errors.Join(errSnapshot, err)
	}
	p.book.spans = spans
	return nil
}

// snapshotForm begins every snapshot: one of another form is refused and not misread.
const snapshotForm = "daybook pricer snapshot 5\n"

// reader reads a snapshot from its start.
type reader struct{ rest []byte }

func (r *reader) form() bool {
	rest, is := bytes.CutPrefix(r.rest, []byte(snapshotForm))
	r.rest = rest
	return is
}

func (r *reader) text() (string, error) {
	size, err := r.number()
	if err != nil || size > uint64(len(r.rest)) {
		return "", errSnapshot
	}
	text := string(r.rest[:size])
	r.rest = r.rest[size:]
	return text, nil
}

// index reads an index plus 1, below a number of things.
func (r *reader) index(of int) (int, error) {
	n, err := r.number()
	if err != nil || n > uint64(of) { //nolint:gosec // a length
		return -1, errSnapshot
	}
	return int(n) - 1, nil //nolint:gosec // at most `of`
}

// months reads the terms and the months of foundations.
func (r *reader) months(b *Book) error {
	count, err := r.number()
	for ; err == nil && count > 0; count-- {
		var t terms
		if t.version, err = r.index(len(b.versions)); err == nil {
			t.version++
			t.from, err = r.text()
		}
		if err == nil {
			t.before, err = r.index(len(b.terms))
		}
		if err != nil || t.version >= len(b.versions) {
			return errSnapshot
		}
		b.define(t)
	}
	if err == nil {
		count, err = r.number()
	}
	for ; err == nil && count > 0; count-- {
		err = r.monthsOf(b)
	}
	if err != nil {
		return errSnapshot
	}
	b.refresh()
	return nil
}

// monthsOf reads the months of a foundation.
func (r *reader) monthsOf(b *Book) (err error) {
	var at place
	m := &months{terms: map[string]int{}}
	for _, text := range []*string{&at.source, &at.foundation, &m.open, &m.kept} {
		if *text, err = r.text(); err != nil {
			return err
		}
	}
	if m.first, err = r.index(len(b.terms)); err != nil {
		return err
	}
	count, err := r.number()
	for ; err == nil && count > 0; count-- {
		var month string
		if month, err = r.text(); err == nil {
			m.terms[month], err = r.index(len(b.terms))
		}
	}
	if _, wrong := time.Parse(events.MonthForm, m.open); wrong != nil {
		return errSnapshot
	}
	b.months[at] = m
	return err
}

// replaced reads the replaced spans.
func (r *reader) replaced(terms int) (*posted.Spans, error) {
	var pieces []posted.Piece
	for {
		text, err := r.text()
		if err != nil {
			return nil, err
		}
		if text == "" {
			break
		}
		pieces = append(pieces, posted.Piece{Digest: sha256.Sum256([]byte(text)), Data: []byte(text)})
	}
	tail, err := r.text()
	if err != nil {
		return nil, err
	}
	spans, err := posted.Restore(pieces, []byte(tail), terms)
	if err != nil {
		return nil, errors.Join(errSnapshot, err)
	}
	return spans, nil
}

// tally reads the tally and the number of unrated parts.
func (r *reader) tally(p *processor) error {
	unrated, err := r.number()
	p.book.unrated = int(unrated) //nolint:gosec // as it was written
	n, failed := r.number()
	for err = errors.Join(err, failed); n > 0 && err == nil; n-- {
		var code string
		if code, err = r.text(); err == nil {
			p.tally.anomalies[code], err = r.number()
		}
	}
	if err != nil {
		return err
	}
	for n, err = r.number(); n > 0 && err == nil; n-- {
		var at place
		if at.source, err = r.text(); err == nil {
			at.foundation, err = r.text()
		}
		nanoseconds, size := binary.Varint(r.rest)
		if err != nil || size <= 0 {
			return errSnapshot
		}
		r.rest = r.rest[size:]
		p.tally.through[at] = time.Unix(0, nanoseconds).UTC()
	}
	return err
}

func (r *reader) number() (uint64, error) {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return 0, errSnapshot
	}
	r.rest = r.rest[n:]
	return v, nil
}

func (r *reader) version() (version, error) {
	size, err := r.number()
	if err != nil || size > uint64(len(r.rest)) {
		return version{}, errSnapshot
	}
	var c events.Catalogue
	if err := c.DecodeJSON(r.rest[:size]); err != nil {
		return version{}, errors.Join(errSnapshot, err)
	}
	r.rest = r.rest[size:]
	parsed, err := catalogue.Parse("catalogue."+c.Version, []byte(c.YAML))
	if err != nil {
		return version{}, fmt.Errorf("catalogue %s of the snapshot: %w", c.Version, err)
	}
	return version{c.Version, c.YAML, parsed}, nil
}
