//go:build linux

package e2e_test

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"golang.org/x/sys/unix"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// natsCLI is the path of the NATS CLI.
func natsCLI() string {
	GinkgoHelper()
	path := cmp.Or(os.Getenv("DAYBOOK_NATS_CLI"), filepath.Join("..", "..", "..", "bin", "nats"))
	Expect(path).To(BeARegularFile(), "the nats CLI is missing: run `make bin/nats`, or name it with DAYBOOK_NATS_CLI")
	path, err := filepath.Abs(path)
	Expect(err).NotTo(HaveOccurred())
	return path
}

// nats is a command of the NATS CLI, with an empty home, without the user's contexts.
func nats(url string, args ...string) *exec.Cmd {
	GinkgoHelper()
	cmd := command(natsCLI(), append([]string{"--server", url}, args...)...)
	cmd.Env = append(cmd.Env, "HOME="+GinkgoT().TempDir(), "XDG_CONFIG_HOME="+GinkgoT().TempDir())
	return cmd
}

// show runs the NATS CLI to its end and returns its output.
func show(url string, args ...string) string {
	GinkgoHelper()
	session, err := gexec.Start(nats(url, args...), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(patience) })
	Eventually(session).Should(gexec.Exit(0))
	return string(session.Out.Contents())
}

// openTerminal makes a pseudo-terminal: writing to keys is typing.
func openTerminal() (keys, terminal *os.File) {
	GinkgoHelper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)).To(Succeed())
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	Expect(err).NotTo(HaveOccurred())
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200})).To(Succeed())
	return keys, terminal
}

// onTerminal runs the command on a terminal until the screen has shown the wanted text, then ends
// it.
func onTerminal(cmd *exec.Cmd, wanted string) string {
	GinkgoHelper()
	keys, terminal := openTerminal()
	defer keys.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	Expect(cmd.Start()).To(Succeed())
	Expect(terminal.Close()).To(Succeed())
	defer func() {
		_ = cmd.Process.Kill() // it may be gone
		_ = cmd.Wait()
	}()
	var screen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(screen.String(), wanted) {
		n, err := keys.Read(buffer)
		screen.Write(buffer[:n])
		Expect(err).NotTo(HaveOccurred(), "the screen before it went: %s", &screen) // EIO: the command has ended
	}
	return strings.ReplaceAll(screen.String(), "\r\n", "\n")
}

var _ = Describe("The nats CLI", func() {
	It("shows streams, messages and new charges as a person can read them", func() {
		session := start("up", "--demo", "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0")
		url := awaitOutput(session, session.Out, `export NATS_URL=(\S+)\n`)
		Expect(url).NotTo(BeEmpty())

		By("nats stream ls")
		list := show(url, "stream", "ls")
		for _, row := range []string{"USAGE .* What the platforms reported", "METERED .* What ran, and the catalogue " +
			"versions", "BILLING .* What it costs", "QUARANTINE .* Input that could not be understood"} {
			Expect(list).To(MatchRegexp(row))
		}
		Expect(list).NotTo(MatchRegexp("KV_|OBJ_")) // snapshots are not for reading

		By("nats stream info USAGE")
		Expect(show(url, "stream", "info", "USAGE")).To(And(MatchRegexp(`Subjects: usage\.>`),
			MatchRegexp(`Allows Msg Delete: false`),
			MatchRegexp(`Allows Purge: false`), MatchRegexp(`Allows Atomic Batch Publish: true`)))

		By("nats stream view BILLING 3")
		view := onTerminal(nats(url, "stream", "view", "BILLING", "3"), "Next Page?")
		Expect(view).To(And(MatchRegexp(`\[1\] Subject: billing\.\S+ Received: `),
			ContainSubstring("ce-type: daybook.billing.v1"), ContainSubstring("ce-specversion: 1.0")))
		Expect(view).To(MatchRegexp(`"plan":"[a-z-]+".*"currency":"GBP".*"amount":"[0-9.]+"`))

		By("nats stream get METERED --last-for SUBJECT")
		last := show(url, "stream", "get", "METERED", "--last-for", "metered.cf.demo."+demo.Retail+".app.>")
		Expect(last).To(And(ContainSubstring("on Subject metered.cf.demo."+demo.Retail+".app."),
			ContainSubstring("ce-type: daybook.metered.v1"),
			ContainSubstring("ce-source: daybook/projector"), ContainSubstring(`"tenant":"`+demo.Retail+`"`)))
		body := regexp.MustCompile(`(?m)^\{.*\}$`).FindString(last)
		Expect(json.Valid([]byte(body))).To(BeTrue(), last)

		By("nats sub 'billing.charge.>'")
		sub, err := gexec.Start(nats(url, "sub", "billing.charge.>", "--count", "1"), GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { sub.Kill().Wait(patience) })
		Eventually(sub.Err).WithPolling(pollEvery).Should(saying("Subscribing on billing.charge.>"))
		// The CLI says so just before it does it, and a subscriber of plain NATS has no past: until
		// it has seen a charge, there are new ones.
		feed := file("more.jsonl", appStarted+"\n"+appStopped+"\n")
		for i := 0; sub.ExitCode() < 0; i++ {
			Expect(i).To(BeNumerically("<", 100))
			run("collect", "file", feed, "--foundation", "more-"+strconv.Itoa(i), "--nats", url)
		}
		Expect(sub.ExitCode()).To(BeZero())
		Expect(string(sub.Out.Contents())).To(And(
			MatchRegexp(`\[#1\] Received on "billing\.charge\.00000000-0000-4000-8000-0000000000c1\.cf\.more-\d+\.app\.00000000-0000-4000-8000-0000000000a1"`),
			ContainSubstring("ce-type: daybook.billing.v1"), MatchRegexp(`"plan":"app-default".*"amount":"[0-9.]+"`)))

		stop(session)
	})
})

var _ = Describe("On a terminal", func() {
	It("daybook up shows how far it is, then the bill, then what to try next", func() {
		cmd := command(daybook, "up", "--demo", "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0")
		screen := onTerminal(cmd, "collect more")
		progress, bill := strings.Index(screen, " inputs collected, "), strings.Index(screen, "KIND ")
		Expect(progress).To(BeNumerically(">", 0))
		Expect(bill).To(BeNumerically(">", progress))
		Expect(screen[bill:]).To(ContainSubstring("nats stream view BILLING"))
	})
})
