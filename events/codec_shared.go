package events

import "github.com/daybook-billing/daybook/events/wire"

// This file has the parts that the codecs of METERED's and BILLING's messages have in common: the
// fields that begin a message, and the texts that its parts share.

// head is the fields that begin a message of one resource.
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

// keepEqual empties the texts that differ from their others.
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
