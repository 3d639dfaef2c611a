package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// Months of the longer and of the shorter history.
const (
	longHistory  = 12
	shortHistory = 2
)

const (
	// eventsAtATime are added to the file together: the measurement is of no backlog.
	eventsAtATime = 10_000
	// lookEvery is the time between two looks at the charges.
	lookEvery = 100 * time.Millisecond
)

// memory is the peak memory of `daybook up` after a long history against that after a short one,
// with the same events a month. Months close on the way.
func memory(ctx context.Context, r *rig) ([]row, error) {
	perMonth := r.size.events / 10
	peaks := map[int]float64{}
	for _, months := range []int{shortHistory, longHistory} {
		own := *r
		own.folder = filepath.Join(r.folder, fmt.Sprint(months))
		if err := os.Mkdir(own.folder, 0o700); err != nil {
			return nil, err
		}
		var err error
		if peaks[months], err = own.peak(ctx, months, perMonth); err != nil {
			return nil, err
		}
	}
	long, short := peaks[longHistory], peaks[shortHistory]
	return []row{{
		"peak memory after 12 months / after 2", long / short, "<= 1.3",
		fmt.Sprintf("%.0f MiB, %.0f MiB at %d events a month", long, short, perMonth),
	}}, nil
}

// peak is the peak memory of a program following the events of some months, in MiB.
func (r *rig) peak(ctx context.Context, months, perMonth int) (float64, error) {
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	made, err := sim.NewWorld(sim.Config{
		Seed: 6, Events: months * perMonth, Apps: 3000, Start: start, End: start.AddDate(0, months, 0), DropTruth: true,
	})
	if err != nil {
		return 0, err
	}
	prices, err := r.ownPrices(ctx, r.binary)
	if err != nil {
		return 0, err
	}
	file, err := os.Create(filepath.Join(r.folder, "followed.jsonl"))
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // nothing reads it any more
	up, err := serve(ctx, r.binary, "--data", filepath.Join(r.folder, "data"), "--catalogue", prices, "--collect",
		file.Name(), "--follow")
	if err != nil {
		return 0, err
	}
	defer up.stop() //nolint:errcheck // it was stopped, or another error is returned
	b, err := bus.Connect(ctx, bus.Config{URL: up.url})
	if err != nil {
		return 0, err
	}
	defer b.Close()
	if err := feed(ctx, file, made, b); err != nil {
		return 0, err
	}
	peak, err := peakOf(up.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	return peak, up.stop()
}

// feed adds the events of a world to a followed file: the next ones when those before are charged.
func feed(ctx context.Context, to *os.File, w *sim.World, b *bus.Bus) error {
	out := bufio.NewWriter(to)
	last := map[string]time.Time{} // event of each source
	n := 0
	await := func() error {
		err := out.Flush()
		for source, at := range last {
			if err == nil {
				err = charged(ctx, b, source, at)
			}
		}
		return err
	}
	for e := range w.Events {
		if n++; n%eventsAtATime == 0 {
			if err := await(); err != nil {
				return err
			}
		}
		out.Write(e.JSON)   //nolint:errcheck // Flush returns the first error
		out.WriteByte('\n') //nolint:errcheck // as above
		source := events.SourceCF
		if e.Trove {
			source = events.SourceTrove
		}
		if e.Time.After(last[source]) {
			last[source] = e.Time
		}
	}
	return await()
}

// charged waits until everything of a source up to a time is charged.
func charged(ctx context.Context, b *bus.Bus, source string, until time.Time) error {
	subject := events.BillingHorizonSubject(source, "file")
	for {
		m, err := b.Last(ctx, events.StreamBilling, subject)
		if err == nil {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil || !h.Time.Before(until) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// peakOf is the peak resident memory of a running process, in MiB.
func peakOf(pid int) (mib float64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &mib); n == 1 {
			return mib / 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status names no VmHWM: this measurement needs Linux", pid)
}
