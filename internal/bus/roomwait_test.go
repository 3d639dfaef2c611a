package bus_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/bus/once"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// limited is a server with limits that its file names.
type limited struct {
	*bustest.Server
	file, address, data string
}

// limit writes the file; an account of 0 has the limit of the server.
func (l *limited) limit(server, account int) {
	GinkgoHelper()
	store := "enabled"
	if account > 0 {
		store = fmt.Sprintf("{ max_file: %d }", account)
	}
	text := fmt.Sprintf(`
		listen: %q
		max_payload: 8MB
		jetstream { store_dir: %q, sync_interval: always, max_file_store: %d }
		accounts { A { jetstream: %s, users: [{ user: u, password: p }] } }
		no_auth_user: u`, l.address, l.data, server, store)
	Expect(os.WriteFile(l.file, []byte(text), 0o600)).To(Succeed())
}

const (
	narrow = 400 << 10 // bytes
	wide   = 1 << 30
)

func startLimited(server, account int) *limited {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	folder := GinkgoT().TempDir()
	l := &limited{
		file: filepath.Join(folder, "nats.conf"), address: listener.Addr().String(),
		data: filepath.Join(folder, "data"),
	}
	Expect(listener.Close()).To(Succeed())
	l.limit(server, account)
	l.run()
	return l
}

func (l *limited) run() {
	GinkgoHelper()
	var err error
	l.Server, err = bustest.Run(l.file)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Stop)
}

// steady appends the messages 0 to total-1, each once, in batches.
type steady struct {
	bus    *bus.Bus
	stream string
	read   uint64 // of the stream
	stored int
	total  int
}

const writerBatch = 50

func (w *steady) id(i int) string { return fmt.Sprintf("message-%d", i) }

// noise is a body of 1 KiB that no compression makes smaller.
func noise(id string) []byte {
	body := make([]byte, 1<<10)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(id))).Read(body)
	return body
}

// next is the next batch of a steady writer.
func (w *steady) next(ctx context.Context, f *once.Failure) ([]bus.Message, bus.Expect, error) {
	if f != nil {
		// From the start: a full disk takes the end of a derived stream.
		stored := 0
		last, err := w.bus.Each(ctx, w.stream, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			Expect(m.Header(events.HeaderID)).To(Equal(w.id(stored)))
			stored++
			return nil
		})
		if err != nil {
			f.Unread(err)
		} else {
			w.read, w.stored = last, stored
		}
	}
	prefix := map[string]string{"USAGE": "usage.cf.f.t.app", "METERED": "metered.cf.f.t.app"}[w.stream]
	if w.stream == "BILLING" {
		prefix = "billing.charge.t.cf.f.app"
	}
	var messages []bus.Message
	for i := w.stored; i < min(w.stored-w.stored%writerBatch+writerBatch, w.total); i++ {
		messages = append(messages, bus.Message{
			Subject: fmt.Sprintf("%s.%d", prefix, i%7), Data: noise(w.id(i)),
			Header: []events.Header{{Key: events.HeaderID, Value: w.id(i)}},
		})
	}
	return messages, bus.Expect{Last: w.read}, nil
}

// run appends everything.
func (w *steady) run(ctx context.Context) error {
	for w.stored < w.total {
		const pause = 20 * time.Millisecond
		last, err := once.Append(ctx, w.bus, w.stream, once.Limits{Wait: pause, MaxWait: pause, Patient: true},
			w.next)
		if err != nil {
			return err
		}
		if last > 0 {
			w.read, w.stored = last, min(w.stored-w.stored%writerBatch+writerBatch, w.total)
		}
	}
	return nil
}

// ended is the error of a writer at its end.
func ended(done <-chan error) (err error) {
	GinkgoHelper()
	Eventually(done).Should(Receive(&err))
	return err
}

