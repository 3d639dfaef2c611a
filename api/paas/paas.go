package paas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/forecast"
)

// Config is the settings of the endpoints.
type Config struct {
	// ClosedPrices asks for a token for the price lists, too.
	ClosedPrices bool
}

// Limits of a request.
const (
	maxDays     = 400     // of a range
	maxOrgs     = 2_000   // organisations in a request
	maxForecast = 500     // events to forecast
	page        = 10_000  // entries read at a time
	maxObjects  = 500_000 // entries of one organisation and month
)

// Access is the owners of the money in an asker's sight.
type Access struct {
	All    bool           // everybody's
	Owners []events.Owner // else these alone
}

// whole reports whether an asker sees all of some foundation.
func (a *Access) whole() bool {
	return a.All || slices.ContainsFunc(a.Owners, func(o events.Owner) bool { return o.Tenant == "" })
}

// has reports whether an asker sees an organisation.
func (a *Access) has(org string) bool {
	return a.All || slices.ContainsFunc(a.Owners, func(o events.Owner) bool {
		return o.Tenant == "" || o.Tenant == org
	})
}

// query selects the entries in an asker's sight.
func (a *Access) query() ledger.Query {
	if a.All {
		return ledger.Query{}
	}
	return ledger.Query{Owners: append([]events.Owner{}, a.Owners...)} // never nil
}

// Deps are the sources of the endpoints.
type Deps struct {
	Ledger ledger.Reader
	// Terms returns the prices of months as they are now.
	Terms func(ctx context.Context) (forecast.Terms, error)
	// Events returns the guids of usage events by their sequences in USAGE, as far as it has them.
	Events func(ctx context.Context, owner events.Owner, sequences []uint64) (map[uint64]string, error)
	// Access returns an asker's sight. Errors: as of auth.
	Access func(r *http.Request) (Access, error)
	// Names returns the names of organisations and spaces as they are now.
	Names func(ctx context.Context) (*names.Directory, error)
	Log   *slog.Logger
}

// Handler serves the endpoints.
type Handler struct {
	Config
	Deps
}

// New returns a handler.
func New(cfg Config, deps Deps) *Handler { return &Handler{cfg, deps} }

// Register has a mux serve the endpoints.
func (h *Handler) Register(mux *http.ServeMux) {
	for path, answer := range map[string]func(*request) error{
		"/{$}": h.health, "/usage_events": h.usageEvents, "/billable_events": h.billableEvents,
		"/forecast_events": h.forecastEvents, "/totals": h.totals, "/pricing_plans": h.pricingPlans,
		"/currency_rates": h.currencyRates, "/vat_rates": h.vatRates,
	} {
		mux.HandleFunc(path, h.serve(answer))
	}
}

// health answers / without a token: whether the ledger answers.
func (h *Handler) health(q *request) error {
	_, err := h.Ledger.Positions(q.Context())
	q.out.begun, q.out.whole = true, true
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
	}
	q.out.to.WriteHeader(status)
	_, err = fmt.Fprintf(q.out.to, "{\"ok\": %t}\n", err == nil)
	return err
}

// problem is an error with its status.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func bad(format string, a ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, a...)}
}

// request is a request with its parameters, once they are read.
type request struct {
	*http.Request
	out    *array
	access Access
	orgs   []string
	from   time.Time // of the range [from, to)
	to     time.Time
}

// serve makes a handler of a function for an array.
func (h *Handler) serve(answer func(*request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Pragma", "no-cache")
		header.Set("Expires", "0")
		header.Set("Content-Type", "application/json; charset=UTF-8")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "only GET is served here")
			return
		}
		q := &request{Request: r, out: &array{to: w}}
		err := answer(q)
		if err == nil {
			err = q.out.close()
		}
		if err != nil {
			h.fail(w, q, err)
		}
	}
}

// fail answers with an error or, where an answer has begun, cuts the connection.
func (h *Handler) fail(w http.ResponseWriter, q *request, err error) {
	var p *problem
	if q.out.begun {
		if q.Context().Err() == nil {
			h.Log.Error("an answer broke off", slog.String("path", q.URL.Path), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler)
	}
	switch {
	case errors.As(err, &p):
		fail(w, p.status, p.text)
	case errors.Is(err, ledger.ErrTooMany):
		fail(w, http.StatusBadRequest, "the answer would be too long: ask for a shorter range or fewer organisations")
	default:
		h.Log.Error("no answer", slog.String("path", q.URL.Path), slog.Any("error", err))
		fail(w, http.StatusInternalServerError, "internal server error")
	}
}

func fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text}) // nobody is left to tell
}

