package events

import "github.com/daybook-billing/daybook/events/wire"

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Billing. The values that all its
// charges share stand once: see codec_charge.go.
func (x *Billing) AppendJSON(b []byte) []byte {
	start := len(b)
	b = (&head{x.ID, x.Source, x.Foundation, x.Tenant, x.Kind, x.Resource, &x.Cause}).appendJSON(b)
	frame := x.frame()
	base, timed := x.shared(frame)
	before := len(b)
	b = append(b, `,"shared":`...)
	at := len(b)
	if b = base.appendOver(b, &frame, timed); len(b) > at {
		b = wire.CloseObject(b, at)
	} else {
		b = b[:before]
	}
	if len(x.Charges) > 0 {
		b = append(b, `,"charges":`...)
		list := len(b)
		for i := range x.Charges {
			c, at := &x.Charges[i], len(b)+1
			b = wire.CloseObject(c.appendOwn(c.appendOver(append(b, ','), &base, !timed)), at)
		}
		b = closeList(b, list)
	}
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does. Its charges are whole.
// The memory of Charges is used again: keep their elements, or decode into a new value.
func (x *Billing) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Billing) decode(s scanner) error {
	var base Charge
	again := s
	if x.read(&s, &base, true) && s.Err == nil { // not as Daybook writes: charges before what they share
		s = again
		x.read(&s, &base, false)
	}
	return s.End("billing")
}

// read reads the fields, and on the way what the charges share into base if gather is set. It
// reports whether something of that came too late for a charge.
func (x *Billing) read(s *scanner, base *Charge, gather bool) (late bool) {
	old := *x
	*x = Billing{Charges: x.Charges[:0]}
	charges := false
	framed := func(to *string, value string) string {
		if gather && *to == "" {
			*to = value
		}
		late = late || charges
		return value
	}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "tenant":
			x.Tenant = framed(&base.Tenant, s.Text(old.Tenant))
		case "kind":
			x.Kind = framed(&base.Kind, s.Text(old.Kind))
		case "resource":
			x.Resource = framed(&base.Resource, s.Text(old.Resource))
		case "cause":
			x.Cause = old.Cause
			x.Cause.read(s)
		case "shared":
			late = late || charges
			if gather {
				framed := *base
				base.read(s, &framed)
			} else {
				s.Skip()
			}
		case "charges":
			x.Charges, charges = readCharges(s, x.Charges[:0], base), true
		default:
			s.Skip()
		}
	}
	return late
}
