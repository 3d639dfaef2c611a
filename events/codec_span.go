package events

import (
	"github.com/daybook-billing/daybook/events/text"
	"github.com/daybook-billing/daybook/events/wire"
)

// This file is the codec of spans. Spans of one message are mostly alike, so a message says once
// what they share:
//
//   - the message's own kind, resource and tenant hold for each span that does not say others;
//   - `shared` holds the other values that all spans of a message with several have in common.
//
// A reader of the proto3 JSON merges a span over `shared`, and `shared` over the three values of
// the message, as protobuf's MergeFrom does. Decoding does that: a decoded span is whole.

// shape is the part of a span that a message says once where it can.
type shape struct {
	Kind, Resource, App, Tenant, Space, SpaceName, Name string

	Footprint Footprint
}

func (x *Span) shape() shape {
	return shape{x.Kind, x.Resource, x.App, x.Tenant, x.Space, x.SpaceName, x.Name, x.Footprint}
}

func (x *Span) setShape(s *shape) {
	x.Kind, x.Resource, x.App, x.Tenant, x.Space = s.Kind, s.Resource, s.App, s.Tenant, s.Space
	x.SpaceName, x.Name, x.Footprint = s.SpaceName, s.Name, s.Footprint
}

// texts are pointers to the texts of a shape, in one order.
func (s *shape) texts() [22]*string {
	f := &s.Footprint
	return [...]*string{
		&s.Kind, &s.Resource, &s.App, &s.Tenant, &s.Space, &s.SpaceName, &s.Name, &f.ProcessType, &f.Buildpack,
		&f.BuildpackGUID, &f.Plan, &f.PlanGUID, &f.Offering, &f.OfferingGUID, &f.Broker, &f.BrokerGUID, &f.Flavor,
		&f.FlavorID, &f.Datastore, &f.DatastoreID, &f.Region, &f.AvailabilityZone,
	}
}

func (s *shape) counts() [3]*Count {
	return [...]*Count{&s.Footprint.Instances, &s.Footprint.MemoryMB, &s.Footprint.VolumeGB}
}

// meet empties what is not the same in another shape.
func (s *shape) meet(o *shape) {
	texts, others := s.texts(), o.texts()
	keepEqual(texts[:], others[:])
	counts := o.counts()
	for i, c := range s.counts() {
		if *c != *counts[i] {
			*c = Count{}
		}
	}
}

// take takes over what another shape says.
func (s *shape) take(o *shape) {
	texts := s.texts()
	for i, t := range o.texts() {
		if *t != "" {
			*texts[i] = *t
		}
	}
	counts := s.counts()
	for i, c := range o.counts() {
		if c.Known() {
			*counts[i] = *c
		}
	}
}

// frame is what holds for a span of the message that does not say otherwise.
func (x *Metered) frame() shape { return shape{Kind: x.Kind, Resource: x.Resource, Tenant: x.Tenant} }

// shared is the frame with what all spans have in common, where there are several.
func (x *Metered) shared(frame shape) shape {
	if len(x.Retracted)+len(x.Closed)+len(x.Running) < 2 {
		return frame
	}
	var common shape
	first := true
	for _, spans := range [...][]Span{x.Retracted, x.Closed, x.Running} {
		for i := range spans {
			s := spans[i].shape()
			if first {
				common, first = s, false
			} else {
				common.meet(&s)
			}
		}
	}
	frame.take(&common)
	return frame
}

// appendTextsOver writes the texts of a shape that are not the base's, empty ones too.
func (s *shape) appendTextsOver(b []byte, base *shape) []byte {
	b = appendTextOver(b, `,"kind":`, s.Kind, base.Kind)
	b = appendTextOver(b, `,"resource":`, s.Resource, base.Resource)
	b = appendTextOver(b, `,"app":`, s.App, base.App)
	b = appendTextOver(b, `,"tenant":`, s.Tenant, base.Tenant)
	b = appendTextOver(b, `,"space":`, s.Space, base.Space)
	b = appendTextOver(b, `,"space_name":`, s.SpaceName, base.SpaceName)
	return appendTextOver(b, `,"name":`, s.Name, base.Name)
}

