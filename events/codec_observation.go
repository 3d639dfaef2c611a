package events

import (
	"slices"

	"github.com/daybook-billing/daybook/events/wire"
)

func (x *Observation) empty() bool {
	return x.Finding == "" && x.Plan == "" && x.Remodel == "" && x.Kind == "" && x.Resource == "" && x.App == "" &&
		x.Tenant == "" && x.Space == "" && x.SpaceName == "" && x.Name == "" && x.Footprint == (Footprint{}) &&
		x.At.IsZero() && !x.Exact && x.NotBefore.IsZero() && x.NotAfter.IsZero() && x.Seen.IsZero() &&
		x.AfterSequence == 0 && !x.Hold && len(x.Evidence) == 0
}

// appendJSON puts Evidence in byte for byte; it must be what CheckRaw takes.
func (x *Observation) appendJSON(b []byte) []byte {
	start := len(b)
	b = wire.AppendText(b, `,"finding":`, x.Finding)
	b = wire.AppendText(b, `,"plan":`, x.Plan)
	b = wire.AppendText(b, `,"remodel":`, x.Remodel)
	b = wire.AppendText(b, `,"kind":`, x.Kind)
	b = wire.AppendText(b, `,"resource":`, x.Resource)
	b = wire.AppendText(b, `,"app":`, x.App)
	b = wire.AppendText(b, `,"tenant":`, x.Tenant)
	b = wire.AppendText(b, `,"space":`, x.Space)
	b = wire.AppendText(b, `,"space_name":`, x.SpaceName)
	b = wire.AppendText(b, `,"name":`, x.Name)
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
	for ok := s.Object(); ok && s.Field(); {
		switch string(s.Key) {
		case "finding":
			x.Finding = s.Name()
		case "plan":
			x.Plan = s.Name()
		case "remodel":
			x.Remodel = s.Name()
		case "kind":
			x.Kind = s.Name()
		case "resource":
			x.Resource = s.Name()
		case "app":
			x.App = s.Name()
		case "tenant":
			x.Tenant = s.Name()
		case "space":
			x.Space = s.Name()
		case "space_name":
			x.SpaceName = s.Name()
		case "name":
			x.Name = s.Name()
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
