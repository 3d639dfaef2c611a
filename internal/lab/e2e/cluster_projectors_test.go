package e2e_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/projector"
)

// rivals are two projectors of one METERED, each with a bus of its own, in the test's process: so
// it sees what each append said.
type rivals struct {
	url     string
	running [2]atomic.Pointer[projector.Projector]

	mu       sync.Mutex
	sent     []appended
	begun    int // appends
	acked    int
	pauses   int
	restarts int
}

// pause is longer than a standby waits before it goes on in place of the other projector.
const pause = 4 * time.Second

// begin names an append. It holds one up now and then, as if its process were stopped: the other
// projector puts out the same meanwhile, and the append comes behind it.
func (r *rivals) begin(ctx context.Context) (name string) {
	r.mu.Lock()
	r.begun++
	name = strconv.Itoa(r.begun)
	pauses := r.begun%25 == 4
	if pauses {
		r.pauses++
	}
	r.mu.Unlock()
	if pauses {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return name
}

// appendHeader tells the appends apart: both projectors put out the same.
const appendHeader = "E2e-Append"

// appended is a batch that a projector has appended.
type appended struct {
	name         string
	size         int
	acknowledged bool
	last         uint64 // where it is
}

// recorder is the bus of a projector.
type recorder struct {
	*bus.Bus
	of *rivals
}

// AppendDerived notes the batch, and what the cluster said of it.
func (r *recorder) AppendDerived(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error,
) {
	sent := appended{name: r.of.begin(ctx), size: len(messages)}
	marked := slices.Clone(messages)
	for i := range marked {
		marked[i].Header = append(slices.Clone(marked[i].Header), events.Header{Key: appendHeader, Value: sent.name})
	}
	last, err := r.Bus.AppendDerived(ctx, stream, marked, expect)
	sent.last, sent.acknowledged = last, err == nil
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.of.sent = append(r.of.sent, sent)
	if sent.acknowledged {
		r.of.acked++
	}
	return last, err
}

// run runs one of the projectors until ctx is done: it is started again when it ends, as by an init
// system.
func (r *rivals) run(ctx context.Context, n int) {
	GinkgoHelper()
	b := connectFor(ctx, r.url, 2*time.Second)
	log := slog.New(slog.NewTextHandler(GinkgoWriter, nil)).With(slog.Int("projector", n))
	for ctx.Err() == nil {
		p, err := projector.New(projector.Config{}, projector.Deps{Bus: &recorder{b, r}, Log: log})
		Expect(err).NotTo(HaveOccurred())
		r.running[n].Store(p)
		if err := p.Run(ctx); err != nil && ctx.Err() == nil {
			log.Warn("it ends, and is started again", slog.Any("error", err))
			r.mu.Lock()
			r.restarts++
			r.mu.Unlock()
			time.Sleep(20 * pollEvery)
		}
	}
}

// done is the last message of USAGE that one of them has worked off.
func (r *rivals) done() (last uint64) {
	for i := range r.running {
		if p := r.running[i].Load(); p != nil {
			last = max(last, p.Done())
		}
	}
	return last
}

func (r *rivals) acknowledged() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acked
}

// judge expects every acknowledged batch to be whole, where its answer said.
func (r *rivals) judge(ctx context.Context, b *bus.Bus) (others int) {
	GinkgoHelper()
	var stored []string // names of the appends, by message
	messages(ctx, b, events.StreamMetered, func(m *bus.Stored) { stored = append(stored, m.Header(appendHeader)) })
	for i := range r.sent {
		sent := &r.sent[i]
		if !sent.acknowledged {
			others++
			continue
		}
		Expect(int(sent.last)).To(And(BeNumerically(">=", sent.size), BeNumerically("<=", len(stored))), "batch %d", i)
		Expect(stored[int(sent.last)-sent.size:sent.last]).To(HaveEach(sent.name), "batch %d was acknowledged", i)
	}
	return others
}

// usage are the messages of USAGE of a workload, without windows: each fact has outputs of its own.
func (w workload) usage(ctx context.Context) (all []bus.Message) {
	GinkgoHelper()
	data := filepath.Join(GinkgoT().TempDir(), "usage")
	run(w.up(data)...)
	url, stop := serve(data)
	defer stop()
	messages(ctx, connect(ctx, url), events.StreamUsage, func(m *bus.Stored) {
		var headers []events.Header
		for _, h := range m.Headers() {
			if h.Key != events.HeaderWindow && !strings.HasPrefix(h.Key, "Nats-") {
				headers = append(headers, h)
			}
		}
		all = append(all, bus.Message{Subject: m.Subject, Header: headers, Data: m.Data})
	})
	return all
}

