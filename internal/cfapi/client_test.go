package cfapi_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/redact"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const (
	lists = "/v3/app_usage_events"
	two   = `{"pagination":{"next":null},"resources":[{"guid":"a","created_at":"2026-05-01T11:00:00Z"},` +
		`{"guid":"b","created_at":"2026-05-01T11:00:01Z"}]}`
)

// api is an API with a UAA and two events.
type api struct {
	mu     sync.Mutex
	url    string
	tokens int
	good   string // the accepted token
	asked  []string
	// instead answers a request by its path and its number from 1 on, or returns false.
	instead func(w http.ResponseWriter, path string, n int) bool
}

func newAPI() *api {
	a := &api{}
	s := httptest.NewServer(a)
	DeferCleanup(s.Close)
	a.url = s.URL
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.Path)
	n := 0
	for _, path := range a.asked {
		if path == r.URL.Path {
			n++
		}
	}
	if a.instead != nil && a.instead(w, r.URL.Path, n) {
		return
	}
	w.Header().Set("Date", noon.Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/":
		fmt.Fprintf(w, `{"links":{"login":{"href":%q},"uaa":{"href":%q}}}`, a.url, a.url)
	case r.URL.Path == "/oauth/token":
		a.tokens++
		a.good = "token-" + strconv.Itoa(a.tokens)
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":1200}`, a.good)
	case r.Header.Get("Authorization") != "Bearer "+a.good:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, document(1000, "CF-InvalidAuthToken"))
	case r.URL.Path == lists+"/a":
		fmt.Fprint(w, `{"guid":"a","created_at":"2026-05-01T11:00:00Z"}`)
	case r.URL.Path == lists:
		fmt.Fprint(w, two)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, document(10010, "CF-ResourceNotFound"))
	}
}

func document(code int, title string) string {
	return fmt.Sprintf(`{"errors":[{"code":%d,"title":%q,"detail":"PLANTED-detail"}]}`, code, title)
}

