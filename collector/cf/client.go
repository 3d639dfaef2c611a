package cf

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

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// Reasons for repeating a request, as the metric names them.
const (
	reasonLimited    = "rate_limited"
	reasonServer     = "server_error"
	reasonTimeout    = "timeout"
	reasonConnection = "connection"
	reasonBody       = "malformed_answer"
	reasonNoDate     = "no_date"
	reasonToken      = "token"
	reasonUnexpected = "unexpected_status"
	// Cloud Controller's codes. Source: errors/v2.yml. A router that knows no Cloud Controller
	// answers 404 without any.
	codeNotFound      = 10010 // CF-ResourceNotFound: there is no such event
	codeUnknown       = 10000 // CF-NotFound: there is no such endpoint, or not for this token
	codeNotAuthorized = 10003 // CF-NotAuthorized
	// maxInPlace is the longest wait for a rate limit within a poll; for a longer one the poll is
	// given up.
	maxInPlace   = time.Minute
	maxBackoff   = 30 * time.Second
	pageRetries  = 4   // times those of one request, until the next page is there
	lowRemaining = 10  // slow down when less than one in so many of the allowed requests is left
	maxErrorText = 300 // bytes of an answer that are quoted
)

// failure is a request that failed, and may succeed when it is repeated.
type failure struct {
	reason string
	after  time.Duration // the API asks to wait as long
	err    error
}

func (e *failure) Error() string { return e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// statusError is an answer that repeating does not change.
type statusError struct {
	status int
	code   int
	text   string
	what   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: the API answers %d %s: %s", e.what, e.status, http.StatusText(e.status), e.text)
}

func (e *statusError) is(status, code int) bool { return e.status == status && e.code == code }

// waitError says that the API wants nothing of us until a time.
type waitError struct {
	until time.Time // by our clock
	err   error
}

func (e *waitError) Error() string { return e.err.Error() }
func (e *waitError) Unwrap() error { return e.err }

// answer is a whole answer with status 200.
type answer struct {
	body []byte // valid until the function that it is handed to returns
	date time.Time
}

// client asks one foundation's API. It is safe for concurrent use.
type client struct {
	settings *Foundation
	base     string
	http     *http.Client
	auth     *auth
	log      *slog.Logger
	metrics  *Metrics
	now      func() time.Time
	bodies   sync.Pool // of *bytes.Buffer

	mu     sync.Mutex    // guards the fields below
	paceTo time.Time     // the next request waits until then
	left   int           // retries until the next page is there
	ahead  time.Duration // of our clock, when the API answered last
}

func newClient(f *Foundation, d *Deps) (*client, error) {
	transport, err := transportOf(f)
	if err != nil {
		return nil, err
	}
	c := &client{
		settings: f, base: strings.TrimRight(f.API, "/"), auth: newAuth(f, transport), log: d.Log, metrics: d.Metrics,
		now: d.Now,
		http: &http.Client{
			Transport: transport,
			Timeout:   f.Timeout,
			// A redirect would take the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.bodies.New = func() any { return new(bytes.Buffer) }
	c.renew()
	return c, nil
}

// renew gives back the retries, at the beginning of a poll and with each page: a long list that is
// read under steady errors gets to its end, and a poll that does not get on is given up.
func (c *client) renew() {
	c.mu.Lock()
	c.left = pageRetries * max(c.settings.Retries, 0)
	c.mu.Unlock()
}

// skew is how far our clock was ahead of the API's when it answered last.
func (c *client) skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get asks for a path until the answer is whole and valid, or the retries are used up. check reads
// the body; its error means that the body is damaged. Errors: *statusError for an answer that will
// not change, *waitError when the API asks for a long break, ErrRefused, the context's, or
// *failure.
func (c *client) get(ctx context.Context, path string, query url.Values, check func(a *answer) error) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = c.settings.RetryWait, maxBackoff
	what := "GET " + path
	for attempt := 0; ; attempt++ {
		err := c.once(ctx, what, path, query, check)
		var f *failure
		if err == nil || !errors.As(err, &f) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.after > maxInPlace {
			return &waitError{c.now().Add(f.after), err}
		}
		if attempt >= c.settings.Retries || !c.mayRetry() {
			return fmt.Errorf("%w (given up after %d attempts)", err, attempt+1)
		}
		c.metrics.retries.WithLabelValues(c.settings.Name, f.reason).Inc()
		wait := max(f.after, waits.NextBackOff())
		c.log.Debug("the API is asked again", slog.String("reason", f.reason), slog.Duration("wait", wait),
			slog.String("error", err.Error()))
		if err := appender.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

func (c *client) mayRetry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	return c.left >= 0
}

// once asks once, and once more with another token when the API refuses the first.
func (c *client) once(ctx context.Context, what, path string, query url.Values, check func(a *answer) error) error {
	if err := c.pace(ctx); err != nil {
		return err
	}
	refused := ""
	for {
		token, err := c.auth.token(ctx, refused)
		if err != nil {
			return err
		}
		status, err := c.ask(ctx, what, path, query, token, check)
		if status != http.StatusUnauthorized || refused != "" {
			return err
		}
		refused = token
	}
}

// pace waits while the rate limit is nearly used up.
func (c *client) pace(ctx context.Context) error {
	c.mu.Lock()
	wait := c.paceTo.Sub(c.now())
	c.mu.Unlock()
	return appender.Wait(ctx, min(wait, maxInPlace))
}

func (c *client) ask(ctx context.Context, what, path string, query url.Values, token string,
	check func(a *answer) error) (int, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	r.Header.Set("User-Agent", c.settings.UserAgent)
	r.Header.Set("Accept", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	started := c.now()
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, c.broken(ctx, what, err)
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read
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
	c.metrics.latency.WithLabelValues(c.settings.Name).Observe(c.now().Sub(started).Seconds())
	if err != nil {
		return 0, c.broken(ctx, what, err)
	}
	if n > maxBody {
		return 0, fmt.Errorf("%s: the answer has more than %d bytes: take a smaller page size", what, maxBody)
	}
	date, dateErr := http.ParseTime(resp.Header.Get("Date"))
	c.budget(resp.Header, date)
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, c.refusal(what, resp, date, buffer.Bytes(), token)
	}
	if dateErr != nil {
		return 0, &failure{reason: reasonNoDate, err: fmt.Errorf("%s: the answer has no Date header, which alone "+
			"tells the API's time: does a proxy remove it?", what)}
	}
	c.mu.Lock()
	c.ahead = c.now().Sub(date)
	c.mu.Unlock()
	if err := check(&answer{body: buffer.Bytes(), date: date.UTC()}); err != nil {
		if errors.Is(err, errDamaged) {
			return 0, &failure{reason: reasonBody, err: fmt.Errorf("%s: %w", what, err)}
		}
		return 0, err
	}
	return resp.StatusCode, nil
}

// errDamaged: an answer is not the JSON that it should be.
var errDamaged = errors.New("the answer is damaged")

// broken is the failure of a request that had no whole answer.
func (c *client) broken(ctx context.Context, what string, err error) error {
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
		err = address.Err // the address stands in what, without the query
	}
	return &failure{reason: reason, err: fmt.Errorf("%s of %s: %w", what, c.base, err)}
}

// refusal is the error for an answer with another status than 200.
func (c *client) refusal(what string, resp *http.Response, date time.Time, body []byte, token string) error {
	text, code := errorText(body)
	if token != "" {
		text = strings.ReplaceAll(text, token, "***")
	}
	status := &statusError{status: resp.StatusCode, code: code, text: beginning(c.auth.clean(text), maxErrorText),
		what: what}
	switch {
	case code == 0 && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusNotFound):
		// Not by Cloud Controller, but by what stands in front of it, which may not know it yet.
		return &failure{reason: reasonUnexpected, err: status}
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ErrRefused, status)
	case resp.StatusCode == http.StatusTooManyRequests:
		return &failure{reason: reasonLimited, after: c.retryAfter(resp.Header.Get("Retry-After"), date), err: status}
	case resp.StatusCode >= http.StatusInternalServerError:
		return &failure{reason: reasonServer, after: c.retryAfter(resp.Header.Get("Retry-After"), date), err: status}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		status.text = "a redirect to " + redact.Text(resp.Header.Get("Location")) + ", which is not followed with a " +
			"token: correct the address of the API (CF_API_ADDRESS)"
		return status
	case resp.StatusCode < 300:
		return &failure{reason: reasonUnexpected, err: status}
	}
	return status
}

