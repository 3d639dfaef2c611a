package print

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/events"
)

// Fields is a JSON object with its keys in a fixed order.
type Fields []Field

// Field is one key of an object with its value, a string or a uint32.
type Field struct {
	Key   string
	Value any
}

// MarshalJSON implements json.Marshaler.
func (f Fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, field := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(field.Key) + ":")
		if err := JSON(&b, field.Value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // the line end
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Text is key=value of every known field, for a table.
func (f Fields) Text() string {
	text := ""
	for _, field := range f {
		if field.Value != "" {
			text = Join(text, fmt.Sprintf("%s=%v", field.Key, field.Value))
		}
	}
	return text
}

// place is the known fields of a database's place: what it runs on, and where. Old messages say
// none of them.
func place(f events.Footprint) (fields Fields) {
	for _, field := range [...]Field{
		{"datastore", f.Datastore}, {"region", f.Region}, {"availability_zone", f.AvailabilityZone},
	} {
		if field.Value != "" {
			fields = append(fields, field)
		}
	}
	return fields
}

// Footprint is all fields of a kind's footprint, known or not, but for a database's place.
func Footprint(kind string, f events.Footprint) Fields {
	switch kind {
	case events.KindService:
		return Fields{{"plan", f.Plan}, {"plan_guid", f.PlanGUID}, {"offering", f.Offering}, {"broker", f.Broker}}
	case events.KindInstance:
		return append(Fields{{"flavor", f.Flavor}, {"flavor_id", f.FlavorID}, {"memory_mb", f.MemoryMB.Or(0)}},
			place(f)...)
	case events.KindVolume:
		return append(Fields{{"volume_gb", f.VolumeGB.Or(0)}}, place(f)...)
	}
	return Fields{
		{"instances", f.Instances.Or(0)},
		{"memory_mb", f.MemoryMB.Or(0)},
		{"process_type", f.ProcessType},
		{"buildpack", f.Buildpack},
	}
}
