package offline

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/lab/cc"
)

// parsed reads a command line of daybook simulate cf.
func parsed(args ...string) (*simulateCFCmd, error) {
	var commands struct {
		Simulate Simulate `cmd:""`
	}
	parser, err := kong.New(&commands)
	Expect(err).NotTo(HaveOccurred())
	_, err = parser.Parse(append([]string{"simulate", "cf"}, args...))
	return &commands.Simulate.CF, err
}

var _ = Describe("daybook simulate cf", func() {
	It("has a flag for every knob, and no faults without one", func() {
		c, err := parsed()
		Expect(err).NotTo(HaveOccurred())
		expected := cc.StandardKnobs()
		expected.Speed = 60
		Expect(c.Knobs).To(Equal(expected))
		c, err = parsed("--late-commits=0.1", "--late-commit-max=10m", "--unknown-state-rate=0.1", "--retention=7d",
			"--keep-running", "--error-rate=0.1",
			"--rate-limit-rate=0.1", "--rate-limit=100", "--retry-after=5s", "--retry-after-unix",
			"--unauthorized-rate=0.1", "--slow-rate=0.1", "--slow=3s",
			"--cut-rate=0.1", "--garbage-rate=0.1", "--max-total-results=1000", "--missing-global-scope",
			"--token-lifetime=1m", "--speed=0", "--partial-lists=0.1", "--empty-lists=0.1", "--page-deletes=0.1",
			"--page-creates=0.1", "--lag-rate=0.1", "--lag=10s", "--scope-after=7", "--no-stats",
			"--audit-retention=1d")
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Knobs).To(Equal(cc.Knobs{
			LateCommits: 0.1, LateCommitMax: cc.Duration(10 * time.Minute), UnknownStateRate: 0.1,
			Retention: cc.Duration(7 * 24 * time.Hour), KeepRunning: true,
			ErrorRate: 0.1, RateLimitRate: 0.1, RateLimit: 100, RetryAfter: cc.Duration(5 * time.Second),
			RetryAfterUnix: true, UnauthorizedRate: 0.1,
			SlowRate: 0.1, Slow: cc.Duration(3 * time.Second), CutRate: 0.1, GarbageRate: 0.1, MaxTotalResults: 1000,
			MissingGlobalScope: true,
			TokenLifetime:      cc.Duration(time.Minute),
			PartialLists:       0.1, EmptyLists: 0.1, PageDeletes: 0.1, PageCreates: 0.1,
			LagRate: 0.1, Lag: cc.Duration(10 * time.Second), ScopeAfter: 7, NoStats: true,
			AuditRetention: cc.Duration(24 * time.Hour),
		}))
	})

	DescribeTable("refuses",
		func(arg, problem string) {
			_, err := parsed(arg)
			Expect(err).To(MatchError(ContainSubstring(problem)))
		},
		Entry("a probability above 1", "--error-rate=2", "knob error_rate is 2"),
		Entry("history in the future", "--advance=-1h", "--advance"),
		Entry("a world without apps", "--apps=0", "1 or more"),
		Entry("a time that is none", "--start=yesterday", "--start"),
	)

	It("serves a foundation with a history, tells how to reach it, and stops when it is told to", func() {
		command, err := parsed("--listen=127.0.0.1:0", "--start=2026-10-01T00:00:00Z", "--advance=2d", "--speed=0")
		Expect(err).NotTo(HaveOccurred())
		ctx, stop := context.WithCancel(context.Background())
		out, printed := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- command.Run(&shell.Env{Ctx: ctx, Stdout: printed, Stderr: io.Discard}) }()
		lines := bufio.NewScanner(out)
		var told strings.Builder
		for lines.Scan() {
			told.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "/_sim/purge") {
				break
			}
		}
		Expect(told.String()).To(ContainSubstring("It is 2026-10-03T00:00:00Z there"))
		try := regexp.MustCompile(`CF_CLIENT_ID=(\S+) CF_CLIENT_SECRET=(\S+) daybook up --cf (\S+)`).FindStringSubmatch(told.String())
		Expect(try).NotTo(BeNil(), told.String())

		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {try[1]}, "client_secret": {try[2]}}
		response, err := http.PostForm(try[3]+"/oauth/token", form)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		var token struct {
			Access string `json:"access_token"`
		}
		Expect(json.NewDecoder(response.Body).Decode(&token)).To(Succeed())
		request, err := http.NewRequest(http.MethodGet, try[3]+"/v3/app_usage_events?per_page=1", http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "bearer "+token.Access)
		page, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		defer page.Body.Close()
		Expect(page.StatusCode).To(Equal(http.StatusOK))
		Expect(io.ReadAll(page.Body)).To(ContainSubstring(`"href":"` + try[3] + `/v3/app_usage_events/`))

		stop()
		Eventually(ended).Should(Receive(BeNil()))
	})

	It("says which address is taken", func() {
		taken, err := parsed("--listen=127.0.0.1:1")
		Expect(err).NotTo(HaveOccurred())
		taken.Listen = "127.0.0.1:notaport"
		Expect(taken.Run(&shell.Env{
			Ctx: context.Background(), Stdout: io.Discard,
			Stderr: io.Discard,
		})).To(MatchError(ContainSubstring("--listen 127.0.0.1:notaport")))
	})
})
