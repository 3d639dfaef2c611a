package trove

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// PageSize is Trove's instances_page_size.
const PageSize = 20

// Knobs are the faults of an API.
type Knobs struct {
	Half      bool // every list leaves out the second half of its instances
	Empty     bool // every list is empty, with status 200
	NoNova    bool // Nova fails for one server: lists of the management answer 403 with a text
	NoDate    bool // answers have no Date header
	Lag       bool // answers are those of the time when the knob was turned
	Fail      int  // so many requests from now on have status 503
	Limited   int  // so many requests from now on have status 413: wait for 0 seconds
	Unmanaged bool // nobody has the rights of management
	Hide      bool // one instance is not shown to anybody: every one has status 404
	// Page is called behind each page of a list, before the next is asked for.
	Page func()
}

// More are the properties of an instance that its world does not know.
type More struct {
	Cluster string // id of its cluster
	Replica string // id of its primary
	Failed  string // task of a failed build, such as "Build error: Server."
	Status  string // in place of its own
	Diskful bool   // its datastore has no volume
}

// API answers as Trove's does. It is safe for concurrent use.
type API struct {
	now func() time.Time

	mu       sync.Mutex
	platform *sim.Platform
	knobs    Knobs
	more     map[string]More
	frozen   []row // of Knobs.Lag
	asked    int
}

// New is the API over a platform, by a clock for its Date headers. The platform keeps its deleted
// instances from now on.
func New(platform *sim.Platform, now func() time.Time) *API {
	platform.KeepDeleted = true
	return &API{platform: platform, now: now, more: map[string]More{}}
}

// Do acts on the platform.
func (a *API) Do(verb func(p *sim.Platform)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	verb(a.platform)
}

// Turn turns the knobs.
func (a *API) Turn(turn func(k *Knobs)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lagged := a.knobs.Lag
	turn(&a.knobs)
	if a.knobs.Lag && !lagged {
		a.frozen = a.rows()
	}
	if !a.knobs.Lag {
		a.frozen = nil
	}
}

// Set gives an instance more properties.
func (a *API) Set(id string, m More) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.more[id] = m
}

// Asked is the number of requests so far.
func (a *API) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// row is an instance as it was at one moment.
type row struct {
	sim.Instance
	More
}

// rows are all instances, by id. The lock is held.
func (a *API) rows() []row {
	var all []row
	for _, of := range [][]*sim.Instance{a.platform.Database, a.platform.Gone} {
		for _, i := range of {
			all = append(all, row{*i, a.more[i.ID]})
		}
	}
	slices.SortFunc(all, func(x, y row) int { return cmp.Compare(x.ID, y.ID) })
	return all
}

// caller is who asks.
type caller struct {
	project string
	admin   bool
}

