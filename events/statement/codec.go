package statement

import "github.com/daybook-billing/daybook/events/wire"

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Statement.
func (x *Statement) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	b = wire.AppendText(b, `,"source":`, x.Source)
	b = wire.AppendText(b, `,"foundation":`, x.Foundation)
	b = wire.AppendText(b, `,"tenant":`, x.Tenant)
	b = wire.AppendText(b, `,"month":`, x.Month)
	b = wire.AppendUint64(b, `,"number":`, x.Number)
	b = wire.AppendUint32(b, `,"revision":`, x.Revision)
	b = wire.AppendUint64(b, `,"credits":`, x.Credits)
	b = wire.AppendUint32(b, `,"part":`, x.Part)
	b = wire.AppendUint32(b, `,"parts":`, x.Parts)
	b = wire.AppendTimestamp(b, `,"closed":`, x.Closed)
	b = wire.AppendTimestamp(b, `,"horizon":`, x.Horizon)
	b = wire.AppendUint64(b, `,"entries":`, x.Entries)
	b = wire.AppendText(b, `,"digest":`, x.Digest)
	b = wire.AppendTexts(b, `,"catalogues":`, x.Catalogues)
	b = wire.AppendList(b, `,"lines":`, len(x.Lines), func(b []byte, i int) []byte { return x.Lines[i].appendJSON(b) })
	b = wire.AppendList(b, `,"rates":`, len(x.Rates), func(b []byte, i int) []byte { return x.Rates[i].appendJSON(b) })
	b = wire.AppendList(b, `,"totals":`, len(x.Totals), func(b []byte, i int) []byte {
		return x.Totals[i].appendJSON(b)
	})
	b = appendUnbilled(b, `,"held":`, x.Held)
	b = wire.AppendUint32(b, `,"held_omitted":`, x.HeldOmitted)
	b = appendUnbilled(b, `,"unrated":`, x.Unrated)
	b = wire.AppendUint32(b, `,"unrated_omitted":`, x.UnratedOmitted)
	b = wire.AppendList(b, `,"gaps":`, len(x.Gaps), func(b []byte, i int) []byte { return x.Gaps[i].appendJSON(b) })
	b = wire.AppendUint32(b, `,"gaps_omitted":`, x.GapsOmitted)
	return wire.CloseObject(b, start)
}

func (x *Line) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"plan":`, x.Plan)
	b = wire.AppendText(b, `,"component":`, x.Component)
	b = wire.AppendText(b, `,"month":`, x.Month)
	b = wire.AppendText(b, `,"unit":`, x.Unit)
	b = wire.AppendText(b, `,"unit_price":`, x.UnitPrice)
	b = wire.AppendText(b, `,"price_currency":`, x.PriceCurrency)
	b = wire.AppendText(b, `,"currency_rate":`, x.CurrencyRate)
	b = wire.AppendText(b, `,"vat_rate":`, x.VATRate)
	b = wire.AppendText(b, `,"currency":`, x.Currency)
	b = wire.AppendUint32(b, `,"entries":`, x.Entries)
	b = wire.AppendDecimal(b, `,"quantity":`, x.Quantity)
	b = wire.AppendDecimal(b, `,"amount":`, x.Amount)
	b = wire.AppendDecimal(b, `,"vat":`, x.VAT)
	b = wire.AppendDecimal(b, `,"rounded_amount":`, x.RoundedAmount)
	b = wire.AppendDecimal(b, `,"rounded_vat":`, x.RoundedVAT)
	return wire.CloseObject(b, start)
}

func (x *Rate) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"currency":`, x.Currency)
	b = wire.AppendText(b, `,"vat_rate":`, x.VATRate)
	b = wire.AppendDecimal(b, `,"amount":`, x.Amount)
	b = wire.AppendDecimal(b, `,"vat":`, x.VAT)
	b = wire.AppendDecimal(b, `,"rounded_amount":`, x.RoundedAmount)
	b = wire.AppendDecimal(b, `,"rounded_vat":`, x.RoundedVAT)
	return wire.CloseObject(b, start)
}

func (x *Total) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"currency":`, x.Currency)
	b = wire.AppendDecimal(b, `,"amount":`, x.Amount)
	b = wire.AppendDecimal(b, `,"vat":`, x.VAT)
	b = wire.AppendDecimal(b, `,"total":`, x.Total)
	return wire.CloseObject(b, start)
}

func appendUnbilled(b []byte, key string, list []Unbilled) []byte {
	return wire.AppendList(b, key, len(list), func(b []byte, i int) []byte { return list[i].appendJSON(b) })
}

func (x *Unbilled) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendTimestamp(b, `,"start":`, x.Start)
	b = wire.AppendTimestamp(b, `,"end":`, x.End)
	b = wire.AppendText(b, `,"reason":`, x.Reason)
	return wire.CloseObject(b, start)
}

func (x *Gap) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"list":`, x.List)
	b = wire.AppendTimestamp(b, `,"from":`, x.From)
	b = wire.AppendTimestamp(b, `,"to":`, x.To)
	b = wire.AppendText(b, `,"reason":`, x.Reason)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as events.Usage.DecodeJSON does.
