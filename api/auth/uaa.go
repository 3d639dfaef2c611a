package auth

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Scopes of a UAA's token with rights over everything.
const (
	scopeAdmin         = "cloud_controller.admin"
	scopeAdminReadOnly = "cloud_controller.admin_read_only"
	scopeGlobalAuditor = "cloud_controller.global_auditor"
	scopeUsageAudit    = "usage_service.audit"
	scopeOperator      = "daybook.admin"
)

// scopeRights are the rights of the scopes. Whatever else stands there counts nothing.
func scopeRights(scopes []string) (r Rights) {
	for _, scope := range scopes {
		switch scope {
		case scopeAdmin, scopeOperator:
			r |= Operate
		case scopeAdminReadOnly, scopeGlobalAuditor:
			r |= Read
		case scopeUsageAudit:
			r |= Reports
		}
	}
	return r
}

// resources are the audiences of tokens for this API: Cloud Controller's, and the Usage Service's.
var resources = []string{"cloud_controller", "usage_service"}

// maxSubject is the longest sub, in bytes.
const maxSubject = 256

// uaa verifies the tokens of one UAA, and asks for the roles of their users.
type uaa struct {
	settings   UAA // complete
	keys       *keys
	leeway     time.Duration
	everywhere bool // global scopes hold for every foundation
	auditors   Rights
	api        []*foundation
	roles      *lookup[map[events.Owner]Rights]
	now        func() time.Time
}

// header is the header of a token. Its jku is never followed.
type header struct {
	KeyID string `json:"kid"`
}

// claims is the content of a token.
type claims struct {
	ID        string          `json:"jti"`
	Subject   string          `json:"sub"`
	Name      string          `json:"user_name"`
	Client    string          `json:"client_id"`
	Party     string          `json:"azp"`   // the client, too
	Scopes    []string        `json:"scope"` // nil where it is missing
	Granted   json.RawMessage `json:"granted_scopes"`
	Audience  []string        `json:"aud"`
	Issuer    string          `json:"iss"`
	Zone      string          `json:"zid"`
	Expires   int64           `json:"exp"` // in Unix seconds, like the other two
	Issued    int64           `json:"iat"`
	NotBefore int64           `json:"nbf"`
}

// peek reads a token without verifying it, for its issuer and the name of its key.
func peek(token string) (h header, c claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return h, c, invalid("it is no JSON Web Token; opaque tokens are not accepted")
	}
	for i, to := range []any{&h, &c} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, to) != nil {
			return h, c, invalid("it is no JSON Web Token of a UAA")
		}
	}
	return h, c, nil
}

// byUAA verifies a JSON Web Token by the UAA that it names.
func (a *Authenticator) byUAA(ctx context.Context, token string) (Access, error) {
	h, unverified, err := peek(token)
	if err != nil {
		return Access{}, err
	}
	u, err := a.issuerOf(ctx, unverified.Issuer)
	if err != nil {
		return Access{}, err
	}
	k, err := u.keys.find(ctx, h.KeyID)
	if err != nil {
		return Access{}, err
	}
	text, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKey(k.algorithm, k.public),
		jws.WithAlgorithmMatch(true), jws.WithCritValidation(true))
	if err != nil {
		return Access{}, invalid("its signature is wrong")
	}
	var c claims
	if err := json.Unmarshal(text, &c); err != nil {
		return Access{}, invalid("it is no JSON Web Token of a UAA")
	}
	if err := u.check(&c, k.issuer); err != nil {
		return Access{}, err
	}
	return u.access(ctx, &c)
}

// issuerOf finds the UAA with an issuer. A UAA that has never answered may be the one.
func (a *Authenticator) issuerOf(ctx context.Context, issuer string) (found *uaa, err error) {
	var silent error
	for _, u := range a.uaas {
		name, err := u.keys.issued(ctx)
		switch {
		case err != nil:
			silent = errors.Join(silent, err)
		case name == issuer && found != nil:
			return nil, unavailable(fmt.Errorf("two UAAs have the issuer %s: give one of them another, or list the "+
				"foundations of both under one", issuer))
		case name == issuer:
			found = u
		}
	}
	switch {
	case found != nil:
		return found, nil
	case silent != nil:
		return nil, unavailable(silent)
	}
	return nil, invalid("its issuer is unknown here")
}

// check holds the claims of a verified token to the rules. Its key is the issuer's.
func (u *uaa) check(c *claims, issuer string) error {
	now := u.now()
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	switch {
	case c.Issuer != issuer:
		return invalid("its issuer is unknown here")
	case strings.HasSuffix(c.ID, "-r"), c.Granted != nil:
		return invalid("it is a refresh token: send the access token")
	case slices.Equal(c.Scopes, []string{"openid"}):
		return invalid("it is an ID token: send the access token")
	case c.ID == "" || c.Subject == "" || c.Scopes == nil || c.Expires == 0:
		return invalid("it lacks one of the claims jti, sub, scope, exp")
	case len(c.Subject) > maxSubject || strings.Contains(c.Subject, ","): // the API's form of several users
		return invalid("its subject is no user and no client")
	case !slices.ContainsFunc(u.settings.Resources, func(r string) bool {
		// The audience of an ID token is its client.
		return r != c.Client && r != c.Party && slices.Contains(c.Audience, r)
	}):
		return invalid("it is for another audience")
	case c.Zone != "" && c.Zone != u.settings.Zone:
		return invalid("it is of another identity zone")
	case !now.Before(at(c.Expires).Add(u.leeway)):
		return invalid("it has expired")
	case at(c.NotBefore).After(now.Add(u.leeway)), at(c.Issued).After(now.Add(u.leeway)):
		return invalid("it is of a later time: compare the clocks")
	}
	return nil
}

// access is what the holder of a verified token may see. Who reads everything needs no role.
func (u *uaa) access(ctx context.Context, c *claims) (Access, error) {
	a := Access{
		Kind: KindUAA, Subject: c.Subject, Name: c.Name, Client: cmp.Or(c.Client, c.Party), Issuer: c.Issuer,
		TokenID: c.ID, Expires: time.Unix(c.Expires, 0).UTC(),
	}
	global := scopeRights(c.Scopes)
	if u.everywhere {
		a.All = global
	} else if global != 0 {
		a.grant(over(u.names(), global))
	}
	if global.Has(Read) {
		return a, nil
	}
	for _, f := range u.api {
		rights, err := u.rolesOf(ctx, f, c.Subject)
		if err != nil {
			return Access{}, err
		}
		a.grant(rights)
	}
	return a, nil
}

func (u *uaa) names() []string {
	names := make([]string, len(u.settings.Foundations))
	for i := range u.settings.Foundations {
		names[i] = u.settings.Foundations[i].Name
	}
	return names
}

// address is the UAA's by the settings, or by the root document of its first foundation.
func (u *uaa) address(ctx context.Context) (string, error) {
	if u.settings.Address != "" {
		return cfapi.Address(u.settings.Address), nil
	}
	u.api[0].client.Reset()
	return u.api[0].client.UAA(ctx)
}
