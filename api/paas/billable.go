package paas

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/forecast"
)

// The words of paas-billing for the tasks of a space.
const (
	allTasks       = "Total Task Events"
	allTasksDetail = "All tasks aggregated"
	allTasksPlan   = "tasks"
)

// billableEvents answers /billable_events, by month, organisation and event.
func (h *Handler) billableEvents(r *request) error {
	q, err := h.ask(r)
	if err != nil {
		return err
	}
	for _, month := range months(q.from, q.to) {
		for _, owner := range q.owners {
			list, err := h.billed(q, owner, month[0], month[1])
			if err != nil {
				return err
			}
			for i := range list {
				if err := q.out.add(&list[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// billed are the objects of an owner within a month.
func (h *Handler) billed(q *question, owner events.Owner, from, to time.Time) ([]billableEvent, error) {
	ctx := q.Context()
	entries, err := h.entries(ctx, owner, from, to)
	if err != nil {
		return nil, err
	}
	spans, err := h.Ledger.Spans(ctx, ledger.Query{Owners: []events.Owner{owner}}, from, to)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*ledger.Span, len(spans))
	for i := range spans {
		if !spans[i].Running() {
			byID[spans[i].ID] = &spans[i]
		}
	}
	var pieces []piece
	for _, c := range standing(entries) {
		pieces = append(pieces, piece{Charge: c, span: byID[c.Span]})
	}
	pieces = append(pieces, accrued(q, spans, from, to)...)
	guids, err := h.begins(ctx, owner, spans)
	if err != nil {
		return nil, err
	}
	tasks := slices.Clone(pieces)
	isTask := func(p piece) bool { return p.Kind == events.KindTask }
	list := h.tasks(q, slices.DeleteFunc(tasks, func(p piece) bool { return !isTask(p) }), from)
	for _, o := range gather(slices.DeleteFunc(pieces, isTask)) {
		p := o.last()
		s := sizeOf(&o.footprint, q.plans.named(p.Plan, p.Start))
		list = append(list, billableEvent{
			resource: h.resource(q, o, guids, nil), Nodes: s.nodes, MemoryMB: s.memory, StorageMB: s.storage,
			Price: o.priceOf(),
		})
	}
	slices.SortFunc(list, func(a, b billableEvent) int {
		return cmp.Or(cmp.Compare(a.EventGUID, b.EventGUID), cmp.Compare(a.Start, b.Start),
			cmp.Compare(a.ResourceGUID, b.ResourceGUID))
	})
	return list, nil
}

// entries are the entries that begin within a part of a month and are posted to it. On the month's
// first day come those of earlier months, too, that are posted to it.
func (h *Handler) entries(ctx context.Context, owner events.Owner, from, to time.Time) (all []ledger.Charge,
	err error,
) {
	q := ledger.Query{
		Owners: []events.Owner{owner}, Period: from.Format(events.MonthForm), From: from, To: to,
	}
	if from.Day() == 1 {
		q.From = time.Time{}
	}
	for after := (ledger.Place{}); ; {
		entries, err := h.Ledger.Charges(ctx, q, after, page)
		if err != nil {
			return nil, err
		}
		if all = append(all, entries...); len(entries) < page {
			return all, nil
		}
		if len(all) > maxObjects {
			return nil, ledger.ErrTooMany
		}
		after = entries[len(entries)-1].Place
	}
}

// accrued prices what runs within a range, from where it is charged to the horizon. What has no
// price costs nothing yet.
func accrued(q *question, spans []ledger.Span, from, to time.Time) (pieces []piece) {
	for i := range spans {
		x := &spans[i]
		if !x.Running() {
			continue
		}
		start, end := x.Start, q.metered(x)
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		if !start.Before(end) {
			continue
		}
		charges, _ := forecast.Price(q.terms, x.Source, x.Foundation, &x.Span, start, end)
		for _, c := range charges {
			p := of(x)
			p.Charge.Charge = c
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// tasks are the objects of tasks: one for each space, with a detail for each VAT rate and currency.
func (h *Handler) tasks(q *question, pieces []piece, month time.Time) (list []billableEvent) {
	type place struct{ space, currency string }
	bySpace := map[place]*object{}
	var spaces []place
	for i := range pieces {
		p := pieces[i]
		at := place{p.Space, p.Currency}
		if bySpace[at] == nil {
			bySpace[at] = &object{key: key{foundation: p.Foundation, kind: events.KindTask}}
			spaces = append(spaces, at)
		}
		bySpace[at].pieces = append(bySpace[at].pieces, p)
	}
	for _, at := range spaces {
		o := bySpace[at]
		start, end := o.stretch()
		p := o.last()
		e := billableEvent{resource: h.resource(q, o, nil, nil)}
		id := events.ID("tasks", o.foundation, p.Tenant, at.space, at.currency, month.Format(events.MonthForm))
		e.EventGUID, e.ResourceGUID, e.ResourceName, e.PlanGUID = id, id, allTasks, guidTask
		var none int64
		e.Nodes, e.MemoryMB, e.StorageMB = &none, &none, &none
		for i := range o.pieces {
			o.pieces[i].Start, o.pieces[i].End = start, start // one stretch: priceOf joins it
			o.pieces[i].Component, o.pieces[i].Plan = allTasksDetail, allTasksPlan
		}
		e.Price = o.priceOf()
		for i := range e.Price.Details {
			e.Price.Details[i].Stop = end.Format(timeForm)
		}
		list = append(list, e)
	}
	return list
}
