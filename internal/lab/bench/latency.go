package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// latency is the time from a stored fact to its charge, by the server's clock, with --follow.
func latency(ctx context.Context, r *rig) ([]row, error) {
	var rows []row
	for _, load := range []struct{ rate, seconds int }{{5, 20}, {1000, 10}} {
		times, err := followed(ctx, r, load.rate, load.seconds)
		if err != nil {
			return nil, err
		}
		p50, p99 := times[len(times)/2], times[len(times)*99/100]
		row := row{
			name: fmt.Sprintf("fact to charge at %d/s, p99 / p50", load.rate), value: p99.Seconds() / p50.Seconds(),
			aim:  "-",
			from: fmt.Sprintf("p50 %d ms, p99 %d ms, %d charges", p50.Milliseconds(), p99.Milliseconds(), len(times)),
		}
		if r.old != "" {
			before := *r
			before.binary, before.folder = r.old, filepath.Join(r.folder, "old")
			if err := os.MkdirAll(before.folder, 0o700); err != nil {
				return nil, err
			}
			old, err := followed(ctx, &before, load.rate, load.seconds)
			if err != nil {
				return nil, err
			}
			old50, old99 := old[len(old)/2], old[len(old)*99/100]
			row.name = fmt.Sprintf("fact to charge at %d/s, p99 / earlier version", load.rate)
			row.value, row.aim = p99.Seconds()/old99.Seconds(), "<= 0.33"
			row.from += fmt.Sprintf("; earlier %d, %d ms", old50.Milliseconds(), old99.Milliseconds())
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// followed appends events to a followed file at a rate, and returns the sorted times from each fact
// to its charges.
func followed(ctx context.Context, r *rig, rate, seconds int) ([]time.Duration, error) {
	w, err := r.simulate(fmt.Sprint("events-", rate), &sim.Config{
		Seed: 5, Events: 2*rate*seconds + 2000, Apps: 200, DropTruth: true,
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(w.file)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(r.folder, fmt.Sprintf("followed-%d.jsonl", rate)))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing reads it any more
	prices, err := r.ownPrices(ctx, r.binary)
	if err != nil {
		return nil, err
	}
	up, err := serve(ctx, r.binary, "--data", filepath.Join(r.folder, fmt.Sprint("data-", rate)), "--catalogue",
		prices, "--collect", file.Name(), "--follow")
	if err != nil {
		return nil, err
	}
	defer up.stop() //nolint:errcheck // it was stopped, or another error is returned
	lines := bytes.SplitAfter(text, []byte("\n"))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	written, begun := 0, time.Now()
	for written < rate*seconds {
		<-tick.C
		due := min(int(time.Since(begun).Seconds()*float64(rate)), rate*seconds)
		if _, err := file.Write(bytes.Join(lines[written:due], nil)); err != nil {
			return nil, err
		}
		written = due
	}
	times, err := chargeTimes(ctx, up.url, uint64(written))
	if err != nil {
		return nil, err
	}
	return times, up.stop()
}

// chargeTimes waits until the facts are stored and the charges have come to rest, and compares the
// store time of each charge with that of the fact behind it.
func chargeTimes(ctx context.Context, url string, facts uint64) ([]time.Duration, error) {
	b, err := bus.Connect(ctx, bus.Config{URL: url})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var before uint64
	for still := 0; still < 5; {
		time.Sleep(500 * time.Millisecond)
		usage, err := b.Stream(ctx, events.StreamUsage)
		if err != nil {
			return nil, err
		}
		billing, err := b.Stream(ctx, events.StreamBilling)
		if err != nil {
			return nil, err
		}
		if still++; usage.Messages < facts || billing.Last != before {
			still, before = 0, billing.Last
		}
	}
	stored := func(stream string) (map[uint64]time.Time, map[uint64]uint64, error) {
		at, source := map[uint64]time.Time{}, map[uint64]uint64{}
		_, err := b.Each(ctx, stream, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			at[m.Sequence] = m.Time
			var n uint64
			fmt.Sscan(m.Header("Daybook-Source-Seq"), &n) //nolint:errcheck // facts have none
			source[m.Sequence] = n
			return nil
		})
		return at, source, err
	}
	usage, _, err := stored(events.StreamUsage)
	if err != nil {
		return nil, err
	}
	_, metered, err := stored(events.StreamMetered)
	if err != nil {
		return nil, err
	}
	charged, billing, err := stored(events.StreamBilling)
	if err != nil {
		return nil, err
	}
	var times []time.Duration
	for sequence, at := range charged {
		if fact, ok := usage[metered[billing[sequence]]]; ok {
			times = append(times, at.Sub(fact))
		}
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("%d facts have no charge", facts)
	}
	slices.Sort(times)
	return times, nil
}
