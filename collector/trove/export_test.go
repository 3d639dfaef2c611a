package trove

import (
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Text decodes a body as the collector does.
func Text(body []byte, compression string) ([]byte, error) {
	return new(decoder).text(body, compression)
}

// Texts decodes bodies one after the other with one decoder.
func Texts() func(body []byte, compression string) ([]byte, error) { return new(decoder).text }

// Adder adds bodies to a batch, and begins anew when it is full.
func Adder(foundation string) func(body []byte) {
	cfg := Config{Foundation: foundation}.withDefaults()
	b := newBatch(&cfg, time.Now)
	return func(body []byte) {
		if len(b.messages) == bus.MaxBatch {
			b.clear()
		}
		b.add("queue", body, "")
	}
}
