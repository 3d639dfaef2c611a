package events

import "github.com/daybook-billing/daybook/events/wire"

// This file has the common parts of the codecs of METERED's and BILLING's messages: the first
// fields of a message, and the shared texts of its parts.

// head is the first fields of a message of one resource.
type head struct {
	id, source, foundation, tenant, kind, resource string
	cause                                          *Cause
}

func (h *head) appendJSON(b []byte) []byte {
	b = wire.AppendText(b, `,"id":`, h.id)
	b = wire.AppendText(b, `,"source":`, h.source)
	b = wire.AppendText(b, `,"foundation":`, h.foundation)
	b = wire.AppendText(b, `,"tenant":`, h.tenant)
	b = wire.AppendText(b, `,"kind":`, h.kind)
	b = wire.AppendText(b, `,"resource":`, h.resource)
	if *h.cause != (Cause{}) {
		b = h.cause.AppendJSON(append(b, `,"cause":`...))
	}
	return b
}

// keepEqual empties the texts unlike their others.
func keepEqual(texts, others []*string) {
	for i, t := range texts {
		if *t != *others[i] {
			*t = ""
		}
	}
}

// fillEmpty gives the empty texts the values of their others.
func fillEmpty(texts, others []*string) {
	for i, t := range texts {
		if *t == "" {
			*t = *others[i]
		}
	}
}
