package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Ask asks a question, on a path of the API such as charges/{id}. Its parameters are the fields of
// the question with query and path tags that are not zero; nil has none.
func Ask[O any](ctx context.Context, c *Client, path string, question any) (*O, error) {
	r, err := c.request(ctx, http.MethodGet, located(path, question), nil)
	if err != nil {
		return nil, err
	}
	return answered[O](c, r)
}

// Send asks a question with a body, on a path of the API such as what-if.
func Send[O any](ctx context.Context, c *Client, path string, body any) (*O, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := c.request(ctx, http.MethodPost, path, text)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return answered[O](c, r)
}

// Copy asks a question as Ask does, and writes an answer of any length as it comes. It returns the
// headers of the answer, and fails where nothing of it comes for 60 s.
func Copy(ctx context.Context, c *Client, path string, question any, w io.Writer) (http.Header, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(timeout, func() { cancel(errIdle) }) // runs while something is waited for
	defer idle.Stop()
	r, err := c.request(ctx, http.MethodGet, located(path, question), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Del("Accept")
	resp, err := c.long.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the API cannot be asked: %w", because(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	if resp.StatusCode != http.StatusOK {
		return nil, c.refusal(resp)
	}
	from := &arriving{Reader: resp.Body, idle: idle}
	_, err = io.Copy(w, from)
	if from.err != nil {
		return nil, fmt.Errorf("the answer of the API ended early: %w", because(ctx, from.err))
	}
	return resp.Header, err
}

// errIdle ends an answer of which nothing comes.
var errIdle = errors.New("nothing came for 60 s")

// because is the cause of an error: that a context was canceled says little.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// arriving is the body of an answer.
type arriving struct {
	io.Reader
	idle *time.Timer
	err  error // of reading, but for the end
}

// Read implements io.Reader.
func (a *arriving) Read(p []byte) (int, error) {
	a.idle.Reset(timeout)
	n, err := a.Reader.Read(p)
	a.idle.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	return n, err
}

// located is the path of a question with its parameters.
func located(path string, question any) string {
	query, places := parameters(question)
	for name, value := range places {
		path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
	}
	return path + "?" + query.Encode()
}

// request is a request of the API. A nil body is none.
func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("v1").String()+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return r, nil
}

// answered sends a request and reads the answer.
func answered[O any](c *Client, r *http.Request) (*O, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the API cannot be asked: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	if resp.StatusCode != http.StatusOK {
		return nil, c.refusal(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer of the API ended early: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer of the API has more than %d MiB: ask for less", maxAnswer>>20)
	}
	out := new(O)
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("what answers at %s is no API of this version of daybook: %w", c.base, err)
	}
	return out, nil
}
