// Package memory is the ledger in memory, the embedded default. Its state is small enough to be
// saved as a whole: a start reads the snapshot, and the streams from there on.
package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// Ledger keeps sums of charges, not the charges, by day, resource and component: its size grows
// with what is there and with time, not with events.
type Ledger struct {
	mu        sync.RWMutex // guards everything below; Post holds it for a whole batch
	positions ledger.Positions
	lines     map[ownKey[lineKey]]*ledger.Line // of a bill: the sums of days by month and owner
	totals    map[ownKey[totalKey]]*ledger.Total
	days      days
	unrated   map[string]unrated
	running   map[string]*subject
	complete  ledger.Completeness
	anomalies *anomalies.Standing
}

type lineKey struct{ period, of, tenant, kind, plan, component, unit, currency string }

type totalKey struct{ period, tenant, currency, rate string }

// ownKey is a key of what belongs to a foundation.
type ownKey[T comparable] struct {
	of         T
	foundation string
}

type unrated struct{ foundation, tenant, period string }

// subject is what runs and is held under a subject of METERED.
type subject struct {
	source ledger.Foundation
	tenant string
	standing.Subject
}

var _ ledger.Saver = (*Ledger)(nil)

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{
		days:  newDays(),
		lines: map[ownKey[lineKey]]*ledger.Line{}, unrated: map[string]unrated{}, running: map[string]*subject{},
		complete: ledger.NewCompleteness(), anomalies: anomalies.New(), totals: map[ownKey[totalKey]]*ledger.Total{},
	}
}

// Positions implements ledger.Sums.
func (l *Ledger) Positions(context.Context) (ledger.Positions, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.positions, nil
}

// Post implements ledger.Ledger.
func (l *Ledger) Post(_ context.Context, b ledger.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := b.Positions
	if !b.Follows(l.positions) {
		return ledger.ErrPosted
	}
	l.positions = at
	for i := range b.Charges {
		l.charge(&b.Charges[i])
	}
	for i := range b.Unrated {
		u := &b.Unrated[i]
		l.unrated[u.ID] = unrated{u.Foundation, u.Tenant, u.PostedTo()}
	}
	for _, id := range b.Settled { // behind Unrated: see ledger.Batch
		delete(l.unrated, id)
	}
	moved := 0
	for i := range b.Running {
		for ; moved < min(b.Running[i].Horizons, len(b.Metered)); moved++ {
			l.complete.Meter(&b.Metered[moved], l.anomalies)
		}
		l.run(&b.Running[i])
	}
	for ; moved < len(b.Metered); moved++ {
		l.complete.Meter(&b.Metered[moved], l.anomalies)
	}
	for i := range b.Billed {
		l.complete.Bill(&b.Billed[i])
	}
	l.complete.Gaps = append(l.complete.Gaps, b.Gaps...)
	for i := range b.Closings {
		l.complete.Close(&b.Closings[i])
	}
	return nil
}

func (l *Ledger) run(r *ledger.Running) {
	at := ledger.Foundation{Source: r.Source, Name: r.Foundation}
	for i := range r.Anomalies {
		l.anomalies.Add(r.Subject, &r.Anomalies[i], l.complete.Now(at))
	}
	if r.Subject == "" {
		return
	}
	l.complete.Place(r.Tenant, at)
	s := l.running[r.Subject]
	if s == nil {
		s = &subject{source: at, tenant: r.Tenant}
		l.running[r.Subject] = s
	}
	m := events.Metered{
		Running: r.Spans, RunningOmitted: r.SpansOmitted, Held: r.Held, HeldOmitted: r.HeldOmitted, Ended: r.Ended,
	}
	s.Apply(&m)
	l.anomalies.Listed(r.Subject, &s.Subject, func(resource string) bool {
		return !standing.Partial(&m) || slices.Contains(m.Ended, resource) ||
			slices.ContainsFunc(m.Running, func(s events.Span) bool { return s.Resource == resource }) ||
			slices.ContainsFunc(m.Held, func(h events.Hold) bool { return h.Resource == resource })
	})
	if s.Empty() {
		delete(l.running, r.Subject)
	}
}

func (l *Ledger) charge(c *ledger.Charge) {
	l.days.add(c)
	t := l.total(ownKey[totalKey]{totalKey{c.Period, c.Tenant, c.Currency, c.VATRate}, c.Foundation})
	t.Amount, t.VAT = t.Amount.Add(c.Amount), t.VAT.Add(c.VAT)
	line := lineOf(c)
	l.line(&line, c.Foundation).Add(
		&ledger.Line{Unit: c.Unit, Charges: 1, Quantity: c.Quantity, Amount: c.Amount, VAT: c.VAT})
}

// lineOf is the line of a charge, without its sums.
func lineOf(c *ledger.Charge) ledger.Line {
	return ledger.Line{
		Period: c.Period, Of: c.Of(), Tenant: c.Tenant, Kind: c.Kind, Plan: c.Plan, Component: c.Component,
		Unit: c.Unit, Currency: c.Currency,
	}
}

// line is the line with the texts of another one.
func (l *Ledger) line(like *ledger.Line, foundation string) *ledger.Line {
	key := ownKey[lineKey]{keyOf(like), foundation}
	if l.lines[key] == nil {
		own := *like
		l.lines[key] = &own
	}
	return l.lines[key]
}

func (l *Ledger) total(key ownKey[totalKey]) *ledger.Total {
	if l.totals[key] == nil {
		of := key.of
		l.totals[key] = &ledger.Total{Period: of.period, Tenant: of.tenant, Currency: of.currency, VATRate: of.rate}
	}
	return l.totals[key]
}

func keyOf(l *ledger.Line) lineKey {
	return lineKey{l.Period, l.Of, l.Tenant, l.Kind, l.Plan, l.Component, l.Unit, l.Currency}
}

