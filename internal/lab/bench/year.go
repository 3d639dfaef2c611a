package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/postgres"
	"github.com/daybook-billing/daybook/pricer"
)

// The world of the questions: services of a year, each charged once a day and once for each
// component, of so many tenants, of which the first has a fifth.
const (
	readYear       = 2025
	readMonths     = 12
	readDays       = 28 // of a month, at the most
	readTenants    = 500
	readBig        = 5   // one service in so many is the first tenant's
	readServices   = 625 // at the least: each tenant has one
	readPlans      = 8
	readComponents = 4
	readBatch      = 5000 // messages that are posted at once
	readFoundation = "prod"
	appendAtOnce   = 1000 // messages of an append
)

// year is a world of charges: as messages of USAGE, METERED and BILLING, which name each other as
// those of the services do, and as rows in Postgres.
type year struct {
	bus   *bus.Bus
	books *postgres.Ledger // nil: the streams alone

	services     int
	months, days int // days of each month
	prices       events.Catalogue
	usage        uint64 // messages of USAGE
	first        uint64 // message of USAGE that begins the first service; the others follow
	at, posted   ledger.Positions
	charges      int
	next         int // day behind the year's last month that is not charged yet
	// sums are the amounts by tenant and month of posting.
	sums map[[2]string]events.Decimal
	// noon is the sequence of USAGE behind half of the days of each month.
	noon map[string]uint64
}

// newYear is a world of about that many charges, with its prices and the beginnings of its
// services.
func newYear(ctx context.Context, b *bus.Bus, books *postgres.Ledger, charges int) (*year, error) {
	w := emptyYear(b, books)
	w.services = max(readServices, charges/(readMonths*readDays*readComponents))
	w.days = min(max(charges/(readMonths*readComponents*w.services), 1), readDays)
	if _, err := acts.PublishCatalogue(ctx, b, &acts.Publication{
		Version: w.prices.Version, YAML: w.prices.YAML, By: "bench", At: w.day(0, 0),
	}); err != nil {
		return nil, err
	}
	state, err := b.Stream(ctx, events.StreamUsage)
	if err != nil {
		return nil, err
	}
	w.usage = state.Last
	if err := w.append(ctx, events.StreamMetered, &w.at.Metered, []bus.Message{derived(
		events.MeteredCatalogueSubject, events.TypeCatalogue, "catalogue", w.usage, w.prices.AppendJSON(nil),
	)}); err != nil {
		return nil, err
	}
	w.first = w.usage + 1
	var begun []bus.Message
	for n := range w.services {
		begun = append(begun, w.fact(n))
	}
	return w, w.append(ctx, events.StreamUsage, &w.usage, begun)
}

// emptyYear is a year without a service.
func emptyYear(b *bus.Bus, books *postgres.Ledger) *year {
	return &year{
		bus: b, books: books, months: readMonths, sums: map[[2]string]events.Decimal{}, noon: map[string]uint64{},
		prices: events.Catalogue{Version: "v1", YAML: yearPrices()},
	}
}

// yearPrices are plans with so many components each.
func yearPrices() string {
	var b strings.Builder
	b.WriteString("currency: GBP\nvat_rates:\n  - {code: Standard, valid_from: 2017-01-01, rate: \"0.2\"}\nplans:\n")
	for plan := range readPlans {
		fmt.Fprintf(&b, "  - name: plan-%[1]d\n    match: {kind: service, plan: \"plan-%[1]d\"}\n"+
			"    valid_from: 2017-01-01\n    components:\n", plan)
		for c := range readComponents {
			fmt.Fprintf(&b, "      - {name: part-%[1]d, quantity: \"seconds / 3600\", unit: hour, "+
				"unit_price: \"0.0%[1]d%[2]d7\", vat: Standard}\n", c, plan)
		}
	}
	return b.String()
}

// tenantName is the guid of a tenant by its number.
func tenantName(n int) string { return fmt.Sprintf("4e7a1100-0000-4000-8000-%012d", n) }

// serviceName is the guid of a service by its number.
func serviceName(n int) string { return fmt.Sprintf("5e4f1ce0-0000-4000-8000-%012d", n) }

// tenantOf is the number of a service's tenant.
func tenantOf(n int) int {
	if n%readBig == 0 {
		return 0
	}
	return 1 + (n-n/readBig-1)%(readTenants-1)
}

