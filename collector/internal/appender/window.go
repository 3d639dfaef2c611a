package appender

import (
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// MaxBatch is the most messages of a batch with markers.
const MaxBatch = bus.MaxBatch - 2

// Marks are what the two markers of a batch say.
type Marks struct {
	Subject   string // that batches expect
	Origin    string // ce-source
	Platform  string // the platform of the facts; empty where it is not known
	MovedFrom string // its name before the batch; empty for no move
	Behind    uint64 // sequence of the marker before the batch
}

// Window puts a batch between two markers, on the subject that batches expect: the first message
// begins a window, the last one ends it. A server that runs out of room stores the beginning of a
// batch at worst, and then the first marker is a part of it: nobody else's batch is taken behind
// the same marker as this one. to is memory to use again.
// Without a message the markers alone say that the platform has moved.
func (m *Marks) Window(to, messages []bus.Message) []bus.Message {
	first, last := m.MovedFrom, m.Platform+" "+strconv.FormatUint(m.Behind, 10)
	if len(messages) > 0 {
		first, last = idOf(&messages[0]), idOf(&messages[len(messages)-1])
	}
	mark := func(mark string) bus.Message {
		header := append(make([]events.Header, 0, events.HeaderCount+3),
			events.Header{Key: events.HeaderID, Value: events.ID("marker", m.Subject, mark, first, last)},
			events.Header{Key: events.HeaderType, Value: events.TypeMarker},
			events.Header{Key: events.HeaderSource, Value: m.Origin},
			events.Header{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
			events.Header{Key: events.HeaderWindow, Value: mark})
		if m.Platform != "" {
			header = append(header, events.Header{Key: events.HeaderPlatform, Value: m.Platform})
		}
		if m.MovedFrom != "" {
			header = append(header, events.Header{Key: events.HeaderMovedFrom, Value: m.MovedFrom})
		}
		return bus.Message{Subject: m.Subject, Data: (&events.Marker{}).AppendJSON(nil), Header: header}
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
