package rating

import "github.com/daybook-billing/daybook/events"

// Charge is the line as a charge of its span, without an id, an entry, a month, the span's id and a
// version.
func (l *Line) Charge(s *events.Span) events.Charge {
	c := events.Charge{
		Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant, Space: s.Space, Name: s.Name, Flags: s.Flags,
		Datastore: s.Footprint.Datastore, Region: s.Footprint.Region, AvailabilityZone: s.Footprint.AvailabilityZone,
		Plan: l.Plan.Name, Component: l.Component.Name, Start: l.Start, End: l.End, Seconds: l.Seconds,
		Quantity: l.Quantity, Unit: l.Unit, Amount: l.Amount, VATCode: l.VATCode, VATRate: l.VATRate, VAT: l.VAT,
		Currency: l.Currency,
	}
	if l.CurrencyRate != "1" { // that of the billing currency
		c.CurrencyRate = l.CurrencyRate
	}
	return c
}
