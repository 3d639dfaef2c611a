package file_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// logger writes lines to a log file, as a service does while logrotate works on it.
type logger struct {
	path string
	mu   sync.Mutex
	file *os.File
	next int

	dated   bool // rotated files have dates instead of numbers
	rotated int
	last    string // what the newest rotated file is called
}

func newLogger(path string) *logger {
	l := &logger{path: path}
	l.reopen()
	return l
}

func (l *logger) reopen() {
	if l.file != nil {
		Expect(l.file.Close()).To(Succeed())
	}
	var err error
	l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	Expect(err).NotTo(HaveOccurred())
}

func (l *logger) write(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		_, err := io.WriteString(l.file, started(l.next)+"\n")
		Expect(err).NotTo(HaveOccurred())
		l.next++
	}
}

// text writes what is no line.
func (l *logger) text(s string) {
	_, err := io.WriteString(l.file, s)
	Expect(err).NotTo(HaveOccurred())
}

// shift makes room for the next rotated file, and names it: app.log.1 becomes app.log.2.
func (l *logger) shift() string {
	l.rotated++
	if l.last = l.path + ".1"; l.dated {
		l.last = fmt.Sprintf("%s-202601%02d", l.path, l.rotated)
		return l.last
	}
	for n := l.rotated; n > 0; n-- {
		for _, ext := range []string{"", ".gz"} {
			from, to := fmt.Sprintf("%s.%d%s", l.path, n, ext), fmt.Sprintf("%s.%d%s", l.path, n+1, ext)
			if _, err := os.Stat(from); err == nil {
				Expect(os.Rename(from, to)).To(Succeed())
			}
		}
	}
	return l.last
}

// create renames the file and makes a new one; the writer turns to it a little later.
func (l *logger) create() {
	Expect(os.Rename(l.path, l.shift())).To(Succeed())
	Expect(os.WriteFile(l.path, nil, 0o600)).To(Succeed())
	l.write(3) // into the old one
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reopen()
}

// rename renames the file, and the writer makes the new one.
func (l *logger) rename() {
	Expect(os.Rename(l.path, l.shift())).To(Succeed())
	l.write(3)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reopen()
}

// leave renames the file and makes a new one. The old one stays open for somebody else.
func (l *logger) leave() (old *os.File) {
	old, l.file = l.file, nil
	Expect(os.Rename(l.path, l.path+".1")).To(Succeed())
	l.reopen()
	return old
}

// copytruncate copies the file and cuts it.
func (l *logger) copytruncate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	content, err := os.ReadFile(l.path)
	Expect(err).NotTo(HaveOccurred())
	info, err := os.Stat(l.path)
	Expect(err).NotTo(HaveOccurred())
	name := l.shift()
	Expect(os.WriteFile(name, content, 0o600)).To(Succeed())
	Expect(os.Chtimes(name, info.ModTime(), info.ModTime())).To(Succeed()) // as logrotate does
	Expect(os.Truncate(l.path, 0)).To(Succeed())
}

// compress packs the newest rotated file.
func (l *logger) compress() {
	path := l.last
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return // there is none, or it is packed
	}
	Expect(err).NotTo(HaveOccurred())
	packed, err := os.Create(path + ".gz")
	Expect(err).NotTo(HaveOccurred())
	w := gzip.NewWriter(packed)
	_, err = w.Write(content)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	Expect(packed.Close()).To(Succeed())
	info, err := os.Stat(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Chtimes(path+".gz", info.ModTime(), info.ModTime())).To(Succeed())
	Expect(os.Remove(path)).To(Succeed())
}

// followed is a followed log, and what is collected of it.
type followed struct {
	*logger
	others []string // followed, too
	store  *fakeStore
}

func newFollowed() *followed {
	return &followed{
		logger: newLogger(filepath.Join(GinkgoT().TempDir(), "app.log")), store: newFakeStore(),
	}
}

// step is done between two looks, once so many facts are stored, or the newest line is, where that
// is negative.
type step struct {
	stored int
	do     func()
}

// follow follows the log, step by step, and two looks more.
func (f *followed) follow(steps ...step) file.Report {
	GinkgoHelper()
	r, left := f.within(scale.Patience, steps)
	Expect(left).To(BeZero(), "%d facts are stored", r.Stored)
	return r
}

