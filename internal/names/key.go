package names

import (
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/events"
)

// Bucket is the key-value bucket of names.
const Bucket = "daybook-names"

// stream has the values of the bucket, each under the prefix and its key.
const (
	stream = "KV_" + Bucket
	prefix = "$KV." + Bucket + "."
)

// Tenant is one tenant of one foundation: a foundation cloned from another has tenants of the same
// guids.
type Tenant struct {
	Source     string
	Foundation string
	GUID       string
}

// Key is a tenant, or a space of it.
type Key struct {
	Tenant
	Space string // guid; empty: the tenant itself
}

// Kinds of keys: the fourth token.
const (
	ofTenant = "tenant"
	ofSpace  = "space"
)

// String is the key in the bucket: <source>.<foundation>.<tenant>.tenant, or
// <source>.<foundation>.<tenant>.space.<guid>. Its tokens are those of subjects, with = in place of
// %: a key takes no other sign.
func (k Key) String() string {
	key := tokens(k.Source, k.Foundation, k.GUID) + "."
	if k.Space == "" {
		return key + ofTenant
	}
	return key + ofSpace + "." + tokens(k.Space)
}

func tokens(all ...string) string {
	for i, s := range all {
		all[i] = strings.ReplaceAll(events.Token(s), "%", "=")
	}
	return strings.Join(all, ".")
}

// parseKey reads a key. One with a token that was cut is an error.
func parseKey(text string) (k Key, err error) {
	all := strings.Split(text, ".")
	for i, token := range all {
		if all[i], err = events.Untoken(strings.ReplaceAll(token, "=", "%")); err != nil {
			return Key{}, err
		}
	}
	switch {
	case len(all) == 4 && all[3] == ofTenant:
	case len(all) == 5 && all[3] == ofSpace && all[4] != "":
		k.Space = all[4]
	default:
		return Key{}, fmt.Errorf("%q is no key of %s", text, Bucket)
	}
	k.Tenant = Tenant{all[0], all[1], all[2]}
	return k, nil
}

// foundationFilter matches the keys of a foundation, tenantFilter those of a tenant.
func foundationFilter(source, foundation string) string {
	return prefix + tokens(source, foundation) + ".>"
}

func tenantFilter(t Tenant) string { return prefix + tokens(t.Source, t.Foundation, t.GUID) + ".>" }
