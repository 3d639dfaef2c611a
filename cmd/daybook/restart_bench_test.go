package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
)

// grownData is a data folder with everything about so many events of a month, charged and saved.
func grownData(b *testing.B, count int) (data string, again func()) {
	dir := b.TempDir()
	file, catalogue := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "rates.yaml")
	data = filepath.Join(dir, "data")
	writeWorld(b, file, count)
	if err := os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
		b.Fatal(err)
	}
	upOnce := func(more ...string) {
		args := append([]string{"up", "--once", "--data", data, "--listen", "127.0.0.1:0"}, more...)
		if status := run(args, nil, io.Discard, os.Stderr); status != 0 {
			b.Fatal("exit status", status)
		}
	}
	upOnce("--catalogue", catalogue, "--collect", file)
	return data, func() { upOnce() }
}

// withServer runs a function with the server of a data folder, and returns how long the server took
// to start.
func withServer(b *testing.B, data string, use func(url string, connection *bus.Bus)) time.Duration {
	start := time.Now()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	defer server.Shutdown()
	connection, err := bus.Connect(context.Background(), bus.Config{URL: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	use(server.URL(), connection)
	return took
}

func dropSnapshots(b *testing.B, connection *bus.Bus, buckets ...string) {
	ctx := context.Background()
	for _, bucket := range buckets {
		names, err := connection.ListObjects(ctx, bucket)
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			if err := connection.DeleteObject(ctx, bucket, name); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// best is the shortest of three runs.
func best(what func()) time.Duration {
	shortest := time.Duration(1<<63 - 1)
	for range 3 {
		start := time.Now()
		what()
		shortest = min(shortest, time.Since(start))
	}
	return shortest
}

// billEvents is the number of events of BenchmarkBill.
const billEvents = 200_000

// BenchmarkBill is daybook bill on a month of 3,000 apps with 20,000 events, and with 200,000.
// ratio compares the two, and cold the second with reading its streams from their start. Run it
// with -benchtime 1x.
func BenchmarkBill(b *testing.B) {
	bill := func(url string) {
		if status := run([]string{"bill", "--nats", url}, nil, io.Discard, os.Stderr); status != 0 {
			b.Fatal("exit status", status)
		}
	}
	var took [2]time.Duration
	var cold time.Duration
	for b.Loop() {
		for i, count := range []int{billEvents / 10, billEvents} {
			data, _ := grownData(b, count)
			withServer(b, data, func(url string, connection *bus.Bus) {
				took[i] = best(func() { bill(url) })
				state, err := connection.Stream(context.Background(), "OBJ_"+ledger.Bucket)
				if err != nil {
					b.Fatal(err)
				}
				b.Logf("%d events: %s, %d bytes of snapshots", count, took[i], state.Bytes)
				dropSnapshots(b, connection, ledger.Bucket)
				start := time.Now()
				bill(url)
				cold = time.Since(start)
			})
		}
	}
	b.ReportMetric(took[1].Seconds()*1000, "ms/bill")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
	b.ReportMetric(cold.Seconds()/took[1].Seconds(), "cold/warm")
}

// BenchmarkRestart is up --once on 400,000 events that are charged already: with its snapshots, and
// without any. ratio compares the two; the start of the server is in neither. Run it with
// -benchtime 1x.
func BenchmarkRestart(b *testing.B) {
	for b.Loop() {
		data, again := grownData(b, 400_000)
		timed := func() time.Duration {
			server := withServer(b, data, func(string, *bus.Bus) {})
			start := time.Now()
			again()
			return time.Since(start) - server
		}
		warm := timed()
		withServer(b, data, func(_ string, connection *bus.Bus) {
			dropSnapshots(b, connection, projector.Bucket, pricer.Bucket, ledger.Bucket)
		})
		cold := timed()
		b.ReportMetric(warm.Seconds(), "s-warm")
		b.ReportMetric(cold.Seconds(), "s-cold")
		b.ReportMetric(warm.Seconds()/cold.Seconds(), "ratio")
	}
}
