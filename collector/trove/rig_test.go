package trove_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

const patience = scale.Patience

// sharedBroker is the broker of the suite. It is started by the first spec that asks for it.
var sharedBroker = sync.OnceValues(func() (*rabbit.Broker, error) {
	return rabbit.Start(context.Background(), rabbit.Options{})
})

var rabbitStarted atomic.Bool

func broker() *rabbit.Broker {
	GinkgoHelper()
	scale.Long(Skip)
	rabbitStarted.Store(true)
	b, err := sharedBroker()
	Expect(err).NotTo(HaveOccurred())
	return b
}

var _ = AfterSuite(func() {
	if !rabbitStarted.Load() {
		return
	}
	if b, err := sharedBroker(); err == nil {
		Expect(b.Close()).To(Succeed())
	}
})

// rig is one spec's world: a bus of its own, and names of its own on the shared broker.
type rig struct {
	bus     *bus.Bus
	data    string // the folder of its server
	cfg     trove.Config
	store   *flaky
	log     *syncBuffer
	metrics *trove.Metrics
	now     atomic.Int64 // what is added to the clock
	number  int64
}

var rigs atomic.Int64

func newRig(ctx context.Context) *rig {
	GinkgoHelper()
	r := newRigWithoutBroker(ctx)
	r.cfg.URLs = []string{broker().URL()}
	return r
}

func newRigWithoutBroker(ctx context.Context) *rig {
	GinkgoHelper()
	data := GinkgoT().TempDir()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	r := &rig{bus: b, data: data, number: rigs.Add(1), log: &syncBuffer{}, metrics: trove.NewMetrics("os-1")}
	r.store = &flaky{Store: trove.OnBus(b)}
	r.cfg = trove.Config{
		Foundation: "os-1",
		Exchanges:  []string{r.name("trove")}, RoutingKeys: []string{r.topic() + ".info", r.topic() + ".error"},
		Queue: r.name("billing"),
		Beat:  50 * time.Millisecond, Check: 50 * time.Millisecond, Reconnect: 20 * time.Millisecond,
		Linger: 5 * time.Millisecond, Settle: -1,
		Retry: time.Millisecond,
	}
	return r
}

func (r *rig) name(s string) string { return fmt.Sprintf("%s%d", s, r.number) }
func (r *rig) topic() string        { return r.name("notifications") }

// permit has the collector come as a user of its own, with these permissions; QUEUE in them is its
// queue.
func (r *rig) permit(ctx context.Context, configure, write, read string) {
	GinkgoHelper()
	user := r.name("collector")
	for _, arguments := range [][]string{
		{"add_user", user, "secret"},
		{"set_permissions", user, strings.ReplaceAll(configure, "QUEUE", r.cfg.Queue), strings.ReplaceAll(write,
			"QUEUE", r.cfg.Queue), strings.ReplaceAll(read, "QUEUE", r.cfg.Queue)},
	} {
		_, err := broker().Control(ctx, arguments...)
		Expect(err).NotTo(HaveOccurred())
	}
	r.cfg.User, r.cfg.Password = user, "secret"
}

// running is a collector at work.
type running struct {
	*trove.Collector
	cancel context.CancelFunc
	done   chan error
}

