package projector_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
)

// upstream stands for the platform's JSON in a fact.
var upstream = []byte(`{"guid":"b32241a5-5508-4d42-893c-360e42a300b6","created_at":"2026-08-20T10:00:00Z","filler":"` +
	strings.Repeat("x", 600) + `"}`)

// month makes n messages of USAGE: a month of a foundation with so many apps, with scalings,
// restarts, tasks, builds and services, and a horizon every thousand facts.
func month(n, apps int) []*bus.Stored {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]*bus.Stored, 0, n)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	guid := func(kind string, i int) string { return fmt.Sprintf("%08x-%s-4d42-893c-360e42a300b6", i, kind) }
	footprint := func(instances int) events.Footprint {
		return events.Footprint{
			Instances: events.Some(uint32(instances)), MemoryMB: events.Some(512), ProcessType: "web",
			Buildpack:     "java_buildpack",
			BuildpackGUID: guid("bbbb", instances%4),
		}
	}
	size := make([]int, apps)
	for len(out) < n {
		i := random.IntN(apps)
		at := start.Add(time.Duration(len(out)) * (30 * 24 * time.Hour / time.Duration(n))).Truncate(time.Second)
		u := events.Usage{
			Source: "cf", Foundation: "eu", Tenant: guid("0000", i%50), Kind: events.KindApp, Resource: guid("aaaa", i),
			App: guid("aaaa", i), Time: at,
			Space: guid("5555", i%200), SpaceName: "dev", Name: fmt.Sprintf("shop-%d", i), Raw: upstream,
		}
		tell := func(event string) {
			u.Event, u.ID = event, events.ID("usage", fmt.Sprint(len(out)))
			out = append(out, stored(events.TypeUsage, &u, uint64(len(out)+1)))
		}
		switch random.IntN(8) {
		case 0, 1:
			u.Kind, u.Resource, u.Footprint = events.KindTask, guid("7777", len(out)),
				events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(256)}
			tell(events.EventTaskStarted)
			u.Time = u.Time.Add(time.Minute)
			tell(events.EventTaskStopped)
		case 2:
			u.Kind, u.Footprint = events.KindStaging, events.Footprint{
				Instances: events.Some(1),
				MemoryMB:  events.Some(1024),
			}
			tell(events.EventStagingStarted)
			u.Time = u.Time.Add(time.Minute)
			tell(events.EventStagingStopped)
		default:
			u.Previous = events.EventStarted
			was := size[i]
			switch {
			case size[i] == 0:
				u.Previous = events.EventStopped
				size[i] = 1 + random.IntN(4)
			case random.IntN(4) == 0:
				u.Footprint = footprint(size[i])
				u.PreviousInstances, u.PreviousMemoryMB = events.Some(uint32(was)), events.Some(512)
				size[i] = 0
				tell(events.EventStopped)
				continue
			default:
				size[i] = 1 + random.IntN(4)
			}
			u.Footprint = footprint(size[i])
			if was > 0 {
				u.PreviousInstances, u.PreviousMemoryMB = events.Some(uint32(was)), events.Some(512)
			}
			tell(events.EventStarted)
		}
		if len(out)%1000 < 2 {
			h := events.Horizon{ID: fmt.Sprint("h", len(out)), Source: "cf", Foundation: "eu", Time: at}
			out = append(out, stored(events.TypeHorizon, &h, uint64(len(out)+1)))
		}
	}
	return out
}

// BenchmarkStep is the cost of verifying: messages of USAGE to messages of METERED, encoded and
// digested. Run it with -benchtime 1x.
func BenchmarkStep(b *testing.B) {
	inputs := month(300_000, 3000)
	b.ReportAllocs()
	for b.Loop() {
		_, newProcessor, err := projector.Contract(projector.Config{})
		if err != nil {
			b.Fatal(err)
		}
		p := newProcessor()
		var chain [sha256.Size]byte
		var body []byte
		outputs := 0
		start, used := time.Now(), cpu(b)
		for _, in := range inputs {
			if err := p.Step(in, func(o stage.Output) {
				outputs++
				body = append(append(body[:0], chain[:]...), o.Subject...)
				body = o.Body.AppendJSON(body)
				chain = sha256.Sum256(body)
			}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(inputs))/time.Since(start).Seconds(), "facts/s")
		b.ReportMetric(float64(len(inputs))/(cpu(b)-used).Seconds(), "facts/cpu-s") // garbage collection included
		b.ReportMetric(float64(outputs)/float64(len(inputs)), "outputs/fact")
	}
}

// cpu is the processor time of the process.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRunning is the cost of 300,000 running resources: memory, and the time to write and to
// read a snapshot. Run it with -benchtime 1x.
func BenchmarkRunning(b *testing.B) {
	const resources = 300_000
	for b.Loop() {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		_, newProcessor, _ := projector.Contract(projector.Config{})
		p := newProcessor()
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range resources {
			guid := fmt.Sprintf("%08x-aaaa-4d42-893c-360e42a300b6", i)
			u := events.Usage{
				ID: events.ID("usage", guid), Source: "cf", Foundation: "eu",
				Tenant: fmt.Sprintf("%08x-0000-4d42-893c-360e42a300b6", i%1000), Kind: events.KindApp,
				Resource: guid, App: guid, Event: "STARTED", Previous: "STOPPED", Time: at,
				Space:     fmt.Sprintf("%08x-5555-4d42-893c-360e42a300b6", i%5000),
				SpaceName: "dev", Name: fmt.Sprintf("shop-%d", i), Footprint: events.Footprint{
					Instances: events.Some(uint32(i % 5)), MemoryMB: events.Some(512), ProcessType: "web",
					Buildpack: "java_buildpack",
				},
			}
			if err := p.Step(stored(events.TypeUsage, &u, uint64(i+1)), func(stage.Output) {}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		start := time.Now()
		snapshot, err := p.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "snapshot-s")
		b.ReportMetric(float64(len(snapshot))/(1<<20), "snapshot-MiB")
		start = time.Now()
		if err := newProcessor().Restore(snapshot); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "restore-s")
		start = time.Now()
		n := 0
		h := events.Horizon{ID: "h", Source: "cf", Foundation: "eu", Time: at.Add(30 * time.Hour)}
		if err := p.Step(stored(events.TypeHorizon, &h, resources+1), func(stage.Output) { n++ }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "cut-s")
		if n != resources+1 {
			b.Fatal(n, " messages")
		}
		runtime.KeepAlive(p)
	}
}
