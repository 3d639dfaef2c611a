package postgres

import (
	"context"

	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
)

var (
	spanColumns = []string{
		"id", "source", "foundation", "tenant", "space", "app", "kind", "resource", "name", "start_time", "end_time",
		"content", "metered_sequence",
	}
	statementColumns = []string{
		"source", "foundation", "number", "part", "tenant", "month", "revision", "credits", "closed", "horizon",
		"entries", "digest", "content", "billing_sequence", "usage_sequence",
	}
	statementLineColumns = []string{
		"source", "foundation", "number", "part", "line", "plan", "component", "month", "unit", "unit_price",
		"price_currency", "vat_rate", "currency", "entries", "quantity", "amount", "vat", "rounded_amount",
		"rounded_vat",
	}
	statementTotalColumns = []string{"source", "foundation", "number", "currency", "amount", "vat", "total"}
	catalogueColumns      = []string{"metered_sequence", "version", "yaml", "reprice", "usage_sequence"}
)

// publishedSpan is a span with its message in METERED.
type publishedSpan struct {
	ledger.Span
	sequence uint64
}

func spanRow(x *publishedSpan) []any {
	return []any{
		x.ID, x.Source, x.Foundation, x.Tenant, x.Space, x.App, x.Kind, x.Resource, x.Name, at(&x.Start), at(&x.End),
		x.AppendJSON(nil), x.sequence,
	}
}

// spans takes the changes of spans: one may be published, taken back, and published again.
func (p *posting) spans(ctx context.Context, b *ledger.Batch) error {
	var gone []string
	added := map[string]publishedSpan{}
	for i := range b.Details.Changes {
		c := &b.Details.Changes[i]
		for _, id := range c.Retracted {
			gone = append(gone, id)
			delete(added, id)
		}
		for _, x := range c.Closed {
			added[x.ID] = publishedSpan{
				ledger.Span{Span: x, Source: c.Source, Foundation: c.Foundation}, c.Sequence,
			}
		}
	}
	if len(gone) > 0 {
		if _, err := p.tx.Exec(ctx, "DELETE FROM spans WHERE id = ANY($1)", gone); err != nil {
			return err
		}
	}
	var rows []publishedSpan
	for _, x := range added {
		rows = append(rows, x)
	}
	return copyRows(ctx, p, "spans", spanColumns, rows, spanRow)
}

func statementRow(x *ledger.Issued) []any {
	return []any{
		x.Source, x.Foundation, x.Number, x.Part, x.Tenant, x.Month, x.Revision, x.Credits, at(&x.Closed),
		at(&x.Horizon), x.Entries, x.Digest, x.AppendJSON(nil), x.Sequence, x.Usage,
	}
}

// statements adds statements with their lines and totals, and catalogue versions.
func (p *posting) statements(ctx context.Context, b *ledger.Batch) error {
	all := b.Details.Statements
	if err := copyRows(ctx, p, "statements", statementColumns, all, statementRow); err != nil {
		return err
	}
	var lines, totals [][]any
	for i := range all {
		x := &all[i].Statement
		for n := range x.Lines {
			lines = append(lines, append([]any{x.Source, x.Foundation, x.Number, x.Part, n},
				lineValues(&x.Lines[n])...))
		}
		for n := range x.Totals {
			if t := &x.Totals[n]; x.Part == 0 { // each part has all of them
				totals = append(totals, []any{
					x.Source, x.Foundation, x.Number, t.Currency, decimal{t.Amount}, decimal{t.VAT}, decimal{t.Total},
				})
			}
		}
	}
	whole := func(row *[]any) []any { return *row }
	if err := copyRows(ctx, p, "statement_lines", statementLineColumns, lines, whole); err != nil {
		return err
	}
	if err := copyRows(ctx, p, "statement_totals", statementTotalColumns, totals, whole); err != nil {
		return err
	}
	return copyRows(ctx, p, "catalogue_versions", catalogueColumns, b.Details.Catalogues, catalogueRow)
}

func lineValues(x *statement.Line) []any {
	return []any{
		x.Plan, x.Component, x.Month, x.Unit, rate(x.UnitPrice), x.PriceCurrency, rate(x.VATRate), x.Currency,
		x.Entries,
		decimal{x.Quantity},
		decimal{x.Amount},
		decimal{x.VAT},
		decimal{x.RoundedAmount},
		decimal{x.RoundedVAT},
	}
}

func catalogueRow(c *ledger.Catalogue) []any {
	reprice := c.Reprice
	if reprice == nil {
		reprice = []string{}
	}
	return []any{c.Sequence, c.Version, c.YAML, reprice, c.Usage}
}
