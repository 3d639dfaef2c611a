package identity

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"time"
)

// Forgery is a way to a bearer token that every endpoint refuses with 401, whatever it claims.
type Forgery struct {
	Name string // "a token that has expired"
	Make func(u *UAA) string
}

// forged is the guid of the user of the forgeries, and its scope would see everything.
const (
	forged      = "11111111-0000-4000-8000-000000000001"
	forgedScope = "cloud_controller.admin"
)

// Forgeries are tokens with good claims in all but one respect.
func Forgeries() []Forgery {
	return append(append(badClaims(), otherTokens()...), badSignatures()...)
}

func badClaims() []Forgery {
	with := func(name, claim string, value func(u *UAA) any) Forgery {
		return Forgery{name, func(u *UAA) string { return u.Token(u.User(forged, forgedScope).With(claim, value(u))) }}
	}
	seconds := func(d time.Duration) func(u *UAA) any {
		return func(u *UAA) any { return u.now().Add(d).Unix() }
	}
	is := func(value any) func(u *UAA) any { return func(*UAA) any { return value } }
	all := []Forgery{
		with("a token that has expired", "exp", seconds(-2*time.Minute)),
		with("a token that is not valid yet", "nbf", seconds(time.Hour)),
		with("a token from the future", "iat", seconds(time.Hour)),
		with("a token of another issuer", "iss", is("https://uaa.attacker.example/oauth/token")),
		with("a token whose issuer has a slash more", "iss", func(u *UAA) any { return u.Issuer() + "/" }),
		with("a token of another identity zone", "zid", is("tenant-zone")),
		with("a token for another audience", "aud", is([]string{"uaa", "cf"})),
		with("a token for its own client alone", "aud", is([]string{"cf"})),
		with("a token whose scope is a string", "scope", is(forgedScope)),
	}
	for _, claim := range []string{"iss", "aud", "exp", "jti", "scope", "sub"} {
		all = append(all, with("a token without "+claim, claim, is(nil)))
	}
	return all
}

// otherTokens are signed by the UAA, and are no access tokens.
func otherTokens() []Forgery {
	return []Forgery{
		{"a refresh token", func(u *UAA) string {
			c := u.User(forged).With("scope", nil).With("granted_scopes", []string{forgedScope})
			return u.Token(c.With("jti", "0123456789abcdef0123456789abcdef-r"))
		}},
		{"a refresh token with a scope", func(u *UAA) string {
			return u.Token(u.User(forged, forgedScope).With("jti", "0123456789abcdef0123456789abcdef-r"))
		}},
		{"a refresh token without its mark", func(u *UAA) string {
			return u.Token(u.User(forged, forgedScope).With("granted_scopes", []string{forgedScope}))
		}},
		{"an ID token", func(u *UAA) string {
			return u.Token(u.User(forged, "openid").With("aud", []string{"cf"}))
		}},
		{"an ID token that names a resource", func(u *UAA) string { return u.Token(u.User(forged, "openid")) }},
		{"a token for its own client alone, which has a resource's name", func(u *UAA) string {
			c := u.User(forged, forgedScope).With("aud", []string{"cloud_controller"})
			return u.Token(c.With("client_id", "cloud_controller").With("cid", nil).With("azp", nil))
		}},
		{"an opaque token", func(*UAA) string { return "0123456789abcdef0123456789abcdef" }},
	}
}

func badSignatures() []Forgery {
	admin := func(u *UAA) Claims { return u.User(forged, forgedScope) }
	return []Forgery{
		{"a token without a signature (alg none)", func(u *UAA) string {
			return segments(map[string]any{"alg": "none", "kid": u.Active().ID, "typ": "JWT"}, admin(u)) + "."
		}},
		{"a token signed with the public key as a secret (HS256)", func(u *UAA) string {
			return HS256(u.Active().ID, []byte(u.Active().PEM()), admin(u))
		}},
		{"a token by an algorithm that is not allowed (RS512)", func(u *UAA) string {
			text := segments(map[string]any{"alg": "RS512", "kid": u.Active().ID, "typ": "JWT"}, admin(u))
			sum := sha512.Sum512([]byte(text))
			signature, err := rsa.SignPKCS1v15(rand.Reader, u.Active().Private, crypto.SHA512, sum[:])
			if err != nil {
				panic(err) // the key is long enough
			}
			return text + "." + base64.RawURLEncoding.EncodeToString(signature)
		}},
		{"a token that names another algorithm than its own", func(u *UAA) string {
			return u.Active().Sign(map[string]any{"alg": "RS512"}, admin(u))
		}},
		{"a token of an unknown key", func(u *UAA) string { return strangersKey().Sign(nil, admin(u)) }},
		{"a token of another key with a known name", func(u *UAA) string {
			return Key{u.Active().ID, strangersKey().Private}.Sign(nil, admin(u))
		}},
		{"a token without the name of a key", func(u *UAA) string {
			return u.Active().Sign(map[string]any{"kid": ""}, admin(u))
		}},
		{"a token with a critical header", func(u *UAA) string {
			return u.Active().Sign(map[string]any{"crit": []string{"x"}, "x": true}, admin(u))
		}},
		{"a token with another's signature", func(u *UAA) string {
			good := u.Token(u.User(forged))
			parts := strings.Split(u.Token(admin(u)), ".")
			return parts[0] + "." + parts[1] + good[strings.LastIndexByte(good, '.'):]
		}},
	}
}

// strangersKey is a key that no UAA has.
func strangersKey() Key { return NewKey("strangers-key") }

// HS256 signs with a shared secret.
func HS256(kid string, secret []byte, c Claims) string {
	text := segments(map[string]any{"alg": "HS256", "kid": kid, "typ": "JWT"}, c)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
