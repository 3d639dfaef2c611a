package watch_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file/watch"
)

func TestWatch(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Watch")
}

// never is a bound that no spec lives to see.
const never = time.Hour

var _ = Describe("A watcher", func() {
	var (
		log  *slog.Logger
		said bytes.Buffer
		path string
	)

	appended := func(name string) {
		GinkgoHelper()
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
		Expect(err).NotTo(HaveOccurred())
		_, err = f.WriteString("x\n")
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Close()).To(Succeed())
	}
	watching := func(files ...string) *watch.Watcher {
		w := watch.New(files, log)
		DeferCleanup(w.Close)
		return w
	}

	BeforeEach(func() {
		said.Reset()
		log = slog.New(slog.NewTextHandler(&said, nil))
		path = filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		appended(path)
	})

	DescribeTable("tells of", func(spec SpecContext, change func()) {
		w := watching(path)
		change()
		Expect(w.Wait(spec, never)).To(Succeed())
		Expect(said.String()).To(BeEmpty())
	},
		Entry("an addition", func() { appended(path) }, SpecTimeout(time.Minute)),
		Entry("a file that becomes shorter", func() { Expect(os.Truncate(path, 0)).To(Succeed()) },
			SpecTimeout(time.Minute)),
		Entry("a file put in its place", func() {
			appended(path + ".new")
			Expect(os.Rename(path+".new", path)).To(Succeed())
		}, SpecTimeout(time.Minute)),
		Entry("a file that goes", func() { Expect(os.Remove(path)).To(Succeed()) }, SpecTimeout(time.Minute)),
	)

	It("tells of an addition to the file that a link leads to", func(spec SpecContext) {
		link := filepath.Join(GinkgoT().TempDir(), "link")
		Expect(os.Symlink(path, link)).To(Succeed())
		w := watching(link)
		appended(path)
		Expect(w.Wait(spec, never)).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("tells of an addition to the file that a link leads to by then", func(spec SpecContext) {
		folder, other := GinkgoT().TempDir(), filepath.Join(GinkgoT().TempDir(), "other")
		link, next := filepath.Join(folder, "link"), filepath.Join(folder, "next")
		appended(other)
		Expect(os.Symlink(path, link)).To(Succeed())
		Expect(os.Symlink(other, next)).To(Succeed())
		w := watching(link)
		Expect(os.Rename(next, link)).To(Succeed())
		Expect(w.Wait(spec, never)).To(Succeed())
		appended(other)
		Expect(w.Wait(spec, never)).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("tells of a file that is made later", func(spec SpecContext) {
		later := filepath.Join(filepath.Dir(path), "later")
		w := watching(later)
		appended(later)
		Expect(w.Wait(spec, never)).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("says nothing of a file that is renamed and removed at once", func(spec SpecContext) {
		w := watch.New([]string{path}, log)
		for range 30 {
			Expect(os.Rename(path, path+".1")).To(Succeed())
			Expect(os.Remove(path + ".1")).To(Succeed())
			appended(path)
			Expect(w.Wait(spec, never)).To(Succeed())
		}
		w.Close()
		Expect(said.String()).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("waits as long as it may when nothing changes", func() {
		w := watching(path)
		appended(path + ".other")
		Expect(w.Wait(context.Background(), 50*time.Millisecond)).To(Succeed())
	})

	It("ends with its context", func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		Expect(watching(path).Wait(ended, never)).To(MatchError(context.Canceled))
	})

	It("goes by the clock where the system has no room for watches, and says so once", func() {
		var limit syscall.Rlimit
		Expect(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)).To(Succeed())
		none := limit
		none.Cur = 0
		Expect(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none)).To(Succeed())
		w := watch.New([]string{path, path + ".2"}, log)
		Expect(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)).To(Succeed())
		DeferCleanup(w.Close)
		Expect(w.Wait(context.Background(), time.Millisecond)).To(Succeed())
		Expect(w.Wait(context.Background(), time.Millisecond)).To(Succeed())
		Expect(strings.Count(said.String(), "by the clock")).To(Equal(1))
	})
})
