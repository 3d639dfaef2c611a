package deploy_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// daybook is the program, built once.
var daybook = sync.OnceValues(func() (string, error) { return gexec.Build("../cmd/daybook") })

var _ = AfterSuite(gexec.CleanupBuildArtifacts)

// installation is a server with the shipped configuration, the services as their own users, and
// what they have made of the demo's month. Its tenants are acme and other.
type installation struct {
	url     string // of NATS
	api     string // of the API
	health  string // of the API, and its metrics
	token   string // of the API: it may do all
	serving *gexec.Session
}

// careless is a tenant's user whose permissions somebody has forgotten.
const careless = "careless"

func install() *installation {
	GinkgoHelper()
	for name, value := range variables {
		GinkgoT().Setenv(name, value)
	}
	text, err := os.ReadFile(configuration)
	Expect(err).NotTo(HaveOccurred())
	folder := GinkgoT().TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
		return path
	}
	conf := file("nats.conf", []byte(strings.Replace(string(text), "TENANT_ACME {\n    users: [",
		"TENANT_ACME {\n    users: [ { user: "+careless+", password: p }", 1)))
	url, stop, err := bustest.StartFromFile(conf, GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	i := &installation{url: url}

	i.ran("operator", "catalogue", "publish", "--yes", "--wait", "0", file("rates.yaml", demo.Catalogue()))
	for _, f := range demo.Files()[:3] {
		named := strings.NewReplacer(demo.Retail, "acme", demo.Logistics, "other").Replace(string(f.Data))
		i.ran("collector", "collect", "file", "--foundation", f.Foundation, "--horizon",
			f.Horizon.Format(time.RFC3339), file(f.Name, []byte(named)))
	}
	i.start("projector", nil, "project")
	i.start("pricer", nil, "price")
	made := i.ran("", "token", "new", "--name", "ops", "--scope", "usage,money,decide", "--all",
		"--expires", "2099-01-01")
	i.token = strings.TrimSpace(string(made.Err.Contents()))
	auth := file("auth.yaml", []byte("tokens_file: "+file("tokens.yaml", made.Out.Contents())+"\n"))
	i.serving = i.start("api", []string{"DAYBOOK_AUTH=" + auth, "DAYBOOK_HTTP=127.0.0.1:0"}, "serve",
		"--api", "127.0.0.1:0")
	said := func(pattern string) string {
		Eventually(i.serving.Err).Should(gbytes.Say(pattern))
		return string(regexp.MustCompile(pattern).FindSubmatch(i.serving.Err.Contents())[1])
	}
	i.health, i.api = said(`url=(\S+)`), "http://"+said(`address=(\S+)`)
	return i
}

// start starts daybook as a user.
func (i *installation) start(user string, environment []string, args ...string) *gexec.Session {
	GinkgoHelper()
	program, err := daybook()
	Expect(err).NotTo(HaveOccurred())
	command := exec.Command(program, args...)
	command.Env = append(append(os.Environ(), environment...), "NATS_URL="+i.url, "NATS_USER="+user,
		"NATS_PASSWORD="+passwords[user])
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Terminate().Wait(scale.Patience) })
	return session
}

// ran is a command of daybook that succeeds.
func (i *installation) ran(user string, args ...string) *gexec.Session {
	GinkgoHelper()
	session := i.start(user, nil, args...)
	Eventually(session).Should(gexec.Exit(0))
	return session
}

// send is the answer of the API to a request with a token.
func (i *installation) send(ctx context.Context, method, url, body string) (status int, answer string) {
	GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+i.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(text)
}

