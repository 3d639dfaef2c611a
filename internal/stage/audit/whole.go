package audit

import (
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Whole proves an input stream, itself the output of a stage, to be whole in spite of missing
// sequences, as after a purge: the chain over its messages equals the one in its last batch.
type Whole struct {
	chain   Chain
	scratch []byte
	Proven  bool
	subject string // of a derived message; empty for none
}

// Advice is the way out for a stream with missing messages. A derived one is brought in line first.
// With somebody else's messages among its own, no chain proves it whole, and it is derived anew
// from nothing.
func (w *Whole) Advice(stream string) string {
	if w.subject == "" {
		return "Restore the stream from a backup that is whole"
	}
	first, _, _ := strings.Cut(w.subject, ".")
	return fmt.Sprintf("Bring %s in line first: `daybook replay all`. If that was done, somebody else's messages "+
		"stand among its own: stop the services, empty it of what was derived (nats stream purge %s --subject "+
		"'%s.>') and derive it anew: `daybook replay all`", stream, stream, first)
}

// Add takes the next message of the stream.
func (w *Whole) Add(m *bus.Stored) {
	if m.Header(HeaderSourceSeq) == "" {
		return // not a stage's
	}
	w.subject = m.Subject
	w.chain, w.scratch = w.chain.NextIn(w.scratch, m.Subject, m.Data)
	if text := m.Header(HeaderChain); text != "" {
		w.Proven = text == w.chain.String()
	}
}
