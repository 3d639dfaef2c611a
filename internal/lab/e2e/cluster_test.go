package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// cluster is three nats-servers, each a process.
type cluster struct {
	servers []*natsServer
	url     string // of all three
}

func serverName(n int) string { return fmt.Sprint("server", n) }

// newCluster is a cluster before the start of its servers.
func newCluster() *cluster {
	GinkgoHelper()
	c := &cluster{}
	var routes, urls []string
	for range 3 {
		routes = append(routes, vacant())
	}
	for i := range 3 {
		s := newNATSServer(filepath.Join(GinkgoT().TempDir(), "data"))
		alone := s.configuration
		s.configuration = func(limit string) string {
			return strings.Replace(alone(limit), "single", serverName(i), 1) +
				fmt.Sprintf("cluster { name: daybook, listen: %q, routes: [nats://%s] }\n", routes[i],
					strings.Join(routes, ", nats://"))
		}
		s.limit(noLimit)
		c.servers = append(c.servers, s)
		urls = append(urls, s.url)
	}
	c.url = strings.Join(urls, ",")
	return c
}

// start starts the servers, and returns when they have a leader.
func (c *cluster) start() {
	GinkgoHelper()
	for _, s := range c.servers {
		s.begin()
	}
	Eventually(func() error {
		b, err := bus.Connect(context.Background(), bus.Config{URL: c.url, Timeout: 2 * time.Second})
		if err == nil {
			b.Close()
		}
		return err
	}).WithPolling(20 * pollEvery).Should(Succeed())
}

// dial is a connection to any server of the cluster that lives.
func (c *cluster) dial() *bustest.Client {
	GinkgoHelper()
	var client *bustest.Client
	Eventually(func() (err error) { client, err = bustest.Dial(c.url, "", ""); return err }).
		WithPolling(pollEvery).Should(Succeed())
	return client
}

// stepDown has the leader of a stream step down, if it has one.
func (c *cluster) stepDown(stream string) {
	GinkgoHelper()
	client := c.dial()
	defer client.Close()
	_, _ = client.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil) // nobody answers while there is none
}

// replace kills a server and starts it again, and returns when it has caught up.
func (c *cluster) replace(ctx context.Context, n int, streams ...string) {
	GinkgoHelper()
	c.servers[n].kill()
	c.servers[n].start()
	for _, stream := range streams {
		Eventually(ctx, func() bool { return c.current(stream) }).WithPolling(20*pollEvery).Should(BeTrue(), stream)
	}
}

// replicas are the servers of a stream, by name; Leader is empty while there is none.
type replicas struct {
	Leader   string
	Replicas []struct{ Current, Offline bool }
}

func (c *cluster) replicas(stream string) replicas {
	GinkgoHelper()
	client := c.dial()
	defer client.Close()
	m, err := client.Request("$JS.API.STREAM.INFO."+stream, nil)
	var info struct{ Cluster replicas }
	if err != nil || json.Unmarshal(m.Data, &info) != nil {
		return replicas{}
	}
	return info.Cluster
}

// leader is the number of the server that leads a stream; -1 for none.
func (c *cluster) leader(stream string) int {
	GinkgoHelper()
	name := c.replicas(stream).Leader
	for i := range c.servers {
		if name == serverName(i) {
			return i
		}
	}
	return -1
}

// current reports whether a stream has a leader, and two replicas that have caught up.
func (c *cluster) current(stream string) bool {
	GinkgoHelper()
	of := c.replicas(stream)
	caughtUp := 0
	for _, r := range of.Replicas {
		if r.Current && !r.Offline {
			caughtUp++
		}
	}
	return of.Leader != "" && caughtUp == 2
}

// disturb has a leader step down, or kills a server, now and then.
func (c *cluster) disturb(ctx context.Context, random *rand.Rand, kill bool, streams ...string) {
	GinkgoHelper()
	if kill {
		c.replace(ctx, random.IntN(len(c.servers)), streams...)
	} else {
		c.stepDown(streams[random.IntN(len(streams))])
	}
}

var _ = Describe("A cluster of three", Serial, func() {
	BeforeEach(notShort)

	It("without a leader has a service wait, live and not ready; it goes on when there is "+
		"one", func(ctx context.Context) {
		c := newCluster()
		c.servers[0].start()
		projector := startService(c.url, "project", "--replicas", "3")
		Eventually(func() int { status, _ := get(ctx, projector.url+"/readyz"); return status }).Should(Equal(503))
		status, body := get(ctx, projector.url+"/healthz")
		Expect(status).To(Equal(200), body)
		c.servers[1].begin()
		c.servers[2].begin()
		projector.ready(ctx)
		stop(projector.session)
	})

	It("has two of each service come to the same streams as one process, whoever leads and dies",
		func(ctx context.Context) {
			scale.Proof(Skip)
			random, w := newRand(), newWorkload(3_000)
			wanted, bill := w.charged(ctx)
			c := newCluster()
			c.start()
			run("catalogue", "publish", "--yes", w.prices, "--nats", c.url, "--replicas", "3")
			var services []service
			for _, role := range []string{"project", "price", "project", "price"} {
				services = append(services, startService(c.url, role, "--replicas", "3"))
			}
			b := connectFor(ctx, c.url, 2*time.Second)
			collected := untilDone(ctx, "collect", "file", w.events, "--nats", c.url, "--replicas", "3")
			kills := scale.Kills(GinkgoT())
			for n := range kills {
				atWork(ctx, b, random, wanted)
				c.disturb(ctx, random, n%2 == 1, events.StreamUsage, events.StreamMetered, events.StreamBilling)
			}
			Eventually(collected).Should(BeClosed())
			whole(ctx, b, wanted)
			Expect(difference(read(ctx, b), wanted)).To(BeEmpty())
			Expect(run("bill", "--nats", c.url)).To(Equal(bill))
			for _, s := range services {
				stop(s.session)
			}
			scale.Figure(GinkgoT(), "a cluster of three, two of each service, %d leaders that stepped down or died: "+
				"the same bytes in all streams, and the same bill", kills)
		})

	It("acknowledges no batch of two writers that is not whole, while leaders step down and die",
		func(ctx context.Context) {
			random := newRand()
			c := newCluster()
			c.start()
			Expect(connect(ctx, c.url).EnsureStreams(ctx, bus.StreamsConfig{Replicas: 3})).To(Succeed())
			batches := scale.Batches(GinkgoT())
			for _, stream := range []string{events.StreamMetered, events.StreamUsage} {
				r := newRace(c, stream, batches)
				r.run(ctx, random)
				acknowledged, others := r.judge(ctx)
				Expect(acknowledged).To(BeNumerically(">=", batches))
				scale.Figure(GinkgoT(), "a cluster of three, two writers of %s, %d leaders stepped down, %d servers "+
					"killed: %d batches acknowledged and whole, %d not acknowledged and a beginning", stream,
					r.steps, r.kills, acknowledged, others)
			}
		})
})

