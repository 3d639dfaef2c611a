package file_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

var _ = Describe("on the embedded server", Ordered, func() {
	var (
		b   *bus.Bus
		ctx context.Context
	)
	BeforeAll(func() {
		ctx = context.Background()
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	})
	collect := func(content string) file.Report {
		path := filepath.Join(GinkgoT().TempDir(), "f")
		Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		c, err := file.New(file.Config{Files: []string{path}}, file.Deps{Store: file.OnBus(b)})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Run(ctx)).To(Succeed())
		return c.Report()
	}
	state := func(stream string) bus.StreamState {
		s, err := b.Stream(ctx, stream)
		Expect(err).NotTo(HaveOccurred())
		return s
	}
	content := lines(0, 1500) + trove("trove.instance.exists", 9) + "\n{broken\n"

	It("stores an input", func() {
		r := collect(content)
		Expect(r).To(And(HaveField("Stored", 1501), HaveField("Quarantined", 1)))
		Expect(state(events.StreamUsage).Last).To(Equal(uint64(1513)))
		Expect(state(events.StreamQuarantine).Last).To(Equal(uint64(1)))
		m, err := b.Get(ctx, events.StreamUsage, 2)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Subject).To(Equal("usage.cf.file.o.app.a-0"))
		Expect(m.Header(events.HeaderType)).To(Equal(events.TypeUsage))
	})

	It("adds nothing the second time", func() {
		r := collect(content)
		Expect(r).To(And(HaveField("Known", 1501), HaveField("Stored", 0), HaveField("Horizon", BeEmpty())))
		Expect(state(events.StreamUsage).Last).To(Equal(uint64(1513)))
		Expect(state(events.StreamQuarantine).Last).To(Equal(uint64(1)))
	})

	It("adds what is new, behind what is there", func() {
		r := collect(lines(1400, 1600))
		Expect(r).To(And(HaveField("Known", 100), HaveField("Stored", 100)))
		Expect(state(events.StreamUsage).Last).To(Equal(uint64(1618)))
	})

	It("lets two collectors of one foundation store every fact once", func() {
		done := make(chan file.Report, 2)
		for range 2 {
			go func() {
				defer GinkgoRecover()
				done <- collect(lines(2000, 6000))
			}()
		}
		first, second := <-done, <-done
		Expect(first.Stored + second.Stored).To(Equal(4000))
		Expect(first.Known + second.Known).To(Equal(4000))
		seen := map[string]bool{}
		_, err := file.OnBus(b).IDs(ctx, events.StreamUsage, "usage.cf.file.o.>", 1, func(m appender.Head) error {
			if seen[m.ID] {
				Fail(m.ID + " is stored twice")
			}
			seen[m.ID] = true
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(seen).To(HaveLen(1600 + 4000))
	})

	It("takes the places of as many files as are followed, with long names", func() {
		folder := filepath.Join(GinkgoT().TempDir(), strings.Repeat("long", 50))
		Expect(os.Mkdir(folder, 0o700)).To(Succeed())
		var names []string
		for n := range 500 {
			names = append(names, filepath.Join(folder, strconv.Itoa(n)))
			Expect(os.WriteFile(names[n], []byte(started(n)+strings.Repeat(" ", 1<<10)+"\n"), 0o600)).To(Succeed())
		}
		following, cancel := context.WithTimeout(ctx, scale.Patience)
		defer cancel()
		c, err := file.New(file.Config{Files: names, Foundation: "many", Follow: true},
			file.Deps{Store: file.OnBus(b), Progress: func(r file.Report) {
				if r.Stored == len(names) {
					cancel()
				}
			}})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Run(following)).To(Succeed())
		Expect(c.Report().Stored).To(Equal(len(names)))
	})
})

func BenchmarkNormalise(b *testing.B) {
	for name, path := range map[string]string{
		"cf": "../cf/usageevent/testdata/events.jsonl", "trove": "../trove/testdata/seed.jsonl",
		"envelope": "../trove/testdata/plain_seed_create.jsonl",
	} {
		input, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		line, _, _ := bytes.Cut(input, []byte("\n"))
		var out []byte
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				u, err := file.Normalise("f1", line)
				if err != nil {
					b.Fatal(err)
				}
				out = u.AppendJSON(out[:0])
			}
		})
	}
}

// BenchmarkCollect is a whole run over 100,000 lines, into a store that takes everything at once.
func BenchmarkCollect(b *testing.B) {
	const n = 100_000
	input, err := os.ReadFile("../cf/usageevent/testdata/events.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(string(input), "\n")
	var all strings.Builder
	for i := range n {
		all.WriteString(strings.Replace(line, "000000000001", strconv.Itoa(100_000_000_000+i), 1) + "\n")
	}
	path := filepath.Join(b.TempDir(), "f")
	if err := os.WriteFile(path, []byte(all.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c, err := file.New(file.Config{Files: []string{path}},
			file.Deps{Store: nullStore{newFakeStore()}})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Run(context.Background()); err != nil || c.Report().Stored != n {
			b.Fatal(err, c.Report().Stored)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// nullStore takes every batch and keeps none.
type nullStore struct{ *fakeStore }

func (s nullStore) Append(_ context.Context, stream string, msgs []bus.Message, _ bus.Expect) (uint64, error) {
	s.sequence[stream] += uint64(len(msgs))
	return s.sequence[stream], nil
}
