package ui

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/session"
)

// SignIns are the ways to sign in; an auth.Authenticator has them.
type SignIns interface {
	Ways() auth.Ways
	Present(ctx context.Context, c auth.Credential) (auth.Access, error)
	SignIn(ctx context.Context, name, password string, now time.Time) (auth.Credential, error)
	SignInKeystone(ctx context.Context, p auth.Project, now time.Time) (auth.Credential, error)
	Begin(ctx context.Context, way int, callback, state, verifier string) (string, error)
	Finish(ctx context.Context, way int, callback, code, verifier string) (auth.Credential, error)
}

// Limits of signing in.
const (
	maxForm    = 64 << 10 // bytes
	signInTime = 10 * time.Minute
)

// underWay is a sign-in with a UAA that has begun.
type underWay struct {
	Way             int
	State, Verifier string
	To              string
	Until           time.Time
}

// signInPage is the page for signing in.
type signInPage struct {
	Ways    auth.Ways
	To      string
	Problem string
	Open    bool
}

// registerSignIn adds the pages for signing in and out.
func (u *Pages) registerSignIn(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Root+"sign-in", func(w http.ResponseWriter, r *http.Request) { u.askToSignIn(w, r, nil) })
	mux.HandleFunc("POST "+Root+"sign-in", u.signIn)
	mux.HandleFunc("GET "+Root+"sign-in/{way}", u.begin)
	mux.HandleFunc("GET "+Root+"signed-in", u.finish)
	mux.HandleFunc("POST "+Root+"sign-out", u.signOut)
}

// askToSignIn shows the ways to sign in, with why the last one failed.
func (u *Pages) askToSignIn(w http.ResponseWriter, r *http.Request, problem error) {
	u.guard(w.Header())
	x := &signInPage{To: within(r.FormValue("to")), Open: u.deps.Open}
	if u.deps.SignIns != nil {
		x.Ways = u.deps.SignIns.Ways()
	}
	status := http.StatusOK
	if problem != nil {
		status, x.Problem = u.deps.Refuse(w.Header(), problem)
		w.Header().Del("WWW-Authenticate") // browsers would ask by themselves
		if errors.Is(problem, auth.ErrInvalidToken) {
			_, x.Problem, _ = strings.Cut(problem.Error(), ": ")
		}
	}
	u.show(w, status, &Reader{}, &view{file: "signin", title: "Sign in", data: x})
}

// within is an address of a page of ours, for after the sign-in.
func within(to string) string {
	at, err := url.Parse(to)
	if err != nil || at.Host != "" || at.Scheme != "" || !strings.HasPrefix(at.Path, Root) ||
		strings.Contains(to, "\\") || path.Clean(at.Path) != strings.TrimSuffix(at.Path, "/") {
		return Root
	}
	return to
}

// own reports whether a form comes from a page of ours: browsers say where a form comes from.
func own(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	at, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && at.Host == r.Host
}

// typed reports whether a request comes from the browser itself. It sends no form of its own, but
// sends one again, such as that of a page that it restores: the guard tells whose it is.
func typed(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Site") == "none" }

// signIn signs in with a password.
func (u *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil || !own(r) || u.deps.SignIns == nil {
		u.askToSignIn(w, r, auth.ErrForbidden)
		return
	}
	var c auth.Credential
	var err error
	if r.PostForm.Get("way") == "keystone" {
		c, err = u.deps.SignIns.SignInKeystone(r.Context(), auth.Project{
			User: r.PostForm.Get("user"), UserDomain: r.PostForm.Get("user_domain"),
			Password: r.PostForm.Get("password"), Project: r.PostForm.Get("project"),
			ProjectDomain: r.PostForm.Get("project_domain"),
		}, u.deps.Now())
	} else {
		c, err = u.deps.SignIns.SignIn(r.Context(), r.PostForm.Get("user"), r.PostForm.Get("password"), u.deps.Now())
	}
	u.enter(w, r, &c, err, within(r.PostForm.Get("to")))
}

// enter begins the session of a credential, and goes on to a page.
func (u *Pages) enter(w http.ResponseWriter, r *http.Request, c *auth.Credential, err error, to string) {
	var access auth.Access
	if err == nil {
		access, err = u.deps.SignIns.Present(r.Context(), *c)
	}
	if err == nil {
		err = u.deps.Sessions.Begin(w, r, session.Session{Kind: c.Kind, Token: c.Token, Expires: access.Expires})
	}
	if err != nil {
		u.askToSignIn(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a page of ours, see within
}

// begin goes to the UAA for signing in.
func (u *Pages) begin(w http.ResponseWriter, r *http.Request) {
	way, err := strconv.Atoi(r.PathValue("way"))
	x := underWay{
		Way: way, State: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: within(r.FormValue("to")),
		Until: u.deps.Now().Add(signInTime),
	}
	var to string
	if err == nil && u.deps.SignIns != nil {
		to, err = u.deps.SignIns.Begin(r.Context(), way, u.callback(r), x.State, x.Verifier)
	}
	if err == nil {
		err = u.deps.Sessions.Put(w, r, session.SignIn, x, x.Until)
	}
	if err != nil || to == "" {
		u.askToSignIn(w, r, errors.Join(err, auth.ErrBadRequest))
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the UAA of the settings
}

// callback is the address that the UAA comes back to: below the settings' own, or by the request.
func (u *Pages) callback(r *http.Request) string {
	if u.deps.URL != "" {
		return strings.TrimSuffix(u.deps.URL, "/") + Root + "signed-in"
	}
	scheme := "https"
	if r.TLS == nil && !strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "http"
	}
	return scheme + "://" + r.Host + Root + "signed-in"
}

// errOtherSignIn: the sign-in was not begun in this browser.
var errOtherSignIn = fmt.Errorf("%w: this sign-in was not begun here, or too long ago; begin again",
	auth.ErrInvalidToken)

// finish takes the UAA's code. It belongs to the browser in which the sign-in was begun.
func (u *Pages) finish(w http.ResponseWriter, r *http.Request) {
	var x underWay
	known := u.deps.Sessions.Get(r, session.SignIn, &x)
	u.deps.Sessions.Drop(w, r, session.SignIn)
	state := []byte(r.FormValue("state"))
	if !known || u.deps.SignIns == nil || !u.deps.Now().Before(x.Until) ||
		subtle.ConstantTimeCompare([]byte(x.State), state) != 1 {
		u.askToSignIn(w, r, errOtherSignIn)
		return
	}
	c, err := u.deps.SignIns.Finish(r.Context(), x.Way, u.callback(r), r.FormValue("code"), x.Verifier)
	u.enter(w, r, &c, err, x.To)
}

// signOut ends the session.
func (u *Pages) signOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if s, known := u.deps.Sessions.Of(r); known && s.Guards(r.PostFormValue("guard")) {
		u.deps.Sessions.End(w, r)
	}
	http.Redirect(w, r, Root+"sign-in", http.StatusSeeOther)
}
