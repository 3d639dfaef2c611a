package identity

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// UAA signs tokens, and publishes its keys and its issuer. It is safe for concurrent use.
type UAA struct {
	server
	address string
	now     func() time.Time

	// The lock of server guards the fields below.
	keys   []Key // published
	active Key
	extra  []map[string]string // further entries of /token_keys
	tokens int
}

// NewUAA is a UAA with one key, by a clock.
func NewUAA(key Key, now func() time.Time) *UAA {
	return &UAA{now: now, keys: []Key{key}, active: key}
}

// At sets the UAA's address, which its issuer begins with: https://uaa.example.org.
func (u *UAA) At(address string) { u.address = address }

// Issuer is iss of the tokens.
func (u *UAA) Issuer() string { return u.address + "/oauth/token" }

// ServeHTTP answers GET /token_keys and GET /.well-known/openid-configuration.
func (u *UAA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u.taken(w, r) {
		return
	}
	switch r.URL.Path {
	case "/token_keys":
		u.mu.Lock()
		all := slices.Clone(u.extra)
		for _, key := range u.keys {
			all = append(all, key.JWK())
		}
		u.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"keys": all})
	case "/.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, map[string]any{"issuer": u.Issuer(), "jwks_uri": u.address + "/token_keys"})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// Publish publishes keys in place of the present ones; tokens are still signed with the active one.
func (u *UAA) Publish(keys ...Key) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.keys = keys
}

// Activate has tokens signed with a key from now on.
func (u *UAA) Activate(key Key) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.active = key
}

// Active is the key of the tokens.
func (u *UAA) Active() Key {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.active
}

// PublishBeside publishes entries beside the keys, whatever they say.
func (u *UAA) PublishBeside(entries ...map[string]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.extra = entries
}

// Claims is the content of a token.
type Claims map[string]any

// With is a copy with a claim; nil leaves the claim out.
func (c Claims) With(name string, value any) Claims {
	c = maps.Clone(c)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

// User is the content of a token that a user got through the client "cf", good for ten minutes.
func (u *UAA) User(guid string, scopes ...string) Claims {
	c := u.claims("cf", guid, scopes)
	maps.Copy(c, Claims{
		"user_id": guid, "user_name": "user-" + guid, "origin": "uaa", "grant_type": "password",
	})
	return c
}

// Client is the content of a client's own token, good for ten minutes.
func (u *UAA) Client(id string, scopes ...string) Claims {
	c := u.claims(id, id, scopes)
	maps.Copy(c, Claims{"authorities": scopes, "grant_type": "client_credentials"})
	return c
}

func (u *UAA) claims(client, subject string, scopes []string) Claims {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tokens++
	id := strconv.Itoa(u.tokens)
	now := u.now()
	return Claims{
		"jti": "0123456789abcdef0123456789abcdef"[len(id):] + id, "sub": subject, "client_id": client,
		"cid": client, "azp": client, "scope": append([]string{}, scopes...),
		"aud": []string{"cloud_controller", client}, "iss": u.Issuer(), "zid": "uaa",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
}

// Token signs with the active key, with the header of a real token.
func (u *UAA) Token(c Claims) string {
	return u.Active().Sign(map[string]any{"jku": u.address + "/token_keys"}, c)
}