// race is two writers of a stream, each with content of its own.
type race struct {
	cluster      *cluster
	stream       string
	wanted       int // batches to be acknowledged
	steps, kills int

	mu        sync.Mutex
	sent      []batch
	acked     int
	disturbed int           // leaders that went
	next      chan struct{} // a batch is about to be sent
}

// batch is one that was sent.
type batch struct {
	name         string
	size         int
	acknowledged bool
	last         uint64 // where it is
}

func newRace(c *cluster, stream string, wanted int) *race {
	return &race{cluster: c, stream: stream, wanted: wanted, next: make(chan struct{}, 1)}
}

// body is that of a message of a batch.
func (b *batch) body(i int) string { return fmt.Sprint(b.name, " ", i) }

// run has both writers append until enough batches are acknowledged, and enough leaders have gone
// meanwhile.
func (r *race) run(ctx context.Context, random *rand.Rand) {
	GinkgoHelper()
	var writers, disturber sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		b := connectFor(ctx, r.cluster.url, 2*time.Second)
		writers.Go(func() {
			defer GinkgoRecover()
			r.write(ctx, b, name, own)
		})
	}
	disturber.Go(func() {
		defer GinkgoRecover()
		for n := 1; ; n++ {
			if _, more := <-r.next; !more {
				return
			}
			time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond) // somewhere in the batch
			kill := n%8 == 2
			r.cluster.disturb(ctx, random, kill, r.stream)
			if kill {
				r.kills++
			} else {
				r.steps++
			}
			r.mu.Lock()
			r.disturbed++
			r.mu.Unlock()
		}
	})
	writers.Wait()
	close(r.next)
	disturber.Wait()
}

// write is the life of a writer. Both begin behind what they find.
func (r *race) write(ctx context.Context, b *bus.Bus, name string, random *rand.Rand) {
	GinkgoHelper()
	for n := 0; ; n++ {
		r.mu.Lock()
		enough := r.acked >= r.wanted
		done := enough && r.disturbed >= max(2, r.wanted/8)
		r.mu.Unlock()
		if done || ctx.Err() != nil {
			return
		}
		state, err := b.Stream(ctx, r.stream)
		if err != nil {
			time.Sleep(20 * pollEvery) // nobody leads
			continue
		}
		if n%8 == 0 || enough {
			r.next <- struct{}{} // behind the former disturbance
		} else {
			select {
			case r.next <- struct{}{}:
			default: // it goes on
			}
		}
		sent := batch{name: fmt.Sprint(name, n), size: 1 + random.IntN(bus.MaxBatch)}
		messages := make([]bus.Message, sent.size)
		for i := range messages {
			messages[i] = bus.Message{
				Subject: strings.ToLower(r.stream) + ".cf.race.t.app." + name, Data: []byte(sent.body(i)),
			}
		}
		write := b.Append
		if r.stream == events.StreamMetered {
			write = b.AppendDerived // as a projector does
		}
		sent.last, err = write(ctx, r.stream, messages, bus.Expect{Last: state.Last})
		sent.acknowledged = err == nil
		r.mu.Lock()
		r.sent = append(r.sent, sent)
		if sent.acknowledged {
			r.acked++
		}
		r.mu.Unlock()
	}
}

// judge expects every acknowledged batch to be whole, where its answer said, and every other one to
// be a beginning, or nothing; of USAGE all or nothing.
func (r *race) judge(ctx context.Context) (acknowledged, others int) {
	GinkgoHelper()
	var stored []string
	b := connect(ctx, r.cluster.url)
	messages(ctx, b, r.stream, func(m *bus.Stored) {
		Expect(m.Sequence).To(Equal(uint64(len(stored) + 1)))
		stored = append(stored, string(m.Data))
	})
	found := 0
	for i := range r.sent {
		sent := &r.sent[i]
		begin := slices.Index(stored, sent.body(0))
		n := 0
		for begin >= 0 && begin+n < len(stored) && n < sent.size && stored[begin+n] == sent.body(n) {
			n++
		}
		found += n
		if sent.acknowledged {
			acknowledged++
			Expect(n).To(Equal(sent.size), "batch %s was acknowledged", sent.name)
			Expect(sent.last).To(Equal(uint64(begin+n)), "batch %s is elsewhere", sent.name)
			continue
		}
		others++
		if r.stream == events.StreamUsage {
			Expect(n).To(Or(BeZero(), Equal(sent.size)), "batch %s", sent.name)
		}
	}
	Expect(found).To(Equal(len(stored)), "every message is of the beginning of a batch")
	return acknowledged, others
}
