package rabbit_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

var _ = Describe("A broker for tests", func() {
	It("takes what oslo.messaging sends, keeps what is durable over a restart, and is gone in the "+
		"end", func(ctx SpecContext) {
		t := time.Now()
		broker, err := rabbit.Start(ctx, rabbit.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(broker.Close)
		GinkgoWriter.Println("start", time.Since(t))
		t = time.Now()
		notifier, err := rabbit.StartNotifier(ctx, rabbit.NotifierOptions{
			URL: broker.URL(), Exchange: "trove",
			Topic: "notifications", Durable: true,
		})
		Expect(err).NotTo(HaveOccurred())
		GinkgoWriter.Println("notifier", time.Since(t))
		Expect(notifier.Send(rabbit.Notification{
			Publisher: "p", Type: "trove.instance.create",
			Payload: json.RawMessage(`{"a":1}`),
		})).To(Succeed())
		Expect(notifier.Close()).To(Succeed())

		t = time.Now()
		Expect(broker.Down()).To(Succeed())
		GinkgoWriter.Println("down", time.Since(t))
		t = time.Now()
		Expect(broker.Up(ctx)).To(Succeed())
		GinkgoWriter.Println("up", time.Since(t))
		connection, err := amqp.Dial(broker.URL())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(connection.Close)
		channel, err := connection.Channel()
		Expect(err).NotTo(HaveOccurred())
		got, found, err := channel.Get("notifications.info", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeTrue())
		Expect(string(got.Body)).To(ContainSubstring("trove.instance.create"))
		t = time.Now()
		out, err := broker.Control(ctx, "list_queues", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("notifications.info"))
		GinkgoWriter.Println("ctl", time.Since(t))
	})
})
