package deploy_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
	"github.com/daybook-billing/daybook/reconcile/requests"
)

// agreeing does what it is asked for.
type agreeing struct{}

func (agreeing) Do(_ context.Context, r *requests.Request) (*requests.Done, error) {
	return &requests.Done{Text: r.Act + " for " + r.By}, nil
}

// noon is when a reconciler has looked.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

const (
	configuration = "nats/nats-server.conf"
	// A bcrypt hash begins with $, as a variable does: the server must tell them apart.
	projectorHash = "$2a$04$I65sEUBn4A//CfNz7LkTFul99L5BAebSeV3/ccC2gxZc3zFGbqF2q"
	fact          = "usage.cf.prod.acme.app.a1"
)

var variables = map[string]string{
	"DAYBOOK_NATS_NAME": "nats-1", "DAYBOOK_SYS_PASSWORD": "psys", "DAYBOOK_COLLECTOR_PASSWORD": "pcollector",
	"DAYBOOK_PROJECTOR_PASSWORD": "pprojector", "DAYBOOK_PRICER_PASSWORD": "ppricer",
	"DAYBOOK_READER_PASSWORD":   "preader",
	"DAYBOOK_OPERATOR_PASSWORD": "poperator", "DAYBOOK_TENANT_ACME_PASSWORD": "ptenantacme",
	"DAYBOOK_REPLAY_PASSWORD": "preplay", "DAYBOOK_API_PASSWORD": "papi",
	"DAYBOOK_RECONCILER_PASSWORD": "preconciler",
}

var passwords = map[string]string{
	"collector": "pcollector", "projector": "pprojector", "pricer": "ppricer", "reader": "preader",
	"operator": "poperator", "replay": "preplay", "api": "papi", "tenant-acme": "ptenantacme",
	"reconciler": "preconciler",
}

// natsCLI runs a line of README.md as a user, and returns its output.
func natsCLI(url string) func(ctx context.Context, user, line string) string {
	program := os.Getenv("DAYBOOK_NATS_CLI")
	if program == "" {
		Skip("DAYBOOK_NATS_CLI is not set; make test builds the CLI and sets it")
	}
	return func(ctx context.Context, user, line string) string {
		GinkgoHelper()
		readme, err := os.ReadFile("README.md")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(readme)).To(ContainSubstring("nats " + line))
		command := exec.CommandContext(ctx, program, strings.Fields(strings.ReplaceAll(line, "'", ""))...)
		command.Env = append(os.Environ(), "HOME="+GinkgoT().TempDir(), "NATS_URL="+url, "NATS_USER="+user,
			"NATS_PASSWORD="+passwords[user])
		output, err := command.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		return string(output)
	}
}

