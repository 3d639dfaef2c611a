package trove_test

import (
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

var _ = Describe("At the broker, the Trove collector", func() {
	DescribeTable("finds out how the exchange was made", func(ctx SpecContext, durable bool, text string) {
		r := newRig(ctx)
		p := r.publisher(durable)
		r.start(ctx).bound()
		Expect(r.log.String()).To(ContainSubstring("durability=" + text))
		p.declare(durable) // Trove does so again and again, and is not refused
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
	},
		Entry("durable", true, "durable"),
		Entry("not durable", false, `"not durable"`),
	)

	It("waits for an exchange that does not exist, and makes none that Trove could not use", func(ctx SpecContext) {
		r := newRig(ctx)
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("none of the exchanges"),
			ContainSubstring("--durable-exchange"))))
		p := r.publisher(true)
		c.bound()
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
		Expect(r.gaps(ctx)).To(HaveLen(1), "what was sent before it was bound is lost")
		Expect(r.gaps(ctx)[0].Reason).To(ContainSubstring("--drain-queue " + "notifications.info"))
	})

	It("makes an exchange as it is told to, so that nothing is lost at first", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Durability = trove.DurabilityNo
		r.start(ctx).bound()
		p := r.publisher(false)
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
		Expect(r.gaps(ctx)).To(BeEmpty())
	})

	It("binds to each exchange that exists, and to one that comes later", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Exchanges = []string{r.name("trove"), r.name("openstack")}
		p := r.publisher(false)
		r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		p.exchange = r.name("openstack")
		p.declare(false)
		Eventually(r.log.String).WithTimeout(patience).Should(ContainSubstring("msg=bound exchange=" + p.exchange))
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
		Expect(r.gaps(ctx)).To(HaveExactElements(HaveField("From", BeTemporally("<", time.Now().Add(-time.Minute)))),
			"so long it may have been there unseen")
	})

	It("notices that the exchange was deleted and made anew, says so, and binds again", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		c := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		Expect(p.channel.ExchangeDelete(p.exchange, false, false)).To(Succeed())
		p.declare(true)
		p.send(ctx, notify("lost"))
		Eventually(func() int { return len(r.gaps(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		c.bound()
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
		gap := r.gaps(ctx)[0]
		Expect(gap.From).To(BeTemporally("<", gap.To))
		Expect(gap.Reason).To(ContainSubstring("was not bound to exchange " + p.exchange))
		Expect(c.Report()).To(And(HaveField("Gaps", BeNumerically(">", 0)), HaveField("Lost", BeNumerically(">", 0)),
			HaveField("LastError", ContainSubstring("lost its binding"))))
		Expect(r.log.String()).To(ContainSubstring("level=ERROR msg=unbound"))
	})

	It("makes its queue again when it was deleted, and says what may be lost", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		c := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		_, err := p.channel.QueueDelete(r.cfg.Queue, false, false, false)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int { return len(r.gaps(ctx)) }).WithTimeout(patience).Should(Equal(1))
		c.bound()
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
	})

	It("says that a backlog may be lost which went with its queue before it was stored", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		first := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		first.stop()
		p.send(ctx, notify("lost"))
		sent := time.Now()
		r.now.Store(int64(time.Hour))
		r.store.failing(func(string, []bus.Message, func() (uint64, error)) (uint64, error) {
			return 0,
				bus.ErrNotConnected
		})
		second := r.start(ctx)
		Eventually(second.Ready).WithTimeout(patience).Should(MatchError(ContainSubstring("cannot be stored")))
		_, err := p.channel.QueueDelete(r.cfg.Queue, false, false, false)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int { return second.Report().Sessions }).WithTimeout(patience).Should(Equal(2))
		r.store.failing(nil)
		second.bound()
		Expect(r.gaps(ctx)).To(HaveExactElements(HaveField("From", BeTemporally("<", sent))))
		Expect(r.facts(ctx)).To(BeEmpty())
	})

	It("sees that its binding was lost while another queue took its markers, too", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		r.cfg.Beat = 20 * time.Millisecond
		other, err := p.channel.QueueDeclare("", false, true, false, false, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(p.channel.QueueBind(other.Name, "#", p.exchange, false, nil)).To(Succeed())
		first := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		first.stop()
		for _, key := range append([]string{"daybook.marker." + r.cfg.Queue}, r.cfg.RoutingKeys...) {
			Expect(p.channel.QueueUnbind(r.cfg.Queue, key, p.exchange, nil)).To(Succeed())
		}
		sent := time.Now()
		p.send(ctx, notify("lost"))
		before := len(r.horizons(ctx))
		second := r.start(ctx)
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", before))
		Expect(r.gaps(ctx)).To(HaveExactElements(HaveField("From", BeTemporally("<", sent))))
		Expect(r.stored(ctx, "USAGE", "usage.trove.os-1.gap")[0].Sequence).To(BeNumerically("<", r.stored(ctx, "USAGE",
			"usage.trove.os-1.horizon")[before].Sequence))
		Expect(second.Report().LastError).To(ContainSubstring("had lost its binding"))
	})

	It("gives nothing back to the broker while a gap cannot be published", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.DeliveryLimit = 1
		p := r.publisher(true)
		first := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		first.stop()
		before := len(r.horizons(ctx))
		names := numbered("i", 20)
		p.send(ctx, notifications(names)...)
		Expect(p.channel.QueueUnbind(r.cfg.Queue, "daybook.marker."+r.cfg.Queue, p.exchange, nil)).To(Succeed())
		var failed atomic.Int64
		r.store.failing(func(_ string, msgs []bus.Message, _ func() (uint64, error)) (uint64, error) {
			if strings.HasSuffix(msgs[1].Subject, ".gap") {
				failed.Add(1)
			}
			return 0, bus.ErrNotConnected
		})
		c := r.start(ctx)
		Eventually(failed.Load).WithTimeout(patience).Should(BeNumerically(">", 16), "several rounds of attempts")
		Expect(c.Ready()).To(MatchError(ContainSubstring("cannot be stored")))
		Expect(r.horizons(ctx)).To(HaveLen(before))
		r.store.failing(nil)
		c.bound()
		r.seen(ctx, names...)
		Expect(r.gaps(ctx)).To(HaveLen(1))
		Expect(c.Report()).To(And(HaveField("Sessions", 1), HaveField("Dead", 0)))
	})

	It("survives a lost connection without a gap, for its queue has gone on filling", func(ctx SpecContext) {
		r := newRig(ctx)
		proxy, err := rabbit.StartProxy(ctx, broker().Address())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		r.cfg.URLs = []string{proxy.URL()}
		p := r.publisher(false)
		c := r.start(ctx).bound()
		names := numbered("i", 400)
		p.send(ctx, notifications(names[:200])...)
		proxy.Cut()
		p.send(ctx, notifications(names[200:])...)
		r.seen(ctx, names...)
		Eventually(func() int { return c.Report().Sessions }).WithTimeout(patience).Should(BeNumerically(">=", 2))
		Expect(r.gaps(ctx)).To(BeEmpty())
	})
})

