package trove_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/trove"
)

var _ = Describe("Connecting, the Trove collector", func() {
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
		p.send(ctx, notify("i"))
		r.seen(ctx, "i")
	})
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
