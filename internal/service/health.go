package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// checkTime is how long the checks of one report may take together.
const checkTime = 5 * time.Second

// Check tells the state of one thing: a detail for a person ("connected to nats://127.0.0.1:4222"),
// and an error when it is not well. It must return when ctx is done; it may be called from several
// goroutines at once.
type Check func(ctx context.Context) (detail string, err error)

// Health is the registry of a process's checks. Its zero value is an empty one: live and ready.
//
// Liveness asks whether only a restart can help; readiness asks whether the process does its work
// just now. A service waiting for NATS is live and not ready.
type Health struct {
	mu    sync.Mutex // held for registering and copying only, never while a check runs
	live  []namedCheck
	ready []namedCheck
}

type namedCheck struct {
	name  string
	check Check
}

// Live adds a liveness check, or replaces the one of the same name. Readiness includes it.
func (h *Health) Live(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = put(h.live, name, check)
}

// Ready adds a readiness check, or replaces the one of the same name.
func (h *Health) Ready(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = put(h.ready, name, check)
}

func put(checks []namedCheck, name string, check Check) []namedCheck {
	for i := range checks {
		if checks[i].name == name {
			checks[i].check = check
			return checks
		}
	}
	return append(checks, namedCheck{name, check})
}

// Report is the answer of /healthz and /readyz, as JSON.
type Report struct {
	OK     bool          `json:"ok"` // every check is
	Checks []CheckResult `json:"checks"`
}

// CheckResult is the state of one check.
type CheckResult struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Liveness runs the liveness checks, in the order they were added.
func (h *Health) Liveness(ctx context.Context) Report {
	h.mu.Lock()
	checks := append([]namedCheck(nil), h.live...)
	h.mu.Unlock()
	return report(ctx, checks)
}

// Readiness runs all checks: liveness first, each in the order they were added.
func (h *Health) Readiness(ctx context.Context) Report {
	h.mu.Lock()
	checks := append(append([]namedCheck(nil), h.live...), h.ready...)
	h.mu.Unlock()
	return report(ctx, checks)
}

func report(ctx context.Context, checks []namedCheck) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	r := Report{OK: true, Checks: make([]CheckResult, 0, len(checks))}
	for _, c := range checks {
		result := run(ctx, c)
		r.OK = r.OK && result.OK
		r.Checks = append(r.Checks, result)
	}
	return r
}

// run turns a panic of a check into its error: looking at a process must not end it.
func run(ctx context.Context, c namedCheck) (result CheckResult) {
	result.Name = c.name
	defer func() {
		if p := recover(); p != nil {
			result.OK, result.Error = false, fmt.Sprintf("the check itself failed: %v", p)
		}
	}()
	detail, err := c.check(ctx)
	result.OK, result.Detail = err == nil, detail
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

// Switch is a check with a state set by its owner, for states invisible from outside, such as
// "standby". It starts as not well.
type Switch struct {
	mu     sync.Mutex // guards the fields below
	detail string
	err    error
}

// NewSwitch returns a Switch in the state off for the given reason, such as "starting".
func NewSwitch(reason string) *Switch { return &Switch{err: errors.New(reason)} }

// On sets the state to well, with a detail for a person.
func (s *Switch) On(detail string) { s.set(detail, nil) }

// Off sets the state to not well, with the reason.
func (s *Switch) Off(reason string) { s.set("", errors.New(reason)) }

func (s *Switch) set(detail string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detail, s.err = detail, err
}

// Check is a Check with the last state set.
func (s *Switch) Check(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.detail, s.err
}
