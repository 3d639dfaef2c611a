package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/jet"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Times of a world. They pass at once.
const (
	healing     = 3 * time.Second  // from a want of room to its end
	patience    = 90 * time.Second // by then every stage must have come to the end
	look        = 100 * time.Millisecond
	mostAppends = 500 // tries of the collector
)

// services are the stages of a world, in a row.
var services = []stage.Config{
	{
		Name: "projector", Input: events.StreamUsage, Output: events.StreamMetered,
		OutputFilter: events.SubjectsMetered, Marker: "metered.marker", Bucket: "projector",
	},
	{
		Name: "pricer", Input: events.StreamMetered, Output: events.StreamBilling,
		OutputFilter: events.SubjectsBilling, Marker: "billing.marker", Bucket: "pricer", Derived: true,
	},
}

// prefixes begin the subjects of the outputs.
var prefixes = []string{"metered", "billing"}

// world is one run of a plan.
type world struct {
	ctx     context.Context //nolint:containedctx // of the world
	plan    plan
	variant variant
	model   *jet.Server
	log     *logged

	mu        sync.Mutex
	operation int // of clients, while faults happen
	due       []fault
	instances []*instance // that run
	dead      map[string]bool
	started   int
	failure   error
	foreign   intruder // in an output stream
	judging   bool     // nothing goes wrong any more
	over      bool

	running sync.WaitGroup
}

// instance is a process with one stage.
type instance struct {
	service int
	name    string
	cancel  context.CancelFunc
	killed  bool
}

// logged keeps what the stages say.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// run runs a plan in a bubble of synctest, and returns what is wrong at the end.
func run(p plan, v variant) (log string, failure error) {
	w := &world{
		plan: p, variant: v, log: &logged{},
		dead: map[string]bool{},
	}
	order := rand.New(rand.NewPCG(p.Seed, 2))
	w.model = jet.New(jet.Config{
		MaxPayload: 8 << 20, Intercept: w.intercept,
		Order: &jet.Order{Settle: synctest.Wait, Pick: order.IntN},
	})
	defer w.model.Close()
	ctx, cancel := context.WithCancel(context.Background())
	w.ctx = ctx
	w.prepare(ctx)
	w.mu.Lock()
	w.due = p.Faults
	w.mu.Unlock()
	for service := range services {
		w.start(service)
	}
	err := w.judge(ctx)
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	cancel()
	w.running.Wait()
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	return w.log.text.String(), err
}

// judge is what is wrong at the end.
func (w *world) judge(ctx context.Context) error {
	err := w.collect(ctx)
	if err == nil {
		err = w.settled(ctx)
	}
	w.calm()
	w.mu.Lock()
	foreign := w.foreign
	w.mu.Unlock()
	if foreign.sequence > 0 {
		return w.stopped(ctx, foreign)
	}
	if err == nil {
		err = w.settled(ctx) // the last fault may have come in between
	}
	if err == nil {
		err = w.verified(ctx, true)
	}
	return err
}

// prepare makes the streams and buckets.
func (w *world) prepare(ctx context.Context) {
	b, err := w.connect(ctx, "operator")
	if err == nil {
		err = b.EnsureStreams(ctx, bus.StreamsConfig{})
	}
	for _, s := range services {
		if err == nil {
			err = b.PutObject(ctx, s.Bucket, "first", []byte("no snapshot"))
		}
		if err == nil {
			err = b.DeleteObject(ctx, s.Bucket, "first")
		}
	}
	if err != nil {
		panic(err)
	}
	b.Close()
}

func (w *world) connect(ctx context.Context, name string) (*bus.Bus, error) {
	return bus.Connect(ctx, bus.Config{URL: "nats://model:4222", Name: name, Process: w.model})
}

