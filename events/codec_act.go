package events

import (
	"slices"

	"github.com/daybook-billing/daybook/events/wire"
)

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Act.
func (x *Act) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendText(b, `,"by":`, x.By)
	b = wire.AppendText(b, `,"note":`, x.Note)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	b = wire.AppendUint64(b, `,"expectation":`, x.Expectation)
	if !x.Catalogue.empty() {
		b = x.Catalogue.AppendJSON(append(b, `,"catalogue":`...))
	}
	if x.Decision != (Decision{}) {
		b = x.Decision.appendJSON(append(b, `,"decision":`...))
	}
	if x.Retirement != (Retirement{}) {
		b = x.Retirement.appendJSON(append(b, `,"retirement":`...))
	}
	if x.Replay != (Replay{}) {
		b = x.Replay.appendJSON(append(b, `,"replay":`...))
	}
	if x.Input != (Input{}) {
		b = x.Input.appendJSON(append(b, `,"input":`...))
	}
	if x.Month != (Month{}) {
		b = x.Month.appendJSON(append(b, `,"month":`...))
	}
	if len(x.Statement) > 0 {
		b = append(append(b, `,"statement":`...), x.Statement...)
	}
	if x.Erasure != (Erasure{}) {
		b = x.Erasure.appendJSON(append(b, `,"erasure":`...))
	}
	if !x.Observation.empty() {
		b = x.Observation.appendJSON(append(b, `,"observation":`...))
	}
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Act) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Act) decode(s scanner) error {
	old := *x
	*x = Act{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "kind":
			x.Kind = s.Text(old.Kind)
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "by":
			x.By = s.Text(old.By)
		case "note":
			x.Note = s.Name()
		case "time":
			x.Time = s.Timestamp()
		case "expectation":
			x.Expectation = s.Uint64()
		case "catalogue":
			x.Catalogue.read(&s)
		case "decision":
			x.Decision.read(&s)
		case "retirement":
			x.Retirement.read(&s)
		case "replay":
			x.Replay.read(&s)
		case "input":
			x.Input.read(&s)
		case "month":
			x.Month.read(&s)
		case "statement":
			x.Statement = slices.Clone(s.Raw())
		case "erasure":
			x.Erasure.read(&s)
		case "observation":
			x.Observation.read(&s)
		default:
			s.Skip()
		}
	}
	return s.End("act")
}

func (x *Decision) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendText(b, `,"hold":`, x.Hold)
	b = wire.AppendText(b, `,"action":`, x.Action)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	return wire.CloseObject(b, start)
}

func (x *Decision) read(s *scanner) {
	*x = Decision{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "kind":
			x.Kind = s.Name()
		case "resource":
			x.Resource = s.Name()
		case "hold":
			x.Hold = s.Name()
		case "action":
			x.Action = s.Name()
		case "footprint":
			x.Footprint.read(s, nil)
		default:
			s.Skip()
		}
	}
}

func (x *Retirement) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"collector":`, x.Collector)
	b = wire.AppendTimestamp(b, `,"at":`, x.At)
	return wire.CloseObject(b, start)
}

func (x *Retirement) read(s *scanner) {
	*x = Retirement{}
	for ok := s.Object(); ok && s.Field(); {
		if key := string(s.Key); key == "collector" {
			x.Collector = s.Name()
		} else if key == "at" {
			x.At = s.Timestamp()
		} else {
			s.Skip()
		}
	}
}

func (x *Replay) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"projection":`, x.Projection)
	b = wire.AppendText(b, `,"logic":`, x.Logic)
	b = wire.AppendUint64(b, `,"input":`, x.Input)
	b = wire.AppendUint64(b, `,"output":`, x.Output)
	return wire.CloseObject(b, start)
}

func (x *Replay) read(s *scanner) {
	*x = Replay{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "projection":
			x.Projection = s.Name()
		case "logic":
			x.Logic = s.Name()
		case "input":
			x.Input = s.Uint64()
		case "output":
			x.Output = s.Uint64()
		default:
			s.Skip()
		}
	}
}

func (x *Input) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"outcome":`, x.Outcome)
	return wire.CloseObject(b, start)
}

func (x *Input) read(s *scanner) {
	*x = Input{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "outcome":
			x.Outcome = s.Name()
		default:
			s.Skip()
		}
	}
}

func (x *Month) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"month":`, x.Month)
	b = wire.AppendText(b, `,"mode":`, x.Mode)
	b = wire.AppendUint32(b, `,"grace_seconds":`, x.GraceSeconds)
	return wire.CloseObject(b, start)
}

func (x *Month) read(s *scanner) {
	*x = Month{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "month":
			x.Month = s.Name()
		case "mode":
			x.Mode = s.Name()
		case "grace_seconds":
			x.GraceSeconds = s.Uint32()
		default:
			s.Skip()
		}
	}
}

func (x *Erasure) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"tenant":`, x.Tenant)
	return wire.CloseObject(b, start)
}

func (x *Erasure) read(s *scanner) {
	*x = Erasure{}
	for ok := s.Object(); ok && s.Field(); {
		if string(s.Key) == "tenant" {
			x.Tenant = s.Name()
		} else {
			s.Skip()
		}
	}
}
