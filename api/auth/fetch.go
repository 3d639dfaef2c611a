package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Limits of one answer of a UAA or of Keystone.
const (
	fetchTimeout = 5 * time.Second
	maxAnswer    = 1 << 20 // bytes
)

// newClient makes connections with the certificates of a configuration. It follows no redirect: the
// address comes from the settings.
func newClient(c cfapi.Config) (*http.Client, error) {
	c.Timeout = fetchTimeout
	transport, err := c.Transport()
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: transport, Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// getJSON reads a document into to.
func getJSON(ctx context.Context, client *http.Client, address string, to any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	status, _, body, err := fetch(client, r)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("GET %s: status %d", address, status)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("GET %s: %w", address, err)
	}
	return nil
}

// fetch sends a request and reads the whole answer. A good answer must be JSON: a router answers
// with a page of HTML and status 200 while the server behind it is down.
func fetch(client *http.Client, r *http.Request) (status int, header http.Header, body []byte, err error) {
	r.Header.Set("Accept", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	request := r.Method + " " + r.URL.String()
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); resp.StatusCode < 300 &&
		(err != nil || kind != "application/json") {
		return 0, nil, nil, fmt.Errorf("%s: the answer is no JSON, but %q: is the server down?", request, kind)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, nil, fmt.Errorf("%s: %w", request, err)
	case len(body) > maxAnswer:
		return 0, nil, nil, fmt.Errorf("%s: the answer has more than %d bytes", request, maxAnswer)
	}
	return resp.StatusCode, resp.Header, body, nil
}