// errorText reads Cloud Controller's error document; anything else it gives as it is, with its
// secrets.
func errorText(body []byte) (text string, code int) {
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(body) == nil {
		d.Root().Get("errors").Each(func(_ []byte, one jsondoc.Value) {
			if text == "" {
				text = one.Get("title").Text() + ": " + one.Get("detail").Text()
				if v := one.Get("code"); v.Kind() == jsondoc.Number {
					code, _ = strconv.Atoi(string(v.Raw()))
				}
			}
		})
	}
	if text == "" {
		text = strings.TrimSpace(string(body))
	}
	if len(text) > redact.MaxText {
		text = redact.Cut(text[:redact.MaxText], len(text)-redact.MaxText)
	}
	return text, code
}

// beginning is at most the first n bytes of a text, which may hold no secret any more: what it is
// known by may stand behind them.
func beginning(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}

// retryAfter reads the header: seconds, or a date (RFC 9110), or seconds since 1970, as Cloud
// Controller's own limiter sends (middleware/base_rate_limiter.rb). 0 when there is none.
func (c *client) retryAfter(value string, date time.Time) time.Duration {
	if date.IsZero() {
		date = c.now()
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
		// The reset is by the limiter's clock, which is the API's.
		n -= date.Unix()
	}
	return time.Duration(min(max(n, 0), longest)) * time.Second
}

// budget reads the rate limit's headers and spreads what is left of it over the time until it is
// renewed.
func (c *client) budget(h http.Header, date time.Time) {
	limit, err1 := strconv.ParseInt(h.Get("X-RateLimit-Limit"), 10, 64)
	remaining, err2 := strconv.ParseInt(h.Get("X-RateLimit-Remaining"), 10, 64)
	reset, err3 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || date.IsZero() || limit <= 0 || remaining*lowRemaining >= limit {
		return
	}
	wait := time.Duration(max(reset-date.Unix(), 0)) * time.Second / time.Duration(max(remaining, 0)+1)
	c.mu.Lock()
	c.paceTo = c.now().Add(min(wait, maxInPlace))
	c.mu.Unlock()
}
