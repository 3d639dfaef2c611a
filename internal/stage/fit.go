package stage

import "github.com/daybook-billing/daybook/events"

// maxOutput is the length in bytes of the longest body that a stage puts out. Every server takes a
// message of 1 MiB, headers included; bus.Connect refuses others. Processors keep far below it.
const maxOutput = 1<<20 - 64<<10

// fit appends the body of an output to a slab. In place of one that is too long it returns the
// anomaly about it, whatever this server would take: so it is the same wherever it is derived, and
// the outputs behind it go on.
func (c *Config) fit(slab []byte, out Output, source identity) ([]byte, Output) {
	from := len(slab)
	slab = out.Body.AppendJSON(slab)
	size := len(slab) - from
	if size <= maxOutput || c.TooLong == nil {
		return slab, out
	}
	out = c.TooLong(&out, size, events.Cause{ID: source.ID, Sequence: source.Sequence, Event: events.AnomalyTooLong})
	return out.Body.AppendJSON(slab[:from]), out
}
