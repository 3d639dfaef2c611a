package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/pb33f/libopenapi"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// odd are values that parameters may have, and mostly should not.
func odd(charge string) []string {
	return []string{
		"", " ", "0", "-1", "1", "7", "1000", "1001", "18446744073709551615", "99999999999999999999999", "1e400", "NaN",
		"true", "null", "[]", "{}", "cf", "trove", "demo", demo.Retail, charge, "app", "volume", "2026-10", "2026-13",
		"0000-00", "2026-10-01", "2026-10-32", "2026-11-01T00:00:00Z", "2999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
		"charges", "totals", "statements", "csv", "jsonl", "tenant,month", "tenant,tenant", "day", "current", "../..",
		"' OR 1=1; DROP TABLE charges; --", "%27%20OR%201=1", "\x00", "\r\nX: y", "a.b.*.>", "*", ">", "$JS.API.INFO",
		"\u202e\U0001f4a9", string([]byte{0xff, 0xfe}), strings.Repeat("x", 5000), "AAAAAAAAAAAAAAAAAAAA", "1-0", "0-0",
		"=cmd|' /C calc'!A0", "<script>", "${jndi:ldap://x}", "{{7*7}}",
	}
}

// fuzzed is how many requests of each operation a run makes.
const fuzzed = 40

var _ = Describe("The API, asked anything", func() {
	It("answers with no failure of its own, and takes nothing for more than data", func(ctx SpecContext) {
		s := demonstrated(ctx)
		a := s.ask(ctx)
		page, _ := a.pages(1000, func() {}, "tenant", demo.Retail)
		before, _ := a.totals()
		values := odd(page[0].ID)
		document, err := libopenapi.NewDocument(a.do(http.MethodGet, "/openapi.json", nil).Body.Bytes())
		Expect(err).NotTo(HaveOccurred())
		model, err := document.BuildV3Model()
		Expect(err).NotTo(HaveOccurred())
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0))
		pick := func() string { return values[random.IntN(len(values))] }
		accesses := []auth.Access{everything(), {}, {Tenants: map[events.Owner]auth.Rights{
			{Foundation: "demo", Tenant: demo.Retail}: auth.Operate, {Foundation: "trove-wiki"}: auth.Usage,
		}}}
		statuses := map[int]int{}
		for path, item := range model.Model.Paths.PathItems.FromOldest() {
			for method, operation := range item.GetOperations().FromOldest() {
				for range fuzzed {
					a.as(accesses[random.IntN(len(accesses))])
					r := ask(ctx, strings.ToUpper(method), path, operation, pick, random)
					w := httptest.NewRecorder()
					a.handler.ServeHTTP(w, r)
					statuses[w.Code]++
					Expect(w.Code).To(Or(BeNumerically("<", http.StatusInternalServerError),
						Equal(http.StatusServiceUnavailable)), "%s %s: %s", method, r.URL, w.Body)
					if w.Code == http.StatusServiceUnavailable {
						Expect(w.Header().Get("Retry-After")).NotTo(BeEmpty())
					}
				}
			}
		}
		Expect(statuses[http.StatusOK]).To(BeNumerically(">", 50), "%v", statuses)
		Expect(statuses[http.StatusUnprocessableEntity]).To(BeNumerically(">", 50), "%v", statuses)
		a.as(everything())
		after, _ := a.totals()
		Expect(after).To(Equal(before))
	})
})

// ask is a request of an operation with odd values.
func ask(ctx context.Context, method, path string, operation *v3.Operation, pick func() string,
	random *rand.Rand,
) *http.Request {
	GinkgoHelper()
	query := url.Values{}
	header := http.Header{}
	for _, p := range operation.Parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(pick()))
		case p.In == "header":
			header.Set(p.Name, strings.Map(visible, pick()))
		case random.IntN(3) == 0:
			query.Set(p.Name, pick())
		}
	}
	body := ""
	if operation.RequestBody != nil {
		body = oddBody(pick, random)
	}
	limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond) // a live stream has no end of its own
	if !strings.Contains(path, "/live/") {
		cancel()
		limited = ctx
	} else {
		DeferCleanup(cancel)
	}
	r := httptest.NewRequestWithContext(limited, method, "http://localhost/", strings.NewReader(body))
	r.URL.Path, r.URL.RawPath = unescaped(path), path
	r.URL.RawQuery = query.Encode()
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	return r
}

// unescaped is a path as a server reads it.
func unescaped(path string) string {
	text, err := url.PathUnescape(path)
	Expect(err).NotTo(HaveOccurred())
	return text
}

// visible leaves out what no header may have.
func visible(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// oddBody is a body with fields of the acts and questions.
func oddBody(pick func() string, random *rand.Rand) string {
	fields := map[string]any{}
	for _, name := range []string{
		"action", "note", "as", "kind", "from", "to", "version", "foundation", "tenant", "catalogue", "month", "closed",
		"mode", "grace_seconds", "expect", "wait_seconds", "name", "currency_from",
		"at_end",
	} {
		if random.IntN(2) == 0 {
			fields[name] = pick()
		}
	}
	if random.IntN(2) == 0 {
		fields["sequences"] = []uint64{1, random.Uint64N(5)}
	}
	if random.IntN(2) == 0 {
		fields["kind"], fields["from"], fields["to"] = "app", "2026-10-01T00:00:00Z", "2026-10-05T00:00:00Z"
		fields["footprint"] = map[string]any{"instances": random.Uint32(), "memory_mb": random.Uint32(), "plan": pick()}
	}
	text, err := json.Marshal(fields)
	Expect(err).NotTo(HaveOccurred())
	if random.IntN(5) == 0 {
		return fmt.Sprintf("%.*s", random.IntN(len(text)+1), text)
	}
	return string(text)
}
