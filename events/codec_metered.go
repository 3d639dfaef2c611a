package events

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Metered.
func (x *Metered) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"source":`, x.Source)
	b = appendText(b, `,"foundation":`, x.Foundation)
	b = appendText(b, `,"tenant":`, x.Tenant)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	if x.Cause != (Cause{}) {
		b = x.Cause.appendJSON(append(b, `,"cause":`...))
	}
	b = appendList(b, `,"retracted":`, x.Retracted)
	b = appendList(b, `,"closed":`, x.Closed)
	b = appendList(b, `,"running":`, x.Running)
	b = appendUint32(b, `,"running_omitted":`, x.RunningOmitted)
	b = appendList(b, `,"anomalies":`, x.Anomalies)
	b = appendList(b, `,"held":`, x.Held)
	b = appendUint32(b, `,"held_omitted":`, x.HeldOmitted)
	b = appendText(b, `,"correction":`, x.Correction)
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does. The memory
// of Retracted, Closed, Running, Anomalies and Held is used again: keep their elements, or decode
// into a new value.
func (x *Metered) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *Metered) decode(s scanner) error {
	old := *x
	*x = Metered{
		Retracted: x.Retracted[:0], Closed: x.Closed[:0], Running: x.Running[:0], Anomalies: x.Anomalies[:0],
		Held: x.Held[:0],
	}
	for ok := s.message(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "source":
			x.Source = s.text(old.Source)
		case "foundation":
			x.Foundation = s.text(old.Foundation)
		case "tenant":
			x.Tenant = s.text(old.Tenant)
		case "kind":
			x.Kind = s.text(old.Kind)
		case "resource":
			x.Resource = s.text(old.Resource)
		case "cause":
			x.Cause = old.Cause
			x.Cause.read(&s)
		case "retracted":
			x.Retracted = s.spansUnless(s.without.changes, x.Retracted[:0])
		case "closed":
			x.Closed = s.spansUnless(s.without.changes, x.Closed[:0])
		case "running":
			x.Running = s.spansUnless(s.without.running, x.Running[:0])
		case "running_omitted":
			x.RunningOmitted = s.uint32()
		case "anomalies":
			x.Anomalies = readAnomalies(&s, x.Anomalies[:0])
		case "held":
			x.Held = readHolds(&s, x.Held[:0])
		case "held_omitted":
			x.HeldOmitted = s.uint32()
		case "correction":
			x.Correction = s.text(old.Correction)
		default:
			s.skip()
		}
	}
	return s.end("metered")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.AnomalyNotice.
func (x *AnomalyNotice) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"source":`, x.Source)
	b = appendText(b, `,"foundation":`, x.Foundation)
	if x.Cause != (Cause{}) {
		b = x.Cause.appendJSON(append(b, `,"cause":`...))
	}
	if x.Anomaly != (Anomaly{}) {
		b = x.Anomaly.appendJSON(append(b, `,"anomaly":`...))
	}
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *AnomalyNotice) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *AnomalyNotice) decode(s scanner) error {
	old := *x
	*x = AnomalyNotice{}
	for ok := s.message(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "source":
			x.Source = s.text(old.Source)
		case "foundation":
			x.Foundation = s.text(old.Foundation)
		case "cause":
			x.Cause = old.Cause
			x.Cause.read(&s)
		case "anomaly":
			x.Anomaly = old.Anomaly
			x.Anomaly.read(&s)
		default:
			s.skip()
		}
	}
	return s.end("anomaly")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Catalogue.
