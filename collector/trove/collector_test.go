package trove_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

// seen waits until USAGE holds facts of exactly these instances, in any order.
func (r *rig) seen(ctx context.Context, instances ...string) {
	GinkgoHelper()
	Eventually(func() []string { return r.resources(ctx) }).WithTimeout(patience).Should(HaveLen(len(instances)))
	Expect(r.resources(ctx)).To(ConsistOf(instances))
}

// empty stops the collector, and finds no message in its queues but markers that came too late for
// it.
func (r *rig) empty(ctx context.Context, c *running) {
	GinkgoHelper()
	c.stop()
	for _, queue := range []string{r.cfg.Queue, r.cfg.Queue + ".dead"} {
		bodies, err := broker().Take(ctx, queue)
		Expect(err).NotTo(HaveOccurred())
		for _, body := range bodies {
			Expect(string(body)).To(ContainSubstring("dbaas.daybook.marker"), queue)
		}
	}
}

var _ = Describe("The Trove collector", func() {
	It("stores what Trove sends, in its order, and says how far it has come", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		names := numbered("i", 1500)
		p.send(ctx, notifications(names)...)
		r.seen(ctx, names...)
		Expect(r.resources(ctx)).To(Equal(names))
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		Expect(r.gaps(ctx)).To(BeEmpty())
		c.stop()
		Expect(c.Report().Facts).To(Equal(1500))
		Expect(status.Read(ctx, r.bus)).To(HaveExactElements(And(
			HaveField("Source", "trove"), HaveField("Foundation", "os-1"), HaveField("Horizon", Not(BeZero())),
			HaveField("Details", And(HaveKeyWithValue("facts", "1500"), HaveKeyWithValue("reconnects", "0"))))))
		r.empty(ctx, c)
	})

	It("takes every form in which oslo.messaging sends", func(ctx SpecContext) {
		r := newRig(ctx)
		r.publisher(false)
		c := r.start(ctx).bound()
		seed := payloadOf("testdata/seed.jsonl")
		for _, options := range []rabbit.NotifierOptions{
			{Driver: "messaging"},
			{Driver: "messagingv2"},
			{Compression: "gzip"},
			{Compression: "bzip2"},
		} {
			options.URL, options.Exchange, options.Topic = broker().URL(), r.name("trove"), r.topic()
			n, err := rabbit.StartNotifier(ctx, options)
			Expect(err).NotTo(HaveOccurred())
			Expect(n.Send(rabbit.Notification{
				Publisher: "taskmanager.h", Type: "trove.instance.create", Payload: seed,
				Context: map[string]any{"auth_token": planted},
			})).To(Succeed())
			Expect(n.Send(rabbit.Notification{
				Publisher: "h", Type: "dbaas.instance_resize_volume.error",
				Payload: json.RawMessage(`{"exception":"t"}`), Priority: "error",
			})).To(Succeed())
			Expect(n.Close()).To(Succeed())
		}
		Eventually(func() int { return len(r.facts(ctx)) }).WithTimeout(patience).Should(Equal(4), "%v %+v",
			r.quarantined(ctx), c.Report())
		for _, u := range r.facts(ctx) {
			Expect(u.Footprint.MemoryMB.Known()).To(BeTrue())
		}
		Expect(r.quarantined(ctx)).To(BeEmpty())
	})

	It("counts what says nothing about usage, and keeps what it does not understand", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		p.send(ctx, `{"event_type":"dbaas.backup_create.end","payload":{}}`,
			`{"event_type":"dbaas.backup_create.end","payload":{}}`,
			`{broken`, `{broken`, `{"event_type":"compute.instance.create"}`,
			`{"event_type":7,"payload":{"admin_password":"`+planted+`"}}`, string(zlibbed("{")[:7]),
			notify("i"))
		r.seen(ctx, "i")
		r.empty(ctx, c)
		Expect(c.Report().Ignored).To(Equal(map[string]int{"dbaas.backup_create.end": 2, "compute.instance.create": 1}))
		refused := r.quarantined(ctx)
		Expect(refused).To(HaveLen(3), "the same one twice is one")
		Expect(refused[0]).To(And(HaveField("Source", "trove"), HaveField("File", r.cfg.Queue), HaveField("Input",
			"{broken"), HaveField("Reason", ContainSubstring("expected"))))
		Expect(refused[2].Input).To(HavePrefix("[7 bytes that begin with 789c"))
	})

	It("is not ready while a publisher compresses in a way that is not read", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		Expect(p.channel.PublishWithContext(ctx, p.exchange, r.topic()+".info", false, false, amqp.Publishing{
			ContentType: "application/json", Headers: amqp.Table{"compression": "application/x-lzma"},
			Body: []byte("\xfd7zXZ\x00"),
		})).To(Succeed())
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("application/x-lzma"),
			ContainSubstring("kombu_compression"))))
		p.send(ctx, notify("i"))
		Eventually(c.Ready).WithTimeout(patience).Should(Succeed())
		Expect(r.quarantined(ctx)).To(HaveLen(1))
	})

	It("stores a notification once that comes on two topics, and from a second queue", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		own, err := p.channel.QueueDeclare(r.topic()+".info", false, false, false, false, nil) // as oslo.messaging does
		Expect(err).NotTo(HaveOccurred())
		Expect(p.channel.QueueBind(own.Name, own.Name, p.exchange, false, nil)).To(Succeed())
		r.cfg.Drain = []string{own.Name}
		names := numbered("i", 300)
		p.send(ctx, notifications(names[:100])...) // before anybody listens
		c := r.start(ctx).bound()
		p.send(ctx, notifications(names[100:])...)
		p.send(ctx, notifications(names[200:])...)
		r.seen(ctx, names...)
		Eventually(func() int { return c.Report().Known }).WithTimeout(patience).Should(Equal(400))
		Expect(c.Report().Facts).To(Equal(300))
	})

	It("stores nothing twice when it dies between the append and the acknowledgement", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Finish = time.Millisecond
		p := r.publisher(false)
		first := r.start(ctx).bound()
		dying := make(chan struct{})
		var once atomic.Bool
		r.store.failing(func(_ string, msgs []bus.Message, do func() (uint64, error)) (uint64, error) {
			if strings.HasSuffix(msgs[1].Subject, ".horizon") {
				return do()
			}
			if r.store.gone.Store(true); once.CompareAndSwap(false, true) {
				defer close(dying)
				_, err := do()
				return 0, errors.Join(err, bus.ErrOutcomeUnknown) // and never an answer again
			}
			return 0, bus.ErrNotConnected
		})
		names := numbered("i", 50)
		p.send(ctx, notifications(names)...)
		<-dying
		first.stop()
		r.store.failing(nil)
		r.store.gone.Store(false)
		Expect(r.facts(ctx)).NotTo(BeEmpty())
		second := r.start(ctx).bound()
		Eventually(func() int {
			return second.Report().Facts +
				second.Report().Known
		}).WithTimeout(patience).Should(Equal(50))
		Expect(second.Report().Known).To(BeNumerically(">", 0))
		r.seen(ctx, names...)
		r.empty(ctx, second)
	})

	It("loses nothing while the bus is away, and gives nothing back to the broker meanwhile", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		var failed atomic.Int64
		r.store.failing(func(string, []bus.Message, func() (uint64, error)) (uint64, error) {
			failed.Add(1)
			return 0, bus.ErrNotConnected
		})
		names := numbered("i", 20)
		p.send(ctx, notifications(names)...)
		Eventually(failed.Load).WithTimeout(patience).Should(BeNumerically(">", 10)) // more than one round of attempts
		Expect(r.facts(ctx)).To(BeEmpty())
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(ContainSubstring("notifications cannot be stored")))
		r.store.failing(nil)
		r.seen(ctx, names...)
		Eventually(c.Ready).WithTimeout(patience).Should(Succeed())
		Expect(c.Report().Sessions).To(Equal(1))
		Expect(c.Report().Known).To(BeZero(), "no message was delivered twice")
	})

	It("stores what was delivered too often from the queue where the broker puts it", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.DeliveryLimit = 2
		p := r.publisher(false)
		r.start(ctx).bound().stop()
		p.send(ctx, notify("i"), "{broken")
		taken, err := p.channel.Consume(r.cfg.Queue, "", false, false, false, false, nil)
		Expect(err).NotTo(HaveOccurred())
		for range 3 * 2 { // somebody takes them and gives them back, again and again
			d := <-taken
			if d.Headers["daybook-marker"] != nil {
				Expect(d.Ack(false)).To(Succeed())
				continue
			}
			Expect(d.Nack(false, true)).To(Succeed())
		}
		Expect(p.channel.Close()).To(Succeed())
		c := r.start(ctx).bound()
		r.seen(ctx, "i")
		Eventually(func() int { return len(r.quarantined(ctx)) }).WithTimeout(patience).Should(Equal(1))
		Expect(r.quarantined(ctx)[0].File).To(Equal(r.cfg.Queue + ".dead"))
		Expect(c.Report().Dead).To(Equal(2))
		r.empty(ctx, c)
	})

	It("leaves a second collector waiting, and lets it take over", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		first := r.start(ctx).bound()
		second := r.start(ctx).bound()
		p.send(ctx, notifications(numbered("a", 20))...)
		r.seen(ctx, numbered("a", 20)...)
		Expect(second.Report().Facts).To(BeZero())
		Expect(second.Report().LastBeat).To(BeZero(), "it cannot know how far the first one is")
		Expect(second.Ready()).To(Succeed())
		r.now.Store(int64(time.Hour))
		Expect(second.Ready()).To(MatchError(ContainSubstring("standby")))
		first.stop()
		p.send(ctx, notifications(numbered("b", 20))...)
		r.seen(ctx, append(numbered("a", 20), numbered("b", 20)...)...)
		Expect(second.Report().Facts).To(Equal(20))
		Expect(r.gaps(ctx)).To(BeEmpty())
	})
})

