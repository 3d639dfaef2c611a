// Package knob has the knobs of a foundation: its faults, its limits and its clock's speed.
package knob

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Knobs may be turned while the foundation runs. Rates are probabilities, from 0 (never) to 1.
// Knobs of rows (late commits, unknown states) hold for rows written from then on, knobs of
// requests for the next request, knobs of tokens for tokens given out from then on.
type Knobs struct {
	// LateCommits is how likely a transaction commits late: its rows are listed only then, at the
	// place of their ids.
	LateCommits float64 `placeholder:"RATE" help:"Probability that a row is committed, and so listed, late." json:"late_commits"`
	// LateCommitMax is how late at most, evenly spread.
	LateCommitMax Duration `default:"2m" help:"How late a late row is at most." json:"late_commit_max"`
	// LostRate is how likely a row is never in the table, though what it says happened: a reader
	// sees no trace of it. LostMax is how many at most; 0 for any number.
	LostRate float64 `placeholder:"RATE" help:"Probability that a row is lost without a trace." json:"lost_rate"`
	LostMax  int     `placeholder:"N" help:"How many rows are lost at most; 0 for any number." json:"lost_max"`
	// UnknownStateRate is the probability of an undocumented addition to a row: another row with a
	// state of its own, or another field.
	UnknownStateRate float64 `placeholder:"RATE" help:"Probability that a row brings an unknown field, or a further row with an unknown state." json:"unknown_state_rate"`

	// Retention is the age of rows for removal by the daily job; 0 keeps them all.
	Retention Duration `default:"31d" help:"Age from which rows are removed by the daily job; 0 for never." json:"retention"`
	// KeepRunning spares the beginnings of running resources, as pull request 5210 does.
	KeepRunning bool `help:"Spare the rows of what still runs when removing old ones." json:"keep_running"`

	// ErrorRate is how likely a request gets 500, 502, 503 or 504.
	ErrorRate float64 `placeholder:"RATE" help:"Probability of a 5xx answer." json:"error_rate"`
	// RateLimitRate is how likely a request gets 429 whatever the limit.
	RateLimitRate float64 `placeholder:"RATE" help:"Probability of a 429 answer." json:"rate_limit_rate"`
	// RateLimit is how many requests an hour (of real time) a client may make; 0 for no limit.
	// Tokens of cloud_controller.admin and admin_read_only are exempt,
	// cloud_controller.global_auditor is not.
	RateLimit int `placeholder:"N" help:"Requests an hour for each client, admins excepted; 0 for no limit." json:"rate_limit"`
	// RetryAfter is the wait in a 429, in whole seconds.
	RetryAfter Duration `default:"2s" help:"What a 429 answer asks to wait." json:"retry_after"`
	// RetryAfterUnix makes Retry-After the Unix time of the reset, against RFC 9110, as Cloud
	// Controllers of before pull request 3289 (2023) do.
	RetryAfterUnix bool `help:"Give Retry-After as a Unix time, as Cloud Controllers of before 2023 do." json:"retry_after_unix"`
	// UnauthorizedRate is how likely a good token is answered with 401.
	UnauthorizedRate float64 `placeholder:"RATE" help:"Probability of a 401 answer to a good token." json:"unauthorized_rate"`
	// SlowRate is how likely an answer takes Slow longer (of real time).
	SlowRate float64 `placeholder:"RATE" help:"Probability of a slow answer." json:"slow_rate"`
	// Slow is how long a slow answer takes.
	Slow Duration `default:"1s" help:"How long a slow answer takes." json:"slow"`
	// CutRate is the probability of an answer with status 200 to end in its middle: below its
	// Content-Length, in the middle of a chunked body, or with the part's own Content-Length.
	CutRate float64 `placeholder:"RATE" help:"Probability of a cut answer." json:"cut_rate"`
	// GarbageRate is how likely a request gets 200 and a page of HTML.
	GarbageRate float64 `placeholder:"RATE" help:"Probability of an HTML page with status 200." json:"garbage_rate"`
	// MaxTotalResults refuses pages beyond it with 422, as cc.renderer.max_total_results; 0 for no
	// limit.
	MaxTotalResults int `placeholder:"N" help:"Refuse pages that end beyond this; 0 for no limit." json:"max_total_results"`

	// PartialLists is how likely a list of the inventory has only every second of its resources,
	// and says that these are all.
	PartialLists float64 `placeholder:"RATE" help:"Probability that a list of resources has only half of them, and says that these are all." json:"partial_lists"`
	// EmptyLists is how likely a list of the inventory is empty, with status 200.
	EmptyLists float64 `placeholder:"RATE" help:"Probability that a list of resources is empty." json:"empty_lists"`
	// PageDeletes and PageCreates are how likely a resource of a page is deleted, or another one
	// like it made, once the page is answered and another one follows: apps with their processes,
	// tasks and service instances. A deletion moves what follows by one place.
	PageDeletes float64 `placeholder:"RATE" help:"Probability that a resource of a page is deleted before the next page is asked for." json:"page_deletes"`
	PageCreates float64 `placeholder:"RATE" help:"Probability that a resource is made before the next page of its list is asked for." json:"page_creates"`
	// LagRate is how likely an answer about the inventory, or the usage summary, is as of Lag ago,
	// or of the last change before that. Date and audit events do not lag.
	LagRate float64 `placeholder:"RATE" help:"Probability that resources are shown as they were some time ago." json:"lag_rate"`
	// Lag is how long ago that is.
	Lag Duration `default:"30s" help:"How long ago that is." json:"lag"`

	// Identity is the address that the foundation has for itself, another than that of its
	// requests: the foundation is another one behind the same address, or the same one that has
	// moved.
	Identity string `placeholder:"URL" help:"Address that the foundation has for itself (default: the one it is asked by)." json:"identity"`

	// MissingGlobalScope withholds the scopes of global reading from tokens.
	MissingGlobalScope bool `help:"Give out tokens without global read scopes." json:"missing_global_scope"`
	// ScopeAfter is how many requests with a token are answered from now on, until all tokens lack
	// the scopes of global reading; 0 for ever.
	ScopeAfter int `placeholder:"N" help:"Requests after which tokens lose the global read scopes; 0 for never." json:"scope_after"`
	// NoStats answers the instances of processes as if there were no such endpoint.
	NoStats bool `help:"Know nothing about the instances of processes." json:"no_stats"`
	// AuditRetention is how long audit events are kept. Source: config/cloud_controller.yml,
	// audit_events.
	AuditRetention Duration `default:"31d" help:"How long audit events are kept." json:"audit_retention"`
	// TokenLifetime is how long access tokens live (of real time), in whole seconds.
	TokenLifetime Duration `default:"20m" help:"Lifetime of access tokens." json:"token_lifetime"`
	// Speed is the foundation's seconds in each real one; 0 stops its clock, and only Advance moves
	// it.
	Speed float64 `default:"60" help:"Seconds that pass in the foundation for each real one; 0 for none." json:"speed"`
}