// whole expects every message of a steady writer in its stream, once and in order.
func (w *steady) whole(ctx context.Context) {
	GinkgoHelper()
	var got []string
	_, err := w.bus.Each(ctx, w.stream, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		got = append(got, m.Header(events.HeaderID))
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	var want []string
	for i := range w.total {
		want = append(want, w.id(i))
	}
	Expect(got).To(Equal(want))
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// logTo makes a log in memory.
func logTo(text *syncBuffer) *slog.Logger { return slog.New(slog.NewTextHandler(text, nil)) }

var _ = Describe("An append without room", func() {
	DescribeTable("waits, says so once, and goes on by itself when there is room",
		func(ctx SpecContext, stream, limit string) {
			server, account := wide, 0
			switch limit {
			case "server":
				server = narrow
			case "account":
				account = narrow
			}
			l := startLimited(server, account)
			log := &syncBuffer{}
			b := connect(bus.Config{
				URL: l.URL(), Name: "daybook writer", Timeout: 5 * time.Second,
				Log: logTo(log),
			})
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
			edit := func(bytes int64) {
				GinkgoHelper()
				nc, err := nats.Connect(l.URL())
				Expect(err).NotTo(HaveOccurred())
				defer nc.Close()
				js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(scale.Patience))
				Expect(err).NotTo(HaveOccurred())
				s, err := js.Stream(ctx, stream)
				Expect(err).NotTo(HaveOccurred())
				cfg := s.CachedInfo().Config
				cfg.MaxBytes = bytes
				_, err = js.UpdateStream(ctx, cfg)
				Expect(err).NotTo(HaveOccurred())
			}
			if limit == "stream" {
				edit(narrow)
			}
			w := &steady{bus: b, stream: stream, total: 600}
			done := make(chan error, 1)
			go func() { defer GinkgoRecover(); done <- w.run(ctx) }()
			var lacks []bus.Lack
			Eventually(func() []bus.Lack {
				lacks = b.Lacks()
				return lacks
			}).Should(HaveLen(1))
			do := lacks[0].Do
			time.Sleep(200 * time.Millisecond) // several tries
			Expect(done).NotTo(Receive())
			Eventually(b.Room).Should(MatchError(And(ContainSubstring("no room in "+stream), ContainSubstring(do))))
			Expect(strings.Count(log.String(), "no room for an append")).To(Equal(1), log.String())
			Expect(log.String()).To(ContainSubstring("stream=" + stream))

			other := connect(bus.Config{URL: l.URL(), Name: "daybook status"})
			asked, err := other.AskRoom(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(asked).To(ConsistOf(And(HaveField("Who", "daybook writer"), HaveField("Stream", stream))))

			// The advice, literally.
			switch limit {
			case "stream":
				Expect(do).To(Equal("nats stream edit " + stream + " --max-bytes=-1"))
				edit(-1)
			case "server":
				Expect(do).To(ContainSubstring("raise max_file_store"))
				l.limit(wide, 0)
				Expect(l.Reload()).To(Succeed())
			case "account":
				Expect(do).To(ContainSubstring("raise the account's max_file"))
				l.limit(wide, wide)
				Expect(l.Reload()).To(Succeed())
			}
			Expect(ended(done)).To(Succeed())
			Expect(b.Room()).To(Succeed())
			Expect(log.String()).To(ContainSubstring("there is room again"))
			w.whole(ctx)
		},
		Entry(nil, "USAGE", "server"), Entry(nil, "METERED", "server"),
		Entry(nil, "USAGE", "account"), Entry(nil, "BILLING", "account"),
		Entry(nil, "USAGE", "stream"), Entry(nil, "METERED", "stream"),
	)

	It("is given up by work with an end, after its time", func(ctx SpecContext) {
		l := startLimited(narrow, 0)
		b := connect(bus.Config{URL: l.URL(), Timeout: time.Second, RoomWait: 300 * time.Millisecond})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		w := &steady{bus: b, stream: "METERED", total: 600}
		err := w.run(ctx)
		Expect(bus.RoomOver(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(And(ContainSubstring("there is no room"), ContainSubstring("max_file_store"))))
		Expect(b.RoomOver()).To(HaveOccurred())
	})

	It("of an object does not wait, and is told of", func(ctx SpecContext) {
		l := startLimited(narrow, 0)
		b := connect(bus.Config{URL: l.URL(), Timeout: scale.Patience})
		err := b.PutObject(ctx, "snapshots", "large", make([]byte, 2*narrow))
		for range 3 { // the server refuses what comes after it is full
			if err == nil {
				err = b.PutObject(ctx, "snapshots", "large", make([]byte, 2*narrow))
			}
		}
		Expect(bus.NoRoom(err)).To(BeTrue(), "%v", err)
		Expect(b.Room()).To(MatchError(ContainSubstring("OBJ_snapshots")))
		l.limit(wide, 0)
		Expect(l.Reload()).To(Succeed())
		Expect(b.PutObject(ctx, "snapshots", "large", make([]byte, 2*narrow))).To(Succeed())
		Expect(b.Room()).To(Succeed())
	})
})
