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
	horizons  map[sourceKey]*ledger.Horizon
	gaps      []events.Gap
	anomalies *anomalies.Standing
	places    map[string]map[sourceKey]bool // of a tenant: where something of it was metered
	closed    map[sourceKey]string          // the last closed month, YYYY-MM
	size      int                           // bytes of the last snapshot
}

type lineKey struct{ period, of, tenant, kind, plan, component, unit, currency string }

type totalKey struct{ period, tenant, currency, rate string }

// ownKey is a key of what belongs to a foundation.
type ownKey[T comparable] struct {
	of         T
	foundation string
}

type sourceKey struct{ source, foundation string }

type unrated struct{ foundation, tenant, period string }

// subject is what runs and is held under a subject of METERED.
type subject struct {
	source sourceKey
	tenant string
	standing.Subject
}

var _ ledger.Saver = (*Ledger)(nil)

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{
		days:  newDays(),
		lines: map[ownKey[lineKey]]*ledger.Line{}, unrated: map[string]unrated{}, running: map[string]*subject{},
		horizons: map[sourceKey]*ledger.Horizon{}, anomalies: anomalies.New(),
		places: map[string]map[sourceKey]bool{}, closed: map[sourceKey]string{},
		totals: map[ownKey[totalKey]]*ledger.Total{},
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
	if at.Metered < l.positions.Metered || at.Billing < l.positions.Billing || at == l.positions {
		return ledger.ErrPosted
	}
	l.positions = at
	for i := range b.Charges {
		l.charge(&b.Charges[i])
	}
	for i := range b.Unrated {
		u := &b.Unrated[i]
		l.unrated[u.ID] = unrated{u.Foundation, u.Tenant, cmp.Or(u.Period, u.Start.Format(events.MonthForm))}
	}
	for _, id := range b.Settled { // behind Unrated: see ledger.Batch
		delete(l.unrated, id)
	}
	moved := 0
	for i := range b.Running {
		for ; moved < min(b.Running[i].Horizons, len(b.Metered)); moved++ {
			l.advance(&b.Metered[moved])
		}
		l.run(&b.Running[i])
	}
	for ; moved < len(b.Metered); moved++ {
		l.advance(&b.Metered[moved])
	}
	for i := range b.Billed {
		h := l.horizon(&b.Billed[i])
		h.Billed = b.Billed[i].Time
	}
	l.gaps = append(l.gaps, b.Gaps...)
	for i := range b.Closings {
		c := &b.Closings[i]
		l.closed[sourceKey{c.Source, c.Foundation}] = closedWith(c)
	}
	return nil
}

// advance takes a metered horizon.
func (l *Ledger) advance(to *events.Horizon) {
	h := l.horizon(to)
	before := h.Metered
	h.Metered, h.Ended = to.Time, to.Ended
	if before.Year() != to.Time.Year() || before.Month() != to.Time.Month() {
		l.anomalies.Advance(to.Time, func(source, foundation string) bool {
			own := l.horizons[sourceKey{source, foundation}]
			return own == h || own == nil
		})
	}
}

// now is the metered horizon of a foundation; without one, as of a message that belongs nowhere,
// the newest of all.
func (l *Ledger) now(source sourceKey) (now time.Time) {
	if h := l.horizons[source]; h != nil && !h.Metered.IsZero() {
		return h.Metered
	}
	for _, h := range l.horizons {
		if h.Metered.After(now) {
			now = h.Metered
		}
	}
	return now
}

func (l *Ledger) run(r *ledger.Running) {
	for i := range r.Anomalies {
		l.anomalies.Add(r.Subject, &r.Anomalies[i], l.now(sourceKey{r.Source, r.Foundation}))
	}
	if r.Subject == "" {
		return
	}
	l.place(r.Tenant, sourceKey{r.Source, r.Foundation})
	s := l.running[r.Subject]
	if s == nil {
		s = &subject{source: sourceKey{r.Source, r.Foundation}, tenant: r.Tenant}
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

// place notes that something of a tenant was metered in a foundation.
func (l *Ledger) place(tenant string, at sourceKey) {
	if l.places[tenant] == nil {
		l.places[tenant] = map[sourceKey]bool{}
	}
	l.places[tenant][at] = true
}

// concerns reports whether a foundation is one of a query: of its tenants, if it has any.
func (l *Ledger) concerns(q *ledger.Query, at sourceKey) bool {
	if q.Whole() {
		return q.Foundation == "" || q.Foundation == at.foundation
	}
	if q.Tenant != "" {
		return l.places[q.Tenant][at] && q.Has(at.foundation, q.Tenant)
	}
	for _, o := range q.Owners {
		known := o.Tenant == "" || l.places[o.Tenant][at]
		if o.Foundation == at.foundation && known && (q.Foundation == "" || q.Foundation == at.foundation) {
			return true
		}
	}
	return false
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

func (l *Ledger) horizon(h *events.Horizon) *ledger.Horizon {
	key := sourceKey{h.Source, h.Foundation}
	if l.horizons[key] == nil {
		l.horizons[key] = &ledger.Horizon{Source: h.Source, Foundation: h.Foundation}
	}
	return l.horizons[key]
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

// sum are the totals of a query, in their order.
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
	return slices.SortedFunc(maps.Values(sums), func(a, b ledger.Total) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Tenant, b.Tenant),
			cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.VATRate, b.VATRate))
	})
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
	slices.SortFunc(bill.Lines, func(a, b ledger.Line) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Of, b.Of),
			cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Group, b.Group), cmp.Compare(a.Plan, b.Plan),
			cmp.Compare(a.Component, b.Component), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency))
	})
	bill.Totals = l.sum(&q)
	l.complete(&bill)
	l.judge(&bill)
	return bill, nil
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

