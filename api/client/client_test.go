package client_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/client"
)

// ask asks a server for totals, and returns the error.
func ask(t *testing.T, cfg client.Config) error {
	t.Helper()
	c, err := client.New(cfg)
	if err == nil {
		_, err = client.Ask[answer.Totals](t.Context(), c, "totals", &answer.TotalsQuestion{})
	}
	return err
}

func TestAQuestionIsARequest(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI+" "+r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"by":["tenant"]}`))
	}))
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL + "/behind/a/proxy/", Token: " t0\n"})
	if err != nil {
		t.Fatal(err)
	}
	x, err := client.Ask[answer.Totals](t.Context(), c, "totals", &answer.TotalsQuestion{
		Selection: answer.Selection{Whose: answer.Whose{Tenant: "a b"}, Month: "2026-10"}, By: []string{"day", "app"},
	})
	if err != nil || len(x.By) != 1 {
		t.Fatalf("%+v, %v", x, err)
	}
	if _, err = client.Ask[answer.Explanation](t.Context(), c, "charges/{id}", &answer.ChargeQuestion{
		ID: "a/b?c",
	}); err != nil {
		t.Fatal(err)
	}
	want := "/behind/a/proxy/v1/totals?by=day%2Capp&month=2026-10&tenant=a+b Bearer t0\n" +
		"/behind/a/proxy/v1/charges/a%2Fb%3Fc? Bearer t0"
	if got := strings.Join(asked, "\n"); got != want {
		t.Errorf("asked\n%s\nnot\n%s", got, want)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for _, x := range []struct {
		status             int
		token, body, error string
	}{
		{
			401, "", `{"detail":"no token"}`,
			"the API answers 401 (no token): give a token, with DAYBOOK_TOKEN or --token-file",
		},
		{401, "t", `{"detail":"expired"}`, "the API answers 401 (expired): get a new token"},
		{403, "t", `{"detail":"no"}`, "the API answers 403 (no): ask its operator for a token with this right"},
		{404, "t", `{"detail":"nothing"}`, "the API answers 404 (nothing)"},
		{
			422, "t", `{"detail":"bad","errors":[{"location":"query.by","message":"unknown"}]}`,
			"the API answers 422 (bad: query.by: unknown)",
		},
		{503, "t", `{"detail":"busy"}`, "the API answers 503 (busy): try again in 5 s"},
		{502, "t", `<html>`, "the API answers 502 (Bad Gateway)"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(x.status)
			_, _ = w.Write([]byte(x.body))
		}))
		if err := ask(t, client.Config{URL: server.URL, Token: x.token}); err == nil || err.Error() != x.error {
			t.Errorf("%d is %v", x.status, err)
		}
		server.Close()
	}
}

func TestWhomItTrusts(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(t, client.Config{URL: server.URL, CAFile: file}); err != nil {
		t.Error(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<html>`))
	}))
	defer page.Close()
	for want, cfg := range map[string]client.Config{
		"certificate":       {URL: server.URL},
		"could read it":     {URL: "http://daybook.example.org", Token: "t"},
		"is such as https:": {URL: "daybook.example.org"},
		"no API of":         {URL: page.URL},
		"the right file":    {URL: page.URL, Token: "-----BEGIN\nKEY"},
		"in PEM":            {URL: server.URL, CAFile: os.DevNull},
	} {
		if err := ask(t, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v is answered with %v, not %q", cfg, err, want)
		}
	}
	if err := ask(t, client.Config{URL: "https://ann:secret@daybook.example.org"}); err == nil ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is printed: %v", err)
	}
}
