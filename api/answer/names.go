package answer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
)

// nameAge is how long names are answered by before they are read again: an erasure is in every
// answer a second after it is stored.
const nameAge = time.Second

// directory has the names of organizations and spaces as they are now. It is safe for concurrent
// use.
type directory struct {
	bus names.Reader

	mu    sync.Mutex // held while they are read; guards the next two
	names *names.Directory
	read  time.Time
}

// now returns the names; nil where the user of NATS may not read them: guids are shown.
func (d *directory) now(ctx context.Context) (*names.Directory, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.read) < nameAge {
		return d.names, nil
	}
	asked := time.Now()
	var err error
	if d.names == nil {
		d.names, err = names.Load(ctx, d.bus)
	} else {
		err = d.names.Refresh(ctx, d.bus)
	}
	if errors.Is(err, bus.ErrDenied) {
		d.names, err = nil, nil
	}
	if err == nil {
		d.read = asked
	}
	return d.names, err
}

// Names are the names of organizations, projects and spaces as they are now; nil where they may not
// be read.
func (a *Answers) Names(ctx context.Context) (*names.Directory, error) { return a.directory.now(ctx) }

// TenantOf is the guid of a tenant that is named by a guid or by a unique name, as the asker sees
// it. A name that nobody has stays: nothing is found under it. Those who see everybody are told
// which names there are.
func (a *Answers) TenantOf(ctx context.Context, asker *Asker, tenant, foundation string) (string, error) {
	if _, is := events.ParseID(tenant); is || tenant == "" {
		return tenant, nil
	}
	all, err := a.directory.now(ctx)
	if err != nil || all == nil {
		return tenant, err
	}
	guid, err := all.Tenant(tenant, foundation)
	if err == nil {
		return guid, nil
	}
	known, ask := ledger.Query{Tenant: tenant}, asker.Usage.Everybody
	if !ask {
		return tenant, nil
	}
	if failed := a.heard(ctx, &known); failed == nil { // a guid of another form, such as a project's
		return tenant, nil
	}
	return tenant, &Problem{Kind: NotFound, Detail: err.Error()}
}

// tenantNames are the names of the tenants on a bill, by guid, where they are known.
func (a *Answers) tenantNames(ctx context.Context, bill *ledger.Bill) (map[string]string, error) {
	known, err := a.Names(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for i := range bill.Lines {
		guid := bill.Lines[i].Tenant
		if name := known.TenantName(guid); name != "" {
			all[guid] = name
		}
	}
	return all, nil
}
