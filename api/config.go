package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/ledger"
)

// DefaultAddress is the address of Config.Address.
const DefaultAddress = "127.0.0.1:8080"

// Config are the settings.
type Config struct {
	// Address is host:port; port 0 takes a free one. Default: DefaultAddress.
	Address string
	// Spare is set where the API is no more than a help: Run does without it, and says so in the
	// log, where the address is in use.
	Spare bool
}

// Deps are what the API needs.
type Deps struct {
	Reader ledger.Reader
	Bus    answer.Bus
	// Authenticator is nil for the open mode, on loopback alone.
	Authenticator Authenticator
	Log           *slog.Logger
	Version       string           // of the program, for the OpenAPI document
	Now           func() time.Time // default: time.Now
}

// Access is who asks, and until when.
type Access struct {
	answer.Asker
	Expires time.Time // of the token; zero without one
}

// Authenticator finds out who asks.
type Authenticator interface {
	// Open reports whether everybody on this machine may ask without a token.
	Open() bool
	// Authenticate finds out who sends a request, by its headers alone.
	Authenticate(ctx context.Context, r *http.Request) (Access, error)
	// Refuse is the answer to an error of Authenticate, with the headers that belong to it.
	Refuse(h http.Header, err error) (status int, detail string)
}

// openMode lets everybody on this machine read everything, and decide nothing.
type openMode struct{}

var errNotLocal = errors.New("without authentication the API answers to localhost and loopback addresses only, and " +
	"to no page of another origin")

// Open implements Authenticator.
func (openMode) Open() bool { return true }

// Authenticate implements Authenticator. A page of another site in a browser of this machine is
// kept out: it could reach the API by a name of its own (Host), or by a script (Origin).
func (openMode) Authenticate(_ context.Context, r *http.Request) (Access, error) {
	origin := r.Header.Get("Origin")
	if !loopback(r.Host) || origin != "" && origin != "http://"+r.Host {
		return Access{}, errNotLocal
	}
	all := answer.Scope{Everybody: true}
	return Access{Asker: answer.Asker{Usage: all, Money: all}}, nil
}

// Refuse implements Authenticator.
func (openMode) Refuse(_ http.Header, err error) (status int, detail string) {
	return http.StatusForbidden, err.Error()
}

// loopback reports whether a host, with or without a port, is on this machine alone.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
