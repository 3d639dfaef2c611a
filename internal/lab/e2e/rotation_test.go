package e2e_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	collector "github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// logLine is the nth event of a log.
func logLine(n int) string {
	at := time.Date(2026, 1, 1, 0, 0, 0, n*int(time.Millisecond), time.UTC)
	return strings.NewReplacer("0000000000e1", fmt.Sprintf("%012d", n), "2026-10-02T08:00:00Z", events.FormatTime(at)).
		Replace(appStarted)
}

// logger writes 20 lines each millisecond, as a service does that logrotate tells of a rotation.
type logger struct {
	path string
	busy sync.Mutex // held by who writes, and by a rotation that copies and cuts
	file *os.File
	next atomic.Int64
	stop atomic.Bool
	done sync.WaitGroup
}

// write writes until it is stopped.
func (l *logger) write() {
	for !l.stop.Load() {
		l.busy.Lock()
		for range 20 {
			_, err := io.WriteString(l.file, logLine(int(l.next.Load()))+"\n")
			Expect(err).NotTo(HaveOccurred())
			l.next.Add(1)
		}
		l.busy.Unlock()
		time.Sleep(time.Millisecond) // what others can keep up with
	}
}

func (l *logger) reopen() {
	if l.file != nil {
		Expect(l.file.Close()).To(Succeed())
	}
	var err error
	l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	Expect(err).NotTo(HaveOccurred())
}

// obey does what the scripts of logrotate ask for, and answers.
func (l *logger) obey() {
	folder := filepath.Dir(l.path)
	for {
		asked, err := os.ReadFile(filepath.Join(folder, "ask")) // waits for a writer
		Expect(err).NotTo(HaveOccurred())
		switch strings.TrimSpace(string(asked)) {
		case "pause":
			l.busy.Lock()
		case "resume":
			l.busy.Unlock()
		case "reopen":
			l.busy.Lock()
			l.reopen()
			l.busy.Unlock()
		case "end":
			return
		}
		Expect(os.WriteFile(filepath.Join(folder, "answer"), []byte("done\n"), 0)).To(Succeed())
	}
}

// startLogger starts a logger whose log is rotated in a way of logrotate. What copytruncate loses
// between the copy and the cut nobody can have: the log is not written meanwhile.
func startLogger(way string) (l *logger, config string) {
	GinkgoHelper()
	folder, err := filepath.EvalSymlinks(GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	l = &logger{path: filepath.Join(folder, "app.log")}
	l.reopen()
	scripts := "\tpostrotate\n\t\techo reopen > %[1]s/ask && cat %[1]s/answer\n\tendscript\n"
	if strings.Contains(way, "copytruncate") {
		scripts = "\tprerotate\n\t\techo pause > %[1]s/ask && cat %[1]s/answer\n\tendscript\n" +
			strings.ReplaceAll(scripts, "reopen", "resume")
	}
	config = filepath.Join(folder, "logrotate.conf")
	text := fmt.Sprintf("%[1]s/app.log {\n\trotate 1000\n%[2]s\n"+scripts+"}\n", folder, way)
	Expect(os.WriteFile(config, []byte(text), 0o600)).To(Succeed())
	for _, name := range []string{"ask", "answer"} {
		Expect(syscall.Mkfifo(filepath.Join(folder, name), 0o600)).To(Succeed())
	}
	for _, work := range []func(){l.write, l.obey} {
		l.done.Go(func() {
			defer GinkgoRecover()
			work()
		})
	}
	return l, config
}

// end ends the writing, and returns how many lines were written.
func (l *logger) end() int {
	GinkgoHelper()
	l.stop.Store(true)
	Expect(os.WriteFile(filepath.Join(filepath.Dir(l.path), "ask"), []byte("end\n"), 0)).To(Succeed())
	l.done.Wait()
	return int(l.next.Load())
}

// written is how many lines stand in the log and beside it.
func (l *logger) written() (n int) {
	GinkgoHelper()
	names, err := filepath.Glob(l.path + "*")
	Expect(err).NotTo(HaveOccurred())
	for _, name := range names {
		out, err := exec.Command("sh", "-c", `case $0 in *.gz) gzip -dc "$0";; *) cat "$0";; esac | wc -l`,
			name).Output()
		Expect(err).NotTo(HaveOccurred())
		var lines int
		_, err = fmt.Sscan(string(out), &lines)
		Expect(err).NotTo(HaveOccurred())
		n += lines
	}
	return n
}

var _ = Describe("A log that logrotate rotates while it is written", func() {
	DescribeTable("has every line once in USAGE, in order, whatever kills the collector", func(ctx context.Context,
		way string,
	) {
		logrotate, err := exec.LookPath("logrotate")
		if err != nil {
			logrotate, err = exec.LookPath("/usr/sbin/logrotate")
		}
		Expect(err).NotTo(HaveOccurred(), "apt-get install --no-install-recommends logrotate")
		url, _ := serve(GinkgoT().TempDir())
		l, config := startLogger(way)
		rotate := func() {
			GinkgoHelper()
			out, err := exec.Command(logrotate, "-f", "-s", config+".state", config).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), "%s", out)
		}
		collect := func() service {
			return startService(url, "collect", "file", l.path, "--follow", "--foundation", "live")
		}
		s := collect()
		s.metrics(ctx, `daybook_collector_facts_stored_total [1-9]\d*`) // from then on it is known who is followed
		random := newRand()
		for range scale.Kills(GinkgoT()) {
			for range 1 + random.IntN(4) {
				rotate()
			}
			s.session.Kill()
			Eventually(s.session).Should(gexec.Exit())
			for range random.IntN(4) {
				rotate()
			}
			s = collect()
		}
		total := l.end()
		Expect(l.written()).To(Equal(total), "logrotate has lost lines")
		b := connect(ctx, url)
		Eventually(func(g Gomega) {
			info, err := b.Last(ctx, events.StreamUsage, events.UsageHorizonSubject(events.SourceCF, "live"))
			g.Expect(err).NotTo(HaveOccurred())
			var h events.Horizon
			g.Expect(h.DecodeJSON(info.Data)).To(Succeed())
			last, err := collector.Normalise("live", []byte(logLine(total-1)))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(h.Time).To(BeTemporally("==", last.Time))
		}).Should(Succeed())
		stop(s.session)
		var wanted, found []string
		for n := range total {
			u, err := collector.Normalise("live", []byte(logLine(n)))
			Expect(err).NotTo(HaveOccurred())
			wanted = append(wanted, u.ID)
		}
		messages(ctx, b, events.StreamUsage, func(m *bus.Stored) {
			switch kind := m.Header(events.HeaderType); kind {
			case events.TypeUsage:
				found = append(found, m.Header(events.HeaderID))
			case events.TypeGap:
				found = append(found, string(m.Data))
			}
		})
		Expect(len(found)).To(Equal(total))
		Expect(found).To(Equal(wanted))
		scale.Figure(GinkgoT(), "logrotate, %s: %d lines, each once", strings.ReplaceAll(way, "\n", ", "), total)
	},
		Entry("renamed, made anew and compressed (create)", "create\ncompress"),
		Entry("renamed, and made by its writer (nocreate)", "nocreate"),
		Entry("copied, cut and compressed (copytruncate)", "copytruncate\ncompress"),
	)
})
