package audit

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
)

// state is an Audit in the middle of a stream.
type state struct {
	Chain Chain
	Count uint64
	Last  uint64
	Ended bool
	Wrong string
}

// State is the audit so far, for Resume.
func (a *Audit) State() ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(state{a.chain, a.count, a.last, a.ended, a.wrong})
	return out.Bytes(), err
}

// Resume is an audit that goes on from a state.
func Resume(filter string, saved []byte) (*Audit, error) {
	var from state
	if err := gob.NewDecoder(bytes.NewReader(saved)).Decode(&from); err != nil {
		return nil, fmt.Errorf("reading the state of the audit of %s: %w", filter, err)
	}
	a := New(filter)
	a.chain, a.count, a.last, a.ended, a.wrong = from.Chain, from.Count, from.Last, from.Ended, from.Wrong
	return a, nil
}

// Recorded tells whether the message records a chain, and whether that is the one over the messages
// so far: of the message that was added last.
func (a *Audit) Recorded(m *bus.Stored) (recorded, equal bool) {
	if !strings.HasPrefix(m.Subject, a.own) {
		return false, false
	}
	text := m.Header(HeaderChain)
	return text != "", text == a.chain.String()
}

// Wrong says what is wrong with the messages so far, wherever in a batch they end; "" when nothing
// is.
func (a *Audit) Wrong() string { return a.wrong }

// Open reports whether the messages so far are as recorded and the last one is in the middle of a
// batch: more may come, or it is lost.
func (a *Audit) Open() bool { return a.wrong == "" && a.last != 0 && !a.ended }

// Clone is an audit that goes on by itself from here.
func (a *Audit) Clone() *Audit {
	clone := *a
	clone.scratch = nil
	return &clone
}
