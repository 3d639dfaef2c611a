package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/session"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static/*
var static embed.FS

// Root is where the pages are.
const Root = "/ui/"

// Deps are the surroundings of the pages.
type Deps struct {
	// API answers a request below /v1 for an asker, as for one over HTTP.
	API func(w http.ResponseWriter, r *http.Request, asker *answer.Asker)
	// Reader finds the reader of a page. An error has its status from Refuse; auth.ErrNoToken and
	// auth.ErrInvalidToken lead to the sign-in.
	Reader func(r *http.Request) (*Reader, error)
	// SignIns are the ways to sign in; nil for none. Open says that one may look without.
	SignIns  SignIns
	Open     bool
	Sessions *session.Keeper
	// URL is the address that people know, https://billing.example.org; empty: that of each
	// request.
	URL string
	// Refuse is the status and the text of an error of Reader, and sets the headers that belong to
	// it.
	Refuse  func(h http.Header, err error) (status int, detail string)
	Log     *slog.Logger
	Now     func() time.Time
	Version string
}

// Reader is who reads a page.
type Reader struct {
	Asker *answer.Asker
	Open  bool   // nobody has signed in: this machine may look, and decide nothing
	Guard string // of the session's forms; empty without one
}

// All reports whether the reader sees all tenants.
func (r *Reader) All() bool { return r.Asker.Usage.Everybody }

// nobody reports whether the reader sees no tenant's money: to the API nobody's tenants are
// unknown.
func (r *Reader) nobody() bool { return !r.Asker.Money.Everybody && len(r.Asker.Money.Owners) == 0 }

// Pages are all pages. Make them with New.
type Pages struct {
	deps   Deps
	frames map[string]*template.Template // by the page's file
	assets map[string]asset              // by the name with its digest
	names  map[string]string             // the name with its digest, by the name
}

// asset is an embedded file.
type asset struct {
	name string
	body []byte
}

// New reads the embedded files.
func New(deps Deps) (*Pages, error) {
	u := &Pages{
		deps: deps, frames: map[string]*template.Template{}, assets: map[string]asset{}, names: map[string]string{},
	}
	if err := u.readAssets(); err != nil {
		return nil, err
	}
	return u, u.readTemplates()
}

func (u *Pages) readAssets() error {
	files, err := fs.ReadDir(static, "static")
	if err != nil {
		return err
	}
	for _, file := range files {
		body, err := static.ReadFile("static/" + file.Name())
		if err != nil {
			return err
		}
		digest := sha256.Sum256(body)
		base, ext, _ := strings.Cut(file.Name(), ".")
		full := base + "-" + hex.EncodeToString(digest[:6]) + "." + ext
		u.assets[full], u.names[file.Name()] = asset{file.Name(), body}, Root+"static/"+full
	}
	return nil
}

func (u *Pages) readTemplates() error {
	common, err := template.New("").Funcs(u.functions()).ParseFS(templates, "templates/frame.html",
		"templates/components.html")
	if err != nil {
		return err
	}
	files, err := fs.ReadDir(templates, "templates")
	if err != nil {
		return err
	}
	for _, file := range files {
		if file.Name() == "frame.html" || file.Name() == "components.html" {
			continue
		}
		page, err := common.Clone()
		if err == nil {
			page, err = page.ParseFS(templates, "templates/"+file.Name())
		}
		if err != nil {
			return err
		}
		u.frames[strings.TrimSuffix(file.Name(), ".html")] = page
	}
	return nil
}

// Register adds the pages to a mux.
func (u *Pages) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.RedirectHandler(Root, http.StatusSeeOther))
	mux.HandleFunc("GET "+Root+"static/{file}", u.asset)
	u.registerSignIn(mux)
	for pattern, page := range u.table() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+strings.TrimSuffix(Root, "/")+path, u.page(page))
	}
	mux.Handle(Root, u.page(func(*visit) (*view, error) { return nil, errNoPage }))
}

// table are the pages by method and path below Root.
func (u *Pages) table() map[string]func(*visit) (*view, error) {
	const tenant = "/tenant/{foundation}/{tenant}"
	return map[string]func(*visit) (*view, error){
		"GET /{$}":                                        u.home,
		"GET /tenants":                                    u.tenants,
		"GET /year":                                       u.year,
		"GET " + tenant:                                   u.tenant,
		"GET " + tenant + "/running":                      u.running,
		"GET " + tenant + "/statements":                   u.statements,
		"GET " + tenant + "/resource/{resource}":          u.resource,
		"GET " + tenant + "/entries":                      u.entries,
		"GET /charge/{id}":                                u.charge,
		"GET /event/{event}":                              u.event,
		"GET /statements/{source}/{foundation}/{number}":  u.statement,
		"GET /operate":                                    u.foundations,
		"GET /operate/reconcile":                          u.reconcile,
		"POST /operate/reconcile":                         u.actOnPlan,
		"GET /operate/reconcile/{plan}/{kind}/{resource}": u.remodel,
		"GET /operate/holds":                              u.holds,
		"POST /operate/holds":                             u.decide,
		"GET /operate/unrated":                            u.unrated,
		"GET /operate/anomalies":                          u.anomalies,
		"GET /operate/months":                             u.months,
		"POST /operate/months":                            u.policy,
		"GET /operate/months/{month}/closing":             u.closing,
		"POST /operate/months/{month}/closing":            u.actOnMonth("closing", "closed"),
		"GET /operate/months/{month}/reopening":           u.reopening,
		"POST /operate/months/{month}/reopening":          u.actOnMonth("reopening", "open again"),
		"GET /operate/catalogues":                         u.catalogues,
		"GET /operate/catalogues/{version}":               u.catalogue,
		"GET /operate/what-if":                            u.whatIf,
		"POST /operate/what-if":                           u.whatIf,
		"GET /operate/publish":                            u.publishing,
		"POST /operate/publish":                           u.publish,
		"GET /operate/verify":                             u.verification,
		"POST /operate/verify":                            u.verify,
		"GET /operate/quarantine":                         u.quarantine,
		"POST /operate/quarantine":                        u.settle,
		"GET /operate/quarantine/{sequence}":              u.quarantined,
	}
}

// asset serves an embedded file under a name that changes with its content.
func (u *Pages) asset(w http.ResponseWriter, r *http.Request) {
	a, known := u.assets[r.PathValue("file")]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	switch {
	case strings.HasSuffix(a.name, ".css"):
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
	case strings.HasSuffix(a.name, ".js"):
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	case strings.HasSuffix(a.name, ".svg"):
		w.Header().Set("Content-Type", "image/svg+xml")
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	_, _ = w.Write(a.body)
}
