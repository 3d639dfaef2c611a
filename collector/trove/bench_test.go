package trove_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

// benchFolder is set for a process that is the benchmark's NATS server, to its data folder.
const benchFolder = "DAYBOOK_BENCH_SERVER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(benchFolder); folder != "" {
		if err := serveBench(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBench serves until its input ends.
func serveBench(folder string) error {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Println(server.URL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startBench starts a NATS server in a process of its own, so that its memory and time are not
// taken for the collector's.
func startBench(b *testing.B) (_ *bus.Bus, process int) {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.CommandContext(context.WithoutCancel(b.Context()), program)
	c.Env, c.Stderr = append(os.Environ(), benchFolder+"="+b.TempDir()), os.Stderr
	input, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = c.Wait()
	})
	connection, err := bus.Connect(b.Context(), bus.Config{URL: strings.TrimSpace(url), Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(connection.Close)
	if err := connection.EnsureStreams(b.Context(), bus.StreamsConfig{}); err != nil {
		b.Fatal(err)
	}
	return connection, c.Process.Pid
}

// processes are those whose time is counted: this one, the NATS server, RabbitMQ.
type processes [3]int

// measured is what something took.
type measured struct {
	wall time.Duration
	cpu  [len(processes{})]time.Duration
}

// all is the time of all processes.
func (m *measured) all() (sum time.Duration) {
	for _, t := range m.cpu {
		sum += t
	}
	return sum
}

func (m *measured) add(o measured) {
	m.wall += o.wall
	for i := range o.cpu {
		m.cpu[i] += o.cpu[i]
	}
}

// start begins to measure; the result ends it.
func (p processes) start(b *testing.B) func() measured {
	b.Helper()
	times := func() (m measured) {
		for i, pid := range p {
			m.cpu[i] = cpuTime(b, pid)
		}
		return m
	}
	before, at := times(), time.Now()
	return func() measured {
		wall := time.Since(at)
		m := times()
		for i := range m.cpu {
			m.cpu[i] -= before.cpu[i]
		}
		m.wall = wall
		return m
	}
}

// cpuTime is what a process has used. Source: proc(5), /proc/pid/stat, in ticks of 10 ms.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	var user, system int
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// forgetPeak begins the peak of this process's resident memory anew. Source: proc(5),
// /proc/pid/clear_refs.
func forgetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

func peakResident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// backlog is a queue of notifications and what takes them out of it.
type backlog struct {
	*testing.B
	n         int
	rabbit    *rabbit.Broker
	bus       *bus.Bus
	processes processes
	body      string // of one notification
	round     int
	last      uint64 // that append has stored
	peakHeap  uint64 // bytes that were reachable at the end of a garbage collection
}

const (
	benchID       = "599024e6-c36a-4ab9-8c76-084eb8e3b9dd"
	benchInstance = "3ec1d458-9c77-4849-a230-fcdde289537e"
	instances     = 1000 // each has a subject
	prefetch      = 2000 // the collector's default
	benchPatience = 10 * time.Minute
)

// text is a notification with an id of its own, of one of the instances: the last parts of UUIDs,
// so that nothing else changes.
func (l *backlog) text(i int) []byte {
	id, instance := 100_000_000_000+l.round*10_000_000+i, 100_000_000_000+i%instances
	return []byte(strings.NewReplacer(benchID, benchID[:24]+strconv.Itoa(id), benchInstance,
		benchInstance[:24]+strconv.Itoa(instance)).Replace(l.body))
}

// channel opens a channel with the collector's prefetch.
func (l *backlog) channel() (*amqp.Channel, func()) {
	client, err := amqp.Dial(l.rabbit.URL())
	if err != nil {
		l.Fatal(err)
	}
	channel, err := client.Channel()
	if err == nil {
		err = channel.Qos(prefetch, 0, false)
	}
	if err == nil {
		err = channel.Confirm(false)
	}
	if err != nil {
		l.Fatal(err)
	}
	return channel, func() { _ = client.Close() }
}

func (l *backlog) fill() {
	l.round++
	channel, hangUp := l.channel()
	defer hangUp()
	for i := range l.n {
		last, err := channel.PublishWithDeferredConfirm("trove", "notifications.info", false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: l.text(i)})
		if err != nil {
			l.Fatal(err)
		}
		if i%1000 == 0 || i == l.n-1 {
			last.Wait()
		}
	}
}

// drop consumes all, with the collector's acknowledgements. It begins with a connection, as collect
// does.
func (l *backlog) drop() measured {
	channel, hangUp := l.channel()
	defer hangUp()
	debug.FreeOSMemory()
	end := l.processes.start(l.B)
	deliveries, err := channel.Consume("billing.trove", "", false, false, false, false, nil)
	if err != nil {
		l.Fatal(err)
	}
	for i := 1; i <= l.n; i++ {
		if d := <-deliveries; i%1000 == 0 || i == l.n {
			if err := d.Ack(true); err != nil {
				l.Fatal(err)
			}
		}
	}
	return end()
}

// append appends what the collector makes of the notifications, in batches of the same size, made
// before.
func (l *backlog) append(store *bus.Bus, server int) (m measured) {
	filter := events.UsageFilter(events.SourceTrove, "raw")
	processes := processes{l.processes[0], server, l.processes[2]}
	msgs := make([]bus.Message, 0, bus.MaxBatch)
	for i := 0; i < l.n; {
		for msgs = msgs[:0]; i < l.n && len(msgs) < bus.MaxBatch; i++ {
			u, err := notification.NormaliseText(nil, "raw", l.text(i))
			if err != nil {
				l.Fatal(err)
			}
			msgs = append(msgs, bus.Message{
				Subject: events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
				Data:    u.AppendJSON(nil),
				Header:  events.AppendHeaders(nil, u.ID, events.TypeUsage, collector.Origin(u.Source, u.Foundation)),
			})
		}
		end := processes.start(l.B)
		var err error
		if l.last, err = store.Append(l.Context(), events.StreamUsage, msgs, bus.Expect{
			Filter: filter,
			Last:   l.last,
		}); err != nil {
			l.Fatal(err)
		}
		m.add(end())
	}
	return m
}

// collect runs the collector until it has stored and acknowledged so many. It is measured from when
// the queue is bound, which is before anything is consumed; starting is how long that took.
func (l *backlog) collect(facts int) (m measured, starting time.Duration) {
	cfg := trove.Config{
		Foundation: "bench", URLs: []string{l.rabbit.URL()}, Durability: trove.DurabilityYes,
		Exchanges: []string{"trove"},
		Prefetch:  prefetch, Beat: time.Hour,
	}
	c, err := trove.New(cfg, trove.Deps{Store: trove.OnBus(l.bus)})
	if err != nil {
		l.Fatal(err)
	}
	ctx, stop := context.WithCancel(l.Context())
	done := make(chan error, 1)
	debug.FreeOSMemory()
	forgetPeak(l.B)
	at := time.Now()
	go func() { done <- c.Run(ctx) }()
	wait := func(r trove.Report) {
		if time.Since(at) > benchPatience {
			l.Fatalf("not collected: %+v", r)
		}
		time.Sleep(2 * time.Millisecond)
	}
	for r := c.Report(); !r.Bound; r = c.Report() {
		wait(r)
	}
	starting = time.Since(at)
	end := l.processes.start(l.B)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for r := c.Report(); r.Facts+r.Known < facts; r = c.Report() {
		metrics.Read(live)
		l.peakHeap = max(l.peakHeap, live[0].Value.Uint64())
		wait(r)
	}
	stop()
	if err := <-done; err != nil {
		l.Fatal(err)
	}
	return end(), starting
}

// BenchmarkBacklog takes a backlog of 100,000 notifications (DAYBOOK_BACKLOG) out of the queue:
// once by the collector, into USAGE on a server that syncs always, and once by a consumer that
// drops them, with the same prefetch and acknowledgements. What the collector stores is then
// appended once more, without a queue, to another server. The broker, the server and the collector
// are processes of their own. Each metric of time without another name is of collecting.
//
//   - of-drop, of-append: how fast collecting is against dropping alone and appending alone; no
//     faster than both
//   - of-drop+append: against dropping, and then appending
//   - of-drop-at-most: what of-drop would be if collecting took the processor time of dropping and
//     appending and no more, and kept the processors as busy as dropping does
//   - µs-…: processor time for a notification
//   - MiB-live, MiB-resident: of the collector's process, the highest
func BenchmarkBacklog(b *testing.B) {
	n := 100_000
	if s := os.Getenv("DAYBOOK_BACKLOG"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	capture, err := os.ReadFile("testdata/taskmanager_18.0.0_lifecycle.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Split(string(capture), "\n")[1] // a create with its envelope
	if !strings.Contains(body, benchID) || !strings.Contains(body, benchInstance) {
		b.Fatal("the capture has changed")
	}
	rabbit, err := rabbit.Start(b.Context(), rabbit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rabbit.Close() }()
	answer, err := rabbit.Control(b.Context(), "eval", "os:getpid().")
	if err != nil {
		b.Fatal(err)
	}
	broker, err := strconv.Atoi(strings.Trim(answer, "\" \n"))
	if err != nil {
		b.Fatal(err)
	}
	store, server := startBench(b)
	raw, rawServer := startBench(b)
	l := &backlog{B: b, n: n, rabbit: rabbit, bus: store, processes: processes{os.Getpid(), server, broker}, body: body}
	l.collect(0) // makes the queue
	var dropped, collected, appended measured
	var starting time.Duration
	var resident float64
	for b.Loop() {
		b.StopTimer()
		l.fill()
		dropped.add(l.drop())
		l.fill()
		b.StartTimer()
		m, start := l.collect(n)
		b.StopTimer()
		collected.add(m)
		starting += start
		resident = max(resident, peakResident(b))
		appended.add(l.append(raw, rawServer))
		b.StartTimer()
	}
	all := float64(n) * float64(b.N)
	b.ReportMetric(all/collected.wall.Seconds(), "collected/s")
	b.ReportMetric(all/dropped.wall.Seconds(), "dropped/s")
	b.ReportMetric(all/appended.wall.Seconds(), "appended/s")
	b.ReportMetric(dropped.wall.Seconds()/collected.wall.Seconds(), "of-drop")
	b.ReportMetric(appended.wall.Seconds()/collected.wall.Seconds(), "of-append")
	b.ReportMetric((dropped.wall+appended.wall).Seconds()/collected.wall.Seconds(), "of-drop+append")
	b.ReportMetric(float64(dropped.all())/float64(dropped.all()+appended.all()), "of-drop-at-most")
	b.ReportMetric(starting.Seconds()*1e3/float64(b.N), "ms-start")
	b.ReportMetric(float64(l.peakHeap)/(1<<20), "MiB-live")
	b.ReportMetric(resident, "MiB-resident")
	for i, who := range []string{"collector", "server", "broker"} {
		b.ReportMetric(float64(dropped.cpu[i].Microseconds())/all, "µs-"+who+"-dropping")
		b.ReportMetric(float64(collected.cpu[i].Microseconds())/all, "µs-"+who)
		b.ReportMetric(float64(appended.cpu[i].Microseconds())/all, "µs-"+who+"-appending")
	}
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
