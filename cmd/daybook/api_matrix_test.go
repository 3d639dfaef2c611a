package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

// operation is one of the OpenAPI document, as the matrix asks it.
type operation struct {
	ID         string `json:"operationId"`
	Parameters []struct {
		Name     string `json:"name"`
		In       string `json:"in"`
		Required bool   `json:"required"`
	} `json:"parameters"`
	method, path string
}

// request is the operation's path with values for its parameters.
func (o *operation) request(values map[string]string) string {
	path, query := o.path, url.Values{}
	for _, p := range o.Parameters {
		value, known := values[p.Name]
		switch {
		case p.In == "path":
			Expect(known).To(BeTrue(), "the matrix has no value for %s of %s", p.Name, o.ID)
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case p.Required || known && p.In == "query" && p.Name != "foundation": // the tenant's alone
			query.Set(p.Name, value)
		}
	}
	return path + "?" + query.Encode()
}

// of reports whether the operation has a parameter.
func (o *operation) of(name string) bool {
	for _, p := range o.Parameters {
		if p.Name == name {
			return true
		}
	}
	return false
}

// exists reports whether the demo has an example: the first message of USAGE is nobody's event.
func exists(o *operation) bool { return o.ID != "event" }

// rights are what an operation asks for.
type rights int

const (
	anybody rights = iota // a good token
	member                // a role in the foundation
	usage                 // of the tenant
	money                 // of the tenant
	global                // everybody's
	acting                // to decide
)

// asks are the rights for each operation of the API. A new operation needs a row.
func asks() map[string]rights {
	return map[string]rights{
		"charges": money, "charge": money, "corrections": money, "totals": money, "bill": money, "resource": money,
		"statements": money, "running": usage, "holds": usage, "unrated": usage, "anomalies": usage, "event": usage,
		"decide": acting, "months": member, "status": member, "catalogues": anybody, "catalogue": anybody,
		"differences": anybody, "forecast": money, "export": money, "live-charges": money,
		"live-positions": anybody, "statement": global,
		"reconciliations": global, "remodels": global, "limitations": global, "reconcile-plan": global,
		"apply-plan": acting, "revert-plan": acting, "make-plan": acting, "ignore": acting, "add": acting,
		"statement-csv": global, "statement-bundle": global, "statement-line": global,
		"price": anybody, "what-if": global,
		"month-closing": global, "month-policies": member, "close-month": acting, "reopen-month": acting,
		"month-mode": acting, "month-grace": acting,
		"quarantine": global, "quarantined": global, "resubmit": acting, "discard": acting,
		"verification": global, "verify": acting, "stop-verification": acting,
		"check-catalogue": global, "preview-catalogue": global, "publish-catalogue": acting,
		"rollback-catalogue": acting,
	}
}

// bodies are the questions and acts of POST.
func bodies() map[string]string {
	const prices = `{"catalogue":"currency: GBP\nplans: [{name: all, match: {kind: app}, valid_from: 2020-01-01, ` +
		`components: [{name: fee, formula: \"1\"}]}]\n"`
	return map[string]string{
		"apply-plan":  `{"note":"by the matrix"}`,
		"revert-plan": `{"source":"cf","foundation":"demo","note":"by the matrix"}`,
		"make-plan":   `{"source":"cf","foundation":"demo"}`,
		"ignore": `{"source":"cf","foundation":"demo","resource":"x","until":"2999-01-01T00:00:00Z",` +
			`"note":"by the matrix"}`,
		"add": `{"source":"cf","foundation":"demo","act":"end","kind":"app","resource":"x",` +
			`"at":"2026-10-02T00:00:00Z","note":"by the matrix"}`,
		"decide":       `{"action":"discard","note":"by the matrix"}`,
		"close-month":  `{"foundation":"trove-wiki","note":"by the matrix"}`,
		"reopen-month": `{"foundation":"trove-wiki","note":"by the matrix"}`,
		"month-mode":   `{"foundation":"trove-wiki","note":"by the matrix","mode":"manual"}`,
		"month-grace":  `{"foundation":"trove-wiki","note":"by the matrix","grace_seconds":3600}`,
		"price": `{"kind":"app","footprint":{"instances":1,"memory_mb":64},"from":"2026-10-01T00:00:00Z",` +
			`"to":"2026-10-02T00:00:00Z"}`,
		"verify":  `{}`,
		"what-if": prices + "}", "check-catalogue": prices + "}", "preview-catalogue": prices + "}",
		"resubmit": `{"sequences":[1],"note":"by the matrix"}`, "discard": `{"sequences":[1],"note":"by the matrix"}`,
		"publish-catalogue": prices + `,"note":"by the matrix"}`, "rollback-catalogue": `{"note":"by the matrix"}`,
	}
}

