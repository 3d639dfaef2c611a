package stage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

// patience is the longest wait for an event, on a busy machine too.
const patience = scale.Patience

// must is for what has nothing to do with the subject of a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) { must(0, err) }

// site is a server with connections.
type site struct {
	server      *bus.Server
	first, next *bus.Bus
	admin       *bustest.Client
	worlds      int
}

func newSite(folder string) *site {
	s := &site{server: must(bus.StartServer(bus.ServerConfig{
		DataDir: folder, Listen: "127.0.0.1:0", User: "u",
		Password: "p",
	}))}
	cfg := bus.Config{URL: s.server.URL(), User: "u", Password: "p", Timeout: patience}
	s.next = must(bus.Connect(context.Background(), cfg))
	cfg.Appends, cfg.Feed = s.server, 1<<20 // as in daybook up
	s.first = must(bus.Connect(context.Background(), cfg))
	s.admin = must(bustest.Dial(s.server.URL(), "u", "p"))
	return s
}

func (s *site) close() {
	s.admin.Close()
	s.first.Close()
	s.next.Close()
	s.server.Shutdown()
}

// api is what an operator does with the nats tool.
func (s *site) api(subject string, body any) {
	var request []byte
	if body != nil {
		request = must(json.Marshal(body))
	}
	answer := must(s.admin.Request("$JS.API."+subject, request))
	var result struct {
		Error json.RawMessage `json:"error"`
	}
	check(json.Unmarshal(answer.Data, &result))
	if result.Error != nil {
		panic(fmt.Sprintf("%s: %s", subject, result.Error))
	}
}

func (s *site) createStream(name string, subjects ...string) {
	s.api("STREAM.CREATE."+name, map[string]any{
		"name": name, "subjects": subjects, "storage": "memory", "retention": "limits", "discard": "new",
		"max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "num_replicas": 1,
		"allow_atomic": !strings.HasPrefix(name, "OUT"), "allow_batched": strings.HasPrefix(name, "OUT"),
		"allow_direct": true, "allow_rollup_hdrs": strings.HasPrefix(name, "OBJ_"),
	})
}

// world is an input stream, an output stream that others write to as well, and a bucket.
type world struct {
	*site
	bus             *bus.Bus
	id              string
	in, out, bucket string
	sizes           []int // outputs of each input so far
	others          bool  // the next inputs have other ids
	markerEvery     int
}

func newWorld(s *site, sizes ...int) *world {
	s.worlds++
	id := strconv.Itoa(s.worlds)
	w := &world{site: s, bus: s.first, id: id, in: "IN" + id, out: "OUT" + id, bucket: "SNAP" + id, markerEvery: 1000}
	s.createStream(w.in, "in"+id+".>")
	s.createStream(w.out, "own"+id+".>", "catalogue"+id+".>")
	s.createStream("OBJ_"+w.bucket, "$O."+w.bucket+".C.>", "$O."+w.bucket+".M.>")
	w.feed(sizes...)
	return w
}

// feed appends inputs; each says how many outputs it has.
func (w *world) feed(sizes ...int) {
	for len(sizes) > 0 {
		n := min(len(sizes), bus.MaxBatch)
		messages := make([]bus.Message, n)
		name := "input"
		if w.others {
			name = "other"
		}
		for i, size := range sizes[:n] {
			messages[i] = bus.Message{
				Subject: "in" + w.id + ".x", Data: []byte(strconv.Itoa(size)),
				Header: []events.Header{{Key: events.HeaderID, Value: fmt.Sprintf("%s-%d", name, len(w.sizes)+i+1)}},
			}
		}
		state := must(w.bus.Stream(context.Background(), w.in))
		must(w.bus.Append(context.Background(), w.in, messages, bus.Expect{Last: state.Last}))
		w.sizes = append(w.sizes, sizes[:n]...)
		sizes = sizes[n:]
	}
}

