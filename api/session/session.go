// Package session keeps people signed in: what a session has stands in cookies of the browser,
// sealed (AES-256-GCM). Which ones were ended before their end stands in memory.
//
// Reads and writes cookies of a request. A cookie that was changed, or has ended, is none. A crash
// ends no session where the key is a setting, and forgets which were ended; with a key by chance it
// ends all.
//
// Limits: a session ends with its token, and after Longest; Most bytes, in cookies of maxCookie;
// MostEnded.
package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of sessions.
const (
	Longest   = 12 * time.Hour
	MostEnded = 10_000   // sessions that were ended before their end, in memory
	Most      = 18 << 10 // bytes, sealed
	maxCookie = 3800     // bytes: browsers keep 4,096 with the name
	keyBytes  = 32
)

// ErrTooLong: a session does not fit the cookies.
var ErrTooLong = errors.New("the token is too long for a session")

// Session is what is kept.
type Session struct {
	Kind    string    `json:"k"` // of the credential
	Token   string    `json:"t"`
	Guard   string    `json:"g"` // stands in every form: a page of another site does not know it
	Expires time.Time `json:"e"`
}

// Guards reports whether a form has the session's guard.
func (s *Session) Guards(text string) bool {
	return s.Guard != "" && subtle.ConstantTimeCompare([]byte(s.Guard), []byte(text)) == 1
}

// Keeper seals values into cookies. It is safe for concurrent use.
type Keeper struct {
	aead cipher.AEAD
	now  func() time.Time

	mu    sync.Mutex           // guards the next one
	ended map[string]time.Time // by guard of a session that was ended: its own end
}

// New makes a keeper. The secret is 32 bytes or more; empty: one by chance.
func New(secret string, now func() time.Time) (*Keeper, error) {
	if secret == "" {
		secret = rand.Text() + rand.Text()
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "daybook sessions", keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Keeper{aead: aead, now: now, ended: map[string]time.Time{}}, err
}

// Names of cookies.
const (
	Name   = "daybook-session"
	SignIn = "daybook-sign-in" // of a sign-in under way
)

// hostPrefix keeps other hosts of the domain, and http, from setting a cookie. Source: RFC 6265bis,
// section 4.1.3.
const hostPrefix = "__Host-"

// Begin begins a session, at most Longest.
func (k *Keeper) Begin(w http.ResponseWriter, r *http.Request, s Session) error {
	s.Guard = rand.Text()
	if end := k.now().Add(Longest); s.Expires.IsZero() || s.Expires.After(end) {
		s.Expires = end
	}
	return k.Put(w, r, Name, s, s.Expires)
}

// Of is the session of a request; false for none, and for one that was ended.
func (k *Keeper) Of(r *http.Request) (s Session, ok bool) {
	ok = k.Get(r, Name, &s) && k.now().Before(s.Expires) && !k.over(s.Guard)
	return s, ok
}

// End ends the session of a browser, and of every copy of its cookies.
func (k *Keeper) End(w http.ResponseWriter, r *http.Request) {
	if s, known := k.Of(r); known {
		k.remember(&s)
	}
	k.Drop(w, r, Name)
}

// over reports whether a session was ended.
func (k *Keeper) over(guard string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, over := k.ended[guard]
	return over
}

// remember notes that a session was ended. Beyond MostEnded the one with the earliest end of its
// own is forgotten.
func (k *Keeper) remember(s *Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ended) >= MostEnded {
		now, first := k.now(), ""
		for guard, end := range k.ended {
			switch {
			case !now.Before(end):
				delete(k.ended, guard)
			case first == "" || end.Before(k.ended[first]):
				first = guard
			}
		}
		if len(k.ended) >= MostEnded {
			delete(k.ended, first)
		}
	}
	k.ended[s.Guard] = s.Expires
}

// Put seals a value into cookies. Error: ErrTooLong.
func (k *Keeper) Put(w http.ResponseWriter, r *http.Request, name string, value any, until time.Time) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	//nolint:gosec // the cipher takes a nonce by chance itself
	sealed := base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, text, []byte(name)))
	if len(sealed) > Most {
		return fmt.Errorf("%w: it has %d bytes of %d", ErrTooLong, len(sealed), Most)
	}
	for i := 0; i*maxCookie < Most; i++ {
		part := sealed[min(i*maxCookie, len(sealed)):min((i+1)*maxCookie, len(sealed))]
		c := cookie(r, name, i) //nolint:gosec // sets the attributes
		if c.Value, c.Expires = part, until; part == "" && !has(r, c.Name) {
			break
		}
		if part == "" {
			c.MaxAge = -1 // of a longer one before
		}
		http.SetCookie(w, c)
	}
	return nil
}

// Get opens what was put; false where there is nothing, or somebody has changed it.
func (k *Keeper) Get(r *http.Request, name string, value any) bool {
	var all strings.Builder
	for i := 0; i*maxCookie < Most; i++ {
		c, err := r.Cookie(cookie(r, name, i).Name)
		if err != nil || c.Value == "" {
			break
		}
		all.WriteString(c.Value)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(all.String())
	if err != nil || len(sealed) == 0 {
		return false
	}
	text, err := k.aead.Open(nil, nil, sealed, []byte(name))
	return err == nil && json.Unmarshal(text, value) == nil
}

// Drop removes what was put.
func (*Keeper) Drop(w http.ResponseWriter, r *http.Request, name string) {
	for i := 0; i*maxCookie < Most; i++ {
		c := cookie(r, name, i) //nolint:gosec // sets the attributes
		if !has(r, c.Name) {
			break
		}
		c.MaxAge = -1
		http.SetCookie(w, c)
	}
}

// has reports whether a request has a cookie.
func has(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}

// cookie is the i-th cookie of a value. Away from this machine browsers send it over TLS alone.
func cookie(r *http.Request, name string, i int) *http.Cookie {
	if i > 0 {
		name += "-" + strconv.Itoa(i)
	}
	if !local(r) {
		name = hostPrefix + name
	}
	return &http.Cookie{ //nolint:gosec // a browser sends no Secure cookie to http://localhost
		Name: name, Path: "/", HttpOnly: true, Secure: !local(r), SameSite: http.SameSiteLaxMode,
	}
}

// local reports whether a request came to this machine by its own name.
func local(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
