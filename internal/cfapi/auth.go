package cfapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/config"
	"golang.org/x/oauth2"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

const maxToken = 1 << 20 // bytes of an answer of the UAA

// auth gives tokens, from go-cfclient's token source. The source renews a token shortly before it
// expires; a refusal by the API replaces the source.
//
// go-cfclient's authenticated HTTP client is not used: on a 401 it exchanges its token source
// without a lock.
type auth struct {
	settings *Config
	client   *http.Client

	// mu guards the fields below, and is held while a token is asked for: this guarantees one
	// request to the UAA at a time.
	mu     sync.Mutex
	source oauth2.TokenSource
}

func newAuth(f *Config, transport http.RoundTripper) *auth {
	return &auth{settings: f, client: &http.Client{Transport: &lifeTransport{base: transport}, Timeout: f.Timeout}}
}

// lifeTransport ends the requests of a token source, which knows no context, with the context of
// the call, and bounds the answer. It serves one request at a time, under auth.mu.
type lifeTransport struct {
	base http.RoundTripper
	life context.Context //nolint:containedctx // of the call that is under way
}

// RoundTrip implements http.RoundTripper.
func (t *lifeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is of no use
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxToken))
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// token returns a valid token. refused is the token of a refusal by the API just before: it is not
// returned again.
func (a *auth) token(ctx context.Context, refused string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	transport, ok := a.client.Transport.(*lifeTransport)
	if !ok {
		transport = &lifeTransport{base: a.client.Transport} // go-cfclient leaves it as it is
	}
	transport.life = ctx
	for {
		// A source that may renew its token is replaced by one with the credentials. These are sent
		// once: a UAA counts wrong passwords, and locks users out.
		fresh := a.source == nil
		t, err := a.ask()
		if err == nil && t.AccessToken != refused {
			return t.AccessToken, nil
		}
		a.source = nil
		if fresh || err != nil && !isRefusal(err) {
			return "", a.failure(ctx, err)
		}
	}
}

func (a *auth) ask() (*oauth2.Token, error) {
	if a.source == nil {
		source, err := a.open()
		if err != nil {
			return nil, err
		}
		a.source = source
	}
	return a.source.Token()
}

// open finds the UAA by the API's root and makes a source of tokens.
func (a *auth) open() (oauth2.TokenSource, error) {
	f := a.settings
	options := []config.Option{
		config.HttpClient(a.client), config.RequestTimeout(f.Timeout),
		config.UserAgent(f.UserAgent),
	}
	switch f.Grant() {
	case "user":
		options = append(options, config.UserPassword(f.Username, f.Password))
		if f.ClientID != "" {
			options = append(options, config.ClientCredentials(f.ClientID, f.ClientSecret))
		}
	case "client":
		options = append(options, config.ClientCredentials(f.ClientID, f.ClientSecret))
	default:
		word, rest, ok := strings.Cut(strings.TrimSpace(f.Token), " ")
		if !ok || !strings.EqualFold(word, "bearer") {
			rest = f.Token
		}
		// There is nothing to renew it with.
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: strings.TrimSpace(rest), TokenType: "bearer"}), nil
	}
	cfg, err := config.New(f.API, options...)
	if err != nil {
		return nil, err
	}
	return cfg.CreateOAuth2TokenSource(context.Background()) // lifeTransport ends its requests
}

// isRefusal reports whether the UAA itself refuses the credentials: 400 or 401 with an error of RFC
// 6749, section 5.2. Anything else is by the router in front of it (404 without a document), by a
// UAA that is starting, or by a proxy, and may be another answer soon.
func isRefusal(err error) bool {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) || refusal.Response == nil {
		return false
	}
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(refusal.Body) != nil || d.Root().Get("error").Text() == "" { // whatever its Content-Type
		return false
	}
	return refusal.Response.StatusCode == http.StatusBadRequest ||
		refusal.Response.StatusCode == http.StatusUnauthorized
}

// failure is the error for a missing token, without secrets.
func (a *auth) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refusal *oauth2.RetrieveError
	switch {
	case err == nil && a.settings.Grant() == "token":
		return fmt.Errorf("%w: the API refuses the token, which may have expired: give a new one (CF_TOKEN), or "+
			"better a client with its secret", ErrRefused)
	case err == nil:
		return fmt.Errorf("%w: the API refuses every token that the UAA gives: do both belong to the same foundation?",
			ErrRefused)
	case isRefusal(err) && errors.As(err, &refusal):
		what := "client id and secret"
		if a.settings.Grant() == "user" {
			what = "user and password"
		}
		return fmt.Errorf("%w: the UAA refuses the credentials (%s %s): correct the %s", ErrRefused,
			refusal.Response.Status, a.clean(refusal.ErrorCode), what)
	}
	return &RequestError{reason: reasonToken, err: errors.New("no token could be had: " +
		beginning(a.clean(err.Error()),
			maxErrorText))}
}

// clean takes secrets out of a text.
func (a *auth) clean(s string) string {
	for _, secret := range []string{a.settings.ClientSecret, a.settings.Password, a.settings.Token} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return redact.Text(s)
}

// Transport makes the foundation's own connections. It reads the CA file, and does no other I/O.
func (c *Config) Transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        2 * time.Minute,
		TLSHandshakeTimeout:    c.Timeout,
		ResponseHeaderTimeout:  c.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         64 << 10,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: c.SkipTLS, //nolint:gosec // the operator says so
		},
	}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("foundation %q: cannot read the CA certificates: %w", c.Foundation, err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("foundation %q: %s holds no certificates in PEM", c.Foundation, c.CAFile)
	}
	return t, nil
}