// start runs a collector until the spec ends, or stop.
func (r *rig) start(ctx context.Context) *running {
	GinkgoHelper()
	log := slog.New(slog.NewTextHandler(io.MultiWriter(r.log, GinkgoWriter),
		&slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := trove.New(r.cfg, trove.Deps{
		Store: r.store, Log: log, Status: r.bus, Metrics: r.metrics,
		Now: func() time.Time { return time.Now().Add(time.Duration(r.now.Load())) },
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	run := &running{c, cancel, make(chan error, 1)}
	go func() { run.done <- c.Run(ctx) }()
	DeferCleanup(run.stop)
	return run
}

// bound waits until the collector is bound.
func (r *running) bound() *running {
	GinkgoHelper()
	Eventually(r.Ready).WithTimeout(patience).Should(Succeed())
	return r
}

// stop ends the collector and waits for it. It may be repeated.
func (r *running) stop() {
	GinkgoHelper()
	r.cancel()
	var err error
	Eventually(r.done).WithTimeout(patience).Should(Receive(&err))
	r.done <- err
	Expect(err).NotTo(HaveOccurred())
}

// stored reads a stream.
func (r *rig) stored(ctx context.Context, stream, filter string) []bus.Stored {
	GinkgoHelper()
	var all []bus.Stored
	_, err := r.bus.Each(ctx, stream, 1, bus.End, bus.ReadOptions{Filters: []string{filter}},
		func(m *bus.Stored) error {
			all = append(all, *m)
			return nil
		})
	Expect(err).NotTo(HaveOccurred())
	return all
}

// decoded reads the messages of a stream as what they say.
func decoded[T any, P interface {
	*T
	DecodeJSON(data []byte) error
}](ctx context.Context, r *rig, stream, filter string) []T {
	GinkgoHelper()
	var all []T
	for _, m := range r.stored(ctx, stream, filter) {
		var one T
		Expect(P(&one).DecodeJSON(m.Data)).To(Succeed())
		all = append(all, one)
	}
	return all
}

// facts reads the facts in USAGE, in their order.
func (r *rig) facts(ctx context.Context) []events.Usage {
	GinkgoHelper()
	return decoded[events.Usage](ctx, r, "USAGE", "usage.trove.os-1.*.*.*")
}

// resources are the resources of the facts in USAGE.
func (r *rig) resources(ctx context.Context) []string {
	GinkgoHelper()
	var all []string
	for _, u := range r.facts(ctx) {
		all = append(all, u.Resource)
	}
	return all
}

func (r *rig) gaps(ctx context.Context) []events.Gap {
	GinkgoHelper()
	return decoded[events.Gap](ctx, r, "USAGE", "usage.trove.os-1.gap")
}

func (r *rig) horizons(ctx context.Context) []events.Horizon {
	GinkgoHelper()
	return decoded[events.Horizon](ctx, r, "USAGE", "usage.trove.os-1.horizon")
}

func (r *rig) quarantined(ctx context.Context) []events.Quarantined {
	GinkgoHelper()
	return decoded[events.Quarantined](ctx, r, "QUARANTINE", "quarantine.>")
}

// publisher sends as Trove does: it declares the exchange first, not durable unless it is told so.
type publisher struct {
	rig        *rig
	connection *amqp.Connection
	channel    *amqp.Channel
	exchange   string
}

func (r *rig) publisher(durable bool) *publisher {
	GinkgoHelper()
	connection, err := amqp.Dial(broker().URL())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = connection.Close() })
	channel, err := connection.Channel()
	Expect(err).NotTo(HaveOccurred())
	p := &publisher{r, connection, channel, r.name("trove")}
	p.declare(durable)
	return p
}

func (p *publisher) declare(durable bool) {
	GinkgoHelper()
	Expect(p.channel.ExchangeDeclare(p.exchange, "topic", durable, false, false, false, nil)).To(Succeed())
}

func (p *publisher) send(ctx context.Context, bodies ...string) {
	GinkgoHelper()
	for _, body := range bodies {
		Expect(p.channel.PublishWithContext(ctx, p.exchange, p.rig.topic()+".info", false, false, amqp.Publishing{
			ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent,
			Body: []byte(body),
		})).To(Succeed())
	}
}

// notify is a create of the instance. The message has the same id.
func notify(instance string) string {
	inner, err := json.Marshal(map[string]any{
		"message_id": "message-" + instance, "publisher_id": "taskmanager.h1", "event_type": "trove.instance.create",
		"priority":  "INFO",
		"timestamp": "2026-11-01 10:00:05.000001", "_unique_id": "u" + instance,
		"payload": map[string]any{
			"created_at": "2026-11-01T10:00:00Z", "launched_at": "2026-11-01T10:00:00Z", "instance_id": instance,
			"tenant_id": "t1", "region": "r",
			"instance_type": "m1", "instance_type_id": "10", "instance_size": 512, "volume_size": 1, "state": "BUILD",
			"name": "db", "nova_instance_id": "n",
		},
	})
	Expect(err).NotTo(HaveOccurred())
	return envelope(string(inner))
}

// numbered are n instance ids.
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return names
}

func notifications(instances []string) []string {
	all := make([]string, len(instances))
	for i, name := range instances {
		all[i] = notify(name)
	}
	return all
}

// flaky is a store whose appends can be made to fail.
type flaky struct {
	trove.Store
	gone atomic.Bool // nothing can be read
	fail atomic.Pointer[func(stream string, msgs []bus.Message, do func() (uint64, error)) (uint64, error)]
}

func (f *flaky) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	do := func() (uint64, error) { return f.Store.Append(ctx, stream, msgs, expect) }
	if fail := f.fail.Load(); fail != nil {
		return (*fail)(stream, msgs, do)
	}
	return do()
}

func (f *flaky) IDs(ctx context.Context, stream, filter string, from uint64, yield func(appender.Head) error) (uint64,
	error,
) {
	if f.gone.Load() {
		return 0, bus.ErrNotConnected
	}
	return f.Store.IDs(ctx, stream, filter, from, yield)
}

// failing sets what becomes of appends; nil: they are done.
func (f *flaky) failing(with func(stream string, msgs []bus.Message, do func() (uint64, error)) (uint64, error)) {
	if with == nil {
		f.fail.Store(nil)
		return
	}
	f.fail.Store(&with)
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder // guarded by mu
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// gate keeps a collector from appending, and so from binding what it must first say that it has
// lost.
type gate struct {
	once sync.Once
	shut chan struct{}
}

func newGate(r *rig) *gate {
	g := &gate{shut: make(chan struct{})}
	DeferCleanup(g.open)
	r.store.failing(func(_ string, _ []bus.Message, do func() (uint64, error)) (uint64, error) {
		<-g.shut
		return do()
	})
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.shut) }) }