func (s *shape) appendFootprintOver(b []byte, base *shape) []byte {
	if s.Footprint == base.Footprint {
		return b
	}
	return s.Footprint.appendOver(append(b, `,"footprint":`...), &base.Footprint)
}

func (s *shape) read(in *scanner) {
	for ok := in.Object(); ok && in.Field(); {
		if !s.field(in, s, &Footprint{}) {
			in.Skip()
		}
	}
}

// field reads one field, if it is the shape's. old is what the field held before.
func (s *shape) field(in *scanner, old *shape, base *Footprint) bool {
	switch string(in.Key) {
	case "kind":
		s.Kind = in.Text(old.Kind)
	case "resource":
		s.Resource = in.Text(old.Resource)
	case "app":
		s.App = in.Text(old.App)
	case "tenant":
		s.Tenant = in.Text(old.Tenant)
	case "space":
		s.Space = in.Text(old.Space)
	case "space_name":
		s.SpaceName = in.Text(old.SpaceName)
	case "name":
		s.Name = in.Text(old.Name)
	case "footprint":
		s.Footprint = old.Footprint
		s.Footprint.read(in, base)
	default:
		return false
	}
	return true
}

func appendTextOver(b []byte, key, s, base string) []byte {
	if s == base {
		return b
	}
	return text.AppendString(append(b, key...), s)
}

func appendCountOver(b []byte, key string, c, base Count) []byte {
	if c == base {
		return b
	}
	return appendCount(b, key, c)
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Span, with all its fields.
func (x *Span) AppendJSON(b []byte) []byte { return x.appendJSON(b) }

// DecodeJSON overwrites x with what AppendJSON wrote.
func (x *Span) DecodeJSON(b []byte) error {
	s := scan(b)
	x.read(&s)
	return s.End("span")
}

func (x *Span) appendJSON(b []byte) []byte { return x.appendOver(b, &shape{}) }

// appendOver writes a span over what it shares with others.
func (x *Span) appendOver(b []byte, base *shape) []byte {
	start := len(b)
	s := x.shape()
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = s.appendTextsOver(b, base)
	b = wire.AppendTimestamp(b, `,"start":`, x.Start)
	b = wire.AppendTimestamp(b, `,"end":`, x.End)
	b = wire.AppendTimestamp(b, `,"since":`, x.Since)
	b = s.appendFootprintOver(b, base)
	b = appendList(b, `,"earlier":`, x.Earlier)
	b = appendFlags(b, `,"flags":`, x.Flags)
	b = appendUint64s(b, `,"evidence":`, x.Evidence)
	b = wire.AppendText(b, `,"publication":`, x.Publication)
	b = wire.AppendText(b, `,"correction":`, x.Correction)
	return wire.CloseObject(b, start)
}

func (x *Span) read(s *scanner) {
	old, was := x.Correction, x.shape()
	var is shape
	if s.base != nil {
		is = *s.base
	}
	base := is.Footprint
	*x = Span{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "start":
			x.Start = s.Timestamp()
		case "end":
			x.End = s.Timestamp()
		case "since":
			x.Since = s.Timestamp()
		case "earlier":
			x.Earlier = readList(s, x.Earlier)
		case "flags":
			x.Flags = s.flags()
		case "evidence":
			x.Evidence = s.Uint64s()
		case "publication":
			x.Publication = s.Name()
		case "correction":
			x.Correction = s.Text(old)
		default:
			if !is.field(s, &was, &base) {
				s.Skip()
			}
		}
	}
	x.setShape(&is)
}

func (x *Stretch) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendTimestamp(b, `,"since":`, x.Since)
	return wire.CloseObject(x.Footprint.appendJSON(append(b, `,"footprint":`...)), start)
}

func (x *Stretch) read(s *scanner) {
	*x = Stretch{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "since":
			x.Since = s.Timestamp()
		case "footprint":
			x.Footprint.read(s, nil)
		default:
			s.Skip()
		}
	}
}

