package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
)

// decimal is an events.Decimal as a NUMERIC. NULL is 0.
type decimal struct{ events.Decimal }

// NumericValue implements pgtype.NumericValuer.
func (d decimal) NumericValue() (pgtype.Numeric, error) {
	coefficient, exponent := d.Parts()
	return pgtype.Numeric{Int: coefficient, Exp: exponent, Valid: true}, nil
}

// ScanNumeric implements pgtype.NumericScanner.
func (d *decimal) ScanNumeric(n pgtype.Numeric) error {
	d.Decimal = events.Decimal{}
	if n.Valid {
		d.Decimal = money.FromParts(n.Int, n.Exp)
	}
	return nil
}

// rate is a decimal as a text, such as a charge's VAT rate, as a NUMERIC. An empty one is NULL.
type rate string

// NumericValue implements pgtype.NumericValuer.
func (r rate) NumericValue() (pgtype.Numeric, error) {
	if r == "" {
		return pgtype.Numeric{}, nil
	}
	d, err := events.ParseDecimal(string(r))
	if err != nil {
		return pgtype.Numeric{}, err
	}
	return decimal{d}.NumericValue()
}

// ScanNumeric implements pgtype.NumericScanner.
func (r *rate) ScanNumeric(n pgtype.Numeric) error {
	*r = ""
	if n.Valid {
		*r = rate(money.FromParts(n.Int, n.Exp).String())
	}
	return nil
}

// moment is a time as a TIMESTAMPTZ. The zero time is NULL.
type moment struct{ time *time.Time }

// at is a time to be stored, or to be read.
func at(t *time.Time) *moment { return &moment{t} }

// TimestamptzValue implements pgtype.TimestamptzValuer.
func (m *moment) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{Time: *m.time, Valid: !m.time.IsZero()}, nil
}

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m *moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	*m.time = time.Time{}
	if v.Valid {
		*m.time = v.Time.UTC()
	}
	return nil
}
