package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

var (
	// ErrNoToken: the request has no token.
	ErrNoToken = errors.New("a token is needed: Authorization: Bearer …, or X-Auth-Token for Keystone's")
	// ErrInvalidToken: the token is none, or is good no longer, or is not for this API.
	ErrInvalidToken = errors.New("the token is not valid")
	// ErrBadRequest: the request has several tokens.
	ErrBadRequest = errors.New("the request has several tokens: send one")
	// ErrForbidden: the token or the request is good, and not allowed to do this.
	ErrForbidden = errors.New("not allowed")
	// ErrUnavailable: keys, roles or Keystone cannot be asked now. Its cause is for the log.
	ErrUnavailable = errors.New("nobody can be asked now whether the token is good: try again later")
)

// retryAfter is the wait of an ErrUnavailable.
const retryAfter = 10 * time.Second

// challenge is the answer to every missing or bad token. Source: RFC 6750, section 3.
const challenge = `Bearer error="invalid_token"`

// Refuse is the answer to an error of Authenticate: the status, a text for the client, and the
// headers that belong to it: WWW-Authenticate or Retry-After. Any other error is ErrUnavailable.
func Refuse(h http.Header, err error) (status int, detail string) {
	switch {
	case errors.Is(err, ErrNoToken), errors.Is(err, ErrInvalidToken):
		h.Set("WWW-Authenticate", challenge)
		return http.StatusUnauthorized, err.Error()
	case errors.Is(err, ErrBadRequest):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, ErrTooManySignIns):
		h.Set("Retry-After", "60")
		return http.StatusTooManyRequests, err.Error()
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden, err.Error()
	}
	h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	return http.StatusServiceUnavailable, ErrUnavailable.Error()
}

func invalid(why string) error { return fmt.Errorf("%w: %s", ErrInvalidToken, why) }

func unavailable(why error) error { return fmt.Errorf("%w: %w", ErrUnavailable, why) }