var _ = Describe("A broker that restarts", Ordered, func() {
	It("loses nothing when the publisher is back first, for oslo.messaging's own queue is "+
		"drained", func(ctx SpecContext) {
		scale.Long(Skip)
		own, err := rabbit.Start(ctx, rabbit.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(own.Close)
		r := newRig(ctx)
		r.cfg.URLs = []string{own.URL()}
		r.cfg.Drain = []string{r.topic() + ".info"}
		n, err := rabbit.StartNotifier(ctx, rabbit.NotifierOptions{
			URL: own.URL(), Exchange: r.name("trove"),
			Topic: r.topic(),
		})
		Expect(err).NotTo(HaveOccurred())
		send := func(from, to int) {
			GinkgoHelper()
			for range to - from {
				Expect(n.Send(rabbit.Notification{
					Publisher: "taskmanager.h", Type: "trove.instance.create",
					Payload: payloadOf("testdata/seed.jsonl"),
				})).To(Succeed())
			}
		}
		send(0, 1) // makes the exchange and its own queue
		c := r.start(ctx).bound()
		send(1, 30)
		Eventually(func() int { return len(r.facts(ctx)) }).WithTimeout(patience).Should(Equal(30))
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))

		gate := newGate(r)
		Expect(own.Down()).To(Succeed())
		Eventually(c.Ready).WithTimeout(patience).ShouldNot(Succeed())
		Expect(own.Up(ctx)).To(Succeed())
		send(30, 60) // the exchange is made anew, and our queue is not bound to it
		gate.open()
		c.bound()
		send(60, 90)
		Eventually(func() int { return len(r.facts(ctx)) }).WithTimeout(patience).Should(Equal(90))
		Expect(r.gaps(ctx)).To(HaveLen(1))
		Expect(r.gaps(ctx)[0].Reason).To(And(ContainSubstring("amqp_durable_queues"), ContainSubstring("also drains")))
		Expect(n.Close()).To(Succeed())
	})
})
