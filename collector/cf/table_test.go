package cf_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
)

// api is a Cloud Controller as small as can be: two tables with rows at the test's will, and knobs.
type api struct {
	mu     sync.Mutex
	url    string
	now    time.Time
	tables map[string][]apiRow
	// hooks see a request first; one returns true when it has written the answer.
	hooks    []func(w http.ResponseWriter, r *http.Request) bool
	requests []string
	most     int // events of a page, whatever is asked for; 0 for no limit
	scope    bool
	self     string // address that the API has for itself; empty for the one it is asked by
	tokens   int
	good     string // the accepted token
}

type apiRow struct {
	guid    string
	created time.Time
	body    string
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newAPI() (*api, func()) {
	a := &api{now: noon, tables: map[string][]apiRow{}, scope: true}
	s := httptest.NewServer(a)
	a.url = s.URL
	return a, s.Close
}

func (a *api) lock() func() {
	a.mu.Lock()
	return a.mu.Unlock
}

// appEvent is an app usage event; fields such as "instances" may be given as pairs.
func appEvent(guid, state, previous, process string, at time.Time) apiRow {
	return apiRow{
		guid, at,
		fmt.Sprintf(`{"guid":%q,"created_at":%q,"updated_at":%q,"state":{"current":%q,"previous":%q},"app":{"guid":"app-%s","name":"shop"},`+
			`"process":{"guid":%q,"type":"web"},"space":{"guid":"s","name":"dev"},"organization":{"guid":"o"},"buildpack":{"guid":null,"name":null},"task":{"guid":null,"name":null},`+
			`"memory_in_mb_per_instance":{"current":512,"previous":512},"instance_count":{"current":1,"previous":1},"links":{}}`,
			guid, events.FormatTime(at), events.FormatTime(at), state, previous, process, process),
	}
}

func serviceEvent(guid, state, instance string, at time.Time) apiRow {
	return apiRow{
		guid, at,
		fmt.Sprintf(`{"guid":%q,"created_at":%q,"state":%q,"space":{"guid":"s"},"organization":{"guid":"o"},`+
			`"service_instance":{"guid":%q,"name":"db","type":"managed_service_instance"},"service_plan":{"guid":"p","name":"small"},"service_offering":{"guid":"f","name":"pg"},"service_broker":{"guid":"b","name":"broker"}}`,
			guid, events.FormatTime(at), state, instance),
	}
}

const (
	apps     = "app_usage_events"
	services = "service_usage_events"
)

// add puts rows behind the table's last.
func (a *api) add(table string, rows ...apiRow) {
	defer a.lock()()
	a.tables[table] = append(a.tables[table], rows...)
}

// insert puts rows before the row with the guid, as a late commit does.
func (a *api) insert(table, before string, rows ...apiRow) {
	defer a.lock()()
	i := slices.IndexFunc(a.tables[table], func(r apiRow) bool { return r.guid == before })
	Expect(i).To(BeNumerically(">=", 0))
	a.tables[table] = slices.Insert(a.tables[table], i, rows...)
}

// keep removes all rows but the wanted.
func (a *api) keep(table string, want func(r apiRow) bool) {
	defer a.lock()()
	a.tables[table] = slices.DeleteFunc(a.tables[table], func(r apiRow) bool { return !want(r) })
}

func (a *api) pass(d time.Duration) {
	defer a.lock()()
	a.now = a.now.Add(d)
}

// hook adds a hook, and returns how to take all hooks away.
func (a *api) hook(h func(w http.ResponseWriter, r *http.Request) bool) {
	defer a.lock()()
	a.hooks = append(a.hooks, h)
}

func (a *api) heal() {
	defer a.lock()()
	a.hooks = nil
}

// asked lists the requests so far and forgets them.
func (a *api) asked() []string {
	defer a.lock()()
	r := a.requests
	a.requests = nil
	return r
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, r.URL.RequestURI())
	hooks := slices.Clone(a.hooks)
	a.mu.Unlock()
	for _, h := range hooks {
		if h(w, r) {
			return
		}
	}
	defer a.lock()()
	w.Header().Set("Date", a.now.Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case r.URL.Path == "/oauth/token":
		a.tokens++
		a.good = "token-" + strconv.Itoa(a.tokens)
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":1200}`, a.good)
	case r.URL.Path == "/":
		fmt.Fprintf(w, `{"links":{"self":{"href":%q},"login":{"href":%q},"uaa":{"href":%q}}}`, cmp.Or(a.self, a.url),
			a.url, a.url)
	case r.Header.Get("Authorization") != "Bearer "+a.good:
		apiError(w, http.StatusUnauthorized, 1000, "CF-InvalidAuthToken", "Invalid Auth Token")
	case r.URL.Path == "/v3/info/usage_summary":
		if !a.scope {
			apiError(w, http.StatusNotFound, 10000, "CF-NotFound", "Unknown request")
			return
		}
		fmt.Fprint(w, `{"usage_summary":{}}`)
	default:
		table, guid, single := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v3/"), "/")
		if single {
			a.single(w, table, guid)
		} else {
			a.page(w, r, table)
		}
	}
}

func apiError(w http.ResponseWriter, status, code int, title, detail string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{
		"code": code, "title": title,
		"detail": detail,
	}}})
}

func (a *api) single(w http.ResponseWriter, table, guid string) {
	i := slices.IndexFunc(a.tables[table], func(r apiRow) bool { return r.guid == guid })
	if i < 0 || !a.scope {
		apiError(w, http.StatusNotFound, 10010, "CF-ResourceNotFound", "App usage event not found")
		return
	}
	fmt.Fprint(w, a.tables[table][i].body)
}

func (a *api) page(w http.ResponseWriter, r *http.Request, table string) {
	q := r.URL.Query()
	rows := a.tables[table]
	if !a.scope {
		rows = nil
	} else if after := q.Get("after_guid"); after != "" {
		i := slices.IndexFunc(rows, func(r apiRow) bool { return r.guid == after })
		if i < 0 {
			apiError(w, http.StatusUnprocessableEntity, 10008, "CF-UnprocessableEntity", "After guid filter must be "+
				"a valid app usage event guid.")
			return
		}
		rows = rows[i+1:]
	}
	per, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || q.Get("page") != "1" || q.Get("order_by") != "" {
		apiError(w, http.StatusUnprocessableEntity, 10008, "CF-UnprocessableEntity", "a wrong parameter")
		return
	}
	if a.most > 0 {
		per = min(per, a.most)
	}
	next := "null"
	if len(rows) > per {
		next = `{"href":"http://x/next"}`
	}
	bodies := []string{}
	for _, row := range rows[:min(per, len(rows))] {
		bodies = append(bodies, row.body)
	}
	fmt.Fprintf(w, `{"pagination":{"total_results":%d,"next":%s},"resources":[%s]}`, len(rows), next,
		strings.Join(bodies, ","))
}