var _ = Describe("Without a collector", func() {
	It("nothing of one goes on", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		p.send(ctx, notifications(numbered("i", 100))...)
		r.seen(ctx, numbered("i", 100)...)
		c.stop()
		Expect(p.connection.Close()).To(Succeed())
		// goleak would find the embedded server's, which come and go.
		Eventually(func() []string {
			stacks := make([]byte, 1<<20)
			var left []string
			for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
				if strings.Contains(stack, "/collector/trove.") || strings.Contains(stack, "amqp091-go.") {
					left = append(left, stack)
				}
			}
			return left
		}).WithTimeout(patience).Should(BeEmpty())
	})
})

var _ = Describe("Trove's own code", func() {
	It("lives a database's life that is stored as it was", func(ctx SpecContext) {
		r := newRig(ctx)
		r.publisher(false)
		r.start(ctx).bound()
		emit := exec.CommandContext(ctx, "/usr/bin/python3", "-W", "ignore", "../../deploy/trove/emit.py",
			"rabbit"+strings.TrimPrefix(broker().URL(), "amqp"), "--exchange", r.name("trove"), "--topic", r.topic(),
			"--token", planted)
		var problems strings.Builder
		emit.Stderr = &problems
		out, err := emit.Output()
		Expect(err).NotTo(HaveOccurred(), "%s (%s)", problems.String(), rabbit.InstallCommand)
		instance := strings.TrimSpace(string(out))
		Eventually(func() int { return len(r.facts(ctx)) }).WithTimeout(patience).Should(Equal(7))
		var lines []string
		for _, u := range r.facts(ctx) {
			Expect(u.Resource).To(Equal(instance))
			line := u.Event
			if u.Footprint.FlavorID != "" {
				line += " flavour " + u.Footprint.FlavorID
			}
			if gb, known := u.Footprint.VolumeGB.Get(); known {
				line += fmt.Sprintf(" %d GB", gb)
			}
			lines = append(lines, line)
		}
		Expect(lines).To(Equal([]string{
			"exists flavour 10", "create flavour 10 1 GB", "exists flavour 10", "resize_volume.end 3 GB",
			"modify_flavor flavour 2 3 GB",
			"exists flavour 2", "delete flavour 2 3 GB",
		}))
		Expect(r.quarantined(ctx)).To(BeEmpty())
		for _, m := range r.stored(ctx, "USAGE", ">") {
			Expect(string(m.Data)).NotTo(ContainSubstring(planted))
		}
	})
})

// planted is a secret. It must not be found in anything that the collector writes.
const planted = "PLANTED-SECRET-4711"

// payloadOf is the payload of the first notification in a file.
func payloadOf(file string) json.RawMessage {
	GinkgoHelper()
	text, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	line, _, _ := strings.Cut(string(text), "\n")
	var outer struct {
		Message string          `json:"oslo.message"`
		Payload json.RawMessage `json:"payload"`
	}
	Expect(json.Unmarshal([]byte(line), &outer)).To(Succeed())
	if outer.Message != "" {
		Expect(json.Unmarshal([]byte(outer.Message), &outer)).To(Succeed())
	}
	return outer.Payload
}
