package ui

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/api/auth"
)

// This file is the frame of every page.

// errNoPage: there is no such page.
var errNoPage = &refusal{status: http.StatusNotFound, detail: "there is nothing here"}

// visit is a request for a page.
type visit struct {
	*http.Request
	who *Reader
}

// filtered are the values of a list's filter that a form about its rows carries.
func (v *visit) filtered(names ...string) url.Values {
	all := url.Values{}
	for _, name := range names {
		if value := v.PostFormValue("filter_" + name); value != "" {
			all.Set(name, value)
		}
	}
	return all
}

// view is a page to show: the file of its template, and what is on it.
type view struct {
	file  string
	title string
	here  string   // the entry of the navigation
	json  question // the JSON of the same thing; none without a path
	data  any
	to    string   // where the reader goes instead
	live  question // what moves the page while it is open; none without a path
	part  string   // a component alone, for a page that has the frame already; empty: the whole page
}

// framed is a page with its frame, for a template.
type framed struct {
	Title, Here, JSON string
	Live              string
	Who               *Reader
	Version           string
	Now               time.Time
	Data              any
}

// maxPost is the longest form, in bytes: one with a catalogue.
const maxPost = 2 << 20

// errNotGuarded: a form is of another session.
var errNotGuarded = &refusal{
	status: http.StatusForbidden, detail: "this form is of another session: open its page again, and fill it in anew",
}

// policy forbids scripts and styles in the page itself, and everything of other hosts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// page answers with a page.
func (u *Pages) page(show func(*visit) (*view, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		u.guard(h)
		who, err := u.deps.Reader(r)
		switch {
		case errors.Is(err, auth.ErrNoToken) || errors.Is(err, auth.ErrInvalidToken):
			http.Redirect(w, r, Root+"sign-in?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return
		case err != nil:
			status, detail := u.deps.Refuse(h, err)
			u.problem(w, &Reader{}, status, detail)
			return
		}
		v, err := u.visited(w, r, who, show)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			if refused.retryAfter != "" {
				h.Set("Retry-After", refused.retryAfter)
			}
			u.problem(w, who, refused.status, refused.detail)
		case err != nil:
			u.deps.Log.Error("a page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
			u.problem(w, who, http.StatusInternalServerError, "Daybook could not make this page; its log says why")
		case v.to != "":
			http.Redirect(w, r, v.to, http.StatusSeeOther)
		default:
			u.show(w, http.StatusOK, who, v)
		}
	})
}

// visited makes a page. A form counts from a page of ours alone, and of the reader's session.
func (*Pages) visited(w http.ResponseWriter, r *http.Request, who *Reader, show func(*visit) (*view, error)) (*view,
	error,
) {
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxPost)
		if err := parseForm(r); err != nil {
			return nil, &refusal{status: http.StatusRequestEntityTooLarge, detail: "the form is too long"}
		}
		guarded := who.Guard != "" &&
			subtle.ConstantTimeCompare([]byte(who.Guard), []byte(r.PostForm.Get("guard"))) == 1
		from := own(r) || guarded && typed(r)
		if !from || !who.Open && !guarded {
			return nil, errNotGuarded
		}
	}
	return show(&visit{r, who})
}

// parseForm reads a form, of at most maxPost, into memory.
func parseForm(r *http.Request) error {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return r.ParseMultipartForm(maxPost) //nolint:gosec // the body is limited, see visited
	}
	return r.ParseForm()
}

// guard sets the headers of every page.
func (*Pages) guard(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Cookie")
}

// problem shows an error. Its bytes depend on the status, the text and the reader alone.
func (u *Pages) problem(w http.ResponseWriter, who *Reader, status int, detail string) {
	u.show(w, status, who, &view{file: "problem", title: http.StatusText(status), data: detail})
}

func (u *Pages) show(w http.ResponseWriter, status int, who *Reader, v *view) {
	f := framed{Title: v.title, Here: v.here, Who: who, Version: u.deps.Version, Now: u.deps.Now(), Data: v.data}
	if v.json.path != "" {
		f.JSON = v.json.link()
	}
	if v.live.path != "" {
		f.Live = v.live.link()
	}
	var body bytes.Buffer
	name, data := "frame", any(&f)
	if v.part == "explanation" {
		name, data = v.part, v.data
	}
	if err := u.frames[v.file].ExecuteTemplate(&body, name, data); err != nil {
		u.deps.Log.Error("a template failed", slog.String("template", v.file), slog.Any("error", err))
		http.Error(w, "Daybook could not make this page; its log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// functions are those of templates.
func (u *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":    func(name string) string { return u.names[name] },
		"money":    amount,
		"quantity": quantity,
		"rate":     rate,
		"change":   difference,
		"percent":  percent,
		"between":  between,
		"day":      dayName,
		"sentence": sentence,
		"even":     func(n int) bool { return n%2 == 0 },
		"moment":   moment,
		"month":    monthName,
		"named":    named,
		"size":     sizeOf,
		"kind":     kindName,
		"short":    short,
		"time":     func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) },
		"list":     func(words ...string) []string { return words },
		"lag":      lag,
		"days":     days,
		"effect":   effectRow,
		"pretty":   pretty,
		"path":     func(parts ...string) string { return pathOf(parts) },
		"join":     func(words []string) string { return strings.Join(words, ", ") },
	}
}