// answers has the first n requests for a path answered with a status and a body.
func (a *api) answers(path string, n, status int, body string) {
	a.instead = func(w http.ResponseWriter, asked string, i int) bool {
		if asked != path || i > n {
			return false
		}
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

var _ = Describe("a client of the API", func() {
	var a *api
	var cfg cfapi.Config
	var reasons []string
	BeforeEach(func() {
		a, reasons = newAPI(), nil
		cfg = cfapi.Config{
			Foundation: "f", API: a.url, ClientID: "daybook", ClientSecret: "PLANTED-secret",
			RetryWait: time.Microsecond,
		}
	})
	list := func() (*cfapi.Page, error) {
		GinkgoHelper()
		c, err := cfapi.New(cfg, cfapi.Deps{
			Now:     func() time.Time { return noon },
			Retried: func(reason string) { reasons = append(reasons, reason) },
		})
		Expect(err).NotTo(HaveOccurred())
		defer c.Close()
		var p cfapi.Page
		err = c.List(context.Background(), events.ListApp, "", &p)
		return &p, err
	}
	succeeds := func() {
		GinkgoHelper()
		p, err := list()
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Events).To(HaveLen(2))
		Expect(p.First().GUID).To(Equal("a"))
		Expect(p.Last().GUID).To(Equal("b"))
		Expect(p.Date).To(Equal(noon))
		Expect(p.End).To(BeTrue())
	}

	DescribeTable("asks again, and says why", func(reason string, status int, body string) {
		a.answers(lists, 3, status, body)
		succeeds()
		Expect(reasons).To(Equal([]string{reason, reason, reason}))
	},
		Entry("500", "server_error", 500, document(10001, "UnknownError")),
		Entry("502 of a proxy", "server_error", 502, "<html>Bad Gateway</html>"),
		Entry("503", "server_error", 503, ""),
		Entry("404 of a router", "unexpected_status", 404, "404 Not Found: Requested route "+
			"('api.example.org') does not exist.\n"),
		Entry("a page of HTML", "malformed_answer", 200, "<html>"),
		Entry("nothing", "malformed_answer", 200, ""),
		Entry("half a page", "malformed_answer", 200,
			`{"pagination":{},"resources":[{"guid":"e0","created_at":"2026-05-01T11:00:00Z"},{"guid":"e1`),
		Entry("a page cut between events", "malformed_answer", 200,
			`{"pagination":{},"resources":[{"guid":"e0","created_at":"2026-05-01T11:00:00Z"}`),
		Entry("two pages", "malformed_answer", 200, `{"resources":[]}{"resources":[]}`),
		Entry("no list", "malformed_answer", 200, `{"resources":{}}`),
		Entry("another document", "malformed_answer", 200, `{"pagination":{}}`),
		Entry("no events though there are more", "malformed_answer", 200,
			`{"pagination":{"next":{"href":"x"}},"resources":[]}`),
		Entry("429", "rate_limited", 429, "Rate Limit Exceeded"),
	)

	It("asks again without a Date, and where a connection breaks in the middle", func() {
		a.instead = func(w http.ResponseWriter, path string, n int) bool {
			switch {
			case path == lists && n == 1:
				w.Header()["Date"] = nil
				fmt.Fprint(w, `{"resources":[]}`)
			case path == lists && n == 2:
				w.Header().Set("Content-Length", "1000")
				fmt.Fprint(w, `{"resources":[`)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			default:
				return false
			}
			return true
		}
		succeeds()
		Expect(reasons).To(Equal([]string{"no_date", "connection"}))
	})

	It("asks once more with a new token when the API refuses one", func() {
		a.answers(lists, 1, 401, document(1000, "CF-InvalidAuthToken"))
		succeeds()
		Expect(a.tokens).To(Equal(2))
		Expect(reasons).To(BeEmpty())
	})

	It("asks again when a proxy in front of the API refuses a token", func() {
		a.answers(lists, 3, 401, "<html>")
		succeeds()
		Expect(reasons).To(Equal([]string{"unexpected_status"}))
	})

	It("gives up after the retries of a request", func() {
		cfg.Retries = 2
		a.answers(lists, 1000, 500, "")
		_, err := list()
		Expect(err).To(MatchError(ContainSubstring("given up after 3 attempts")))
		Expect(cfapi.Transient(err)).To(BeTrue())
	})

	It("returns the end of a long break", func() {
		a.instead = func(w http.ResponseWriter, path string, _ int) bool {
			if path != lists {
				return false
			}
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		_, err := list()
		var wait *cfapi.WaitError
		Expect(errors.As(err, &wait)).To(BeTrue())
		Expect(wait.Until).To(Equal(noon.Add(time.Hour)))
		Expect(cfapi.Transient(err)).To(BeTrue())
	})

	It("follows no redirect with a token", func() {
		other := 0
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other++ }))
		defer elsewhere.Close()
		a.instead = func(w http.ResponseWriter, path string, _ int) bool {
			if path != lists {
				return false
			}
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusMovedPermanently)
			return true
		}
		_, err := list()
		Expect(err).To(MatchError(ContainSubstring("correct the address of the API")))
		Expect(other).To(BeZero())
	})

	Describe("classifies an answer", func() {
		created := func() error {
			c, err := cfapi.New(cfg, cfapi.Deps{})
			Expect(err).NotTo(HaveOccurred())
			defer c.Close()
			_, err = c.Created(context.Background(), events.ListApp, "a")
			return err
		}
		DescribeTable("by status and by Cloud Controller's error",
			func(status int, body string, notFound, unprocessable, transient bool) {
				cfg.Retries = -1
				a.answers(lists+"/a", 1000, status, body)
				err := created()
				Expect(err).To(HaveOccurred())
				Expect(cfapi.NotFound(err)).To(Equal(notFound))
				Expect(cfapi.Unprocessable(err)).To(Equal(unprocessable))
				Expect(cfapi.Transient(err)).To(Equal(transient))
			},
			Entry("no such event", 404, document(10010, "CF-ResourceNotFound"), true, false, false),
			Entry("no such endpoint", 404, document(10000, "CF-NotFound"), false, false, false),
			Entry("no such route", 404, "404 Not Found", false, false, true),
			Entry("another document", 404, `{"errors":[{"title":"x"}]}`, false, false, true),
			Entry("wrong parameters", 422, document(10008, "CF-UnprocessableEntity"), false, true, false),
			Entry("no right", 403, document(10003, "CF-NotAuthorized"), false, false, false),
			Entry("a failure", 500, document(10001, "UnknownError"), false, false, true),
		)

		It("and wraps go-cfclient's error", func() {
			a.answers(lists+"/a", 1000, 404, document(10010, "CF-ResourceNotFound"))
			err := created()
			Expect(resource.IsResourceNotFoundError(err)).To(BeTrue())
			Expect(resource.IsNotFoundError(err)).To(BeFalse())
		})

		It("as refused where the API refuses every token", func() {
			a.answers(lists+"/a", 1000, 401, document(1000, "CF-InvalidAuthToken"))
			Expect(created()).To(MatchError(cfapi.ErrRefused))
		})
	})

	It("shows no part of a secret where it cuts a long answer", func() {
		for _, text := range []string{
			strings.Repeat("x ", 140) + "https://user:PLANTED-and-much-more@host/",
			strings.Repeat("x ", 144) + "PLANTED-secret",
			`{"token":"` + strings.Repeat("x", redact.MaxText-26) + `","a":"PLANTED-secret"}`,
		} {
			a.answers(lists, 1000, 500, text)
			_, err := list()
			Expect(err).To(MatchError(Not(ContainSubstring("PLANT"))))
		}
	})

	It("verifies certificates, unless told otherwise, by the given CA", func() {
		s := httptest.NewTLSServer(a)
		defer s.Close()
		cfg.API, a.url, cfg.Retries = s.URL, s.URL, -1
		_, err := list()
		Expect(err).To(MatchError(ContainSubstring("certificate")))
		cfg.SkipTLS = true
		succeeds()
		cfg.SkipTLS = false
		cfg.CAFile = filepath.Join(GinkgoT().TempDir(), "ca.pem")
		Expect(os.WriteFile(cfg.CAFile, pem.EncodeToMemory(&pem.Block{
			Type:  "CERTIFICATE",
			Bytes: s.Certificate().Raw,
		}), 0o600)).To(Succeed())
		succeeds()
	})

	DescribeTable("takes each kind of credentials", func(set func(c *cfapi.Config)) {
		cfg.ClientID, cfg.ClientSecret = "", ""
		set(&cfg)
		a.good = "fixed"
		succeeds()
	},
		Entry("a client", func(c *cfapi.Config) { c.ClientID, c.ClientSecret = "c", "s" }),
		Entry("a user", func(c *cfapi.Config) { c.Username, c.Password = "u", "p" }),
		Entry("a token", func(c *cfapi.Config) { c.Token = "bearer fixed" }),
	)

	It("tells of an expired token", func() {
		cfg.ClientID, cfg.ClientSecret, cfg.Token = "", "", "expired"
		_, err := list()
		Expect(err).To(MatchError(ContainSubstring("give a new one (CF_TOKEN)")))
	})
})

var _ = DescribeTable("The address of an API has one form", func(text, want string) {
	Expect(cfapi.Address(text)).To(Equal(want))
	Expect(cfapi.Address(want)).To(Equal(want))
},
	Entry("as it is", "https://api.example.org", "https://api.example.org"),
	Entry("with other letters, the port and a slash", "HTTPS://API.Example.org:443/", "https://api.example.org"),
	Entry("with a port of its own and a path", "http://127.0.0.1:8181/cf/", "http://127.0.0.1:8181/cf"),
	Entry("with credentials and a query", "https://u:p@api.example.org?x=y#z", "https://api.example.org"),
	Entry("without a scheme", "api.example.org", ""),
	Entry("of another scheme", "ftp://api.example.org", ""),
	Entry("too long", "https://"+strings.Repeat("a", 300), ""),
)
