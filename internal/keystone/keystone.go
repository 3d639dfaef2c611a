package keystone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Limits of a Keystone's answers.
const (
	timeout       = 30 * time.Second
	maxAnswer     = 16 << 20 // bytes
	maxAnswerText = 200      // bytes of it in an error
)

// tokens is where tokens come from.
const tokens = "/v3/auth/tokens" //nolint:gosec // no secret

// StatusError is an answer with a status that the request has no use for. Status 401 says that
// Keystone refuses the credentials, or has no role for them in the project.
type StatusError struct {
	Status int
	text   string
}

func (e *StatusError) Error() string { return e.text }

// Config says how Keystone is asked: by an application credential, or by a user with a role in the
// system, such as reader.
type Config struct {
	URL          string // http://keystone.example.org:5000, without /v3
	CredentialID string
	User         string
	UserDomain   string // by name
	Secret       string // of the application credential or the user
	CAFile       string // PEM, instead of the system's
}

// Client asks one Keystone. It is safe for concurrent use.
type Client struct {
	settings Config
	http     *http.Client
}

// New makes a client; the foundation is for errors. It reads the CA file, and does no other I/O.
func New(cfg Config, foundation string) (*Client, error) {
	address := cfapi.Address(strings.TrimSuffix(strings.TrimRight(cfg.URL, "/"), "/v3"))
	if cfg.URL = address; address == "" {
		return nil, errors.New("the address of Keystone is wrong: give one such as https://keystone.example.org:5000")
	}
	if (cfg.CredentialID == "") == (cfg.User == "") || cfg.Secret == "" {
		return nil, errors.New("a Keystone asks for credentials: give an application credential with its secret, or " +
			"a user with the password")
	}
	transport, err := (&cfapi.Config{Foundation: foundation, CAFile: cfg.CAFile, Timeout: timeout}).Transport()
	if err != nil {
		return nil, err
	}
	return &Client{settings: cfg, http: &http.Client{
		Transport: transport, Timeout: timeout,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// URL is the address of Keystone, without /v3.
func (c *Client) URL() string { return c.settings.URL }

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Clean removes the secret from a text.
func (c *Client) Clean(text string) string { return strings.ReplaceAll(text, c.settings.Secret, "***") }

// Token asks for a token: of the application credential, or of the user in the system.
func (c *Client) Token(ctx context.Context) (string, error) {
	login, err := json.Marshal(c.login())
	if err != nil {
		return "", err
	}
	_, header, err := c.Ask(ctx, http.MethodPost, c.settings.URL+tokens, "", login)
	if err != nil {
		return "", err
	}
	return header.Get("X-Subject-Token"), nil
}

// Ask sends a request and reads the whole answer.
func (c *Client) Ask(ctx context.Context, method, address, token string, body []byte) (
	answer []byte, header http.Header, err error,
) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it matters
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s %s: %w", method, address, err)
	case len(answer) > maxAnswer:
		return nil, nil, fmt.Errorf("%s %s: the answer has more than %d bytes", method, address, maxAnswer)
	case resp.StatusCode == http.StatusForbidden:
		return nil, nil, fmt.Errorf("%s %s: the user may not: grant it the role that Keystone's policy asks for "+
			"(identity:list_projects)", method, address)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, nil, &StatusError{
			Status: resp.StatusCode,
			text: fmt.Sprintf("%s %s: status %d: %s", method, address, resp.StatusCode,
				answer[:min(len(answer), maxAnswerText)]),
		}
	}
	return answer, resp.Header, nil
}

type object = map[string]any

// login is the body of a request for a token.
func (c *Client) login() object {
	if c.settings.CredentialID != "" {
		return object{"auth": object{"identity": c.identity()}}
	}
	return object{"auth": object{"identity": c.identity(), "scope": object{"system": object{"all": true}}}}
}

// identity is who asks for a token.
func (c *Client) identity() object {
	s := &c.settings
	if s.CredentialID != "" {
		return object{
			"methods":                []string{"application_credential"},
			"application_credential": object{"id": s.CredentialID, "secret": s.Secret},
		}
	}
	return object{"methods": []string{"password"}, "password": object{"user": object{
		"name": s.User, "password": s.Secret, "domain": object{"name": s.UserDomain},
	}}}
}