// collect appends messages to USAGE, whoever leads.
func collect(ctx context.Context, b *bus.Bus, from uint64, all []bus.Message) {
	GinkgoHelper()
	Eventually(ctx, func() bool {
		state, err := b.Stream(ctx, events.StreamUsage)
		if err == nil && state.Last == from {
			_, err = b.Append(ctx, events.StreamUsage, all, bus.Expect{Last: from})
			return err == nil
		}
		return err == nil && state.Last == from+uint64(len(all))
	}).WithPolling(20 * pollEvery).Should(BeTrue())
}

// metered is METERED of the messages, by one projector that nobody disturbs.
func metered(ctx context.Context, all []bus.Message) []string {
	GinkgoHelper()
	url, _ := serve(GinkgoT().TempDir())
	b := connect(ctx, url)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	for from := 0; from < len(all); from += bus.MaxBatch {
		collect(ctx, b, uint64(from), all[from:min(from+bus.MaxBatch, len(all))])
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &rivals{url: url, begun: -1 << 30} // it never pauses
	var ended sync.WaitGroup
	ended.Go(func() { defer GinkgoRecover(); r.run(running, 0) })
	Eventually(ctx, r.done).WithPolling(pollEvery).Should(Equal(uint64(len(all))))
	cancel()
	ended.Wait()
	return read(ctx, b)[events.StreamMetered]
}

var _ = Describe("Two projectors on a cluster of three", Serial, func() {
	BeforeEach(notShort)

	It("have no batch acknowledged that is not whole, while METERED's leaders step down and die, and come to the same "+
		"METERED as one that nobody disturbs", func(ctx context.Context) {
		random, wanted := newRand(), scale.Batches(GinkgoT())
		all := newWorkload(30 * (wanted + 10)).usage(ctx)
		c := newCluster()
		c.start()
		b := connectFor(ctx, c.url, 2*time.Second)
		Eventually(ctx, func() error { return b.EnsureStreams(ctx, bus.StreamsConfig{Replicas: 3}) }).
			WithPolling(20 * pollEvery).Should(Succeed())

		r := &rivals{url: c.url}
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		var ended sync.WaitGroup
		for n := range r.running {
			ended.Go(func() { defer GinkgoRecover(); r.run(running, n) })
		}
		next, steps, kills := make(chan time.Duration, 1), 0, 0
		var disturber sync.WaitGroup
		disturber.Go(func() {
			defer GinkgoRecover()
			for n := 0; ; n++ {
				wait, more := <-next
				if !more {
					return
				}
				time.Sleep(wait)
				if leads := c.leader(events.StreamMetered); n%2 == 1 && leads >= 0 {
					c.replace(ctx, leads, events.StreamMetered, events.StreamUsage)
					kills++
				} else {
					c.stepDown(events.StreamMetered)
					steps++
				}
			}
		})
		from := r.feed(ctx, b, random, all, wanted, next)
		close(next)
		disturber.Wait()
		cancel()
		ended.Wait()

		stored := read(ctx, b)[events.StreamMetered]
		others := r.judge(ctx, b)
		Expect(difference(contents{events.StreamMetered: stored},
			contents{events.StreamMetered: metered(ctx, all[:from])})).To(BeEmpty())
		Expect(kills).To(BeNumerically(">", 0))
		Expect(r.pauses).To(BeNumerically(">", 0))
		scale.Figure(GinkgoT(), "a cluster of three, two projectors, %d leaders of METERED stepped down, %d killed, "+
			"%d times one projector paused for the other, %d restarts: %d batches acknowledged and whole, %d not "+
			"acknowledged; %d messages of METERED as without a disturbance",
			steps, kills, r.pauses, r.restarts, r.acked, others, len(stored))
	})
})

// feed collects part by part, each fourth with a disturbance somewhere in what it leads to, until
// so many batches are acknowledged. It returns how many messages were collected.
func (r *rivals) feed(ctx context.Context, b *bus.Bus, random *rand.Rand, all []bus.Message, wanted int,
	next chan<- time.Duration,
) (from int) {
	GinkgoHelper()
	for n := 0; from < len(all) && (n <= 4 || r.acknowledged() < wanted); n++ {
		part := all[from:min(from+1+random.IntN(40), len(all))]
		if n%4 == 0 { // behind the former disturbance
			next <- time.Duration(random.IntN(20)) * time.Millisecond
		}
		collect(ctx, b, uint64(from), part)
		from += len(part)
		Eventually(ctx, r.done).WithPolling(pollEvery).Should(BeNumerically(">=", from))
	}
	Expect(r.acknowledged()).To(BeNumerically(">=", wanted), "there is too little USAGE")
	return from
}
