package answer

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/daybook-billing/daybook/ledger"
)

// TotalsQuestion asks for sums of charges.
type TotalsQuestion struct {
	Selection
	By      []string `query:"by" json:"by,omitempty" maxItems:"5" uniqueItems:"true" enum:"tenant,foundation,space,app,resource,kind,plan,component,day,month,datastore,region,availability_zone" doc:"What the sums are divided by, separated by commas; each currency has a sum of its own."`
	KnownAt string   `query:"known_at" json:"known_at,omitempty" maxLength:"64" doc:"As known at this time (RFC 3339), or by this sequence of USAGE."`
	Upto    uint64   `query:"upto" json:"upto,omitempty" doc:"What was posted up to this sequence of BILLING: the position of a page."`
}

// TotalsDimensions are what totals can be divided by.
func TotalsDimensions() []string {
	return []string{
		"tenant", "foundation", "space", "app", "resource", "kind", "plan", "component", "day", "month", "datastore",
		"region", "availability_zone",
	}
}

// Totals are sums in the order of their values.
type Totals struct {
	Position Position `json:"position"`
	By       []string `json:"by"`
	Totals   []Total  `json:"totals"`
}

// Total is a sum of charges.
type Total struct {
	Of       map[string]string `json:"of" doc:"What the sum is divided by, with its values; empty where charges have none."`
	Tenant   string            `json:"tenant_name,omitempty" doc:"Name of the tenant, where it has one."`
	Space    string            `json:"space_name,omitempty" doc:"Name of the space, where it has one."`
	Currency string            `json:"currency"`
	Charges  int               `json:"charges" doc:"Entries in the sum, reversals included."`
	Quantity string            `json:"quantity,omitempty" doc:"A decimal, where all have one unit."`
	Unit     string            `json:"unit,omitempty"`
	Amount   string            `json:"amount" doc:"An exact decimal, net of VAT."`
	VAT      string            `json:"vat" doc:"An exact decimal."`
}

// dimensions are the ledger's dimensions with these names.
func dimensions(names []string) []ledger.Dimension {
	by := make([]ledger.Dimension, len(names))
	for i, name := range names {
		by[i] = ledger.Dimension(name)
	}
	return by
}

// newTotals are the forms of sums.
func newTotals(by []string, sums []ledger.Sum) []Total {
	all := make([]Total, len(sums))
	for i := range sums {
		s := &sums[i]
		of := make(map[string]string, len(by))
		for j, name := range by {
			of[name] = s.Group[j]
		}
		all[i] = Total{
			Of: of, Currency: s.Currency, Charges: s.Charges, Unit: s.Unit, Amount: s.Amount.String(),
			VAT: s.VAT.String(),
		}
		if s.Unit != "" {
			all[i].Quantity = s.Quantity.String()
		}
	}
	return all
}

// Totals answers with sums.
func (a *Answers) Totals(ctx context.Context, asker *Asker, x *TotalsQuestion) (*Totals, error) {
	q, err := x.query(asker)
	if err != nil {
		return nil, err
	}
	q.By = dimensions(x.By)
	if q.Known, err = a.known(ctx, x.KnownAt); err != nil {
		return nil, err
	}
	at, err := a.upto(ctx, x.Upto)
	if err != nil {
		return nil, err
	}
	q.Upto = x.Upto
	if q.Known > 0 { // it adds up charges anyhow, and a position makes it still at the first try
		q.Upto = at.Billing
	}
	var sums []ledger.Sum
	ask := func(r ledger.Reader) (err error) { sums, err = r.Totals(ctx, q); return err }
	if q.Upto > 0 {
		err = ask(a.reader)
	} else {
		var still bool
		if at, still, err = ledger.Still(ctx, a.reader, ask); err == nil && !still {
			q.Upto = at.Billing
			err = ask(a.reader)
		}
	}
	if errors.Is(err, ledger.ErrTooMany) {
		return nil, invalid("%s", err)
	}
	if err == nil && len(sums) == 0 {
		err = a.heard(ctx, &q)
	}
	if err != nil {
		return nil, err
	}
	all, err := a.Names(ctx)
	if err != nil {
		return nil, err
	}
	out := &Totals{Position: position(at), By: slices.Clone(x.By), Totals: newTotals(x.By, sums)}
	for i := range out.Totals {
		t := &out.Totals[i]
		t.Tenant = all.TenantName(t.Of[string(ledger.ByTenant)])
		t.Space = all.SpaceName(cmp.Or(t.Of[string(ledger.ByTenant)], x.Tenant), t.Of[string(ledger.BySpace)])
	}
	if out.By == nil {
		out.By = []string{}
	}
	out.Position.Usage = q.Known
	return out, nil
}

// upto is the position of what was posted up to a sequence of BILLING.
func (a *Answers) upto(ctx context.Context, sequence uint64) (ledger.Positions, error) {
	at, err := a.reader.Positions(ctx)
	if err == nil && sequence > at.Billing {
		err = invalid("upto is message %d of BILLING, and message %d was posted last", sequence, at.Billing)
	}
	if sequence > 0 {
		at.Billing = sequence
	}
	return at, err
}
