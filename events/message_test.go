package events_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
	daybookv1 "github.com/daybook-billing/daybook/proto/daybook/v1"
)

// message is what every type that travels can do.
type message interface {
	AppendJSON(b []byte) []byte
	DecodeJSON(b []byte) error
}

// messageType is one row of the agreement: a Go struct, its proto message and its schema.
type messageType struct {
	schema string // file in schemas/, without .schema.json
	empty  message
	proto  proto.Message
}

// messageTypes is every type that travels. A new one belongs here, and then everything else is
// demanded of it.
func messageTypes() []messageType {
	return []messageType{
		{"usage", &events.Usage{}, &daybookv1.Usage{}},
		{"horizon", &events.Horizon{}, &daybookv1.Horizon{}},
		{"gap", &events.Gap{}, &daybookv1.Gap{}},
		{"act", &events.Act{}, &daybookv1.Act{}},
		{"quarantined", &events.Quarantined{}, &daybookv1.Quarantined{}},
		{"metered", &events.Metered{}, &daybookv1.Metered{}},
		{"anomaly", &events.AnomalyNotice{}, &daybookv1.AnomalyNotice{}},
		{"catalogue", &events.Catalogue{}, &daybookv1.Catalogue{}},
		{"closing", &events.Closing{}, &daybookv1.Closing{}},
		{"marker", &events.Marker{}, &daybookv1.Marker{}},
		{"billing", &events.Billing{}, &daybookv1.Billing{}},
		{"unrated", &events.UnratedNotice{}, &daybookv1.UnratedNotice{}},
		{"effect", &effect.Effect{}, &daybookv1.Effect{}},
		{"statement", &statement.Statement{}, &daybookv1.Statement{}},
	}
}

// fresh returns a new zero value of the same type.
func fresh(m message) message {
	return reflect.New(reflect.TypeOf(m).Elem()).Interface().(message) //nolint:forcetypeassert // as the parameter
}

// difference is empty when two messages mean the same: times and decimals by value, Raw as JSON.
func difference(want, got any) string {
	return cmp.Diff(want, got,
		cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		cmp.Comparer(func(a, b events.Decimal) bool { return a.Cmp(b) == 0 }),
		cmp.Comparer(func(a, b events.Count) bool { return a == b }),
		cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) > 0 },
			cmp.Comparer(func(a, b []byte) bool {
				return bytes.Equal(a, b) || reflect.DeepEqual(parsed(a),
					parsed(b))
			})),
	)
}

// parsed is a JSON text as encoding/json sees it, nil when it is none.
func parsed(text []byte) any {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}
