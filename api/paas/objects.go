package paas

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// timeForm writes times as PostgreSQL does in JSON.
const timeForm = "2006-01-02T15:04:05.999999-07:00"

// usageEvent is an element of /usage_events.
type usageEvent struct {
	resource
	PlanName    string `json:"plan_name"`
	ServiceGUID string `json:"service_guid"`
	ServiceName string `json:"service_name"`
	Nodes       *int64 `json:"number_of_nodes"`
	MemoryMB    *int64 `json:"memory_in_mb"`
	StorageMB   *int64 `json:"storage_in_mb"`
}

// resource is the part that usage and billable events have in common.
type resource struct {
	EventGUID    string `json:"event_guid"`
	Start        string `json:"event_start"`
	Stop         string `json:"event_stop"`
	ResourceGUID string `json:"resource_guid"`
	ResourceName string `json:"resource_name"`
	ResourceType string `json:"resource_type"`
	OrgGUID      string `json:"org_guid"`
	OrgName      string `json:"org_name"`
	SpaceGUID    string `json:"space_guid"`
	SpaceName    string `json:"space_name"`
	PlanGUID     string `json:"plan_guid"`
}

// billableEvent is an element of /billable_events.
type billableEvent struct {
	resource
	Quota     *string `json:"quota_definition_guid"`
	Nodes     *int64  `json:"number_of_nodes"`
	MemoryMB  *int64  `json:"memory_in_mb"`
	StorageMB *int64  `json:"storage_in_mb"`
	Price     price   `json:"price"`
}

// price is in the billing currency, exact.
type price struct {
	ExVAT   string   `json:"ex_vat"`
	IncVAT  string   `json:"inc_vat"`
	Details []detail `json:"details"`
}

type detail struct {
	Name     string `json:"name"`
	Start    string `json:"start"`
	Stop     string `json:"stop"`
	Plan     string `json:"plan_name"`
	ExVAT    string `json:"ex_vat"`
	IncVAT   string `json:"inc_vat"`
	VATRate  string `json:"vat_rate"`
	VATCode  string `json:"vat_code"`
	Currency string `json:"currency_code"`
}

// resourceType is the type of a kind in paas-billing.
func resourceType(kind string) string {
	switch kind {
	case events.KindApp, events.KindStaging:
		return "app"
	case events.KindTask:
		return "task"
	}
	return "service"
}

// object is all that a resource costs, or uses, from one usage event on: its pieces by time.
type object struct {
	key
	pieces []piece
}

// key is what the pieces of an object have in common.
type key struct {
	foundation, kind, resource string
	begin                      uint64 // the sequence in USAGE of the first fact; 0: not known
	of                         string // of a correction: the month
	currency                   string
	footprint                  events.Footprint
}

// piece is an entry, or a span as one.
type piece struct {
	ledger.Charge
	span *ledger.Span // nil where METERED has none, as of a correction
}

// of is a span as a piece.
func of(x *ledger.Span) piece {
	return piece{span: x, Charge: ledger.Charge{Source: x.Source, Foundation: x.Foundation, Charge: events.Charge{
		ID: x.ID, Kind: x.Kind, Resource: x.Resource, App: x.App, Tenant: x.Tenant, Space: x.Space, Name: x.Name,
		Start: x.Start, End: x.End,
	}}}
}

// key is the key of the object of a piece.
func (p *piece) key() key {
	k := key{foundation: p.Foundation, kind: p.Kind, resource: p.Resource, of: p.Of(), currency: p.Currency}
	if p.span != nil {
		k.begin, k.footprint = beginning(&p.span.Span), p.span.Footprint
	}
	return k
}

// gather makes objects of pieces, by their start.
func gather(pieces []piece) (all []*object) {
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Component, b.Component), a.Place.Compare(b.Place))
	})
	at := map[key]*object{}
	for i := range pieces {
		k := pieces[i].key()
		if at[k] == nil {
			at[k] = &object{key: k}
			all = append(all, at[k])
		}
		at[k].pieces = append(at[k].pieces, pieces[i])
	}
	return all
}

// stretch is when an object begins and ends.
func (o *object) stretch() (start, end time.Time) {
	for i := range o.pieces {
		p := &o.pieces[i]
		if start.IsZero() || p.Start.Before(start) {
			start = p.Start
		}
		if p.End.After(end) {
			end = p.End
		}
	}
	return start, end
}

// last is the piece with the labels of an object.
func (o *object) last() *piece { return &o.pieces[len(o.pieces)-1] }

// standing are the entries without those that were taken back: with the reversal of another
// answer's entry both stand.
func standing(entries []ledger.Charge) []ledger.Charge {
	at := map[string]int{}
	gone := make([]bool, len(entries))
	for i := range entries {
		c := &entries[i]
		if n, known := at[c.Reverses]; c.Entry == events.EntryReversal && known {
			gone[n], gone[i] = true, true
			continue
		}
		at[c.ID] = i
	}
	left := entries[:0:0]
	for i := range entries {
		if !gone[i] {
			left = append(left, entries[i])
		}
	}
	return left
}

// priceOf adds an object up: one detail for each component, plan and rate, and for each stretch
// without a break.
func (o *object) priceOf() price {
	var net, vat events.Decimal
	var list []detail
	type line struct{ component, plan, rate, code, currency string }
	type open struct {
		n        int // in list
		end      time.Time
		net, vat events.Decimal
	}
	at := map[line]*open{}
	for i := range o.pieces {
		p := &o.pieces[i]
		net, vat = net.Add(p.Amount), vat.Add(p.VAT)
		k := line{p.Component, p.Plan, p.VATRate, p.VATCode, p.Currency}
		d := at[k]
		if d == nil || !d.end.Equal(p.Start) {
			d = &open{n: len(list)}
			at[k] = d
			list = append(list, detail{
				Name: p.Component, Plan: p.Plan, Start: p.Start.Format(timeForm), VATRate: cmp.Or(p.VATRate, "0"),
				VATCode: p.VATCode, Currency: p.Currency,
			})
		}
		d.end, d.net, d.vat = p.End, d.net.Add(p.Amount), d.vat.Add(p.VAT)
		list[d.n].Stop = p.End.Format(timeForm)
		list[d.n].ExVAT, list[d.n].IncVAT = d.net.String(), d.net.Add(d.vat).String()
	}
	return price{ExVAT: net.String(), IncVAT: net.Add(vat).String(), Details: list}
}
