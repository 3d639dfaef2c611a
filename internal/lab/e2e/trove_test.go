package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

const (
	troveRound    = 300 // notifications until the next kill
	troveLast     = 300 // after the last one
	trovePrefetch = 200 // for several batches in a round
)

var _ = Describe("Trove's notifications, from a real RabbitMQ", Ordered, ContinueOnFailure, Serial, func() {
	var (
		broker *rabbit.Broker
		alive  *liveTrove
	)

	BeforeAll(func(ctx SpecContext) {
		notShort()
		var err error
		broker, err = rabbit.Start(ctx, rabbit.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(broker.Close)
		alive = startTrove(broker)
	})

	It("are stored once each, however often the collector is killed meanwhile", func(ctx SpecContext) {
		random := newRand()
		c := newCloud(ctx, broker, "killed")
		proxy, err := rabbit.StartProxy(ctx, broker.Address())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		collect := func() *gexec.Session {
			return start(c.collecting(proxy.URL(), "--nats", c.nats, "--prefetch", fmt.Sprint(trovePrefetch), "--http",
				"127.0.0.1:0", "--log-format", "json")...)
		}
		collector := collect()
		bound(collector)
		kills := scale.Kills(GinkgoT())
		trove := publish(ctx, c, kills+1)

		for i := range kills {
			muting := i%3 == 2
			state, err := c.bus.Stream(ctx, events.StreamUsage)
			Expect(err).NotTo(HaveOccurred())
			ending, cancel := until(ctx, collector)
			switch {
			case muting: // between the append and an acknowledgement lost on its way
				c.facts(ctx, trove.allowed)
				bound(collector)
				state, err = c.bus.Stream(ctx, events.StreamUsage)
				Expect(err).NotTo(HaveOccurred())
				proxy.Silence()
				trove.send(troveRound)
				Expect(moment{events.StreamUsage, state.Last, state.Last + 10}.reached(ending, c.bus)).To(Succeed())
			case i%3 == 1: // in its start
				trove.send(troveRound)
				awaitOutput(collector, collector.Err, []string{
					`"msg":"(serving health and metrics)"`, `"msg":"(bound)"`,
					`"msg":"(consuming)"`,
				}[random.IntN(3)])
			default: // at work
				trove.send(troveRound)
				at := state.Last + 1 + random.Uint64N(troveRound/2)
				Expect(moment{events.StreamUsage, state.Last, at}.reached(ending, c.bus)).To(Succeed())
			}
			cancel()
			collector.Kill().Wait(patience)
			collector = collect()
			if muting {
				again := service{collector, httpURL(collector)}
				again.metrics(ctx, `daybook_trove_notifications_total\{foundation="killed",result="known"\} [1-9]\d*`)
			}
		}
		trove.send(troveLast)
		trove.end()
		c.facts(ctx, trove.allowed)
		stop(collector)

		// oslo.messaging's own queue has had a copy of each, and nobody has read it.
		var sent []string
		for _, body := range c.left(ctx, c.topic+".info") {
			sent = append(sent, parse(body).MessageID)
		}
		Expect(sent).To(HaveLen(trove.allowed))
		stored := c.ids(ctx)
		slices.Sort(sent)
		slices.Sort(stored)
		Expect(slices.Equal(stored, sent)).To(BeTrue(), "%d facts of %d notifications", len(stored), len(sent))
		Expect(c.stored(ctx, events.StreamQuarantine)).To(BeEmpty())
		Expect(c.gaps(ctx)).To(BeEmpty())
		c.nothingLeft(ctx)
		scale.Figure(GinkgoT(), "a Trove collector, killed %d times: %d notifications stored once each", kills,
			len(stored))
	})

	It("of a database's life become its spans and its bill, in whatever order and however often they "+
		"come", func(ctx SpecContext) {
		billsLives(ctx, newCloud(ctx, broker, "captured"), alive)
	})

	It("that cannot be understood are set aside once, and can be replayed when they can", func(ctx SpecContext) {
		c := newCloud(ctx, broker, "doubtful")
		collector := c.collect()
		out := c.sender()
		doubtful := envelope(creation("doubtful", func(outer, payload object) {
			payload["volume_size"], payload["root_password"], outer["_context_auth_token"] = "many", token, token
		}))
		out.send(ctx, doubtful, doubtful, creation("i1", nil))
		c.facts(ctx, 1)
		stop(collector.session)
		c.nothingLeft(ctx)

		By("being listed, and shown in full")
		Expect(c.stored(ctx, events.StreamQuarantine)).To(HaveLen(1))
		listed := run("quarantine", "list", "--nats", c.nats)
		Expect(listed).To(And(MatchRegexp(`\n1 +\S+ +trove +doubtful +billing-doubtful +.*payload\.volume_size`),
			HaveSuffix("quarantined: 1\n")))
		shown := run("quarantine", "show", "1", "--nats", c.nats)
		var one struct{ Reason, Input string }
		Expect(json.Unmarshal([]byte(shown), &one)).To(Succeed())
		Expect(one.Reason).To(ContainSubstring("payload.volume_size"))
		Expect(one.Input).To(And(ContainSubstring("message-doubtful"), ContainSubstring("many")))
		Expect(listed + shown + string(collector.session.Err.Contents())).NotTo(ContainSubstring(token))

		By("staying where they are as long as they are not understood")
		before := read(ctx, c.bus)
		Expect(run("quarantine", "resubmit", "1", "--nats", c.nats)).To(And(MatchRegexp(`\n1 +refused`),
			ContainSubstring("0 stored, 0 known, 0 ignored, 1 refused")))
		Expect(difference(read(ctx, c.bus), before)).To(BeEmpty())

		// as left by a release without this event
		By("being stored once when they are, while the collector is at work")
		understood := creation("i2", nil)
		q := events.Quarantined{
			ID: events.ID("quarantine", c.name, "i2"), Source: events.SourceTrove, Foundation: c.name, File: c.queue,
			Reason: "Trove notification: payload.instance_type_id: a number is needed, found a string",
			Input:  understood,
		}
		_, err := c.bus.Append(ctx, events.StreamQuarantine, []bus.Message{{
			Subject: events.QuarantineSubject(q.Source, q.Foundation), Data: q.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderID, Value: q.ID}, {
				Key:   events.HeaderType,
				Value: events.TypeQuarantined,
			}},
		}}, bus.Expect{Filter: events.QuarantineSubject(q.Source, q.Foundation), Last: 1})
		Expect(err).NotTo(HaveOccurred())
		collector = c.collect()
		Expect(run("quarantine", "resubmit", "2", "--nats", c.nats)).To(And(MatchRegexp(`\n2 +stored`),
			ContainSubstring("1 stored, 0 known, 0 ignored, 0 refused")))
		Expect(run("quarantine", "resubmit", "--all", "--nats", c.nats)).To(ContainSubstring("0 stored, 1 known, 0 " +
			"ignored, 1 refused"))
		out.send(ctx, understood, creation("i3", nil)) // and it is known when it comes from the queue
		c.facts(ctx, 3)
		stop(collector.session)
		Expect(c.ids(ctx)).To(Equal([]string{"message-i1", "message-i2", "message-i3"}))
		Expect(c.stored(ctx, events.StreamQuarantine)).To(HaveLen(3), "two inputs, and the word that one is settled")
		c.nothingLeft(ctx)
	})

	It("leave no secret in any stream, file, log or answer", func(ctx SpecContext) {
		const account = "collector"
		for _, arguments := range [][]string{{"add_user", account, password}, {
			"set_permissions", account, ".*", ".*",
			".*",
		}} {
			_, err := broker.Control(ctx, arguments...)
			Expect(err).NotTo(HaveOccurred())
		}
		c := newCloud(ctx, broker, "secret")
		prices := file("prices.yaml", troveprices)
		run("catalogue", "publish", "--yes", prices, "--nats", c.nats)
		url := fmt.Sprintf("amqp://%s:%s@%s/", account, password, broker.Address())
		services := []service{
			startService(c.nats, c.collecting(url, "--push-token-file", file("token", token))...),
			startService(c.nats, "project", "--log-level", "debug"), startService(c.nats, "price", "--log-level",
				"debug"),
		}
		bound(services[0].session)
		out := c.sender()
		for _, p := range tainted() {
			out.publish(ctx, p)
			for _, kind := range []string{"", "gzip"} {
				_, answer := push(ctx, services[0].url, token, kind, p.Body)
				noSecret("an answer", []byte(answer))
			}
		}
		for _, n := range life("last") {
			out.send(ctx, text(object{
				"message_id": n.Type, "event_type": n.Type, "timestamp": "2026-11-01 11:00:05",
				"publisher_id": n.Publisher, "payload": n.Payload,
			}))
		}
		charged(ctx, c.bus, "t1", c.name, "last")
		for _, command := range [][]string{
			{"quarantine", "list"},
			{"quarantine", "list", "--format", "json"},
			{"status"},
			{"bill"},
		} {
			noSecret(strings.Join(command, " "), []byte(run(append(command, "--nats", c.nats)...)))
		}
		Expect(len(c.stored(ctx, events.StreamUsage))).To(BeNumerically(">", 10))
		Expect(len(c.stored(ctx, events.StreamQuarantine))).To(BeNumerically(">", 30))
		for _, s := range services {
			stop(s.session)
			noSecret("the log", slices.Concat(s.session.Out.Contents(), s.session.Err.Contents()))
		}
		for _, name := range streams {
			messages(ctx, c.bus, name, func(m *bus.Stored) {
				noSecret(fmt.Sprintf("message %d of %s", m.Sequence, name), append([]byte(m.Subject), m.Data...))
			})
		}
		c.bus.Close()
		c.stopNATS()
		files := 0
		Expect(filepath.WalkDir(c.data, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			noSecret(path, content)
			files++
			return err
		})).To(Succeed())
		Expect(files).To(BeNumerically(">", len(streams)))
	})

	It("can be pushed as well, by who has the token, and are stored once whichever way they "+
		"come", func(ctx SpecContext) {
		c := newCloud(ctx, broker, "pushed")
		collector := c.collect("--push-token-file", file("token", token+"\n"))
		out := c.sender()
		both, first := creation("both", nil), creation("first", nil)

		status, answer := push(ctx, collector.url, token, "", []byte(envelope(both)))
		Expect(status).To(Equal(http.StatusAccepted), answer)
		Expect(answer).To(ContainSubstring(`"result":"stored"`))
		status, answer = push(ctx, collector.url, token, "", []byte(both))
		Expect([]any{status, answer}).To(HaveExactElements(http.StatusOK, ContainSubstring(`"result":"known"`)))
		out.send(ctx, both, envelope(first))
		c.facts(ctx, 2)
		status, answer = push(ctx, collector.url, token, "gzip", zipped("gzip", first))
		Expect([]any{status, answer}).To(HaveExactElements(http.StatusOK, ContainSubstring(`"result":"known"`)))

		status, answer = push(ctx, collector.url, token, "", []byte(capture("taskmanager_18.0.0_lifecycle.jsonl")[3]))
		Expect([]any{status, answer}).To(HaveExactElements(http.StatusOK, ContainSubstring(`"result":"ignored"`)))
		status, answer = push(ctx, collector.url, "another-token-that-is-wrong", "", []byte(creation("stranger", nil)))
		Expect(status).To(Equal(http.StatusUnauthorized), answer)
		status, answer = push(ctx, collector.url, "", "", []byte(creation("stranger", nil)))
		Expect(status).To(Equal(http.StatusUnauthorized), answer)
		status, answer = push(ctx, collector.url, token, "",
			[]byte(creation("large", func(outer, _ object) { outer["padding"] = strings.Repeat("x", 1<<20) })))
		Expect(status).To(Equal(http.StatusRequestEntityTooLarge), answer)
		status, answer = push(ctx, collector.url, token, "",
			[]byte(creation("doubtful", func(_, payload object) { payload["volume_size"] = "many" })))
		Expect([]any{status, answer}).To(HaveExactElements(http.StatusUnprocessableEntity,
			And(ContainSubstring("payload.volume_size"), ContainSubstring(`"quarantined":"`))))
		status, answer = push(ctx, collector.url, token, "", []byte(`{"event_type":`))
		Expect(status).To(Equal(http.StatusBadRequest), answer)

		out.send(ctx, creation("last", nil))
		c.facts(ctx, 3)
		stop(collector.session)
		Expect(c.ids(ctx)).To(Equal([]string{"message-both", "message-first", "message-last"}))
		Expect(c.stored(ctx, events.StreamQuarantine)).To(HaveLen(2))
		c.nothingLeft(ctx)
	})

	It("are collected and metered in one process, too", func(ctx SpecContext) {
		c := &cloud{broker: broker, name: "alone", topic: "notifications-alone"}
		session := start("up", "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0", "--trove-amqp", broker.URL(),
			"--trove-foundation", "os",
			"--trove-exchange", c.name, "--trove-routing-key", c.topic+".info", "--trove-queue", "billing-alone",
			"--trove-durable-exchange", "no")
		nats := natsURL(session)
		Expect(awaitOutput(session, session.Err, "msg=(bound)")).NotTo(BeEmpty())
		c.sender().send(ctx, creation("i1", nil))
		Eventually(func() string { return run("running", "--nats", nats) }).WithTimeout(patience).Should(And(
			MatchRegexp(`os +t1 +instance +i1`), MatchRegexp(`os +t1 +volume +i1`), ContainSubstring("running: 2")))
		stop(session)
	})

	// The last one: it restarts the broker.
	It("are all stored, though the broker restarts and Trove is back before the collector", func(ctx SpecContext) {
		c := newCloud(ctx, broker, "restarted")
		n := c.notifier(ctx)
		var wanted []string
		send := func(count int) {
			GinkgoHelper()
			for range count {
				instance := fmt.Sprint("i", len(wanted))
				wanted = append(wanted, instance)
				Expect(n.Send(life(instance)[0])).To(Succeed())
			}
		}
		send(1) // to make the exchange, and oslo.messaging's own queue
		collector := startService(c.nats, append(c.collecting(broker.URL(), "--durable-exchange", "auto"),
			"--drain-queue", c.topic+".info")...)
		bound(collector.session)
		send(50)
		c.facts(ctx, len(wanted))
		waiting, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		horizons, err := c.bus.Read(waiting, events.StreamUsage, 1,
			bus.ReadOptions{Filters: []string{events.UsageHorizonSubject(events.SourceTrove, c.name)}})
		Expect(err).NotTo(HaveOccurred())
		defer horizons.Close()
		_, err = horizons.Next(waiting)
		Expect(err).NotTo(HaveOccurred())

		collector.session.Signal(syscall.SIGSTOP)
		down := time.Now()
		Expect(broker.Down()).To(Succeed())
		Expect(broker.Up(ctx)).To(Succeed())
		send(50) // the exchange is made anew, and the collector's queue is not bound to it
		collector.session.Signal(syscall.SIGCONT)
		c.facts(ctx, len(wanted))
		send(50)
		all := c.facts(ctx, len(wanted))
		Expect(n.Close()).To(Succeed())
		stop(collector.session)
		var found []string
		for _, u := range all {
			found = append(found, u.Resource)
		}
		Expect(found).To(ConsistOf(wanted))
		Expect(c.ids(ctx)).To(HaveLen(len(wanted)))
		gaps := c.gaps(ctx)
		Expect(gaps).To(HaveLen(1))
		Expect(gaps[0].From).To(BeTemporally("<", down))
		Expect(gaps[0].To).To(BeTemporally(">", down))
		Expect(gaps[0].Reason).To(And(ContainSubstring("amqp_durable_queues"), ContainSubstring("also drains")))
		Expect(c.left(ctx, c.topic+".info")).To(BeEmpty())
		c.nothingLeft(ctx)
	})
})

