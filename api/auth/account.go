package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"

	"github.com/daybook-billing/daybook/events"
)

// Limits of passwords.
const (
	minPassword    = 12 // bytes
	maxPassword    = 72 // bytes: bcrypt takes no more
	maxAccounts    = 100
	passwordCost   = 10 // of bcrypt
	signInsAtOnce  = 20
	signInsASecond = 1
)

// ErrTooManySignIns: more passwords are tried than a person would.
var ErrTooManySignIns = errors.New("too many sign-ins at this moment: try again in a minute")

// Account is a person with a password of their own: for small sites, and for the web pages alone.
type Account struct {
	Name string `yaml:"name"`
	// Password is its bcrypt digest.
	Password string         `yaml:"password"`
	Scopes   []string       `yaml:"scopes"` // usage, money, decide
	All      bool           `yaml:"all"`
	Tenants  []events.Owner `yaml:"tenants"`
}

// NewAccount makes an account that may do everything, with a password by chance.
func NewAccount(name string) (account Account, password string, err error) {
	chance := make([]byte, minPassword)
	rand.Read(chance) // never fails
	password = base64.RawURLEncoding.EncodeToString(chance)
	digest, err := Digest(password)
	return Account{
		Name: name, Password: digest, All: true, Scopes: slices.Sorted(maps.Keys(staticScopes())),
	}, password, err
}

// Digest is the digest of a password, as settings have it.
func Digest(password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("a password has %d to %d bytes", minPassword, maxPassword)
	}
	digest, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	return string(digest), err
}

// accounts are those of the settings.
type accounts struct {
	all     map[string]account
	limiter *rate.Limiter
	one     sync.Mutex // a digest costs 50 ms of a core: one at a time
}

type account struct {
	digest []byte
	access Access
}

func newAccounts(list []Account) (*accounts, error) {
	if len(list) > maxAccounts {
		return nil, fmt.Errorf("auth: there are %d accounts: at most %d are taken", len(list), maxAccounts)
	}
	a := &accounts{all: map[string]account{}, limiter: rate.NewLimiter(signInsASecond, signInsAtOnce)}
	for i := range list {
		x := &list[i]
		if _, twice := a.all[x.Name]; twice || x.Name == "" {
			return nil, fmt.Errorf("auth: account %d (%q): give each a name of its own", i+1, x.Name)
		}
		if cost, err := bcrypt.Cost([]byte(x.Password)); err != nil || cost > bcrypt.DefaultCost+4 {
			return nil, fmt.Errorf("auth: account %s: its password is no digest of bcrypt; daybook token password "+
				"makes one", x.Name)
		}
		rights, err := rightsOf(x.Scopes, x.All, x.Tenants)
		if err != nil {
			return nil, fmt.Errorf("auth: account %s: %w", x.Name, err)
		}
		rights.Kind, rights.Subject, rights.Name = KindAccount, x.Name, x.Name
		a.all[x.Name] = account{[]byte(x.Password), rights}
	}
	return a, nil
}

// access is what an account may see. An account that is in the settings no longer may nothing.
func (a *accounts) access(name string) (Access, error) {
	x, known := a.all[name]
	if !known {
		return Access{}, invalid("the account is no more")
	}
	return x.access, nil
}

// SignIn checks the password of an account. Errors: ErrInvalidToken, ErrTooManySignIns.
func (a *Authenticator) SignIn(_ context.Context, name, password string, now time.Time) (Credential, error) {
	if !a.accounts.limiter.AllowN(now, 1) {
		return Credential{}, ErrTooManySignIns
	}
	x, known := a.accounts.all[name]
	if !known { // the same work, so that nobody learns which accounts there are
		x.digest = []byte("$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5f8b2t2i1P5Yf2yTqE3kqv0U8v5pW")
	}
	a.accounts.one.Lock()
	defer a.accounts.one.Unlock()
	if bcrypt.CompareHashAndPassword(x.digest, []byte(password)) != nil || !known {
		return Credential{}, invalid("no account has this name and password")
	}
	return Credential{Kind: KindAccount, Token: name}, nil
}
