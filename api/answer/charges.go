package answer

import (
	"cmp"
	"context"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// MaxPage is the longest page, and DefaultPage the page without a choice.
const (
	MaxPage     = 1000
	DefaultPage = 100
)

// Charge is an entry of BILLING. Decimals are strings, times RFC 3339 in UTC.
type Charge struct {
	ID               string   `json:"id"`
	Entry            string   `json:"entry" enum:"charge,reversal,correction"`
	Reverses         string   `json:"reverses,omitempty" doc:"In a reversal: id of the charge that it takes back."`
	Corrects         string   `json:"corrects,omitempty" doc:"In a correction: id of the first charge that it corrects."`
	Corrected        string   `json:"corrected_month,omitempty" doc:"In a correction: the closed month that it is about."`
	Month            string   `json:"month" doc:"Month that the entry is posted to, YYYY-MM."`
	Source           string   `json:"source"`
	Foundation       string   `json:"foundation"`
	Tenant           string   `json:"tenant"`
	Space            string   `json:"space,omitempty"`
	App              string   `json:"app,omitempty"`
	Kind             string   `json:"kind"`
	Resource         string   `json:"resource"`
	Name             string   `json:"name,omitempty"`
	Span             string   `json:"span,omitempty" doc:"Id of the span; none in a correction."`
	Plan             string   `json:"plan"`
	Component        string   `json:"component"`
	Catalogue        string   `json:"catalogue" doc:"Version of the catalogue."`
	Start            string   `json:"start" format:"date-time"`
	End              string   `json:"end" format:"date-time"`
	Seconds          string   `json:"seconds" doc:"A decimal."`
	Quantity         string   `json:"quantity" doc:"A decimal."`
	Unit             string   `json:"unit,omitempty"`
	Amount           string   `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT              string   `json:"vat" doc:"An exact decimal."`
	VATCode          string   `json:"vat_code,omitempty"`
	VATRate          string   `json:"vat_rate,omitempty"`
	Currency         string   `json:"currency"`
	CurrencyRate     string   `json:"currency_rate,omitempty" doc:"One unit of the price's currency in currency; none for 1."`
	Flags            []string `json:"flags,omitempty"`
	Datastore        string   `json:"datastore,omitempty"`
	Region           string   `json:"region,omitempty"`
	AvailabilityZone string   `json:"availability_zone,omitempty"`
	Sequence         uint64   `json:"sequence" doc:"Sequence of its message in BILLING."`
	Usage            uint64   `json:"usage,omitempty" doc:"Sequence in USAGE of the last fact behind it."`
}

// NewCharge is the form of an entry.
func NewCharge(c *ledger.Charge) Charge {
	return Charge{
		ID: c.ID, Entry: c.Entry, Reverses: c.Reverses, Corrects: c.Corrects, Corrected: c.Month,
		Month: c.Period, Source: c.Source, Foundation: c.Foundation, Tenant: c.Tenant, Space: c.Space, App: c.App,
		Kind: c.Kind, Resource: c.Resource, Name: c.Name, Span: c.Span, Plan: c.Plan, Component: c.Component,
		Catalogue: c.Catalogue, Start: events.FormatTime(c.Start), End: events.FormatTime(c.End),
		Seconds: c.Seconds.String(), Quantity: c.Quantity.String(), Unit: c.Unit, Amount: c.Amount.String(),
		VAT: c.VAT.String(), VATCode: c.VATCode, VATRate: c.VATRate, Currency: c.Currency,
		CurrencyRate: c.CurrencyRate, Flags: c.Flags.Names(), Datastore: c.Datastore, Region: c.Region,
		AvailabilityZone: c.AvailabilityZone, Sequence: c.Place.Sequence, Usage: c.Usage,
	}
}

// ChargesQuestion asks for a page of entries.
type ChargesQuestion struct {
	Selection
	KnownAt string `query:"known_at" json:"known_at,omitempty" maxLength:"64" doc:"As known at this time (RFC 3339), or by this sequence of USAGE."`
	Limit   int    `query:"limit" json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"Entries on the page."`
	Cursor  string `query:"cursor" json:"cursor,omitempty" maxLength:"200" doc:"next of the page before, with the same other parameters. Later pages show what was posted up to the position of the first."`
}

// Charges is a page of entries, in the order of BILLING.
type Charges struct {
	Position Position `json:"position"`
	Charges  []Charge `json:"charges"`
	Next     string   `json:"next,omitempty" doc:"Cursor of the next page; none on the last one."`
}

// maxScanned is how many entries are looked through for one page of corrections.
const maxScanned = 50_000

// Charges answers with a page of entries.
func (a *Answers) Charges(ctx context.Context, asker *Asker, x *ChargesQuestion) (*Charges, error) {
	return a.list(ctx, asker, x, x.Limit, func(*ledger.Charge) bool { return true })
}

// Corrections answers with a page of corrections. Where many entries lie between them a page has
// less than its limit, and a next one.
func (a *Answers) Corrections(ctx context.Context, asker *Asker, x *ChargesQuestion) (*Charges, error) {
	return a.list(ctx, asker, x, MaxPage, func(c *ledger.Charge) bool { return c.Entry == events.EntryCorrection })
}

// list is a page of the entries that it takes, of so many that are read at once.
func (a *Answers) list(ctx context.Context, asker *Asker, x *ChargesQuestion, read int,
	takes func(*ledger.Charge) bool,
) (*Charges, error) {
	q, err := x.query(asker)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(min(max(x.Limit, 0), MaxPage), DefaultPage)
	read = cmp.Or(min(max(read, 0), MaxPage), DefaultPage)
	from, err := a.page(ctx, &q, x.KnownAt, x.Cursor, x.Selection)
	if err != nil {
		return nil, err
	}
	page := &Charges{Position: from.position(), Charges: []Charge{}}
	if q.Upto == 0 { // nothing is posted yet
		return page, a.heard(ctx, &q)
	}
	for scanned := 0; ; {
		all, err := a.reader.Charges(ctx, q, from.After, read+1)
		if err == nil && scanned+len(all) == 0 && x.Cursor == "" {
			err = a.heard(ctx, &q)
		}
		if err != nil {
			return nil, err
		}
		page.Charges = slices.Grow(page.Charges, min(len(all), limit-len(page.Charges)))
		for i := range all[:min(len(all), read)] {
			if len(page.Charges) == limit || scanned == maxScanned {
				page.Next = from.String()
				return page, nil
			}
			scanned++
			from.After = all[i].Place
			if takes(&all[i]) {
				page.Charges = append(page.Charges, NewCharge(&all[i]))
			}
		}
		switch {
		case len(all) <= read:
			return page, nil
		case len(page.Charges) == limit:
			page.Next = from.String()
			return page, nil
		}
	}
}

// page begins with the first page of a query, or goes on behind a cursor, and pins the query's
// position.
func (a *Answers) page(ctx context.Context, q *ledger.Query, knownAt, text string, selection any) (*cursor, error) {
	known, err := a.known(ctx, knownAt)
	if err != nil {
		return nil, err
	}
	var c *cursor
	if text != "" {
		if c, err = readCursor(text, selection, known); err != nil {
			return nil, err
		}
	} else {
		at, err := a.reader.Positions(ctx)
		if err != nil {
			return nil, err
		}
		c = &cursor{Upto: at.Billing, Metered: at.Metered, Known: known, digest: digest(selection)}
	}
	q.Upto, q.Known = c.Upto, c.Known
	return c, nil
}
