package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// bill is the time of `daybook bill` against the length of the history, with the same apps and the
// same month.
func bill(ctx context.Context, r *rig) ([]row, error) {
	long := r.size.events
	took := map[int]time.Duration{}
	for _, n := range []int{long / 10, long} {
		w, err := r.simulate(fmt.Sprint("events-", n), &sim.Config{Seed: 3, Events: n, Apps: 300, DropTruth: true})
		if err != nil {
			return nil, err
		}
		data := filepath.Join(r.folder, fmt.Sprint("data-", n))
		if _, err := upOnce(ctx, r.binary, data, w.catalogue, w.file); err != nil {
			return nil, err
		}
		if took[n], err = bills(ctx, r.binary, data); err != nil {
			return nil, err
		}
	}
	return []row{{
		"`bill` at ten times the history / at once", took[long].Seconds() / took[long/10].Seconds(), "<= 1.3",
		fmt.Sprintf("%d ms at %d events, %d ms", took[long].Milliseconds(), long, took[long/10].Milliseconds()),
	}}, nil
}

// bills is the median time of five bills, after one that is not counted.
func bills(ctx context.Context, binary, data string) (time.Duration, error) {
	up, err := serve(ctx, binary, "--data", data)
	if err != nil {
		return 0, err
	}
	defer up.stop() //nolint:errcheck // it was stopped, or another error is returned
	var times []time.Duration
	for i := range 6 {
		u, err := run(ctx, binary, "bill", "--nats", up.url)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			times = append(times, u.wall)
		}
	}
	slices.Sort(times)
	return times[len(times)/2], up.stop()
}

// restart is the time from snapshots against the time from the start of the streams; the server's
// own recovery is taken off both.
func restart(ctx context.Context, r *rig) ([]row, error) {
	w, err := r.simulate("events", &sim.Config{Seed: 4, Events: r.size.history, Apps: 3000, DropTruth: true})
	if err != nil {
		return nil, err
	}
	data := filepath.Join(r.folder, "data")
	if _, err := upOnce(ctx, r.binary, data, w.catalogue, w.file); err != nil {
		return nil, err
	}
	again := func() (time.Duration, error) {
		_, recovery, err := look(ctx, data)
		if err != nil {
			return 0, err
		}
		u, err := upOnce(ctx, r.binary, data, w.catalogue)
		return u.wall - recovery, err
	}
	warm, err := again()
	if err != nil {
		return nil, err
	}
	buckets, err := filepath.Glob(filepath.Join(data, "jetstream", "*", "streams", "OBJ_*"))
	if err != nil {
		return nil, err
	}
	for _, bucket := range buckets {
		if err := os.RemoveAll(bucket); err != nil {
			return nil, err
		}
	}
	cold, err := again()
	if err != nil {
		return nil, err
	}
	return []row{{
		"warm / cold restart, without the server's", warm.Seconds() / cold.Seconds(), "<= 0.1",
		fmt.Sprintf("%.2f s, %.2f s at %d events", warm.Seconds(), cold.Seconds(), w.events),
	}}, nil
}