// within is follow for a time, and returns how many steps were not done for want of what is to be
// stored.
func (f *followed) within(limit time.Duration, steps []step) (r file.Report, left int) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	looks := 0
	progress := func(r file.Report) {
		switch {
		case len(steps) == 0 || r.Stored < steps[0].stored || steps[0].stored < 0 && !f.newest():
		case looks < 4:
			looks++
		case steps[0].do == nil:
			steps = nil
			cancel()
		default:
			steps[0].do()
			steps, looks = steps[1:], 0
		}
	}
	c, err := file.New(file.Config{Files: append([]string{f.path}, f.others...), Follow: true, Poll: time.Millisecond},
		file.Deps{Store: f.store, Progress: progress, Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil))})
	Expect(err).NotTo(HaveOccurred())
	Expect(c.Run(ctx)).To(Succeed())
	return c.Report(), len(steps)
}

// until follows the log until n facts are stored.
func (f *followed) until(n int) file.Report {
	GinkgoHelper()
	return f.follow(step{n, nil})
}

// newest reports whether the newest line is stored.
func (f *followed) newest() bool { return slices.Contains(f.facts(), ids(f.next-1, f.next)[0]) }

// facts lists the facts in USAGE, and the gaps as "gap".
func (f *followed) facts() (found []string) {
	for i := range f.store.messages {
		m := &f.store.messages[i]
		switch {
		case m.stream != events.StreamUsage:
		case m.header(events.HeaderType) == events.TypeUsage:
			found = append(found, m.header(events.HeaderID))
		case m.header(events.HeaderType) == events.TypeGap:
			found = append(found, "gap")
		}
	}
	return found
}

