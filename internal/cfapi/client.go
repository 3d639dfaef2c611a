package cfapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

const (
	// maxInPlace is the longest wait for a rate limit within a request; a longer one ends it.
	maxInPlace   = time.Minute
	maxBackoff   = 30 * time.Second
	maxBody      = 64 << 20 // bytes of an answer
	pageRetries  = 4        // times those of one request, until the next page is there
	lowRemaining = 10       // slow down when less than one in so many of the allowed requests is left
)

// answer is a whole answer with status 200.
type answer struct {
	body  []byte // valid until check returns
	date  time.Time
	limit rateLimit
}

// rateLimit is what the rate limiter says with an answer.
type rateLimit struct {
	known            bool
	limit, remaining int64
	reset            int64 // Unix seconds, by the API's clock
}

// Client asks one foundation's API. It is safe for concurrent use.
type Client struct {
	settings Config
	deps     Deps
	base     string
	http     *http.Client
	auth     *auth
	bodies   sync.Pool // of *bytes.Buffer

	// mu guards the fields below: this guarantees that all requests share one rate limit and one
	// number of retries.
	mu     sync.Mutex
	paceTo time.Time     // the next request waits until then
	left   int           // retries until the next page is there
	ahead  time.Duration // of the local clock, when the API answered last
}

