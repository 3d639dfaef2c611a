package troveapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/daybook-billing/daybook/internal/redact"
)

var (
	// ErrNotFound: Trove knows no such instance, or none that the token may see.
	ErrNotFound = errors.New("no such instance, or none that the user may see")
	// ErrUnmanaged: the token may not ask for the instances of all projects.
	ErrUnmanaged = errors.New("the user has no rights of management in Trove: grant it a role of Trove's " +
		"admin_roles")

	errDamaged = errors.New("the answer is damaged")
)

const maxErrorText = 300 // bytes of an answer in an error

// StatusError is an answer with a status that a repetition does not change.
type StatusError struct {
	Status  int
	request string
	text    string // cleaned
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: status %d: %s", e.request, e.Status, e.text)
}

// RequestError is a request that failed however often it was repeated. It may succeed later.
type RequestError struct{ err error }

func (e *RequestError) Error() string { return e.err.Error() }
func (e *RequestError) Unwrap() error { return e.err }

// fault is the name and the message of Trove's error document, empty for anything else. Source:
// trove/common/wsgi.py, Fault.
func fault(body []byte) (name, message string) {
	var in map[string]struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &in) != nil || len(in) != 1 {
		return "", ""
	}
	for name, f := range in {
		if f.Code != 0 {
			return name, f.Message
		}
	}
	return "", ""
}

// refusal is the error for an answer with a status other than 200, final where a repetition does
// not help. managed is set for a request to the management.
//
// Trove 18 maps no errors of its extensions: a user without rights and an unknown instance have
// status 400 there, and are told apart by the message alone. Other releases answer 401, 403 or 404.
// A list of the management has status 403 and a bare text, no document, where Nova fails for one
// server: this says nothing about rights.
func refusal(request string, status int, body []byte, managed bool) error {
	name, message := fault(body)
	failed := &StatusError{status, request, redact.Text(string(body[:min(len(body), maxErrorText)]))}
	switch {
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout:
		return failed
	case managed && strings.Contains(message, "admin privileges"),
		managed && status == http.StatusForbidden && name == "forbidden",
		managed && status == http.StatusUnauthorized:
		return final{fmt.Errorf("%s: %w", request, ErrUnmanaged)}
	case managed && status == http.StatusForbidden:
		return failed
	case status == http.StatusNotFound && name == "itemNotFound",
		managed && status == http.StatusBadRequest && strings.HasSuffix(message, "cannot be found."):
		return final{fmt.Errorf("%s: %w", request, ErrNotFound)}
	}
	return final{failed}
}
