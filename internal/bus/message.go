package bus

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/daybook-billing/daybook/events"
)

// MaxBatch is the most messages of one Append: the server's limit for an atomic batch.
const MaxBatch = 1000

// Message is a message to append. A key twice in Header has its last value. Append
// keeps neither Header nor Data.
type Message struct {
	Subject string
	Header  []events.Header
	Data    []byte
}

// Stored is a message of a stream. Data is read only: several readers may share it.
type Stored struct {
	Subject  string
	Sequence uint64
	// Time is when the server stored it, UTC; zero where a Reader took it from memory.
	Time time.Time
	// how many messages the reader had still to come when the server sent this one; 0 from Get and
	// Last
	Pending uint64
	Data    []byte

	header nats.Header     // of the server's
	own    []events.Header // of this process, in place of header
}

// Header gives a header's first value, "" if there is none. Keys are compared with their case.
func (s *Stored) Header(key string) string {
	if values := s.header[key]; len(values) > 0 {
		return values[0]
	}
	for i := len(s.own) - 1; i >= 0; i-- { // of a key twice the last value
		if s.own[i].Key == key {
			return s.own[i].Value
		}
	}
	return ""
}

// Headers lists every header with its first value, in no order.
func (s *Stored) Headers() []events.Header {
	list := append(make([]events.Header, 0, len(s.header)+len(s.own)), s.own...)
	for key, values := range s.header {
		if len(values) > 0 {
			list = append(list, events.Header{Key: key, Value: values[0]})
		}
	}
	return list
}

// NewStored builds a message as a reader would give it, for tests of its users.
func NewStored(m Message, sequence uint64, stored time.Time, pending uint64) Stored {
	header := make(nats.Header, len(m.Header))
	for _, h := range m.Header {
		header[h.Key] = []string{h.Value}
	}
	return Stored{Subject: m.Subject, Sequence: sequence, Time: stored, Pending: pending, Data: m.Data, header: header}
}

// Expect is the condition of an Append on its stream: the last message on the
// subjects of Filter has the sequence Last. With Filter "" it is the last sequence of the whole
// stream; a purge does not reset it. With a Filter, Last 0 stands for no message on
// these subjects.
type Expect struct {
	Filter string
	Last   uint64
}

// StreamState is the extent of a stream. An empty stream has Messages 0 and First = Last+1, or both
// 0 if it never held any.
type StreamState struct {
	First, Last, Messages, Bytes uint64
	Created                      time.Time // a stream deleted and made anew has another one; UTC
}
