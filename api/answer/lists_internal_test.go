package answer

import (
	"context"
	"testing"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// runs is a ledger with these running spans, and nothing else.
type runs struct {
	ledger.Reader
	spans []ledger.Span
}

func (r *runs) Running(_ context.Context, q ledger.Query) (all []ledger.Span, _ error) {
	for _, s := range r.spans {
		if q.Has(s.Foundation, s.Tenant) {
			all = append(all, s)
		}
	}
	return all, nil
}

// A resource of a cloned foundation has the guid of the first one's, and a name of its own.
func TestHeldNamesOfAClone(t *testing.T) {
	r := &runs{}
	var held []ledger.Held
	for _, foundation := range []string{"north", "south"} {
		r.spans = append(r.spans, ledger.Span{
			Foundation: foundation, Span: events.Span{Tenant: "org", Resource: "r", Name: "in " + foundation},
		})
		held = append(held, ledger.Held{Foundation: foundation, Tenant: "org"})
	}
	names, err := called(t.Context(), r, ledger.Query{}, held)
	if err != nil || names[[2]string{"north", "r"}] != "in north" || names[[2]string{"south", "r"}] != "in south" {
		t.Fatal(names, err)
	}
}