var _ = Describe("The NATS configuration", Ordered, ContinueOnFailure, func() {
	var url string

	dial := func(user string) *bustest.Client {
		GinkgoHelper()
		c, err := bustest.Dial(url, user, passwords[user])
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}
	connect := func(ctx context.Context, user string) *bus.Bus {
		GinkgoHelper()
		b, err := bus.Connect(ctx, bus.Config{URL: url, User: user, Password: passwords[user]})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(b.Close)
		return b
	}
	// store appends one message behind whatever the stream holds.
	store := func(ctx context.Context, b *bus.Bus, stream, subject, filter string) {
		GinkgoHelper()
		last, err := b.Last(ctx, stream, filter)
		if err != nil {
			Expect(err).To(MatchError(bus.ErrNotFound))
		}
		_, err = b.Append(ctx, stream, []bus.Message{{Subject: subject, Data: []byte(subject)}},
			bus.Expect{Filter: filter, Last: last.Sequence})
		Expect(err).NotTo(HaveOccurred())
	}
	read := func(ctx context.Context, b *bus.Bus, stream string) string {
		GinkgoHelper()
		r, err := b.Read(ctx, stream, 1, bus.ReadOptions{})
		Expect(err).NotTo(HaveOccurred())
		defer r.Close()
		m, err := r.Next(ctx)
		Expect(err).NotTo(HaveOccurred())
		return m.Subject
	}

	BeforeAll(func(ctx context.Context) {
		for name, value := range variables {
			GinkgoT().Setenv(name, value)
		}
		started, stop, err := bustest.StartFromFile(configuration, GinkgoT().TempDir())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stop)
		url = started

		operator := connect(ctx, "operator")
		Expect(operator.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		store(ctx, connect(ctx, "collector"), events.StreamUsage, fact, events.SubjectsUsage)
		act := events.ActSubject(events.ActCatalogue, "", "")
		store(ctx, operator, events.StreamUsage, act, act)
		store(ctx, connect(ctx, "collector"), events.StreamQuarantine, "quarantine.cf.prod", events.SubjectsQuarantine)
		store(ctx, connect(ctx, "projector"), events.StreamMetered, "metered.cf.prod.acme.app.a1",
			events.SubjectsMetered)
		store(ctx, connect(ctx, "pricer"), events.StreamBilling, "billing.charge.acme.cf.prod.app.a1",
			events.SubjectsBilling)
		store(ctx, connect(ctx, "pricer"), events.StreamBilling, "billing.charge.other.cf.prod.app.a2",
			events.SubjectsBilling)
	})

	It("finds the streams as Daybook wants them, for every service", func(ctx context.Context) {
		for _, user := range []string{"collector", "projector", "pricer", "reader", "api", "reconciler"} {
			Expect(connect(ctx, user).EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed(), user)
		}
	})

	DescribeTable("lets a user read", func(ctx context.Context, user, stream, first string) {
		b := connect(ctx, user)
		Expect(read(ctx, b, stream)).To(Equal(first))
		m, err := b.Get(ctx, stream, 1)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Subject).To(Equal(first))
	},
		Entry("the collector its cursor", "collector", "USAGE", fact),
		Entry("the collector its quarantine", "collector", "QUARANTINE", "quarantine.cf.prod"),
		Entry("the projector its input", "projector", "USAGE", fact),
		Entry("the projector its checkpoint", "projector", "METERED", "metered.cf.prod.acme.app.a1"),
		Entry("the pricer its input", "pricer", "METERED", "metered.cf.prod.acme.app.a1"),
		Entry("the pricer its checkpoint", "pricer", "BILLING", "billing.charge.acme.cf.prod.app.a1"),
		Entry("the reconciler what was collected", "reconciler", "USAGE", fact),
		Entry("the reconciler what is billed", "reconciler", "METERED", "metered.cf.prod.acme.app.a1"),
		Entry("a reader the facts", "reader", "USAGE", fact),
		Entry("a reader the spans", "reader", "METERED", "metered.cf.prod.acme.app.a1"),
		Entry("a reader the charges", "reader", "BILLING", "billing.charge.acme.cf.prod.app.a1"),
		Entry("a reader the quarantine", "reader", "QUARANTINE", "quarantine.cf.prod"),
		Entry("the API the facts", "api", "USAGE", fact),
		Entry("the API the spans", "api", "METERED", "metered.cf.prod.acme.app.a1"),
		Entry("the API the charges", "api", "BILLING", "billing.charge.acme.cf.prod.app.a1"),
		Entry("the API the quarantine", "api", "QUARANTINE", "quarantine.cf.prod"),
	)

	for _, user := range []string{"projector", "pricer"} {
		It("lets the "+user+" keep snapshots, replace and delete them", func(ctx context.Context) {
			b, bucket := connect(ctx, user), "daybook-"+user
			Expect(b.PutObject(ctx, bucket, "state", []byte("one"))).To(Succeed())
			Expect(b.PutObject(ctx, bucket, "state", []byte("two"))).To(Succeed())
			Expect(b.GetObject(ctx, bucket, "state")).To(Equal([]byte("two")))
			Expect(b.ListObjects(ctx, bucket)).To(Equal([]string{"state"}))
			Expect(b.DeleteObject(ctx, bucket, "state")).To(Succeed())
			Expect(b.ListObjects(ctx, bucket)).To(BeEmpty())
		})
	}

	It("lets the pricer and the projector see which replays have begun", func(ctx context.Context) {
		for _, user := range []string{"pricer", "projector"} {
			_, err := connect(ctx, user).Each(ctx, events.StreamUsage, 1, bus.End,
				bus.ReadOptions{Filters: []string{events.ActSubject(events.ActReplay, "", "")}},
				func(*bus.Stored) error { return nil })
			Expect(err).NotTo(HaveOccurred(), user)
		}
	})

	DescribeTable("lets a user save what bills begin with, and a reader begin there and save nothing",
		func(ctx context.Context, user string) {
			const bucket = "daybook-ledger"
			saving, reader := connect(ctx, user), connect(ctx, "reader")
			Expect(reader.PutObject(ctx, bucket, "x", nil)).To(MatchError(bus.ErrDenied))
			Expect(saving.PutObject(ctx, bucket, "state", []byte("one"))).To(Succeed())
			Expect(saving.PutObject(ctx, bucket, "old", []byte("two"))).To(Succeed())
			Expect(saving.DeleteObject(ctx, bucket, "old")).To(Succeed())
			Expect(reader.ListObjects(ctx, bucket)).To(Equal([]string{"state"}))
			Expect(reader.GetObject(ctx, bucket, "state")).To(Equal([]byte("one")))
			Expect(reader.PutObject(ctx, bucket, "x", nil)).To(MatchError(bus.ErrDenied))
		},
		Entry("the API, which creates the bucket", "api"),
		Entry("the operator", "operator"),
	)

	It("lets the reconciler and the operator store observations and plans, a reader and the API see the plans", func(
		ctx context.Context,
	) {
		for _, user := range []string{"reconciler", "operator"} {
			b := connect(ctx, user)
			n, err := acts.Observe(ctx, b, "cf", "prod", "plan of "+user, []events.Observation{{
				Finding: events.FindingGone, Kind: events.KindApp, Resource: "a1", At: noon, Seen: noon,
			}}, "ann", "", noon)
			Expect(err).NotTo(HaveOccurred(), user)
			Expect(n).To(Equal(1))
			Expect(b.PutObject(ctx, plans.Bucket, "cf.prod.plan", []byte("of "+user))).To(Succeed(), user)
			Expect(b.PutObject(ctx, plans.Bucket, "cf.prod.plan", []byte("by "+user))).To(Succeed(), user)
			for _, looking := range []string{"reader", "api"} {
				b := connect(ctx, looking)
				Expect(b.GetObject(ctx, plans.Bucket, "cf.prod.plan")).To(Equal([]byte("by "+user)), looking)
				Expect(b.ListObjects(ctx, plans.Bucket)).To(Equal([]string{"cf.prod.plan"}), looking)
			}
			Expect(connect(ctx, "reader").PutObject(ctx, plans.Bucket, "x", nil)).To(MatchError(bus.ErrDenied))
		}
	})

	It("lets the API ask the reconciler, take a plan back, and leave resources alone", func(ctx context.Context) {
		at := plans.Place{Source: "cf", Foundation: "prod"}
		serving, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			ended <- requests.Serve(serving, connect(ctx, "reconciler"), map[plans.Place]requests.Doer{at: agreeing{}},
				slog.New(slog.DiscardHandler))
		}()
		defer func() {
			stop()
			Expect(<-ended).To(Succeed())
		}()
		b := connect(ctx, "api")
		Eventually(func() (*requests.Done, error) {
			return requests.Ask(ctx, b, at, &requests.Request{Act: requests.Plan, By: "ann"})
		}).Should(Equal(&requests.Done{Text: "plan for ann"}))
		_, err := acts.Observe(ctx, connect(ctx, "reconciler"), "cf", "prod", "a plan", []events.Observation{{
			Finding: events.FindingGone, Kind: events.KindApp, Resource: "a1", At: noon, Seen: noon,
		}}, "ann", "", noon)
		Expect(err).NotTo(HaveOccurred())
		Expect(acts.Revert(ctx, b, "cf", "prod", "a plan", "ann", "a mistake", noon)).To(BeTrue())
		Expect(plans.Ignore(ctx, b, "cf", "prod", &reconcile.Limitation{Resource: "x"}, noon)).To(Succeed())
	})

	It("lets the collector tell how it is doing, and a reader and the API see it", func(ctx context.Context) {
		collector := connect(ctx, "collector")
		Expect(collector.PutObject(ctx, status.Bucket, "cf.prod", []byte(`{"source":"cf"}`))).To(Succeed())
		Expect(collector.PutObject(ctx, status.Bucket, "cf.prod",
			[]byte(`{"source":"cf","foundation":"prod"}`))).To(Succeed())
		for _, user := range []string{"reader", "api"} {
			Expect(status.Read(ctx, connect(ctx, user))).To(Equal([]status.Status{{
				Source: "cf", Foundation: "prod",
			}}), user)
		}
	})

	DescribeTable("refuses what a user may not publish", func(user string, subjects ...string) {
		c := dial(user)
		for _, subject := range subjects {
			Expect(c.Publish(subject, "", nil)).To(MatchError(bustest.ErrDenied), subject)
		}
	},
		Entry("collector", "collector", "metered.cf.prod.t.app.a", "billing.charge.t.cf.prod.app.a",
			"usage.act.catalogue.all.all",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE.USAGE", "$JS.API.STREAM.DELETE.USAGE",
			"$JS.API.STREAM.PURGE.USAGE", "$JS.API.STREAM.MSG.DELETE.USAGE",
			"$JS.API.STREAM.MSG.GET.BILLING", "$JS.API.DIRECT.GET.METERED", "$JS.API.CONSUMER.CREATE.BILLING.x",
			"$O.daybook-projector.M.x", "_INBOX.x"),
		Entry("projector", "projector", "usage.cf.prod.t.app.a", "billing.charge.t.cf.prod.app.a",
			"usage.act.catalogue.all.all",
			"quarantine.cf.prod",
			"$JS.API.STREAM.DELETE.METERED", "$JS.API.STREAM.PURGE.METERED", "$JS.API.CONSUMER.CREATE.BILLING.x",
			"$O.daybook-pricer.M.x", "$JS.API.STREAM.PURGE.OBJ_daybook-pricer"),
		Entry("pricer", "pricer", "usage.cf.prod.t.app.a", "metered.cf.prod.t.app.a", "usage.act.replay.all.all",
			"usage.act.closing.cf.prod", "usage.act.catalogue.all.all", "quarantine.cf.prod",
			"$JS.API.STREAM.DELETE.BILLING", "$JS.API.STREAM.PURGE.BILLING", "$JS.API.CONSUMER.CREATE.USAGE.x",
			"$JS.API.CONSUMER.CREATE.USAGE.x.usage.cf.>",
			"$O.daybook-projector.M.x", "$JS.API.STREAM.PURGE.OBJ_daybook-projector"),
		Entry("reconciler", "reconciler", "usage.cf.prod.t.app.a", "metered.cf.prod.t.app.a",
			"billing.charge.t.cf.prod.app.a", "usage.act.decision.cf.prod", "usage.act.retirement.cf.prod",
			"quarantine.cf.prod", "$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.PURGE.USAGE",
			"$JS.API.CONSUMER.CREATE.BILLING.x", "$O.daybook-projector.M.x", "$KV.daybook-names.x"),
		Entry("reader", "reader", "usage.cf.prod.t.app.a", "metered.cf.prod.t.app.a", "billing.charge.t.cf.prod.app.a",
			"usage.act.catalogue.all.all", "quarantine.cf.prod",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.USAGE", "$JS.API.STREAM.PURGE.METERED",
			"$JS.API.STREAM.MSG.DELETE.BILLING", "$O.daybook-pricer.M.x", "$O.daybook-status.M.x",
			"$O.daybook-ledger.M.x"),
		Entry("api", "api", "usage.cf.prod.t.app.a", "metered.cf.prod.t.app.a", "billing.charge.t.cf.prod.app.a",
			"usage.act.retirement.cf.prod", "usage.act.erasure.cf.prod", "usage.act.replay.all.all",
			"usage.act.seal.cf.prod", "quarantine.cf.prod", "quarantine.cf.prod.settled", "daybook.query.acme.totals",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.USAGE", "$JS.API.STREAM.PURGE.METERED",
			"$O.daybook-pricer.M.x", "$KV.daybook-names.x"),
		Entry("operator", "operator", "usage.cf.prod.t.app.a", "metered.cf.prod.t.app.a",
			"billing.charge.t.cf.prod.app.a", "quarantine.cf.prod"),
		Entry("replay", "replay", "usage.cf.prod.t.app.a", "usage.act.catalogue.all.all", "quarantine.cf.prod",
			"$JS.API.STREAM.DELETE.METERED", "$JS.API.STREAM.PURGE.METERED", "$JS.API.STREAM.UPDATE.BILLING"),
		Entry("tenant", "tenant-acme", "billing.charge.acme.cf.prod.app.a", "usage.cf.prod.acme.app.a", "$JS.API.INFO",
			"$JS.API.STREAM.INFO.BILLING",
			"$JS.API.DIRECT.GET.BILLING", "$JS.API.DIRECT.GET.BILLING.billing.effect.v1",
			"$JS.API.CONSUMER.CREATE.BILLING.x", "$JS.API.CONSUMER.CREATE.BILLING.x.billing.effect.v1",
			"daybook.API.CONSUMER.MSG.NEXT.BILLING.tenant-other", "$JS.API.CONSUMER.MSG.NEXT.BILLING.tenant-acme",
			"$JS.ACK.BILLING.tenant-other.1.1.1.1.0", "daybook.query.other.totals", "daybook.query.all.totals",
			"daybook.query.>", "$SRV.INFO"),
	)

	DescribeTable("refuses what a user may not listen to", func(user string, subjects ...string) {
		c := dial(user)
		for _, subject := range subjects {
			_, err := c.Subscribe(subject)
			Expect(err).To(MatchError(bustest.ErrDenied), subject)
		}
	},
		Entry("collector", "collector", "usage.>", "billing.>", ">"),
		Entry("projector", "projector", "billing.>", "$JS.>", ">"),
		Entry("pricer", "pricer", "usage.>", ">"),
		Entry("reconciler", "reconciler", "usage.>", "metered.>", ">"),
		Entry("reader", "reader", "$JS.API.>", "$O.>", "daybook.query.>", ">"),
		Entry("api", "api", "usage.>", "billing.>", "$JS.>", ">"),
		Entry("tenant", "tenant-acme", ">", "daybook.query.acme.>", "billing.>", "billing.charge.>",
			"billing.charge.other.>", "billing.charge.*.cf.prod.app.a1", "billing.statement.other.>",
			"billing.effect.>", "usage.>", "metered.>"),
	)

	It("gives the bus an error that names what is refused", func(ctx context.Context) {
		_, err := connect(ctx, "collector").Append(ctx, events.StreamMetered,
			[]bus.Message{{Subject: "metered.cf.prod.t.app.a"}}, bus.Expect{})
		Expect(err).To(MatchError(bus.ErrDenied))
		Expect(err).To(MatchError(ContainSubstring("metered.cf.prod.t.app.a")))
	})

	It("shows a tenant its own charges and statements as they come, and nobody else's", func(ctx context.Context) {
		tenant := dial("tenant-acme")
		billed, err := tenant.Subscribe("billing.statement.acme.>")
		Expect(err).NotTo(HaveOccurred())
		heard, err := tenant.Subscribe("billing.charge.acme.>")
		Expect(err).NotTo(HaveOccurred())
		pricer := connect(ctx, "pricer")
		store(ctx, pricer, events.StreamBilling, "billing.charge.other.cf.prod.app.a2", events.SubjectsBilling)
		store(ctx, pricer, events.StreamBilling, "billing.charge.acme.cf.prod.app.a1", events.SubjectsBilling)
		Eventually(heard).Should(Receive(HaveField("Subject", "billing.charge.acme.cf.prod.app.a1")))
		Expect(heard).NotTo(Receive())
		store(ctx, pricer, events.StreamBilling, "billing.statement.acme.cf.prod.2026-10", events.SubjectsBilling)
		Eventually(billed).Should(Receive(HaveField("Subject", "billing.statement.acme.cf.prod.2026-10")))
	})

	It("gives a tenant all its charges from the start through its consumer, and no way to write with "+
		"it", func(ctx context.Context) {
		answer, err := dial("operator").Request("$JS.API.CONSUMER.DURABLE.CREATE.BILLING.tenant-acme",
			[]byte(`{"stream_name":"BILLING","config":{"durable_name":"tenant-acme","ack_policy":"explicit","deliver_policy":"all","filter_subject":"billing.charge.acme.>"}}`))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer.Data)).NotTo(ContainSubstring(`"error"`))

		tenant := dial("tenant-acme")
		const next = "daybook.API.CONSUMER.MSG.NEXT.BILLING.tenant-acme"
		m, err := tenant.Request(next, []byte(`{"batch":1,"expires":5000000000}`))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(m.Data)).To(Equal("billing.charge.acme.cf.prod.app.a1"))
		Expect(m.Reply).To(HavePrefix("$JS.ACK.BILLING.tenant-acme."))
		Expect(tenant.Publish(m.Reply, "", []byte("+ACK"))).To(Succeed())
		info := func() string {
			m, err := tenant.Request("daybook.API.CONSUMER.INFO.BILLING.tenant-acme", nil)
			Expect(err).NotTo(HaveOccurred())
			return string(m.Data)
		}
		Eventually(info).Should(ContainSubstring(`"num_ack_pending":0`))

		operator := connect(ctx, "operator")
		before, err := operator.Stream(ctx, events.StreamBilling)
		Expect(err).NotTo(HaveOccurred())
		Expect(tenant.Publish(next, "billing.charge.acme.cf.prod.app.forged",
			[]byte(`{"batch":1,"no_wait":true}`))).To(Succeed())
		Expect(info()).NotTo(BeEmpty()) // the request before has been answered
		Expect(operator.Stream(ctx, events.StreamBilling)).To(Equal(before))
	})

	It("works with the nats CLI as README.md shows it", func(ctx context.Context) {
		run := natsCLI(url)
		run(ctx, "operator", "consumer add BILLING tenant-acme --pull --filter 'billing.charge.acme.>' "+
			"--filter 'billing.statement.acme.>' --deliver all --ack explicit --defaults")
		Expect(run(ctx, "tenant-acme", "--js-api-prefix daybook.API consumer next BILLING tenant-acme --count 1 "+
			"--ack")).To(And(
			ContainSubstring("subj: billing.charge.acme."), ContainSubstring("Acknowledged message")))
		Expect(run(ctx, "reader", "stream ls")).To(And(ContainSubstring("USAGE"), ContainSubstring("BILLING")))
	})

	It("refuses a wrong password, and no password", func() {
		for _, password := range []string{"wrong", ""} {
			_, err := bustest.Dial(url, "operator", password)
			Expect(err).To(MatchError(ContainSubstring("Authorization")))
		}
	})
})

var _ = Describe("The NATS server", func() {
	It("takes bcrypt hashes as passwords", func() {
		for name, value := range variables {
			GinkgoT().Setenv(name, value)
		}
		GinkgoT().Setenv("DAYBOOK_PROJECTOR_PASSWORD", projectorHash)
		url, stop, err := bustest.StartFromFile(configuration, GinkgoT().TempDir())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stop)
		c, err := bustest.Dial(url, "projector", "pprojector")
		Expect(err).NotTo(HaveOccurred())
		c.Close()
	})

	It("does not start without every password", func() {
		for name := range variables {
			for other, value := range variables {
				GinkgoT().Setenv(other, value)
			}
			Expect(os.Unsetenv(name)).To(Succeed())
			_, _, err := bustest.StartFromFile(configuration, GinkgoT().TempDir())
			Expect(err).To(MatchError(ContainSubstring(name)), fmt.Sprintf("without %s", name))
		}
	})
})
