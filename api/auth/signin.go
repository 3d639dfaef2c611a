package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/daybook-billing/daybook/internal/cfapi"
)

// This file signs people in who have a browser and no token.

// Credential is what a session keeps of a sign-in. It is checked at every request, as if it were
// sent anew.
type Credential struct {
	Kind  string // KindUAA, KindKeystone or KindAccount
	Token string // of the UAA or of Keystone, or the name of an account
}

// Present finds out who has a credential. Errors: those of Authenticate.
func (a *Authenticator) Present(ctx context.Context, c Credential) (Access, error) {
	switch c.Kind {
	case KindUAA:
		return a.byUAA(ctx, c.Token)
	case KindKeystone:
		return a.byKeystone(ctx, c.Token)
	case KindAccount:
		return a.accounts.access(c.Token)
	}
	return Access{}, ErrNoToken
}

// Ways are the ways to sign in.
type Ways struct {
	UAAs     []string // names of their first foundations; the index is that of Begin
	Keystone bool
	Accounts bool
}

// Ways lists the ways to sign in.
func (a *Authenticator) Ways() Ways {
	w := Ways{Keystone: a.keystone != nil, Accounts: len(a.accounts.all) > 0}
	for _, u := range a.uaas {
		if u.settings.LoginClient != "" {
			w.UAAs = append(w.UAAs, u.settings.Foundations[0].Name)
		}
	}
	return w
}

// login is the UAA of a way to sign in.
func (a *Authenticator) login(way int) (*uaa, error) {
	for _, u := range a.uaas {
		if u.settings.LoginClient == "" {
			continue
		}
		if way == 0 {
			return u, nil
		}
		way--
	}
	return nil, ErrBadRequest
}

// oauth are the addresses of a UAA's login, by its own word. No scope is asked for: the UAA gives
// those that client and user have.
func (u *uaa) oauth(ctx context.Context, callback string) (*oauth2.Config, error) {
	address, err := u.address(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	var known struct {
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
	}
	if err := getJSON(ctx, u.keys.client, address+"/.well-known/openid-configuration", &known); err != nil {
		return nil, unavailable(err)
	}
	if cfapi.Address(known.Authorize) == "" || cfapi.Address(known.Token) == "" {
		return nil, unavailable(fmt.Errorf("the UAA at %s does not say where to sign in", address))
	}
	return &oauth2.Config{
		ClientID: u.settings.LoginClient, ClientSecret: u.settings.LoginSecret.Value, RedirectURL: callback,
		Endpoint: oauth2.Endpoint{AuthURL: known.Authorize, TokenURL: known.Token, AuthStyle: oauth2.AuthStyleInHeader},
	}, nil
}

// Begin is the address at which a person signs in with a UAA: by an authorization code, with PKCE
// (RFC 7636). Errors: ErrUnavailable, ErrBadRequest.
func (a *Authenticator) Begin(ctx context.Context, way int, callback, state, verifier string) (string, error) {
	u, err := a.login(way)
	if err != nil {
		return "", err
	}
	login, err := u.oauth(ctx, callback)
	if err != nil {
		return "", err
	}
	return login.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), nil
}

// Finish takes the token for a code. Errors: ErrInvalidToken, ErrUnavailable, ErrBadRequest.
func (a *Authenticator) Finish(ctx context.Context, way int, callback, code, verifier string) (Credential, error) {
	u, err := a.login(way)
	if err != nil {
		return Credential{}, err
	}
	login, err := u.oauth(ctx, callback)
	if err != nil {
		return Credential{}, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, u.keys.client)
	token, err := login.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return Credential{}, invalid("the UAA does not take the sign-in: " + refused.ErrorCode)
	case err != nil:
		return Credential{}, unavailable(err)
	case len(token.AccessToken) > maxToken:
		return Credential{}, invalid("it is too long")
	}
	return Credential{Kind: KindUAA, Token: token.AccessToken}, nil
}

// Project is a person's own word for a project of Keystone.
type Project struct{ User, UserDomain, Password, Project, ProjectDomain string }

// SignInKeystone takes a token of a project from Keystone. Errors: ErrInvalidToken, ErrUnavailable.
func (a *Authenticator) SignInKeystone(ctx context.Context, p Project, now time.Time) (Credential, error) {
	switch {
	case a.keystone == nil:
		return Credential{}, ErrBadRequest
	case !a.accounts.limiter.AllowN(now, 1):
		return Credential{}, ErrTooManySignIns
	}
	own := Keystone{
		Username: p.User, UserDomain: p.UserDomain, Project: p.Project, ProjectDomain: p.ProjectDomain,
		Secret: Secret{Value: p.Password},
	}.withDefaults()
	text, err := json.Marshal(own.login())
	if err != nil {
		return Credential{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.keystone.base, bytes.NewReader(text))
	if err != nil {
		return Credential{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	status, header, _, err := fetch(a.keystone.client, r)
	token := header.Get("X-Subject-Token")
	switch {
	case err != nil:
		return Credential{}, unavailable(err)
	case status == http.StatusUnauthorized:
		return Credential{}, invalid("Keystone does not know this user, password and project")
	case status != http.StatusCreated || token == "" || len(token) > maxKeystoneToken:
		return Credential{}, unavailable(fmt.Errorf("POST %s: status %d, and no token", a.keystone.base, status))
	}
	return Credential{Kind: KindKeystone, Token: token}, nil
}
