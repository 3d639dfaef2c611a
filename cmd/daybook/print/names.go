package print

import (
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/internal/names"
)

// nameJSON is a name of a tenant or a space.
type nameJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant"`
	Space      string `json:"space,omitempty"`
	Name       string `json:"name"`
	From       string `json:"from"`
	Until      string `json:"until,omitempty"`
}

// Names prints names of tenants and spaces.
type Names struct{ list }

// NewNames prints to w: a table at the end, or JSON.
func NewNames(w io.Writer, asJSON bool) *Names {
	return &Names{newList(w, asJSON, "FOUNDATION", "TENANT", "SPACE", "NAME", "FROM", "UNTIL")}
}

// Add takes the names of a tenant or a space.
func (p *Names) Add(k names.Key, l names.List) error {
	for _, n := range l {
		x := nameJSON{k.Source, k.Foundation, k.GUID, k.Space, n.Name, Time(n.From), Time(n.Until)}
		if err := p.add(x, x.Foundation, x.Tenant, x.Space, x.Name, x.From, x.Until); err != nil {
			return err
		}
	}
	return nil
}

// End prints the table and the number of names.
func (p *Names) End() error { return p.endCounted(nil, "names", 0, "") }

// Erased prints what an erasure does, and what it can not do.
func Erased(w io.Writer, tenant string) {
	fmt.Fprintln(w)
	Text(w, "From now on every answer has guids in the places of the names of tenant "+tenant+", of its spaces, apps, "+
		"tasks, service instances and databases. Names that come later are erased, too. A ledger in Postgres has none "+
		"of them seconds later, or once its poster runs.")
	Text(w, "The bytes of USAGE, METERED, BILLING and QUARANTINE keep what they have, with the snapshots of the "+
		"projector and the pricer and all backups of them: nobody may change what amounts are proven by. So do "+
		"backups and logs of Postgres, subscribers, and files that were delivered: exports, bundles, logs of commands.")
	Text(w, "What people have written themselves stays: notes of acts, catalogues, names of collectors.")
}
