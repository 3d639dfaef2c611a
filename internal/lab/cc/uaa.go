package cc

import (
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/identity"
)

// uaa gives out and checks tokens. Its owner's lock guards it.
type uaa struct {
	clients []Client
	key     *rsa.PrivateKey // nil until it is needed
	keys    int             // how many there have been
	given   int             // tokens
	logins  identity.Logins
}

func newUAA(c Config) *uaa { return &uaa{clients: c.Clients, key: c.Key, keys: 1} }

// token is the content of an access or refresh token.
type token struct {
	ID       string   `json:"jti"` // of a refresh token ends in -r
	Subject  string   `json:"sub"`
	Client   string   `json:"client_id"`
	UserID   string   `json:"user_id,omitempty"`
	UserName string   `json:"user_name,omitempty"`
	Origin   string   `json:"origin,omitempty"`
	Grant    string   `json:"grant_type"`
	Scopes   []string `json:"scope"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	Issuer   string   `json:"iss"`
	Zone     string   `json:"zid"`
	Audience []string `json:"aud"`
}

func (t *token) has(scope string) bool { return slices.Contains(t.Scopes, scope) }

// global reports whether the token reads everything.
func (t *token) global() bool { return global(t.Scopes) }

// owner is the guid of the token's owner at Cloud Controller: a client's is its id.
func (t *token) owner() string {
	if t.UserID != "" {
		return t.UserID
	}
	return t.Client
}

// signingKey makes the key if there is none.
func (u *uaa) signingKey() identity.Key {
	name := "key-" + strconv.Itoa(u.keys)
	if u.key == nil {
		u.key = identity.NewKey(name).Private
	}
	return identity.Key{ID: name, Private: u.key}
}

func (u *uaa) sign(issuer string, t *token) string {
	return u.signingKey().Sign(map[string]any{"jku": strings.TrimSuffix(issuer, "/oauth/token") + "/token_keys"}, t)
}

// read returns the content of a valid token, signed by the present key; nil otherwise.
func (u *uaa) read(text string, now time.Time) *token {
	if u.key == nil {
		return nil
	}
	var t token
	if json.Unmarshal(u.signingKey().Verify(text), &t) != nil || now.Unix() >= t.Expires {
		return nil
	}
	return &t
}

// check reads the access token of a request, or says how Cloud Controller refuses it. Source:
// lib/cloud_controller/uaa/uaa_token_decoder.rb.
func (u *uaa) check(authorization string, now time.Time) (*token, *fault) {
	scheme, text, _ := strings.Cut(authorization, " ")
	if authorization == "" {
		return nil, &notAuthenticated
	}
	if !strings.EqualFold(scheme, "bearer") {
		return nil, &invalidToken
	}
	t := u.read(strings.TrimSpace(text), now)
	if t == nil || strings.HasSuffix(t.ID, "-r") || !slices.Contains(t.Audience, "cloud_controller") {
		return nil, &invalidToken
	}
	return t, nil
}

// refusal is an error of the UAA.
func refusal(status int, name, description string) answer {
	return jsonAnswer(status, map[string]string{"error": name, "error_description": description})
}

// giveToken is POST /oauth/token, with the grants client_credentials, password,
// authorization_code and refresh_token.
func (f *Foundation) giveToken(r *request) answer {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		return refusal(http.StatusBadRequest, "invalid_request", "The body is not a form")
	}
	client := f.uaa.client(r)
	if client == nil {
		return refusal(http.StatusUnauthorized, "unauthorized", "Bad credentials")
	}
	var t token
	refreshed := false
	switch grant := r.Form.Get("grant_type"); grant {
	case "client_credentials":
		if len(client.Authorities) == 0 {
			return refusal(http.StatusUnauthorized, "unauthorized_client", "Unauthorized grant type: "+
				"client_credentials")
		}
		t = token{Subject: client.ID, Grant: grant, Scopes: client.Authorities}
	case "password":
		i := slices.IndexFunc(f.users, func(u User) bool { return u.Name == r.Form.Get("username") })
		if i < 0 || !same(f.users[i].Password, r.Form.Get("password")) {
			return refusal(http.StatusUnauthorized, "unauthorized", "Bad credentials")
		}
		t, refreshed = f.users[i].token(grant), true
	case "authorization_code":
		name, scopes, good := f.uaa.logins.Redeem(client.ID, r.Form)
		i := slices.IndexFunc(f.users, func(u User) bool { return u.Name == name })
		if !good || i < 0 {
			return refusal(http.StatusBadRequest, "invalid_grant", "Invalid authorization code")
		}
		t, refreshed = f.users[i].token(grant), true
		t.Scopes = scopes
	case "refresh_token":
		old := f.uaa.read(r.Form.Get("refresh_token"), f.config.Clock())
		i := -1
		if old != nil && strings.HasSuffix(old.ID, "-r") && old.Client == client.ID {
			i = slices.IndexFunc(f.users, func(u User) bool { return u.GUID == old.UserID })
		}
		if i < 0 {
			return refusal(http.StatusUnauthorized, "invalid_token", "The token expired, was revoked, or the token "+
				"ID is incorrect.")
		}
		t, refreshed = f.users[i].token(grant), true
	default:
		return refusal(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: "+grant)
	}
	t.Client = client.ID
	return f.tokens(r, t, refreshed)
}

func (u *User) token(grant string) token {
	return token{Subject: u.GUID, UserID: u.GUID, UserName: u.Name, Origin: "uaa", Grant: grant, Scopes: u.Scopes}
}

// refreshLifetime is how long refresh tokens live. Source:
// uaa.jwt.policy.refreshTokenValiditySeconds.
const refreshLifetime = 30 * day

// tokens writes the tokens of a grant.
func (f *Foundation) tokens(r *request, t token, refreshed bool) answer {
	if f.knobs.MissingGlobalScope {
		t.Scopes = slices.DeleteFunc(slices.Clone(t.Scopes), func(s string) bool {
			return slices.Contains(globalScopes,
				s)
		})
	}
	now := f.config.Clock()
	lifetime := time.Duration(f.knobs.TokenLifetime).Truncate(time.Second)
	f.uaa.given++
	t.ID = strings.ReplaceAll(uuidOf("token", strconv.Itoa(f.uaa.given)), "-", "")
	t.Issuer, t.Zone, t.Audience = r.base+"/oauth/token", "uaa", []string{"cloud_controller", t.Client}
	t.Issued, t.Expires = now.Unix(), now.Add(lifetime).Unix()
	body := map[string]any{
		"access_token": f.uaa.sign(t.Issuer, &t), "token_type": "bearer", "expires_in": int64(lifetime / time.Second),
		"scope": strings.Join(t.Scopes, " "), "jti": t.ID,
	}
	if refreshed {
		t.ID, t.Expires = t.ID+"-r", now.Add(refreshLifetime).Unix()
		body["refresh_token"] = f.uaa.sign(t.Issuer, &t)
	}
	return jsonAnswer(http.StatusOK, body).with("Cache-Control", "no-store")
}

// client is the client behind a request to the UAA, by Basic authentication or by the form; nil for
// none.
func (u *uaa) client(r *request) *Client {
	id, secret, ok := r.BasicAuth()
	if ok {
		var err error
		if id, err = url.QueryUnescape(id); err != nil {
			return nil
		}
		if secret, err = url.QueryUnescape(secret); err != nil {
			return nil
		}
	} else {
		id, secret = r.Form.Get("client_id"), r.Form.Get("client_secret")
	}
	for i := range u.clients {
		if u.clients[i].ID == id && same(u.clients[i].Secret, secret) {
			return &u.clients[i]
		}
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// tokenKeys is GET /token_keys, with an ETag.
func (f *Foundation) tokenKeys(r *request) answer {
	key := f.uaa.signingKey()
	etag := `"` + key.ID + `"`
	if r.Header.Get("If-None-Match") == etag {
		return answer{status: http.StatusNotModified, kind: jsonType}.with("ETag", etag)
	}
	return jsonAnswer(http.StatusOK, map[string]any{"keys": []map[string]string{key.JWK()}}).with("ETag", etag)
}

// openID is GET /.well-known/openid-configuration, as far as Cloud Controller reads it.
func (f *Foundation) openID(r *request) answer {
	return jsonAnswer(http.StatusOK, map[string]any{
		"issuer": r.base + "/oauth/token", "token_endpoint": r.base + "/oauth/token", "jwks_uri": r.base +
			"/token_keys",
		"authorization_endpoint": r.base + "/oauth/authorize", "userinfo_endpoint": r.base + "/userinfo",
		"grant_types_supported": []string{
			"client_credentials", "password", "authorization_code", "refresh_token",
		},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// RotateKey makes a new key for tokens. Tokens of the old one are good no longer.
func (f *Foundation) RotateKey() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uaa.key = nil
	f.uaa.keys++
}

// login checks the password of a user, on the UAA's page for people.
func (f *Foundation) login(name, password string) (scopes []string, known bool) {
	for i := range f.users {
		if f.users[i].Name == name && same(f.users[i].Password, password) {
			return f.users[i].Scopes, true
		}
	}
	return nil, false
}

// has reports whether a client is known.
func (u *uaa) has(id string) bool {
	return slices.ContainsFunc(u.clients, func(c Client) bool { return c.ID == id })
}
