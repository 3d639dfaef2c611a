package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("the order of an input", func() {
	var (
		store  *fakeStore
		folder string
	)
	BeforeEach(func() {
		store = newFakeStore()
		folder = GinkgoT().TempDir()
	})
	written := func(name, content string) string {
		path := filepath.Join(folder, name)
		Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		return path
	}
	run := func(cfg file.Config, stdin string) (file.Report, error) {
		cfg.Retry = time.Nanosecond
		c, err := file.New(cfg, file.Deps{Store: store, Stdin: strings.NewReader(stdin)})
		Expect(err).NotTo(HaveOccurred())
		err = c.Run(context.Background())
		return c.Report(), err
	}
	pages := func() []string {
		return []string{
			written("page-1", lines(0, 1100)), written("page-10", lines(1200, 1300)), written("page-2",
				lines(1100, 1200)),
		}
	}

	It("is checked before anything is stored", func() {
		_, err := run(file.Config{Files: pages()}, "")
		Expect(err).To(MatchError(And(ContainSubstring("page-2:1 (STARTED of 2026-01-01T00:18:20Z) comes behind"),
			ContainSubstring("page-10:100 (STARTED of 2026-01-01T00:21:39Z)"), ContainSubstring("--order natural"))))
		Expect(store.messages).To(BeEmpty())
	})

	DescribeTable("is put right on request", func(order string) {
		r, err := run(file.Config{Files: pages(), Order: order}, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(r).To(And(HaveField("Stored", 1300), HaveField("Files", 3)))
		Expect(store.ids(events.StreamUsage)[:1300]).To(Equal(ids(0, 1300)))
		Expect(r.Horizon[events.SourceCF]).To(Equal(time.Date(2026, 1, 1, 0, 21, 39, 0, time.UTC)))
	}, Entry(nil, file.OrderNatural), Entry(nil, file.OrderCreated))

	It("is taken as it is on request", func() {
		_, err := run(file.Config{Files: pages(), Order: file.OrderGiven}, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(store.ids(events.StreamUsage)[1100]).To(Equal(ids(1200, 1201)[0]))
	})

	It("of standard input is checked as it is read", func() {
		_, err := run(file.Config{Files: []string{"-"}}, started(100)+"\n"+started(1)+"\n")
		Expect(err).To(MatchError(HavePrefix("standard input:2 (STARTED of 2026-01-01T00:00:01Z) comes behind " +
			"standard input:1 (STARTED of 2026-01-01T00:01:40Z)")))
		Expect(store.messages).To(BeEmpty(), "the batch is dropped")
		_, err = run(file.Config{Files: []string{"-"}}, lines(0, 2500)+started(1000_0)+"\n"+started(3000))
		Expect(err).To(MatchError(ContainSubstring("1996 facts before it are stored already")))
	})

	It("of times keeps what is not usage, and what is not understood", func() {
		r, err := run(file.Config{Files: []string{"-"}, Order: file.OrderCreated}, started(100)+"\n{\n"+
			trove("trove.instance.exists", 3)+"\n"+started(1)+"\n"+started(100)+"\n"+trove("dbaas.other", 4)+"\n")
		Expect(err).NotTo(HaveOccurred())
		Expect(r).To(And(HaveField("Inputs", 6), HaveField("Facts", 4), HaveField("Stored", 3), HaveField("Known", 1),
			HaveField("Quarantined", 1), HaveField("Ignored", HaveLen(1))))
		Expect(store.subjects(events.StreamUsage)[:3]).To(Equal([]string{
			"usage.cf.file.o.app.a-1", "usage.cf.file.o.app.a-2", "usage.trove.file.t.instance.i",
		}))
	})

	It("of times needs an end", func() {
		_, err := file.New(file.Config{Files: []string{"-"}, Follow: true, Order: file.OrderCreated},
			file.Deps{Store: store})
		Expect(err).To(MatchError(ContainSubstring("leave out the order, or do not follow")))
		_, err = file.New(file.Config{Files: []string{"-"}, Order: "up"}, file.Deps{Store: store})
		Expect(err).To(MatchError(ContainSubstring("it is api, natural, created_at or given")))
	})

	It("of a followed file is checked as it grows, against what USAGE has, too", func() {
		path := written("a", started(500)+"\n")
		_, err := run(file.Config{Files: []string{path}}, "")
		Expect(err).NotTo(HaveOccurred())
		written("a", started(500)+"\n"+started(1)+"\n")
		_, err = run(file.Config{Files: []string{path}, Follow: true, Poll: time.Millisecond}, "")
		Expect(err).To(MatchError(ContainSubstring("a:2 (STARTED of 2026-01-01T00:00:01Z) comes behind")))
	})

	It("of names is not advised to somebody who uses it", func() {
		files := []string{written("page-10", started(1)+"\n"), written("page-2", started(500)+"\n")}
		_, err := run(file.Config{
			Files: files, Order: file.OrderNatural, Follow: true, Poll: time.Millisecond,
		}, "")
		Expect(err).To(MatchError(And(ContainSubstring("page-10:1 (STARTED of 2026-01-01T00:00:01Z) comes behind"),
			ContainSubstring("--order created_at"), Not(ContainSubstring("--order natural")))))
		Expect(files[0]).To(HaveSuffix("page-10"), "the caller's list stays as it is")
	})

	DescribeTable("of names is that of their numbers", func(given, wanted []string) {
		for i := range given {
			given[i] = written(given[i], "")
			wanted[i] = filepath.Join(folder, wanted[i])
		}
		var read []string
		r := file.Reading{Files: given, Order: file.OrderNatural, Empty: func(name string) {
			read = append(read,
				name)
		}}
		for range r.Events(context.Background()) {
			Fail("they are empty")
		}
		Expect(read).To(Equal(wanted))
	},
		Entry("numbers", []string{"p10", "p9", "p1", "p09b"}, []string{"p1", "p9", "p09b", "p10"}),
		Entry("numbers in two places", []string{"a2-p1", "a1-p10", "a1-p2"}, []string{"a1-p2", "a1-p10", "a2-p1"}),
		Entry("dates", []string{"2026-10-01", "2026-09-30"}, []string{"2026-09-30", "2026-10-01"}),
		Entry("numbers beyond 64 bits", []string{"9" + strings.Repeat("0", 30), "1" + strings.Repeat("0", 30)},
			[]string{"1" + strings.Repeat("0", 30), "9" + strings.Repeat("0", 30)}),
	)

	It("of times is made in a bounded memory", func() {
		r := file.Reading{
			Files: []string{"-"}, Order: file.OrderCreated, Stdin: strings.NewReader(lines(0, 100)), StdinName: "-",
			MaxSorted: 20_000,
		}
		var failure error
		for _, err := range r.Events(context.Background()) {
			failure = err
		}
		Expect(failure).To(MatchError(MatchRegexp(`^-:5\d: the events are too many to put in order in memory`)))
	})
})
