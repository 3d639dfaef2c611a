package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// day is the beginning of what the tests of names tell.
var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// place is the key of a tenant, or of a space.
func place(tenant, space string) names.Key {
	return names.Key{Tenant: names.Tenant{Source: "cf", Foundation: "prod", GUID: tenant}, Space: space}
}

// called records what tenants and spaces are called, so many hours later.
func called(ctx context.Context, b *bus.Bus, hours int, all map[names.Key]string, whole bool) {
	GinkgoHelper()
	observed := map[names.Key]names.Observation{}
	for k, name := range all {
		observed[k] = names.Observation{Name: name, Seen: day.Add(time.Duration(hours) * time.Hour)}
	}
	_, err := names.Record(ctx, b, "cf", "prod", observed, whole)
	Expect(err).NotTo(HaveOccurred())
}

// forget publishes the erasure of a tenant's names.
func forget(ctx context.Context, b *bus.Bus, tenant string) {
	GinkgoHelper()
	_, err := acts.Erase(ctx, b, events.Act{
		Source: "cf", Foundation: "prod", By: "ann", Note: "the contract has ended", Time: day,
		Erasure: events.Erasure{Tenant: tenant},
	})
	Expect(err).NotTo(HaveOccurred())
}

// table is what a query finds, a line each.
func table(ctx context.Context, url, sql string) []string {
	GinkgoHelper()
	conn, err := pgx.Connect(ctx, url)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql)
	Expect(err).NotTo(HaveOccurred())
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	Expect(err).NotTo(HaveOccurred())
	return all
}

const allNames = `SELECT concat_ws(' ', kind, id, tenant, name, to_char(from_time, 'DD HH24'), to_char(until_time, 'DD HH24'))
	FROM daybook.names ORDER BY kind, id, from_time`

// dump is all rows of all tables, as text.
func dump(ctx context.Context, url string) string {
	GinkgoHelper()
	var all strings.Builder
	for _, name := range table(ctx, url, "SELECT viewname FROM pg_views WHERE schemaname = 'daybook' ORDER BY 1") {
		for _, row := range table(ctx, url, "SELECT x::text FROM daybook."+name+" AS x ORDER BY 1") {
			fmt.Fprintln(&all, name, row)
		}
	}
	return all.String()
}

// usages appends the facts of a start of an app in two tenants, in USAGE.
func usages(ctx context.Context, b *bus.Bus, numbers ...int) uint64 {
	GinkgoHelper()
	var messages []bus.Message
	for _, n := range numbers {
		for _, tenant := range []string{"org-1", "org-2"} {
			raw := fmt.Sprintf(strings.NewReplacer(`"O"`, `"`+tenant+`"`, `"S"`, `"S-`+tenant+`"`, `"shop"`, `"shop-`+tenant+`"`,
				`"dev"`, `"dev-`+tenant+`"`, "00000000-", "00000000"[:7]+tenant[4:]+"-").Replace(started), n)
			u := &events.Usage{
				ID: fmt.Sprint(tenant, n), Source: events.SourceCF, Foundation: "prod", Tenant: tenant,
				Kind: events.KindApp, Resource: "P", App: "A", Name: "shop-" + tenant, Space: "S-" + tenant,
				SpaceName: "dev-" + tenant,
				Event:     "STARTED", Time: day.Add(time.Duration(n) * time.Hour), Raw: []byte(raw),
			}
			messages = append(messages, bus.Message{
				Subject: events.UsageSubject("cf", "prod", tenant, events.KindApp, "P"), Data: u.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: events.TypeUsage}},
			})
		}
	}
	state, err := b.Stream(ctx, events.StreamUsage)
	Expect(err).NotTo(HaveOccurred())
	last, err := b.Append(ctx, events.StreamUsage, messages, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
	return last
}