// connected tries until it is, or ctx ends.
func (w *world) connected(ctx context.Context, name string) *bus.Bus {
	for {
		b, err := w.connect(ctx, name)
		if err == nil || ctx.Err() != nil {
			return b
		}
		pause(ctx, look)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// start begins an instance of a stage.
func (w *world) start(service int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.started++
	i := &instance{service: service, name: services[service].Name + strconv.Itoa(w.started)}
	own, cancel := context.WithCancel(w.ctx)
	i.cancel = cancel
	w.instances = append(w.instances, i)
	w.running.Go(func() { w.live(own, i) })
}

// live is the life of an instance.
func (w *world) live(ctx context.Context, i *instance) {
	defer i.cancel()
	b := w.connected(ctx, i.name)
	if b == nil {
		return
	}
	defer b.Close()
	cfg := services[i.service]
	cfg.Logic, cfg.MarkerEvery, cfg.SnapshotEvery = "toy/1", markerEvery, 10
	cfg.Derived = cfg.Derived && !w.variant.original
	log := slog.New(slog.NewTextHandler(w.log, nil)).With(slog.String("instance", i.name))
	s := stage.New(cfg, w.variant.bus(b), w.variant.processor(prefixes[i.service]), log, nil)
	err := s.Run(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !i.killed && w.failure == nil {
		w.failure = fmt.Errorf("%s waits for a person: %w", i.name, err)
	}
}

// replace ends an instance and begins another one.
func (w *world) replace(n int, kill bool) {
	w.mu.Lock()
	if len(w.instances) == 0 {
		w.mu.Unlock()
		return
	}
	i := w.instances[n%len(w.instances)]
	w.instances = append([]*instance{}, w.instances...)
	for at, other := range w.instances {
		if other == i {
			w.instances = without(w.instances, at)
			break
		}
	}
	if kill {
		i.killed = true
		w.dead[i.name] = true
	}
	w.mu.Unlock()
	i.cancel()
	w.start(i.service)
}

// intercept has the faults of the plan happen.
func (w *world) intercept(op jet.Op) jet.Fate {
	w.mu.Lock()
	if w.due == nil && w.operation == 0 || op.Client == "judge" {
		w.mu.Unlock()
		return jet.Fate{}
	}
	w.operation++
	if w.dead[op.Client] {
		w.mu.Unlock()
		return jet.Fate{Lost: true, Cut: true}
	}
	var now []fault
	for len(w.due) > 0 && w.due[0].At <= w.operation {
		now, w.due = append(now, w.due[0]), w.due[1:]
	}
	if w.due == nil {
		w.due = []fault{}
	}
	w.mu.Unlock()
	var fate jet.Fate
	for _, f := range now {
		if w.judged() {
			break
		}
		fmt.Fprintf(w.log, "operation %d: %s %d (%s %s)\n", f.At, f.Kind, f.Arg, op.Client, op.Subject)
		w.happen(f, &fate)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead[op.Client] {
		return jet.Fate{Lost: true, Cut: true}
	}
	return fate
}

func (w *world) judged() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judging
}

// happen carries out a fault.
func (w *world) happen(f fault, fate *jet.Fate) {
	derived := services[f.Arg%2].Output
	bucket := "OBJ_" + services[f.Arg%2].Bucket
	switch f.Kind {
	case "mute":
		fate.Mute = true
	case "lost":
		fate.Lost, fate.Cut = true, true
	case "cut":
		fate.Cut = true
	case "slow":
		time.Sleep(time.Duration(f.Arg) * time.Millisecond)
	case "restart":
		w.model.Restart(f.Arg == 1)
	case "leader":
		w.model.StepDown(time.Duration(f.Arg) * look)
	case "hold":
		w.model.Hold(derived)
		w.later(time.Duration(f.Arg)*look, func() { w.model.Release(derived) })
	case "unhold":
		w.model.StepDown(look)
	case "room":
		w.model.Room(events.StreamUsage, f.Arg)
		w.later(healing, func() { w.model.Room(events.StreamUsage, -1) })
	case "tight":
		w.model.Room(derived, f.Arg/2)
		w.later(healing, func() { w.model.Room(derived, -1) })
	case "tail":
		w.loseTails(uint64(f.Arg))
	case "foreign":
		w.intrude(services[f.Arg%2].Output, prefixes[f.Arg%2], f.Arg/2)
	case "kill", "stop":
		w.replace(f.Arg, f.Kind == "kill")
	case "second":
		w.start(f.Arg)
	case "damage", "delete":
		if last := w.model.Last(bucket); last > 0 {
			sequence := 1 + uint64(f.Arg)%last
			if f.Kind == "damage" {
				w.model.Damage(bucket, sequence)
			} else {
				w.model.Delete(bucket, sequence)
			}
		}
	}
}

// loseTails takes the ends of METERED, of BILLING, or of both: the argument modulo 3 says which,
// and the rest of it how many messages.
func (w *world) loseTails(arg uint64) {
	for n, s := range services {
		if which := arg % 3; which != uint64(n) && which != 2 {
			continue
		}
		last := w.model.Last(s.Output)
		w.model.LoseTail(s.Output, last-min(last, arg/3))
	}
}

// later does something after a while, unless the world has ended.
func (w *world) later(d time.Duration, what func()) {
	time.AfterFunc(d, what)
}

// collect appends the facts to USAGE, each window as a batch, as a collector does: after a failure
// it reads which of its facts are stored.
func (w *world) collect(ctx context.Context) error {
	b := w.connected(ctx, "collector")
	defer b.Close()
	pauses := rand.New(rand.NewPCG(w.plan.Seed, 3))
	number := 0
	expect := uint64(0)
	for _, window := range w.plan.Windows {
		var batch []bus.Message
		for _, n := range window {
			number++
			batch = append(batch, bus.Message{
				Subject: "usage.toy.x", Data: []byte(fact(n)),
				Header: []events.Header{{Key: events.HeaderID, Value: fmt.Sprintf("fact-%d", number)}},
			})
		}
		for tries := 0; len(batch) > 0; tries++ {
			if tries > mostAppends {
				return errors.New("the collector cannot append")
			}
			last, err := b.Append(ctx, events.StreamUsage, batch, bus.Expect{Last: expect})
			if err == nil {
				expect = last
				break
			}
			pause(ctx, look)
			found, err := b.Stream(ctx, events.StreamUsage)
			if err != nil {
				continue
			}
			stored := found.Last - expect
			if stored > uint64(len(batch)) {
				return fmt.Errorf("USAGE ends at %d, behind the facts of the collector", found.Last)
			}
			expect, batch = found.Last, batch[stored:]
		}
		pause(ctx, time.Duration(pauses.IntN(3))*look)
	}
	return nil
}

// facts are the messages of USAGE.
func (w *world) facts() (facts []made) {
	for _, window := range w.plan.Windows {
		for _, n := range window {
			facts = append(facts, made{at: uint64(len(facts) + 1), subject: "usage.toy.x", body: fact(n)})
		}
	}
	return facts
}

// wanted is what each stage should put out.
func (w *world) wanted() (outputs [][]made) {
	inputs := w.facts()
	for _, name := range prefixes {
		inputs = derive(name, inputs)
		outputs = append(outputs, inputs)
	}
	return outputs
}

// settled waits until both streams are as long as they should be, and compares them.
func (w *world) settled(ctx context.Context) error {
	for n, want := range w.wanted() {
		var err error
		for waited := time.Duration(0); ; waited += look {
			w.mu.Lock()
			failure := w.failure
			w.mu.Unlock()
			if failure != nil {
				return failure
			}
			late := waited > patience
			if late || w.model.Last(services[n].Output) >= uint64(len(want)) {
				if err = compare(services[n].Output, w.model.Messages(services[n].Output), want); err == nil {
					break
				}
			}
			if late {
				return err
			}
			pause(ctx, look)
		}
	}
	return nil
}

// compare compares an output stream with what it should be.
func compare(stream string, got []jet.Message, want []made) error {
	for i := range got {
		if i >= len(want) {
			return fmt.Errorf("%s: message %d is one too many: %s %s", stream, got[i].Sequence, got[i].Subject,
				got[i].Data)
		}
		part := got[i].Header(stage.HeaderPart)
		if part == "" {
			part = "0"
		}
		text := fmt.Sprintf("%d %s %s %s %s", got[i].Sequence, got[i].Subject, got[i].Data,
			got[i].Header(stage.HeaderSourceSeq), part)
		if expected := fmt.Sprintf("%d %s %s %d %d", want[i].at, want[i].subject, want[i].body, want[i].sequence,
			want[i].part); text != expected {
			return fmt.Errorf("%s: message %d of %d is %q, and should be %q", stream, i+1, len(want), text, expected)
		}
	}
	if len(got) < len(want) {
		return fmt.Errorf("%s ends behind %d of %d messages", stream, len(got), len(want))
	}
	return nil
}

// calm ends everything that goes wrong.
func (w *world) calm() {
	w.mu.Lock()
	w.due, w.judging = []fault{}, true
	w.mu.Unlock()
	w.model.Heal()
}

// verified has the program itself verify both stages: chain and count.
func (w *world) verified(ctx context.Context, deep bool) error {
	b := w.connected(ctx, "judge")
	defer b.Close()
	for n, cfg := range services {
		cfg.Logic, cfg.MarkerEvery = "toy/1", markerEvery
		fresh := func() stage.Processor { return &adder{name: prefixes[n]} }
		if _, err := stage.Verify(ctx, cfg, b, fresh, stage.VerifyOptions{Deep: deep}); err != nil {
			return fmt.Errorf("verifying %s: %w", cfg.Name, err)
		}
	}
	return nil
}

// tail is the end of a log.
func tail(log string, lines int) string {
	all := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
