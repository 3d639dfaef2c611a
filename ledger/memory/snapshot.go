package memory

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// snapshotFormat changes with the form of snapshots.
const snapshotFormat = 8

// Erase implements ledger.Saver.
func (l *Ledger) Erase(e *names.Erasures) {
	if e.None() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.running {
		for s := range r.Spans {
			e.Span(r.source.Source, r.source.Name, s)
		}
	}
}

// Snapshot implements ledger.Saver.
func (l *Ledger) Snapshot(_ context.Context, to io.Writer) error {
	l.mu.Lock()
	l.days.settle()
	l.mu.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	w := newWriter(to)
	w.number(snapshotFormat)
	w.number(l.positions.Metered)
	w.number(l.positions.Billing)
	w.length(len(l.lines))
	for key, line := range l.lines {
		w.text(key.foundation)
		for _, s := range texts(line) {
			w.text(*s)
		}
		w.length(line.Charges)
		w.decimal(line.Quantity)
		w.decimal(line.Amount)
		w.decimal(line.VAT)
	}
	w.length(len(l.totals))
	for key, t := range l.totals {
		w.text(key.foundation)
		w.text(t.Period)
		w.text(t.Tenant)
		w.text(t.Currency)
		w.text(t.VATRate)
		w.decimal(t.Amount)
		w.decimal(t.VAT)
	}
	w.length(len(l.unrated))
	for id, u := range l.unrated {
		w.once(id)
		w.text(u.foundation)
		w.text(u.tenant)
		w.text(u.period)
	}
	w.length(len(l.running))
	for _, subject := range slices.Sorted(maps.Keys(l.running)) {
		w.once(subject)
		m := l.standing(subject)
		w.bytes(m.AppendJSON(nil))
	}
	l.writeCompleteness(w)
	if err := l.days.write(w); err != nil {
		return err
	}
	return w.flush()
}

// writeCompleteness writes what a bill says beside its lines.
func (l *Ledger) writeCompleteness(w *writer) {
	w.length(len(l.complete.Horizons))
	for _, h := range l.complete.Horizons {
		w.text(h.Source)
		w.text(h.Foundation)
		w.time(h.Metered)
		w.time(h.Billed)
		w.time(h.Ended)
	}
	w.length(len(l.complete.Gaps))
	for i := range l.complete.Gaps {
		w.bytes(l.complete.Gaps[i].AppendJSON(nil))
	}
	l.writeAnomalies(w)
	w.length(len(l.complete.Places))
	for tenant, all := range l.complete.Places {
		w.text(tenant)
		w.length(len(all))
		for at := range all {
			w.text(at.Source)
			w.text(at.Name)
		}
	}
	w.length(len(l.complete.Closed))
	for at, month := range l.complete.Closed {
		w.text(at.Source)
		w.text(at.Name)
		w.text(month)
	}
}

func (l *Ledger) writeAnomalies(w *writer) {
	all, omitted := l.anomalies.Entries(anomalies.Filter{}), l.anomalies.Omitted(anomalies.Filter{})
	w.length(len(all))
	for i := range all {
		e := &all[i]
		for _, s := range entryTexts(e) {
			w.text(*s)
		}
		w.time(e.Time)
		w.time(e.Until)
		held := 0
		if e.Held {
			held = 1
		}
		w.length(held)
	}
	w.length(len(omitted))
	for o, n := range omitted {
		w.text(o.Source)
		w.text(o.Foundation)
		w.text(o.Code)
		w.time(o.Until)
		w.length(n)
	}
}

func (l *Ledger) readAnomalies(r *reader) {
	for range r.length() {
		e := &anomalies.Entry{}
		for _, s := range entryTexts(e) {
			*s = r.text()
		}
		e.Time, e.Until, e.Held = r.time(), r.time(), r.small() != 0
		l.anomalies.Put(e)
	}
	for range r.length() {
		o := anomalies.Omitted{Source: r.text(), Foundation: r.text(), Code: r.text(), Until: r.time()}
		l.anomalies.Omit(o, r.small())
	}
}

