package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// root is the project's folder.
var root = filepath.Join("..", "..", "..")

// readme are the commands of the README's part "Try it", in order.
func readme() (commands []string) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	Expect(err).NotTo(HaveOccurred())
	_, rest, found := strings.Cut(string(text), "\n## Try it\n")
	Expect(found).To(BeTrue())
	part, _, _ := strings.Cut(rest, "\n## ")
	for line := range strings.SplitSeq(part, "\n") {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands = append(commands, command)
		}
	}
	return commands
}

// copied is a folder with the project's files as they are, committed or not.
func copied() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	list := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z")
	list.Dir = root
	out, err := list.Output()
	Expect(err).NotTo(HaveOccurred())
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		Expect(err).NotTo(HaveOccurred())
		info, err := os.Stat(filepath.Join(root, name))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(folder, name), content, info.Mode())).To(Succeed())
	}
	return folder
}

// free is an address of this machine where nothing listens.
func free() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

var _ = Describe("The README", func() {
	// The program is the one that the suite built: `go run` would build it again for this folder.
	It("works from top to bottom in an empty folder", func() {
		folder, programs := copied(), GinkgoT().TempDir()
		goCommand, err := exec.LookPath("go")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(programs, "go"), fmt.Appendf(nil, `#!/bin/sh
[ "$1" != build ] || { mkdir -p bin; exec cp %q "$4"; } # build -v -o FILE PACKAGE
[ "$1" = run ] || exec %q "$@"
shift
[ "$1" = ./cmd/daybook ] || { echo "the README runs $1" >&2; exit 1; }
shift
exec %q "$@"
`, daybook, goCommand, daybook), 0o755)).To(Succeed())
		nats, api := free(), free()
		shell := func(line string) *gexec.Session {
			GinkgoHelper()
			line = strings.ReplaceAll(line, "127.0.0.1:8181", api)
			if strings.Contains(line, "simulate cf") {
				line += " --listen " + api
			}
			cmd := command("bash", "-c", "exec "+strings.TrimSpace(line))
			if strings.HasPrefix(line, "CF_") {
				cmd.Args[2] = "exec env " + line
			}
			cmd.Dir = folder
			cmd.Env = append(cmd.Env, "PATH="+programs+":"+os.Getenv("PATH"), "DAYBOOK_LISTEN="+nats,
				"NATS_URL=nats://"+nats)
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Setpgid = true
			session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { _ = syscall.Kill(-session.Command.Process.Pid, syscall.SIGKILL) })
			return session
		}
		var ups []*gexec.Session // at work: the next one takes their address
		interrupt := func() {
			GinkgoHelper()
			for _, s := range ups {
				Expect(syscall.Kill(-s.Command.Process.Pid, syscall.SIGINT)).To(Succeed())
				Eventually(s).Should(gexec.Exit())
			}
			ups = nil
		}
		serves := regexp.MustCompile(`^make run\b|daybook up\b|simulate cf\b`)
		count := 0
		for _, line := range readme() {
			line, _, _ = strings.Cut(line, " #")
			if strings.HasPrefix(line, "make test") {
				continue // this is it
			}
			count++
			By(line)
			if !serves.MatchString(line) {
				s := shell(line)
				Eventually(s).Should(gexec.Exit(0), line)
				Expect(s.Out.Contents()).NotTo(BeEmpty(), line)
				continue
			}
			if !strings.Contains(line, "simulate") {
				interrupt()
			}
			s := shell(line)
			awaitOutput(s, s.Out, `(Daybook is running|foundation .* is at)`)
			Expect(s.ExitCode()).To(Equal(-1), "%s: it has ended", line)
			if !strings.Contains(line, "simulate") {
				ups = append(ups, s)
			}
			if strings.Contains(line, "--cf") {
				var bill string
				Eventually(func() string {
					s := shell("go run ./cmd/daybook bill")
					Eventually(s).Should(gexec.Exit())
					bill = string(s.Out.Contents())
					return bill
				}).Should(MatchRegexp(`cf cf: metered through .*charged through`))
				Expect(bill).NotTo(ContainSubstring("unrated"))
			}
		}
		interrupt()
		Expect(count).To(BeNumerically(">", 6))
	})

	It("shows examples that are priced whole", func() {
		out := run("rate", "--catalogue", filepath.Join(root, "examples", "rates.yaml"),
			filepath.Join(root, "examples", "events.jsonl"))
		Expect(out).To(ContainSubstring("unrated: 0, lines quarantined: 0"))
		for _, kind := range []string{"app", "task", "staging", "service", "instance", "volume"} {
			Expect(out).To(MatchRegexp(`(?m)^` + kind + ` `))
		}
	})
})

var _ = Describe("daybook version", func() {
	It("says commit and date, installed, built and run by the go command", func() {
		git := exec.Command("git", "-C", root, "log", "-1", "--format=%H")
		out, err := git.Output()
		Expect(err).NotTo(HaveOccurred())
		wanted := MatchRegexp(`^daybook \S+ commit ` + string(out[:12]) + ` of \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
		Expect(run("version")).To(wanted)
		ran := command("go", "run", "./cmd/daybook", "version")
		ran.Dir = root
		out, err = ran.Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(out)).To(wanted)
	})
})
