package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/pgtest"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
)

// The world of the questions: charges of a year of so many tenants, of which the first has a fifth.
const (
	readMonths  = 12
	readTenants = 500
	readBig     = 5 // one charge in so many is the first tenant's
	readBatch   = 20_000
	readCalls   = 100
	readWhile   = 2_000 // rows a second that are posted meanwhile
)

// reading is the time of questions over HTTP, with the ledger in Postgres, while more is posted.
func reading(ctx context.Context, r *rig) ([]row, error) {
	cluster, err := pgtest.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer cluster.Close() //nolint:errcheck // a temporary folder
	url, err := cluster.Database(ctx)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	books, err := postgres.New(postgres.Config{URL: url}, log)
	if err != nil {
		return nil, err
	}
	defer books.Close()
	if err := books.Migrate(ctx); err != nil {
		return nil, err
	}
	w := &year{books: books, dice: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same world each time
	begun := time.Now()
	for month := range readMonths {
		for range r.size.charges / readMonths / readBatch {
			if err := w.post(ctx, month, readBatch); err != nil {
				return nil, err
			}
		}
	}
	filled := float64(w.charges) / time.Since(begun).Seconds()
	rows, err := w.ask(ctx, r, log)
	return append([]row{{
		"rows a second posted to Postgres, with their sums", filled, "-", fmt.Sprintf("%d charges", w.charges),
	}}, rows...), err
}

// year posts charges.
type year struct {
	books   *postgres.Ledger
	dice    *rand.Rand
	at      ledger.Positions
	charges int

	mu sync.Mutex // guards the next one
	id string     // of a charge
}

// tenant is the guid of a tenant by its number.
func tenant(n int) string { return fmt.Sprintf("4e7a1100-0000-4000-8000-%012d", n) }

// post posts charges of a month, four in a message.
func (w *year) post(ctx context.Context, month, n int) error {
	const inMessage = 4
	from := time.Date(2025, time.January+time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	b := ledger.Batch{From: w.at}
	for len(b.Charges) < n {
		of := 0
		apps := 400
		if w.dice.IntN(readBig) > 0 {
			of, apps = 1+w.dice.IntN(readTenants-1), 10
		}
		w.at.Billing++
		app := fmt.Sprintf("a0000000-0000-4000-8000-%04d%08d", of, w.dice.IntN(apps))
		day := from.AddDate(0, 0, w.dice.IntN(28))
		for i := range inMessage {
			plan := strconv.Itoa(w.dice.IntN(8))
			c := ledger.Charge{
				Source: events.SourceCF, Foundation: "prod", Usage: 1 + w.at.Billing%2,
				Place: ledger.Place{Sequence: w.at.Billing, Index: uint32(i)},
			}
			c.Charge = events.Charge{
				ID: events.ID(strconv.FormatUint(w.at.Billing, 10), strconv.Itoa(i)), Entry: events.EntryCharge,
				Period: from.Format(events.MonthForm), Kind: events.KindApp, Resource: app, App: app,
				Tenant: tenant(of), Space: "s" + strconv.Itoa(of), Name: "app", Plan: "plan-" + plan,
				Component: "memory", Catalogue: "v1", Start: day, End: day.Add(time.Hour),
				Seconds: events.NewDecimal(3600, 0), Quantity: events.NewDecimal(int64(w.dice.IntN(1e6)), -3),
				Unit: "GiB-hour", Amount: events.NewDecimal(int64(w.dice.IntN(1e9)), -9),
				VAT: events.NewDecimal(int64(w.dice.IntN(1e8)), -9), VATCode: "Standard", VATRate: "0.2",
				Currency: "GBP",
			}
			c.Span = events.ID("span", c.ID)
			b.Charges = append(b.Charges, c)
		}
	}
	w.charges += len(b.Charges)
	w.mu.Lock()
	w.id = b.Charges[0].ID
	w.mu.Unlock()
	b.Positions = w.at
	return w.books.Post(ctx, b)
}

// ask measures questions while rows are posted.
func (w *year) ask(ctx context.Context, r *rig, log *slog.Logger) (rows []row, err error) {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: r.folder, Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	defer server.Shutdown()
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if err := b.EnsureStreams(ctx, bus.StreamsConfig{}); err != nil {
		return nil, err
	}
	service, err := api.New(api.Config{Address: "127.0.0.1:0"}, api.Deps{Reader: w.books, Bus: b, Log: log})
	if err != nil {
		return nil, err
	}
	for n := range uint64(2) { // every other message is of the first one
		h := events.Horizon{ID: strconv.FormatUint(n, 10), Source: events.SourceCF, Foundation: "prod"}
		_, err := b.Append(ctx, events.StreamUsage, []bus.Message{{
			Subject: events.UsageHorizonSubject(h.Source, h.Foundation), Data: h.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderType, Value: events.TypeHorizon}},
		}}, bus.Expect{Last: n})
		if err != nil {
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { _ = service.Run(ctx) }) // its end is ours
	running.Go(func() {
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		for ctx.Err() == nil {
			_ = w.post(ctx, readMonths-1, readWhile/2) // an error is the end of the context
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	for service.Address() == "" {
		if err := bus.Wait(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	for _, q := range questions() {
		took, err := median(func() error { return get(ctx, "http://"+service.Address()+"/v1/"+q.path) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		rows = append(rows, row{
			"ms of " + q.name, took, q.aim, fmt.Sprintf("median of %d, %d charges", readCalls, r.size.charges),
		})
	}
	w.mu.Lock()
	id := w.id
	w.mu.Unlock()
	took, err := median(func() error {
		_, err := w.books.Charge(ctx, ledger.Query{}, id)
		return err
	})
	return append(rows, row{"ms of a charge by its id, in Postgres", took, "< 10", ""}), err
}

// question is one over HTTP, with what its median may take.
type question struct{ name, path, aim string }

func questions() []question {
	month := "&month=2025-06"
	big := "&tenant=" + tenant(0) + month
	return []question{
		{"the big tenant's month by plan and component", "totals?by=plan,component" + big, "< 10"},
		{"its month by day", "totals?by=day" + big, "< 10"},
		{"a page of its 1,000 charges", "charges?limit=1000" + big, "< 25"},
		{"all tenants' month", "totals?by=tenant" + month, "< 300"},
		{"its month as known at an earlier time", "totals?by=plan&known_at=1" + big, "< 1000"},
	}
}

// get sends a request and reads the answer.
func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return err
}

// median is the median of calls in milliseconds, behind a few to warm up.
func median(call func() error) (float64, error) {
	const warm = 3
	var all []float64
	for n := range warm + readCalls {
		begun := time.Now()
		if err := call(); err != nil {
			return 0, err
		}
		if n >= warm {
			all = append(all, float64(time.Since(begun).Microseconds())/1000)
		}
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
