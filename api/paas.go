package api

import (
	"context"
	"net/http"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/paas"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/forecast"
)

// paas serves paas-billing's endpoints, on the same data.
func (s *Server) paas(deps *Deps) *paas.Handler {
	return paas.New(paas.Config{ClosedPrices: s.cfg.ClosedPrices}, paas.Deps{
		Ledger: s.answers.Reader(),
		Terms:  func(ctx context.Context) (forecast.Terms, error) { return s.answers.Terms(ctx) },
		Events: func(ctx context.Context, owner events.Owner, sequences []uint64) (map[uint64]string, error) {
			return paas.Facts(ctx, deps.Bus, owner, sequences)
		},
		Access: s.paasAccess,
		Names:  s.answers.Names,
		Log:    s.log,
	})
}

// paasAccess is who sends a request, as paas-billing's endpoints see it: whose money they may see.
func (s *Server) paasAccess(r *http.Request) (paas.Access, error) {
	access, err := s.auth.Authenticate(r.Context(), r)
	if err != nil {
		return paas.Access{}, err
	}
	owners := access.Scope(auth.Usage | auth.Money)
	return paas.Access{All: owners == nil, Owners: owners}, nil
}