// month is a month by its number, as YYYY-MM.
func month(n int) string { return fmt.Sprintf("%d-%02d", readYear+n/12, 1+n%12) }

// day is the beginning of a day by the numbers of its month and of itself, from 0.
func (w *year) day(month, day int) time.Time {
	return time.Date(readYear, time.January+time.Month(month), 1+day, 0, 0, 0, 0, time.UTC)
}

// span is a service's span of a day, as it runs.
func (w *year) span(n int, start time.Time) events.Span {
	plan := "plan-" + strconv.Itoa(n%readPlans)
	return events.Span{
		Kind: events.KindService, Resource: serviceName(n),
		Tenant: tenantName(tenantOf(n)), Space: fmt.Sprintf("5fac0000-0000-4000-8000-%012d", tenantOf(n)),
		SpaceName: "production", Name: "database", Start: start, Since: w.day(0, 0),
		Footprint: events.Footprint{
			Plan: plan, PlanGUID: "91a40000-0000-4000-8000-00000000000" + strconv.Itoa(n%readPlans),
			Offering: "postgres",
		},
		Evidence: []uint64{w.first + uint64(n)}, //nolint:gosec // not negative
	}
}

// fact is the fact of a service's beginning.
func (w *year) fact(n int) bus.Message {
	s := w.span(n, w.day(0, 0))
	u := events.Usage{
		ID: events.ID("usage", s.Resource), Source: events.SourceCF, Foundation: readFoundation, Tenant: s.Tenant,
		Kind: s.Kind, Resource: s.Resource, Event: events.EventCreated, Time: s.Start, Space: s.Space,
		SpaceName: s.SpaceName, Name: s.Name, Footprint: s.Footprint,
		Raw: fmt.Appendf(nil, `{"guid":%q,"state":"CREATED","service_instance":{"guid":%[1]q,"name":%q}}`, s.Resource,
			s.Name),
	}
	return derived(events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.Resource), events.TypeUsage, u.ID, 0,
		u.AppendJSON(nil))
}

// derived is a message, and the sequence of its input; 0 for none.
func derived(subject, kind, id string, input uint64, body []byte) bus.Message {
	m := bus.Message{Subject: subject, Data: body, Header: []events.Header{
		{Key: events.HeaderType, Value: kind}, {Key: events.HeaderID, Value: id},
	}}
	if input > 0 {
		m.Header = append(m.Header, events.Header{Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(input, 10)})
	}
	return m
}

// append appends messages to a stream, and counts them. What is derived has the headers of
// batches.
func (w *year) append(ctx context.Context, stream string, last *uint64, all []bus.Message) error {
	for some := range slices.Chunk(all, appendAtOnce) {
		if stream != events.StreamUsage {
			end := len(some) - 1
			some[0].Header = append(some[0].Header, events.Header{Key: stage.HeaderLogic, Value: "bench"})
			some[end].Header = append(some[end].Header,
				events.Header{Key: stage.HeaderChain, Value: audit.Chain{}.String()}, // nobody verifies this year
				events.Header{Key: stage.HeaderCount, Value: strconv.FormatUint(*last+uint64(len(some)), 10)})
		}
		to, err := w.bus.Append(ctx, stream, some, bus.Expect{Last: *last})
		if err != nil {
			return err
		}
		*last = to
	}
	return nil
}

// fill charges the whole year. The database takes a batch while the next one is made.
func (w *year) fill(ctx context.Context) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches := make(chan ledger.Batch, 1)
	var posting sync.WaitGroup
	posting.Go(func() {
		for b := range batches {
			if err := w.books.Post(ctx, b); err != nil {
				stop(err)
				return
			}
		}
	})
	for m := range w.months {
		for d := range w.days {
			if err == nil {
				err = w.charge(ctx, m, d, batches)
			}
		}
	}
	w.next = w.days
	close(batches)
	posting.Wait()
	return cmp.Or(context.Cause(ctx), err)
}

