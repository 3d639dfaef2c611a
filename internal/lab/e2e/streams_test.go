package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// pollEvery is the wait between two looks where there is no signal.
const pollEvery = 5 * time.Millisecond

// streams are the pipeline's, in the order of the data path.
var streams = []string{events.StreamUsage, events.StreamMetered, events.StreamBilling, events.StreamQuarantine}

// serve starts a NATS server in the test's process, on a data folder without a process.
func serve(data string) (url string, stop func()) {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	return server.URL(), server.Shutdown
}

func connect(ctx context.Context, url string) *bus.Bus {
	GinkgoHelper()
	return connectFor(ctx, url, patience/10)
}

// connectFor is connect, with a time for each request: one to a server that is killed has no
// answer.
func connectFor(ctx context.Context, url string, timeout time.Duration) *bus.Bus {
	GinkgoHelper()
	var b *bus.Bus
	Eventually(ctx, func() (err error) {
		b, err = bus.Connect(ctx, bus.Config{URL: url, Name: "e2e", Timeout: timeout})
		return err
	}).Should(Succeed()) // a request is lost, too, while a cluster has no leader
	DeferCleanup(b.Close)
	return b
}

// contents are streams by name, each a line a message: subject, id, the stage's position, and the
// payload's digest.
type contents map[string][]string

// read reads the streams in full.
func read(ctx context.Context, b *bus.Bus) contents {
	GinkgoHelper()
	all := contents{}
	for _, name := range streams {
		all[name] = []string{}
		messages(ctx, b, name, func(m *bus.Stored) { all[name] = append(all[name], contentLine(m)) })
	}
	return all
}

// contentLine is a message of contents.
func contentLine(m *bus.Stored) string {
	sum := sha256.Sum256(timeless(m))
	return fmt.Sprint(m.Subject, " ", m.Header(events.HeaderID), " ", m.Header(stage.HeaderSourceSeq), "/",
		m.Header(stage.HeaderPart), " ", hex.EncodeToString(sum[:]))
}

// timeless is a message's body; of an act without the moment at which somebody acted, and who.
func timeless(m *bus.Stored) []byte {
	var act events.Act
	if m.Header(events.HeaderType) != events.TypeAct || act.DecodeJSON(m.Data) != nil {
		return m.Data
	}
	act.Time, act.By, act.Note = time.Time{}, "", ""
	return act.AppendJSON(nil)
}

// stored reads the streams of a data folder without a process.
func stored(ctx context.Context, data string) contents {
	GinkgoHelper()
	url, stop := serve(data)
	defer stop()
	b := connect(ctx, url)
	defer b.Close()
	return read(ctx, b)
}

func messages(ctx context.Context, b *bus.Bus, stream string, yield func(*bus.Stored)) {
	GinkgoHelper()
	_, err := b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		yield(m)
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
}

// difference names the first different message, "" when all are equal.
func difference(found, wanted contents) string {
	for _, name := range streams {
		f, w := found[name], wanted[name]
		for i := range min(len(f), len(w)) {
			if f[i] != w[i] {
				return fmt.Sprintf("%s, message %d:\n found %s\nwanted %s", name, i+1, f[i], w[i])
			}
		}
		if len(f) != len(w) {
			return fmt.Sprintf("%s: %d messages, wanted %d", name, len(f), len(w))
		}
	}
	return ""
}
