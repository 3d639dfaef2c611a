package e2e_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// ours are the variables of daybook, of nats, and of alphagov/paas-billing.
var ours = regexp.MustCompile("^(NATS|DAYBOOK|AMQP|CF|COLLECTOR|DATABASE)_")

// environment is the test's own without the variables of ours.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !ours.MatchString(e) {
			env = append(env, e)
		}
	}
	return env
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = environment()
	leash(cmd)
	return cmd
}

// start starts the program; the end of the spec kills it.
func start(args ...string) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(command(daybook, args...), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(patience) })
	return session
}

// run runs the program to its end, with status 0, and returns its output.
func run(args ...string) string {
	GinkgoHelper()
	session := start(args...)
	Eventually(session).Should(gexec.Exit(0), "daybook %s", strings.Join(args, " "))
	return string(session.Out.Contents())
}

// stop ends the process as an init system does, and expects it to obey.
func stop(sessions ...*gexec.Session) {
	GinkgoHelper()
	for _, s := range sessions {
		s.Signal(syscall.SIGTERM)
	}
	for _, s := range sessions {
		Eventually(s).Should(gexec.Exit(0))
	}
}

// awaitOutput waits until the buffer matches the pattern, and returns its first group; "" when the
// process has ended without.
func awaitOutput(session *gexec.Session, buffer *gbytes.Buffer, pattern string) string {
	GinkgoHelper()
	re := regexp.MustCompile(pattern)
	var group string
	Eventually(func() bool {
		ended := session.ExitCode() >= 0
		if m := re.FindSubmatch(buffer.Contents()); m != nil {
			group = string(m[1])
		}
		return ended || group != ""
	}).WithPolling(pollEvery).Should(BeTrue(), "waiting for %s", pattern)
	return group
}

// natsURL is where the embedded server of `daybook up` listens; it logs that.
func natsURL(session *gexec.Session) string {
	GinkgoHelper()
	return awaitOutput(session, session.Err, `NATS server is listening"? .*url"?[=:]"?(nats://[0-9.:]+)`)
}

// httpURL is where a service serves health and metrics; it logs that.
func httpURL(session *gexec.Session) string {
	GinkgoHelper()
	return awaitOutput(session, session.Err, `serving health and metrics"? ?.*url"?[=:]"?(http://[0-9.:]+)`)
}

// get asks without keeping a connection.
func get(ctx context.Context, url string) (status int, body string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(b)
}

// file writes a file into a new folder.
func file(name, content string) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), name)
	Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	return path
}

// saying is gbytes.Say for literal text.
func saying(text string) OmegaMatcher { return gbytes.Say(regexp.QuoteMeta(text)) }