// Standard are those of a foundation without faults: nothing fails, rows live 31 days, tokens 20
// minutes, and the clock stands still.
func Standard() Knobs {
	return Knobs{
		LateCommitMax: Duration(2 * time.Minute),
		Retention:     Duration(31 * day),
		RetryAfter:    Duration(2 * time.Second),
		Slow:          Duration(time.Second),
		TokenLifetime: Duration(20 * time.Minute),

		Lag: Duration(30 * time.Second), AuditRetention: Duration(31 * day),
	}
}

const day = 24 * time.Hour

// Validate refuses knobs out of range.
func (k *Knobs) Validate() error {
	for _, rate := range []struct {
		name  string
		value float64
	}{
		{"late_commits", k.LateCommits},
		{"lost_rate", k.LostRate},
		{"unknown_state_rate", k.UnknownStateRate},
		{"error_rate", k.ErrorRate},
		{"rate_limit_rate", k.RateLimitRate},
		{"unauthorized_rate", k.UnauthorizedRate},
		{"slow_rate", k.SlowRate},
		{"cut_rate", k.CutRate},
		{"garbage_rate", k.GarbageRate},
		{"partial_lists", k.PartialLists},
		{"empty_lists", k.EmptyLists},
		{"page_deletes", k.PageDeletes},
		{"page_creates", k.PageCreates},
		{"lag_rate", k.LagRate},
	} {
		if !(rate.value >= 0 && rate.value <= 1) {
			return fmt.Errorf("knob %s is %v; give a probability from 0 to 1", rate.name, rate.value)
		}
	}
	for _, duration := range []struct {
		name         string
		value, least Duration
	}{
		{"late_commit_max", k.LateCommitMax, 0},
		{"retention", k.Retention, 0},
		{"retry_after", k.RetryAfter, 0},
		{"slow", k.Slow, 0},
		{"token_lifetime", k.TokenLifetime, Duration(time.Second)},
		{"lag", k.Lag, 0},
		{"audit_retention", k.AuditRetention, 0},
	} {
		if duration.value < duration.least {
			return fmt.Errorf("knob %s is %s; give %s or more", duration.name, duration.value, duration.least)
		}
	}
	if !(k.Speed >= 0) || math.IsInf(k.Speed, 0) || k.Speed > maxSpeed {
		return fmt.Errorf("knob speed is %v; give seconds per second from 0 to %d", k.Speed, maxSpeed)
	}
	if k.RateLimit < 0 || k.MaxTotalResults < 0 || k.LostMax < 0 || k.ScopeAfter < 0 {
		return fmt.Errorf("knobs rate_limit (%d), max_total_results (%d), lost_max (%d) and scope_after (%d) are "+
			"counts: 0 or more", k.RateLimit, k.MaxTotalResults, k.LostMax, k.ScopeAfter)
	}
	return nil
}

// maxSpeed is fast enough for a month in two seconds, and keeps an hour without requests from being
// centuries.
const maxSpeed = 1_000_000

// Duration is a time.Duration with a text of its own, in days, too: "31d", "1d12h", "90s".
type Duration time.Duration

var days = regexp.MustCompile(`^([0-9]{1,6})d`)

// ParseDuration reads a duration; d stands for 24 hours and comes first.
func ParseDuration(text string) (time.Duration, error) {
	rest, whole := text, time.Duration(0)
	if match := days.FindStringSubmatch(text); match != nil {
		n, err := strconv.Atoi(match[1])
		if err != nil || n > 100_000 { // some 270 years: more does not fit a time.Duration
			return 0, fmt.Errorf("%q has too many days", text)
		}
		whole, rest = time.Duration(n)*day, text[len(match[0]):]
		if rest == "" {
			return whole, nil
		}
	}
	part, err := time.ParseDuration(rest)
	if err != nil || whole > 0 && part < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 31d, 1d12h, 5m or 1.5s", text)
	}
	return whole + part, nil
}

// UnmarshalText reads a duration as ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText is the inverse of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration with days: "31d", "1d12h0m0s".
func (d Duration) String() string {
	whole := time.Duration(d) / day
	rest := time.Duration(d) % day
	switch {
	case whole <= 0:
		return time.Duration(d).String()
	case rest == 0:
		return strconv.FormatInt(int64(whole), 10) + "d"
	}
	return strings.Join([]string{strconv.FormatInt(int64(whole), 10), "d", rest.String()}, "")
}
