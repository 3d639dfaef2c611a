package events

import (
	"slices"

	"github.com/daybook-billing/daybook/events/wire"
)

// texts are the texts, by their names on the wire, in the order there.
func (x *Observation) texts() (names [10]string, texts [10]*string) {
	return [...]string{
		"finding", "plan", "remodel", "kind", "resource", "app", "tenant", "space", "space_name", "name",
	}, [...]*string{
		&x.Finding, &x.Plan, &x.Remodel, &x.Kind, &x.Resource, &x.App, &x.Tenant, &x.Space, &x.SpaceName, &x.Name,
	}
}

func (x *Observation) empty() bool { return len(x.appendJSON(nil)) == len(`{}`) }

// appendJSON puts Evidence in byte for byte; it must be what CheckRaw takes.
func (x *Observation) appendJSON(b []byte) []byte {
	start := len(b)
	names, texts := x.texts()
	for i, text := range texts {
		b = wire.AppendText(b, `,"`+names[i]+`":`, *text)
	}
	if x.Footprint != (Footprint{}) {
		b = x.Footprint.appendJSON(append(b, `,"footprint":`...))
	}
	b = wire.AppendTimestamp(b, `,"at":`, x.At)
	b = appendTrue(b, `,"exact":`, x.Exact)
	b = wire.AppendTimestamp(b, `,"not_before":`, x.NotBefore)
	b = wire.AppendTimestamp(b, `,"not_after":`, x.NotAfter)
	b = wire.AppendTimestamp(b, `,"seen":`, x.Seen)
	b = wire.AppendUint64(b, `,"after_sequence":`, x.AfterSequence)
	b = appendTrue(b, `,"hold":`, x.Hold)
	if len(x.Evidence) > 0 {
		b = append(append(b, `,"evidence":`...), x.Evidence...)
	}
	return wire.CloseObject(b, start)
}

func (x *Observation) read(s *scanner) {
	*x = Observation{}
	names, texts := x.texts()
	for ok := s.Object(); ok && s.Field(); {
		key := string(s.Key)
		if i := slices.Index(names[:], key); i >= 0 {
			*texts[i] = s.Name()
			continue
		}
		switch key {
		case "footprint":
			x.Footprint.read(s, nil)
		case "at":
			x.At = s.Timestamp()
		case "exact":
			x.Exact = s.Bool()
		case "not_before":
			x.NotBefore = s.Timestamp()
		case "not_after":
			x.NotAfter = s.Timestamp()
		case "seen":
			x.Seen = s.Timestamp()
		case "after_sequence":
			x.AfterSequence = s.Uint64()
		case "hold":
			x.Hold = s.Bool()
		case "evidence":
			x.Evidence = slices.Clone(s.Raw())
		default:
			s.Skip()
		}
	}
}