// publisher is Trove, sending the lives of many databases with oslo.messaging's notifier, as many
// at a time as it is allowed to.
type publisher struct {
	allowed int
	rounds  chan int
	done    chan struct{}
}

func publish(ctx context.Context, c *cloud, rounds int) *publisher {
	GinkgoHelper()
	n := c.notifier(ctx)
	p := &publisher{rounds: make(chan int, rounds), done: make(chan struct{})}
	go func() {
		defer GinkgoRecover()
		defer close(p.done)
		instance := 0
		var waiting []rabbit.Notification
		for count := range p.rounds {
			for range count {
				if len(waiting) == 0 {
					waiting = life(fmt.Sprint("i", instance))
					instance++
				}
				Expect(n.Send(waiting[0])).To(Succeed())
				waiting = waiting[1:]
			}
		}
		Expect(n.Close()).To(Succeed())
	}()
	return p
}

func (p *publisher) send(count int) {
	p.allowed += count
	p.rounds <- count
}

func (p *publisher) end() {
	GinkgoHelper()
	close(p.rounds)
	Eventually(p.done).Should(BeClosed())
}

// liveTrove is Trove's own code at work, with one database.
type liveTrove struct {
	session *gexec.Session
	topic   string
}

// startTrove starts Trove's own code. Its notifications wait in oslo.messaging's own queue, and in
// one for the test.
func startTrove(broker *rabbit.Broker) *liveTrove {
	GinkgoHelper()
	l := &liveTrove{topic: "notifications-live"}
	connection, err := amqp.Dial(broker.URL())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = connection.Close() }) // the broker has restarted since
	channel, err := connection.Channel()
	Expect(err).NotTo(HaveOccurred())
	Expect(channel.ExchangeDeclare("live", "topic", false, false, false, false, nil)).To(Succeed())
	_, err = channel.QueueDeclare(l.witness(), false, false, false, false, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(channel.QueueBind(l.witness(), l.topic+".info", "live", false, nil)).To(Succeed())
	emit := command("/usr/bin/python3", "-W", "ignore", "../../../deploy/trove/emit.py",
		"rabbit"+strings.TrimPrefix(broker.URL(), "amqp"), "--exchange", "live", "--topic", l.topic, "--token", token)
	l.session, err = gexec.Start(emit, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { l.session.Kill().Wait(patience) })
	return l
}

// witness is a queue with a copy of everything.
func (l *liveTrove) witness() string { return "witness-live" }
