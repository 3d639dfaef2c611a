package troveapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/keystone"
)

// Defaults of Config, and limits.
const (
	DefaultTimeout   = time.Minute
	DefaultRetryWait = 500 * time.Millisecond
	DefaultRetries   = 4

	maxWait   = 30 * time.Second
	maxBreak  = time.Minute // of a rate limit
	maxBreaks = 30          // of one request
	maxAnswer = 64 << 20    // bytes
	maxPages  = 10_000
	early     = time.Minute // a token is renewed so long before it expires
)

// Config says how a foundation's Trove is reached.
type Config struct {
	Foundation string // for errors
	URL        string // http://trove.example.org:8779; empty: that of Keystone's catalogue
	Region     string // of the catalogue; empty: the first
	CAFile     string // PEM, instead of the system's
	Keystone   keystone.Config
	// Projects are the ids of the projects whose tokens are used. An application credential has one
	// of its own, and needs none here.
	Projects []string

	Timeout   time.Duration // of one request; default: DefaultTimeout
	RetryWait time.Duration // after the first failure of a request; doubles; default: DefaultRetryWait
	Retries   int           // of one request; default: DefaultRetries; none where it is negative
}

// Client asks one Trove. It is safe for concurrent use.
type Client struct {
	settings Config
	keystone *keystone.Client
	http     *http.Client

	// mu guards tokens, and is held while one is asked for: Keystone has one request at a time.
	mu     sync.Mutex
	tokens map[string]*keystone.Token // by project
}