// New makes a client. It reads the CA file, and does no other I/O.
func New(cfg Config, deps Deps) (*Client, error) {
	cfg, deps = cfg.withDefaults(), deps.withDefaults()
	transport, err := cfg.Transport()
	if err != nil {
		return nil, err
	}
	c := &Client{
		settings: cfg, deps: deps, base: strings.TrimRight(cfg.API, "/"),
		http: &http.Client{
			Transport: transport,
			Timeout:   cfg.Timeout,
			// A redirect would take the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.auth = newAuth(&c.settings, transport)
	c.bodies.New = func() any { return new(bytes.Buffer) }
	c.Reset()
	return c, nil
}

// Reset gives back the retries. A caller does it at the beginning of a poll, List with each page: a
// long list is read to its end under steady errors, and a poll without progress is given up.
func (c *Client) Reset() {
	c.mu.Lock()
	c.left = pageRetries * max(c.settings.Retries, 0)
	c.mu.Unlock()
}

// Skew is the lead of the local clock over the API's at the last answer.
func (c *Client) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Clean removes the configuration's secrets, and credentials in URLs, from a text.
func (c *Client) Clean(text string) string { return c.auth.clean(text) }

// Root reads the API's root document, and returns the address that the API has for itself, as
// Address gives it: it is the same behind whatever name or tunnel the API was reached. Cloud
// Controller has no other name for itself. Source: cloud_controller_ng,
// app/controllers/runtime/root_controller.rb and app/presenters/v3/info_presenter.rb.
func (c *Client) Root(ctx context.Context) (self string, err error) {
	self, err = c.link(ctx, "self")
	if err == nil && self == "" {
		self = Address(c.base)
	}
	return self, err
}

// UAA returns the address of the foundation's UAA, as Address gives it.
func (c *Client) UAA(ctx context.Context) (string, error) {
	address, err := c.link(ctx, "uaa")
	if err == nil && address == "" {
		err = errors.New("the API's root document has no address of a UAA: set it")
	}
	return address, err
}

// link is an address in the API's root document, empty for none.
func (c *Client) link(ctx context.Context, name string) (address string, err error) {
	err = c.get(ctx, "/", nil, func(a *answer) error {
		d := jsondoc.Borrow()
		defer d.Return()
		if err := d.Parse(a.body); err != nil || d.Root().Get("links").Kind() != jsondoc.Object {
			return fmt.Errorf("%w: it is not the root document of a Cloud Foundry API: is the address right "+
				"(CF_API_ADDRESS)?", errDamaged)
		}
		address = Address(d.Root().Get("links").Get(name).Get("href").Text())
		return nil
	})
	return address, err
}

// maxAddress is the longest address of an API, in bytes.
const maxAddress = 300

// Address is the address of an API in its one form: scheme and host in lower case, without the
// scheme's own port and without a slash at the end. It is empty for what is no such address.
func Address(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || len(text) > maxAddress {
		return ""
	}
	host := strings.ToLower(u.Host) // Parse has made the scheme so
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return ""
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/")
}

// usageSummary is an endpoint for tokens with global read alone.
const usageSummary = "/v3/info/usage_summary"

// CheckGlobalRead makes sure that the token may read all organizations, or returns ErrNoGlobalRead.
// Source: cloud_controller_ng, app/controllers/v3/info_controller.rb: all others get 404 as for an
// unknown endpoint (not_found!), and 403 without any scope to read. Any other refusal tells nothing
// about the scope.
func (c *Client) CheckGlobalRead(ctx context.Context) error {
	err := c.get(ctx, usageSummary, nil, func(a *answer) error {
		d := jsondoc.Borrow()
		defer d.Return()
		if err := d.Parse(a.body); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		return nil
	})
	return scopeError(err)
}

// scopeError is ErrNoGlobalRead where a refusal of the usage summary means that.
func scopeError(err error) error {
	if refusedWith(err, http.StatusNotFound, resource.IsNotFoundError) ||
		refusedWith(err, http.StatusForbidden, resource.IsNotAuthorizedError) {
		return fmt.Errorf("%w: grant the client the authority cloud_controller.global_auditor (uaac client update), "+
			"or the user that scope; cloud_controller.admin_read_only works too. (A Cloud Controller that is too old "+
			"to know %s answers the same: update it.)", ErrNoGlobalRead, usageSummary)
	}
	return err
}

// get asks for a path until the answer is whole and valid, or the retries are used up. check reads
// the body; errDamaged from it means that the body is damaged. Errors: *StatusError, *WaitError,
// ErrRefused, *RequestError, or the context's.
func (c *Client) get(ctx context.Context, path string, query url.Values, check func(a *answer) error) error {
	return c.getFor(ctx, path, query, func() error { return nil }, check)
}

// getFor is get with a permission for each attempt.
func (c *Client) getFor(ctx context.Context, path string, query url.Values, may func() error,
	check func(a *answer) error,
) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = c.settings.RetryWait, maxBackoff
	request := "GET " + path
	for attempt := 0; ; attempt++ {
		if err := may(); err != nil {
			return err
		}
		err := c.once(ctx, request, path, query, check)
		var f *RequestError
		if err == nil || !errors.As(err, &f) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.after > maxInPlace {
			return &WaitError{c.deps.Now().Add(f.after), err}
		}
		if attempt >= c.settings.Retries || !c.mayRetry() {
			return fmt.Errorf("%w (given up after %d attempts)", err, attempt+1)
		}
		c.deps.Retried(f.reason)
		pause := max(f.after, waits.NextBackOff())
		c.deps.Log.Debug("the API is asked again", slog.String("reason", f.reason), slog.Duration("wait", pause),
			slog.String("error", err.Error()))
		if err := Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// Wait waits, or returns the context's error.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (c *Client) mayRetry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	return c.left >= 0
}

// once asks once, and once more with another token when the API refuses the first.
func (c *Client) once(ctx context.Context, request, path string, query url.Values,
	check func(a *answer) error,
) error {
	if err := c.pace(ctx); err != nil {
		return err
	}
	refused := ""
	for {
		token, err := c.auth.token(ctx, refused)
		if err != nil {
			return err
		}
		status, err := c.ask(ctx, request, path, query, token, check)
		if status != http.StatusUnauthorized || refused != "" {
			return err
		}
		refused = token
	}
}

// pace waits while the rate limit is nearly used up.
func (c *Client) pace(ctx context.Context) error {
	c.mu.Lock()
	pause := c.paceTo.Sub(c.deps.Now())
	c.mu.Unlock()
	return Wait(ctx, min(pause, maxInPlace))
}

// ask sends one request and hands the answer to check. The status is 0 without a whole answer.
func (c *Client) ask(ctx context.Context, request, path string, query url.Values, token string,
	check func(a *answer) error,
) (status int, err error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", request, err)
	}
	r.Header.Set("User-Agent", c.settings.UserAgent)
	r.Header.Set("Accept", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	started := c.deps.Now()
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, c.broken(ctx, request, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	buffer, ok := c.bodies.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer) // the pool holds nothing else
	}
	buffer.Reset()
	defer c.bodies.Put(buffer)
	if resp.ContentLength > 0 && resp.ContentLength <= maxBody {
		buffer.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	n, err := buffer.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
	c.deps.Answered(c.deps.Now().Sub(started))
	if err != nil {
		return 0, c.broken(ctx, request, err)
	}
	if n > maxBody {
		return 0, fmt.Errorf("%s: the answer has more than %d bytes: take a smaller page size", request, maxBody)
	}
	return c.accept(request, resp, buffer.Bytes(), token, check)
}

// accept judges a whole answer by its status, its Date header and its body.
func (c *Client) accept(request string, resp *http.Response, body []byte, token string,
	check func(a *answer) error,
) (status int, err error) {
	date, dateErr := http.ParseTime(resp.Header.Get("Date"))
	limit := readLimit(resp.Header)
	c.budget(limit, date)
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, c.refusal(request, resp, date, body, token)
	}
	if dateErr != nil {
		return 0, &RequestError{reason: reasonNoDate, err: fmt.Errorf("%s: the answer has no Date header, which alone "+
			"tells the API's time: does a proxy remove it?", request)}
	}
	c.mu.Lock()
	c.ahead = c.deps.Now().Sub(date)
	c.mu.Unlock()
	if err := check(&answer{body: body, date: date.UTC(), limit: limit}); err != nil {
		if errors.Is(err, errDamaged) {
			return 0, &RequestError{reason: reasonBody, err: fmt.Errorf("%s: %w", request, err)}
		}
		return 0, err
	}
	return resp.StatusCode, nil
}

// broken is the error of a request without a whole answer.
func (c *Client) broken(ctx context.Context, request string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reason := reasonConnection
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		reason = reasonTimeout
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err // the request's name has the address, without the query
	}
	return &RequestError{reason: reason, err: fmt.Errorf("%s of %s: %w", request, c.base, err)}
}