// selects reports whether a query is about a month of an owner.
func selects(q *ledger.Query, foundation, tenant, period string) bool {
	return q.Has(foundation, tenant) && (q.Period == "" || q.Period == period)
}

// selected are the lines of a query, in no order.
func (l *Ledger) selected(q *ledger.Query) (lines []ledger.Line, err error) {
	if len(q.By) > 0 || q.Narrow() {
		return l.days.lines(q)
	}
	at := map[lineKey]int{}
	for key, line := range l.lines {
		if !selects(q, key.foundation, line.Tenant, line.Period) {
			continue
		}
		if n, known := at[key.of]; known {
			lines[n].Add(line)
			continue
		}
		at[key.of] = len(lines)
		lines = append(lines, *line)
	}
	return lines, nil
}

// sum are the totals of a query, in no order.
func (l *Ledger) sum(q *ledger.Query) []ledger.Total {
	sums := map[totalKey]ledger.Total{}
	for key, t := range l.totals {
		if selects(q, key.foundation, t.Tenant, t.Period) {
			sum := *t
			have := sums[key.of]
			sum.Amount, sum.VAT = sum.Amount.Add(have.Amount), sum.VAT.Add(have.VAT)
			sums[key.of] = sum
		}
	}
	maps.DeleteFunc(sums, func(_ totalKey, t ledger.Total) bool { return t.Amount.IsZero() && t.VAT.IsZero() })
	return slices.Collect(maps.Values(sums))
}

// Bill implements ledger.Sums.
func (l *Ledger) Bill(_ context.Context, q ledger.Query) (ledger.Bill, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	bill := ledger.Bill{Query: q}
	var err error
	if bill.Lines, err = l.selected(&q); err != nil {
		return bill, err
	}
	bill.Totals = l.sum(&q)
	bill.SortLines()
	l.finish(&bill)
	return bill, nil
}

// Horizons implements ledger.Sums.
func (l *Ledger) Horizons(_ context.Context, q ledger.Query) ([]ledger.Horizon, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	bill := ledger.Bill{Query: q}
	l.complete.Complete(&bill, l.open(&bill))
	return bill.Horizons, nil
}

// errSums refuses a question that sums do not answer.
var errSums = errors.New("the ledger in memory keeps no single entries: a Reader answers this")

// Totals implements ledger.Sums.
func (l *Ledger) Totals(_ context.Context, q ledger.Query) ([]ledger.Sum, error) {
	if q.Upto+q.Known > 0 {
		return nil, errSums
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	sums := ledger.NewSumming(q.By)
	var full error
	err := l.days.each(&q, func(c *ledger.Charge, entries int) { full = cmp.Or(full, sums.Add(c, entries)) })
	if err = cmp.Or(err, full); err != nil {
		return nil, err
	}
	return sums.List(), nil
}

// finish adds to a bill all that may still change it.
func (l *Ledger) finish(bill *ledger.Bill) {
	q := &bill.Query
	from, to := q.Within()
	bill.Anomalies = l.anomalies.Counts(
		anomalies.Filter{Foundation: q.Foundation, Tenant: q.Tenant, Owners: q.Owners}, from, to)
	for _, u := range l.unrated {
		if selects(q, u.foundation, u.tenant, u.period) {
			bill.Unrated++
		}
	}
	l.complete.Complete(bill, l.open(bill))
}

// open counts what runs and is held of a bill, at times that touch its month. It returns up to when
// each foundation is charged for what runs there.
func (l *Ledger) open(bill *ledger.Bill) map[ledger.Foundation]time.Time {
	q := &bill.Query
	charged := map[ledger.Foundation]time.Time{}
	for _, r := range l.running {
		if q.Has(r.source.Name, r.tenant) {
			bill.Held += r.HeldIn(q.Touches)
		}
		for s := range r.Spans {
			if !q.Has(r.source.Name, s.Tenant) {
				continue
			}
			if at, has := charged[r.source]; !has || s.Start.Before(at) {
				charged[r.source] = s.Start
			}
			if q.Touches(s.Start, time.Time{}) {
				bill.Running++
			}
		}
	}
	return charged
}

// Anomalies implements ledger.Sums.
func (l *Ledger) Anomalies(_ context.Context, f anomalies.Filter) ([]anomalies.Entry, int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	omitted := 0
	for _, n := range l.anomalies.Omitted(f) {
		omitted += n
	}
	return l.anomalies.Entries(f), omitted, nil
}

// Running implements ledger.Sums.
func (l *Ledger) Running(_ context.Context, q ledger.Query) ([]ledger.Span, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var spans []ledger.Span
	for _, r := range l.running {
		for s := range r.Spans {
			if q.TakesSpan(r.source.Name, s) {
				spans = append(spans, ledger.Span{
					Span: *s, Source: r.source.Source, Foundation: r.source.Name,
				})
			}
		}
	}
	slices.SortFunc(spans, ledger.CompareSpans)
	return spans, nil
}

// Held implements ledger.Sums.
func (l *Ledger) Held(_ context.Context, q ledger.Query) (held []ledger.Held, omitted int, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, r := range l.running {
		if !q.Has(r.source.Name, r.tenant) {
			continue
		}
		listed := 0
		for _, id := range r.Resources() {
			_, holds := r.Of(id)
			listed += len(holds)
			for _, h := range holds {
				if q.TakesHold(&h) {
					held = append(held, ledger.Held{
						Hold: h, Source: r.source.Source, Foundation: r.source.Name, Tenant: r.tenant,
					})
				}
			}
		}
		omitted += max(r.Held()-listed, 0)
	}
	slices.SortFunc(held, ledger.CompareHeld)
	return held, omitted, nil
}
