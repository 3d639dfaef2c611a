package watch

import (
	"errors"
	"slices"
	"testing"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Outputs are kept from the start of the derivation behind the one that has asked for them.
func TestWatch(t *testing.T) {
	w := New()
	put := func(subject string) { w.Add(subject, "type", "id", func() []byte { return []byte("body") }) }
	read := func(filters ...string) (subjects []string) {
		if err := w.Each(filters, func(m *bus.Stored) error {
			if string(m.Data) != "body" || m.Header("ce-type") == "" {
				t.Errorf("got %q with %v", m.Data, m.Headers())
			}
			subjects = append(subjects, m.Subject)
			return nil
		}); err != nil {
			t.Error(err)
		}
		return subjects
	}
	w.Begin()
	put("out.a.x")
	if got := read("out.*.x"); got != nil || !errors.Is(w.End(), ErrBegun) {
		t.Errorf("in the middle: %q, %v", got, w.End())
	}
	put("out.b.x")
	if got := read("out.*.x"); got != nil {
		t.Errorf("what came behind it is not all: %q", got)
	}
	w.Begin()
	for _, subject := range []string{"out.a.x", "out.a.y", "out.b.x", "out.x", "out.b.x.z"} {
		put(subject)
	}
	if got := read("out.*.x"); !slices.Equal(got, []string{"out.a.x", "out.b.x"}) || w.End() != nil {
		t.Errorf("from the start: %q, %v", got, w.End())
	}
}
