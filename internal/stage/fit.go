package stage

import (
	"fmt"

	"github.com/daybook-billing/daybook/events"
)

// maxOutput is the length in bytes of the longest body that a stage puts out. Every server takes a
// message of 1 MiB, headers included; bus.Connect refuses others. Processors keep far below it.
const maxOutput = 1<<20 - 64<<10

// fit appends the body of an output to a slab. In place of one beyond maxOutput, whatever this
// server takes, it appends and returns an anomaly. The outputs behind it go on.
func (c *Config) fit(slab []byte, out Output, source identity) ([]byte, Output) {
	from, slab := len(slab), out.Body.AppendJSON(slab)
	size := len(slab) - from
	if size <= maxOutput || c.TooLong == nil {
		return slab, out
	}
	cause := events.Cause{ID: source.ID, Sequence: source.Sequence, Event: events.AnomalyTooLong}
	message := fmt.Sprintf("what message %d of %s leads to on %s has %d bytes, more than a message may have, and is "+
		"left out: it is on no bill. `nats stream get %[2]s %[1]d` shows the message; report it",
		source.Sequence, c.Input, out.Subject, size)
	out = c.TooLong(&out, cause, events.Anomaly{Code: events.AnomalyTooLong, Message: message})
	return out.Body.AppendJSON(slab[:from]), out
}
