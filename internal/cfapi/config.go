package cfapi

import (
	"log/slog"
	"time"
)

// Defaults of Config.
const (
	DefaultUserAgent = "daybook"
	DefaultPageSize  = 998
	DefaultTimeout   = time.Minute
	DefaultRetryWait = 500 * time.Millisecond
	DefaultRetries   = 5
)

// MaxPageSize is the API's limit for per_page. Source: the documentation of the v3 API, pagination.
const MaxPageSize = 5000

// Config says how a foundation's API is reached.
type Config struct {
	Foundation string // name for errors
	API        string // https://api.example.org

	// Credentials: a client with its secret, a user with the password (by the client "cf" unless
	// ClientID says otherwise), or a token.
	ClientID, ClientSecret string
	Username, Password     string
	Token                  string

	UserAgent string // default: DefaultUserAgent
	CAFile    string // PEM, instead of the system's
	SkipTLS   bool   // do not verify certificates

	ListSize  int           // resources a page of the inventory; default: MaxPageSize, for the fewest requests
	PageSize  int           // events a page, at most MaxPageSize; default: DefaultPageSize
	Timeout   time.Duration // of one request; default: DefaultTimeout
	RetryWait time.Duration // after the first failure of a request; doubles up to 30 s; default: DefaultRetryWait
	Retries   int           // of one request; default: DefaultRetries; none where it is negative
}

// Deps are a client's surroundings. All of them may be missing.
type Deps struct {
	Log *slog.Logger
	// Now is the local clock, for waiting and for Skew.
	Now func() time.Time
	// Retried is called before a request is repeated, with the reason as metrics name it.
	Retried func(reason string)
	// Answered is called with the time of an answer, its body included.
	Answered func(took time.Duration)
}

func (c Config) withDefaults() Config {
	if c.UserAgent == "" {
		c.UserAgent = DefaultUserAgent
	}
	if c.PageSize == 0 {
		c.PageSize = DefaultPageSize
	}
	if c.ListSize == 0 {
		c.ListSize = MaxPageSize
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.RetryWait == 0 {
		c.RetryWait = DefaultRetryWait
	}
	if c.Retries == 0 {
		c.Retries = DefaultRetries
	}
	return c
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Retried == nil {
		d.Retried = func(string) {}
	}
	if d.Answered == nil {
		d.Answered = func(time.Duration) {}
	}
	return d
}

// Grant names the kind of the credentials: "client", "user", "token", or "" when there are none.
func (c *Config) Grant() string {
	switch {
	case c.Username != "" && c.Password != "":
		return "user"
	case c.ClientID != "" && c.ClientSecret != "":
		return "client"
	case c.Token != "":
		return "token"
	}
	return ""
}
