package reconcile

import (
	"encoding/json"

	"github.com/daybook-billing/daybook/events"
)

// This file has the JSON of materials: a footprint is written as messages write it.

// bare is a material with the JSON of its fields.
type bare Material

// MarshalJSON implements json.Marshaler.
func (m Material) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		bare
		Footprint json.RawMessage
		Evidence  json.RawMessage `json:",omitempty"`
	}{bare(m), AppendFootprint(nil, &m.Footprint), m.Evidence})
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Material) UnmarshalJSON(text []byte) error {
	x := struct {
		*bare
		Footprint json.RawMessage
		Evidence  json.RawMessage
	}{bare: (*bare)(m)}
	if err := json.Unmarshal(text, &x); err != nil {
		return err
	}
	var h events.Hold
	if err := h.DecodeJSON(x.Footprint); err != nil {
		return err
	}
	m.Footprint, m.Evidence = h.Footprint, x.Evidence
	return nil
}

// AppendFootprint appends a footprint as the one field of a JSON object.
func AppendFootprint(b []byte, f *events.Footprint) []byte {
	return (&events.Hold{Footprint: *f}).AppendJSON(b)
}
