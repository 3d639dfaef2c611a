package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/internal/sim"
)

// BenchmarkUpOnce is the whole path: a file of 200,000 events, collected, metered, priced and posted by one process, every
// append fsynced. Run it with -benchtime 1x.
func BenchmarkUpOnce(b *testing.B) {
	const count = 200_000
	dir := b.TempDir()
	file, catalogue := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "rates.yaml")
	out, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	world, err := sim.NewWorld(sim.Config{Seed: 1, Events: count, Apps: 3000, DropTruth: true})
	if err != nil {
		b.Fatal(err)
	}
	lines := 0
	for e := range world.Events {
		out.Write(append(e.JSON, '\n'))
		lines++
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		start := time.Now()
		if status := run([]string{"up", "--once", "--data", b.TempDir(), "--listen", "127.0.0.1:0", "--catalogue", catalogue, "--collect", file}, nil, io.Discard, os.Stderr); status != 0 {
			b.Fatal("exit status", status)
		}
		b.ReportMetric(float64(lines)/time.Since(start).Seconds(), "events/s")
	}
}
