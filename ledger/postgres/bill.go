package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// summed is a table to add charges up from, with its expressions for dimensions.
type summed struct {
	table  string
	values map[ledger.Dimension]string
	of     string // corrected month
	count  string
	begins string // when charges begin, for a condition; empty: the table does not say
	single bool   // it has single charges, with their positions
	behind bool   // it may be behind the charges: see the table sums_position
}

// The common expressions.
var fromTenants = summed{
	table: "tenant_sums", of: "of_month", count: "sum(charges)", behind: true,
	values: map[ledger.Dimension]string{
		ledger.ByFoundation: "foundation", ledger.ByTenant: "tenant", ledger.ByMonth: "period", ledger.ByKind: "kind",
	},
}

var fromResources = fromTenants.and(summed{
	table: "resource_sums", of: "of_month", count: "sum(charges)", behind: true,
	values: map[ledger.Dimension]string{
		ledger.BySpace: "space", ledger.ByApp: "app", ledger.ByResource: "resource",
	},
})

var fromMonths = fromTenants.and(summed{
	table: "month_sums", of: "of_month", count: "sum(charges)",
	values: map[ledger.Dimension]string{ledger.ByPlan: "plan", ledger.ByComponent: "component"},
})

// monthBefore is a month where it is before the month of posting, else nothing.
func monthBefore(month string) string {
	return "CASE WHEN " + month + " < period AND " + month + " <> '0001-01' THEN " + month + " ELSE '' END"
}

var fromDays = fromMonths.and(summed{
	table: "day_sums", of: monthBefore("to_char(day, 'YYYY-MM')"), count: "sum(charges)",
	values: map[ledger.Dimension]string{ledger.ByDay: "to_char(day, 'YYYY-MM-DD')"},
	begins: "day::timestamp AT TIME ZONE 'UTC'",
})

// rateOfCharge is ledger.Charge.VATRate.
const rateOfCharge = "coalesce(vat_rate::text, '')"

// ofCharge is ledger.Charge.Of.
var ofCharge = monthBefore("to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM')")

var fromCharges = fromMonths.and(summed{
	table: "charges", of: ofCharge, count: "count(*)", single: true,
	values: map[ledger.Dimension]string{
		ledger.ByDay:   "coalesce(to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD'), '" + noDay + "')",
		ledger.BySpace: "space", ledger.ByApp: "app", ledger.ByResource: summedBy, ledger.ByDatastore: "datastore",
		ledger.ByRegion: "region", ledger.ByAvailabilityZone: "availability_zone",
	},
	begins: "start_time",
})

// summedBy is ledger.Charge.SummedBy.
const summedBy = "CASE kind WHEN '" + events.KindTask + "' THEN app ELSE resource END"

// and is another table, with these expressions, too.
func (s summed) and(o summed) summed {
	values := map[ledger.Dimension]string{}
	for _, of := range []map[ledger.Dimension]string{s.values, o.values} {
		for by, value := range of {
			values[by] = value
		}
	}
	o.values = values
	return o
}

// has reports whether a query can be answered from the table.
func (s *summed) has(q *ledger.Query) bool {
	dimensions := slices.Clone(q.By)
	for by, value := range map[ledger.Dimension]string{
		ledger.BySpace: q.Space, ledger.ByApp: q.App, ledger.ByResource: q.Resource, ledger.ByKind: q.Kind,
		ledger.ByPlan: q.Plan, ledger.ByComponent: q.Component,
	} {
		if value != "" {
			dimensions = append(dimensions, by)
		}
	}
	for _, by := range dimensions {
		if s.values[by] == "" {
			return false
		}
	}
	return s.single || q.Upto+q.Known == 0 && (s.begins != "" || q.From.IsZero() && q.To.IsZero())
}