func (x *Statement) DecodeJSON(b []byte) error {
	*x = Statement{}
	s := wire.Scanner{B: b}
	for ok := s.Message(); ok && s.Field(); {
		if !x.readHead(&s) && !x.readContent(&s) {
			s.Skip()
		}
	}
	return s.End("statement")
}

// readHead reads a field of a statement's identity; false for another one.
func (x *Statement) readHead(s *wire.Scanner) bool {
	switch string(s.Key) {
	case "id":
		x.ID = s.Name()
	case "source":
		x.Source = s.Name()
	case "foundation":
		x.Foundation = s.Name()
	case "tenant":
		x.Tenant = s.Name()
	case "month":
		x.Month = s.Name()
	case "number":
		x.Number = s.Uint64()
	case "revision":
		x.Revision = s.Uint32()
	case "credits":
		x.Credits = s.Uint64()
	case "part":
		x.Part = s.Uint32()
	case "parts":
		x.Parts = s.Uint32()
	case "closed":
		x.Closed = s.Timestamp()
	case "horizon":
		x.Horizon = s.Timestamp()
	default:
		return false
	}
	return true
}

// readContent reads a field of a statement's content; false for another one.
func (x *Statement) readContent(s *wire.Scanner) bool {
	switch string(s.Key) {
	case "entries":
		x.Entries = s.Uint64()
	case "digest":
		x.Digest = s.Name()
	case "catalogues":
		x.Catalogues = s.Texts(nil)
	case "lines":
		x.Lines = wire.ReadList(s, readLine)
	case "rates":
		x.Rates = wire.ReadList(s, readRate)
	case "totals":
		x.Totals = wire.ReadList(s, readTotal)
	case "held":
		x.Held = wire.ReadList(s, readUnbilled)
	case "held_omitted":
		x.HeldOmitted = s.Uint32()
	case "unrated":
		x.Unrated = wire.ReadList(s, readUnbilled)
	case "unrated_omitted":
		x.UnratedOmitted = s.Uint32()
	case "gaps":
		x.Gaps = wire.ReadList(s, readGap)
	case "gaps_omitted":
		x.GapsOmitted = s.Uint32()
	default:
		return false
	}
	return true
}

func readLine(s *wire.Scanner) (x Line) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "plan":
			x.Plan = s.Name()
		case "component":
			x.Component = s.Name()
		case "month":
			x.Month = s.Name()
		case "unit":
			x.Unit = s.Name()
		case "unit_price":
			x.UnitPrice = s.Name()
		case "price_currency":
			x.PriceCurrency = s.Name()
		case "currency_rate":
			x.CurrencyRate = s.Name()
		case "vat_rate":
			x.VATRate = s.Name()
		case "currency":
			x.Currency = s.Name()
		case "entries":
			x.Entries = s.Uint32()
		case "quantity":
			x.Quantity = s.Decimal()
		case "amount":
			x.Amount = s.Decimal()
		case "vat":
			x.VAT = s.Decimal()
		case "rounded_amount":
			x.RoundedAmount = s.Decimal()
		case "rounded_vat":
			x.RoundedVAT = s.Decimal()
		default:
			s.Skip()
		}
	}
	return x
}

func readRate(s *wire.Scanner) (x Rate) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "currency":
			x.Currency = s.Name()
		case "vat_rate":
			x.VATRate = s.Name()
		case "amount":
			x.Amount = s.Decimal()
		case "vat":
			x.VAT = s.Decimal()
		case "rounded_amount":
			x.RoundedAmount = s.Decimal()
		case "rounded_vat":
			x.RoundedVAT = s.Decimal()
		default:
			s.Skip()
		}
	}
	return x
}

func readTotal(s *wire.Scanner) (x Total) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "currency":
			x.Currency = s.Name()
		case "amount":
			x.Amount = s.Decimal()
		case "vat":
			x.VAT = s.Decimal()
		case "total":
			x.Total = s.Decimal()
		default:
			s.Skip()
		}
	}
	return x
}

func readUnbilled(s *wire.Scanner) (x Unbilled) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "kind":
			x.Kind = s.Name()
		case "resource":
			x.Resource = s.Name()
		case "start":
			x.Start = s.Timestamp()
		case "end":
			x.End = s.Timestamp()
		case "reason":
			x.Reason = s.Name()
		default:
			s.Skip()
		}
	}
	return x
}

func readGap(s *wire.Scanner) (x Gap) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "list":
			x.List = s.Name()
		case "from":
			x.From = s.Timestamp()
		case "to":
			x.To = s.Timestamp()
		case "reason":
			x.Reason = s.Name()
		default:
			s.Skip()
		}
	}
	return x
}