// charge charges all services for a day. The last day says what runs, too.
func (w *year) charge(ctx context.Context, month, day int, to chan<- ledger.Batch) error {
	cause, err := w.cut(ctx, month, day)
	if err != nil {
		return err
	}
	last := month == w.months-1 && day == w.days-1
	for from := 0; from < w.services; from += readBatch {
		b, err := w.batch(ctx, cause, from, min(from+readBatch, w.services), last)
		if err != nil {
			return err
		}
		if w.books == nil {
			continue
		}
		select {
		case to <- b:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// cut is the horizon that ends a day.
func (w *year) cut(ctx context.Context, m, day int) (events.Cause, error) {
	h := events.Horizon{Source: events.SourceCF, Foundation: readFoundation, Time: w.day(m, day+1)}
	h.ID = events.ID("horizon", events.FormatTime(h.Time))
	err := w.append(ctx, events.StreamUsage, &w.usage, []bus.Message{derived(
		events.UsageHorizonSubject(h.Source, h.Foundation), events.TypeHorizon, h.ID, 0, h.AppendJSON(nil),
	)})
	if day == (w.days-1)/2 {
		w.noon[month(m)] = w.usage
	}
	return events.Cause{ID: h.ID, Sequence: w.usage, Event: events.TypeHorizon, Time: h.Time}, err
}

// post meters, charges and posts the day of some services, at its cut.
func (w *year) post(ctx context.Context, cause events.Cause, from, to int, running bool) error {
	b, err := w.batch(ctx, cause, from, to, running)
	if err != nil {
		return err
	}
	return w.books.Post(ctx, b)
}

// batch meters and charges the day of some services, at its cut: it appends the messages, and
// returns the batch to post.
func (w *year) batch(ctx context.Context, cause events.Cause, from, to int, running bool) (ledger.Batch, error) {
	b := ledger.Batch{From: w.posted}
	book := pricer.NewBook()
	if err := book.Catalogue(&w.prices, "catalogue", func(*pricer.Entries) {}); err != nil {
		return b, err
	}
	var metered, billing []bus.Message
	for n := from; n < to; n++ {
		m := w.metered(n, &cause)
		subject := events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource)
		metered = append(metered, derived(subject, events.TypeMetered, m.ID, cause.Sequence, m.AppendJSON(nil)))
		input := w.at.Metered + uint64(len(metered))
		b.Details.Changes = append(b.Details.Changes, ledger.Change{
			Source: m.Source, Foundation: m.Foundation, Sequence: input, Closed: m.Closed,
		})
		if running {
			b.Running = append(b.Running, ledger.Running{
				Subject: subject, Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Spans: m.Running,
			})
		}
		book.Metered(&m, func(e *pricer.Entries) {
			x := events.Billing{
				ID: events.ID("billing", m.ID), Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant,
				Kind: m.Kind, Resource: m.Resource, Charges: e.Charges, Cause: events.Cause{
					ID: m.ID, Sequence: input, Event: m.Cause.Event, Time: m.Cause.Time, Usage: cause.Sequence,
				},
			}
			subject := events.ChargeSubject(x.Tenant, x.Source, x.Foundation, x.Kind, x.Resource)
			billing = append(billing, derived(subject, events.TypeBilling, x.ID, input, x.AppendJSON(nil)))
			b.Charges = ledger.AppendCharges(b.Charges, &x, w.at.Billing+uint64(len(billing)))
		})
	}
	if err := w.append(ctx, events.StreamMetered, &w.at.Metered, metered); err != nil {
		return b, err
	}
	if err := w.append(ctx, events.StreamBilling, &w.at.Billing, billing); err != nil {
		return b, err
	}
	w.charges += len(b.Charges)
	for i := range b.Charges {
		key := [2]string{b.Charges[i].Tenant, b.Charges[i].Period}
		w.sums[key] = w.sums[key].Add(b.Charges[i].Amount)
	}
	b.Positions, w.posted = w.at, w.at
	return b, nil
}

// metered is the message about a service at the end of a day.
func (w *year) metered(n int, cause *events.Cause) events.Metered {
	closed := w.span(n, cause.Time.AddDate(0, 0, -1))
	running := w.span(n, cause.Time)
	closed.End = cause.Time
	m := events.Metered{
		ID: events.ID("metered", cause.ID, closed.Resource), Source: events.SourceCF, Foundation: readFoundation,
		Tenant: closed.Tenant, Kind: closed.Kind, Resource: closed.Resource, Cause: *cause,
	}
	closed.ID = events.ID("span", m.ID)
	m.Closed, m.Running = []events.Span{closed}, []events.Span{running}
	return m
}