// ServeHTTP implements http.Handler. It stands behind a Keystone's middleware (Behind): the caller
// is in the headers X-Tenant-Id and X-Role.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked++
	knobs, all := a.knobs, a.frozen
	if all == nil {
		all = a.rows()
	}
	a.knobs.Fail, a.knobs.Limited = max(knobs.Fail-1, 0), max(knobs.Limited-1, 0)
	a.mu.Unlock()
	if knobs.NoDate {
		w.Header()["Date"] = nil
	} else {
		w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
	}
	switch {
	case knobs.Fail > 0:
		refuse(w, http.StatusServiceUnavailable, "serviceUnavailable", "")
		return
	case knobs.Limited > 0:
		w.Header().Set("Retry-After", "0")
		refuse(w, http.StatusRequestEntityTooLarge, "overLimit", "This request was rate-limited.")
		return
	}
	who := caller{
		project: r.Header.Get("X-Tenant-Id"),
		admin:   slices.Contains(strings.Split(strings.ToLower(r.Header.Get("X-Role")), ","), "admin"),
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(path) < 3 || path[0] != "v1.0" || r.Method != http.MethodGet:
		refuse(w, http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	case path[1] != who.project:
		refuse(w, http.StatusForbidden, "forbidden", "Access was denied to this resource.")
	case len(path) == 3 && path[2] == "flavors":
		answer(w, http.StatusOK, object{"flavors": flavors(all)})
	case len(path) == 3 && path[2] == "instances":
		index(w, r.URL, &knobs, who, all)
	case len(path) == 4 && path[2] == "instances":
		show(w, &knobs, who, all, path[3])
	case len(path) >= 4 && path[2] == "mgmt" && path[3] == "instances":
		manage(w, r.URL, &knobs, who, all, path[4:])
	default:
		refuse(w, http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	}
}

// thin is a list with its faults.
func (k *Knobs) thin(all []row) []row {
	switch {
	case k.Empty:
		return nil
	case k.Half:
		return all[:len(all)/2]
	}
	return all
}

// index lists a project's instances, in pages by id.
func index(w http.ResponseWriter, u *url.URL, k *Knobs, who caller, all []row) {
	query := u.Query()
	clustered, marker := strings.EqualFold(query.Get("include_clustered"), "true"), query.Get("marker")
	all = slices.DeleteFunc(slices.Clone(all), func(r row) bool {
		return !r.Ended().IsZero() || r.Project.ID != who.project || r.Cluster != "" && !clustered
	})
	all = k.thin(all)
	all = slices.DeleteFunc(all, func(r row) bool { return r.ID <= marker })
	size := PageSize
	if n, err := strconv.Atoi(query.Get("limit")); err == nil && n > 0 {
		size = min(n, PageSize)
	}
	page := all[:min(size, len(all))]
	slices.SortStableFunc(page, func(x, y row) int { return y.Created().Compare(x.Created()) })
	out := object{"instances": views(page, func(r *row) object { return r.view(who, all) })}
	if len(all) > size {
		last := slices.MaxFunc(page, func(x, y row) int { return cmp.Compare(x.ID, y.ID) }).ID
		query.Set("marker", last)
		next := url.URL{Scheme: "https", Host: "trove.internal:8779", Path: u.Path, RawQuery: query.Encode()}
		out["links"] = []object{{"rel": "next", "href": next.String()}}
	}
	answer(w, http.StatusOK, out)
	if k.Page != nil {
		k.Page()
	}
}

// show shows an instance to its project, or to the management.
func show(w http.ResponseWriter, k *Knobs, who caller, all []row, id string) {
	at := slices.IndexFunc(all, func(r row) bool { return r.ID == id && r.Ended().IsZero() })
	if at < 0 || k.Hide || !who.admin && all[at].Project.ID != who.project {
		refuse(w, http.StatusNotFound, "itemNotFound", "Resource "+id+" cannot be found.")
		return
	}
	answer(w, http.StatusOK, object{"instance": all[at].detail(who, all)})
}

// manage answers the management: all instances in one answer, or one, deleted ones included. Its
// refusals have status 400, because Trove 18 makes its extensions without a map of errors.
func manage(w http.ResponseWriter, u *url.URL, k *Knobs, who caller, all []row, id []string) {
	query := u.Query()
	deleted := strings.ToLower(query.Get("deleted"))
	switch {
	case !who.admin || k.Unmanaged:
		refuse(w, http.StatusBadRequest, "badRequest", "User does not have admin privileges.")
	case len(id) == 1:
		at := slices.IndexFunc(all, func(r row) bool {
			return r.ID == id[0] && (deleted == "true" || r.Ended().IsZero())
		})
		if at < 0 || k.Hide {
			refuse(w, http.StatusBadRequest, "badRequest", "Resource "+id[0]+" cannot be found.")
			return
		}
		out := all[at].management(who, all)
		out["volume"] = object{"id": "volume-" + all[at].ID, "size": all[at].VolumeGB, "status": "in-use"}
		if !all[at].Ended().IsZero() {
			out["volume"] = object{"id": "volume-" + all[at].ID} // Cinder does not know it any more
		}
		answer(w, http.StatusOK, object{"instance": out})
	case len(id) > 1:
		refuse(w, http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	case k.NoNova:
		answer(w, http.StatusForbidden, "Not found (HTTP 404)")
	default:
		clustered := strings.EqualFold(query.Get("include_clustered"), "true")
		all = slices.DeleteFunc(slices.Clone(all), func(r row) bool {
			gone := !r.Ended().IsZero()
			return gone && deleted == "false" || !gone && deleted == "true" || r.Cluster != "" && !gone && !clustered
		})
		answer(w, http.StatusOK, object{"instances": views(k.thin(all), func(r *row) object {
			return r.management(who, all)
		})})
		if k.Page != nil {
			k.Page()
		}
	}
}

// Behind is a service behind a Keystone's middleware: it knows the project and the roles of each
// token, and refuses others. Source: keystonemiddleware, auth_token.
func Behind(keystone interface {
	Who(token string) (project string, roles []string, good bool)
}, service http.Handler,
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		project, roles, good := keystone.Who(r.Header.Get("X-Auth-Token"))
		if !good {
			w.Header().Set("Www-Authenticate", `Keystone uri="http://keystone.internal:5000"`)
			answer(w, http.StatusUnauthorized, object{"error": object{
				"code": http.StatusUnauthorized, "title": "Unauthorized",
				"message": "The request you have made requires authentication.",
			}})
			return
		}
		r.Header.Set("X-Tenant-Id", project)
		r.Header.Set("X-Role", strings.Join(roles, ","))
		service.ServeHTTP(w, r)
	})
}

type object = map[string]any

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value) //nolint:errcheck // the client has gone
}

func refuse(w http.ResponseWriter, status int, name, message string) {
	answer(w, status, object{name: object{"code": status, "message": message}})
}
