package events

import (
	"time"

	"github.com/daybook-billing/daybook/events/wire"
)

// This file is the codec of charges. The charges of one message are mostly alike, so a message says
// once what they share, as one of METERED does for its spans (codec_span.go): `shared` holds what
// all charges of a message with several have in common, over its kind, resource and tenant.

// texts are pointers to the texts that charges can share, in one order.
func (x *Charge) texts() [21]*string {
	return [...]*string{
		&x.Entry, &x.Period, &x.Span, &x.Kind, &x.Resource, &x.App, &x.Tenant, &x.Space, &x.Name, &x.Plan, &x.Catalogue,
		&x.Component, &x.Unit, &x.VATCode, &x.Currency, &x.Datastore, &x.Region, &x.AvailabilityZone, &x.Month,
		&x.VATRate, &x.CurrencyRate,
	}
}

// frame is what holds for a charge of the message that does not say otherwise.
func (x *Billing) frame() Charge { return Charge{Kind: x.Kind, Resource: x.Resource, Tenant: x.Tenant} }

// shared is the frame with what all charges have in common, where there are several. timed tells
// whether their seconds are among that: 0 is a number like any other.
func (x *Billing) shared(frame Charge) (base Charge, timed bool) {
	if len(x.Charges) < 2 {
		return frame, false
	}
	base, timed = x.Charges[0], true
	base.ID, base.Reverses, base.Corrects = "", "", ""
	base.Quantity, base.Amount, base.VAT = Decimal{}, Decimal{}, Decimal{}
	texts := base.texts()
	for i := range x.Charges[1:] {
		o := &x.Charges[i+1]
		others := o.texts()
		keepEqual(texts[:], others[:])
		if !base.Start.Equal(o.Start) {
			base.Start = time.Time{}
		}
		if !base.End.Equal(o.End) {
			base.End = time.Time{}
		}
		if base.Flags != o.Flags {
			base.Flags = 0
		}
		timed = timed && base.Seconds.Cmp(o.Seconds) == 0
	}
	framed := frame.texts()
	fillEmpty(texts[:], framed[:])
	return base, timed
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Charge, with all its fields.
func (x *Charge) AppendJSON(b []byte) []byte { return x.appendJSON(b) }

// DecodeJSON overwrites x with what AppendJSON wrote.
func (x *Charge) DecodeJSON(b []byte) error {
	s := scan(b)
	*x = Charge{}
	x.read(&s, &Charge{})
	return s.End("charge")
}

func (x *Charge) appendJSON(b []byte) []byte {
	start := len(b)
	return wire.CloseObject(x.appendOwn(x.appendOver(b, &Charge{}, true)), start)
}

// appendOwn writes the numbers that charges never share.
func (x *Charge) appendOwn(b []byte) []byte {
	b = wire.AppendDecimal(b, `,"quantity":`, x.Quantity)
	b = wire.AppendDecimal(b, `,"amount":`, x.Amount)
	return wire.AppendDecimal(b, `,"vat":`, x.VAT)
}

// appendOver writes the fields that are not the base's, empty texts too.
func (x *Charge) appendOver(b []byte, base *Charge, seconds bool) []byte {
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = appendTextOver(b, `,"entry":`, x.Entry, base.Entry)
	b = wire.AppendText(b, `,"reverses":`, x.Reverses)
	b = wire.AppendText(b, `,"corrects":`, x.Corrects)
	b = appendTextOver(b, `,"period":`, x.Period, base.Period)
	b = appendTextOver(b, `,"month":`, x.Month, base.Month)
	b = appendTextOver(b, `,"span":`, x.Span, base.Span)
	b = appendTextOver(b, `,"kind":`, x.Kind, base.Kind)
	b = appendTextOver(b, `,"resource":`, x.Resource, base.Resource)
	b = appendTextOver(b, `,"app":`, x.App, base.App)
	b = appendTextOver(b, `,"tenant":`, x.Tenant, base.Tenant)
	b = appendTextOver(b, `,"space":`, x.Space, base.Space)
	b = appendTextOver(b, `,"name":`, x.Name, base.Name)
	b = appendTextOver(b, `,"datastore":`, x.Datastore, base.Datastore)
	b = appendTextOver(b, `,"region":`, x.Region, base.Region)
	b = appendTextOver(b, `,"availability_zone":`, x.AvailabilityZone, base.AvailabilityZone)
	b = appendTextOver(b, `,"plan":`, x.Plan, base.Plan)
	b = appendTextOver(b, `,"catalogue":`, x.Catalogue, base.Catalogue)
	b = appendTextOver(b, `,"component":`, x.Component, base.Component)
	if !x.Start.Equal(base.Start) {
		b = wire.AppendTimestamp(b, `,"start":`, x.Start)
	}
	if !x.End.Equal(base.End) {
		b = wire.AppendTimestamp(b, `,"end":`, x.End)
	}
	if seconds {
		b = wire.AppendDecimal(b, `,"seconds":`, x.Seconds)
	}
	b = appendTextOver(b, `,"unit":`, x.Unit, base.Unit)
	b = appendTextOver(b, `,"vat_code":`, x.VATCode, base.VATCode)
	b = appendTextOver(b, `,"vat_rate":`, x.VATRate, base.VATRate)
	b = appendTextOver(b, `,"currency":`, x.Currency, base.Currency)
	b = appendTextOver(b, `,"currency_rate":`, x.CurrencyRate, base.CurrencyRate)
	if x.Flags != base.Flags {
		b = appendFlags(b, `,"flags":`, x.Flags)
	}
	return b
}

// read reads a charge over a base.
func (x *Charge) read(s *scanner, base *Charge) {
	old := *x
	*x = *base
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "entry":
			x.Entry = s.Text(old.Entry)
		case "reverses":
			x.Reverses = s.Name()
		case "corrects":
			x.Corrects = s.Name()
		case "month":
			x.Month = s.Text(old.Month)
		case "vat_rate":
			x.VATRate = s.Text(old.VATRate)
		case "currency_rate":
			x.CurrencyRate = s.Text(old.CurrencyRate)
		case "period":
			x.Period = s.Text(old.Period)
		case "span":
			x.Span = s.Text(old.Span)
		case "kind":
			x.Kind = s.Text(old.Kind)
		case "resource":
			x.Resource = s.Text(old.Resource)
		case "app":
			x.App = s.Text(old.App)
		case "tenant":
			x.Tenant = s.Text(old.Tenant)
		case "space":
			x.Space = s.Text(old.Space)
		case "name":
			x.Name = s.Text(old.Name)
		case "datastore":
			x.Datastore = s.Text(old.Datastore)
		case "region":
			x.Region = s.Text(old.Region)
		case "availability_zone":
			x.AvailabilityZone = s.Text(old.AvailabilityZone)
		case "plan":
			x.Plan = s.Text(old.Plan)
		case "catalogue":
			x.Catalogue = s.Text(old.Catalogue)
		case "component":
			x.Component = s.Text(old.Component)
		case "start":
			x.Start = s.Timestamp()
		case "end":
			x.End = s.Timestamp()
		case "seconds":
			x.Seconds = s.Decimal()
		case "quantity":
			x.Quantity = s.Decimal()
		case "unit":
			x.Unit = s.Text(old.Unit)
		case "amount":
			x.Amount = s.Decimal()
		case "vat_code":
			x.VATCode = s.Text(old.VATCode)
		case "vat":
			x.VAT = s.Decimal()
		case "currency":
			x.Currency = s.Text(old.Currency)
		case "flags":
			x.Flags |= s.flags()
		default:
			s.Skip()
		}
	}
}

func readCharges(s *scanner, list []Charge, base *Charge) []Charge {
	for ok := s.List(); ok && s.Element(); {
		list = grow(list)
		list[len(list)-1].read(s, base)
	}
	return list
}
