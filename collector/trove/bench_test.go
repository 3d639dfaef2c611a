package trove_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/rabbittest"
)

// BenchmarkBacklog takes a backlog of 100,000 notifications (DAYBOOK_BACKLOG) out of the queue: once by the collector, into
// USAGE on a server that syncs always, and once by a consumer that drops them, with the same prefetch and acknowledgements.
func BenchmarkBacklog(b *testing.B) {
	ctx := context.Background()
	n := 100_000
	if s := os.Getenv("DAYBOOK_BACKLOG"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	rabbit, err := rabbittest.Start(ctx, rabbittest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rabbit.Close() }()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: b.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Shutdown()
	connection, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	if err := connection.EnsureStreams(ctx, bus.StreamsConfig{}); err != nil {
		b.Fatal(err)
	}
	capture, err := os.ReadFile("testdata/taskmanager_18.0.0_lifecycle.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Split(string(capture), "\n")[1] // a create with its envelope
	const id = "599024e6-c36a-4ab9-8c76-084eb8e3b9dd"
	if !strings.Contains(body, id) {
		b.Fatal("the capture has changed")
	}
	cfg := trove.Config{Foundation: "bench", URLs: []string{rabbit.URL()}, Durability: trove.DurabilityYes, Exchanges: []string{"trove"}, Beat: time.Hour}
	runCollector := func(until func(trove.Report) bool) (peak uint64) {
		c, err := trove.New(cfg, trove.Deps{Store: trove.OnBus(connection)})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		for !until(c.Report()) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			time.Sleep(20 * time.Millisecond)
		}
		stop()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		return peak
	}
	runCollector(func(r trove.Report) bool { return r.Bound }) // makes the queue

	fill := func(round int) {
		client, err := amqp.Dial(rabbit.URL())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		channel, err := client.Channel()
		if err == nil {
			err = channel.Confirm(false)
		}
		if err != nil {
			b.Fatal(err)
		}
		var last *amqp.DeferredConfirmation
		for i := range n {
			// One id for each: the last part of a UUID, so that nothing else changes.
			text := strings.Replace(body, id, id[:24]+strconv.Itoa(100_000_000_000+round*10_000_000+i), 1)
			last, err = channel.PublishWithDeferredConfirm("trove", "notifications.info", false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(text)})
			if err != nil {
				b.Fatal(err)
			}
			if i%1000 == 0 || i == n-1 {
				last.Wait()
			}
		}
	}
	drop := func() {
		client, err := amqp.Dial(rabbit.URL())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		channel, err := client.Channel()
		if err == nil {
			err = channel.Qos(2000, 0, false)
		}
		if err != nil {
			b.Fatal(err)
		}
		deliveries, err := channel.Consume("billing.trove", "", false, false, false, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		for i := 1; i <= n; i++ {
			if d := <-deliveries; i%1000 == 0 || i == n {
				if err := d.Ack(true); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	round := 0
	var dropped, collected time.Duration
	var peak uint64
	for b.Loop() {
		b.StopTimer()
		round++
		fill(round)
		t := time.Now()
		drop()
		dropped += time.Since(t)
		round++
		fill(round)
		b.StartTimer()
		t = time.Now()
		peak = max(peak, runCollector(func(r trove.Report) bool { return r.Facts >= n }))
		collected += time.Since(t)
	}
	b.ReportMetric(float64(n)*float64(b.N)/collected.Seconds(), "notifications/s")
	b.ReportMetric(float64(n)*float64(b.N)/dropped.Seconds(), "dropped/s")
	b.ReportMetric(dropped.Seconds()/collected.Seconds(), "ratio")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-heap")
}

// BenchmarkPrepare makes of a notification with its envelope what is stored of it.
func BenchmarkPrepare(b *testing.B) {
	capture, err := os.ReadFile("testdata/taskmanager_18.0.0_lifecycle.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(strings.Split(string(capture), "\n")[1])
	add := trove.Adder("bench")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		add(body)
	}
}
