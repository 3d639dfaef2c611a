package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// BenchmarkUpOnce is the whole path: a file of 200,000 events, collected, metered, priced and
// posted by one process, every append fsynced. ratio compares it with appending the same lines to
// one stream without looking at them, in the same run. Run it with -benchtime 1x.
func BenchmarkUpOnce(b *testing.B) {
	const count = 200_000
	dir := b.TempDir()
	file, catalogue := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "rates.yaml")
	lines := writeWorld(b, file, count)
	if err := os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
		b.Fatal(err)
	}
	raw := appendRaw(b, file)
	for b.Loop() {
		start := time.Now()
		args := []string{
			"up", "--once", "--data", b.TempDir(), "--listen", "127.0.0.1:0", "--catalogue", catalogue,
			"--collect", file,
		}
		if status := run(args, nil, io.Discard, os.Stderr); status != 0 {
			b.Fatal("exit status", status)
		}
		rate := float64(lines) / time.Since(start).Seconds()
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(rate/raw, "ratio")
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(usage.Maxrss)/1024, "peak-MiB")
}

// writeWorld writes a month of about count events and returns how many there are.
func writeWorld(b *testing.B, file string, count int) int {
	out, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	world, err := sim.NewWorld(sim.Config{Seed: 1, Events: count, Apps: 3000, DropTruth: true})
	if err != nil {
		b.Fatal(err)
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	lines := 0
	for e := range world.Events {
		buffered.Write(e.JSON)
		buffered.WriteByte('\n')
		lines++
	}
	if err := buffered.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	return lines
}

// appendRaw appends the lines of a file to USAGE in atomic batches, and returns how many a second.
func appendRaw(b *testing.B, file string) float64 {
	ctx := context.Background()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: b.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Shutdown()
	connection, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	if err := connection.EnsureStreams(ctx, bus.StreamsConfig{}); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	var batch []bus.Message
	last, lines := uint64(0), 0
	flush := func() {
		if last, err = connection.Append(ctx, events.StreamUsage, batch, bus.Expect{Last: last}); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	for line := range bytes.Lines(text) {
		batch = append(batch, bus.Message{Subject: "usage.raw", Data: bytes.TrimSuffix(line, []byte("\n"))})
		lines++
		if len(batch) == bus.MaxBatch {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	return float64(lines) / time.Since(start).Seconds()
}
