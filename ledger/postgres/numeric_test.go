package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

// A decimal is the same one in a NUMERIC, whatever its size.
func TestNumeric(t *testing.T) {
	types := pgtype.NewMap()
	rapid.Check(t, func(t *rapid.T) {
		d, err := events.ParseDecimal(rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,20})?`).Draw(t, "decimal"))
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []int16{pgtype.BinaryFormatCode, pgtype.TextFormatCode} {
			b, err := types.Encode(pgtype.NumericOID, format, decimal{d}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got decimal
			if err := types.Scan(pgtype.NumericOID, format, b, &got); err != nil || got.Cmp(d) != 0 {
				t.Fatalf("%s is %s: %v", d, got.Decimal, err)
			}
		}
	})
}
