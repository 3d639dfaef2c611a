package appender

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// MaxBatch is the most messages of a batch with markers.
const MaxBatch = bus.MaxBatch - 2

// Window puts a batch between two markers, on the subject that batches expect: the first message
// begins a window, the last one ends it. A server that runs out of room stores the beginning of a
// batch at worst, and then the first marker is a part of it: nobody else's batch is taken behind
// the same marker as this one. to is memory to use again.
func Window(to []bus.Message, marker, origin string, messages []bus.Message) []bus.Message {
	first, last := idOf(&messages[0]), idOf(&messages[len(messages)-1])
	mark := func(mark string) bus.Message {
		return bus.Message{
			Subject: marker, Data: (&events.Marker{}).AppendJSON(nil),
			Header: []events.Header{
				{Key: events.HeaderID, Value: events.ID("marker", marker, mark, first, last)},
				{Key: events.HeaderType, Value: events.TypeMarker},
				{Key: events.HeaderSource, Value: origin},
				{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
				{Key: events.HeaderWindow, Value: mark},
			},
		}
	}
	to = append(append(to, mark(events.WindowBegin)), messages...)
	return append(to, mark(events.WindowEnd))
}

func idOf(m *bus.Message) string {
	for _, h := range m.Header {
		if h.Key == events.HeaderID {
			return h.Value
		}
	}
	return ""
}
