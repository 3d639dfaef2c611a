package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/stage"
)

// BenchmarkVerify derives METERED and BILLING of 200,000 events again and compares them: by the
// chain, and byte by byte. ratio compares it with reading USAGE and dropping it, in the same run.
// Run it with -benchtime 1x.
func BenchmarkVerify(b *testing.B) {
	shell.CollectGarbage(shell.MuchGarbage)
	const count = 200_000
	ctx := context.Background()
	dir := b.TempDir()
	file, catalogue, data := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "rates.yaml"), filepath.Join(dir,
		"data")
	writeWorld(b, file, count)
	if err := os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
		b.Fatal(err)
	}
	if status := run([]string{
		"up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--catalogue", catalogue,
		"--collect", file,
	}, nil, io.Discard, os.Stderr); status != 0 {
		b.Fatal("exit status", status)
	}
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Shutdown)
	connection, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(connection.Close)
	metering, err := storedProjecting(ctx, connection)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name   string
		stages []derivation
		deep   bool
	}{
		{"projector", []derivation{metering}, false},
		{"pricer", []derivation{pricing()}, false},
		{"deep", []derivation{metering, pricing()}, true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			dropped := dropUsage(b, connection)
			for b.Loop() {
				start, used := time.Now(), cpuTime(b)
				var first uint64
				for i, d := range bench.stages {
					v, err := stage.Verify(ctx, d.cfg, connection, d.newProcessor,
						stage.VerifyOptions{Deep: bench.deep})
					if err != nil {
						b.Fatal(err)
					}
					if i == 0 {
						first = v.Inputs
					}
				}
				rate := float64(first) / time.Since(start).Seconds()
				b.ReportMetric(rate, "events/s")
				b.ReportMetric(rate/dropped, "ratio")
				b.ReportMetric(float64((cpuTime(b)-used).Nanoseconds())/1000/float64(first), "cpu-µs/event")
			}
		})
	}
}

// cpuTime is the processor time of the process, server and client, so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// dropUsage reads USAGE and drops it, and returns how many messages a second.
func dropUsage(b *testing.B, connection *bus.Bus) float64 {
	ctx := context.Background()
	start := time.Now()
	n := 0.0
	_, err := connection.Each(ctx, events.StreamUsage, 1, bus.End, bus.ReadOptions{}, func(*bus.Stored) error {
		n++
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return n / time.Since(start).Seconds()
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
