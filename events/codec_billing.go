package events

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Billing.
func (x *Billing) AppendJSON(b []byte) []byte {
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
	b = appendList(b, `,"charges":`, x.Charges)
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
// The memory of Charges is used again: keep their elements, or decode into a new value.
func (x *Billing) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *Billing) decode(s scanner) error {
	old := *x
	*x = Billing{Charges: x.Charges[:0]}
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
		case "charges":
			x.Charges = readCharges(&s, x.Charges[:0])
		default:
			s.skip()
		}
	}
	return s.end("billing")
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.UnratedNotice.
func (x *UnratedNotice) AppendJSON(b []byte) []byte {
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
	b = appendList(b, `,"unrated":`, x.Unrated)
	b = appendTexts(b, `,"settled":`, x.Settled)
	return closeObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as Usage.DecodeJSON does.
// The memory of Unrated and Settled is used again: keep their elements, or decode into a new value.
func (x *UnratedNotice) DecodeJSON(b []byte) error { return x.decode(scanner{b: b}) }

func (x *UnratedNotice) decode(s scanner) error {
	old := *x
	*x = UnratedNotice{Unrated: x.Unrated[:0], Settled: x.Settled[:0]}
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
		case "unrated":
			x.Unrated = readUnratedList(&s, x.Unrated[:0])
		case "settled":
			x.Settled = s.texts(x.Settled[:0])
		default:
			s.skip()
		}
	}
	return s.end("unrated")
}

func (x *Charge) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"entry":`, x.Entry)
	b = appendText(b, `,"reverses":`, x.Reverses)
	b = appendText(b, `,"period":`, x.Period)
	b = appendText(b, `,"span":`, x.Span)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendText(b, `,"app":`, x.App)
	b = appendText(b, `,"tenant":`, x.Tenant)
	b = appendText(b, `,"space":`, x.Space)
	b = appendText(b, `,"name":`, x.Name)
	b = appendText(b, `,"plan":`, x.Plan)
	b = appendText(b, `,"catalogue":`, x.Catalogue)
	b = appendText(b, `,"component":`, x.Component)
	b = appendTimestamp(b, `,"start":`, x.Start)
	b = appendTimestamp(b, `,"end":`, x.End)
	b = appendDecimal(b, `,"seconds":`, x.Seconds)
	b = appendDecimal(b, `,"quantity":`, x.Quantity)
	b = appendText(b, `,"unit":`, x.Unit)
	b = appendDecimal(b, `,"amount":`, x.Amount)
	b = appendText(b, `,"vat_code":`, x.VATCode)
	b = appendDecimal(b, `,"vat":`, x.VAT)
	b = appendText(b, `,"currency":`, x.Currency)
	b = appendFlags(b, `,"flags":`, x.Flags)
	return closeObject(b, start)
}

func (x *Charge) read(s *scanner) {
	old := *x
	*x = Charge{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "entry":
			x.Entry = s.text(old.Entry)
		case "reverses":
			x.Reverses = s.name()
		case "period":
			x.Period = s.text(old.Period)
		case "span":
			x.Span = s.text(old.Span)
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
		case "name":
			x.Name = s.text(old.Name)
		case "plan":
			x.Plan = s.text(old.Plan)
		case "catalogue":
			x.Catalogue = s.text(old.Catalogue)
		case "component":
			x.Component = s.text(old.Component)
		case "start":
			x.Start = s.timestamp()
		case "end":
			x.End = s.timestamp()
		case "seconds":
			x.Seconds = s.decimal()
		case "quantity":
			x.Quantity = s.decimal()
		case "unit":
			x.Unit = s.text(old.Unit)
		case "amount":
			x.Amount = s.decimal()
		case "vat_code":
			x.VATCode = s.text(old.VATCode)
		case "vat":
			x.VAT = s.decimal()
		case "currency":
			x.Currency = s.text(old.Currency)
		case "flags":
			x.Flags = s.flags()
		default:
			s.skip()
		}
	}
}

func readCharges(s *scanner, list []Charge) []Charge {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		list[len(list)-1].read(s)
	}
	return list
}

func (x *Unrated) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	b = appendText(b, `,"span":`, x.Span)
	b = appendText(b, `,"kind":`, x.Kind)
	b = appendText(b, `,"resource":`, x.Resource)
	b = appendText(b, `,"tenant":`, x.Tenant)
	b = appendText(b, `,"space":`, x.Space)
	b = appendText(b, `,"name":`, x.Name)
	b = appendTimestamp(b, `,"start":`, x.Start)
	b = appendTimestamp(b, `,"end":`, x.End)
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = appendText(b, `,"reason":`, x.Reason)
	b = appendText(b, `,"period":`, x.Period)
	return closeObject(b, start)
}

func (x *Unrated) read(s *scanner) {
	old := *x
	*x = Unrated{}
	for ok := s.object(); ok && s.field(); {
		switch string(s.key) {
		case "id":
			x.ID = s.name()
		case "span":
			x.Span = s.text(old.Span)
		case "kind":
			x.Kind = s.text(old.Kind)
		case "resource":
			x.Resource = s.text(old.Resource)
		case "tenant":
			x.Tenant = s.text(old.Tenant)
		case "space":
			x.Space = s.text(old.Space)
		case "name":
			x.Name = s.text(old.Name)
		case "start":
			x.Start = s.timestamp()
		case "end":
			x.End = s.timestamp()
		case "footprint":
			x.Footprint = old.Footprint
			x.Footprint.read(s, nil)
		case "reason":
			x.Reason = s.text(old.Reason)
		case "period":
			x.Period = s.text(old.Period)
		default:
			s.skip()
		}
	}
}

func readUnratedList(s *scanner, list []Unrated) []Unrated {
	for ok := s.list(); ok && s.element(); {
		list = grow(list)
		list[len(list)-1].read(s)
	}
	return list
}
