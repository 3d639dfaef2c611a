package cfapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// share is the part of the allowed requests for one errand: one in so many.
const share = 10

// Errand is a number of requests with one purpose, such as an inspection. It makes at most so many,
// and uses at most a tenth of the requests that the rate limit leaves: the collector and the API's
// other users need the rest. It is for one goroutine.
type Errand struct {
	c           *Client
	most        int
	used        int
	allowed     int64 // by the rate limit; negative where it sets none
	until       time.Time
	begun, seen time.Time
}

// Errand begins an errand of at most so many requests, repeated ones included.
func (c *Client) Errand(most int) *Errand {
	c.Reset()
	return &Errand{c: c, most: most, allowed: -1}
}

// Requests is how many requests there were.
func (e *Errand) Requests() int { return e.used }

// Begun and Seen are the API's times of the first and of the last answer.
func (e *Errand) Begun() time.Time { return e.begun }

// Seen is the API's time of the last answer.
func (e *Errand) Seen() time.Time { return e.seen }

// may permits one more request.
func (e *Errand) may() error {
	switch {
	case e.used >= e.most:
		return fmt.Errorf("an errand has made its %d requests, and is not done", e.most)
	case e.allowed >= 0 && int64(e.used) >= e.allowed:
		return &WaitError{e.until, fmt.Errorf("the rate limit of the API leaves %d requests to this errand, one in "+
			"%d of those left: it goes on after %s; raise the client's limit (cc.rate_limiter.general_limit) if that "+
			"is never enough", e.allowed, share, e.until.UTC().Format(time.RFC3339))}
	}
	e.used++
	return nil
}

// get asks for a path on behalf of the errand.
func (e *Errand) get(ctx context.Context, path string, query url.Values, check func(a *answer) error) error {
	err := e.c.getFor(ctx, path, query, e.may, func(a *answer) error {
		if err := check(a); err != nil {
			return err
		}
		e.note(a)
		return nil
	})
	if err == nil {
		e.c.Reset()
	}
	return err
}

// note takes the time and the rate limit of an answer.
func (e *Errand) note(a *answer) {
	if e.begun.IsZero() {
		e.begun = a.date
	}
	e.seen = a.date
	if !a.limit.known {
		return
	}
	if allowed := (a.limit.remaining + int64(e.used)) / share; e.allowed < 0 || allowed < e.allowed {
		e.allowed = allowed
	}
	e.until = e.c.deps.Now().Add(time.Duration(max(a.limit.reset-a.date.Unix(), 0)) * time.Second)
}

// Summary is the usage summary of the whole foundation. Source: cloud_controller_ng,
// app/fetchers/global_usage_summary_fetcher.rb.
type Summary struct {
	Instances int64 // of started processes
	MemoryMB  int64 // of these instances and of running tasks
	Services  int64 // managed service instances
	Tasks     int64 // pending and running
	Date      time.Time
	Raw       []byte
}

// Summary reads the usage summary. It is the proof of the scope, too: without global read the error
// is ErrNoGlobalRead, where lists would be empty.
func (e *Errand) Summary(ctx context.Context) (s Summary, err error) {
	err = e.get(ctx, usageSummary, nil, func(a *answer) error {
		d := jsondoc.Borrow()
		defer d.Return()
		if err := d.Parse(a.body); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		var r jsondoc.Reader
		of := d.Root().Get("usage_summary")
		number := func(key string) int64 {
			v := of.Get(key)
			if v.Kind() != jsondoc.Number {
				r.Fail(v, "usage_summary", key, "a number")
				return 0
			}
			n, err := wholeNumber(v)
			if err != nil {
				r.Fail(v, "usage_summary", key, "a whole number")
			}
			return n
		}
		s = Summary{
			Instances: number("started_instances"), MemoryMB: number("memory_in_mb"),
			Services: number("service_instances"), Tasks: number("per_app_tasks"),
			Date: a.date, Raw: d.OneLine(),
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		return nil
	})
	return s, scopeError(err)
}

// Resource is one resource, or another object of the API, alone.
type Resource struct {
	Raw  []byte // a copy
	Date time.Time
}

// Resource asks for the object at a path below /v3. NotFound reports the error for a resource that
// Cloud Controller does not know, or does not show to this token; UnknownEndpoint that for a path
// that it does not know.
func (e *Errand) Resource(ctx context.Context, path string, query url.Values) (r Resource, err error) {
	err = e.get(ctx, "/v3/"+path, query, func(a *answer) error {
		d := jsondoc.Borrow()
		defer d.Return()
		if err := d.Parse(a.body); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		r = Resource{Raw: d.OneLine(), Date: a.date}
		return nil
	})
	return r, err
}

// errNoNumber: a value is no whole number from 0 on.
var errNoNumber = errors.New("it is no whole number")
