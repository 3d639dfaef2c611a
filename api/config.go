package api

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/api/verification"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// DefaultAddress is the address of Config.Address.
const DefaultAddress = "127.0.0.1:8080"

// Config are the settings.
type Config struct {
	// Address is host:port; port 0 takes a free one. Default: DefaultAddress.
	Address string
	// Auth names the issuers of tokens; its Listen is Address. Without settings the API is open,
	// on loopback alone.
	Auth auth.Config
	// Spare is set where the API is no more than a help: Run does without it, and says so in the
	// log, where the address is in use.
	Spare bool
	// CheckEvery is the time between two looks at the access of a live stream; default: 1 min.
	CheckEvery time.Duration
	// ReadTime is how long the client of a live stream may read nothing; default: live.WriteTime.
	ReadTime time.Duration
	// ClosedPrices asks for a token for the price lists of paas-billing's endpoints, too.
	ClosedPrices bool
}

// Bus is the part of the bus for all answers.
type Bus interface {
	answer.Bus
	reconciled.Bus
}

// Deps are the parts of the API.
type Deps struct {
	Reader  ledger.Reader
	Bus     Bus
	Queries *bus.Bus // answers questions over NATS, too; nil: it does not
	Log     *slog.Logger
	Version string           // of the program, for the OpenAPI document
	Now     func() time.Time // default: time.Now
	// State is the state of the ledger, for the status; nil: it is not told.
	State func(ctx context.Context) (ledger.State, error)
	// SigningKey signs bundles of statements; nil leaves them unsigned.
	SigningKey ed25519.PrivateKey
	// Resubmit stores the facts of quarantined input; nil: it is not resubmitted.
	Resubmit operate.Resubmit
	// Verify verifies the streams; nil: the API does not.
	Verify verification.Verify
	// Authenticator stands in for the one of Config.Auth.
	Authenticator Authenticator
}

// Authenticator finds the asker: an auth.Authenticator.
type Authenticator interface {
	// Open reports whether everybody on this machine may ask without a token.
	Open() bool
	// Authenticate finds the sender of a request, by its headers alone. Errors: as of auth.
	Authenticate(ctx context.Context, r *http.Request) (auth.Access, error)
}

// asker is an access, as questions need it.
func asker(a *auth.Access) *answer.Asker {
	name := a.Name
	if name == "" {
		name = a.Subject
	}
	return &answer.Asker{
		Name: name, Usage: scope(a, auth.Usage), Money: scope(a, auth.Usage|auth.Money),
		Decide: scope(a, auth.Operate),
	}
}

// scope is the owners under the rights of an access.
func scope(a *auth.Access, needed auth.Rights) answer.Scope {
	owners := a.Scope(needed)
	return answer.Scope{Everybody: owners == nil, Owners: owners}
}