func (x *Catalogue) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"version":`, x.Version)
	b = appendText(b, `,"yaml":`, x.YAML)
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Catalogue) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *Catalogue) decode(s scanner) error {
	old := *x
	*x = Catalogue{}
	for ok := s.message(); ok && s.field(); {
		switch string(s.key) {
		case "version":
			x.Version = s.text(old.Version)
		case "yaml":
			x.YAML = s.name()
		default:
			s.skip()
		}
	}
	return s.end("catalogue")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Marker.
func (x *Marker) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendUint64(b, `,"input_sequence":`, x.InputSequence)
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Marker) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *Marker) decode(s scanner) error {
	*x = Marker{}
	for ok := s.message(); ok && s.field(); {
		switch string(s.key) {
		case "input_sequence":
			x.InputSequence = s.uint64()
		default:
			s.skip()
		}
	}
	return s.end("marker")
}

func (x *Span) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendText(b, `,"app":`, x.App)
	b = appendText(b, `,"tenant":`, x.Tenant)
	b = appendText(b, `,"space":`, x.Space)
	b = appendText(b, `,"space_name":`, x.SpaceName)
	b = appendText(b, `,"name":`, x.Name)
	b = appendTimestamp(b, `,"start":`, x.Start)
	b = appendTimestamp(b, `,"end":`, x.End)
	b = appendTimestamp(b, `,"since":`, x.Since)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = appendFlags(b, `,"flags":`, x.Flags)
	b = appendUint64s(b, `,"evidence":`, x.Evidence)
	return closeObject(b, start)
}

func (x *Span) read(s *scanner) {
	old := *x
	*x = Span{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "kind":
			x.Kind = s.text(old.Kind)
		case "resource":
			x.Resource = s.text(old.Resource)
		case "app":
			x.App = s.text(old.App)
		case "tenant":
			x.Tenant = s.text(old.Tenant)
		case "space":
			x.Space = s.text(old.Space)
		case "space_name":
			x.SpaceName = s.text(old.SpaceName)
		case "name":
			x.Name = s.text(old.Name)
		case "start":
			x.Start = s.timestamp()
		case "end":
			x.End = s.timestamp()
		case "since":
			x.Since = s.timestamp()
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(s)
		case "flags":
			x.Flags = s.flags()
		case "evidence":
			x.Evidence = s.uint64s()
		default:
			s.skip()
		}
	}
}

func readSpans(s *scanner, list []Span) []Span {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		list[len(list)-1].read(s)
	}
	return list
}

func (x *Footprint) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendCount(b, `,"instances":`, x.Instances)
	b = appendCount(b, `,"memory_mb":`, x.MemoryMB)
	b = appendCount(b, `,"volume_gb":`, x.VolumeGB)
	b = appendText(b, `,"process_type":`, x.ProcessType)
	b = appendText(b, `,"buildpack":`, x.Buildpack)
	b = appendText(b, `,"buildpack_guid":`, x.BuildpackGUID)
	b = appendText(b, `,"plan":`, x.Plan)
	b = appendText(b, `,"plan_guid":`, x.PlanGUID)
	b = appendText(b, `,"offering":`, x.Offering)
	b = appendText(b, `,"offering_guid":`, x.OfferingGUID)
	b = appendText(b, `,"broker":`, x.Broker)
	b = appendText(b, `,"broker_guid":`, x.BrokerGUID)
	b = appendText(b, `,"flavor":`, x.Flavor)
	b = appendText(b, `,"flavor_id":`, x.FlavorID)
	return closeObject(b, start)
}

func (x *Footprint) read(s *scanner) {
	old := *x
	*x = Footprint{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "instances":
			x.Instances = s.count()
		case "memory_mb":
			x.MemoryMB = s.count()
		case "volume_gb":
			x.VolumeGB = s.count()
		case "process_type":
			x.ProcessType = s.text(old.ProcessType)
		case "buildpack":
			x.Buildpack = s.text(old.Buildpack)
		case "buildpack_guid":
			x.BuildpackGUID = s.text(old.BuildpackGUID)
		case "plan":
			x.Plan = s.text(old.Plan)
		case "plan_guid":
			x.PlanGUID = s.text(old.PlanGUID)
		case "offering":
			x.Offering = s.text(old.Offering)
		case "offering_guid":
			x.OfferingGUID = s.text(old.OfferingGUID)
		case "broker":
			x.Broker = s.text(old.Broker)
		case "broker_guid":
			x.BrokerGUID = s.text(old.BrokerGUID)
		case "flavor":
			x.Flavor = s.text(old.Flavor)
		case "flavor_id":
			x.FlavorID = s.text(old.FlavorID)
		default:
			s.skip()
		}
	}
}

func (x *Anomaly) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"code":`, x.Code)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendTimestamp(b, `,"time":`, x.Time)
	b = appendText(b, `,"message":`, x.Message)
	return closeObject(b, start)
}

func (x *Anomaly) read(s *scanner) {
	old := *x
	*x = Anomaly{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "code":
			x.Code = s.text(old.Code)
		case "resource":
			x.Resource = s.text(old.Resource)
		case "time":
			x.Time = s.timestamp()
		case "message":
			x.Message = s.name()
		default:
			s.skip()
		}
	}
}

func readAnomalies(s *scanner, list []Anomaly) []Anomaly {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		list[len(list)-1].read(s)
	}
	return list
}

func (x *Hold) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendText(b, `,"code":`, x.Code)
	b = appendTimestamp(b, `,"start":`, x.Start)
	b = appendTimestamp(b, `,"end":`, x.End)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = appendText(b, `,"reason":`, x.Reason)
	return closeObject(b, start)
}

func (x *Hold) read(s *scanner) {
	old := *x
	*x = Hold{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "kind":
			x.Kind = s.text(old.Kind)
		case "resource":
			x.Resource = s.text(old.Resource)
		case "code":
			x.Code = s.text(old.Code)
		case "start":
			x.Start = s.timestamp()
		case "end":
			x.End = s.timestamp()
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(s)
		case "reason":
			x.Reason = s.text(old.Reason)
		default:
			s.skip()
		}
	}
}

func readHolds(s *scanner, list []Hold) []Hold {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		list[len(list)-1].read(s)
	}
	return list
}

func (x *Cause) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendUint64(b, `,"sequence":`, x.Sequence)
	b = appendText(b, `,"event":`, x.Event)
	b = appendTimestamp(b, `,"time":`, x.Time)
	return closeObject(b, start)
}

func (x *Cause) read(s *scanner) {
	old := *x
	*x = Cause{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "sequence":
			x.Sequence = s.uint64()
		case "event":
			x.Event = s.text(old.Event)
		case "time":
			x.Time = s.timestamp()
		default:
			s.skip()
		}
	}
}
