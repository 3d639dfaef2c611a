package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
)

// maxAnswer is the longest answer of the API that a page is made of.
const maxAnswer = 64 << 20 // bytes

// question is a question to the API.
type question struct {
	path  string // below /v1
	query url.Values
}

// ask is a question with pairs of parameters; a parameter without a value is left out.
func ask(path string, pairs ...string) question {
	q := question{path, url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.query.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// link is the address of the question: the JSON of the page.
func (q question) link() string {
	if len(q.query) == 0 {
		return "/v1" + q.path
	}
	return "/v1" + q.path + "?" + q.query.Encode()
}

// refusal is an answer of the API that is no answer to a question.
type refusal struct {
	status     int
	detail     string
	retryAfter string
}

func (r *refusal) Error() string { return fmt.Sprintf("the API answers %d: %s", r.status, r.detail) }

// get asks the API as a reader, and decodes the answer.
func (u *Pages) get(ctx context.Context, who *Reader, q question, into any) error {
	return u.send(ctx, who, http.MethodGet, q, nil, into)
}

// post asks with a body.
func (u *Pages) post(ctx context.Context, who *Reader, q question, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return u.send(ctx, who, http.MethodPost, q, text, into)
}

func (u *Pages) send(ctx context.Context, who *Reader, method string, q question, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, q.link(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	w := &answered{header: http.Header{}, status: http.StatusOK}
	u.deps.API(w, r, who.Asker)
	switch {
	case w.over:
		return fmt.Errorf("the API's answer to %s has more than %d bytes: choose a tenant or a month", q.path,
			maxAnswer)
	case w.status >= http.StatusBadRequest:
		return w.refusal()
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(w.body.Bytes(), into); err != nil {
		return fmt.Errorf("the API's answer to %s cannot be read: %w", q.path, err)
	}
	return nil
}

// answered takes an answer of the API.
type answered struct {
	header http.Header
	status int
	body   bytes.Buffer
	over   bool // the body was too long
}

func (w *answered) Header() http.Header    { return w.header }
func (w *answered) WriteHeader(status int) { w.status = status }

func (w *answered) Write(b []byte) (int, error) {
	if w.body.Len()+len(b) > maxAnswer {
		w.over = true
		return 0, io.ErrShortWrite
	}
	return w.body.Write(b)
}

func (w *answered) refusal() *refusal {
	out := &refusal{status: w.status, retryAfter: w.header.Get("Retry-After")}
	var of huma.ErrorModel
	if json.Unmarshal(w.body.Bytes(), &of) == nil {
		out.detail = of.Detail
		for _, e := range of.Errors {
			out.detail += ": " + e.Error()
		}
	}
	return out
}
