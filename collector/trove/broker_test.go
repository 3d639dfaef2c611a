package trove_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

var _ = Describe("At the broker, the Trove collector", func() {
	DescribeTable("finds out how the exchange was made", func(ctx SpecContext, durable bool, text string) {
		r := newRig(ctx)
		p := r.publisher(durable)
		r.start(ctx).bound()
		Expect(r.log.String()).To(ContainSubstring("durability=" + text))
		p.declare(durable) // Trove does so again and again, and is not refused
		p.send(ctx, notification("i"))
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
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		Expect(r.gaps(ctx)).To(HaveLen(1), "what was sent before it was bound is lost")
		Expect(r.gaps(ctx)[0].Reason).To(ContainSubstring("--drain-queue " + "notifications.info"))
	})

	It("makes an exchange as it is told to, so that nothing is lost at first", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Durability = trove.DurabilityNo
		r.start(ctx).bound()
		p := r.publisher(false)
		p.send(ctx, notification("i"))
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
		p.send(ctx, notification("i"))
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
		p.send(ctx, notification("lost"))
		Eventually(func() int { return len(r.gaps(ctx)) }).WithTimeout(patience).Should(Equal(1))
		c.bound()
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		gap := r.gaps(ctx)[0]
		Expect(gap.From).To(BeTemporally("<", gap.To))
		Expect(gap.Reason).To(ContainSubstring("was not bound to exchange " + p.exchange))
		Expect(c.Report()).To(And(HaveField("Gaps", 1), HaveField("Lost", BeNumerically(">", 0)), HaveField("LastError",
			ContainSubstring("lost its binding"))))
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
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
	})

	It("says that a backlog may be lost which went with its queue before it was stored", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		first := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		first.stop()
		p.send(ctx, notification("lost"))
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
		p.send(ctx, notification("lost"))
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
			if strings.HasSuffix(msgs[0].Subject, ".gap") {
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

	It("goes to the next broker when one does not answer", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.URLs = []string{"amqp://guest:guest@127.0.0.1:1/", broker().URL()}
		r.publisher(false)
		r.start(ctx).bound()
		Expect(r.log.String()).To(ContainSubstring("nothing answers there"))
	})

	It("refuses a queue that was made differently, with what to do", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		_, err := p.channel.QueueDeclare(r.cfg.Queue, true, false, false, false, nil)
		Expect(err).NotTo(HaveOccurred())
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("it exists with other "+
			"properties"), ContainSubstring("name another queue"))))
	})

	DescribeTable("says what is wrong with a connection, and what to do, without a password", func(ctx SpecContext,
		change func(*trove.Config), message string,
	) {
		r := newRig(ctx)
		change(&r.cfg)
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(ContainSubstring(message)))
		Expect(r.log.String()).NotTo(ContainSubstring("guest:"))
		Expect(r.log.String()).NotTo(ContainSubstring(planted))
	},
		Entry("another authority", func(c *trove.Config) {
			c.URLs, c.CAFile = []string{broker().TLSURL()},
				broker().OtherCAFile
		},
			"signed by an authority that is not trusted"),
		Entry("the system's authorities", func(c *trove.Config) { c.URLs = []string{broker().TLSURL()} },
			"signed by an authority that is not trusted"),
		Entry("another name", func(c *trove.Config) {
			c.URLs, c.CAFile, c.ServerName = []string{broker().TLSURL()}, broker().CAFile, "rabbit.example.org"
		}, "the broker's certificate is for another name"),
		Entry("no TLS there", func(c *trove.Config) {
			c.URLs = []string{strings.Replace(broker().URL(), "amqp:",
				"amqps:", 1)}
		}, "the port does not speak TLS"),
		Entry("TLS there, which was not asked for",
			func(c *trove.Config) { c.URLs = []string{strings.Replace(broker().TLSURL(), "amqps:", "amqp:", 1)} },
			"if the port speaks TLS, which 5671 usually does, use amqps://"),
		Entry("a wrong password", func(c *trove.Config) { c.User, c.Password = "guest", planted }, "refuses the user "+
			"or its password"),
		Entry("no such virtual host", func(c *trove.Config) { c.URLs = []string{broker().URL() + "nosuch"} },
			"no such virtual host"),
	)

	It("connects with TLS and a certificate of its own", func(ctx SpecContext) {
		r := newRig(ctx)
		b := broker()
		r.cfg.URLs, r.cfg.CAFile, r.cfg.CertFile, r.cfg.KeyFile = []string{b.TLSURL()}, b.CAFile, b.CertFile, b.KeyFile
		p := r.publisher(false)
		r.start(ctx).bound()
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
	})

	It("collects with the documented permissions from the exchange that exists, when it is told to make what is "+
		"missing", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		r.cfg.Exchanges = []string{r.name("trove"), r.name("openstack")}
		r.cfg.Durability = trove.DurabilityYes
		r.permit(ctx, "^QUEUE", "^(QUEUE|trove|openstack|amq\\.default)", "^(QUEUE|trove|openstack)")
		c := r.start(ctx).bound()
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		Expect(c.Report().LastError).To(And(ContainSubstring("declaring exchange "+r.name("openstack")),
			ContainSubstring("lacks a permission")))
		Expect(strings.Count(r.log.String(), "lacks a permission")).To(Equal(1), "it is said once")
		Expect(r.gaps(ctx)).To(BeEmpty())
	})

	It("collects from the exchange that it may read, and completes no bill past the one that it may "+
		"not", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		r.cfg.Exchanges = []string{r.name("openstack"), r.name("trove")}
		other := *p
		other.exchange = r.name("openstack")
		other.declare(false)
		r.permit(ctx, "^QUEUE", "^(QUEUE|trove|amq\\.default)", "^(QUEUE|trove)")
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("may not bind to "+
			"exchange "+r.name("openstack")), ContainSubstring("--exchange"))))
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		Expect(c.Report().LastError).To(And(ContainSubstring("to exchange "+r.name("openstack")),
			ContainSubstring("lacks a permission")))
		sent := time.Now()
		other.send(ctx, notification("lost"))
		Expect(r.horizons(ctx)).To(BeEmpty())
		_, err := broker().Control(ctx, "set_permissions", r.cfg.User, ".*", ".*", ".*")
		Expect(err).NotTo(HaveOccurred())
		c.bound()
		Expect(r.gaps(ctx)).To(HaveExactElements(HaveField("From", BeTemporally("<", sent))))
	})

	It("takes a permission that is granted later, with its next connection", func(ctx SpecContext) {
		r := newRig(ctx)
		proxy, err := rabbit.StartProxy(ctx, broker().Address())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		r.cfg.URLs = []string{proxy.URL()}
		r.publisher(false)
		r.permit(ctx, "^QUEUE", "^(QUEUE|amq\\.default)", "^(QUEUE|trove)")
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(ContainSubstring("no horizon can be published")))
		_, err = broker().Control(ctx, "set_permissions", r.cfg.User, ".*", ".*", ".*")
		Expect(err).NotTo(HaveOccurred())
		proxy.Cut()
		c.bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
	})

	It("makes only Trove's exchange, where none was named", func(ctx SpecContext) {
		r := newRig(ctx)
		host := r.name("host")
		for _, arguments := range [][]string{{"add_vhost", host}, {
			"set_permissions", "-p", host, "guest", ".*", ".*",
			".*",
		}} {
			_, err := broker().Control(ctx, arguments...)
			Expect(err).NotTo(HaveOccurred())
		}
		r.cfg.URLs, r.cfg.Exchanges, r.cfg.Durability = []string{broker().URL() + host}, nil, trove.DurabilityYes
		r.start(ctx).bound()
		Expect(broker().Control(ctx, "list_exchanges", "-p", host, "name",
			"durable")).To(And(ContainSubstring("trove\ttrue"), Not(ContainSubstring("openstack"))))
	})

	It("says that bills stay incomplete for a user who may not send markers at all", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		r.start(ctx).bound().stop() // somebody else has made the queues
		r.permit(ctx, "^(QUEUE|trove)", "^QUEUE", "^(QUEUE|trove)")
		before := len(r.horizons(ctx))
		c := r.start(ctx)
		Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("no horizon can be published"),
			ContainSubstring("may not publish to exchange "+p.exchange))))
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		Expect(r.horizons(ctx)).To(HaveLen(before))
	})

	DescribeTable("works with a user who may not do everything", func(ctx SpecContext, configure, write string, durable,
		gap bool,
	) {
		r := newRig(ctx)
		p := r.publisher(durable)
		r.permit(ctx, configure, write, "^(QUEUE|trove)")
		first := r.start(ctx)
		Eventually(r.log.String).WithTimeout(patience).Should(ContainSubstring("msg=bound"))
		p.send(ctx, notification("i"))
		r.seen(ctx, "i")
		if durable {
			first.bound()
			Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		} else {
			Eventually(first.Ready).WithTimeout(patience).Should(MatchError(ContainSubstring("no horizon can be " +
				"published")))
		}
		first.stop()
		second := r.start(ctx)
		p.send(ctx, notification("j"))
		r.seen(ctx, "i", "j")
		if durable {
			second.bound()
		}
		if gap {
			Expect(r.gaps(ctx)).NotTo(BeEmpty(), "what it cannot see it must assume")
		} else {
			Expect(r.gaps(ctx)).To(BeEmpty())
		}
		if !durable {
			Expect(r.horizons(ctx)).To(BeEmpty(), "nothing proves that the binding is there")
		}
	},
		Entry("write to the queue and the exchanges, as documented", "^QUEUE", "^(QUEUE|trove|amq\\.default)", true,
			false),
		Entry("not to the exchange, which goes with the broker", "^QUEUE", "^(QUEUE|amq\\.default)", false, true),
		Entry("not to the exchange, which is durable", "^(QUEUE|trove)", "^(QUEUE|amq\\.default)", true, false),
	)
})

