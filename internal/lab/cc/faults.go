package cc

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// mishap is the faults of one request.
type mishap struct {
	slow         time.Duration
	instead      *answer // of the right one
	limited      bool
	unauthorized bool
	cut          cut
}

// cut is a way for a body to end too soon.
type cut uint8

const (
	whole       cut = iota
	belowLength     // the connection ends before Content-Length
	inChunks        // the connection ends before the last chunk
	rightLength     // a proxy made Content-Length fit the part
)

// draw draws the faults of a request. Each raised knob takes its draw, in the same order for every
// request, for the same requests to meet the same mishaps.
func (f *Foundation) draw(who access) (m mishap) {
	hits := func(name string, rate float64) bool {
		if rate == 0 || f.faults.Float64() >= rate {
			return false
		}
		f.drawn[name]++
		return true
	}
	k := &f.knobs
	if hits("slow", k.SlowRate) {
		m.slow = time.Duration(k.Slow)
	}
	failed, garbage := hits("error", k.ErrorRate), hits("garbage", k.GarbageRate)
	m.limited = hits("rate_limit", k.RateLimitRate) && who != public
	m.unauthorized = hits("unauthorized", k.UnauthorizedRate) && who != public
	if hits("cut", k.CutRate) {
		m.cut = cut(1 + f.faults.IntN(3)) //nolint:gosec // 1 to 3
	}
	switch {
	case failed:
		a := f.failure()
		m.instead = &a
	case garbage:
		a := answer{status: http.StatusOK, kind: "text/html; charset=utf-8", pieces: [][]byte{[]byte(maintenancePage)}}
		m.instead = &a
	}
	return m
}

// failure is one of a foundation's failures.
func (f *Foundation) failure() answer {
	switch f.faults.IntN(5) {
	case 0:
		return serverError.answer()
	case 1:
		return uaaUnavailable.answer()
	case 2:
		return unavailable.answer()
	case 3: // of the Gorouter, without a backend
		return answer{
			status: http.StatusBadGateway, kind: "text/plain; charset=utf-8",
			pieces: [][]byte{[]byte("502 Bad Gateway: Registered endpoint failed to handle the request.\n")},
		}.with("X-Cf-Routererror", "endpoint_failure (EOF)")
	default: // of the load balancer in front
		return answer{
			status: http.StatusGatewayTimeout, kind: "text/html",
			pieces: [][]byte{[]byte("<html><body><h1>504 Gateway Time-out</h1></body></html>\n")},
		}
	}
}

const maintenancePage = `<!DOCTYPE html>
<html><head><title>Maintenance</title></head><body><h1>We will be back soon.</h1></body></html>
`

// window counts a client's requests.
type window struct {
	requests int
	until    time.Time // of the real clock
}

// limitWindow is how long a client's requests are counted. Source:
// cc.rate_limiter.reset_interval_in_minutes.
const limitWindow = time.Hour

// limit counts a request of a client. The headers are the rate limiter's, nil where it does not
// apply. Source: middleware/base_rate_limiter.rb.
func (f *Foundation) limit(r *request, unlucky bool) (limited bool, headers map[string]string) {
	if r.token.has(ScopeAdmin) || r.token.has(ScopeAdminReadOnly) || f.knobs.RateLimit == 0 && !unlucky {
		return false, nil
	}
	limit := f.knobs.RateLimit
	if limit == 0 {
		limit = 2000 // the standard of cc.rate_limiter.general_limit
	}
	now := f.config.Clock()
	w := f.limits[r.token.owner()]
	if w == nil || w.until.Before(now) {
		w = &window{until: now.Add(limitWindow)}
		f.limits[r.token.owner()] = w
	}
	limited = unlucky || f.knobs.RateLimit > 0 && w.requests >= f.knobs.RateLimit
	if !limited {
		w.requests++
	}
	remaining := max(0, limit-w.requests)
	if limited {
		remaining = 0
	}
	return limited, map[string]string{
		"X-RateLimit-Limit":     strconv.Itoa(limit),
		"X-RateLimit-Remaining": strconv.Itoa(remaining),
		"X-RateLimit-Reset":     strconv.FormatInt(f.retryAt(r), 10),
	}
}

// retryAt is the time to ask again, by the clock of Date, in Unix seconds.
func (f *Foundation) retryAt(r *request) int64 { return r.date/1e6 + f.retryAfter() }

// retryAfter is the wait of a 429, in whole seconds of real time, rounded up.
func (f *Foundation) retryAfter() int64 {
	return int64((time.Duration(f.knobs.RetryAfter) + time.Second - 1) / time.Second)
}

// tooMany is 429 as the rate limiter gives it: an error like any other, under the name of plain
// text.
func (f *Foundation) tooMany(r *request) answer {
	wait := f.retryAfter()
	if f.knobs.RetryAfterUnix {
		wait = f.retryAt(r)
	}
	a := rateLimited.answer()
	a.kind = "text/plain; charset=utf-8"
	return a.with("Retry-After", fmt.Sprint(wait))
}
