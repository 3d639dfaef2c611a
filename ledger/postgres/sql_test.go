package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// query finds the queries of docs/sql.md.
var query = regexp.MustCompile("(?s)```sql\n(.*?)```")

var _ = Describe("The schema", func() {
	connect := func(ctx context.Context, of string) *pgx.Conn {
		GinkgoHelper()
		u, err := url.Parse(of)
		Expect(err).NotTo(HaveOccurred())
		values := u.Query()
		values.Set("search_path", postgres.Schema)
		u.RawQuery = values.Encode()
		conn, err := pgx.Connect(ctx, u.String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx context.Context) { _ = conn.Close(ctx) })
		return conn
	}

	It("has a comment on every table and column", func(ctx context.Context) {
		rows, err := connect(ctx, database(ctx)).Query(ctx, `SELECT relname || coalesce('.' || attname, '') FROM pg_class
			LEFT JOIN LATERAL (SELECT 0 AS attnum, NULL::name AS attname UNION ALL
				SELECT attnum, attname FROM pg_attribute
				WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
			) AS columns ON true
			WHERE relnamespace = 'daybook'::regnamespace AND relkind IN ('r', 'p', 'v')
				AND NOT EXISTS (SELECT FROM pg_description
					WHERE classoid = 'pg_class'::regclass AND objoid = pg_class.oid AND objsubid = attnum) ORDER BY 1`)
		Expect(err).NotTo(HaveOccurred())
		Expect(pgx.CollectRows(rows, pgx.RowTo[string])).To(BeEmpty())
	})

	It("answers the queries of docs/sql.md to a reader, who may change nothing", func(ctx context.Context) {
		text, err := os.ReadFile("../../docs/sql.md")
		Expect(err).NotTo(HaveOccurred())
		queries := query.FindAllSubmatch(text, -1)
		Expect(queries).To(HaveLen(11))
		where := database(ctx)
		w := world{bus: streams(ctx)}
		w.publish(ctx, 10)
		w.post(ctx, open(ctx, where))
		conn := connect(ctx, where)
		_, err = conn.Exec(ctx, "SET ROLE daybook_reader")
		Expect(err).NotTo(HaveOccurred())
		for _, q := range queries {
			rows, err := conn.Query(ctx, string(q[1]))
			Expect(err).NotTo(HaveOccurred())
			rows.Close()
			Expect(rows.Err()).NotTo(HaveOccurred(), "%s", q[1])
		}
		var right bool
		row := conn.QueryRow(ctx, "SELECT total = 12 FROM month_totals WHERE period = '2026-11'")
		Expect(row.Scan(&right)).To(Succeed())
		Expect(right).To(BeTrue())
		_, err = conn.Exec(ctx, "DELETE FROM charges")
		Expect(err).To(MatchError(ContainSubstring("permission denied")))
	})

	It("is filled anew beside the one in use, with the rights that were given", func(ctx context.Context) {
		where := database(ctx)
		l := open(ctx, where)
		w := world{bus: streams(ctx)}
		w.publish(ctx, 10)
		w.post(ctx, l)
		conn, auditor := connect(ctx, where), "auditor_"+strconv.Itoa(os.Getpid())
		_, err := conn.Exec(ctx, "CREATE ROLE "+auditor+"; GRANT USAGE ON SCHEMA daybook TO "+auditor+
			"; GRANT SELECT ON month_totals TO "+auditor+"; DELETE FROM daybook_1.charges")
		Expect(err).NotTo(HaveOccurred())
		w.publish(ctx, 10)
		DeferCleanup(func(ctx context.Context) { // roles are the server's
			_, err := conn.Exec(ctx, "RESET ROLE; DROP OWNED BY "+auditor+"; DROP ROLE "+auditor)
			Expect(err).NotTo(HaveOccurred())
		})
		broken := errors.New("the streams are away")
		Expect(l.Rebuild(ctx, w.bus, func(context.Context, *postgres.Ledger) error { return broken })).To(
			MatchError(broken))
		Expect(l.Positions(ctx)).To(Equal(ledger.Positions{Metered: 10, Billing: 10}), "the one in use is as it was")

		var entries int
		Expect(l.Rebuild(ctx, w.bus, func(ctx context.Context, to *postgres.Ledger) error {
			w.post(ctx, to)
			Expect(l.Rebuild(ctx, w.bus, nil)).To(MatchError(postgres.ErrRebuilding))
			return conn.QueryRow(ctx, "SELECT count(*) FROM charges").Scan(&entries)
		})).To(Succeed())
		Expect(entries).To(BeZero(), "of the damaged one, until the end")
		w.judge(ctx, l)
		w.publish(ctx, 10)
		p := ledger.NewPoster(w.bus, l, slog.New(slog.DiscardHandler))
		running, stop := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- p.Run(running) }()
		Expect(p.Wait(ctx, w.at)).To(Succeed())
		stop()
		Eventually(ctx, done).Should(Receive(BeNil()))
		w.judge(ctx, l)
		_, err = conn.Exec(ctx, "SET ROLE "+auditor+"; SELECT * FROM month_totals")
		Expect(err).NotTo(HaveOccurred())
	})
})
