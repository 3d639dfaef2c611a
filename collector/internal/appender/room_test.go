package appender_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// tight is a NATS server with little room, and somebody else's stream in it.
type tight struct {
	*bus.Bus
	url  string
	dir  string
	stop func()
}

// lessRoom starts a server that keeps at most so many MiB in a folder.
func lessRoom(ctx context.Context, dir string, mebibytes int) *tight {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "nats.conf")
	text := fmt.Sprintf("max_payload: 8MB\njetstream { sync_interval: always, max_file_store: %dMB }\n", mebibytes)
	Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
	url, stop, err := bustest.StartFromFile(file, dir)
	Expect(err).NotTo(HaveOccurred())
	t := &tight{url: url, dir: dir, stop: stop}
	DeferCleanup(func() { t.stop() })
	// A server without room may give no answer at all.
	t.Bus, err = bus.Connect(ctx, bus.Config{URL: url, Timeout: 2 * time.Second})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(t.Close)
	Expect(t.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return t
}

// ask asks the server's API.
func (t *tight) ask(request string, body any) map[string]any {
	GinkgoHelper()
	c, err := bustest.Dial(t.url, "", "")
	Expect(err).NotTo(HaveOccurred())
	defer c.Close()
	data, err := json.Marshal(body)
	Expect(err).NotTo(HaveOccurred())
	m, err := c.Request("$JS.API."+request, data)
	Expect(err).NotTo(HaveOccurred())
	var answer map[string]any
	Expect(json.Unmarshal(m.Data, &answer)).To(Succeed())
	Expect(answer).NotTo(HaveKey("error"))
	return answer
}

// fill takes so many MiB for a stream of somebody else's.
func (t *tight) fill(ctx context.Context, mebibytes int) {
	GinkgoHelper()
	t.ask("STREAM.CREATE.FILL", map[string]any{
		"name": "FILL", "subjects": []string{"fill"}, "storage": "file", "allow_atomic": true,
	})
	for i := range uint64(mebibytes) {
		_, err := t.Append(ctx, "FILL", []bus.Message{{Subject: "fill", Data: make([]byte, 1<<20)}},
			bus.Expect{Last: i})
		Expect(err).NotTo(HaveOccurred())
	}
}

// maxBytes bounds USAGE.
func (t *tight) maxBytes(n int64) {
	GinkgoHelper()
	config, ok := t.ask("STREAM.INFO.USAGE", nil)["config"].(map[string]any)
	Expect(ok).To(BeTrue())
	config["max_bytes"] = n
	t.ask("STREAM.UPDATE.USAGE", config)
}

// heads are the messages of the foundation in USAGE.
func (t *tight) heads(ctx context.Context) (all []appender.Head) {
	GinkgoHelper()
	_, err := appender.OnBus(t.Bus).IDs(ctx, events.StreamUsage, "usage.cf.eu.>", 1, func(m appender.Head) error {
		all = append(all, m)
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return all
}

// facts are the ids of the facts among them.
func (t *tight) facts(ctx context.Context) (ids []string) {
	GinkgoHelper()
	for _, m := range t.heads(ctx) {
		if m.Subject != events.UsageMarkerSubject("cf", "eu") {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// watched is a store that tells of failures.
type watched struct {
	appender.Store
	failed chan error
}

func (w *watched) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	last, err := w.Store.Append(ctx, stream, msgs, expect)
	if err != nil {
		select {
		case w.failed <- err:
		default:
		}
	}
	return last, err
}

// Six MiB of facts.
const (
	someFacts  = 300
	sizeOfFact = 20 << 10
)

// collecting is an appender that has looked at the stream, with the facts that are not there in its
// batch.
func (t *tight) collecting(ctx context.Context) (*appender.Appender, *watched) {
	GinkgoHelper()
	w, known := &watched{appender.OnBus(t.Bus), make(chan error, 1)}, appender.NewAll(2*someFacts)
	a := appender.New(appender.Options{
		Store: w, Stream: events.StreamUsage, Filter: "usage.cf.eu.>", Patient: true, Retry: 20 * time.Millisecond,
		Marker: events.UsageMarkerSubject("cf", "eu"), Origin: "test",
		Seen: func(k appender.Key, _ uint64) error { return known.Add(k) },
	})
	Expect(a.Learn(ctx)).To(Succeed())
	for i, id := range wanted() {
		if known.Has(appender.KeyOf(id)) {
			continue
		}
		a.Put(appender.KeyOf(id), fmt.Sprintf("usage.cf.eu.org.app.%d", i),
			[]events.Header{{Key: events.HeaderID, Value: id}}, []byte(strings.Repeat("x", sizeOfFact)))
	}
	return a, w
}

func wanted() (ids []string) {
	for i := range someFacts {
		ids = append(ids, fmt.Sprint("fact-", i))
	}
	return ids
}

func flushing(ctx context.Context, a *appender.Appender) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, _, err := a.Flush(ctx, nil)
		done <- err
	}()
	return done
}

var _ = Describe("A batch that meets the end of the room", func() {
	It("is stored in part by the server, and then the rest, once, by whichever of two collectors comes", func(
		ctx SpecContext,
	) {
		t := lessRoom(ctx, GinkgoT().TempDir(), 8)
		t.fill(ctx, 4)
		first, one := t.collecting(ctx)
		second, other := t.collecting(ctx)
		firstDone := flushing(ctx, first)
		Eventually(one.failed, scale.Patience).Should(Receive())
		part := t.facts(ctx)
		Expect(len(part)).To(And(BeNumerically(">", 0), BeNumerically("<", someFacts)), "the server tears batches")
		Expect(t.heads(ctx)[0].Subject).To(Equal("usage.cf.eu.marker"), "the part moves the expectation of others")
		secondDone := flushing(ctx, second)
		Eventually(other.failed, scale.Patience).Should(Receive())

		t.ask("STREAM.PURGE.FILL", map[string]any{})
		Eventually(firstDone, scale.Patience).Should(Receive(BeNil()))
		Eventually(secondDone, scale.Patience).Should(Receive(BeNil()))
		Expect(t.facts(ctx)).To(Equal(wanted()))
	}, SpecTimeout(scale.Patience))

	It("is once in the stream though the server goes on with the part when it starts again", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		t := lessRoom(ctx, dir, 8)
		t.fill(ctx, 4)
		stopping, stop := context.WithCancel(ctx)
		first, one := t.collecting(ctx)
		done := flushing(stopping, first)
		Eventually(one.failed, scale.Patience).Should(Receive())
		part := len(t.facts(ctx))
		Expect(part).To(And(BeNumerically(">", 0), BeNumerically("<", someFacts)))
		stop()
		Eventually(done, scale.Patience).Should(Receive())
		t.Close()
		t.stop()

		t = lessRoom(ctx, dir, 64)
		again, _ := t.collecting(ctx)
		_, _, err := again.Flush(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(t.facts(ctx)).To(Equal(wanted()))
	}, SpecTimeout(scale.Patience))

	It("is refused as a whole by a stream at its max_bytes, and stored once when there is room", func(
		ctx SpecContext,
	) {
		t := lessRoom(ctx, GinkgoT().TempDir(), 64)
		t.maxBytes(4 << 20)
		a, w := t.collecting(ctx)
		done := flushing(ctx, a)
		Eventually(w.failed, scale.Patience).Should(Receive())
		Expect(t.facts(ctx)).To(BeEmpty())
		t.maxBytes(-1)
		Eventually(done, scale.Patience).Should(Receive(BeNil()))
		Expect(t.facts(ctx)).To(Equal(wanted()))
	}, SpecTimeout(scale.Patience))
})
