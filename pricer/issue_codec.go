package pricer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// append appends the statements of all foundations to a snapshot: their number and, for each, the
// messages with all that is known of them.
func (i issuing) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(i)))
	for _, at := range slices.SortedFunc(maps.Keys(i), place.compare) {
		b = i[at].append(appendText(appendText(b, at.source), at.foundation))
	}
	return b
}

// body writes itself as the JSON of a message.
type body interface{ AppendJSON(b []byte) []byte }

func appendBody(b []byte, x body) []byte {
	text := x.AppendJSON(nil)
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (i *issues) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(i.corrections)))
	for _, month := range slices.Sorted(maps.Keys(i.corrections)) {
		b = appendBody(appendText(b, month), &events.Billing{Charges: i.corrections[month]})
	}
	b = binary.AppendUvarint(b, uint64(len(i.derived)))
	for _, month := range slices.Sorted(maps.Keys(i.derived)) {
		b = binary.AppendUvarint(appendText(b, month), uint64(len(i.derived[month])))
		for _, tenant := range slices.Sorted(maps.Keys(i.derived[month])) {
			b = appendBody(b, &statement.Statement{Tenant: tenant, Lines: i.derived[month][tenant]})
		}
	}
	b = binary.AppendUvarint(b, uint64(len(i.issued)))
	for _, month := range slices.Sorted(maps.Keys(i.issued)) {
		b = binary.AppendUvarint(appendText(b, month), uint64(len(i.issued[month])))
		for _, tenant := range slices.Sorted(maps.Keys(i.issued[month])) {
			b = appendBody(b, i.issued[month][tenant])
		}
	}
	for _, list := range [][]statement.Statement{i.proposed.All(), i.series.Parts} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for n := range list {
			b = appendBody(b, &list[n])
		}
	}
	b = binary.AppendUvarint(b, i.series.Number)
	b = binary.AppendUvarint(b, uint64(len(i.series.Issued)))
	for _, id := range slices.SortedFunc(maps.Keys(i.series.Issued), func(a, b [16]byte) int {
		return bytes.Compare(a[:], b[:])
	}) {
		b = append(b, id[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(i.held)))
	for _, s := range slices.SortedFunc(maps.Keys(i.held), subject.compare) {
		m := events.Metered{Tenant: s.tenant, Kind: s.kind, Resource: s.resource}
		i.held[s].List(&m)
		b = appendBody(b, &m)
	}
	b = binary.AppendUvarint(b, uint64(len(i.gaps)))
	for n := range i.gaps {
		b = appendBody(b, &i.gaps[n])
	}
	return b
}

// each calls read as often as the next number says.
func (r *reader) each(read func() error) error {
	n, err := r.number()
	for ; err == nil && n > 0; n-- {
		err = read()
	}
	return err
}

// body reads a message.
func (r *reader) body(x interface{ DecodeJSON(b []byte) error }) error {
	text, err := r.text()
	if err == nil {
		err = x.DecodeJSON([]byte(text))
	}
	return err
}

// issuing reads the statements of all foundations.
func (r *reader) issuing() (issuing, error) {
	all := issuing{}
	err := r.each(func() error {
		source, err := r.text()
		foundation, failed := r.text()
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		return r.issues(all.of(place{source, foundation}))
	})
	if err != nil {
		return nil, errors.Join(errSnapshot, err)
	}
	return all, nil
}

func (r *reader) issues(i *issues) error {
	return errors.Join(
		r.each(func() error {
			var b events.Billing
			month, err := r.text()
			err = errors.Join(err, r.body(&b))
			i.corrections[month] = b.Charges
			return err
		}),
		r.eachOf(func(month string, x *statement.Statement) {
			if i.derived[month] == nil {
				i.derived[month] = map[string][]statement.Line{}
			}
			if x != nil {
				i.derived[month][x.Tenant] = x.Lines
			}
		}),
		r.eachOf(func(month string, x *statement.Statement) {
			if i.issued[month] == nil {
				i.issued[month] = map[string]*statement.Statement{}
			}
			if x != nil {
				i.issued[month][x.Tenant] = x
			}
		}),
		r.each(func() error {
			var x statement.Statement
			err := r.body(&x)
			i.proposed.Add(&x)
			return err
		}),
		r.series(&i.series),
		r.each(func() error {
			var m events.Metered
			err := r.body(&m)
			of := &standing.Subject{}
			of.Apply(&m)
			i.held[subject{m.Tenant, m.Kind, m.Resource}] = of
			return err
		}),
		r.each(func() error {
			var g events.Gap
			err := r.body(&g)
			i.gaps = append(i.gaps, g)
			return err
		}))
}

func (r *reader) series(s *statements.Series) (err error) {
	err = r.each(func() error {
		var x statement.Statement
		err := r.body(&x)
		s.Parts = append(s.Parts, x)
		return err
	})
	if err == nil {
		s.Number, err = r.number()
	}
	if err != nil {
		return err
	}
	s.Issued = map[[16]byte]struct{}{}
	return r.each(func() error {
		if len(r.rest) < 16 {
			return errSnapshot
		}
		s.Issued[[16]byte(r.rest)] = struct{}{}
		r.rest = r.rest[16:]
		return nil
	})
}

// eachOf reads the statements of months. Each month is told without a statement first.
func (r *reader) eachOf(tell func(month string, x *statement.Statement)) error {
	return r.each(func() error {
		month, err := r.text()
		if err != nil {
			return err
		}
		tell(month, nil)
		return r.each(func() error {
			x := &statement.Statement{}
			err := r.body(x)
			tell(month, x)
			return err
		})
	})
}
