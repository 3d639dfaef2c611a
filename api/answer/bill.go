package answer

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// BillQuestion asks for a bill.
type BillQuestion struct {
	Whose
	Month string   `query:"month" json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Only this month."`
	By    []string `query:"by" json:"by,omitempty" maxItems:"5" uniqueItems:"true" enum:"app,space,resource,plan,component,day,kind,datastore,region,availability_zone,foundation" doc:"What the lines are divided by, beside month and tenant, separated by commas; none: kind, plan, component and unit."`
}

// Bill is what tenants' months come to, and all that may still change it, as daybook bill prints
// it. Amounts are exact: paper rounds them once a total.
type Bill struct {
	Position    Position          `json:"position"`
	By          []string          `json:"by"`
	Lines       []BillLine        `json:"lines"`
	Totals      []BillTotal       `json:"totals" doc:"Of each tenant's month, by currency and VAT rate."`
	TenantNames map[string]string `json:"tenant_names" doc:"By guid, where they are known."`
	Running     int               `json:"running" doc:"Running spans, charged up to their start."`
	Held        int               `json:"held" doc:"Parts without proof, not billed."`
	Unrated     int               `json:"unrated" doc:"Parts without a price."`
	Quarantined int               `json:"quarantined" doc:"Inputs that were not understood; for those who may see all tenants."`
	Anomalies   map[string]int    `json:"anomalies" doc:"By code."`
	Gaps        []BillGap         `json:"gaps"`
	Foundations []FoundationState `json:"foundations"`
	Final       []string          `json:"final" doc:"Months that change no more."`
	Preliminary []string          `json:"preliminary" doc:"The others."`
	Missing     []string          `json:"missing,omitempty" doc:"What the streams lack."`
	Platforms   []PlatformState   `json:"platforms,omitempty" doc:"Whether METERED agrees with what platforms count."`
}

// BillLine is a sum of charges.
type BillLine struct {
	Month     string   `json:"month"`
	Of        string   `json:"correction_of,omitempty" doc:"The earlier month that it corrects."`
	Tenant    string   `json:"tenant"`
	Group     []string `json:"group,omitempty" doc:"The values of by."`
	Kind      string   `json:"kind,omitempty" doc:"Without by, as plan and component."`
	Plan      string   `json:"plan,omitempty"`
	Component string   `json:"component,omitempty"`
	Unit      string   `json:"unit,omitempty" doc:"None where charges have none, or not all the same one."`
	Currency  string   `json:"currency"`
	Charges   int      `json:"charges" doc:"Entries in the sum, reversals included."`
	Quantity  string   `json:"quantity" doc:"A decimal; it says something where there is a unit."`
	Amount    string   `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT       string   `json:"vat" doc:"An exact decimal."`
}

// BillTotal is a sum at one VAT rate.
type BillTotal struct {
	Month    string `json:"month"`
	Tenant   string `json:"tenant"`
	Currency string `json:"currency"`
	VATRate  string `json:"vat_rate,omitempty"`
	Amount   string `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT      string `json:"vat" doc:"An exact decimal."`
}

// BillGap is a time of which facts may be missing.
type BillGap struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	From       string `json:"from,omitempty" format:"date-time"`
	To         string `json:"to,omitempty" format:"date-time"`
	Reason     string `json:"reason"`
}

// Bill answers with a bill.
func (a *Answers) Bill(ctx context.Context, asker *Asker, x *BillQuestion) (*Bill, error) {
	q, err := x.query(&asker.Money)
	if err != nil {
		return nil, err
	}
	q.Period, q.By = x.Month, dimensions(x.By)
	var bill ledger.Bill
	at, err := a.found(ctx, &q, func(r ledger.Reader) (n int, err error) {
		bill, err = r.Bill(ctx, q)
		return len(bill.Lines) + bill.Running + bill.Held + bill.Unrated, err
	})
	if err != nil {
		return nil, err
	}
	if bill.Missing, err = a.Missing(ctx); err != nil {
		return nil, err
	}
	if bill.TenantNames, err = a.tenantNames(ctx, &bill); err != nil {
		return nil, err
	}
	quarantined := 0
	if asker.Usage.Everybody {
		if quarantined, err = quarantine.Count(ctx, a.bus); err != nil {
			return nil, err
		}
	}
	out := newBill(&bill)
	out.Position, out.Quarantined = position(at), quarantined
	out.Platforms, err = Platforms(ctx, a.bus, &asker.Usage, out.Foundations)
	return out, err
}

