package client

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
)

// Limits of one answer.
const (
	timeout    = time.Minute
	maxAnswer  = 256 << 20 // bytes
	maxRefusal = 64 << 10  // bytes of an error
)

// Config says how an API is reached.
type Config struct {
	URL    string // https://host[:port][/path]; http as well without a token, or on this machine
	Token  string // empty: the API is open
	CAFile string // PEM; default: the system's
}

// Client asks an API. Make it with New.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	long  *http.Client // for answers of any length
}

// New makes a client. It reads the certificates, and connects to nobody.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil ||
		base.RawQuery != "" {
		return nil, fmt.Errorf("the address of an API is such as https://daybook.example.org, not %q", redacted(base))
	}
	token := strings.TrimSpace(cfg.Token)
	switch {
	case strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) }):
		return nil, errors.New("the token has characters that no token has: is it the right file?")
	case token != "" && base.Scheme != "https" && !local(base.Hostname()):
		return nil, fmt.Errorf("a token is not sent to %s, where others could read it on the way: give an https "+
			"address", base)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	if cfg.CAFile != "" {
		text, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("the certificates of the API: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate in PEM", cfg.CAFile)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	here := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: base, token: token,
		http: &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: here},
		long: &http.Client{Transport: transport, CheckRedirect: here},
	}, nil
}

// redacted is an address without a password.
func redacted(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}

// local reports whether a host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Error is a refusal of the API.
type Error struct {
	Status int
	Detail string
	Near   []string // names, or guids, that may have been meant
	Retry  string   // seconds to wait, where the API says so
	Token  bool     // a token was sent
}

// Error says what to do.
func (e *Error) Error() string {
	text := fmt.Sprintf("the API answers %d (%s)", e.Status, cmp.Or(e.Detail, http.StatusText(e.Status)))
	switch {
	case e.Status == http.StatusUnauthorized && !e.Token:
		return text + ": give a token, with DAYBOOK_TOKEN or --token-file"
	case e.Status == http.StatusUnauthorized:
		return text + ": get a new token"
	case e.Status == http.StatusForbidden:
		return text + ": ask its operator for a token with this right"
	case e.Status == http.StatusServiceUnavailable && e.Retry != "":
		return text + ": try again in " + e.Retry + " s"
	case e.Status == http.StatusServiceUnavailable:
		return text + ": try again later"
	}
	return text
}

// NotFound reports whether the API says that something does not exist.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// refusal is the error of an answer.
func (c *Client) refusal(resp *http.Response) error {
	if resp.StatusCode/100 == 3 {
		return fmt.Errorf("%s sends on to %s, where the token is not sent: give the address of the API itself", c.base,
			resp.Header.Get("Location"))
	}
	e := &Error{Status: resp.StatusCode, Retry: resp.Header.Get("Retry-After"), Token: c.token != ""}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	var problem struct {
		Detail string `json:"detail"`
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
			Value    any    `json:"value"`
		} `json:"errors"`
	}
	if err == nil && json.Unmarshal(body, &problem) == nil {
		e.Detail = problem.Detail
		for _, x := range problem.Errors {
			if name, is := x.Value.(string); is && x.Location == "near" {
				e.Near = append(e.Near, name)
				continue
			}
			e.Detail += ": " + x.Location + ": " + x.Message
		}
	}
	return e
}