// refusal is the error for an answer with another status than 200.
func (c *Client) refusal(request string, resp *http.Response, date time.Time, body []byte, token string) error {
	text, document := errorText(body)
	quote := func(text string) string {
		if token != "" {
			text = strings.ReplaceAll(text, token, "***")
		}
		return beginning(c.auth.clean(text), maxErrorText)
	}
	document.Title, document.Detail = quote(document.Title), quote(document.Detail)
	status := &StatusError{status: resp.StatusCode, document: document, text: quote(text), request: request}
	switch {
	case document.Code == 0 && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusNotFound):
		// By a router or proxy in front of Cloud Controller, which may not know it yet.
		return &RequestError{reason: reasonUnexpected, err: status}
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ErrRefused, status)
	case resp.StatusCode == http.StatusTooManyRequests:
		return &RequestError{
			reason: reasonLimited, after: c.retryAfter(resp.Header.Get("Retry-After"), date), err: status,
		}
	case resp.StatusCode >= http.StatusInternalServerError:
		return &RequestError{
			reason: reasonServer, after: c.retryAfter(resp.Header.Get("Retry-After"), date), err: status,
		}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		status.text = "a redirect to " + redact.Text(resp.Header.Get("Location")) + ", which is not followed with a " +
			"token: correct the address of the API (CF_API_ADDRESS)"
		return status
	case resp.StatusCode < 300:
		return &RequestError{reason: reasonUnexpected, err: status}
	}
	return status
}

// retryAfter reads the header: seconds, or a date (RFC 9110), or seconds since 1970, as Cloud
// Controller's own limiter sends (middleware/base_rate_limiter.rb). 0 when there is none.
func (c *Client) retryAfter(value string, date time.Time) time.Duration {
	if date.IsZero() {
		date = c.deps.Now()
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(date), 0)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	const epochLike = 1_000_000_000
	const longest = 24 * 3600
	switch {
	case err != nil || n < 0:
		return 0
	case n >= epochLike:
		// The limiter's clock is the API's.
		n -= date.Unix()
	}
	return time.Duration(min(max(n, 0), longest)) * time.Second
}

// readLimit reads the headers of the rate limit.
func readLimit(h http.Header) rateLimit {
	limit, err1 := strconv.ParseInt(h.Get("X-RateLimit-Limit"), 10, 64)
	remaining, err2 := strconv.ParseInt(h.Get("X-RateLimit-Remaining"), 10, 64)
	reset, err3 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || limit <= 0 {
		return rateLimit{}
	}
	return rateLimit{true, limit, max(remaining, 0), reset}
}

// budget spreads the rest of the rate limit over the time until its reset, once little is left.
func (c *Client) budget(l rateLimit, date time.Time) {
	if !l.known || date.IsZero() || l.remaining*lowRemaining >= l.limit {
		return
	}
	wait := time.Duration(max(l.reset-date.Unix(), 0)) * time.Second / time.Duration(l.remaining+1)
	c.mu.Lock()
	c.paceTo = c.deps.Now().Add(min(wait, maxInPlace))
	c.mu.Unlock()
}