// Missing are sentences about what the streams lack: sums without it are too low.
func (a *Answers) Missing(ctx context.Context) ([]string, error) {
	return ledger.Losing(ctx, a.bus, events.StreamUsage, events.StreamMetered, events.StreamBilling)
}

func newBill(b *ledger.Bill) *Bill {
	x := &Bill{
		By: []string{}, Lines: []BillLine{}, Totals: []BillTotal{}, TenantNames: b.TenantNames, Running: b.Running,
		Held: b.Held, Unrated: b.Unrated, Anomalies: b.Anomalies, Gaps: []BillGap{}, Foundations: states(b.Horizons),
		Final: append([]string{}, b.Final...), Preliminary: append([]string{}, b.Preliminary...), Missing: b.Missing,
	}
	for _, by := range b.Query.By {
		x.By = append(x.By, string(by))
	}
	for i := range b.Lines {
		l := &b.Lines[i]
		x.Lines = append(x.Lines, BillLine{
			Month: l.Period, Of: l.Of, Tenant: l.Tenant, Group: l.Group, Kind: l.Kind, Plan: l.Plan,
			Component: l.Component, Unit: l.Unit, Currency: l.Currency, Charges: l.Charges,
			Quantity: l.Quantity.String(), Amount: l.Amount.String(), VAT: l.VAT.String(),
		})
	}
	for i := range b.Totals {
		t := &b.Totals[i]
		x.Totals = append(x.Totals, BillTotal{
			t.Period, t.Tenant, t.Currency, t.VATRate, t.Amount.String(), t.VAT.String(),
		})
	}
	for i := range b.Gaps {
		g := &b.Gaps[i]
		x.Gaps = append(x.Gaps, BillGap{g.Source, g.Foundation, timeText(g.From), timeText(g.To), g.Reason})
	}
	return x
}

// Ledger is the bill of a ledger, as far as it is printed, to a question.
func (x *Bill) Ledger(of *BillQuestion) (*ledger.Bill, error) {
	p := parsing{}
	b := &ledger.Bill{
		Query:       ledger.Query{Foundation: of.Foundation, Tenant: of.Tenant, Period: of.Month, By: dimensions(x.By)},
		TenantNames: x.TenantNames, Running: x.Running, Held: x.Held, Unrated: x.Unrated, Anomalies: x.Anomalies,
		Final: x.Final, Preliminary: x.Preliminary, Missing: x.Missing, Platforms: Comparisons(x.Platforms),
	}
	for i := range x.Lines {
		l := &x.Lines[i]
		b.Lines = append(b.Lines, ledger.Line{
			Period: l.Month, Of: l.Of, Tenant: l.Tenant, Group: l.Group, Kind: l.Kind, Plan: l.Plan,
			Component: l.Component, Unit: l.Unit, Currency: l.Currency, Charges: l.Charges,
			Quantity: p.decimal(l.Quantity), Amount: p.decimal(l.Amount), VAT: p.decimal(l.VAT),
		})
	}
	for i := range x.Totals {
		t := &x.Totals[i]
		b.Totals = append(b.Totals, ledger.Total{
			Period: t.Month, Tenant: t.Tenant, Currency: t.Currency, VATRate: t.VATRate, Amount: p.decimal(t.Amount),
			VAT: p.decimal(t.VAT),
		})
	}
	for _, g := range x.Gaps {
		b.Gaps = append(b.Gaps, events.Gap{
			Source: g.Source, Foundation: g.Foundation, From: p.time(g.From), To: p.time(g.To), Reason: g.Reason,
		})
	}
	for _, f := range x.Foundations {
		b.Horizons = append(b.Horizons, ledger.Horizon{
			Source: f.Source, Foundation: f.Foundation, Metered: p.time(f.MeteredThrough),
			Billed: p.time(f.ChargedThrough), Ended: p.time(f.Ended),
		})
	}
	return b, p.err
}

// parsing reads texts, and keeps the errors.
type parsing struct{ err error }

func (p *parsing) decimal(text string) events.Decimal {
	d, err := events.ParseDecimal(text)
	p.err = errors.Join(p.err, err)
	return d
}

// time is a time; zero for an empty text.
func (p *parsing) time(text string) (at time.Time) {
	if text != "" {
		var err error
		at, err = events.ParseTimeOrDate(text)
		p.err = errors.Join(p.err, err)
	}
	return at
}
