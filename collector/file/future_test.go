package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("an event of the future", func() {
	var (
		store *fakeStore
		clock atomic.Int64 // seconds into 2026
	)
	BeforeEach(func() {
		store = newFakeStore()
		clock.Store(0)
	})
	second := func(n int64) time.Time { return time.Date(2026, 1, 1, 0, 0, int(n), 0, time.UTC) }
	collector := func(cfg file.Config, content string, progress func(file.Report)) *file.Collector {
		path := filepath.Join(GinkgoT().TempDir(), "a")
		Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		cfg.Files = []string{path}
		c, err := file.New(cfg, file.Deps{
			Store: store, Progress: progress, Now: func() time.Time { return second(clock.Load()) },
		})
		Expect(err).NotTo(HaveOccurred())
		return c
	}
	content := started(10) + "\n" + strings.ReplaceAll(started(11), "2026-01", "2036-12") + "\n" + started(60) + "\n" +
		started(61) + "\n"

	It("is quarantined, and the horizon does not pass the clock by more than a minute", func() {
		c := collector(file.Config{}, content, nil)
		Expect(c.Run(context.Background())).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Stored", 2), HaveField("Quarantined", 2)))
		Expect(c.Report().Horizon[events.SourceCF]).To(Equal(second(60)))
		Expect(string(store.messages[0].Data)).To(ContainSubstring("it is of 2036-12-01T00:00:11Z, and times after " +
			"2026-01-01T00:01:00Z are not believed"))
	})

	It("is believed up to the horizon that is given", func() {
		at := second(100)
		c := collector(file.Config{Horizon: &at}, content, nil)
		Expect(c.Run(context.Background())).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Stored", 3), HaveField("Quarantined", 1)))
		Expect(c.Report().Horizon[events.SourceCF]).To(Equal(at))
	})

	It("is known where it was believed once", func() {
		at := second(1000)
		Expect(collector(file.Config{Horizon: &at}, started(900), nil).Run(context.Background())).To(Succeed())
		c := collector(file.Config{}, started(900), nil)
		Expect(c.Run(context.Background())).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Known", 1), HaveField("Quarantined", 0)))
		Expect(c.Report().Horizon).To(BeEmpty())
	})

	It("waits for the clock in a followed file, and what follows it waits, too", func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c := collector(file.Config{Follow: true, Future: file.FutureWait, Poll: time.Millisecond},
			started(10)+"\n"+started(80)+"\n"+started(61)+"\n",
			func(r file.Report) {
				switch {
				case r.Stored == 1 && len(r.Horizon) > 0:
					Expect(r.Horizon[events.SourceCF]).To(Equal(second(10)))
					clock.Store(30)
				case r.Stored == 3 && r.Horizon[events.SourceCF].Equal(second(80)):
					cancel()
				}
			})
		Expect(c.Run(ctx)).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Inputs", 3), HaveField("Quarantined", 0)))
	})

	It("does not wait where it was believed once", func() {
		at := second(1000)
		Expect(collector(file.Config{Horizon: &at}, started(900), nil).Run(context.Background())).To(Succeed())
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c := collector(file.Config{Follow: true, Future: file.FutureWait, Poll: time.Millisecond},
			started(900)+"\n"+trove("trove.instance.exists", 3)+"\n", func(file.Report) { cancel() })
		Expect(c.Run(ctx)).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Known", 1), HaveField("Stored", 1)))
	})

	It("waits in followed files only", func() {
		_, err := file.New(file.Config{Files: []string{"-"}, Future: file.FutureWait}, file.Deps{Store: store})
		Expect(err).To(MatchError(ContainSubstring("follow, or have them quarantined")))
	})
})
