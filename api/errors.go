package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/internal/bus"
)

// retryAfter is the wait of an answer that cannot be given now.
const retryAfter = 5 * time.Second

// The details of errors that are not the asker's.
const (
	errInternal = "the API failed; its log says why"
	errAway     = "the streams or the ledger cannot be read now: try again later"
	errLate     = "the answer took longer than 30 s: ask for less"
)

// errBusy: nobody had a place for a heavy question in time.
var errBusy = errors.New("other questions that read much are being answered: try again later")

// errStreams: there are as many live streams as there may be.
var errStreams = errors.New("100 live streams are open, the most at once: try again later")

// locationNear is where names stand that may have been meant.
const locationNear = "near"

// failed is an error of an answer as the response to it. What is not the asker's fault is logged.
func (s *Server) failed(ctx context.Context, operation string, err error) error {
	if e := huma.HeadersError(nil); errors.As(err, &e) { // it says when to ask again
		return err
	}
	if p := (&answer.Problem{}); errors.As(err, &p) {
		near := make([]error, len(p.Near))
		for i, name := range p.Near {
			near[i] = &huma.ErrorDetail{Message: "did you mean " + name + "?", Location: locationNear, Value: name}
		}
		return huma.NewError(statusOf(p.Kind), p.Detail, near...)
	}
	if errors.Is(err, errBusy) || errors.Is(err, errStreams) {
		return later(err.Error())
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return huma.NewError(http.StatusServiceUnavailable, errAway) // nobody reads it
	}
	s.log.Warn("answering failed", slog.String("operation", operation), slog.Any("error", err))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return later(errLate)
	case bus.Outage(err), errors.Is(err, bus.ErrNotFound):
		return later(errAway)
	}
	return huma.NewError(http.StatusInternalServerError, errInternal)
}

// refusal is an error of an answer as the parts of a response.
func (s *Server) refusal(ctx context.Context, operation string, err error) (status int, detail string,
	headers http.Header,
) {
	err = s.failed(ctx, operation, err)
	status, detail = http.StatusInternalServerError, errInternal
	if p := huma.StatusError(nil); errors.As(err, &p) {
		status, detail = p.GetStatus(), p.Error()
	}
	if h := huma.HeadersError(nil); errors.As(err, &h) {
		headers = h.GetHeaders()
	}
	return status, detail, headers
}

// refuse writes an error of an answer before its response has begun.
func (s *Server) refuse(api huma.API, out huma.Context, operation string, err error) {
	status, detail, headers := s.refusal(out.Context(), operation, err)
	for name, values := range headers {
		out.SetHeader(name, values[0])
	}
	_ = huma.WriteErr(api, out, status, detail)
}

// later is an error that passes.
func later(detail string) error {
	return huma.ErrorWithHeaders(huma.NewError(http.StatusServiceUnavailable, detail),
		http.Header{"Retry-After": {strconv.Itoa(int(retryAfter / time.Second))}})
}

func statusOf(kind answer.Kind) int {
	switch kind {
	case answer.NotFound:
		return http.StatusNotFound
	case answer.Forbidden:
		return http.StatusForbidden
	case answer.Forgotten:
		return http.StatusGone
	case answer.Refused:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}
