package auth

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Rights are the rights of an Access over the data of a tenant, as a set.
type Rights uint8

// The rights. Usage includes Reports.
const (
	Reports Rights = 1 << iota              // read the routes of the Usage Service
	Usage   Rights = 1<<iota | Reports      // read usage
	Money   Rights = 1 << iota              // read charges
	Decide  Rights = 1 << iota              // act: holds, months, catalogues
	Read    Rights = Usage | Money          // read everything
	Operate Rights = Usage | Money | Decide // read everything, and act
)

// Has reports whether the rights include others.
func (r Rights) Has(needed Rights) bool { return r&needed == needed }

// Access is the sight and the rights of a token's holder. The zero value may nothing.
type Access struct {
	Kind    string // of the token: one of the Kind constants
	Subject string // sub, the id of a Keystone user, or the name of a static token
	Name    string // for people; empty where the token has none
	Client  string // OAuth client of a UAA's token
	Issuer  string // of a UAA's token
	TokenID string // jti, or Keystone's audit id

	All     Rights                  // over every tenant of every foundation
	Tenants map[events.Owner]Rights // beside All; not to be changed

	// Expires is the end of the token, zero in the open mode. A stream of answers ends then.
	Expires time.Time
}

// Kinds of tokens.
const (
	KindUAA      = "uaa"
	KindStatic   = "static"
	KindKeystone = "keystone"
	KindOpen     = "open"
	KindAccount  = "account"
)

// Global reports whether the Access reads everything of every tenant.
func (a *Access) Global() bool { return a.All.Has(Read) }

// May reports whether the Access has rights over a tenant, or over everything where the owner is
// empty.
func (a *Access) May(t events.Owner, needed Rights) bool {
	return (a.All | a.Tenants[events.Owner{Foundation: t.Foundation}] | a.Tenants[t]).Has(needed)
}

// Scope is the tenants over which the Access has rights, in order: the condition of a query. It is
// nil for every tenant, and empty for none.
func (a *Access) Scope(needed Rights) []events.Owner {
	if a.All.Has(needed) {
		return nil
	}
	scope := []events.Owner{}
	for t := range a.Tenants {
		if a.May(t, needed) {
			scope = append(scope, t)
		}
	}
	slices.SortFunc(scope, func(a, b events.Owner) int {
		return cmp.Or(strings.Compare(a.Foundation, b.Foundation), strings.Compare(a.Tenant, b.Tenant))
	})
	return scope
}

// grant adds rights over tenants.
func (a *Access) grant(rights map[events.Owner]Rights) {
	if a.Tenants == nil {
		a.Tenants = maps.Clone(rights)
		return
	}
	for t, r := range rights {
		a.Tenants[t] |= r
	}
}

// over are rights over every tenant of some foundations.
func over(foundations []string, rights Rights) map[events.Owner]Rights {
	all := map[events.Owner]Rights{}
	for _, f := range foundations {
		all[events.Owner{Foundation: f}] = rights
	}
	return all
}

// LogValue has whatever identifies the token in a log.
func (a *Access) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", a.Kind), slog.String("subject", a.Subject),
		slog.String("client", a.Client), slog.String("token_id", a.TokenID))
}
