package trove_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

var _ = Describe("As a user of its own, the Trove collector", func() {
	It("collects with the documented permissions from the exchange that exists, when it is told to make what is "+
		"missing", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(true)
		r.cfg.Exchanges = []string{r.name("trove"), r.name("openstack")}
		r.cfg.Durability = trove.DurabilityYes
		r.permit(ctx, "^QUEUE", "^(QUEUE|trove|openstack|amq\\.default)", "^(QUEUE|trove|openstack)")
		c := r.start(ctx).bound()
		p.send(ctx, notify("i"))
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
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
		Expect(c.Report().LastError).To(And(ContainSubstring("to exchange "+r.name("openstack")),
			ContainSubstring("lacks a permission")))
		sent := time.Now()
		other.send(ctx, notify("lost"))
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
		p.send(ctx, notify("i"))
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
		p.send(ctx, notify("i"))
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
		p.send(ctx, notify("j"))
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
