package deploy_test

import (
	"context"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
)

// A server can have another form for acknowledgements and flow control (the feature js_ack_fc_v2):
// with domain and account in front of the names of stream and consumer.
var _ = DescribeTable("With acknowledgements in either form", func(ctx SpecContext, features, form string) {
	for name, value := range variables {
		GinkgoT().Setenv(name, value)
	}
	text, err := os.ReadFile(configuration)
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "nats.conf")
	Expect(os.WriteFile(file, append([]byte(features), text...), 0o600)).To(Succeed())
	url, stop, err := bustest.StartFromFile(file, GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	connect := func(user string) *bus.Bus {
		b, err := bus.Connect(ctx, bus.Config{URL: url, User: user, Password: passwords[user]})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		return b
	}
	dial := func(user string) *bustest.Client {
		c, err := bustest.Dial(url, user, passwords[user])
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}
	Expect(connect("operator").EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())

	By("a service's snapshot, and a collector's status, which are read with flow control")
	projector := connect("projector")
	large := make([]byte, 3<<20)
	Expect(projector.PutObject(ctx, "daybook-projector", "state", large)).To(Succeed())
	Expect(projector.GetObject(ctx, "daybook-projector", "state")).To(Equal(large))
	Expect(connect("collector").PutObject(ctx, status.Bucket, "cf.prod", []byte(`{"source":"cf"}`))).To(Succeed())
	Expect(status.Read(ctx, connect("reader"))).To(HaveLen(1))

	By("a tenant's consumer")
	const charge = "billing.charge.acme.cf.prod.app.a1"
	_, err = connect("pricer").AppendDerived(ctx, events.StreamBilling, []bus.Message{{Subject: charge}}, bus.Expect{})
	Expect(err).NotTo(HaveOccurred())
	answer, err := dial("operator").Request("$JS.API.CONSUMER.DURABLE.CREATE.BILLING.tenant-acme",
		[]byte(`{"stream_name":"BILLING","config":{"durable_name":"tenant-acme","ack_policy":"explicit","deliver_policy":"all","filter_subject":"billing.charge.acme.>"}}`))
	Expect(err).NotTo(HaveOccurred())
	Expect(string(answer.Data)).NotTo(ContainSubstring(`"error"`))
	tenant := dial("tenant-acme")
	m, err := tenant.Request("daybook.API.CONSUMER.MSG.NEXT.BILLING.tenant-acme",
		[]byte(`{"batch":1,"expires":5000000000}`))
	Expect(err).NotTo(HaveOccurred())
	Expect(m.Subject).To(Equal(charge))
	Expect(m.Reply).To(HavePrefix(form))
	Expect(tenant.Publish(m.Reply, "", []byte("+ACK"))).To(Succeed())
	Eventually(func(_ context.Context) string {
		info, err := tenant.Request("daybook.API.CONSUMER.INFO.BILLING.tenant-acme", nil)
		Expect(err).NotTo(HaveOccurred())
		return string(info.Data)
	}).WithContext(ctx).Should(ContainSubstring(`"num_ack_pending":0`))
	Expect(tenant.Publish("$JS.ACK._.hash.BILLING.tenant-other.1.1.1.1.0", "", nil)).To(MatchError(bustest.ErrDenied))
},
	Entry("of today", "", "$JS.ACK.BILLING.tenant-acme."),
	Entry("with domain and account", "feature_flags { js_ack_fc_v2: true }\n", "$JS.ACK._."),
)
