package api_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// posted is a ledger of which the positions count alone.
type posted struct {
	ledger.Reader
	at ledger.Positions
}

// Positions implements ledger.Reader.
func (p *posted) Positions(context.Context) (ledger.Positions, error) { return p.at, nil }

// ends are streams of which the ends count alone.
type ends struct {
	api.Bus
	at ledger.Positions
}

// Stream implements ledger.Bus.
func (e *ends) Stream(_ context.Context, name string) (bus.StreamState, error) {
	if name == events.StreamMetered {
		return bus.StreamState{Last: e.at.Metered}, nil
	}
	return bus.StreamState{Last: e.at.Billing}, nil
}

func TestItIsReadyWithAllThatWasChargedWhenItStarted(t *testing.T) {
	reader, streams := &posted{}, &ends{at: ledger.Positions{Metered: 3, Billing: 5}}
	server, err := api.New(api.Config{}, api.Deps{Reader: reader, Bus: streams, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const behind = "METERED to message 3 of 3, BILLING to message 4 of 5"
	for _, x := range []struct {
		posted, streams ledger.Positions
		why             string
	}{
		{ledger.Positions{}, streams.at, "METERED to message 0 of 3, BILLING to message 0 of 5"},
		{ledger.Positions{Metered: 3, Billing: 4}, streams.at, behind},
		{ledger.Positions{Metered: 3, Billing: 5}, ledger.Positions{Metered: 4, Billing: 9}, ""},
	} {
		reader.at, streams.at = x.posted, x.streams
		_, err := server.Ready(t.Context())
		if (err == nil) != (x.why == "") || err != nil && !strings.HasSuffix(err.Error(), x.why) {
			t.Errorf("with %+v of %+v posted: %v", x.posted, x.streams, err)
		}
	}
}

func TestRequestsAreCountedByRouteWhoeverSendsThem(t *testing.T) {
	server, err := api.New(api.Config{}, api.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/openapi.json", "/openapi.json", "/v1/charges/a", "/v1/charges/b", "/v1/forged-1", "/forged-2",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if strings.HasPrefix(path, "/v1/") {
			r.Host = "evil.example"
		} else {
			r.Host = "localhost"
		}
		server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(server.Metrics())
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	for _, family := range all {
		counted[family.GetName()] = len(family.GetMetric())
	}
	// The routes are /openapi.json, /v1/charges/{id} and nothing that is there: with 403 and 404.
	want := map[string]int{"daybook_api_requests_open": 3, "daybook_api_request_seconds": 4}
	if !maps.Equal(counted, want) {
		t.Errorf("%v are counted, and not %v", counted, want)
	}
}