// foreign appends to the output stream what is not the stage's, or what looks as if it were.
func (w *world) foreign(subject string) {
	for {
		state := must(w.bus.Stream(context.Background(), w.out))
		_, err := w.bus.AppendDerived(context.Background(), w.out,
			[]bus.Message{{Subject: subject, Data: []byte("foreign")}},
			bus.Expect{Last: state.Last})
		if err == nil {
			return
		}
		if conflict := new(bus.ConflictError); !errors.As(err, &conflict) {
			panic(err)
		}
	}
}

func (w *world) dropSnapshots() {
	for _, name := range w.snapshots() {
		check(w.bus.DeleteObject(context.Background(), w.bucket, name))
	}
}

// snapshots are the positions of those in the bucket.
func (w *world) snapshots() []string {
	return must(w.bus.ListObjects(context.Background(), w.bucket))
}

// made is an output as it should be, computed without the stage.
type made struct {
	subject, body string
	sequence      uint64
	part          int
	chain         string
	count         int
}

// expected is what the inputs so far lead to.
func (w *world) expected() []made {
	var (
		all   []made
		chain [sha256.Size]byte
		sum   uint64
		last  int
	)
	add := func(subject, body string, sequence, part int) {
		var text bytes.Buffer
		text.Write(chain[:])
		check(binary.Write(&text, binary.BigEndian, uint32(len(subject))))
		text.WriteString(subject + body)
		chain = sha256.Sum256(text.Bytes())
		all = append(all, made{subject, body, uint64(sequence), part, hex.EncodeToString(chain[:]), len(all) + 1})
		last = sequence
	}
	for i, size := range w.sizes {
		sequence := i + 1
		sum += uint64(sequence * (size + 1))
		for part := range size {
			add(fmt.Sprintf("own%s.%d", w.id, part%3), fmt.Sprintf(`{"sum":%d,"part":%d}`, sum, part), sequence, part)
		}
		if sequence-last >= w.markerEvery {
			add("own"+w.id+".marker", fmt.Sprintf(`{"input_sequence":"%d"}`, sequence), sequence, 0)
		}
	}
	return all
}

// verify compares the output stream with what is expected of the first inputs: subjects, bodies,
// order and headers.
func (w *world) verify() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	want := w.expected()
	i, begins := 0, true
	_, err := w.bus.Each(ctx, w.out, 1, bus.End, bus.ReadOptions{Filters: []string{"own" + w.id + ".>"}},
		func(got *bus.Stored) error {
			if i >= len(want) {
				return fmt.Errorf("output %d is one too many: %s %s", i, got.Subject, got.Data)
			}
			if err := want[i].compare(got, begins); err != nil {
				return fmt.Errorf("output %d of %d: %w", i, len(want), err)
			}
			begins = got.Header(stage.HeaderChain) != ""
			i++
			return nil
		})
	if err == nil && !begins {
		err = errors.New("the last output does not end a batch")
	}
	if err == nil && i != len(want) {
		err = fmt.Errorf("%d outputs, want %d", i, len(want))
	}
	return err
}

func (m made) compare(got *bus.Stored, begins bool) error {
	part := got.Header(stage.HeaderPart)
	if part == "" {
		part = "0"
	}
	text := fmt.Sprintf("%s %s %s %s", got.Subject, got.Data, got.Header(stage.HeaderSourceSeq), part)
	if want := fmt.Sprintf("%s %s %d %d", m.subject, m.body, m.sequence, m.part); text != want {
		return fmt.Errorf("got %s, want %s", text, want)
	}
	if logic := got.Header(stage.HeaderLogic); begins && logic != "v1" {
		return fmt.Errorf("a batch begins with the logic %q", logic)
	}
	ends := fmt.Sprint(got.Header(stage.HeaderChain), " ", got.Header(stage.HeaderCount), " ",
		got.Header(stage.HeaderSourceID))
	if want := fmt.Sprintf("%s %d input-%d", m.chain, m.count, m.sequence); ends != want && ends != "  " {
		return fmt.Errorf("a batch ends with %s, want %s", ends, want)
	}
	return nil
}

