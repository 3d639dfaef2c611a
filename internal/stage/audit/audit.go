package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Audit computes the chain over the stored outputs of a stage as they are read, and compares it
// with the recorded ones: a message that was removed, changed or added is seen, wherever it stood.
// It proves the stored messages whole, not derived; stage.Verify does that. Where the last recorded
// chain is right everything before it is proven, whatever the server counts there and does not
// deliver: the chain is over what it delivers.
type Audit struct {
	own     string // beginning of the stage's own subjects
	chain   Chain
	count   uint64 // outputs so far
	scratch []byte
	last    uint64 // sequence of the last output
	ended   bool   // the last output ends a batch
	wrong   string
}

// New is the audit of a stream, of the stage's own subjects there, such as metered.>.
func New(filter string) *Audit { return &Audit{own: strings.TrimSuffix(filter, ">")} }

// Add takes the next message of the stream. It reports whether the message records a chain that is
// the one over the messages so far. Messages of others are passed over.
func (a *Audit) Add(m *bus.Stored) (proven bool) {
	if !strings.HasPrefix(m.Subject, a.own) {
		return false
	}
	a.chain, a.scratch = a.chain.NextIn(a.scratch, m.Subject, m.Data)
	a.count++
	a.last = m.Sequence
	recorded := m.Header(HeaderChain)
	a.ended = recorded != ""
	switch {
	case !a.ended:
	case m.Header(HeaderCount) != "" && m.Header(HeaderCount) != strconv.FormatUint(a.count, 10):
		a.doubt(fmt.Sprintf("message %d is number %s of them, and %d are there", m.Sequence, m.Header(HeaderCount),
			a.count))
	case recorded == a.chain.String():
		// Whatever was lost before: a replay goes on from the stored messages, and says anew what
		// the lost ones said.
		a.wrong = ""
		return true
	default:
		a.doubt(fmt.Sprintf("a message up to %d is missing, was changed, or is not Daybook's: the chain over them is "+
			"not the recorded one", m.Sequence))
	}
	return false
}

// doubt notes what is wrong, unless something is already.
func (a *Audit) doubt(wrong string) {
	if a.wrong == "" {
		a.wrong = wrong
	}
}

// End says what is wrong with the messages, "" when nothing is.
func (a *Audit) End() string {
	if a.wrong == "" && a.last != 0 && !a.ended {
		return fmt.Sprintf("message %d is the last and does not end a batch: what stood behind it is missing", a.last)
	}
	return a.wrong
}
