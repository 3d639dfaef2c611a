package trove

import (
	"bytes"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Hold sets how many bytes of bodies wait in memory.
func (c *Config) Hold(most int64) { c.held = most }

// Batches makes what is stored of the bodies that it is called with, each time with the same batch.
func Batches(foundation string) func(bodies ...[]byte) []bus.Message {
	cfg := Config{Foundation: foundation}.withDefaults()
	b := newBatch(&region{cfg: &cfg}, func() time.Time { return time.Time{} })
	return func(bodies ...[]byte) []bus.Message {
		b.clear()
		for _, body := range bodies {
			b.add("queue", body, "")
		}
		var msgs []bus.Message
		for i := range b.messages {
			switch m := &b.messages[i]; m.verdict {
			case isIgnored:
			case isQuarantined:
				msgs = append(msgs, bus.Message{Subject: m.id, Data: []byte(m.reason + m.refused.Text)})
			default:
				msgs = append(msgs, bus.Message{
					Subject: m.subject, Header: slices.Clone(m.header),
					Data: bytes.Clone(b.buffer[m.from:m.to]),
				})
			}
		}
		return msgs
	}
}

// Adder adds bodies to a batch, and begins anew when it is full.
func Adder(foundation string) func(body []byte) {
	cfg := Config{Foundation: foundation}.withDefaults()
	b := newBatch(&region{cfg: &cfg}, time.Now)
	return func(body []byte) {
		if len(b.messages) == bus.MaxBatch {
			b.clear()
		}
		b.add("queue", body, "")
	}
}
