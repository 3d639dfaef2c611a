package events

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Act.
func (x *Act) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"source":`, x.Source)
	b = appendText(b, `,"foundation":`, x.Foundation)
	b = appendText(b, `,"by":`, x.By)
	b = appendText(b, `,"note":`, x.Note)
	b = appendTimestamp(b, `,"time":`, x.Time)
	b = appendUint64(b, `,"expectation":`, x.Expectation)
	if x.Catalogue != (Catalogue{}) {
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
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
func (x *Act) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *Act) decode(s scanner) error {
	old := *x
	*x = Act{}
	for ok := s.message(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "kind":
			x.Kind = s.text(old.Kind)
		case "source":
			x.Source = s.text(old.Source)
		case "foundation":
			x.Foundation = s.text(old.Foundation)
		case "by":
			x.By = s.text(old.By)
		case "note":
			x.Note = s.name()
		case "time":
			x.Time = s.timestamp()
		case "expectation":
			x.Expectation = s.uint64()
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
		default:
			s.skip()
		}
	}
	return s.end("act")
}

func (x *Decision) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendText(b, `,"hold":`, x.Hold)
	b = appendText(b, `,"action":`, x.Action)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	return closeObject(b, start)
}

func (x *Decision) read(s *scanner) {
	*x = Decision{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "kind":
			x.Kind = s.name()
		case "resource":
			x.Resource = s.name()
		case "hold":
			x.Hold = s.name()
		case "action":
			x.Action = s.name()
		case "footprint":
			x.Footprint.read(s, nil)
		default:
			s.skip()
		}
	}
}

func (x *Retirement) appendJSON(b []byte) []byte {
	return closeObject(appendTimestamp(appendText(b, `,"collector":`, x.Collector), `,"at":`, x.At), len(b))
}

func (x *Retirement) read(s *scanner) {
	*x = Retirement{}
	for ok := s.object(); ok && s.field(); {
		if key := string(s.key); key == "collector" {
			x.Collector = s.name()
		} else if key == "at" {
			x.At = s.timestamp()
		} else {
			s.skip()
		}
	}
}

func (x *Replay) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"projection":`, x.Projection)
	b = appendText(b, `,"logic":`, x.Logic)
	b = appendUint64(b, `,"input":`, x.Input)
	b = appendUint64(b, `,"output":`, x.Output)
	return closeObject(b, start)
}

func (x *Replay) read(s *scanner) {
	*x = Replay{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "projection":
			x.Projection = s.name()
		case "logic":
			x.Logic = s.name()
		case "input":
			x.Input = s.uint64()
		case "output":
			x.Output = s.uint64()
		default:
			s.skip()
		}
	}
}

func (x *Input) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"outcome":`, x.Outcome)
	return closeObject(b, start)
}

func (x *Input) read(s *scanner) {
	*x = Input{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "outcome":
			x.Outcome = s.name()
		default:
			s.skip()
		}
	}
}
