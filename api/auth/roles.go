package auth

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// checkEvery is how long the API's own token is known to read everything. Without that, a list of
// roles may be empty, or have a part of them, and no error says so.
const checkEvery = 10 * time.Minute

// A question to a foundation's API is repeated twice, within a request's patience.
const (
	roleRetries   = 2
	roleRetryWait = 100 * time.Millisecond
)

// client is the configuration of the client of its API.
func (f *Foundation) client() cfapi.Config {
	return cfapi.Config{
		Foundation: f.Name, API: f.API, ClientID: f.ClientID, ClientSecret: f.Secret.Value, CAFile: f.CAFile,
		SkipTLS: f.SkipTLS, Timeout: fetchTimeout, Retries: roleRetries, RetryWait: roleRetryWait,
	}
}

// foundation is a foundation whose roles count.
type foundation struct {
	name   string
	client *cfapi.Client

	// mu guards checked: the token is checked once for many questions.
	mu      sync.Mutex
	checked time.Time
}

// rolesOf are the rights of a user, or of a client, by the roles in one foundation.
func (u *uaa) rolesOf(ctx context.Context, f *foundation, subject string) (map[events.Owner]Rights, error) {
	type found = answer[map[events.Owner]Rights]
	return u.roles.get(ctx, f.name+"\x00"+subject, func(ctx context.Context) (found, error) {
		asked := u.now()
		f.client.Reset()
		if err := f.readsAll(ctx, asked); err != nil {
			return found{}, fmt.Errorf("foundation %s: %w", f.name, err)
		}
		roles, err := f.client.OrganizationRoles(ctx, subject)
		if err != nil {
			return found{}, fmt.Errorf("foundation %s: %w", f.name, err)
		}
		rights := map[events.Owner]Rights{}
		for _, r := range roles {
			rights[events.Owner{Foundation: f.name, Tenant: r.Organization}] |= u.rightsOf(r.Type)
		}
		until := asked.Add(remember)
		if len(rights) == 0 {
			until = asked.Add(rememberNothing)
		}
		return found{rights, until}, nil
	})
}

// rightsOf are the rights of a role. Managers and billing managers see the bill, as in Cloud
// Foundry's own words about them.
func (u *uaa) rightsOf(role string) Rights {
	switch role {
	case cfapi.RoleManager, cfapi.RoleBillingManager:
		return Read
	case cfapi.RoleAuditor:
		return u.auditors
	}
	return 0
}

// readsAll makes sure that the API's own token reads all organizations.
func (f *foundation) readsAll(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	known := !f.checked.IsZero() && now.Sub(f.checked) < checkEvery
	f.mu.Unlock()
	if known {
		return nil
	}
	if err := f.client.CheckGlobalRead(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	f.checked = now
	f.mu.Unlock()
	return nil
}
