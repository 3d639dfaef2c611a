package stage

import (
	"encoding/hex"
	"fmt"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Audit computes the chain over the stored outputs of a stage as they are read, and compares it
// with the recorded ones: a message that was removed, changed or added is seen, wherever it stood.
// It proves the stored messages whole, not derived; Verify does that.
type Audit struct {
	cfg     Config
	chain   chain
	scratch []byte
	last    uint64 // sequence of the last output
	ended   bool   // the last output ends a batch
	wrong   string
}

// NewAudit is the audit of a stream, of the stage's own subjects there.
func NewAudit(filter string) *Audit { return &Audit{cfg: Config{OutputFilter: filter}} }

// Add takes the next message of the stream. It reports whether the message records a chain that is
// the one over the messages so far. Messages of others are passed over.
func (a *Audit) Add(m *bus.Stored) (proven bool) {
	if !a.cfg.owns(m.Subject) {
		return false
	}
	a.chain, a.scratch = a.chain.nextIn(a.scratch, m.Subject, m.Data)
	a.last = m.Sequence
	recorded := m.Header(HeaderChain)
	a.ended = recorded != ""
	switch {
	case !a.ended:
	case recorded == hex.EncodeToString(a.chain[:]):
		a.wrong = "" // a replay goes on from the stored messages, whatever was lost before
		return true
	case a.wrong == "":
		a.wrong = fmt.Sprintf("a message up to %d is missing, was changed, or is not Daybook's: the chain over "+
			"them is not the recorded one", m.Sequence)
	}
	return false
}

// End says what is wrong with the messages, "" when nothing is.
func (a *Audit) End() string {
	if a.wrong == "" && a.last != 0 && !a.ended {
		return fmt.Sprintf("message %d is the last and does not end a batch: what stood behind it is missing", a.last)
	}
	return a.wrong
}
