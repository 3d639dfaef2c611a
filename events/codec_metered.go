package events

import "github.com/daybook-billing/daybook/events/wire"

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Metered. The values that all its
// spans share stand once: see codec_span.go.
func (x *Metered) AppendJSON(b []byte) []byte {
	frame := x.frame()
	shared := x.shared(frame)
	return x.appendOver(b, &frame, &shared)
}

// appendOver writes the spans over what they share, which is at least what the frame says.
func (x *Metered) appendOver(b []byte, frame, shared *shape) []byte {
	start := len(b)
	b = (&head{x.ID, x.Source, x.Foundation, x.Tenant, x.Kind, x.Resource, &x.Cause}).appendJSON(b)
	if *shared != *frame {
		b = append(b, `,"shared":`...)
		at := len(b)
		b = wire.CloseObject(shared.appendFootprintOver(shared.appendTextsOver(b, frame), frame), at)
	}
	b = appendSpans(b, `,"retracted":`, x.Retracted, shared)
	b = appendSpans(b, `,"closed":`, x.Closed, shared)
	b = appendSpans(b, `,"running":`, x.Running, shared)
	b = wire.AppendUint32(b, `,"running_omitted":`, x.RunningOmitted)
	b = appendList(b, `,"anomalies":`, x.Anomalies)
	b = appendList(b, `,"held":`, x.Held)
	b = wire.AppendUint32(b, `,"held_omitted":`, x.HeldOmitted)
	b = wire.AppendTexts(b, `,"ended":`, x.Ended)
	b = wire.AppendUint64(b, `,"listed_from":`, x.ListedFrom)
	b = wire.AppendText(b, `,"correction":`, x.Correction)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does. The memory
// of Retracted, Closed, Running, Anomalies and Held is used again: keep their elements, or decode
// into a new value.
func (x *Metered) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Metered) decode(s scanner) error {
	var base shape
	s.base = &base
	again := s
	if x.read(&s, true) && s.Err == nil { // not as Daybook writes: spans before what they share
		s = again
		x.read(&s, false)
	}
	return s.End("metered")
}

// read reads the fields, and on the way what the spans share into s.base if gather is set. It
// reports whether something of that came too late for a span.
func (x *Metered) read(s *scanner, gather bool) (late bool) {
	old := *x
	*x = Metered{
		Retracted: x.Retracted[:0], Closed: x.Closed[:0], Running: x.Running[:0], Anomalies: x.Anomalies[:0],
		Held: x.Held[:0], Ended: x.Ended[:0],
	}
	var shared shape
	spans, framed := false, func(to *string, value string) string {
		if gather && *to == "" {
			*to = value
		}
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
			x.Tenant, late = framed(&s.base.Tenant, s.Text(old.Tenant)), late || spans
		case "kind":
			x.Kind, late = framed(&s.base.Kind, s.Text(old.Kind)), late || spans
		case "resource":
			x.Resource, late = framed(&s.base.Resource, s.Text(old.Resource)), late || spans
		case "cause":
			x.Cause = old.Cause
			x.Cause.read(s)
		case "shared":
			shared.read(s)
			late = late || spans
			if gather {
				s.base.take(&shared)
			}
		case "retracted":
			x.Retracted, spans = s.spansUnless(s.without.changes, x.Retracted[:0]), true
		case "closed":
			x.Closed, spans = s.spansUnless(s.without.changes, x.Closed[:0]), true
		case "running":
			x.Running, spans = s.spansUnless(s.without.running, x.Running[:0]), true
		case "running_omitted":
			x.RunningOmitted = s.Uint32()
		case "anomalies":
			x.Anomalies = readList(s, x.Anomalies[:0])
		case "held":
			x.Held = readList(s, x.Held[:0])
		case "held_omitted":
			x.HeldOmitted = s.Uint32()
		case "ended":
			x.Ended = s.Texts(x.Ended[:0])
		case "listed_from":
			x.ListedFrom = s.Uint64()
		case "correction":
			x.Correction = s.Text(old.Correction)
		default:
			s.Skip()
		}
	}
	return late
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.AnomalyNotice.
func (x *AnomalyNotice) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	if x.Cause != (Cause{}) {
		b = x.Cause.AppendJSON(append(b, `,"cause":`...))
	}
	if x.Anomaly != (Anomaly{}) {
		b = x.Anomaly.appendJSON(append(b, `,"anomaly":`...))
	}
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *AnomalyNotice) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *AnomalyNotice) decode(s scanner) error {
	old := *x
	*x = AnomalyNotice{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Text(old.Source)
		case "foundation":
			x.Foundation = s.Text(old.Foundation)
		case "cause":
			x.Cause = old.Cause
			x.Cause.read(&s)
		case "anomaly":
			x.Anomaly = old.Anomaly
			x.Anomaly.read(&s)
		default:
			s.Skip()
		}
	}
	return s.End("anomaly")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Catalogue.
