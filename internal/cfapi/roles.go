package cfapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Types of roles in an organization. Source: cloud_controller_ng, app/models/helpers/role_types.rb.
const (
	RoleManager        = "organization_manager"
	RoleBillingManager = "organization_billing_manager"
	RoleAuditor        = "organization_auditor"
)

const (
	maxRoles  = 10_000 // of one user
	rolesPage = 1000   // roles a page: a larger one could be more than jsondoc takes
)

// Role is a role in an organization.
type Role struct {
	Type         string
	Organization string // guid
}

// OrganizationRoles reads the roles of a user as manager, billing manager and auditor, in all
// organizations that the token reads: check that with CheckGlobalRead. The user is a user's guid or
// a client's id. All pages are read, or the answer is an error.
func (c *Client) OrganizationRoles(ctx context.Context, user string) ([]Role, error) {
	if user == "" || strings.Contains(user, ",") {
		return nil, fmt.Errorf("%q is no user: the API would take it for several", Excerpt(user))
	}
	size := min(c.settings.PageSize, rolesPage)
	l := roleList{user: user, seen: map[string]bool{}}
	for page := 1; ; page++ {
		query := url.Values{
			"user_guids": {user}, "types": {strings.Join([]string{RoleManager, RoleBillingManager, RoleAuditor}, ",")},
			"order_by": {"created_at"}, "page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(size)},
		}
		more := false
		err := c.get(ctx, "/v3/roles", query, func(a *answer) (err error) {
			more, err = l.read(a.body)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case len(l.roles) > maxRoles:
			return nil, fmt.Errorf("the user %s has more than %d roles: give a scope that reads everything", user,
				maxRoles)
		case more:
			continue
		case len(l.roles) != l.total:
			return nil, &RequestError{reason: reasonBody, err: fmt.Errorf("GET /v3/roles: %d of %d roles were read: "+
				"they changed meanwhile", len(l.roles), l.total)}
		}
		return l.roles, nil
	}
}

// roleList is the roles of the pages so far.
type roleList struct {
	user  string
	roles []Role
	seen  map[string]bool // guids of the roles
	total int             // by the last page
}

// read takes a page, and reports whether another one follows. A damaged page adds nothing.
func (l *roleList) read(body []byte) (more bool, err error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(body); err != nil {
		return false, fmt.Errorf("%w: %w", errDamaged, err)
	}
	pagination := d.Root().Get("pagination")
	count := pagination.Get("total_results")
	if count.Kind() != jsondoc.Number || d.Root().Get("resources").Kind() != jsondoc.Array {
		return false, fmt.Errorf("%w: it is no list", errDamaged)
	}
	total, err := strconv.Atoi(string(count.Raw()))
	var roles []Role
	var guids []string
	d.Root().Get("resources").Each(func(_ []byte, one jsondoc.Value) {
		of := one.Get("relationships")
		role := Role{Type: one.Get("type").Text(), Organization: of.Get("organization").Get("data").Get("guid").Text()}
		if guid := one.Get("guid").Text(); !l.seen[guid] {
			roles, guids = append(roles, role), append(guids, guid)
		}
		if of.Get("user").Get("data").Get("guid").Text() != l.user || role.Organization == "" {
			err = errors.Join(errDamaged, errors.New("it has a role of another user, or without an organization"))
		}
	})
	if err != nil {
		return false, err
	}
	for i, guid := range guids {
		l.seen[guid] = true
		l.roles = append(l.roles, roles[i])
	}
	l.total = total
	more = pagination.Get("next").Kind() == jsondoc.Object
	if more && len(guids) == 0 {
		return false, fmt.Errorf("%w: it has no further roles and says that there are more", errDamaged)
	}
	return more, nil
}