// entryTexts are pointers to the texts of an anomaly, in one order.
func entryTexts(e *anomalies.Entry) [8]*string {
	return [...]*string{
		&e.Code, &e.Resource, &e.Message, &e.Source, &e.Foundation, &e.Tenant, &e.Kind, &e.Subject,
	}
}

// Restore implements ledger.Saver.
func (l *Ledger) Restore(_ context.Context, snapshot []byte) error {
	fresh := New()
	if snapshot != nil {
		if err := fresh.read(&reader{b: snapshot}); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.positions, l.lines, l.days, l.unrated = fresh.positions, fresh.lines, fresh.days, fresh.unrated
	l.running, l.complete, l.anomalies, l.totals = fresh.running, fresh.complete, fresh.anomalies, fresh.totals
	return nil
}

func (l *Ledger) read(r *reader) error {
	if r.number() != snapshotFormat {
		return errDamaged
	}
	l.positions = ledger.Positions{Metered: r.number(), Billing: r.number()}
	for range r.length() {
		foundation, line := r.text(), &ledger.Line{}
		for _, s := range texts(line) {
			*s = r.text()
		}
		line.Charges = r.small()
		line.Quantity, line.Amount, line.VAT = r.decimal(), r.decimal(), r.decimal()
		l.line(line, foundation)
	}
	for range r.length() {
		foundation := r.text()
		t := l.total(ownKey[totalKey]{totalKey{r.text(), r.text(), r.text(), r.text()}, foundation})
		t.Amount, t.VAT = r.decimal(), r.decimal()
	}
	for range r.length() {
		id := r.once()
		l.unrated[id] = unrated{r.text(), r.text(), r.text()}
	}
	names := events.NewInterner(namesBits)
	for range r.length() {
		subject := r.once()
		var m events.Metered
		if err := names.DecodeMetered(&m, r.bytes()); err != nil {
			return errDamaged
		}
		l.stand(subject, &m)
	}
	if err := l.readCompleteness(r); err != nil {
		return err
	}
	l.days.read(r)
	if r.damaged || len(r.b) > 0 {
		return errDamaged
	}
	return nil
}

// texts are pointers to the texts of a line, in one order.
func texts(l *ledger.Line) [8]*string {
	return [...]*string{&l.Period, &l.Of, &l.Tenant, &l.Kind, &l.Plan, &l.Component, &l.Unit, &l.Currency}
}

// namesBits is the size of the table of repeated strings: 2^14.
const namesBits = 14

func (l *Ledger) readCompleteness(r *reader) error {
	for range r.length() {
		h := &ledger.Horizon{
			Source: r.text(), Foundation: r.text(), Metered: r.time(), Billed: r.time(),
			Ended: r.time(),
		}
		l.complete.Horizons[ledger.Foundation{Source: h.Source, Name: h.Foundation}] = h
	}
	for range r.length() {
		var g events.Gap
		if err := g.DecodeJSON(r.bytes()); err != nil {
			return errDamaged
		}
		l.complete.Gaps = append(l.complete.Gaps, g)
	}
	l.readAnomalies(r)
	for range r.length() {
		tenant := r.text()
		for range r.length() {
			l.complete.Place(tenant, ledger.Foundation{Source: r.text(), Name: r.text()})
		}
	}
	for range r.length() {
		at := ledger.Foundation{Source: r.text(), Name: r.text()}
		l.complete.Closed[at] = r.text()
	}
	return nil
}

// standing is what runs and is held under a subject, as a message.
func (l *Ledger) standing(name string) (m events.Metered) {
	s := l.running[name]
	m.Source, m.Foundation, m.Tenant = s.source.Source, s.source.Name, s.tenant
	s.List(&m)
	return m
}

// stand is the inverse of standing.
func (l *Ledger) stand(name string, m *events.Metered) {
	s := &subject{source: ledger.Foundation{Source: m.Source, Name: m.Foundation}, tenant: m.Tenant}
	s.Apply(m)
	l.running[name] = s
}
