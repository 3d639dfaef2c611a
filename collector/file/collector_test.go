package file_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/file/documents"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// started is a Cloud Foundry event, n seconds into 2026.
func started(n int) string {
	at := events.FormatTime(time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC))
	return fmt.Sprintf(`{"guid":"e-%d","created_at":"%s","state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"a-%d"},"process":{"guid":"p-%d","type":"web"},"organization":{"guid":"o"},"space":{"guid":"s"},"memory_in_mb_per_instance":{"current":64},"instance_count":{"current":1}}`, n, at, n%7, n%7)
}

// trove is a notification, n seconds into 2026.
func trove(event string, n int) string {
	return fmt.Sprintf(`{"message_id":"m-%d","event_type":"%s","timestamp":"2026-01-01 00:00:%02d.250000","_context_auth_token":"PLANTED","payload":{"tenant_id":"t","instance_id":"i","instance_type_id":"7"}}`, n, event, n)
}

func lines(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(started(n) + "\n")
	}
	return b.String()
}

func ids(from, to int) (ids []string) {
	for n := from; n < to; n++ {
		u, err := file.Normalise("file", []byte(started(n)))
		Expect(err).NotTo(HaveOccurred())
		ids = append(ids, u.ID)
	}
	return ids
}

var _ = Describe("the file collector", func() {
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
	run := func(ctx context.Context, cfg file.Config) (file.Report, error) {
		cfg.Retry = time.Nanosecond
		c, err := file.New(cfg, file.Deps{Store: store, Stdin: strings.NewReader("")})
		Expect(err).NotTo(HaveOccurred())
		err = c.Run(ctx)
		return c.Report(), err
	}
	collect := func(paths ...string) file.Report {
		r, err := run(context.Background(), file.Config{Files: paths})
		Expect(err).NotTo(HaveOccurred())
		return r
	}

	It("stores the facts in the order of the input, then a horizon for each source", func() {
		r := collect(written("a", started(2)+"\n"+started(1)+"\n"), written("b", trove("trove.instance.exists", 9)))
		Expect(store.subjects(events.StreamUsage)).To(Equal([]string{
			"usage.cf.file.o.app.a-2", "usage.cf.file.o.app.a-1", "usage.trove.file.t.instance.i",
			"usage.cf.file.horizon", "usage.trove.file.horizon",
		}))
		Expect(r.Stored).To(Equal(3))
		Expect(r.Horizon[events.SourceCF]).To(Equal(time.Date(2026, 1, 1, 0, 0, 2, 0, time.UTC)))
		Expect(r.Horizon[events.SourceTrove]).To(Equal(time.Date(2026, 1, 1, 0, 0, 9, 250_000_000, time.UTC)))
		m := store.messages[1]
		Expect(m.Header).To(Equal([]events.Header{
			{Key: "ce-id", Value: m.header("ce-id")},
			{Key: "ce-type", Value: events.TypeUsage},
			{Key: "ce-source", Value: "daybook/collector/cf/file"},
			{Key: "ce-specversion", Value: "1.0"},
		}))
		Expect(string(m.Data)).To(ContainSubstring(`"time":"2026-01-01T00:00:02Z"`))
		Expect(string(m.Data)).To(ContainSubstring(`"raw":` + started(2)))
	})

	It("adds nothing when it is run again, whatever the file is called", func() {
		content := lines(0, 5) + "{broken\n" + trove("trove.instance.create", 1) + "\n"
		collect(written("a", content))
		before := len(store.messages)
		r := collect(written("b", content))
		Expect(store.messages).To(HaveLen(before))
		Expect(r.Known).To(Equal(r.Facts))
		Expect(r.Quarantined).To(Equal(1))
		Expect(r.Stored).To(BeZero())
	})

	It("knows an event that stands in the input twice", func() {
		r := collect(written("a", started(1)+"\n"+started(1)))
		Expect(r).To(And(HaveField("Facts", 2), HaveField("Stored", 1), HaveField("Known", 1)))
	})

	It("quarantines what it cannot understand, without secrets, before the horizon, and goes on", func() {
		path := written("a",
			`{"event_type":7,"_context_auth_token":"PLANTED"}`+"\n"+`{"token":"PLANTED"`+"\n"+started(3)+"\n"+`{"guid":"g","state":"SHARED"}`)
		r := collect(path)
		Expect(r).To(And(HaveField("Quarantined", 3), HaveField("Stored", 1), HaveField("Inputs", 4)))
		Expect(store.subjects(events.StreamQuarantine)).To(Equal([]string{
			"quarantine.trove.file",
			"quarantine.unknown.file", "quarantine.cf.file",
		}))
		q := string(store.messages[1].Data)
		Expect(q).To(ContainSubstring(path))
		Expect(q).To(ContainSubstring(`"line":2`))
		Expect(q).To(ContainSubstring("column 19: the line ends"))
		for _, m := range store.messages {
			Expect(string(m.Data)).NotTo(ContainSubstring("PLANTED"))
		}
		Expect(store.subjects(events.StreamUsage)).To(HaveExactElements("usage.cf.file.o.app.a-3",
			"usage.cf.file.horizon"))
	})

	It("counts Trove's other notifications, and passes them over", func() {
		r := collect(written("a", trove("dbaas.instance_create.start", 1)+"\n"+trove("dbaas.instance_create.start",
			2)+"\n"+trove("trove.other", 3)))
		Expect(r.Ignored).To(Equal(map[string]int{"dbaas.instance_create.start": 2, "trove.other": 1}))
		Expect(store.messages).To(BeEmpty())
	})

	It("takes a byte order mark, CRLF, blank lines, and a last line without an end", func() {
		r := collect(written("a", "\xef\xbb\xbf"+started(1)+"\r\n\r\n  \n"+started(2)))
		Expect(r).To(And(HaveField("Inputs", 2), HaveField("Stored", 2), HaveField("Quarantined", 0)))
	})

	It("quarantines a line that is too long, cut", func() {
		r := collect(written("a", `{"a":"`+strings.Repeat("x ", documents.MaxDocument)+`"}`+"\n"+started(1)+"\n"))
		Expect(r).To(And(HaveField("Quarantined", 1), HaveField("Stored", 1)))
		Expect(string(store.messages[0].Data)).To(ContainSubstring("the document has 2097160 bytes: at most 1048576 " +
			"are read"))
		Expect(len(store.messages[0].Data)).To(BeNumerically("<", 80<<10))
	})

	It("reads compressed files and standard input", func() {
		path := filepath.Join(folder, "a.jsonl.gz")
		f, err := os.Create(path)
		Expect(err).NotTo(HaveOccurred())
		z := gzip.NewWriter(f)
		_, err = io.WriteString(z, lines(0, 3))
		Expect(err).NotTo(HaveOccurred())
		Expect(z.Close()).To(Succeed())
		Expect(f.Close()).To(Succeed())
		c, err := file.New(file.Config{Files: []string{path, "-"}}, file.Deps{
			Store: store,
			Stdin: strings.NewReader(lines(2, 5)),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Run(context.Background())).To(Succeed())
		Expect(c.Report()).To(And(HaveField("Stored", 5), HaveField("Known", 1)))
	})

	It("says which input had no events", func() {
		path := written("empty", "\n")
		r := collect(path, written("a", started(1)))
		Expect(r.Empty).To(Equal([]string{path}))
	})

	DescribeTable("stores nothing when an input cannot be read", func(bad func() string, message string) {
		_, err := run(context.Background(), file.Config{Files: []string{written("a", started(1)), bad()}})
		Expect(err).To(MatchError(ContainSubstring(message)))
		Expect(store.messages).To(BeEmpty())
	},
		Entry("missing", func() string { return filepath.Join(folder, "none") }, "no such file"),
		Entry("a folder", func() string { return folder }, "is a directory: name the files in it"),
		Entry("not compressed, and no JSON", func() string { return written("b.gz", "plain") },
			"neither a compressed file nor JSON, though its name ends in .gz"),
		Entry("of xz", func() string { return written("b.xz", "\xfd7zXZ\x00…") }, "unpack it with xz -dc"),
		Entry("a zip archive", func() string { return written("b.zip", "PK\x03\x04…") }, "a zip archive is not read"),
		Entry("in UTF-16", func() string { return written("b", "\xff\xfe{\x00}\x00") }, "iconv -f UTF-16 -t UTF-8"),
	)

	It("stores what stood before the place where a compressed file is damaged, and no horizon", func() {
		path := filepath.Join(folder, "a.gz")
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, err := io.WriteString(z, lines(0, 3))
		Expect(err).NotTo(HaveOccurred())
		Expect(z.Flush()).To(Succeed())
		Expect(os.WriteFile(path, []byte(b.String()), 0o600)).To(Succeed())
		r, err := run(context.Background(), file.Config{Files: []string{path}})
		Expect(err).To(MatchError(ContainSubstring(path + ": reading after line 3")))
		Expect(r.Stored).To(Equal(3))
		Expect(store.ids(events.StreamUsage)).To(HaveLen(3))
	})

	It("takes the horizon that it is given, and never says an earlier one than before", func() {
		at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
		path := written("a", started(1))
		r, err := run(context.Background(), file.Config{Files: []string{path}, Horizon: &at})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Horizon).To(Equal(map[string]time.Time{events.SourceCF: at}))
		Expect(collect(written("b", started(5))).Horizon).To(BeEmpty())
		Expect(store.ids(events.StreamUsage)).To(HaveLen(3))
	})

	It("keeps foundations apart", func() {
		path := written("a", started(1))
		collect(path)
		r, err := run(context.Background(), file.Config{Files: []string{path}, Foundation: "f.2"})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Stored).To(Equal(1))
		Expect(store.subjects(events.StreamUsage)).To(ContainElement("usage.cf.f%2E2.horizon"))
	})

	It("refuses when there are more ids than it may keep", func() {
		_, err := run(context.Background(), file.Config{Files: []string{written("a", lines(0, 9))}, MaxKnown: 5})
		Expect(err).To(MatchError(ContainSubstring("more than 5 messages")))
	})

	It("stores what it has read when it is stopped, without a horizon", func() {
		ctx, cancel := context.WithCancel(context.Background())
		store.onAppend = cancel // in the first of three batches
		r, err := run(ctx, file.Config{Files: []string{written("a", lines(0, 2500))}})
		Expect(err).To(MatchError(context.Canceled))
		Expect(store.ids(events.StreamUsage)).To(Equal(ids(0, r.Facts)))
		Expect(store.subjects(events.StreamUsage)).NotTo(ContainElement("usage.cf.file.horizon"))
		store.onAppend = nil
		collect(filepath.Join(folder, "a"))
		Expect(store.ids(events.StreamUsage)[:2500]).To(Equal(ids(0, 2500)))
	})

	Describe("exactly once", func() {
		var expected []string
		BeforeEach(func() {
			if expected == nil {
				expected = ids(0, 2500)
			}
		})

		// The input is three batches. After each fault everything must stand in USAGE once, in
		// order.
		DescribeTable("whatever becomes of an append", func(plan ...outcome) {
			store.plan = plan
			r := collect(written("a", lines(0, 2500)))
			Expect(store.plan).To(BeEmpty(), "all faults happened")
			all := store.ids(events.StreamUsage)
			Expect(all).To(HaveLen(2501))
			Expect(slices.Equal(all[:2500], expected)).To(BeTrue(), "in order")
			Expect(r).To(And(HaveField("Facts", 2500), HaveField("Stored", 2500), HaveField("Known", 0)))
		},
			Entry("the first is not stored, its answer is lost", failsNotStored),
			Entry("the first is stored, its answer is lost", failsStored),
			Entry("the first is stored late, after the collector has looked", failsStoredLate),
			Entry("the second is not stored", stores, failsNotStored),
			Entry("the second is stored", stores, failsStored),
			Entry("the second is stored late", stores, failsStoredLate),
			Entry("the last is stored late", stores, stores, failsStoredLate),
			Entry("the second is stored in part", stores, failsTorn),
			Entry("the last is stored in part, again and again", stores, stores, failsTorn, failsTorn, failsTorn),
			Entry("the horizon is stored in part", stores, stores, stores, failsTorn),
			Entry("the horizon is not stored", stores, stores, stores, failsNotStored),
			Entry("the horizon is stored", stores, stores, stores, failsStored),
			Entry("the horizon is stored late", stores, stores, stores, failsStoredLate),
			Entry("one after the other", failsNotStored, failsNotStored, failsStored, failsStoredLate, failsNotStored,
				stores, failsStored),
		)

		It("holds when the store cannot be read in between", func() {
			store.plan = []outcome{failsStored}
			c, err := file.New(file.Config{Files: []string{written("a", lines(0, 10))}, Retry: time.Nanosecond},
				file.Deps{Store: store})
			Expect(err).NotTo(HaveOccurred())
			store.onAppend = func() {
				if store.appends == 1 {
					store.illIDs = 2
				}
			}
			Expect(c.Run(context.Background())).To(Succeed())
			Expect(store.ids(events.StreamUsage)[:10]).To(Equal(ids(0, 10)))
			Expect(store.ids(events.StreamUsage)).To(HaveLen(11))
		})

		It("holds for the quarantine", func() {
			store.onStream = events.StreamQuarantine
			store.plan = []outcome{failsStored, failsNotStored}
			collect(written("a", strings.Repeat("{\n", 1500)))
			Expect(store.ids(events.StreamQuarantine)).To(HaveLen(1500))
			Expect(store.plan).To(BeEmpty())
		})

		// rival stores facts as another collector of the same foundation would.
		rival := func(from, to int) func() []bus.Message {
			return func() (msgs []bus.Message) {
				other := newFakeStore()
				c, err := file.New(file.Config{Files: []string{written("rival", lines(from, to))}},
					file.Deps{Store: other})
				Expect(err).NotTo(HaveOccurred())
				Expect(c.Run(context.Background())).To(Succeed())
				for _, m := range other.messages {
					msgs = append(msgs, m.Message)
				}
				return msgs
			}
		}

		It("holds when another collector comes first with some of it", func() {
			store.plan, store.rival = []outcome{stores, otherFirst}, rival(900, 1200)
			r := collect(written("a", lines(0, 2500)))
			Expect(r).To(And(HaveField("Stored", 2298), HaveField("Known", 202)))
			got := map[string]int{}
			for _, id := range store.ids(events.StreamUsage) {
				got[id]++
			}
			for _, id := range ids(998, 2500) {
				Expect(got[id]).To(Equal(1))
			}
		})

		It("says no horizon behind a later one of another collector", func() {
			store.plan, store.rival = []outcome{stores, otherFirst}, rival(50, 60)
			r := collect(written("a", lines(0, 10)))
			Expect(r.Horizon).To(BeEmpty())
			Expect(string(store.messages[len(store.messages)-2].Data)).
				To(ContainSubstring(`"time":"2026-01-01T00:00:59Z"`))
		})

		It("gives up after so many failures, with what to do", func() {
			store.plan = make([]outcome, 100)
			for i := range store.plan {
				store.plan[i] = failsNotStored
			}
			_, err := run(context.Background(), file.Config{Files: []string{written("a", started(1))}})
			Expect(err).To(MatchError(And(ContainSubstring("nothing is lost, run again"),
				ContainSubstring(errBus.Error()))))
			Expect(store.appends).To(Equal(8))
		})

		It("gives up when the stream is not the one that it was", func() {
			collect(written("a", lines(0, 1)))
			store.onAppend = func() { store.messages = nil } // made anew
			_, err := run(context.Background(), file.Config{Files: []string{written("b", started(5))}})
			Expect(err).To(MatchError(ContainSubstring("the stream was trimmed, restored or made anew")))
		})
	})

	Describe("following", func() {
		It("stores what is appended, waits for the rest of a line, and ends without an error", func() {
			path := written("a", started(1)+"\n"+started(2)[:50])
			appended := func(s string) {
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				Expect(err).NotTo(HaveOccurred())
				_, err = f.WriteString(s)
				Expect(err).NotTo(HaveOccurred())
				Expect(f.Close()).To(Succeed())
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			steps := 0
			progress := func(r file.Report) {
				switch {
				case steps == 0 && r.Stored == 1 && len(r.Horizon) == 1:
					steps++
					appended(started(2)[50:])
				case steps == 1 && r.Inputs == 2:
					steps++
					appended("\n" + started(3)[:60]) // the third has no end yet
				case steps == 2 && r.Stored == 2 && r.Horizon[events.SourceCF].Second() == 2:
					steps++
					cancel()
				}
			}
			c, err := file.New(file.Config{Files: []string{path}, Follow: true, Poll: time.Millisecond},
				file.Deps{Store: store, Progress: progress})
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Run(ctx)).To(Succeed())
			Expect(store.subjects(events.StreamUsage)).To(Equal([]string{
				"usage.cf.file.o.app.a-1",
				"usage.cf.file.horizon", "usage.cf.file.o.app.a-2", "usage.cf.file.horizon",
			}))
			Expect(c.Report().Inputs).To(Equal(2))
		})

		It("ends with standard input", func() {
			c, err := file.New(file.Config{Files: []string{"-"}, Follow: true, Poll: time.Millisecond},
				file.Deps{Store: store, Stdin: strings.NewReader(lines(0, 3))})
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Run(context.Background())).To(Succeed())
			Expect(c.Report().Stored).To(Equal(3))
		})

		It("reads a file that became shorter from its start", func() {
			path := written("a", lines(1, 4))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			shortened := false
			progress := func(r file.Report) {
				switch {
				case r.Stored == 3 && len(r.Horizon) == 1 && !shortened:
					shortened = true
					Expect(os.WriteFile(path, []byte(started(9)+"\n"), 0o600)).To(Succeed())
				case r.Stored == 4:
					cancel()
				}
			}
			c, err := file.New(file.Config{Files: []string{path}, Follow: true, Poll: time.Millisecond},
				file.Deps{Store: store, Progress: progress})
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Run(ctx)).To(Succeed())
			Expect(c.Report().Stored).To(Equal(4))
		})
	})

	It("stops while standard input is silent", func() {
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		ctx, cancel := context.WithCancel(context.Background())
		c, err := file.New(file.Config{Files: []string{"-"}}, file.Deps{Store: store, Stdin: r})
		Expect(err).NotTo(HaveOccurred())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		_, err = io.WriteString(w, started(1)+"\n")
		Expect(err).NotTo(HaveOccurred())
		cancel()
		Eventually(done).Should(Receive(MatchError(context.Canceled)))
	})

	DescribeTable("is not made of a wrong configuration", func(cfg file.Config, message string) {
		_, err := file.New(cfg, file.Deps{Store: store})
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("no files", file.Config{}, "no input"),
		Entry("standard input twice", file.Config{Files: []string{"-", "-"}}, "more than once"),
		Entry("a long name", file.Config{Files: []string{"-"}, Foundation: strings.Repeat("x", 101)},
			"at most 100"),
	)
})

var _ = DescribeTable("a line that is neither says what was expected", func(line, source, message string) {
	_, err := file.Normalise("file", []byte(line))
	Expect(err).To(MatchError(ContainSubstring(message)))
	var inputError *collector.InputError
	Expect(err).To(BeAssignableToTypeOf(inputError))
	Expect(err).To(HaveField("Source", source))
},
	Entry("other JSON", `{"a":1}`, "unknown", "found neither state and guid (a Cloud Foundry usage event) nor "+
		"event_type or oslo.message (a Trove notification)"),
	Entry("no object", `[1]`, "unknown", "not one JSON object: column 1"),
	Entry("a usage event", `{"guid":"g","state":7}`, "cf", "Cloud Foundry usage event: state: found the number 7, "+
		"expected an object"),
	Entry("a notification", `{"oslo.message":"{"}`, "trove", "Trove notification: in oslo.message: column 2: the "+
		"line ends"),
)
