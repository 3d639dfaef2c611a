package rabbit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

const (
	// situationVariable makes the test binary the victim: it uses a broker and waits to be killed.
	// Its children inherit the variable, and are found by it.
	situationVariable = "RABBIT_TEST_SITUATION"
	patience          = 2 * time.Minute // a maximum, for a busy machine
)

// Situations of the victim.
const (
	working = "working" // the server runs, and a notifier
	stopped = "stopped" // the server is down, the port mapper runs, and a notifier waits for the server
)

// runVictim uses a broker, prints a line when it does, and waits.
func runVictim(situation string) {
	ctx := context.Background()
	situation, _, _ = strings.Cut(situation, ":")
	broker, err := rabbit.Start(ctx, rabbit.Options{})
	exitOn(err)
	notifier, err := rabbit.StartNotifier(ctx, rabbit.NotifierOptions{
		URL: broker.URL(), Exchange: "trove",
		Topic: "notifications",
	})
	exitOn(err)
	send := func() error {
		return notifier.Send(rabbit.Notification{Publisher: "p", Type: "t", Payload: json.RawMessage(`{}`)})
	}
	exitOn(send())
	if situation == stopped {
		exitOn(broker.Down())
		go func() { exitOn(send()) }()
	}
	_, err = fmt.Fprintln(os.Stdout, "ready")
	exitOn(err)
	select {}
}

func exitOn(err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var _ = DescribeTable("A process that is killed leaves nothing behind", func(ctx SpecContext, situation string) {
	folder := GinkgoT().TempDir()
	Expect(os.Chmod(folder, 0o755)).To(Succeed()) // RabbitMQ may have a user of its own
	variable := situationVariable + "=" + situation + ":" + folder
	victim := exec.CommandContext(ctx, os.Args[0])
	victim.Env = append(os.Environ(), variable, "TMPDIR="+folder)
	victim.Stderr = GinkgoWriter
	out, err := victim.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(victim.Start()).To(Succeed())
	DeferCleanup(func() { _ = victim.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	Expect(line).To(Equal("ready\n"))
	Expect(processes(variable)).To(And(ContainElement(ContainSubstring("epmd")), ContainElement("python3")))
	if situation == working {
		Expect(processes(variable)).To(ContainElement("beam.smp"))
	}

	Expect(victim.Process.Kill()).To(Succeed())
	_ = victim.Wait() // it was killed
	Eventually(func() []string { return processes(variable) }).WithTimeout(patience).Should(BeEmpty())
	Eventually(func() ([]os.DirEntry, error) { return os.ReadDir(folder) }).WithTimeout(patience).Should(BeEmpty())
},
	Entry("while the server runs", working),
	Entry("while the server is down and a notifier waits for it", stopped),
)

// processes names the processes with a variable in their environment. A process to be reaped has
// none.
func processes(variable string) []string {
	GinkgoHelper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, folder := range folders {
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil {
			continue // it has just ended, or is another user's
		}
		for one := range bytes.SplitSeq(environment, []byte{0}) {
			if string(one) == variable {
				name, _ := os.ReadFile(filepath.Join(folder, "comm"))
				names = append(names, strings.TrimSpace(string(name)))
			}
		}
	}
	return names
}
