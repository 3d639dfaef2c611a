package answer

import (
	"context"
	"encoding/json"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// PriceQuestion asks for the price of hypothetical usage.
type PriceQuestion struct {
	Version    string    `json:"version,omitempty" maxLength:"1024" default:"current" doc:"Catalogue version; current is the one in force."`
	Foundation string    `json:"foundation,omitempty" maxLength:"1024" doc:"Plans may be for some foundations only."`
	Tenant     string    `json:"tenant,omitempty" maxLength:"1024" doc:"Plans may be for some tenants only."`
	Kind       string    `json:"kind" enum:"app,task,staging,service,instance,volume"`
	Footprint  Footprint `json:"footprint"`
	From       string    `json:"from" format:"date-time"`
	To         string    `json:"to" format:"date-time" doc:"At most 366 days behind from."`
}

// Price is the price of hypothetical usage.
type Price struct {
	Version string   `json:"version"`
	Lines   []Priced `json:"lines"`
	Totals  []Total  `json:"totals" doc:"One, where anything has a price."`
	Unrated []string `json:"unrated,omitempty" doc:"Why something of it has no price."`
}

// Price answers with the price of hypothetical usage.
func (a *Answers) Price(ctx context.Context, _ *Asker, x *PriceQuestion) (*Price, error) {
	from, err := events.ParseTime(x.From)
	if err != nil {
		return nil, invalid("from: %s", err)
	}
	to, err := events.ParseTime(x.To)
	switch {
	case err != nil:
		return nil, invalid("to: %s", err)
	case !to.After(from):
		return nil, invalid("to is not behind from")
	case to.Sub(from) > maxRange:
		return nil, invalid("from and to are more than 366 days apart: ask for less")
	}
	if x.Version == "" {
		x.Version = CurrentVersion
	}
	act, _, err := a.find(ctx, x.Version)
	if err != nil {
		return nil, err
	}
	prices, err := catalogue.Parse(act.Catalogue.Version, []byte(act.Catalogue.YAML))
	if err != nil {
		return nil, err
	}
	span := events.Span{
		Kind: x.Kind, Tenant: x.Tenant, Start: from, End: to, Since: from, Footprint: x.Footprint.Footprint(),
	}
	lines, unrated := rating.Rate(prices, x.Foundation, &span)
	out := &Price{Version: act.Catalogue.Version, Lines: []Priced{}, Unrated: reasons(unrated)}
	sums := ledger.NewSumming(nil)
	for i := range lines {
		c := ledger.Charge{Charge: lines[i].Charge(&span)}
		c.Catalogue = out.Version
		out.Lines = append(out.Lines, newPriced(&c.Charge))
		if err := sums.Add(&c, 1); err != nil {
			return nil, invalid("%s", err)
		}
	}
	out.Totals = newTotals(nil, sums.List())
	return out, nil
}

// WhatIfQuestion asks for the effect of another catalogue.
type WhatIfQuestion struct {
	Catalogue string `json:"catalogue" minLength:"1" maxLength:"900000" doc:"The text of a catalogue (YAML)."`
	Month     string `json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Only this month."`
	Tenant    string `json:"tenant,omitempty" maxLength:"1024" doc:"Only this tenant: its guid or name."`
	Closed    bool   `json:"closed,omitempty" doc:"Of closed months: what each would change by if it alone were priced anew."`
}

// WhatIf is the effect of another catalogue; nothing is published.
type WhatIf struct {
	Version string            `json:"version" doc:"Digest of the catalogue's text: its name."`
	Former  string            `json:"former" doc:"The version in force."`
	Metered uint64            `json:"metered" doc:"Sequence of the last message of METERED that was looked at."`
	Rows    []json.RawMessage `json:"rows" doc:"By month and tenant: rows of schemas/effect.schema.json."`
	Closed  []string          `json:"closed" doc:"Closed months that it would change, and leaves."`
}

// WhatIf answers with the effect of another catalogue, to askers with everybody's money.
func (a *Answers) WhatIf(ctx context.Context, asker *Asker, x *WhatIfQuestion) (*WhatIf, error) {
	if !asker.Money.Everybody {
		return nil, &Problem{
			Kind: Forbidden, Detail: "what another catalogue changes is for those who may see all tenants",
		}
	}
	tenant, err := a.TenantOf(ctx, asker, x.Tenant, "")
	if err != nil {
		return nil, err
	}
	parsed, err := catalogue.Check("catalogue", []byte(x.Catalogue))
	if err != nil {
		return nil, invalid("%s", err)
	}
	look, err := preview.Take(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	seen, err := look.Effect(parsed.Digest(), parsed, nil)
	if err != nil {
		return nil, err
	}
	if x.Closed {
		seen = look.Closed(parsed.Digest(), parsed)
	}
	out := &WhatIf{
		Version: seen.Version, Former: seen.Former, Metered: look.Sequence, Rows: []json.RawMessage{},
		Closed: append([]string{}, seen.Closed...),
	}
	for i := range seen.Rows {
		if r := &seen.Rows[i]; (x.Month == "" || x.Month == r.Month) && (tenant == "" || tenant == r.Tenant) {
			out.Rows = append(out.Rows, r.AppendJSON(nil))
		}
	}
	if len(out.Rows) == 0 {
		err = a.heard(ctx, &ledger.Query{Tenant: tenant})
	}
	return out, err
}

// Effect is the effect of the answer.
func (x *WhatIf) Effect() (*effect.Effect, error) {
	text, err := json.Marshal(map[string]any{
		"version": x.Version, "former": x.Former, "rows": x.Rows, "closed": x.Closed,
	})
	if err != nil {
		return nil, err
	}
	seen := &effect.Effect{}
	return seen, seen.DecodeJSON(text)
}
