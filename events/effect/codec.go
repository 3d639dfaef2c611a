package effect

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/wire"
)

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Effect.
func (x *Effect) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"id":`, x.ID)
	if x.Cause != (events.Cause{}) {
		b = x.Cause.AppendJSON(append(b, `,"cause":`...))
	}
	b = wire.AppendText(b, `,"version":`, x.Version)
	b = wire.AppendText(b, `,"former":`, x.Former)
	b = wire.AppendUint32(b, `,"part":`, x.Part)
	b = wire.AppendUint32(b, `,"parts":`, x.Parts)
	b = wire.AppendList(b, `,"rows":`, len(x.Rows), func(b []byte, i int) []byte { return x.Rows[i].AppendJSON(b) })
	b = wire.AppendTexts(b, `,"closed":`, x.Closed)
	return wire.CloseObject(b, start)
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.EffectRow.
func (x *Row) AppendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"month":`, x.Month)
	b = wire.AppendText(b, `,"tenant":`, x.Tenant)
	b = x.Before.appendJSON(append(b, `,"before":`...))
	b = x.After.appendJSON(append(b, `,"after":`...))
	b = wire.AppendUint32(b, `,"newly_unrated":`, x.NewlyUnrated)
	b = wire.AppendDecimal(b, `,"newly_unrated_seconds":`, x.NewlyUnratedSeconds)
	b = wire.AppendTexts(b, `,"appearing":`, x.Appearing)
	b = wire.AppendTexts(b, `,"disappearing":`, x.Disappearing)
	b = wire.AppendUint32(b, `,"plans_omitted":`, x.PlansOmitted)
	return wire.CloseObject(b, start)
}

func (x *Side) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"currency":`, x.Currency)
	b = wire.AppendDecimal(b, `,"amount":`, x.Amount)
	b = wire.AppendDecimal(b, `,"vat":`, x.VAT)
	b = wire.AppendUint32(b, `,"unrated":`, x.Unrated)
	b = wire.AppendDecimal(b, `,"unrated_seconds":`, x.UnratedSeconds)
	return wire.CloseObject(b, start)
}

// DecodeJSON overwrites x with its wire form, as events.Usage.DecodeJSON does.
func (x *Effect) DecodeJSON(b []byte) error {
	*x = Effect{}
	s := wire.Scanner{B: b}
	for ok := s.Message(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "cause":
			x.Cause = readCause(&s)
		case "version":
			x.Version = s.Name()
		case "former":
			x.Former = s.Name()
		case "part":
			x.Part = s.Uint32()
		case "parts":
			x.Parts = s.Uint32()
		case "rows":
			x.Rows = wire.ReadList(&s, readRow)
		case "closed":
			x.Closed = s.Texts(nil)
		default:
			s.Skip()
		}
	}
	return s.End("effect")
}

func readRow(s *wire.Scanner) (x Row) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "month":
			x.Month = s.Name()
		case "tenant":
			x.Tenant = s.Name()
		case "before":
			x.Before = readSide(s)
		case "after":
			x.After = readSide(s)
		case "newly_unrated":
			x.NewlyUnrated = s.Uint32()
		case "newly_unrated_seconds":
			x.NewlyUnratedSeconds = s.Decimal()
		case "appearing":
			x.Appearing = s.Texts(nil)
		case "disappearing":
			x.Disappearing = s.Texts(nil)
		case "plans_omitted":
			x.PlansOmitted = s.Uint32()
		default:
			s.Skip()
		}
	}
	return x
}

func readSide(s *wire.Scanner) (x Side) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "currency":
			x.Currency = s.Name()
		case "amount":
			x.Amount = s.Decimal()
		case "vat":
			x.VAT = s.Decimal()
		case "unrated":
			x.Unrated = s.Uint32()
		case "unrated_seconds":
			x.UnratedSeconds = s.Decimal()
		default:
			s.Skip()
		}
	}
	return x
}

func readCause(s *wire.Scanner) (x events.Cause) {
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "id":
			x.ID = s.Name()
		case "sequence":
			x.Sequence = s.Uint64()
		case "event":
			x.Event = s.Name()
		case "time":
			x.Time = s.Timestamp()
		default:
			s.Skip()
		}
	}
	return x
}
