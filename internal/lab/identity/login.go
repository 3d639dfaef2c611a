package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// codeLifetime is how long a code is good. Source: uaa's default.
const codeLifetime = 5 * time.Minute

// Logins is a UAA's page for people: /oauth/authorize with the grant authorization_code and PKCE.
// It is safe for concurrent use. Source: cloudfoundry/uaa, docs of /oauth/authorize; RFC 6749,
// section 4.1; RFC 7636.
type Logins struct {
	Client func(id string) bool
	// User is the scopes of a user with a password.
	User func(name, password string) (scopes []string, known bool)
	Now  func() time.Time

	mu    sync.Mutex
	codes map[string]code // given out, and not redeemed
}

// code is an authorization code.
type code struct {
	client, redirect, challenge, user string
	scopes                            []string
	until                             time.Time
}

var loginPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>UAA</title>
<h1>Welcome</h1>{{with .}}<p role="alert">{{.}}</p>{{end}}
<form method="post">
<label>Email <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form></html>
`))

// ServeHTTP answers GET with a form, and the form with a redirect to the client.
func (l *Logins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	at, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || at.Host == "" || !l.Client(q.Get("client_id")):
		http.Error(w, "invalid_request: no such client or redirect_uri", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		http.Error(w, "unsupported_response_type: give code, and S256", http.StatusBadRequest)
		return
	}
	problem := ""
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if scopes, known := l.User(r.PostFormValue("username"), r.PostFormValue("password")); known {
			l.back(w, r, at, code{
				client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
				user: r.PostFormValue("username"), scopes: asked(q.Get("scope"), scopes),
				until: l.Now().Add(codeLifetime),
			})
			return
		}
		problem = "Provided credentials are invalid. Please try again."
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginPage.Execute(w, problem)
}

// asked are the scopes that were asked for, of a user's; without a word all of them.
func asked(words string, scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
		return words != "" && !slices.Contains(strings.Fields(words), s)
	})
}

// back goes back to the client with a new code.
func (l *Logins) back(w http.ResponseWriter, r *http.Request, at *url.URL, c code) {
	name := rand.Text()
	l.mu.Lock()
	if l.codes == nil {
		l.codes = map[string]code{}
	}
	l.codes[name] = c
	l.mu.Unlock()
	q := at.Query()
	q.Set("code", name)
	q.Set("state", r.URL.Query().Get("state"))
	at.RawQuery = q.Encode()
	http.Redirect(w, r, at.String(), http.StatusFound) //nolint:gosec // as a UAA does
}

// Redeem takes a code once, for the client that it was given to; false for any other.
func (l *Logins) Redeem(client string, form url.Values) (user string, scopes []string, good bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.codes[form.Get("code")]
	delete(l.codes, form.Get("code"))
	digest := sha256.Sum256([]byte(form.Get("code_verifier")))
	proven := c.challenge == "" || c.challenge == base64.RawURLEncoding.EncodeToString(digest[:])
	return c.user, c.scopes, known && c.client == client && c.redirect == form.Get("redirect_uri") && proven &&
		l.Now().Before(c.until)
}
