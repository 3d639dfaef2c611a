package trove

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// PushPattern is where Push is to be served.
const PushPattern = "/v1/ingest/trove"

// Limits of Push.
const (
	MaxPush      = 1 << 20 // bytes of a request's body
	minToken     = 16      // bytes
	maxPushes    = 32      // at once; more are told to come back
	pushTime     = 10 * time.Second
	pushOrigin   = "push"
	retrySeconds = "1"
)

// pushed is the answer to a request, as JSON.
type pushed struct {
	Result string `json:"result,omitempty"` // stored, known or ignored
	// ID is the fact's id in USAGE.
	ID        string `json:"id,omitempty"`
	EventType string `json:"event_type,omitempty"` // of an ignored notification
	Error     string `json:"error,omitempty"`
	// Quarantined is the id of the notification in QUARANTINE.
	Quarantined string `json:"quarantined,omitempty"`
}

// Push is a handler for notifications, one a request: oslo.messaging's JSON, with or without its
// envelope, plain or compressed with gzip or zlib. They go the same way as notifications from the
// queue. Senders have a bearer token, of 16 bytes at least. The content type does not matter: curl
// calls everything a form.
//
// Answers: 202 when the fact is stored, 200 when it was stored before, or when the notification
// says nothing about usage; with an error 400 (no JSON), 401, 405, 413 (more than 1 MiB), 415
// (another compression), 422 (no rule understands it), 429 (too many at once) and 503 (the bus is
// away). Input answered with 422 is in QUARANTINE, with 400 if it was read. After 429 and 503 the
// same request is to be sent again; a notification sent twice is stored once.
func (c *Collector) Push(token string) (http.Handler, error) {
	if len(token) < minToken {
		return nil, fmt.Errorf("the token for pushed notifications has %d bytes: take at least %d, for example from "+
			"openssl rand -hex 32", len(token), minToken)
	}
	want := sha256.Sum256([]byte(token))
	turns := make(chan struct{}, maxPushes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, answer := c.push(w, r, want, turns)
		c.deps.Metrics.pushes.WithLabelValues(strconv.Itoa(status)).Inc()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		switch status {
		case http.StatusUnauthorized:
			h.Set("WWW-Authenticate", `Bearer realm="daybook"`)
		case http.StatusMethodNotAllowed:
			h.Set("Allow", http.MethodPost)
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			h.Set("Retry-After", retrySeconds)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // fails only when the client has gone
	}), nil
}

func (c *Collector) push(w http.ResponseWriter, r *http.Request, token [sha256.Size]byte,
	turns chan struct{},
) (status int, answer pushed) {
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	ok = ok && strings.EqualFold(scheme, "Bearer") // RFC 9110, section 11.1
	sum := sha256.Sum256([]byte(given))
	if match := subtle.ConstantTimeCompare(sum[:], token[:]) == 1; !ok || !match {
		return refusedWith(http.StatusUnauthorized, "the request needs the header Authorization: Bearer with the "+
			"collector's token")
	}
	if r.Method != http.MethodPost {
		return refusedWith(http.StatusMethodNotAllowed, "notifications are sent with POST")
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) { // RFC 9110, section 8.4.1
	case "", "identity", "gzip", "x-gzip", "deflate":
	default:
		return refusedWith(http.StatusUnsupportedMediaType, "the body may be compressed with gzip or deflate only")
	}
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	default:
		return refusedWith(http.StatusTooManyRequests, fmt.Sprintf("%d notifications are being taken already: send "+
			"it again", maxPushes))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPush))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refusedWith(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes: send one "+
			"notification a request", MaxPush))
	case err != nil:
		return refusedWith(http.StatusBadRequest, "the body could not be read to its end")
	case len(body) == 0:
		return refusedWith(http.StatusBadRequest, "the body is empty: send one notification")
	}
	if !c.learned.Load() {
		return refusedWith(http.StatusServiceUnavailable, "the collector is starting: send it again")
	}
	// The request's end must not leave it open whether the notification is stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pushTime)
	defer cancel()
	b := newBatch(c.sink.region, c.deps.Now)
	b.add(pushOrigin, body, "")
	if err := c.sink.store(ctx, b); err != nil {
		c.reports.unstored(err)
		return refusedWith(http.StatusServiceUnavailable, "the notification could not be stored, or it is not known "+
			"whether it was: send it again")
	}
	c.reports.count(b.messages)
	return answerTo(&b.messages[0])
}

func answerTo(m *message) (status int, answer pushed) {
	switch m.verdict {
	case isFact:
		return http.StatusAccepted, pushed{Result: "stored", ID: m.id}
	case isKnown:
		return http.StatusOK, pushed{Result: "known", ID: m.id}
	case isIgnored:
		return http.StatusOK, pushed{Result: "ignored", EventType: m.eventType}
	}
	status = http.StatusUnprocessableEntity
	if m.syntax {
		status = http.StatusBadRequest
	}
	return status, pushed{Error: m.reason, Quarantined: m.id}
}

// pushStatuses are the statuses of all answers.
func pushStatuses() []int {
	return []int{
		http.StatusAccepted, http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized,
		http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
	}
}

func refusedWith(status int, text string) (int, pushed) {
	return status, pushed{Error: text}
}

// pushedHorizons publishes the horizon of a collector without a broker: notifications sent Settle
// before the newest one are taken to be stored. It never passes the clock.
func (c *Collector) pushedHorizons(ctx context.Context) {
	beat := time.NewTicker(c.cfg.Beat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		at := c.Report().Observed
		if now := c.deps.Now(); at.After(now) {
			at = now
		}
		if at.IsZero() {
			continue
		}
		at = at.Add(-c.cfg.Settle)
		at, err := c.sink.publishHorizon(ctx, at)
		if err != nil {
			c.reports.failed(err)
			continue // the next beat brings it
		}
		c.reports.horizon(at)
	}
}
