package cfapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

var (
	// ErrRefused: the UAA does not accept the credentials, or the API does not accept the token.
	ErrRefused = errors.New("not authorised")
	// ErrNoGlobalRead: the token may not read all usage events. The lists do not refuse such a
	// token: they are empty for it.
	ErrNoGlobalRead = errors.New("the token may not read the usage events of all organizations")

	// errDamaged: an answer is not the expected JSON.
	errDamaged = errors.New("the answer is damaged")
)

// Reasons for repeating a request, as the metric names them.
const (
	reasonLimited    = "rate_limited"
	reasonServer     = "server_error"
	reasonTimeout    = "timeout"
	reasonConnection = "connection"
	reasonBody       = "malformed_answer"
	reasonNoDate     = "no_date"
	reasonToken      = "token"
	reasonUnexpected = "unexpected_status"
)

// Reasons are all that Deps.Retried may be called with.
func Reasons() []string {
	return []string{
		reasonLimited, reasonServer, reasonTimeout, reasonConnection, reasonBody, reasonNoDate, reasonToken,
		reasonUnexpected,
	}
}

const maxErrorText = 300 // bytes of an answer in an error

// RequestError is a request that failed, and may succeed when it is repeated.
type RequestError struct {
	reason string
	after  time.Duration // the API asks to wait as long
	err    error
}

func (e *RequestError) Error() string { return e.err.Error() }
func (e *RequestError) Unwrap() error { return e.err }

// StatusError is an answer with another status than 200. Unless a RequestError wraps it, a
// repetition does not change it. It wraps the first resource.CloudFoundryError of Cloud
// Controller's error document; a router that knows no Cloud Controller answers 404 without one.
type StatusError struct {
	status   int
	document resource.CloudFoundryError // zero without an error document
	text     string                     // cleaned
	request  string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the API answers %d %s: %s", e.request, e.status, http.StatusText(e.status), e.text)
}

// Unwrap returns Cloud Controller's error, for resource.IsNotFoundError and its like.
func (e *StatusError) Unwrap() error {
	if e.document.Code == 0 {
		return nil
	}
	return e.document
}

// refusedWith reports whether the API answers with a status and one of Cloud Controller's errors.
func refusedWith(err error, status int, is func(err error) bool) bool {
	var refused *StatusError
	return errors.As(err, &refused) && refused.status == status && is(refused)
}

// WaitError says that the API asks for a break.
type WaitError struct {
	Until time.Time // by the local clock
	err   error
}

func (e *WaitError) Error() string { return e.err.Error() }
func (e *WaitError) Unwrap() error { return e.err }

// Transient reports whether a request failed that may succeed later.
func Transient(err error) bool {
	var request *RequestError
	var wait *WaitError
	return errors.As(err, &request) || errors.As(err, &wait)
}

// NotFound reports whether Cloud Controller itself knows no such event, or no such resource.
func NotFound(err error) bool {
	return refusedWith(err, http.StatusNotFound, resource.IsResourceNotFoundError)
}

// Unprocessable reports whether the API refuses the parameters, among them an after_guid that it
// does not know.
func Unprocessable(err error) bool {
	var refused *StatusError
	return errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity
}

// errorText reads Cloud Controller's error document. Anything else it returns as it is, secrets
// included.
func errorText(body []byte) (text string, first resource.CloudFoundryError) {
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(body) == nil {
		d.Root().Get("errors").Each(func(_ []byte, one jsondoc.Value) {
			if text == "" {
				first.Title, first.Detail = one.Get("title").Text(), one.Get("detail").Text()
				text = first.Title + ": " + first.Detail
				if v := one.Get("code"); v.Kind() == jsondoc.Number {
					first.Code, _ = strconv.Atoi(string(v.Raw()))
				}
			}
		})
	}
	if text == "" {
		text = strings.TrimSpace(string(body))
	}
	if len(text) > redact.MaxText {
		text = redact.Cut(text[:redact.MaxText], len(text)-redact.MaxText)
	}
	return text, first
}

// beginning is at most the first n bytes of a text without secrets: cutting a text with secrets
// could remove their marks.
func beginning(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}