// posting is the n-th batch, with rows of two tenants in each table.
func posting(n int) ledger.Batch {
	b := ledger.Batch{
		From:      ledger.Positions{Metered: uint64(n - 1), Billing: uint64(n - 1)},
		Positions: ledger.Positions{Metered: uint64(n), Billing: uint64(n)},
	}
	start := day.Add(time.Duration(n) * time.Hour)
	for _, tenant := range []string{"org-1", "org-2"} {
		id := fmt.Sprint(tenant, "-", n)
		c := ledgertest.Charge(tenant, "2026-11", "app", "1", "0.2")
		c.ID, c.App, c.Resource, c.Name, c.Start = "c-"+id, "A-"+tenant, "P-"+tenant, "shop-"+tenant, start
		c.Space = "S-" + tenant
		c.Source, c.Foundation, c.Place.Sequence = "cf", "prod", uint64(n)
		b.Charges = append(b.Charges, c)
		span := events.Span{
			ID: "s-" + id, Tenant: tenant, Space: "S-" + tenant, SpaceName: "dev-" + tenant, App: "A-" + tenant,
			Kind: "app", Resource: "P-" + tenant, Name: "shop-" + tenant, Start: start, End: start.Add(time.Hour),
		}
		b.Details.Changes = append(b.Details.Changes, ledger.Change{
			Source: "cf", Foundation: "prod", Closed: []events.Span{span},
		})
		span.End = time.Time{}
		b.Running = append(b.Running, ledger.Running{
			Subject: "metered.cf.prod." + tenant, Source: "cf", Foundation: "prod", Tenant: tenant,
			Spans: []events.Span{span},
		})
		b.Unrated = append(b.Unrated, ledger.Unrated{Source: "cf", Foundation: "prod", Unrated: events.Unrated{
			ID: "u-" + id, Kind: "service", Resource: "I-" + tenant, Tenant: tenant, Name: "db-" + tenant, Start: start,
		}})
	}
	return b
}

// broken is a bus that gives no single messages.
type broken struct{ *bus.Bus }

var errBroken = errors.New("the server is away")

func (broken) Get(context.Context, string, uint64) (bus.Stored, error) {
	return bus.Stored{}, errBroken
}