// common reports whether everybody may see what the operation is about, so that 403 tells nothing:
// prices, and nobody's data.
func common(o *operation) bool {
	return o.ID == "what-if" || strings.HasSuffix(o.ID, "-catalogue")
}

// planOfMatrix is the id of a plan.
const planOfMatrix = "a0000000-0000-5000-8000-00000000000b"

// The users of the matrix, beside the operator of the platform.
const (
	managerOfRetail    = "a0000000-0000-4000-8000-000000000001"
	managerOfLogistics = "a0000000-0000-4000-8000-000000000002"
	auditorOfRetail    = "a0000000-0000-4000-8000-000000000003"
	userWithoutRoles   = "a0000000-0000-4000-8000-000000000004"
)

var _ = Describe("Every operation of the API", Ordered, ContinueOnFailure, func() {
	var (
		handler    http.Handler
		operations []operation
		uaa        *identity.UAA
		broken     atomic.Bool
		mine       map[string]string // values for what is the tenant's
		theirs     map[string]string // for what is another's
		none       map[string]string // for what does not exist
		held       string            // id of a hold
	)
	key := sync.OnceValue(func() identity.Key { return identity.NewKey("key-1") })

	send := func(o *operation, values map[string]string, token string) *httptest.ResponseRecorder {
		ctx := GinkgoT().Context()
		if strings.HasPrefix(o.ID, "live-") { // it has no end of its own
			limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			ctx = limited
		}
		r := httptest.NewRequestWithContext(ctx, o.method, o.request(values), strings.NewReader(bodies()[o.ID]))
		r.Host = "api.example.org"
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	user := func(guid string) string { return uaa.Token(uaa.User(guid, "cloud_controller.read")) }
	client := func(scope string) string { return uaa.Token(uaa.Client("c", scope)) }

	BeforeAll(func(ctx SpecContext) {
		s := demonstrated(ctx)
		platform, err := cc.New(cc.Config{
			World: sim.Config{Seed: 1, Orgs: 1, Spaces: 1, Apps: 1, Services: 1, Instances: 1, Events: 1},
			Key:   key().Private,
			Users: []cc.User{
				{GUID: managerOfRetail, Name: "m", Manages: []string{demo.Retail}},
				{GUID: managerOfLogistics, Name: "o", Manages: []string{demo.Logistics}},
				{GUID: auditorOfRetail, Name: "a", Audits: []string{demo.Retail}},
				{GUID: userWithoutRoles, Name: "n"},
			},
		})
		Expect(err).NotTo(HaveOccurred())
		cloudController := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if broken.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			platform.ServeHTTP(w, r)
		}))
		DeferCleanup(cloudController.Close)
		uaa = identity.NewUAA(key(), time.Now)
		issuer := httptest.NewServer(uaa)
		DeferCleanup(issuer.Close)
		uaa.At(issuer.URL)

		log := slog.New(slog.NewTextHandler(GinkgoWriter, nil))
		books := memory.New()
		Expect(ledger.CatchUp(ctx, s.bus, books)).To(BeEmpty())
		server, err := api.New(api.Config{Address: "127.0.0.1:0", Auth: auth.Config{UAAs: []auth.UAA{{
			Address: issuer.URL, Foundations: []auth.Foundation{{
				Name: "demo", API: cloudController.URL, ClientID: "daybook",
				Secret: auth.Secret{Value: "daybook-secret"},
			}},
		}}}}, api.Deps{Reader: memory.NewReader(books, s.bus), Bus: s.bus, Log: log, Version: "test"})
		Expect(err).NotTo(HaveOccurred())
		handler = server.Handler()

		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/openapi.json", nil))
		var document struct {
			Paths map[string]map[string]operation `json:"paths"`
		}
		Expect(json.Unmarshal(w.Body.Bytes(), &document)).To(Succeed())
		for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
			for method, o := range document.Paths[path] {
				o.method, o.path = strings.ToUpper(method), path
				operations = append(operations, o)
			}
		}
		Expect(len(operations)).To(BeNumerically(">", 10))

		issued := s.statements(ctx)[0]
		Expect(plans.Keep(ctx, s.bus, &plans.Planned{Plan: &reconcile.Plan{
			ID: planOfMatrix, Source: issued.Source, Foundation: issued.Foundation,
		}})).To(Succeed())
		values := func(tenant string) map[string]string {
			GinkgoHelper()
			page, err := memory.NewReader(books, s.bus).Charges(ctx, ledger.Query{Tenant: tenant}, ledger.Place{}, 1)
			Expect(err).NotTo(HaveOccurred())
			Expect(page).To(HaveLen(1))
			c := page[0]
			return map[string]string{
				"tenant": tenant, "id": c.ID, "resource": c.Resource, "month": c.Period, "event": "1",
				"version": "current", "limit": "5", "what": "charges",
				// the statements of the demo are those of a database's tenant
				"source": issued.Source, "foundation": issued.Foundation, "number": fmt.Sprint(issued.Number),
				"line": "1", "sequence": "1", "plan_id": planOfMatrix,
			}
		}
		holds, _, err := books.Held(ctx, ledger.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(holds).NotTo(BeEmpty())
		held = holds[0].ID
		mine, theirs = values(demo.Retail), values(demo.Logistics)
		none = maps.Clone(theirs)
		none["tenant"], none["id"] = "10915700-0000-4000-8000-00000000ffff", "10915700-0000-5000-8000-00000000ffff"
		none["resource"] = "10915700-0000-4000-8000-00000000fffe"
	})
	BeforeEach(func() { broken.Store(false) })

	It("has its row in the matrix", func() {
		for i := range operations {
			Expect(asks()).To(HaveKey(operations[i].ID))
		}
	})

	It("is refused with 401 without a token, and with each that is none", func() {
		for i := range operations {
			o := &operations[i]
			w := send(o, mine, "")
			Expect(w.Code).To(Equal(http.StatusUnauthorized), o.ID)
			Expect(w.Header().Get("WWW-Authenticate")).To(HavePrefix("Bearer"))
			for _, f := range identity.Forgeries() {
				w := send(o, mine, f.Make(uaa))
				Expect(w.Code).To(Equal(http.StatusUnauthorized), "%s with %s", o.ID, f.Name)
				Expect(w.Body.String()).NotTo(ContainSubstring("amount"))
			}
		}
	})

	type good struct {
		name, token string
		may         map[rights]bool
	}
	tokens := func() []good {
		all := map[rights]bool{anybody: true, member: true, usage: true, money: true, global: true}
		deciding := maps.Clone(all)
		deciding[acting] = true
		return []good{
			{"the manager of the organization", user(managerOfRetail), map[rights]bool{
				anybody: true, member: true, usage: true, money: true,
			}},
			{"its auditor", user(auditorOfRetail), map[rights]bool{anybody: true, member: true, usage: true}},
			{"the manager of another one", user(managerOfLogistics), map[rights]bool{anybody: true, member: true}},
			{"a user without roles", user(userWithoutRoles), map[rights]bool{anybody: true}},
			{"a global auditor", client(cc.ScopeGlobalAuditor), all},
			{"a read-only admin", client(cc.ScopeAdminReadOnly), all},
			{"an admin", client(cc.ScopeAdmin), deciding},
		}
	}

	It("answers 200 to those who may ask it, 403 to acts of others, and 404 to all else", func() {
		var wrong []string
		for i := range operations {
			o := &operations[i]
			for _, t := range tokens() {
				needed := asks()[o.ID]
				own := mine
				if needed == acting {
					own = maps.Clone(mine)
					own["id"] = held
				}
				w := send(o, own, t.token)
				want := http.StatusNotFound
				switch {
				case needed == acting && t.may[acting]:
					continue // cmd/daybook/api_test.go decides
				case needed == acting && t.may[global]:
					want = http.StatusForbidden // the others do not see it: it is a database's
				case t.may[needed]:
					want = http.StatusOK
				case common(o):
					want = http.StatusForbidden
				}
				if !exists(o) && want == http.StatusOK {
					continue
				}
				if w.Code != want {
					wrong = append(wrong, fmt.Sprintf("%s by %s: %d, not %d: %.200s", o.ID, t.name, w.Code, want,
						w.Body))
				}
				Expect(w.Header().Get("Cache-Control")).To(Equal("private, no-cache"))
				Expect(w.Header().Values("Vary")).To(ContainElement("Authorization"))
			}
		}
		Expect(wrong).To(BeEmpty())
	})

	It("answers about another's tenant, charge and resource as about one that does not exist, byte for byte", func() {
		compared := 0
		for i := range operations {
			o := &operations[i]
			if !o.of("tenant") && !o.of("id") && !o.of("resource") {
				continue
			}
			for _, token := range []string{user(managerOfRetail), user(auditorOfRetail), user(userWithoutRoles)} {
				other, nobody := send(o, theirs, token), send(o, none, token)
				Expect(other.Code).To(Equal(nobody.Code), o.ID)
				Expect(other.Code).NotTo(Equal(http.StatusOK), o.ID)
				Expect(other.Body.String()).To(Equal(nobody.Body.String()), o.ID)
				Expect(other.Header()).To(Equal(nobody.Header()), o.ID)
				compared++
			}
		}
		Expect(compared).To(BeNumerically(">", 20))
	})

	It("shows a manager no more in lists without a tenant", func() {
		token := user(managerOfRetail)
		without := maps.Clone(mine)
		delete(without, "tenant")
		for i := range operations {
			o := &operations[i]
			if !o.of("tenant") || o.method != http.MethodGet {
				continue
			}
			w := send(o, without, token)
			Expect(w.Code).To(Equal(http.StatusOK), "%s: %s", o.ID, w.Body)
			Expect(w.Body.String()).NotTo(ContainSubstring(demo.Logistics), o.ID)
		}
	})

	It("answers 503 and when to ask again, while roles or keys cannot be asked", func() {
		broken.Store(true)
		token := user("a0000000-0000-4000-8000-00000000000a") // nobody's roles are remembered
		for i := range operations {
			o := &operations[i]
			w := send(o, mine, token)
			Expect(w.Code).To(Equal(http.StatusServiceUnavailable), "%s: %s", o.ID, w.Body)
			Expect(w.Header().Get("Retry-After")).NotTo(BeEmpty(), o.ID)
		}
		Expect(send(&operations[0], mine, client(cc.ScopeAdmin)).Code).To(Equal(http.StatusOK), "it needs no roles")
	})

	It("keeps what a token was", func() { // the answers of a tenant's manager are those of an operator about it
		var one, two answers.Totals
		for i := range operations {
			if operations[i].ID == "totals" {
				read := func(token string, to *answers.Totals) {
					GinkgoHelper()
					Expect(json.Unmarshal(send(&operations[i], mine, token).Body.Bytes(), to)).To(Succeed())
				}
				read(user(managerOfRetail), &one)
				read(client(cc.ScopeAdmin), &two)
			}
		}
		Expect(one.Totals).NotTo(BeEmpty())
		Expect(one).To(Equal(two))
	})
})
