package events

import (
	"time"

	"github.com/daybook-billing/daybook/events/wire"
)

// This file is the codec of parts without a price. As charges do (codec_charge.go), the parts of a
// message with several stand over the values that they have in common, in `shared`.

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.UnratedNotice.
func (x *UnratedNotice) AppendJSON(b []byte) []byte {
	start := len(b)
	b = (&head{x.ID, x.Source, x.Foundation, x.Tenant, x.Kind, x.Resource, &x.Cause}).appendJSON(b)
	frame := x.frame()
	base := x.shared(frame)
	if base != frame {
		b = append(b, `,"shared":`...)
		at := len(b)
		b = wire.CloseObject(base.appendOver(b, &frame), at)
	}
	if len(x.Unrated) > 0 {
		b = append(b, `,"unrated":`...)
		list := len(b)
		for i := range x.Unrated {
			at := len(b) + 1
			b = wire.CloseObject(x.Unrated[i].appendOver(append(b, ','), &base), at)
		}
		b = closeList(b, list)
	}
	b = wire.AppendTexts(b, `,"settled":`, x.Settled)
	return wire.CloseObject(b, start)
}

// frame is what holds for a part of the message that does not say otherwise.
func (x *UnratedNotice) frame() Unrated {
	return Unrated{Kind: x.Kind, Resource: x.Resource, Tenant: x.Tenant}
}

// texts are pointers to the texts that parts can share, in one order.
func (x *Unrated) texts() [8]*string {
	return [...]*string{&x.Span, &x.Kind, &x.Resource, &x.Tenant, &x.Space, &x.Name, &x.Reason, &x.Period}
}

// shared is the frame with what all parts have in common, where there are several.
func (x *UnratedNotice) shared(frame Unrated) Unrated {
	if len(x.Unrated) < 2 {
		return frame
	}
	base := x.Unrated[0]
	base.ID, base.Start, base.End = "", time.Time{}, time.Time{}
	texts := base.texts()
	for i := range x.Unrated[1:] {
		o := &x.Unrated[i+1]
		others := o.texts()
		keepEqual(texts[:], others[:])
		if base.Footprint != o.Footprint {
			base.Footprint = Footprint{}
		}
	}
	framed := frame.texts()
	fillEmpty(texts[:], framed[:])
	return base
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Unrated, with all its fields.
func (x *Unrated) AppendJSON(b []byte) []byte { return x.appendJSON(b) }

// DecodeJSON overwrites x with what AppendJSON wrote.
func (x *Unrated) DecodeJSON(b []byte) error {
	s := scan(b)
	x.read(&s, &Unrated{})
	return s.End("unrated")
}

func (x *Unrated) appendJSON(b []byte) []byte {
	start := len(b)
	return wire.CloseObject(x.appendOver(b, &Unrated{}), start)
}

// appendOver writes the fields that are not the base's, empty texts too.
func (x *Unrated) appendOver(b []byte, base *Unrated) []byte {
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = appendTextOver(b, `,"span":`, x.Span, base.Span)
	b = appendTextOver(b, `,"kind":`, x.Kind, base.Kind)
	b = appendTextOver(b, `,"resource":`, x.Resource, base.Resource)
	b = appendTextOver(b, `,"tenant":`, x.Tenant, base.Tenant)
	b = appendTextOver(b, `,"space":`, x.Space, base.Space)
	b = appendTextOver(b, `,"name":`, x.Name, base.Name)
	b = wire.AppendTimestamp(b, `,"start":`, x.Start)
	b = wire.AppendTimestamp(b, `,"end":`, x.End)
	if x.Footprint != base.Footprint {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = appendTextOver(b, `,"reason":`, x.Reason, base.Reason)
	return appendTextOver(b, `,"period":`, x.Period, base.Period)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does. Its parts are whole.
// The memory of Unrated and Settled is used again: keep their elements, or decode into a new value.
func (x *UnratedNotice) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *UnratedNotice) decode(s scanner) error {
	var base Unrated
	again := s
	if x.read(&s, &base, true) && s.Err == nil { // not as Daybook writes: parts before what they share
		s = again
		x.read(&s, &base, false)
	}
	return s.End("unrated")
}

// read reads the fields, and on the way what the parts share into base if gather is set. It reports
// whether something of that came too late for a part.
func (x *UnratedNotice) read(s *scanner, base *Unrated, gather bool) (late bool) {
	old := *x
	*x = UnratedNotice{Unrated: x.Unrated[:0], Settled: x.Settled[:0]}
	parts := false
	framed := func(to *string, value string) string {
		if gather && *to == "" {
			*to = value
		}
		late = late || parts
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
			late = late || parts
			if gather {
				framed := *base
				base.read(s, &framed)
			} else {
				s.Skip()
			}
		case "unrated":
			x.Unrated, parts = readUnrated(s, x.Unrated[:0], base), true
		case "settled":
			x.Settled = s.Texts(x.Settled[:0])
		default:
			s.Skip()
		}
	}
	return late
}

func readUnrated(s *scanner, list []Unrated, base *Unrated) []Unrated {
	for ok := s.List(); ok && s.Element(); {
		list = grow(list)
		list[len(list)-1].read(s, base)
	}
	return list
}

// read reads a part over a base.
func (x *Unrated) read(s *scanner, base *Unrated) {
	old := *x
	*x = *base
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "span":
			x.Span = s.Text(old.Span)
		case "kind":
			x.Kind = s.Text(old.Kind)
		case "resource":
			x.Resource = s.Text(old.Resource)
		case "tenant":
			x.Tenant = s.Text(old.Tenant)
		case "space":
			x.Space = s.Text(old.Space)
		case "name":
			x.Name = s.Text(old.Name)
		case "start":
			x.Start = s.Timestamp()
		case "end":
			x.End = s.Timestamp()
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(s, &base.Footprint)
		case "reason":
			x.Reason = s.Text(old.Reason)
		case "period":
			x.Period = s.Text(old.Period)
		default:
			s.Skip()
		}
	}
}