var _ = Describe("The names in Postgres", func() {
	var b *bus.Bus
	var url string
	var l *postgres.Ledger
	BeforeEach(func(ctx context.Context) {
		b, url = streams(ctx), database(ctx)
		l = open(ctx, url)
	})

	It("are those of the bucket, each with its time", func(ctx context.Context) {
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		Expect(table(ctx, url, allNames)).To(BeEmpty(), "there is no bucket yet")
		called(ctx, b, 0, map[names.Key]string{
			place("org-1", ""): "acme", place("org-1", "S-1"): "dev", place("org-2", ""): "globex",
		}, true)
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		first := []string{
			"organization org-1 org-1 acme 01 00", "organization org-2 org-2 globex 01 00", "space S-1 org-1 dev 01 00",
		}
		Expect(table(ctx, url, allNames)).To(Equal(first))
		called(ctx, b, 1, map[names.Key]string{place("org-1", ""): "acme-eu", place("org-1", "S-1"): "dev"}, true)
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		second := []string{
			"organization org-1 org-1 acme 01 00 01 01", "organization org-1 org-1 acme-eu 01 01",
			"organization org-2 org-2 globex 01 00 01 01", "space S-1 org-1 dev 01 00",
		}
		Expect(table(ctx, url, allNames)).To(Equal(second))
		other := open(ctx, url)
		Expect(other.TakeNames(ctx, b)).To(Succeed())
		Expect(table(ctx, url, allNames)).To(Equal(second), "another process adds nothing")
	})

	It("are more than go into one transaction, and a bucket made anew takes their place", func(ctx context.Context) {
		many := map[names.Key]string{}
		for n := range 450 {
			many[place(fmt.Sprintf("org-%03d", n), "")] = fmt.Sprint("tenant ", n)
		}
		called(ctx, b, 0, many, true)
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		Expect(table(ctx, url, "SELECT count(*)::text FROM daybook.names")).To(Equal([]string{"450"}))
		anew := streams(ctx)
		called(ctx, anew, 2, map[names.Key]string{place("org-1", ""): "acme"}, true)
		Expect(l.TakeNames(ctx, anew)).To(Succeed())
		Expect(table(ctx, url, allNames)).To(Equal([]string{"organization org-1 org-1 acme 01 02"}))
		Expect(l.TakeNames(ctx, streams(ctx))).To(Succeed())
		Expect(table(ctx, url, allNames)).To(BeEmpty(), "the bucket is gone")
	})

	// filled has names of two tenants in every table.
	filled := func(ctx context.Context) {
		GinkgoHelper()
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		called(ctx, b, 0, map[names.Key]string{
			place("org-1", ""): "acme-org-1", place("org-1", "S-org-1"): "dev-org-1", place("org-2", ""): "globex",
		}, true)
		Expect(l.Post(ctx, posting(1))).To(Succeed())
		l.Archive(ctx, b, usages(ctx, b, 1, 2))
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		all := dump(ctx, url)
		for _, in := range []string{
			"charges", "spans", "running", "unrated", "names", "app_usage_events",
		} {
			Expect(all).To(MatchRegexp("(?m)^"+in+" .*-org-1"), in)
			Expect(all).To(MatchRegexp(`(?m)^`+in+` .*(shop|dev|acme|db)-org-1`), in)
		}
	}
	It("stand in the answer of a query of docs/sql.md, until they are erased", func(ctx context.Context) {
		filled(ctx)
		text, err := os.ReadFile("../../docs/sql.md")
		Expect(err).NotTo(HaveOccurred())
		var sql string
		for _, q := range query.FindAllSubmatch(text, -1) {
			if strings.Contains(string(q[1]), "FROM names") {
				sql = strings.ReplaceAll(strings.TrimRight(string(q[1]), ";\n"), "2026-10", "2026-11")
			}
		}
		conn, err := pgx.Connect(ctx, url)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx context.Context) { _ = conn.Close(ctx) })
		_, err = conn.Exec(ctx, "SET search_path = daybook; CREATE TEMP VIEW answered AS "+sql)
		Expect(err).NotTo(HaveOccurred())
		answer := func() []string {
			GinkgoHelper()
			rows, err := conn.Query(ctx, "SELECT concat_ws(' ', organization, space, amount, currency) FROM answered")
			Expect(err).NotTo(HaveOccurred())
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			Expect(err).NotTo(HaveOccurred())
			return lines
		}
		Expect(answer()).To(Equal([]string{"acme-org-1 dev-org-1 1 GBP", "globex S-org-2 1 GBP"}))
		forget(ctx, b, "org-1")
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		Expect(answer()).To(Equal([]string{"globex S-org-2 1 GBP", "org-1 S-org-1 1 GBP"}))
	})

	named := MatchRegexp(`(shop|dev|acme|db)-org-1`)
	sums := "SELECT concat_ws(' ', tenant, sum(amount), count(*)) FROM daybook.charges GROUP BY tenant ORDER BY 1"

	It("are gone everywhere when they are erased, and come back with nothing later", func(ctx context.Context) {
		filled(ctx)
		before, paid := dump(ctx, url), table(ctx, url, sums)
		forget(ctx, b, "org-1")
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		after := dump(ctx, url)
		Expect(after).NotTo(named)
		Expect(after).To(And(ContainSubstring("shop-org-2"), ContainSubstring("dev-org-2"), ContainSubstring("globex")))
		Expect(table(ctx, url, sums)).To(Equal(paid))
		Expect(strings.Count(after, "\n")).To(Equal(strings.Count(before, "\n")-2+1), "two names, and the erasure")
		Expect(table(ctx, url, `SELECT concat_ws(' ', id, raw_message->>'state', raw_message->>'app_name',
			raw_message->>'space_name', raw_message->>'org_guid', raw_v3 #>> '{space,name}', raw_v3 #>> '{app,name}')
			FROM daybook.app_usage_events ORDER BY id`)).To(Equal([]string{
			"1 STARTED A S-org-1 org-1 S-org-1 A", "2 STARTED shop-org-2 dev-org-2 org-2 dev-org-2 shop-org-2",
			"3 STARTED A S-org-1 org-1 S-org-1 A", "4 STARTED shop-org-2 dev-org-2 org-2 dev-org-2 shop-org-2",
		}))
		spans, err := l.Spans(ctx, ledger.Query{Tenant: "org-1"}, day, day.AddDate(0, 0, 1))
		Expect(err).NotTo(HaveOccurred())
		Expect(spans).To(HaveLen(2))
		Expect(spans[0].Name + " " + spans[0].SpaceName).To(Equal("A-org-1 S-org-1"))

		Expect(l.Post(ctx, posting(2))).To(Succeed())
		l.Archive(ctx, b, usages(ctx, b, 3))
		called(ctx, b, 3, map[names.Key]string{
			place("org-1", "S-new"): "dev-org-1", place("org-2", ""): "globex-2",
		}, false)
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		Expect(dump(ctx, url)).To(And(Not(named), ContainSubstring("globex-2"), ContainSubstring("c-org-1-2")))
	})

	It("are erased where the poster was down meanwhile, before anything is posted", func(ctx context.Context) {
		filled(ctx)
		l.Close()
		forget(ctx, b, "org-1")
		l = open(ctx, url)
		running, stop := context.WithCancel(ctx)
		noted, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			l.KeepNames(running, b, func() { close(noted) })
		}()
		Eventually(ctx, noted).Should(BeClosed())
		Expect(l.Post(ctx, posting(2))).To(Succeed())
		Expect(table(ctx, url, "SELECT DISTINCT name FROM daybook.charges WHERE id LIKE 'c-org-1-2'")).To(
			Equal([]string{"A-org-1"}))
		Eventually(ctx, func() string { return dump(ctx, url) }).ShouldNot(named)
		stop()
		Eventually(ctx, ended).Should(BeClosed())
	})

	It("are erased to the end by the next process, where one was killed in the middle", func(ctx context.Context) {
		filled(ctx)
		forget(ctx, b, "org-1")
		Expect(l.TakeNames(ctx, broken{b})).To(MatchError(errBroken))
		Expect(dump(ctx, url)).To(And(named, ContainSubstring("(org-1,cf,prod,f)")))
		l.Close()
		l = open(ctx, url)
		Expect(l.Post(ctx, posting(2))).To(Succeed())
		Expect(table(ctx, url, "SELECT DISTINCT name FROM daybook.charges WHERE tenant = 'org-1'")).To(
			Equal([]string{"A-org-1"}))
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		Expect(dump(ctx, url)).To(And(Not(named), ContainSubstring("(org-1,cf,prod,t)")))
	})

	It("do not come back with a ledger that is filled anew, whatever is erased meanwhile", func(ctx context.Context) {
		filled(ctx)
		forget(ctx, b, "org-1")
		Expect(l.TakeNames(ctx, b)).To(Succeed())
		last := usages(ctx, b, 4)
		Expect(l.Rebuild(ctx, b, func(ctx context.Context, to *postgres.Ledger) error {
			Expect(to.Post(ctx, posting(1))).To(Succeed())
			Expect(table(ctx, url, "SELECT name FROM daybook_2.charges WHERE tenant = 'org-1'")).To(
				Equal([]string{"A-org-1"}))
			to.Archive(ctx, b, last)
			// An erasure that only the generation in use has: USAGE was restored from before it.
			Expect(table(ctx, url, "INSERT INTO daybook_1.erasures VALUES ('org-2', 'cf', 'prod') RETURNING tenant")).
				To(HaveLen(1))
			return nil
		})).To(Succeed())
		all := dump(ctx, url)
		Expect(all).To(And(Not(named), Not(MatchRegexp("(shop|dev|db)-org-2")), ContainSubstring("c-org-2-1"),
			ContainSubstring("(org-2,cf,prod,t)")))
	})
})
