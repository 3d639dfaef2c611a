// Package missing finds the derived messages of a replay without a stored one.
package missing

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Messages are the missing ones of one CloudEvents type, by their ids, in their order.
type Messages struct {
	Type string
	// Ordered has the order of messages on a subject count: with a missing one all behind it are
	// missing.
	Ordered bool
	stored  map[string]bool // ids
	derived map[string]bool // ids
	behind  map[string]bool // a missing one, by subject
	missing []stage.Output
}

// Stored takes a stored message: all of them come first.
func (m *Messages) Stored(in *bus.Stored) {
	if in.Header(events.HeaderType) != m.Type {
		return
	}
	if m.stored == nil {
		m.stored = map[string]bool{}
	}
	m.stored[in.Header(events.HeaderID)] = true
}

// Derived takes a derived message, perhaps once more.
func (m *Messages) Derived(out *stage.Output) {
	if out.Type != m.Type || m.derived[out.ID] {
		return
	}
	if m.derived == nil {
		m.derived, m.behind = map[string]bool{}, map[string]bool{}
	}
	m.derived[out.ID] = true
	if m.stored[out.ID] && !m.behind[out.Subject] {
		return
	}
	m.behind[out.Subject] = m.Ordered
	kept := *out
	kept.Body = text(out.Body.AppendJSON(nil))
	m.missing = append(m.missing, kept)
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
