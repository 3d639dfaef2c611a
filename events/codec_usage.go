package events

import "github.com/daybook-billing/daybook/events/wire"

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Usage. Raw goes in byte for byte;
// it must be what CheckRaw takes.
func (x *Usage) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendText(b, `,"tenant":`, x.Tenant)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendText(b, `,"app":`, x.App)
	b = wire.AppendText(b, `,"event":`, x.Event)
	b = wire.AppendText(b, `,"previous":`, x.Previous)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	b = wire.AppendTimestamp(b, `,"observed":`, x.Observed)
	b = wire.AppendTimestamp(b, `,"created":`, x.Created)
	b = wire.AppendText(b, `,"space":`, x.Space)
	b = wire.AppendText(b, `,"space_name":`, x.SpaceName)
	b = wire.AppendText(b, `,"name":`, x.Name)
	b = wire.AppendText(b, `,"state":`, x.State)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = appendCount(b, `,"old_volume_gb":`, x.OldVolumeGB)
	b = wire.AppendText(b, `,"after_guid":`, x.AfterGUID)
	b = wire.AppendUint64(b, `,"after_sequence":`, x.AfterSequence)
	b = wire.AppendTimestamp(b, `,"listed":`, x.Listed)
	b = wire.AppendText(b, `,"publisher":`, x.Publisher)
	b = appendCount(b, `,"previous_instances":`, x.PreviousInstances)
	b = appendCount(b, `,"previous_memory_mb":`, x.PreviousMemoryMB)
	b = appendCount(b, `,"audit_seconds":`, x.AuditSeconds)
	b = appendTrue(b, `,"no_server":`, x.NoServer)
	b = appendTrue(b, `,"volume_unknown":`, x.VolumeUnknown)
	b = appendTrue(b, `,"no_previous_instances":`, x.NoPreviousInstances)
	b = appendTrue(b, `,"no_previous_memory":`, x.NoPreviousMemory)
	b = appendTrue(b, `,"reseeded":`, x.Reseeded)
	if len(x.Raw) > 0 {
		b = append(b, `,"raw":`...)
		b = append(b, x.Raw...)
	}
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form. It ignores fields it does not know, and errors are
// *wire.DecodeError; after one x holds nothing of use. Nothing of x is part of b. The memory of
// x.Raw is used again.
func (x *Usage) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

// DecodeFact is DecodeJSON without Raw: it looks only for Raw's end. It is for readers of the fact
// in Daybook's terms.
func (x *Usage) DecodeFact(b []byte) error {
	s := scan(b)
	s.Fact = true
	return x.decode(s)
}

func (x *Usage) decode(s scanner) error {
	old := *x
	*x = Usage{Raw: x.Raw[:0]}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "tenant":
			x.Tenant = s.Text(old.Tenant)
		case "kind":
			x.Kind = s.Text(old.Kind)
		case "resource":
			x.Resource = s.Text(old.Resource)
		case "app":
			x.App = s.Text(old.App)
		case "event":
			x.Event = s.Text(old.Event)
		case "previous":
			x.Previous = s.Text(old.Previous)
		case "time":
			x.Time = s.Timestamp()
		case "observed":
			x.Observed = s.Timestamp()
		case "created":
			x.Created = s.Timestamp()
		case "space":
			x.Space = s.Text(old.Space)
		case "space_name":
			x.SpaceName = s.Text(old.SpaceName)
		case "name":
			x.Name = s.Text(old.Name)
		case "state":
			x.State = s.Text(old.State)
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(&s, nil)
		case "old_volume_gb":
			x.OldVolumeGB = s.count()
		case "after_guid":
			x.AfterGUID = s.Name()
		case "after_sequence":
			x.AfterSequence = s.Uint64()
		case "listed":
			x.Listed = s.Timestamp()
		case "publisher":
			x.Publisher = s.Text(old.Publisher)
		case "previous_instances":
			x.PreviousInstances = s.count()
		case "previous_memory_mb":
			x.PreviousMemoryMB = s.count()
		case "audit_seconds":
			x.AuditSeconds = s.count()
		case "no_server":
			x.NoServer = s.Bool()
		case "volume_unknown":
			x.VolumeUnknown = s.Bool()
		case "no_previous_instances":
			x.NoPreviousInstances = s.Bool()
		case "no_previous_memory":
			x.NoPreviousMemory = s.Bool()
		case "reseeded":
			x.Reseeded = s.Bool()
		case "raw":
			if raw := s.Raw(); !s.Fact {
				x.Raw = append(x.Raw[:0], raw...)
			}
		default:
			s.Skip()
		}
	}
	return s.End("usage")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Horizon.
func (x *Horizon) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	b = wire.AppendText(b, `,"collector":`, x.Collector)
	b = wire.AppendTimestamp(b, `,"settled":`, x.Settled)
	b = wire.AppendTimestamp(b, `,"ended":`, x.Ended)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Horizon) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Horizon) decode(s scanner) error {
	old := *x
	*x = Horizon{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "time":
			x.Time = s.Timestamp()
		case "collector":
			x.Collector = s.Text(old.Collector)
		case "settled":
			x.Settled = s.Timestamp()
		case "ended":
			x.Ended = s.Timestamp()
		default:
			s.Skip()
		}
	}
	return s.End("horizon")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Gap.
func (x *Gap) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendTimestamp(b, `,"from":`, x.From)
	b = wire.AppendTimestamp(b, `,"to":`, x.To)
	b = wire.AppendText(b, `,"reason":`, x.Reason)
	b = wire.AppendText(b, `,"list":`, x.List)
	b = wire.AppendText(b, `,"cursor":`, x.Cursor)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Gap) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Gap) decode(s scanner) error {
	old := *x
	*x = Gap{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "from":
			x.From = s.Timestamp()
		case "to":
			x.To = s.Timestamp()
		case "reason":
			x.Reason = s.Text(old.Reason)
		case "list":
			x.List = s.Text(old.List)
		case "cursor":
			x.Cursor = s.Name()
		default:
			s.Skip()
		}
	}
	return s.End("gap")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Quarantined.
func (x *Quarantined) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendText(b, `,"file":`, x.File)
	b = wire.AppendUint32(b, `,"line":`, x.Line)
	b = wire.AppendText(b, `,"reason":`, x.Reason)
	b = wire.AppendText(b, `,"input":`, x.Input)
	b = wire.AppendText(b, `,"after_id":`, x.AfterID)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Quarantined) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Quarantined) decode(s scanner) error {
	old := *x
	*x = Quarantined{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "file":
			x.File = s.Text(old.File)
		case "line":
			x.Line = s.Uint32()
		case "reason":
			x.Reason = s.Text(old.Reason)
		case "input":
			x.Input = s.Name()
		case "after_id":
			x.AfterID = s.Name()
		default:
			s.Skip()
		}
	}
	return s.End("quarantined")
}
