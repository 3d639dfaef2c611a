package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/daybook-billing/daybook/api"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// document is the OpenAPI document of the code.
func document(t *testing.T) []byte {
	t.Helper()
	server, err := api.New(api.Config{}, api.Deps{Log: slog.New(slog.DiscardHandler), Version: "0"})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var out bytes.Buffer
	if err := json.Indent(&out, w.Body.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(bytes.TrimSpace(out.Bytes()), '\n')
}

func TestTheDocumentIsCurrent(t *testing.T) {
	const name = "../docs/openapi.json"
	want := document(t)
	if *update {
		if err := os.WriteFile(name, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("docs/openapi.json is not that of the code: go test ./api -update (%v)", err)
	}
}

func TestNobodyIsLetInFromElsewhere(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, address := range []string{"0.0.0.0:8080", ":8080", "192.0.2.1:8080", "daybook.example:80"} {
		if _, err := api.New(api.Config{Address: address}, api.Deps{Log: log}); err == nil {
			t.Errorf("%s is served without authentication", address)
		}
	}
	server, err := api.New(api.Config{}, api.Deps{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ host, origin string }{
		{"evil.example", ""},
		{"127.0.0.1.evil.example:8080", ""},
		{"localhost:8080", "http://evil.example"},
		{"127.0.0.1:8080", "null"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/totals", nil)
		r.Host = x.host
		if x.origin != "" {
			r.Header.Set("Origin", x.origin)
		}
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%+v is answered with %d: %s", x, w.Code, w.Body)
		}
	}
}