// appendSpans appends a list of spans over what they share.
func appendSpans(b []byte, key string, list []Span, base *shape) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, key...)
	start := len(b)
	for i := range list {
		b = list[i].appendOver(append(b, ','), base)
	}
	return closeList(b, start)
}

func (x *Footprint) appendJSON(b []byte) []byte { return x.appendOver(b, &Footprint{}) }

func (x *Footprint) appendOver(b []byte, base *Footprint) []byte {
	start := len(b)
	b = appendCountOver(b, `,"instances":`, x.Instances, base.Instances)
	b = appendCountOver(b, `,"memory_mb":`, x.MemoryMB, base.MemoryMB)
	b = appendCountOver(b, `,"volume_gb":`, x.VolumeGB, base.VolumeGB)
	b = appendTextOver(b, `,"process_type":`, x.ProcessType, base.ProcessType)
	b = appendTextOver(b, `,"buildpack":`, x.Buildpack, base.Buildpack)
	b = appendTextOver(b, `,"buildpack_guid":`, x.BuildpackGUID, base.BuildpackGUID)
	b = appendTextOver(b, `,"plan":`, x.Plan, base.Plan)
	b = appendTextOver(b, `,"plan_guid":`, x.PlanGUID, base.PlanGUID)
	b = appendTextOver(b, `,"offering":`, x.Offering, base.Offering)
	b = appendTextOver(b, `,"offering_guid":`, x.OfferingGUID, base.OfferingGUID)
	b = appendTextOver(b, `,"broker":`, x.Broker, base.Broker)
	b = appendTextOver(b, `,"broker_guid":`, x.BrokerGUID, base.BrokerGUID)
	b = appendTextOver(b, `,"flavor":`, x.Flavor, base.Flavor)
	b = appendTextOver(b, `,"flavor_id":`, x.FlavorID, base.FlavorID)
	b = appendTextOver(b, `,"datastore":`, x.Datastore, base.Datastore)
	b = appendTextOver(b, `,"datastore_id":`, x.DatastoreID, base.DatastoreID)
	b = appendTextOver(b, `,"region":`, x.Region, base.Region)
	b = appendTextOver(b, `,"availability_zone":`, x.AvailabilityZone, base.AvailabilityZone)
	return wire.CloseObject(b, start)
}

// read reads a footprint over a base; nil for none.
func (x *Footprint) read(s *scanner, base *Footprint) {
	old := *x
	*x = Footprint{}
	if base != nil {
		*x = *base
	}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "instances":
			x.Instances = s.count()
		case "memory_mb":
			x.MemoryMB = s.count()
		case "volume_gb":
			x.VolumeGB = s.count()
		case "process_type":
			x.ProcessType = s.Text(old.ProcessType)
		case "buildpack":
			x.Buildpack = s.Text(old.Buildpack)
		case "buildpack_guid":
			x.BuildpackGUID = s.Text(old.BuildpackGUID)
		case "plan":
			x.Plan = s.Text(old.Plan)
		case "plan_guid":
			x.PlanGUID = s.Text(old.PlanGUID)
		case "offering":
			x.Offering = s.Text(old.Offering)
		case "offering_guid":
			x.OfferingGUID = s.Text(old.OfferingGUID)
		case "broker":
			x.Broker = s.Text(old.Broker)
		case "broker_guid":
			x.BrokerGUID = s.Text(old.BrokerGUID)
		case "flavor":
			x.Flavor = s.Text(old.Flavor)
		case "flavor_id":
			x.FlavorID = s.Text(old.FlavorID)
		case "datastore":
			x.Datastore = s.Text(old.Datastore)
		case "datastore_id":
			x.DatastoreID = s.Text(old.DatastoreID)
		case "region":
			x.Region = s.Text(old.Region)
		case "availability_zone":
			x.AvailabilityZone = s.Text(old.AvailabilityZone)
		default:
			s.Skip()
		}
	}
}