// summedFor is the smallest table for a query. A schema of an earlier version lacks some, until a
// poster of this one has migrated it.
func summedFor(ctx context.Context, tx pgx.Tx, q *ledger.Query) (*summed, error) {
	for _, s := range []*summed{&fromTenants, &fromMonths, &fromResources, &fromDays} {
		if !s.has(q) {
			continue
		}
		if !s.behind {
			return s, nil
		}
		var kept bool
		err := tx.QueryRow(ctx, "SELECT to_regclass('sums_position') IS NOT NULL").Scan(&kept)
		if err == nil && kept {
			err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sums_position JOIN positions
				ON billing_sequence = sequence AND stream = $1)`, events.StreamBilling).Scan(&kept)
		}
		if kept || err != nil {
			return s, err
		}
	}
	return &fromCharges, nil
}

// where is the condition of a query of charges.
func (s *summed) where(q *ledger.Query) *where {
	w := &where{}
	s.conditions(w, q)
	return w
}

// conditions adds the conditions of a query of charges.
func (s *summed) conditions(w *where, q *ledger.Query) {
	w.owners(q)
	w.is("period", q.Period)
	w.is("space", q.Space)
	w.is("app", q.App)
	w.is(s.values[ledger.ByResource], q.Resource)
	w.is("kind", q.Kind)
	w.is("plan", q.Plan)
	w.is("component", q.Component)
	if !q.From.IsZero() {
		w.add(s.begins+" >= ?", q.From)
	}
	if !q.To.IsZero() {
		w.add(s.begins+" < ?", q.To)
	}
	if q.Upto > 0 {
		w.add("billing_sequence <= ?", q.Upto)
	}
	if q.Known > 0 {
		w.add("usage_sequence <= ?", q.Known)
	}
}

// group are the expressions of a query's dimensions.
func (s *summed) group(by []ledger.Dimension) (expressions []string) {
	for _, d := range by {
		if value := s.values[d]; value != "" {
			expressions = append(expressions, value)
		} else {
			expressions = append(expressions, "''")
		}
	}
	return expressions
}

// oneUnit is the unit of charges, empty where they have several.
const oneUnit = "CASE WHEN min(unit) = max(unit) THEN min(unit) ELSE '' END"

// Totals implements ledger.Sums.
func (a *answers) Totals(ctx context.Context, q ledger.Query) (all []ledger.Sum, err error) {
	err = a.read(ctx, func(tx pgx.Tx) (err error) {
		from, table, arguments := &fromMonths, "", []any(nil)
		if q.Upto+q.Known > 0 {
			if table, arguments, err = parted(ctx, tx, &q); err != nil {
				return err
			}
		}
		if table == "" {
			if from, err = summedFor(ctx, tx, &q); err != nil {
				return err
			}
			w := from.where(&q)
			table, arguments = from.table+w.sql(), w.arguments
		}
		all, err = added(ctx, tx, from, &q, table, arguments)
		return err
	})
	return all, err
}

// added are the sums of a query over a table, or over a part of one.
func added(ctx context.Context, conn asks, from *summed, q *ledger.Query, table string, arguments []any) (
	[]ledger.Sum, error,
) {
	values := from.group(q.By)
	group := "ARRAY[" + strings.Join(values, ", ") + "]::text[]"
	// By the values and not by their array, which takes longer to compare and more room to sort.
	divided := strings.Join(append(values, "currency"), ", ")
	rows, err := conn.Query(ctx, "SELECT "+group+" AS by, currency, "+oneUnit+", "+from.count+
		", sum(quantity), sum(amount), sum(vat) FROM "+table+" GROUP BY "+divided+" LIMIT "+
		limit(ledger.MaxSums+1), arguments...)
	if err != nil {
		return nil, err
	}
	all := []ledger.Sum{}
	var s ledger.Sum
	var quantity, amount, vat decimal
	_, err = pgx.ForEachRow(rows, []any{&s.Group, &s.Currency, &s.Unit, &s.Charges, &quantity, &amount, &vat},
		func() error {
			own := s
			own.Group = slices.Clone(s.Group)
			own.Quantity, own.Amount, own.VAT = quantity.Decimal, amount.Decimal, vat.Decimal
			all = append(all, own)
			return nil
		})
	if err == nil && len(all) > ledger.MaxSums {
		err = ledger.ErrTooMany
	}
	ledger.SortSums(all)
	return all, err
}

// Bill implements ledger.Sums.
func (a *answers) Bill(ctx context.Context, q ledger.Query) (bill ledger.Bill, err error) {
	bill.Query = q
	err = a.read(ctx, func(tx pgx.Tx) error {
		if err := lines(ctx, tx, &bill); err != nil {
			return err
		}
		if err := totals(ctx, tx, &bill); err != nil {
			return err
		}
		bill.SortLines()
		return complete(ctx, tx, &bill)
	})
	return bill, err
}

// lines adds the sums of a bill's charges.
func lines(ctx context.Context, tx pgx.Tx, bill *ledger.Bill) error {
	q := bill.Query
	q.Upto, q.Known = 0, 0
	plain := len(q.By) == 0
	if plain {
		q.By = []ledger.Dimension{ledger.ByKind, ledger.ByPlan, ledger.ByComponent}
	}
	from, err := summedFor(ctx, tx, &q)
	if err != nil {
		return err
	}
	w := from.where(&q)
	columns, divided := "kind, plan, component, unit, NULL::text[] AS by", "kind, plan, component, unit"
	if !plain {
		columns = "'', '', '', " + oneUnit + ", ARRAY[" + strings.Join(from.group(q.By), ", ") + "]::text[] AS by"
		divided = "by"
	}
	rows, err := tx.Query(ctx, "SELECT period, "+from.of+" AS of, tenant, currency, "+columns+", "+from.count+
		", sum(quantity), sum(amount), sum(vat) FROM "+from.table+w.sql()+" GROUP BY period, of, tenant, currency, "+
		divided, w.arguments...)
	if err != nil {
		return err
	}
	var line ledger.Line
	var quantity, amount, vat decimal
	_, err = pgx.ForEachRow(rows, []any{
		&line.Period, &line.Of, &line.Tenant, &line.Currency, &line.Kind, &line.Plan, &line.Component, &line.Unit,
		&line.Group, &line.Charges, &quantity, &amount, &vat,
	}, func() error {
		own := line
		own.Group = slices.Clone(line.Group)
		own.Quantity, own.Amount, own.VAT = quantity.Decimal, amount.Decimal, vat.Decimal
		bill.Lines = append(bill.Lines, own)
		return nil
	})
	return err
}

// totals adds the sums of a bill's months by VAT rate.
func totals(ctx context.Context, tx pgx.Tx, bill *ledger.Bill) error {
	q := ledger.Query{
		Owners: bill.Query.Owners, Foundation: bill.Query.Foundation, Tenant: bill.Query.Tenant,
		Period: bill.Query.Period,
	}
	from, err := summedFor(ctx, tx, &q)
	if err != nil {
		return err
	}
	w := from.where(&q)
	rows, err := tx.Query(ctx, "SELECT period, tenant, currency, vat_rate, sum(amount), sum(vat) FROM "+from.table+
		w.sql()+" GROUP BY period, tenant, currency, vat_rate HAVING sum(amount) <> 0 OR sum(vat) <> 0",
		w.arguments...)
	if err != nil {
		return err
	}
	var t ledger.Total
	var amount, vat decimal
	_, err = pgx.ForEachRow(rows, []any{&t.Period, &t.Tenant, &t.Currency, &t.VATRate, &amount, &vat}, func() error {
		t.Amount, t.VAT = amount.Decimal, vat.Decimal
		bill.Totals = append(bill.Totals, t)
		return nil
	})
	return err
}

// Horizons implements ledger.Sums.
func (a *answers) Horizons(ctx context.Context, q ledger.Query) ([]ledger.Horizon, error) {
	bill := ledger.Bill{Query: q}
	err := a.read(ctx, func(tx pgx.Tx) error { return place(ctx, tx, &bill) })
	return bill.Horizons, err
}

// place adds the foundations to a bill: their horizons and gaps, and how much runs and is held.
func place(ctx context.Context, tx pgx.Tx, bill *ledger.Bill) error {
	all, err := loadCompleteness(ctx, tx, &bill.Query)
	if err != nil {
		return err
	}
	charged, err := open(ctx, tx, bill)
	if err == nil {
		all.Complete(bill, charged)
	}
	return err
}

// complete adds the possible changes to a bill.
func complete(ctx context.Context, tx pgx.Tx, bill *ledger.Bill) error {
	if err := place(ctx, tx, bill); err != nil {
		return err
	}
	q := &bill.Query
	var w where
	w.owners(q)
	w.is("period", q.Period)
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM unrated"+w.sql(), w.arguments...).Scan(&bill.Unrated); err != nil {
		return err
	}
	filter := anomalies.Filter{Foundation: q.Foundation, Tenant: q.Tenant, Owners: q.Owners}
	standing, err := loadStanding(ctx, tx, &filter)
	if err != nil {
		return err
	}
	from, to := q.Within()
	bill.Anomalies = standing.Counts(filter, from, to)
	return nil
}

// noTime is the zero time.
const noTime = "'0001-01-01 00:00:00+00'::timestamptz"

// touching is the condition that a time touches the month of a query: see ledger.Query.Touches. It
// may be empty of what ends.
func touching(w *where, q *ledger.Query, start, end string) string {
	from, to := q.Within()
	if to.IsZero() {
		return "true"
	}
	condition := w.with("coalesce("+start+", "+noTime+") < ?", to)
	if end != "" {
		condition += w.with(" AND coalesce("+end+", 'infinity') > ?", from)
	}
	return condition
}

// open counts running spans and holds of a bill, at times in its month. It returns up to when
// each foundation is charged for its running spans.
func open(ctx context.Context, tx pgx.Tx, bill *ledger.Bill) (map[ledger.Foundation]time.Time, error) {
	q := &bill.Query
	var w where
	touches := touching(&w, q, "start_time", "")
	w.owners(q)
	rows, err := tx.Query(ctx, "SELECT source, foundation, min(coalesce(start_time, "+noTime+
		")), count(*) FILTER (WHERE "+touches+") FROM running"+w.sql()+" GROUP BY source, foundation",
		w.arguments...)
	if err != nil {
		return nil, err
	}
	charged := map[ledger.Foundation]time.Time{}
	var f ledger.Foundation
	var first time.Time
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&f.Source, &f.Name, at(&first), &n}, func() error {
		charged[f] = first
		bill.Running += n
		return nil
	}); err != nil {
		return nil, err
	}
	w = where{}
	touches = touching(&w, q, "start_time", "end_time")
	w.owners(q)
	err = tx.QueryRow(ctx, "SELECT coalesce(sum(within + greatest(held - listed, 0)), 0) FROM (SELECT * FROM subjects"+
		w.sql()+") AS s CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE "+touches+
		") AS within, count(*) AS listed FROM holds WHERE subject = s.subject) AS h", w.arguments...).Scan(&bill.Held)
	return charged, err
}
