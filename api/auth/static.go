package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
)

// staticPrefix begins every static token: scanners for leaked secrets find it.
const staticPrefix = "dbk_"

// Limits of static tokens.
const (
	staticBytes   = 32 // of chance in a token
	rereadAfter   = 10 * time.Second
	maxStaticFile = 1 << 20 // bytes
	maxStatic     = 1000
)

// StaticToken is an entry of the file of static tokens, a list of them.
type StaticToken struct {
	Name   string   `yaml:"name"`
	SHA256 string   `yaml:"sha256"` // of the token, in hex
	Scopes []string `yaml:"scopes"` // usage, money, decide
	All    bool     `yaml:"all,omitempty"`
	// Tenants are those that it sees, unless All; one with an empty Tenant stands for every tenant
	// of its foundation.
	Tenants []events.Owner `yaml:"tenants,omitempty"`
	Expires time.Time      `yaml:"expires"`
}

// NewToken makes a token for an entry, and the entry's text for the file, with the token's digest.
// The token is shown once: the digest does not give it back.
func NewToken(entry StaticToken) (token string, text []byte, err error) {
	chance := make([]byte, staticBytes)
	rand.Read(chance) // never fails
	token = staticPrefix + base64.RawURLEncoding.EncodeToString(chance)
	sum := sha256.Sum256([]byte(token))
	entry.SHA256 = hex.EncodeToString(sum[:])
	if _, err := entry.check(); err != nil {
		return "", nil, fmt.Errorf("no token is made: %w", err)
	}
	text, err = yaml.Marshal([]StaticToken{entry})
	return token, text, err
}

// staticScopes are the rights by the names of scopes.
func staticScopes() map[string]Rights {
	return map[string]Rights{"usage": Usage, "money": Money, "decide": Decide}
}

// static is a checked entry.
type static struct {
	digest []byte
	access Access
}

// staticFile is the file of tokens. It is read again when it may have changed: to take a token back
// is to remove its entry.
type staticFile struct {
	path string
	now  func() time.Time

	// mu guards the fields below, and is held while the file is read: one reads it for all.
	mu   sync.Mutex
	read time.Time
	all  []static
	err  error
}

// tokens are those of the file. An error is one for every token: a file that cannot be read says
// nothing about who may see what.
func (f *staticFile) tokens() ([]static, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); f.read.IsZero() || now.Sub(f.read) >= rereadAfter {
		f.read = now
		f.all, f.err = readStatic(f.path)
	}
	return f.all, f.err
}

func readStatic(path string) ([]static, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("auth: static tokens: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxStaticFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("auth: static tokens: %w", err)
	case len(text) > maxStaticFile:
		return nil, fmt.Errorf("auth: %s has more than %d bytes", path, maxStaticFile)
	}
	var list []StaticToken
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("auth: %s: %w", path, err)
	}
	if len(list) > maxStatic {
		return nil, fmt.Errorf("auth: %s has %d tokens: at most %d are taken", path, len(list), maxStatic)
	}
	all := make([]static, len(list))
	names := map[string]bool{}
	for i := range list {
		t := &list[i]
		if all[i], err = t.check(); err == nil && names[t.Name] {
			err = errors.New("another token has its name")
		}
		if err != nil {
			return nil, fmt.Errorf("auth: %s: token %d (%s): %w", path, i+1, t.Name, err)
		}
		names[t.Name] = true
	}
	return all, nil
}

// check turns an entry into the access that it gives.
func (t *StaticToken) check() (static, error) {
	digest, err := hex.DecodeString(t.SHA256)
	switch {
	case t.Name == "":
		return static{}, errors.New("it has no name")
	case err != nil || len(digest) != sha256.Size:
		return static{}, errors.New("its sha256 is not the 64 hex digits of a digest")
	case t.Expires.IsZero():
		return static{}, errors.New("it has no end: give expires, such as 2027-12-31T00:00:00Z")
	}
	access, err := rightsOf(t.Scopes, t.All, t.Tenants)
	if err != nil {
		return static{}, err
	}
	access.Kind, access.Subject, access.Name, access.Expires = KindStatic, t.Name, t.Name, t.Expires.UTC()
	return static{digest: digest, access: access}, nil
}

// rightsOf is the access by the names of scopes, to all or to some tenants.
func rightsOf(scopes []string, all bool, tenants []events.Owner) (Access, error) {
	access := Access{Tenants: map[events.Owner]Rights{}}
	if all == (len(tenants) > 0) {
		return access, errors.New("give either all: true or tenants")
	}
	var rights Rights
	for _, scope := range scopes {
		right, known := staticScopes()[scope]
		if !known {
			return access, fmt.Errorf("the scope %q is unknown: give some of usage, money, decide", scope)
		}
		rights |= right
	}
	if rights == 0 {
		return access, errors.New("it has no scope: give some of usage, money, decide")
	}
	if all {
		access.All = rights
	}
	for _, tenant := range tenants {
		if tenant.Foundation == "" {
			return access, errors.New("a tenant has no foundation")
		}
		access.Tenants[tenant] = rights
	}
	return access, nil
}

// byStatic compares the digest with all of the file, in a time that does not depend on them.
func (a *Authenticator) byStatic(token string) (Access, error) {
	if a.static == nil {
		return Access{}, invalid("static tokens are not configured")
	}
	all, err := a.static.tokens()
	if err != nil {
		return Access{}, unavailable(err)
	}
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range all {
		if subtle.ConstantTimeCompare(all[i].digest, sum[:]) == 1 {
			found = i
		}
	}
	switch {
	case found < 0:
		return Access{}, invalid("no static token is like it")
	case !a.now().Before(all[found].access.Expires):
		return Access{}, invalid("it has expired")
	}
	return all[found].access, nil
}