// array writes a JSON array, one element after the other. It begins with the first one.
type array struct {
	to    http.ResponseWriter
	begun bool
	whole bool // something else than an array was written
}

func (a *array) add(x any) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	lead := ","
	if !a.begun {
		lead = "["
	}
	a.begun = true
	_, err = fmt.Fprintf(a.to, "%s%s", lead, text)
	return err
}

func (a *array) close() error {
	if a.whole {
		return nil
	}
	end := "]\n"
	if !a.begun {
		end = "[]\n"
	}
	a.begun = true
	_, err := a.to.Write([]byte(end))
	return err
}

// within reads the range of a request.
func (q *request) within() (err error) {
	if q.from, err = q.day("range_start", "start"); err != nil {
		return err
	}
	if q.to, err = q.day("range_stop", "end"); err != nil {
		return err
	}
	switch days := q.to.Sub(q.from).Hours() / 24; {
	case days < 0:
		return bad("range_stop %s is before range_start %s", q.to.Format(time.DateOnly),
			q.from.Format(time.DateOnly))
	case days > maxDays:
		return bad("the range has %d days, and %d are the most: ask for a shorter one", int(days), maxDays)
	}
	return nil
}

// day reads a date. The words of the error are those of paas-billing.
func (q *request) day(parameter, name string) (time.Time, error) {
	text := q.URL.Query().Get(parameter)
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, bad("a valid range %s filter value is required - expected format 2006-01-02 - got %q", name,
			clip(text))
	}
	return at, nil
}

// clip keeps a text from a request short.
func clip(text string) string {
	const most = 100
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// known authorises a request, and checks its organisations.
func (h *Handler) known(q *request) (err error) {
	if q.orgs = q.URL.Query()["org_guid"]; len(q.orgs) > maxOrgs {
		return bad("%d organisations are asked for, and %d are the most", len(q.orgs), maxOrgs)
	}
	if err := h.authorised(q); err != nil {
		return err
	}
	refused := len(q.orgs) == 0 && !q.access.whole()
	for _, org := range q.orgs {
		refused = refused || !q.access.has(org)
	}
	if refused {
		return &problem{
			http.StatusUnauthorized,
			"you need to be billing_manager or an administrator to retrieve the billing data",
		}
	}
	return nil
}

// authorised finds the asker. Where the header is malformed, the words of the error are
// those of paas-billing. Every refusal is 401.
func (h *Handler) authorised(q *request) (err error) {
	if q.access, err = h.Access(q.Request); err == nil {
		return nil
	}
	status, detail := auth.Refuse(q.out.to.Header(), err)
	if status >= http.StatusInternalServerError {
		h.Log.Warn("nobody can be asked whether a token is good", slog.Any("error", err))
		return &problem{status, detail}
	}
	text := q.Header.Get("Authorization")
	scheme, token, found := strings.Cut(text, " ")
	switch {
	case text == "":
		detail = "no access_token in request"
	case !found || strings.Contains(token, " "):
		detail = "invalid Authorization header"
	case !strings.EqualFold(scheme, "bearer"):
		detail = "unsupported Authorization header type"
	case token == "":
		detail = "missing Authorization Bearer token data"
	}
	return &problem{http.StatusUnauthorized, detail}
}

// owners are the organisations of a request, in order: the named ones or, without any,
// everybody with entries or running spans.
func (h *Handler) owners(q *request) ([]events.Owner, error) {
	named := map[string]bool{}
	for _, org := range q.orgs {
		named[org] = true
	}
	theirs := q.access.query()
	if len(q.orgs) == 1 {
		theirs.Tenant = q.orgs[0]
	}
	all, err := ledger.Owners(q.Context(), h.Ledger, theirs)
	return slices.DeleteFunc(all, func(o events.Owner) bool { return len(named) > 0 && !named[o.Tenant] }), err
}