// New makes a client. It reads the CA files, and does no other I/O.
func New(cfg Config) (*Client, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.RetryWait = cmp.Or(cfg.RetryWait, DefaultRetryWait)
	cfg.Retries = cmp.Or(cfg.Retries, DefaultRetries)
	if cfg.URL != "" {
		if cfg.URL = strings.TrimSuffix(cfapi.Address(cfg.URL), "/v1.0"); cfg.URL == "" {
			return nil, errors.New("the address of Trove is wrong: give one such as https://trove.example.org:8779")
		}
	}
	if cfg.Keystone.CredentialID == "" && len(cfg.Projects) == 0 {
		return nil, errors.New("a user of Trove needs projects: give the ids of those in which it has a role")
	}
	if cfg.Keystone.CredentialID != "" && len(cfg.Projects) > 1 {
		return nil, errors.New("an application credential belongs to one project: give a user for several")
	}
	k, err := keystone.New(cfg.Keystone, cfg.Foundation)
	if err != nil {
		return nil, err
	}
	transport, err := (&cfapi.Config{Foundation: cfg.Foundation, CAFile: cfg.CAFile, Timeout: cfg.Timeout}).Transport()
	if err != nil {
		return nil, err
	}
	return &Client{settings: cfg, keystone: k, tokens: map[string]*keystone.Token{}, http: &http.Client{
		Transport: transport, Timeout: cfg.Timeout,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes the idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.keystone.Close()
}

// Projects are the ids of the projects whose tokens are used.
func (c *Client) Projects(ctx context.Context) ([]string, error) {
	if len(c.settings.Projects) > 0 {
		return c.settings.Projects, nil
	}
	var project string
	err := c.repeat(ctx, func() (time.Duration, error) {
		t, err := c.token(ctx, "", "")
		if err == nil {
			project = t.Project
		}
		return 0, err
	})
	return []string{project}, err
}

// token is a good token of a project. refused is the id of one that Trove has refused just before:
// it is not returned again.
func (c *Client) token(ctx context.Context, project, refused string) (*keystone.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tokens[project]
	if t != nil && t.ID != refused && (t.Expires.IsZero() || time.Until(t.Expires) > early) {
		return t, nil
	}
	t, err := c.keystone.ProjectToken(ctx, project)
	if err != nil {
		refusal := (*keystone.StatusError)(nil)
		if errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError {
			return nil, final{err}
		}
		return nil, err
	}
	c.tokens[project] = t
	return t, nil
}

// base is the address of Trove's API for the project of a token, with its version.
func (c *Client) base(t *keystone.Token) (string, error) {
	address := c.settings.URL
	if address == "" {
		address, _, _ = strings.Cut(t.Endpoint("database", c.settings.Region), "/v1.0")
		if address = cfapi.Address(address); address == "" {
			return "", final{fmt.Errorf("the catalogue of Keystone has no public endpoint of a database service in "+
				"region %q: give the address of Trove", c.settings.Region)}
		}
	}
	return address + "/v1.0/" + url.PathEscape(t.Project), nil
}

// final is an error that a repetition does not change.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// pause is an error after which the API asks for a break.
type pause struct {
	error
	wait time.Duration
}

// answer is a whole answer with status 200.
type answer struct {
	body []byte
	date time.Time
}

// get reads an answer, and repeats the request where that may help. read checks the answer; its
// error is that of a damaged one.
func (c *Client) get(ctx context.Context, project, path string, query url.Values, read func(a *answer) error) error {
	refused := ""
	return c.repeat(ctx, func() (time.Duration, error) {
		t, err := c.token(ctx, project, refused)
		if err != nil {
			return 0, err
		}
		a, err := c.once(ctx, t, path, query, refused != "")
		if errors.Is(err, errToken) {
			refused = t.ID
			return 0, err
		}
		if err != nil {
			wait := pause{}
			if errors.As(err, &wait) {
				return wait.wait, wait.error
			}
			return 0, err
		}
		if err := read(a); err != nil {
			return 0, fmt.Errorf("GET %s: %w: %w", path, errDamaged, err)
		}
		return 0, nil
	})
}

// errToken: Trove refuses a token for the first time.
var errToken = errors.New("the token is refused")

// repeat does a request until it succeeds, fails for good, or has used up its retries. A request
// returns how long the API asks to wait.
func (c *Client) repeat(ctx context.Context, request func() (time.Duration, error)) error {
	wait, breaks := c.settings.RetryWait, 0
	for try := 0; ; {
		asked, err := request()
		finally := final{}
		switch {
		case err == nil:
			return nil
		case errors.As(err, &finally):
			return finally.error
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case errors.Is(err, errToken):
			continue // once, with another token
		case asked > 0 && breaks < maxBreaks:
			breaks++
			if err := cfapi.Wait(ctx, min(asked, maxBreak)); err != nil {
				return err
			}
			continue
		}
		if try++; try > c.settings.Retries {
			return &RequestError{err}
		}
		if err := cfapi.Wait(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxWait)
	}
}

// once sends a request and reads the whole answer. again is set where a token was refused before.
func (c *Client) once(ctx context.Context, t *keystone.Token, path string, query url.Values, again bool) (
	*answer, error,
) {
	base, err := c.base(t)
	if err != nil {
		return nil, err
	}
	request := "GET " + base + path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, final{err}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Auth-Token", t.ID)
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it matters
	var body bytes.Buffer
	switch n, err := body.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1)); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", request, err)
	case n > maxAnswer:
		return nil, final{fmt.Errorf("%s: the answer has more than %d bytes", request, maxAnswer)}
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusRequestEntityTooLarge:
		failed := &StatusError{status, request, "the API has a limit of requests"}
		return nil, pause{failed, retryAfter(resp.Header)}
	case status == http.StatusUnauthorized && !again && resp.Header.Get("Www-Authenticate") != "":
		return nil, fmt.Errorf("%s: %w", request, errToken)
	case status != http.StatusOK:
		return nil, refusal(request, status, body.Bytes(), strings.HasPrefix(path, management))
	case err != nil:
		return nil, fmt.Errorf("%s: %w: it has no date", request, errDamaged)
	}
	return &answer{body.Bytes(), date}, nil
}

// retryAfter is how long a rate limit asks to wait, at least a second.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	return time.Duration(max(seconds, 1)) * time.Second
}
