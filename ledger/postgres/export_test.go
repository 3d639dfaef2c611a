package postgres

// The columns and the values of an entry, for a bare COPY.
var (
	ChargeColumns = chargeColumns
	ChargeRow     = chargeRow
)