// adder is a processor with a running sum in its outputs, so that a wrong state shows.
type adder struct {
	out       string
	sum       uint64
	extra     uint64 // makes it another program
	failAfter uint64 // outputs of this input it cannot go on
	timed     uint64 // inputs from this one on must have a time; 0 for none
	stepped   atomic.Int64
}

func (a *adder) Step(in *bus.Stored, emit func(stage.Output)) error {
	a.stepped.Add(1)
	size, err := strconv.Atoi(string(in.Data))
	if err != nil {
		return err
	}
	a.sum += in.Sequence*uint64(size+1) + a.extra
	if a.timed > 0 && in.Sequence >= a.timed && in.Time.IsZero() {
		return stage.ErrNoTime
	}
	for part := range size {
		emit(stage.Output{
			Subject: fmt.Sprintf("%s.%d", a.out, part%3), Type: "test", ID: fmt.Sprintf("%d-%d", in.Sequence, part),
			Body: text(fmt.Sprintf(`{"sum":%d,"part":%d}`, a.sum, part)),
		})
	}
	if a.failAfter == in.Sequence {
		return errors.New("strange")
	}
	return nil
}

func (a *adder) Snapshot() ([]byte, error) { return binary.BigEndian.AppendUint64(nil, a.sum), nil }

func (a *adder) Restore(snapshot []byte) error {
	switch len(snapshot) {
	case 0:
		a.sum = 0
	case 8:
		a.sum = binary.BigEndian.Uint64(snapshot)
	default:
		return errors.New("not a sum")
	}
	return nil
}

type text string

func (t text) AppendJSON(b []byte) []byte { return append(b, t...) }

// run is a stage that runs.
type run struct {
	*stage.Stage
	w       *world
	proc    *adder
	metrics *stage.Metrics
	log     *logged
	ctx     context.Context //nolint:containedctx // of the goroutine that the struct stands for
	cancel  context.CancelFunc
	done    chan error
}

// options of a run; the zero value is an ordinary stage on the first connection.
type options struct {
	bus       stage.Bus
	change    func(*stage.Config)
	extra     uint64 // makes it another program
	failAfter uint64 // outputs of this input it cannot go on
	timed     uint64 // inputs from this one on must have a time; 0 for none
}

// start runs a stage. It is to be ended with stop or ended.
func (w *world) start(o options) *run {
	cfg := w.config()
	if o.change != nil {
		o.change(&cfg)
	}
	if o.bus == nil {
		o.bus = w.bus
	}
	r := &run{
		w: w, proc: &adder{out: "own" + w.id, extra: o.extra, failAfter: o.failAfter, timed: o.timed},
		metrics: stage.NewMetrics("test"), log: &logged{}, done: make(chan error, 1),
	}
	r.Stage = stage.New(cfg, o.bus, r.proc, slog.New(slog.NewTextHandler(r.log, nil)), r.metrics)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if f, ok := o.bus.(*faulty); ok {
		f.cancel = r.cancel
	}
	go func() { r.done <- r.Run(r.ctx); r.cancel() }()
	return r
}

// ended returns what Run returned, of its own accord or because it was cancelled.
func (r *run) ended() error {
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		panic("Run does not return; its log:\n" + r.log.String())
	}
}

// stop asks it to stop.
func (r *run) stop() error {
	r.cancel()
	return r.ended()
}

// worked waits until every input so far has been worked off; false: it ended before.
func (r *run) worked() bool {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	err := r.Wait(ctx, uint64(len(r.w.sizes)))
	if errors.Is(err, context.DeadlineExceeded) {
		panic("the inputs are not worked off; the log:\n" + r.log.String())
	}
	return err == nil
}

// finish runs a stage until every input has been worked off, stops it and compares the output
// stream.
func (w *world) finish(o options) (*run, error) {
	r := w.start(o)
	r.worked()
	if err := r.stop(); err != nil {
		return r, err
	}
	if err := w.verify(); err != nil {
		return r, fmt.Errorf("%w; the log:\n%s", err, r.log)
	}
	return r, nil
}

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
