package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// chain is the whole path against appending the same lines without looking at them.
func chain(ctx context.Context, r *rig) ([]row, error) {
	w, err := r.simulate("events", &sim.Config{Seed: 1, Events: r.size.events, Apps: 3000, DropTruth: true})
	if err != nil {
		return nil, err
	}
	raw, err := appendRaw(ctx, filepath.Join(r.folder, "raw"), w.file)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(r.folder, "data")
	u, err := upOnce(ctx, r.binary, data, w.catalogue, w.file)
	if err != nil {
		return nil, err
	}
	size, _, err := look(ctx, data)
	if err != nil {
		return nil, err
	}
	rate, count := float64(w.events)/u.wall.Seconds(), float64(w.events)
	rows := []row{
		{
			"full chain / raw append of the same lines", rate / raw, ">= 0.40",
			fmt.Sprintf("%.0f/s, %.0f/s, %d events, peak %.0f MiB", rate, raw, w.events, u.peakMiB),
		},
		{
			"messages per event in catch-up", float64(size.messages) / count, "<= 1.9",
			fmt.Sprintf("%d messages, %d of them in USAGE", size.messages, size.usage),
		},
		{
			"bytes on disk / bytes of input", float64(size.bytes) / float64(w.bytes), "<= 1.5",
			fmt.Sprintf("%d B an event, %d B", size.bytes/int64(w.events), w.bytes/int64(w.events)),
		},
	}
	if r.old == "" {
		return rows, nil
	}
	prices, err := r.ownPrices(ctx, r.old)
	if err != nil {
		return nil, err
	}
	before, err := upOnce(ctx, r.old, filepath.Join(r.folder, "old"), prices, w.file)
	if err != nil {
		return nil, err
	}
	return append(rows, row{
		"processor time of an event / earlier version", u.cpu.Seconds() / before.cpu.Seconds(), "<= 0.45",
		fmt.Sprintf("%.0f µs, %.0f µs; wall %.1f s, %.1f s", u.cpu.Seconds()/count*1e6, before.cpu.Seconds()/count*1e6,
			u.wall.Seconds(), before.wall.Seconds()),
	}), nil
}

// appendRaw appends the lines of a file to one stream in atomic, synced batches, and returns how
// many a second.
func appendRaw(ctx context.Context, data, file string) (float64, error) {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	if err != nil {
		return 0, err
	}
	defer server.Shutdown()
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		return 0, err
	}
	defer b.Close()
	if err := b.EnsureStreams(ctx, bus.StreamsConfig{}); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(file) //nolint:gosec // a file of the benchmark's own
	if err != nil {
		return 0, err
	}
	start := time.Now()
	var batch []bus.Message
	last, lines := uint64(0), 0
	for line := range bytes.Lines(text) {
		batch = append(batch, bus.Message{Subject: "usage.raw", Data: bytes.TrimSuffix(line, []byte("\n"))})
		if lines++; len(batch) < bus.MaxBatch {
			continue
		}
		if last, err = b.Append(ctx, events.StreamUsage, batch, bus.Expect{Last: last}); err != nil {
			return 0, err
		}
		batch = batch[:0]
	}
	if len(batch) > 0 {
		if _, err = b.Append(ctx, events.StreamUsage, batch, bus.Expect{Last: last}); err != nil {
			return 0, err
		}
	}
	return float64(lines) / time.Since(start).Seconds(), nil
}

// tasks is the growth of a message with the tasks that run at a time.
func tasks(ctx context.Context, r *rig) ([]row, error) {
	const count = 4000
	each := map[int]float64{}
	for _, concurrent := range []int{5, 400} {
		w, err := r.taskWorld(concurrent, count)
		if err != nil {
			return nil, err
		}
		data := filepath.Join(r.folder, fmt.Sprint("data-", concurrent))
		if _, err := upOnce(ctx, r.binary, data, w.catalogue, w.file); err != nil {
			return nil, err
		}
		size, _, err := look(ctx, data)
		if err != nil {
			return nil, err
		}
		each[concurrent] = float64(size.bytes) / float64(w.events)
	}
	return []row{{
		"bytes of an event at 400 tasks of an app / at 5", each[400] / each[5], "<= 1.5",
		fmt.Sprintf("%.0f B, %.0f B", each[400], each[5]),
	}}, nil
}

// apps is the cost of an event among many apps.
func apps(ctx context.Context, r *rig) ([]row, error) {
	each := map[int]float64{}
	for _, n := range []int{1000, 100_000} {
		w, err := r.simulate(fmt.Sprint("apps-", n), &sim.Config{
			Seed: 2, Events: r.size.events, Apps: n,
			DropTruth: true,
		})
		if err != nil {
			return nil, err
		}
		u, err := upOnce(ctx, r.binary, filepath.Join(r.folder, fmt.Sprint("data-", n)), w.catalogue, w.file)
		if err != nil {
			return nil, err
		}
		each[n] = u.cpu.Seconds() / float64(w.events) * 1e6
	}
	return []row{{
		"cost of an event at 100,000 apps / at 1,000", each[100_000] / each[1000], "<= 1.3",
		fmt.Sprintf("%.0f µs, %.0f µs of processor time", each[100_000], each[1000]),
	}}, nil
}
