package missing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/missing"
)

// TestMissing: a message is missing by its id; where the order counts, with it those behind it on
// its subject. Deriving once more changes nothing.
func TestMissing(t *testing.T) {
	for ordered, want := range map[bool][]string{false: {"a2"}, true: {"a2", "a3"}} {
		m := missing.Messages{Type: "t", Ordered: ordered}
		for _, id := range []string{"a1", "a3", "b1", "b2"} {
			stored := bus.NewStored(bus.Message{Header: events.AppendHeaders(nil, id, "t", "test")}, 1, time.Time{}, 0)
			m.Stored(&stored)
		}
		for range 2 {
			for _, id := range []string{"a1", "b1", "a2", "b2", "a3"} {
				m.Derived(&stage.Output{Type: "t", ID: id, Subject: id[:1], Body: &events.Marker{}})
			}
			m.Derived(&stage.Output{Type: "u", ID: "a9", Subject: "a", Body: &events.Marker{}})
		}
		var got []string
		m.Emit(func(out stage.Output) { got = append(got, out.ID) })
		if !slices.Equal(got, want) {
			t.Errorf("ordered %v: %v is missing", ordered, got)
		}
	}
}