var _ = DescribeTable("A RabbitMQ URL that may be read wrongly is refused without a word of it:", func(url,
	message string,
) {
	_, err := trove.New(trove.Config{Foundation: "os-1", URLs: []string{url}}, trove.Deps{Store: &flaky{}})
	Expect(err).To(MatchError(ContainSubstring(message)))
	for _, piece := range []string{"123", "456", "daybook:"} {
		Expect(err.Error()).NotTo(ContainSubstring(piece))
	}
},
	Entry("a slash in the password", "amqp://daybook:123/456@host/", "an @ behind its host"),
	Entry("a hash", "amqp://daybook:123#456@host/", "an @ behind its host"),
	Entry("a question mark", "amqp://daybook:123?456@host/", "an @ behind its host"),
	Entry("a port that is none", "amqp://daybook:x123/", "cannot be read"),
	Entry("no scheme", "daybook:123456@host/", "has no scheme"),
	Entry("another scheme", "x123://daybook:456@host/", "is none that RabbitMQ's client takes"),
	Entry("several with a comma", "amqp://daybook:123@a/,amqp://daybook:456@b/", "holds several URLs"),
	Entry("several hosts", "amqp://daybook:123456@a,b/", "has a comma"),
)

var _ = It("A comma and an @ in a password are part of it, and no name shows it", func(ctx SpecContext) {
	r := newRigWithoutBroker(ctx)
	r.cfg.URLs = []string{"amqp://daybook:" + planted + ",@x@127.0.0.1:1/vhost"}
	c := r.start(ctx)
	Eventually(c.Ready).WithTimeout(patience).Should(MatchError(And(ContainSubstring("127.0.0.1:1/vhost"),
		ContainSubstring("nothing answers there"))))
	Expect(r.log.String()).NotTo(Or(ContainSubstring(planted), ContainSubstring("daybook:")))
})