var _ = Describe("With the shipped configuration, services that are each their own user", Ordered, func() {
	var i *installation
	dial := func(user, password string) *bustest.Client {
		GinkgoHelper()
		c, err := bustest.Dial(i.url, user, password)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close) // it may be repeated
		return c
	}
	asked := func(user, subject, body string) (string, error) {
		GinkgoHelper()
		c := dial(user, passwords[user])
		defer c.Close()
		m, err := c.Request(subject, []byte(body))
		if err != nil {
			return "", err
		}
		return string(m.Data), nil
	}
	ask := func(user, subject, body string) string {
		GinkgoHelper()
		answer, err := asked(user, subject, body)
		Expect(err).NotTo(HaveOccurred(), subject)
		return answer
	}
	const month = `{"month":"2026-10"}`
	const bill = `"amount":"203.646613258332"`

	BeforeAll(func() {
		scale.Long(Skip)
		i = install()
		Eventually(func() (string, error) { return asked("reader", "daybook.query.acme.totals", month) }).
			WithTimeout(20 * time.Second).Should(ContainSubstring(bill))
		Eventually(func() (string, error) { return asked("reader", "daybook.query.all.holds", "") }).
			WithTimeout(20 * time.Second).Should(ContainSubstring(`"id":`))
	})

	It("answer a tenant about itself, and readers and operators about everybody", func() {
		Expect(ask("tenant-acme", "daybook.query.acme.totals", month)).To(ContainSubstring(bill))
		for _, user := range []string{"reader", "operator"} {
			Expect(ask(user, "daybook.query.all.totals", `{"by":["tenant"]}`)).To(And(ContainSubstring(bill),
				ContainSubstring(`"tenant":"other"`)), user)
		}
	})

	It("answer a tenant nothing about another one and about all", func() {
		tenant := dial("tenant-acme", passwords["tenant-acme"])
		for _, whose := range []string{"other", "all"} {
			_, err := tenant.Request("daybook.query."+whose+".totals", nil)
			Expect(err).To(MatchError(bustest.ErrDenied), whose)
		}
	})

	It("are out of the reach of a tenant, even of its user without permissions", func() {
		user := dial(careless, "p")
		m, err := user.Request("daybook.query.acme.totals", []byte(month))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(m.Data)).To(ContainSubstring(bill))
		for _, whose := range []string{"other", "all"} {
			_, err := user.Request("daybook.query."+whose+".totals", []byte(month))
			Expect(err).To(MatchError(ContainSubstring("no responders")), whose)
		}
	})

	It("take a decision about a hold over HTTP", func(ctx context.Context) {
		_, held := i.send(ctx, http.MethodGet, i.api+"/v1/holds", "")
		hold := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(held)[1]
		status, answer := i.send(ctx, http.MethodPost, i.api+"/v1/holds/"+hold+"/decision",
			`{"action":"discard","note":"a test"}`)
		Expect(status).To(Equal(http.StatusOK), answer)
		Eventually(func() string { return string(i.ran("reader", "holds", "list").Out.Contents()) }).
			ShouldNot(ContainSubstring(hold))
	})

	It("answer every question that they list", func() {
		var listed struct {
			Endpoints []struct{ Name string }
		}
		Expect(json.Unmarshal([]byte(ask("reader", "$SRV.INFO.daybook", "")), &listed)).To(Succeed())
		Expect(listed.Endpoints).NotTo(BeEmpty())
		for _, e := range listed.Endpoints {
			Expect(ask("reader", "daybook.query.all."+e.Name, "")).
				NotTo(Or(ContainSubstring(`"status":500`), ContainSubstring(`"status":503`)), e.Name)
		}
		Expect(strings.ToLower(string(i.serving.Err.Contents()))).NotTo(ContainSubstring("permission"))
	})

	It("answer on no subject that the asker may not publish to", func() {
		reader := dial("reader", passwords["reader"])
		Expect(reader.Publish("daybook.query.all.status", "usage.cf.prod.acme.app.forged", nil)).To(Succeed())
		Eventually(func() string { return string(i.serving.Err.Contents()) }).
			Should(ContainSubstring("usage.cf.prod.acme.app.forged"), "the server refuses the answer")
	})

	It("are ready, and count what they are asked", func(ctx context.Context) {
		Eventually(func() string { _, ready := i.send(ctx, http.MethodGet, i.health+"/readyz", ""); return ready }).
			Should(And(HavePrefix(`{"ok":true`), ContainSubstring(`"name":"api"`)))
		_, metrics := i.send(ctx, http.MethodGet, i.health+"/metrics", "")
		Expect(metrics).To(And(
			ContainSubstring(`daybook_api_request_seconds_count{code="200",over="nats",route="GET /v1/totals"}`),
			ContainSubstring(`daybook_api_request_seconds_count{code="200",over="http",route="GET /v1/holds"}`),
			ContainSubstring(`daybook_ledger_position{stream="BILLING"}`)))
	})

	It("are asked with the nats CLI as README.md shows it", func(ctx context.Context) {
		cli := natsCLI(i.url)
		Expect(cli(ctx, "tenant-acme", `req --raw daybook.query.acme.totals '{"month":"2026-10"}'`)).
			To(ContainSubstring(bill))
		Expect(cli(ctx, "reader", "micro info daybook")).To(ContainSubstring("daybook.query.*.totals"))
	})

	It("leave a snapshot of the ledger for the next start", func() {
		i.serving.Terminate()
		Eventually(i.serving).Should(gexec.Exit(0))
		Expect(string(i.serving.Err.Contents())).NotTo(ContainSubstring("no snapshot"))
	})
})
