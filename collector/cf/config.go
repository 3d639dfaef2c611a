package cf

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Limits of the collector.
const (
	MinMinAge     = time.Minute      // with less, a walk would often overtake open transactions
	MaxWindow     = 200_000          // events of a list in memory, for finding late ones
	MaxKnown      = 20_000_000       // facts of a list in memory, for a rescan
	maxSkew       = 30 * time.Second // between the local clock and the API's, before a warning
	maxAhead      = time.Minute      // of a horizon beyond the local clock
	maxLate       = 10_000           // late events of one overlap; more is no lateness
	maxReloads    = 6                // attempts of a poll, each after an append that failed
	maxReloadWait = 30 * time.Second // from one attempt to the next
	drainTime     = 10 * time.Second // for an append under way when the collector is stopped
)

// Config has the settings of a collector.
type Config struct {
	Foundations []Foundation
}

// The defaults of Foundation.
const (
	DefaultUserAgent    = cfapi.DefaultUserAgent
	DefaultSchedule     = time.Minute
	DefaultPageSize     = cfapi.DefaultPageSize
	DefaultMinAge       = 5 * time.Minute
	DefaultOverlap      = 30 * time.Minute
	DefaultOverlapEvery = 5 * time.Minute
	DefaultRetention    = 31 * 24 * time.Hour // cutoff_age_in_days of Cloud Controller
)

// Foundation has the settings of one Cloud Foundry foundation. Zero values mean the defaults above,
// and those of cfapi.
type Foundation struct {
	Name string // part of every subject and id
	API  string // https://api.example.org
	// MovedFrom is the address before a move, as the collector said it: without it another platform
	// than the one in USAGE is refused. It means nothing once the move is in USAGE.
	MovedFrom string

	// Credentials: a client with its secret, a user with the password (by the client "cf" unless
	// ClientID says otherwise), or a token.
	ClientID, ClientSecret string
	Username, Password     string
	Token                  string

	UserAgent string
	CAFile    string // PEM, instead of the system's
	SkipTLS   bool   // do not verify certificates

	Schedule time.Duration // from one poll to the next
	MinWait  time.Duration // between two requests for pages of one list, and between polls
	PageSize int           // events a request, at most cfapi.MaxPageSize
	MinAge   time.Duration // younger events wait for a later poll; at least MinMinAge

	Overlap      time.Duration // age of the oldest late commits to look for
	OverlapEvery time.Duration // from one look to the next
	// Retention is the foundation's cutoff_age_in_days, or less.
	Retention time.Duration
	// Complete says: the lists hold everything since the beginning, as for a foundation younger
	// than Retention; nothing can have run unseen before the first event.
	Complete bool
	// Collector names this collector where a foundation has several, each with lists of its own to
	// prove complete.
	Collector string
	// Epoch is for the projector of the same process: nothing is billed before it.
	Epoch time.Time

	Timeout   time.Duration // of one request
	RetryWait time.Duration // after the first failure of a request; doubles up to 30 s
	Retries   int           // of one request, none where negative; four times as many from page to page
}

func (f Foundation) withDefaults() Foundation {
	f.UserAgent = cmp.Or(f.UserAgent, DefaultUserAgent)
	f.Schedule = cmp.Or(f.Schedule, DefaultSchedule)
	f.PageSize = cmp.Or(f.PageSize, DefaultPageSize)
	f.MinAge = cmp.Or(f.MinAge, DefaultMinAge)
	f.Overlap = cmp.Or(f.Overlap, DefaultOverlap)
	f.OverlapEvery = cmp.Or(f.OverlapEvery, DefaultOverlapEvery)
	f.Retention = cmp.Or(f.Retention, DefaultRetention)
	f.Timeout = cmp.Or(f.Timeout, cfapi.DefaultTimeout)
	f.RetryWait = cmp.Or(f.RetryWait, cfapi.DefaultRetryWait)
	f.Retries = cmp.Or(f.Retries, cfapi.DefaultRetries)
	return f
}

// Validate returns all mistakes in the settings, as one error.
func (f *Foundation) Validate() error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	switch {
	case f.Name == "":
		add("the foundation has no name")
	case len(f.Name) > 100:
		add("the name has %d bytes: at most 100 are allowed", len(f.Name))
	}
	if u, err := url.Parse(f.API); f.API == "" {
		add("the address of the API is missing: give one such as https://api.example.org")
	} else if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" ||
		u.Fragment != "" {
		add("the address of the API is wrong: give one such as https://api.example.org")
	} else if u.User != nil {
		add("the address of the API holds credentials: give them as a client with its secret, a user with the " +
			"password, or a token")
	}
	if f.MovedFrom != "" && cfapi.Address(f.MovedFrom) == "" {
		add("the address before the move is wrong: give the one that the error names, such as https://api.example.org")
	}
	access := f.Access()
	if access.Grant() == "" {
		add("there are no credentials: give a client with its secret (CF_CLIENT_ID, CF_CLIENT_SECRET), a user with " +
			"the password (CF_USERNAME, CF_PASSWORD), or a token (CF_TOKEN)")
	}
	for _, d := range []struct {
		name       string
		value, low time.Duration
	}{
		{"the schedule", f.Schedule, 0},
		{"the minimum wait", f.MinWait, 0},
		{"the minimum age", f.MinAge, MinMinAge},
		{"the overlap", f.Overlap, 0},
		{"the overlap's cadence", f.OverlapEvery, 0},
		{"the retention", f.Retention, time.Hour},
		{"the timeout", f.Timeout, 0},
	} {
		if d.value < d.low {
			add("%s is %v: it must be at least %v", d.name, d.value, d.low)
		}
	}
	if f.PageSize < 1 || f.PageSize > cfapi.MaxPageSize {
		add("the page size is %d: the API takes 1 to %d", f.PageSize, cfapi.MaxPageSize)
	}
	return errors.Join(wrong...)
}

// Access is the part of the settings for a client of the API.
func (f *Foundation) Access() cfapi.Config {
	return cfapi.Config{
		Foundation: f.Name, API: f.API,
		ClientID: f.ClientID, ClientSecret: f.ClientSecret, Username: f.Username, Password: f.Password, Token: f.Token,
		UserAgent: f.UserAgent, CAFile: f.CAFile, SkipTLS: f.SkipTLS,
		PageSize: f.PageSize, Timeout: f.Timeout, RetryWait: f.RetryWait, Retries: f.Retries,
	}
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Foundations) == 0 {
		return c, errors.New("no foundation: give the address of an API, or a file of foundations")
	}
	names := map[string]bool{}
	all := make([]Foundation, len(c.Foundations))
	for i, f := range c.Foundations {
		f = f.withDefaults()
		if err := f.Validate(); err != nil {
			return c, fmt.Errorf("foundation %q: %w", f.Name, err)
		}
		if names[events.Token(f.Name)] {
			return c, fmt.Errorf("two foundations are called %q: the name tells them apart in every subject", f.Name)
		}
		names[events.Token(f.Name)] = true
		all[i] = f
	}
	c.Foundations = all
	return c, nil
}

// Deps are the collector's surroundings. Only Store is required.
type Deps struct {
	Store   Store
	Log     *slog.Logger
	Metrics *Metrics
	// Now is the local clock, for skew, waiting and the status; collecting depends on the API's
	// clock alone.
	Now func() time.Time
}

func (d Deps) withDefaults() (Deps, error) {
	if d.Store == nil {
		return d, errors.New("collector/cf: Deps.Store is missing")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d, nil
}
