package file_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("A gap", func() {
	var f *followed
	BeforeEach(func() { f = newFollowed() })

	// gaps are the bodies of the gaps in USAGE.
	gaps := func() (all []string) {
		for i := range f.store.messages {
			if m := &f.store.messages[i]; m.header(events.HeaderType) == events.TypeGap {
				all = append(all, string(m.Data))
			}
		}
		return all
	}
	remove := func() {
		Expect(os.Remove(f.path)).To(Succeed())
		f.reopen()
	}
	cut := func() { Expect(os.Truncate(f.path, 0)).To(Succeed()) }
	short := func() {
		f.copytruncate()
		Expect(os.Truncate(f.path+".1", int64(5*len(started(0))))).To(Succeed())
	}
	packed := func() {
		f.copytruncate()
		Expect(os.Truncate(f.path+".1", int64(5*len(started(0)+"\n")))).To(Succeed())
		f.compress()
	}
	hole := func() {
		f.create()
		f.write(2)
		f.create()
		f.write(2)
		f.create()
		Expect(os.Remove(f.path + ".2")).To(Succeed())
	}
	damaged := func() {
		f.create()
		f.write(2)
		f.create()
		f.compress()
		content, err := os.ReadFile(f.path + ".1.gz")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(f.path+".1.gz", content[:len(content)/2], 0o600)).To(Succeed())
	}
	moved := func() {
		other := filepath.Join(filepath.Dir(f.path), "old")
		Expect(os.Mkdir(other, 0o700)).To(Succeed())
		Expect(os.Rename(f.path, filepath.Join(other, "app.log.1"))).To(Succeed())
		f.reopen()
	}

	DescribeTable("stands where continuity cannot be shown", func(reason string, lose func()) {
		f.write(10)
		r := f.follow(step{10, func() {
			lose()
			f.next = 110
			f.write(2)
		}}, step{-1, nil})
		Expect(r.Gaps).To(Equal(1))
		found := f.facts()
		Expect(found[:10]).To(Equal(ids(0, 10)))
		Expect(found[10 : len(found)-2]).To(ContainElement("gap"))
		Expect(found[len(found)-2:]).To(Equal(ids(110, 112)))
		Expect(gaps()).To(ConsistOf(ContainSubstring(reason)))
	},
		Entry("deleted and made anew", "it was replaced, and what was read does not stand beside it", remove),
		Entry("moved into another folder", "it was replaced, and what was read does not stand beside it", moved),
		Entry("cut without a copy", "it was cut, and no copy of what was read stands beside it", cut),
		Entry("cut with a copy of less than was read", "app.log.1 is a copy of it that ends before what was read",
			short),
		Entry("cut with a compressed copy of less than was read", "app.log.1.gz is a copy of it that ends before what "+
			"was read", packed),
		Entry("one rotated file is missing", "and nothing between them", hole),
		Entry("one rotated file is damaged", "cannot be read", damaged),
		Entry("half a line before another one", "ended in the middle of a line", func() {
			f.text(started(10)[:100])
			f.copytruncate()
		}),
	)

	DescribeTable("stands where it cannot be shown over a time in which nobody collected", func(lose func()) {
		f.write(10)
		f.until(10)
		lose()
		f.next = 110
		f.write(2)
		r := f.follow(step{2, nil})
		Expect(r.Gaps).To(Equal(1))
		Expect(f.facts()).To(Equal(append(append(ids(0, 10), "gap"), ids(110, 112)...)))
		Expect(gaps()).To(ConsistOf(And(ContainSubstring(`"from":"2026-01-01T00:00:0`),
			ContainSubstring(`"to":"2026-01-01T00:01:50Z"`))))
		Expect(f.follow(step{0, nil}).Gaps).To(BeZero(), "it is said once")
	},
		Entry("deleted and made anew", remove),
		Entry("cut without a copy", cut),
		Entry("cut with a copy of less than was read", short),
		Entry("cut with a compressed copy of less than was read", packed),
	)

	It("is not lost where another followed file had a fact before the collector stopped", func() {
		other := newLogger(filepath.Join(filepath.Dir(f.path), "other"))
		f.others = []string{other.path}
		f.write(3)
		look := step{3, func() {}}
		f.follow(step{3, func() {
			remove()
			f.text(trove("trove.other", 5) + "\n")
		}}, look, look, look, step{3, func() {
			other.next = 10
			other.write(1)
		}}, step{4, nil})
		f.next = 20
		f.write(1)
		Expect(f.until(1).Gaps).To(Equal(1))
		Expect(f.facts()).To(Equal(append(append(ids(0, 3), ids(10, 11)...), "gap", ids(20, 21)[0])))
	})

	It("is not lost with half a line where another followed file had a fact before the collector stopped", func() {
		other := newLogger(filepath.Join(filepath.Dir(f.path), "other"))
		f.others = []string{other.path}
		f.write(3)
		f.text(started(3)[:100])
		look := step{3, func() {}}
		f.follow(step{3, func() {
			f.copytruncate()
			f.text(started(3)[100:150])
		}}, look, look, look, step{3, func() {
			other.next = 10
			other.write(1)
		}}, step{4, nil})
		f.text(started(3)[150:] + "\n")
		f.next = 20
		f.write(1)
		Expect(f.until(2)).To(And(HaveField("Quarantined", 0), HaveField("Gaps", 0)))
		Expect(f.facts()).To(Equal(append(append(ids(0, 3), ids(10, 11)...), ids(3, 4)[0], ids(20, 21)[0])))
	})

	It("stands where what was quarantined filled a batch between the last fact and its storing", func() {
		other := newLogger(filepath.Join(filepath.Dir(f.path), "other"))
		f.others = []string{other.path}
		f.write(1)
		f.text(strings.Repeat("{}\n", appender.MaxBatch))
		other.next = 10
		other.write(1)
		f.until(2)
		remove()
		f.next = 20
		f.write(1)
		Expect(f.until(1).Gaps).To(Equal(1))
	})

	It("stands where another collector stored the facts in front of it first", func() {
		f.write(3)
		f.until(3)
		last := f.store.messages
		f.store.messages, f.store.plan = nil, []outcome{otherFirst}
		f.store.sequence = map[string]uint64{}
		f.store.rival = func() (theirs []bus.Message) {
			for i := range last {
				m := last[i].Message
				m.Header = slices.DeleteFunc(slices.Clone(m.Header), func(h events.Header) bool {
					return h.Key == appender.HeaderPlace
				})
				theirs = append(theirs, m)
			}
			return theirs
		}
		other := newLogger(filepath.Join(filepath.Dir(f.path), "other"))
		f.others = []string{other.path}
		f.follow(step{0, func() {
			other.next = 10
			other.write(1)
		}}, step{1, nil})
		remove()
		f.next = 20
		f.write(1)
		Expect(f.until(1).Gaps).To(Equal(1))
	})

	It("stands for each source in the foundation", func() {
		f.text(trove("trove.instance.exists", 1) + "\n")
		f.write(1)
		Expect(f.until(1).Ignored).To(BeEmpty())
		remove()
		f.next = 30
		f.write(1)
		Expect(f.until(1).Gaps).To(Equal(2))
		Expect(gaps()).To(ConsistOf(ContainSubstring(`"source":"cf"`), ContainSubstring(`"source":"trove"`)))
	})
})

var _ = Describe("A followed line", func() {
	It("is taken at once, whether its end is written or not, and a line that is no JSON with the next one", func() {
		f := newFollowed()
		f.text(started(0))
		r := f.follow(step{1, func() { f.text("\n" + started(1) + "\n") }}, step{2, func() { f.text("nonsense\n") }},
			step{2, func() { f.text(started(2)) }}, step{3, nil})
		Expect(r.Quarantined).To(Equal(1))
		Expect(f.facts()).To(Equal(ids(0, 3)))
	})
})

var _ = Describe("Followed files", func() {
	It("are five hundred at most", func() {
		_, err := file.New(file.Config{Files: make([]string, 501), Follow: true}, file.Deps{Store: newFakeStore()})
		Expect(err).To(MatchError(ContainSubstring("start another for the others")))
	})
})