func (x *Catalogue) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"version":`, x.Version)
	b = wire.AppendText(b, `,"yaml":`, x.YAML)
	b = wire.AppendTexts(b, `,"reprice":`, x.Reprice)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Catalogue) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Catalogue) decode(s scanner) error {
	x.fields(&s, s.Message())
	return s.End("catalogue")
}

func (x *Catalogue) read(s *scanner) { x.fields(s, s.Object()) }

func (x *Catalogue) fields(s *scanner, ok bool) {
	old := *x
	*x = Catalogue{}
	for ok && s.Field() {
		switch string(s.Key) {
		case "version":
			x.Version = s.Text(old.Version)
		case "yaml":
			x.YAML = s.Name()
		case "reprice":
			x.Reprice = s.Texts(nil)
		default:
			s.Skip()
		}
	}
}

func (x *Catalogue) empty() bool { return x.Version == "" && x.YAML == "" && len(x.Reprice) == 0 }

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Closing.
func (x *Closing) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendText(b, `,"month":`, x.Month)
	b = appendTrue(b, `,"reopened":`, x.Reopened)
	if x.Cause != (Cause{}) {
		b = x.Cause.AppendJSON(append(b, `,"cause":`...))
	}
	b = wire.AppendText(b, `,"by":`, x.By)
	b = wire.AppendText(b, `,"note":`, x.Note)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Closing) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Closing) decode(s scanner) error {
	*x = Closing{}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "source":
			x.Source = s.Name()
		case "foundation":
			x.Foundation = s.Name()
		case "month":
			x.Month = s.Name()
		case "reopened":
			x.Reopened = s.Bool()
		case "cause":
			x.Cause.read(&s)
		case "by":
			x.By = s.Name()
		case "note":
			x.Note = s.Name()
		case "time":
			x.Time = s.Timestamp()
		default:
			s.Skip()
		}
	}
	return s.End("closing")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Marker.
func (x *Marker) AppendJSON(b []byte) []byte {
	return wire.CloseObject(wire.AppendUint64(b, `,"input_sequence":`, x.InputSequence), len(b))
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Marker) DecodeJSON(b []byte) error { return x.decode(scan(b)) }

func (x *Marker) decode(s scanner) error {
	*x = Marker{}
	for ok := s.Message(); ok && s.Field(); {
		if string(s.Key) == "input_sequence" {
			x.InputSequence = s.Uint64()
		} else {
			s.Skip()
		}
	}
	return s.End("marker")
}

func (x *Anomaly) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"code":`, x.Code)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	b = wire.AppendText(b, `,"message":`, x.Message)
	return wire.CloseObject(b, start)
}

func (x *Anomaly) read(s *scanner) {
	old := *x
	*x = Anomaly{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "code":
			x.Code = s.Text(old.Code)
		case "resource":
			x.Resource = s.Text(old.Resource)
		case "time":
			x.Time = s.Timestamp()
		case "message":
			x.Message = s.Name()
		default:
			s.Skip()
		}
	}
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Hold.
func (x *Hold) AppendJSON(b []byte) []byte { return x.appendJSON(b) }

// DecodeJSON overwrites x with what AppendJSON wrote.
func (x *Hold) DecodeJSON(b []byte) error {
	s := scan(b)
	x.read(&s)
	return s.End("hold")
}

func (x *Hold) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendText(b, `,"code":`, x.Code)
	b = wire.AppendTimestamp(b, `,"start":`, x.Start)
	b = wire.AppendTimestamp(b, `,"end":`, x.End)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = wire.AppendText(b, `,"reason":`, x.Reason)
	if x.Lower != (Footprint{}) {
		b = x.Lower.appendJSON(append(b, `,"lower":`...))
	}
	return wire.CloseObject(b, start)
}

func (x *Hold) read(s *scanner) {
	old := *x
	*x = Hold{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "kind":
			x.Kind = s.Text(old.Kind)
		case "resource":
			x.Resource = s.Text(old.Resource)
		case "code":
			x.Code = s.Text(old.Code)
		case "start":
			x.Start = s.Timestamp()
		case "end":
			x.End = s.Timestamp()
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(s, nil)
		case "reason":
			x.Reason = s.Text(old.Reason)
		case "lower":
			x.Lower = old.Lower
			x.Lower.read(s, nil)
		default:
			s.Skip()
		}
	}
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Cause.
func (x *Cause) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendUint64(b, `,"sequence":`, x.Sequence)
	b = wire.AppendText(b, `,"event":`, x.Event)
	b = wire.AppendTimestamp(b, `,"time":`, x.Time)
	b = wire.AppendUint64(b, `,"usage":`, x.Usage)
	return wire.CloseObject(b, start)
}

func (x *Cause) read(s *scanner) {
	old := *x
	*x = Cause{}
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "sequence":
			x.Sequence = s.Uint64()
		case "event":
			x.Event = s.Text(old.Event)
		case "time":
			x.Time = s.Timestamp()
		case "usage":
			x.Usage = s.Uint64()
		default:
			s.Skip()
		}
	}
}
