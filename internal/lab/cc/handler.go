package cc

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/identity"
)

// answer is a response before it is written. The pieces make up the body; they are not changed.
type answer struct {
	status int
	kind   string // Content-Type
	header http.Header
	pieces [][]byte
}

const jsonType = "application/json; charset=utf-8"

// jsonAnswer writes a value as Cloud Controller does: without a line end, and with < > & as they
// are.
func jsonAnswer(status int, value any) answer {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // the values are our own, and all of them marshal
	}
	return answer{status: status, kind: jsonType, pieces: [][]byte{[]byte(strings.TrimSuffix(b.String(), "\n"))}}
}

func (a answer) with(name, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
	return a
}

func (a *answer) length() (n int) {
	for _, piece := range a.pieces {
		n += len(piece)
	}
	return n
}

// request is a request on its way through the foundation.
type request struct {
	*http.Request
	base  string // address of the foundation, for links
	now   int64  // of the foundation's clock
	date  int64  // the same, by the clock of the answering server
	token *token // nil where none is asked for
}

// endpoint answers a request. It is called with the lock held and the world at request.now.
type endpoint func(r *request) answer

// access is the group of callers of an endpoint.
type access uint8

const (
	public    access = iota // anybody
	signedIn                // a good token
	adminOnly               // with cloud_controller.admin
)

func (f *Foundation) routes() {
	f.mux = http.NewServeMux()
	handle := func(pattern string, who access, e endpoint) {
		f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, who, e) })
	}
	handle("GET /{$}", public, f.root)
	handle("GET /v3", public, f.v3Root)
	handle("GET /v3/info", public, f.info)
	handle("GET /v3/info/usage_summary", signedIn, f.usageSummary)
	for _, list := range []List{AppEvents, ServiceEvents} {
		path := "/v3/" + list.String()
		handle("GET "+path, signedIn, func(r *request) answer { return f.events(r, list) })
		handle("GET "+path+"/{guid}", signedIn, func(r *request) answer { return f.event(r, list) })
		handle("POST "+path+"/actions/destructively_purge_all_and_reseed", adminOnly, func(*request) answer {
			f.purge(list)
			return jsonAnswer(http.StatusOK, struct{}{})
		})
	}
	f.inventoryRoutes(func(pattern string, e endpoint) { handle(pattern, signedIn, e) })
	handle("POST /oauth/token", public, f.giveToken)
	f.uaa.logins = identity.Logins{Client: f.uaa.has, User: f.login, Now: f.config.Clock}
	f.mux.Handle("/oauth/authorize", &f.uaa.logins)
	handle("GET /token_keys", public, f.tokenKeys)
	handle("GET /.well-known/openid-configuration", public, f.openID)
	handle("/", public, func(*request) answer { return unknownRequest.answer() })
	handle("/v3/", signedIn, func(*request) answer { return unknownRequest.answer() })
	f.adminRoutes()
}

// ServeHTTP answers a request to the foundation.
func (f *Foundation) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// serve answers, with the faults of the knobs.
func (f *Foundation) serve(w http.ResponseWriter, r *http.Request, who access, e endpoint) {
	in := &request{Request: r, base: f.base(r)}
	a, mishap := f.answer(in, who, e)
	if mishap.slow > 0 && !wait(r.Context(), mishap.slow) {
		return
	}
	w.Header().Set("Date", unixMicro(in.date).Format(http.TimeFormat))
	a.write(w, mishap.cut)
}

// base is the address of the foundation.
func (f *Foundation) base(r *http.Request) string {
	switch {
	case f.config.URL != "":
		return f.config.URL
	case r.TLS != nil:
		return "https://" + r.Host
	default:
		return "http://" + r.Host
	}
}

// answer brings the foundation to the present and asks the endpoint.
func (f *Foundation) answer(r *request, who access, e endpoint) (answer, mishap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	r.now, r.date = f.now, f.date()
	m := f.draw(who)
	if m.instead != nil {
		return *m.instead, m
	}
	if who == public {
		return e(r), m
	}
	token, refused := f.uaa.check(r.Header.Get("Authorization"), f.config.Clock())
	if refused != nil {
		return refused.answer(), m
	}
	if m.unauthorized {
		return invalidToken.answer(), m
	}
	r.token = f.scoped(token)
	limited, headers := f.limit(r, m.limited)
	var a answer
	switch {
	case limited:
		a = f.tooMany(r)
	case who == adminOnly && !token.has(ScopeAdmin):
		a = notAuthorized.answer()
	default:
		f.look(r)
		a = e(r)
		f.view = nil
	}
	for name, value := range headers {
		a = a.with(name, value)
	}
	return a, m
}

// write sends the answer, or a part of it.
func (a *answer) write(w http.ResponseWriter, how cut) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Type", a.kind)
	header.Set("X-Content-Type-Options", "nosniff")
	length := a.length()
	stop := length
	if how != whole && a.status == http.StatusOK && length > 1 {
		stop = length / 2
	} else {
		how = whole
	}
	switch how {
	case whole, belowLength:
		header.Set("Content-Length", strconv.Itoa(length))
	case rightLength:
		header.Set("Content-Length", strconv.Itoa(stop))
	case inChunks:
	}
	w.WriteHeader(a.status)
	for _, piece := range a.pieces {
		piece = piece[:min(len(piece), stop)]
		stop -= len(piece)
		if _, err := w.Write(piece); err != nil {
			return // the client has gone
		}
	}
	if how == belowLength || how == inChunks {
		http.NewResponseController(w).Flush() //nolint:errcheck // the connection is about to be cut anyway
		panic(http.ErrAbortHandler)
	}
}

// wait reports false when ctx is done first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