var _ = Describe("A followed file that is rotated", func() {
	var f *followed
	BeforeEach(func() { f = newFollowed() })
	create, rename, copied := func() { f.create() }, func() { f.rename() }, func() { f.copytruncate() }

	DescribeTable("under load has every line once, in order", func(rotate func(), pack bool) {
		const total = 3000
		f.write(1)
		begun, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			<-begun // an earlier rotation is nobody's
			for round := 1; f.next < total; round++ {
				f.write(1 + round%7)
				if round%40 == 0 {
					rotate()
					if pack && round%80 == 0 {
						f.compress()
					}
				}
				if round%16 == 0 {
					time.Sleep(time.Millisecond) // the collector has a chance, and no more
				}
			}
		}()
		r := f.follow(step{1, func() { close(begun) }}, step{total, nil})
		<-done
		Expect(r).To(And(HaveField("Quarantined", 0), HaveField("Gaps", 0)))
		Expect(f.facts()).To(Equal(ids(0, f.next)))
	},
		Entry("renamed and made anew", create, false),
		Entry("renamed and made anew by its writer", rename, false),
		Entry("copied and cut", copied, false),
		Entry("renamed, made anew and compressed", create, true),
		Entry("copied, cut and compressed", copied, true),
	)

	DescribeTable("several times between two looks is read from where it was", func(rotate func()) {
		f.write(10)
		r := f.follow(step{10, func() {
			f.write(5)
			rotate()
			f.write(5)
			rotate()
			f.compress()
			f.write(5)
			rotate()
			f.write(5)
		}}, step{30, nil})
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, f.next)))
	}, Entry("renamed", create), Entry("copied and cut", copied))

	DescribeTable("several times while nobody collected is read from where collecting ended", func(rotate func()) {
		f.write(10)
		f.until(10)
		f.write(5)
		rotate()
		f.write(5)
		rotate()
		f.compress()
		f.write(5)
		rotate()
		f.write(5)
		r := f.until(f.next - 10)
		Expect(r.Gaps).To(BeZero())
		Expect(r.Known).To(Equal(10))
		Expect(f.facts()).To(Equal(ids(0, f.next)))
	}, Entry("renamed", create), Entry("copied and cut", copied))

	DescribeTable("while it was empty has the lines that came and went", func(rotate func()) {
		f.write(3)
		r := f.follow(step{3, func() {
			rotate()
			f.write(3)
		}}, step{6, func() {
			rotate() // and the next look finds it empty
		}}, step{6, func() {
			f.write(3)
			rotate()
			f.write(3)
		}}, step{12, nil})
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, f.next)))
	}, Entry("renamed", create), Entry("copied and cut", copied))

	It("keeps no file open at each look while the new one is empty", func() {
		if _, err := os.Stat("/proc/self/fd"); err != nil {
			Skip("it is Linux that lists open files there")
		}
		f.write(3)
		look, sibling := step{3, func() {}}, f.path+".1"
		f.follow(step{3, func() {
			Expect(os.Remove(f.path)).To(Succeed())
			Expect(os.WriteFile(sibling, []byte("{}\n"), 0o600)).To(Succeed())
			Expect(os.WriteFile(f.path, nil, 0o600)).To(Succeed())
		}}, look, look, look, step{3, nil})
		open, err := filepath.Glob("/proc/self/fd/*")
		Expect(err).NotTo(HaveOccurred())
		for _, descriptor := range open {
			name, _ := os.Readlink(descriptor) // it may be closed by now
			Expect(name).NotTo(Equal(sibling))
		}
	})

	It("has what is written late into the old file", func() {
		var old *os.File
		f.write(3)
		r := f.follow(step{3, func() {
			old = f.leave()
			f.write(3)
		}}, step{6, func() {
			_, err := io.WriteString(old, started(6)+"\n")
			Expect(err).NotTo(HaveOccurred())
		}}, step{7, func() {
			f.next = 7
			f.write(3)
		}}, step{10, nil})
		Expect(old.Close()).To(Succeed())
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, 10)))
	})

	It("has what is written late into the old file, and the next rotation in the same look", func() {
		var old *os.File
		f.write(3)
		r := f.follow(step{3, func() {
			old = f.leave()
			f.write(3)
		}}, step{6, func() {
			_, err := io.WriteString(old, started(6)+"\n")
			Expect(err).NotTo(HaveOccurred())
			f.next, f.rotated = 7, 1
			f.rename()
			f.write(3)
		}}, step{13, nil})
		Expect(old.Close()).To(Succeed())
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(ConsistOf(ids(0, 13)))
	})

	It("has a line that is half in the copy and half in what was written behind the cut", func() {
		f.write(3)
		r := f.follow(step{3, func() {
			f.text(started(3)[:100])
			f.copytruncate()
		}}, step{3, func() {
			f.text(started(3)[100:] + "\n")
			f.next = 4
			f.write(2)
		}}, step{6, nil})
		Expect(r).To(And(HaveField("Quarantined", 0), HaveField("Gaps", 0)))
		Expect(f.facts()).To(Equal(ids(0, 6)))
	})

	It("has a document over many lines that is divided by a rotation", func() {
		f.write(1)
		r := f.follow(step{1, func() {
			f.text("{\n \"guid\":\n")
			f.copytruncate()
			f.text(started(1)[len(`{"guid":`):] + "\n")
			f.next = 2
			f.write(1)
		}}, step{3, nil})
		Expect(r).To(And(HaveField("Quarantined", 0), HaveField("Gaps", 0)))
		Expect(f.facts()).To(Equal(ids(0, 3)))
	})

	It("passes over the zeros of a writer that keeps its place when the file is cut", func() {
		f.write(3)
		r := f.follow(step{3, func() {
			f.copytruncate()
			content := make([]byte, 3*len(started(0)), 1000)
			Expect(os.WriteFile(f.path, append(content, started(3)+"\n"...), 0o600)).To(Succeed())
		}}, step{4, nil})
		Expect(r).To(And(HaveField("Quarantined", 0), HaveField("Gaps", 0)))
		Expect(f.facts()).To(Equal(ids(0, 4)))
	})

	It("is waited for where its folder is away for a while", func() {
		folder := filepath.Dir(f.path)
		f.write(3)
		r := f.follow(step{3, func() { Expect(os.Rename(folder, folder+"-away")).To(Succeed()) }}, step{3, func() {
			Expect(os.Rename(folder+"-away", folder)).To(Succeed())
			f.write(3)
		}}, step{6, nil})
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, 6)))
	})

	It("is waited for where something else has its name for a while", func() {
		f.write(3)
		r := f.follow(step{3, func() {
			Expect(os.Rename(f.path, f.path+".1")).To(Succeed())
			Expect(os.MkdirAll(filepath.Join(f.path, "other"), 0o700)).To(Succeed())
			f.write(1)
		}}, step{4, func() {
			Expect(os.RemoveAll(f.path)).To(Succeed())
			f.reopen()
			f.write(3)
		}}, step{7, nil})
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, 7)))
	})

	It("is followed from a start on that comes before a rotation, while USAGE is read", func() {
		f.write(3)
		f.until(3)
		f.write(2)
		f.store.onIDs = func() {
			f.rename()
			f.write(2)
		}
		Expect(f.until(7).Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, 10)))
	})

	It("is followed from a start on in the middle of a rotation", func() {
		f.write(3)
		f.until(3)
		f.write(2)
		Expect(os.Rename(f.path, f.path+".1")).To(Succeed())
		r := f.follow(step{2, func() {
			f.reopen()
			f.write(2)
		}}, step{4, nil})
		Expect(r.Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(0, 7)))
	})

	It("is the first of its name, where nobody followed it before, whatever stands beside it", func() {
		f.write(3)
		f.create()
		f.next = 6
		f.write(2)
		Expect(f.until(2).Gaps).To(BeZero())
		Expect(f.facts()).To(Equal(ids(6, 8)))
		Expect(f.follow(step{0, nil}).Known).To(Equal(2))
	})
})
