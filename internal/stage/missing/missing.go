// Package missing finds the derived messages of a replay without a stored one.
package missing

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Messages are the missing ones of one CloudEvents type, by their ids, in their order.
type Messages struct {
	Type    string
	known   map[string]bool // ids
	missing []stage.Output
}

// Stored takes a stored message: all of them come first.
func (m *Messages) Stored(in *bus.Stored) {
	if in.Header(events.HeaderType) == m.Type {
		m.note(in.Header(events.HeaderID))
	}
}

func (m *Messages) note(id string) {
	if m.known == nil {
		m.known = map[string]bool{}
	}
	m.known[id] = true
}

// Derived takes a derived message.
func (m *Messages) Derived(out *stage.Output) {
	if out.Type == m.Type && !m.known[out.ID] {
		m.note(out.ID)
		kept := *out
		kept.Body = text(out.Body.AppendJSON(nil))
		m.missing = append(m.missing, kept)
	}
}

// Emit puts the missing messages out.
func (m *Messages) Emit(emit func(stage.Output)) {
	for _, out := range m.missing {
		emit(out)
	}
}

// text is a body as it was written.
type text []byte

// AppendJSON implements stage.Body.
func (t text) AppendJSON(b []byte) []byte { return append(b, t...) }