var _ = Describe("The lag", func() {
	It("grows in silence, from the last horizon on", func(ctx SpecContext) {
		r := newRig(ctx)
		r.cfg.Settle = time.Hour
		r.publisher(false)
		c := r.start(ctx).bound()
		Eventually(func() time.Time { return c.Report().Horizon }).WithTimeout(patience).ShouldNot(BeZero())
		Expect(lagOf(r.metrics)).To(BeNumerically("~", time.Hour.Seconds(), 60))
	})
})

// lagOf reads the gauge as Prometheus does.
func lagOf(m *trove.Metrics) float64 {
	GinkgoHelper()
	registry := prometheus.NewPedanticRegistry()
	Expect(registry.Register(m)).To(Succeed())
	families, err := registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, f := range families {
		if f.GetName() == "daybook_trove_lag_seconds" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	Fail("no lag")
	return 0
}

var _ = Describe("The horizon", func() {
	It("never passes what is not stored", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
		var attempts atomic.Int64
		r.store.failing(func(_ string, _ []bus.Message, _ func() (uint64, error)) (uint64, error) {
			attempts.Add(1)
			return 0, bus.ErrNotConnected
		})
		sent := time.Now()
		p.send(ctx, notification("i"))
		Eventually(attempts.Load).WithTimeout(patience).Should(BeNumerically(">", 10))
		r.store.failing(nil)
		r.seen(ctx, "i")
		Eventually(func() time.Time { return c.Report().Horizon }).WithTimeout(patience).Should(BeTemporally(">", sent))
		fact := r.stored(ctx, "USAGE", "usage.trove.os-1.*.*.*")[0]
		for _, m := range r.stored(ctx, "USAGE", "usage.trove.os-1.horizon") {
			var h events.Horizon
			Expect(h.DecodeJSON(m.Data)).To(Succeed())
			if m.Sequence < fact.Sequence {
				Expect(h.Time).To(BeTemporally("<=", sent))
			}
		}
	})

	It("stands still while the exchange is gone, stays behind by the settling time, and names its collector",
		func(ctx SpecContext) {
			r := newRig(ctx)
			r.cfg.Name, r.cfg.Settle = "east", time.Hour
			p := r.publisher(true)
			c := r.start(ctx).bound()
			Eventually(func() int { return len(r.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 0))
			h := r.horizons(ctx)[0]
			Expect(h.Collector).To(Equal("east"))
			Expect(h.Time).To(BeTemporally("~", time.Now().Add(-time.Hour), time.Minute))
			Expect(p.channel.ExchangeDelete(p.exchange, false, false)).To(Succeed())
			Eventually(c.Ready).WithTimeout(patience).ShouldNot(Succeed())
			before := len(r.horizons(ctx))
			r.now.Store(int64(time.Hour))
			// The collector declares what it has seen before; until then no marker comes back.
			c.bound()
			Expect(r.gaps(ctx)).To(HaveLen(1))
			gap := r.stored(ctx, "USAGE", "usage.trove.os-1.gap")[0]
			for _, m := range r.stored(ctx, "USAGE", "usage.trove.os-1.horizon")[before:] {
				Expect(m.Sequence).To(BeNumerically(">", gap.Sequence))
			}
		})
})

var _ = Describe("A broker that restarts", Ordered, func() {
	It("loses nothing when the publisher is back first, for oslo.messaging's own queue is "+
		"drained", func(ctx SpecContext) {
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

var _ = Describe("A planted secret", func() {
	It("is in no stream, no log and no file", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		token := `"_context_auth_token":"` + planted + `","_context_service_catalog":[{"token":"` + planted +
			`"}],"client_ip":"` + planted + `","traceback":"` + planted + `",`
		full := strings.Replace(create, `{"message_id":"m"`, `{`+token+`"message_id":"m"`, 1)
		full = strings.Replace(full, `"payload":{`, `"payload":{`+token+`"admin_password":"`+planted+`",`, 1)
		other := strings.Replace(full, "trove.instance.create", "compute.instance.create", 1)
		broken := full[:len(full)-2]
		odd := strings.Replace(full, `"payload":{`,
			`"payload":{"instance_size":"many","odd":["it failed: Traceback (most recent call last):\n  File \"x.py\"\n`+planted+`"],`, 1)
		for _, body := range []string{full, other, broken, odd, odd[:len(odd)-2]} {
			p.send(ctx, body, "\x00\x01"+body, envelope(body), string(zlibbed(body)), string(gzipped(envelope(body))),
				string(zlibbed(body)[:len(zlibbed(body))-20]))
		}
		p.send(ctx, notification("last"))
		Eventually(func() []string { return r.resources(ctx) }).WithTimeout(patience).Should(ContainElement("last"))
		c.stop()
		Expect(r.facts(ctx)).To(HaveLen(2))
		Expect(r.quarantined(ctx)).To(ContainElement(HaveField("Input", And(ContainSubstring(`"instance_size":"many"`),
			ContainSubstring("it failed: Traceback (most recent call last): ***")))))
		Expect(r.log.String()).To(And(ContainSubstring("quarantined"), Not(ContainSubstring(planted))))
		for _, stream := range []string{"USAGE", "QUARANTINE"} {
			for _, m := range r.stored(ctx, stream, ">") {
				Expect(string(m.Data)).NotTo(ContainSubstring(planted))
			}
		}
		Expect(filepath.WalkDir(r.data, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			Expect(string(text)).NotTo(ContainSubstring(planted), path)
			return err
		})).To(Succeed())
	})
})

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
