package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

// captures are real messages of Trove and oslo.messaging.
const captures = "../../../collector/trove/testdata"

// longSettle keeps the horizon before every time in a capture, on any date of the test.
const longSettle = "250000h"

// cloud is one spec's foundation: a NATS server of its own, and names of its own on the broker.
type cloud struct {
	broker   *rabbit.Broker
	name     string // of the foundation and the exchange
	topic    string
	queue    string // the collector's own
	nats     string
	data     string // the NATS server's folder
	stopNATS func()
	bus      *bus.Bus
}

func newCloud(ctx context.Context, broker *rabbit.Broker, name string) *cloud {
	GinkgoHelper()
	c := &cloud{broker: broker, data: GinkgoT().TempDir()}
	c.nats, c.stopNATS = serve(c.data)
	c.bus = connect(ctx, c.nats)
	Expect(c.bus.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return c.named(name)
}

// named is another foundation on the same NATS server.
func (c *cloud) named(name string) *cloud {
	other := *c
	other.name, other.topic, other.queue = name, "notifications-"+name, "billing-"+name
	return &other
}

// collecting is the command line of the foundation's collector. The exchange is as oslo.messaging
// makes it by default.
func (c *cloud) collecting(url string, more ...string) []string {
	return append([]string{
		"collect", "trove", "--amqp", url, "--foundation", c.name, "--exchange", c.name, "--queue", c.queue,
		"--routing-key", c.topic + ".info", "--durable-exchange", "no", "--log-level", "debug",
	}, more...)
}

// collect starts the collector and returns when it is bound: no later notification is lost.
func (c *cloud) collect(more ...string) service {
	GinkgoHelper()
	s := startService(c.nats, c.collecting(c.broker.URL(), more...)...)
	bound(s.session)
	return s
}

func bound(session *gexec.Session) {
	GinkgoHelper()
	Expect(awaitOutput(session, session.Err, `"msg":"(bound)"`)).NotTo(BeEmpty(), "%s", session.Err.Contents())
}

// notifier is oslo.messaging's own.
func (c *cloud) notifier(ctx context.Context) *rabbit.Notifier {
	GinkgoHelper()
	n, err := rabbit.StartNotifier(ctx, rabbit.NotifierOptions{URL: c.broker.URL(), Exchange: c.name, Topic: c.topic})
	Expect(err).NotTo(HaveOccurred())
	return n
}

// sender sends bodies as they are.
type sender struct {
	channel       *amqp.Channel
	exchange, key string
}

func (c *cloud) sender() *sender {
	GinkgoHelper()
	connection, err := amqp.Dial(c.broker.URL())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(connection.Close)
	channel, err := connection.Channel()
	Expect(err).NotTo(HaveOccurred())
	Expect(channel.Confirm(false)).To(Succeed())
	return &sender{channel, c.name, c.topic + ".info"}
}

func (s *sender) send(ctx context.Context, bodies ...string) {
	GinkgoHelper()
	for _, body := range bodies {
		s.publish(ctx, amqp.Publishing{Body: []byte(body)})
	}
}

// publish sends a message with oslo.messaging's usual properties.
func (s *sender) publish(ctx context.Context, p amqp.Publishing) {
	GinkgoHelper()
	p.ContentType, p.ContentEncoding, p.DeliveryMode = "application/json", "utf-8", amqp.Persistent
	sent, err := s.channel.PublishWithDeferredConfirmWithContext(ctx, s.exchange, s.key, true, false, p)
	Expect(err).NotTo(HaveOccurred())
	Expect(sent.WaitContext(ctx)).To(BeTrue())
}

// facts waits until USAGE holds n facts of the foundation, and returns them.
func (c *cloud) facts(ctx context.Context, n int) []events.Usage {
	GinkgoHelper()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reader, err := c.bus.Read(waiting, events.StreamUsage, 1, bus.ReadOptions{
		Filters: []string{events.UsageKindFilter(events.SourceTrove, c.name, events.KindInstance)},
	})
	Expect(err).NotTo(HaveOccurred())
	defer reader.Close()
	all := make([]events.Usage, n)
	for i := range all {
		m, err := reader.Next(waiting)
		Expect(err).NotTo(HaveOccurred(), "waiting for fact %d of %d", i+1, n)
		Expect(all[i].DecodeJSON(m.Data)).To(Succeed())
	}
	return all
}

// stored is a stream's messages on the subjects of the foundation's Trove.
func (c *cloud) stored(ctx context.Context, stream string) []*bus.Stored {
	GinkgoHelper()
	var all []*bus.Stored
	messages(ctx, c.bus, stream, func(m *bus.Stored) {
		if strings.Contains(m.Subject+".", "."+events.SourceTrove+"."+c.name+".") {
			one := *m
			all = append(all, &one)
		}
	})
	return all
}

// ids are the upstream ids of the foundation's facts.
func (c *cloud) ids(ctx context.Context) []string {
	GinkgoHelper()
	var all []string
	for _, m := range c.stored(ctx, events.StreamUsage) {
		if m.Header(events.HeaderType) != events.TypeUsage {
			continue
		}
		var u events.Usage
		Expect(u.DecodeJSON(m.Data)).To(Succeed())
		all = append(all, parse(string(u.Raw)).MessageID)
	}
	return all
}

// gaps are the collector's.
func (c *cloud) gaps(ctx context.Context) []events.Gap {
	GinkgoHelper()
	var all []events.Gap
	for _, m := range c.stored(ctx, events.StreamUsage) {
		if m.Header(events.HeaderType) == events.TypeGap {
			var g events.Gap
			Expect(g.DecodeJSON(m.Data)).To(Succeed())
			all = append(all, g)
		}
	}
	return all
}

// left is the rest of a queue, without the collector's own markers. Nobody may be consuming it.
func (c *cloud) left(ctx context.Context, queue string) []string {
	GinkgoHelper()
	bodies, err := c.broker.Take(ctx, queue)
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, b := range bodies {
		if text := string(b); !strings.Contains(text, "dbaas.daybook.marker") {
			all = append(all, text)
		}
	}
	return all
}

// nothingLeft expects the collector's queues to be empty.
func (c *cloud) nothingLeft(ctx context.Context) {
	GinkgoHelper()
	Expect(c.left(ctx, c.queue)).To(BeEmpty())
	Expect(c.left(ctx, c.queue+".dead")).To(BeEmpty())
}

// notice is a notification as the tests read it, by themselves.
type notice struct {
	MessageID string `json:"message_id"`
	EventType string `json:"event_type"`
	Timestamp string
	Payload   struct {
		CreatedAt      string `json:"created_at"`
		ModifyAt       string `json:"modify_at"`
		DeletedAt      string `json:"deleted_at"`
		InstanceID     string `json:"instance_id"`
		InstanceTypeID string `json:"instance_type_id"`
		VolumeSize     int    `json:"volume_size"`
		NewSize        int    `json:"new_size"`
	}
}

// parse reads a notification with or without its envelope.
func parse(body string) notice {
	GinkgoHelper()
	var outer struct {
		Message string `json:"oslo.message"`
	}
	Expect(json.Unmarshal([]byte(body), &outer)).To(Succeed())
	if outer.Message != "" {
		body = outer.Message
	}
	var n notice
	Expect(json.Unmarshal([]byte(body), &n)).To(Succeed())
	return n
}

// capture is the lines of a file of captured messages.
func capture(name string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(captures, name))
	Expect(err).NotTo(HaveOccurred())
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// envelope wraps a notification as oslo.messaging's messagingv2 does.
func envelope(inner string) string {
	GinkgoHelper()
	b, err := json.Marshal(map[string]string{"oslo.version": "2.0", "oslo.message": inner})
	Expect(err).NotTo(HaveOccurred())
	return string(b)
}

// object is a JSON object.
type object = map[string]any

// creation is an instance's create, edited by edit. The message's id is the instance's.
func creation(instance string, edit func(outer, payload object)) string {
	GinkgoHelper()
	payload := database(instance)
	outer := object{
		"message_id": "message-" + instance, "publisher_id": "taskmanager.h1", "event_type": "trove.instance.create",
		"priority":  "INFO",
		"timestamp": "2026-11-01 10:03:05.000001", "_unique_id": "u" + instance, "payload": payload,
	}
	if edit != nil {
		edit(outer, payload)
	}
	return text(outer)
}

// text is a value as JSON.
func text(v any) string {
	GinkgoHelper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // as Python
	Expect(encoder.Encode(v)).To(Succeed())
	return strings.TrimSpace(b.String())
}

// database is the payload of a create, up to Ussuri.
func database(instance string) object {
	return object{
		"created_at": "2026-11-01T10:00:00Z", "launched_at": "2026-11-01T10:00:00Z", "name": "db",
		"instance_id": instance, "instance_name": "db",
		"instance_type": "m1.small", "instance_type_id": "10", "instance_size": 512, "nova_instance_id": "n-" +
			instance, "region": "r1",
		"state": "active", "state_description": "active", "tenant_id": "t1", "user_id": "u1", "service_id": "s",
		"availability_zone": "nova",
		"volume_size":       1, "nova_volume_id": "v-" + instance,
	}
}

// life is Trove's notifications of a database: it is made, its volume and its flavour are changed,
// it is deleted.
func life(instance string) []rabbit.Notification {
	GinkgoHelper()
	began := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	at := func(minutes int) string {
		return began.Add(time.Duration(minutes) * time.Minute).Format("2006-01-02T15:04:05Z")
	}
	of := func(event string, edit object) rabbit.Notification {
		payload := database(instance)
		for key, value := range edit {
			payload[key] = value
		}
		return rabbit.Notification{
			Publisher: "taskmanager.h1", Type: "trove.instance." + event,
			Payload: json.RawMessage(text(payload)),
		}
	}
	return []rabbit.Notification{
		of("create", nil),
		of("modify_volume", object{"volume_size": 3, "old_volume_size": 1, "modify_at": at(20), "launched_at": at(20)}),
		of("modify_flavor", object{
			"volume_size": 3, "instance_type": "m1.large", "instance_type_id": "2",
			"instance_size": 2048, "old_instance_size": 512, "modify_at": at(40),
		}),
		of("delete", object{
			"volume_size": 3, "instance_type": "m1.large", "instance_type_id": "2",
			"instance_size": 2048, "deleted_at": at(60),
		}),
	}
}