// closedWith is the last closed month after a closing, or after the last one was opened again.
func closedWith(c *events.Closing) string {
	at, err := time.Parse(events.MonthForm, c.Month)
	if err == nil && c.Reopened {
		return at.AddDate(0, -1, 0).Format(events.MonthForm)
	}
	return c.Month
}

// judge divides the months of a bill into final and preliminary ones.
func (l *Ledger) judge(bill *ledger.Bill) {
	q := &bill.Query
	final := map[string]bool{}
	note := func(period, tenant string) {
		is, known := final[period]
		final[period] = (is || !known) && l.final(q, period, tenant)
	}
	if q.Period != "" {
		note(q.Period, q.Tenant)
	}
	for i := range bill.Lines {
		if line := &bill.Lines[i]; !line.Vain() {
			note(line.Period, line.Tenant)
		}
	}
	for _, period := range slices.Backward(slices.Sorted(maps.Keys(final))) {
		if final[period] {
			bill.Final = append(bill.Final, period)
		} else {
			bill.Preliminary = append(bill.Preliminary, period)
		}
	}
}

// final reports whether a month is closed, and charged, in every foundation of a query, or of a
// tenant of it. A foundation that ended before the month has no part in it.
func (l *Ledger) final(q *ledger.Query, period, tenant string) bool {
	from, _ := (&ledger.Query{Period: period}).Within()
	found := false
	for at, h := range l.horizons {
		if tenant != "" && !l.places[tenant][at] || !l.concerns(q, at) || !h.Ended.IsZero() && !h.Ended.After(from) {
			continue
		}
		if found = true; l.closed[at] < period {
			return false
		}
	}
	return found
}

// complete adds to a bill all that may still change it.
func (l *Ledger) complete(bill *ledger.Bill) {
	q := &bill.Query
	from, to := q.Within()
	touches := func(start, end time.Time) bool { // a zero end is none
		return to.IsZero() || start.Before(to) && (end.IsZero() || end.After(from))
	}
	bill.Anomalies = l.anomalies.Counts(
		anomalies.Filter{Foundation: q.Foundation, Tenant: q.Tenant, Owners: q.Owners}, from, to)
	for i := range l.gaps {
		if g := &l.gaps[i]; touches(g.From, g.To) && l.concerns(q, sourceKey{g.Source, g.Foundation}) {
			bill.Gaps = append(bill.Gaps, *g)
		}
	}
	for _, u := range l.unrated {
		if selects(q, u.foundation, u.tenant, u.period) {
			bill.Unrated++
		}
	}
	charged := l.open(bill, touches)
	for key, h := range l.horizons {
		if !l.concerns(q, key) {
			continue
		}
		horizon := *h
		if at, has := charged[key]; has && at.Before(horizon.Billed) {
			horizon.Billed = at
		}
		bill.Horizons = append(bill.Horizons, horizon)
	}
	slices.SortFunc(bill.Horizons, func(a, b ledger.Horizon) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	})
}

// open counts what runs and is held of a bill, at times that touch its month. It returns up to when
// each foundation is charged for what runs there.
func (l *Ledger) open(bill *ledger.Bill, touches func(start, end time.Time) bool) map[sourceKey]time.Time {
	q := &bill.Query
	charged := map[sourceKey]time.Time{}
	for _, r := range l.running {
		if q.Has(r.source.foundation, r.tenant) {
			bill.Held += r.HeldIn(touches)
		}
		for s := range r.Spans {
			if !q.Has(r.source.foundation, s.Tenant) {
				continue
			}
			if at, has := charged[r.source]; !has || s.Start.Before(at) {
				charged[r.source] = s.Start
			}
			if touches(s.Start, time.Time{}) {
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
			if q.TakesSpan(r.source.foundation, s) {
				spans = append(spans, ledger.Span{
					Span: *s, Source: r.source.source, Foundation: r.source.foundation,
				})
			}
		}
	}
	slices.SortFunc(spans, func(a, b ledger.Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Foundation, b.Foundation), a.Start.Compare(b.Start))
	})
	return spans, nil
}

// Held implements ledger.Sums.
func (l *Ledger) Held(_ context.Context, q ledger.Query) (held []ledger.Held, omitted int, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, r := range l.running {
		if !q.Has(r.source.foundation, r.tenant) {
			continue
		}
		listed := 0
		for _, id := range r.Resources() {
			_, holds := r.Of(id)
			listed += len(holds)
			for _, h := range holds {
				if q.TakesHold(&h) {
					held = append(held, ledger.Held{
						Hold: h, Source: r.source.source, Foundation: r.source.foundation, Tenant: r.tenant,
					})
				}
			}
		}
		omitted += max(r.Held()-listed, 0)
	}
	slices.SortFunc(held, func(a, b ledger.Held) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Foundation, b.Foundation), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return held, omitted, nil
}
