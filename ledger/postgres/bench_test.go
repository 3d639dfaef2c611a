package postgres_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// benchRows is the entries of a batch: 1,000 messages with two each.
const benchRows = 2000

// benchBatch is a batch of a site with 500 tenants of which one has a fifth, in the order of time.
func benchBatch(n int) ledger.Batch {
	var b ledger.Batch
	b.From.Billing, b.Positions.Billing = uint64(n), uint64(n+1)
	for i := range benchRows {
		number := n*benchRows + i
		tenant := number / 2 % 500
		if number/2%5 == 0 {
			tenant = 0
		}
		start := time.Date(2026, 1, 1+number/40_000, 0, 0, 0, 0, time.UTC) // 20,000 resources
		resource := events.ID("resource", fmt.Sprint(number/2%20_000))
		b.Charges = append(b.Charges, ledger.Charge{
			Source: events.SourceCF, Foundation: "prod",
			Usage: uint64(number),
			Place: ledger.Place{Sequence: uint64(number / 2), Index: uint32(number % 2)},
			Charge: events.Charge{
				ID: events.ID("charge", fmt.Sprint(number)), Entry: events.EntryCharge,
				Period: start.Format(events.MonthForm), Span: events.ID("span", fmt.Sprint(number/2)),
				Kind: events.KindApp, Resource: resource, App: resource,
				Tenant: events.ID("tenant", fmt.Sprint(tenant)), Space: events.ID("space", fmt.Sprint(tenant)),
				Name: "shop", Plan: "app-java", Catalogue: "f54c704195aa",
				Component: []string{"instance", "memory"}[number%2],
				Start:     start, End: start.AddDate(0, 0, 1), Seconds: events.NewDecimal(86400, 0),
				Quantity: events.NewDecimal(int64(24+number%7), 0), Unit: "GiB-hour",
				Amount: events.NewDecimal(int64(96_000_000+number), -9), VATCode: "Standard",
				VAT: events.NewDecimal(int64(19_200_000+number), -9), Currency: "GBP", VATRate: "0.2",
			},
		})
	}
	return b
}

// BenchmarkPost compares the posting of entries with a bare COPY of the same rows into the same
// table with the same indexes: -benchtime 500x is 1,000,000 entries.
func BenchmarkPost(b *testing.B) {
	ctx := b.Context()
	cluster, err := pgtest.Start(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cluster.Close() })
	for name, bare := range map[string]bool{"post": false, "copy": true} {
		b.Run(name, func(b *testing.B) {
			url, err := cluster.Database(ctx)
			if err != nil {
				b.Fatal(err)
			}
			l, err := postgres.New(postgres.Config{URL: url}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(l.Close)
			if err := l.Migrate(ctx); err != nil {
				b.Fatal(err)
			}
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				b.Fatal(err)
			}
			for month := range 12 {
				period := fmt.Sprintf("2026-%02d", month+1)
				if _, err := conn.Exec(ctx, `CREATE TABLE daybook_1."charges_`+period+
					`" PARTITION OF daybook_1.charges FOR VALUES IN ('`+period+`')`); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			for b.Loop() {
				b.StopTimer()
				batch := benchBatch(n)
				n++
				b.StartTimer()
				if bare {
					_, err = conn.CopyFrom(ctx, pgx.Identifier{"daybook_1", "charges"}, postgres.ChargeColumns,
						pgx.CopyFromSlice(benchRows, func(i int) ([]any, error) {
							return postgres.ChargeRow(&batch.Charges[i]), nil
						}))
				} else {
					err = l.Post(ctx, batch)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*benchRows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
