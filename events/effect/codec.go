package effect

import (
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/text"
	"github.com/daybook-billing/daybook/events/wire"
)

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.Effect.
func (x *Effect) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	if x.Cause != (events.Cause{}) {
		b = appendCause(append(b, `,"cause":`...), &x.Cause)
	}
	b = appendText(b, `,"version":`, x.Version)
	b = appendText(b, `,"former":`, x.Former)
	b = appendUint32(b, `,"part":`, x.Part)
	b = appendUint32(b, `,"parts":`, x.Parts)
	if len(x.Rows) > 0 {
		b = append(b, `,"rows":`...)
		list := len(b)
		for i := range x.Rows {
			b = x.Rows[i].AppendJSON(append(b, ','))
		}
		b[list] = '['
		b = append(b, ']')
	}
	b = appendTexts(b, `,"closed":`, x.Closed)
	return closeObject(b, start)
}

// AppendJSON appends x as the proto3 JSON mapping of daybook.v1.EffectRow.
func (x *Row) AppendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"month":`, x.Month)
	b = appendText(b, `,"tenant":`, x.Tenant)
	b = x.Before.appendJSON(append(b, `,"before":`...))
	b = x.After.appendJSON(append(b, `,"after":`...))
	b = appendUint32(b, `,"newly_unrated":`, x.NewlyUnrated)
	b = appendDecimal(b, `,"newly_unrated_seconds":`, x.NewlyUnratedSeconds)
	b = appendTexts(b, `,"appearing":`, x.Appearing)
	b = appendTexts(b, `,"disappearing":`, x.Disappearing)
	b = appendUint32(b, `,"plans_omitted":`, x.PlansOmitted)
	return closeObject(b, start)
}

func (x *Side) appendJSON(b []byte) []byte {
	start := len(b)
	b = appendText(b, `,"currency":`, x.Currency)
	b = appendDecimal(b, `,"amount":`, x.Amount)
	b = appendDecimal(b, `,"vat":`, x.VAT)
	b = appendUint32(b, `,"unrated":`, x.Unrated)
	b = appendDecimal(b, `,"unrated_seconds":`, x.UnratedSeconds)
	return closeObject(b, start)
}

func appendCause(b []byte, x *events.Cause) []byte {
	start := len(b)
	b = appendText(b, `,"id":`, x.ID)
	if x.Sequence != 0 {
		b = strconv.AppendUint(append(b, `,"sequence":"`...), x.Sequence, 10)
		b = append(b, '"')
	}
	b = appendText(b, `,"event":`, x.Event)
	if !x.Time.IsZero() {
		b = append(events.AppendTime(append(b, `,"time":"`...), x.Time), '"')
	}
	return closeObject(b, start)
}

// The append… functions write one field, or nothing when the value is absent. Key is `,"name":`.

func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return text.AppendString(append(b, key...), s)
}

// appendDecimal writes 0, too: an amount is always said.
func appendDecimal(b []byte, key string, d events.Decimal) []byte {
	b = append(append(b, key...), '"')
	return append(d.AppendText(b), '"')
}

func appendUint32(b []byte, key string, n uint32) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(b, key...), uint64(n), 10)
}

func appendTexts(b []byte, key string, texts []string) []byte {
	if len(texts) == 0 {
		return b
	}
	b = append(b, key...)
	list := len(b)
	for _, s := range texts {
		b = text.AppendString(append(b, ','), s)
	}
	b[list] = '['
	return append(b, ']')
}

// closeObject closes the fields that were written from start on, each with a comma in front: the
// first comma becomes the brace.
func closeObject(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{'
	return append(b, '}')
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
			x.Rows = nil
			for ok := s.List(); ok && s.Element(); {
				x.Rows = append(x.Rows, readRow(&s))
			}
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
