package cf_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// shared is the suite's server; each spec uses a foundation of its own on it.
var shared *bus.Bus

var _ = BeforeSuite(func() {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	shared, err = bus.Connect(context.Background(), bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(shared.Close)
	Expect(shared.EnsureStreams(context.Background(), bus.StreamsConfig{})).To(Succeed())
})

// rig is one foundation: its API, and collectors of it, one after the other.
type rig struct {
	*api
	name     string
	settings cf.Foundation
	store    *store
	log      *lockedBuffer
	metrics  *cf.Metrics
	clock    func() time.Time
	current  *cf.Collector
}

// store is the bus with knobs.
type store struct {
	cf.Store
	mu      sync.Mutex
	appends int
	// fault is asked at each append to USAGE, with its number from 1 on.
	fault func(n int) outcome
	kill  func()
}

// outcome is the fate of an append.
type outcome uint8

const (
	stores outcome = iota
	failsStored
	failsNotStored
	failsTorn   // the first half is stored
	killsBefore // nothing happens any more
	killsAfter
)

var errBus = errors.New("the bus is ill")

func (s *store) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stream != events.StreamUsage {
		return s.Store.Append(ctx, stream, msgs, expect)
	}
	s.appends++
	o := stores
	if s.fault != nil {
		o = s.fault(s.appends)
	}
	if o == killsBefore || o == killsAfter {
		defer s.kill()
	}
	switch o {
	case failsNotStored, killsBefore:
		return 0, errBus
	case failsTorn:
		if _, err := s.Store.Append(ctx, stream, msgs[:(len(msgs)+1)/2], expect); err != nil {
			return 0, err
		}
		return 0, errBus
	case failsStored, killsAfter:
		if _, err := s.Store.Append(ctx, stream, msgs, expect); err != nil {
			return 0, err
		}
		return 0, errBus
	default:
		return s.Store.Append(ctx, stream, msgs, expect)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var rigs = 0

func newRig() *rig {
	rigs++
	a, stop := newAPI()
	DeferCleanup(stop)
	r := &rig{api: a, name: "f" + string(rune('a'+rigs/26)) + string(rune('a'+rigs%26)), log: &lockedBuffer{}}
	r.settings = cf.Foundation{
		Name: r.name, API: a.url, ClientID: "daybook", ClientSecret: "PLANTED-secret", RetryWait: time.Microsecond,
		PageSize: 3,
	}
	r.store = &store{Store: cf.OnBus(shared)}
	r.restart()
	DeferCleanup(func() { r.current.Close() })
	return r
}

// restart makes a new collector, with USAGE as its only knowledge.
func (r *rig) restart() {
	if r.current != nil {
		r.current.Close()
	}
	r.metrics = cf.NewMetrics()
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	clock := r.clock
	if clock == nil {
		clock = func() time.Time {
			defer r.lock()()
			return r.now
		}
	}
	c, err := cf.New(cf.Config{Foundations: []cf.Foundation{r.settings}}, cf.Deps{
		Store: r.store, Log: log,
		Metrics: r.metrics, Now: clock,
	})
	Expect(err).NotTo(HaveOccurred())
	r.current = c
}

// dies polls, and kills the collector at the nth append from here on, or right after it;
// false when it came to its end before. Another collector takes its place.
func (r *rig) dies(n int, how outcome) bool {
	GinkgoHelper()
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	at := r.store.appends + n
	r.store.kill = kill
	r.store.fault = func(i int) outcome {
		if i == at {
			return how
		}
		return stores
	}
	err := r.current.Poll(ctx)
	r.store.fault = nil
	r.restart()
	if err == nil {
		return false
	}
	Expect(ctx.Err()).To(HaveOccurred(), err.Error())
	return true
}

func (r *rig) poll() {
	GinkgoHelper()
	Expect(r.current.Poll(context.Background())).To(Succeed())
}

// said is one message of the foundation in USAGE.
type said struct {
	sequence uint64
	kind     string // ce-type
	id       string
	fact     events.Usage
	gap      events.Gap
	horizon  events.Horizon
}

// usage reads all messages of the foundation but the markers.
func (r *rig) usage() []said {
	GinkgoHelper()
	var all []said
	state, err := shared.Stream(context.Background(), events.StreamUsage)
	Expect(err).NotTo(HaveOccurred())
	scan := cf.Scan{Filters: []string{events.UsageFilter(events.SourceCF, r.name)}, From: 1, To: state.Last}
	Expect(cf.OnBus(shared).Scan(context.Background(), events.StreamUsage, scan, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) == events.TypeMarker {
			return nil
		}
		s := said{sequence: m.Sequence, kind: m.Header(events.HeaderType), id: m.Header(events.HeaderID)}
		switch s.kind {
		case events.TypeUsage:
			Expect(s.fact.DecodeJSON(m.Data)).To(Succeed())
		case events.TypeGap:
			Expect(s.gap.DecodeJSON(m.Data)).To(Succeed())
		case events.TypeHorizon:
			Expect(s.horizon.DecodeJSON(m.Data)).To(Succeed())
		}
		all = append(all, s)
		return nil
	})).To(Succeed())
	return all
}

// guid is the upstream guid of a fact.
func (s *said) guid() string {
	_, rest, _ := bytes.Cut(s.fact.Raw, []byte(`"guid":"`))
	guid, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(guid)
}

// story tells the content of USAGE in a few words: guids, with the guids before late and listed
// facts; gaps; not horizons.
func (r *rig) story() []string {
	GinkgoHelper()
	var words []string
	bySequence := map[uint64]string{}
	for _, s := range r.usage() {
		switch s.kind {
		case events.TypeGap:
			words = append(words, "gap "+s.gap.List)
		case events.TypeUsage:
			word := s.guid()
			bySequence[s.sequence] = word
			if s.fact.AfterGUID != "" {
				Expect(bySequence[s.fact.AfterSequence]).To(Equal(s.fact.AfterGUID))
				word += " after " + s.fact.AfterGUID
			} else if s.fact.AfterSequence > 0 {
				word += " at the head"
			}
			if !s.fact.Listed.IsZero() {
				word += " listed"
			}
			words = append(words, word)
		}
	}
	return words
}

func (r *rig) gaps() []events.Gap {
	GinkgoHelper()
	var gaps []events.Gap
	for _, s := range r.usage() {
		if s.kind == events.TypeGap {
			gaps = append(gaps, s.gap)
		}
	}
	return gaps
}

func (r *rig) horizon() time.Time {
	GinkgoHelper()
	var at time.Time
	for _, s := range r.usage() {
		if s.kind == events.TypeHorizon {
			Expect(s.horizon.Time).To(BeTemporally(">", at))
			at = s.horizon.Time
		}
	}
	return at
}

// quarantined reads the foundation's messages in QUARANTINE.
func (r *rig) quarantined() []events.Quarantined {
	GinkgoHelper()
	var all []events.Quarantined
	state, err := shared.Stream(context.Background(), events.StreamQuarantine)
	Expect(err).NotTo(HaveOccurred())
	scan := cf.Scan{Filters: []string{events.QuarantineFilter(r.name)}, From: 1, To: state.Last}
	Expect(cf.OnBus(shared).Scan(context.Background(), events.StreamQuarantine, scan, func(m *bus.Stored) error {
		var q events.Quarantined
		Expect(q.DecodeJSON(m.Data)).To(Succeed())
		all = append(all, q)
		return nil
	})).To(Succeed())
	return all
}

// everything is the text of all the foundation's messages.
func (r *rig) everything() []string {
	GinkgoHelper()
	var all []string
	for _, s := range r.usage() {
		all = append(all, string(s.fact.AppendJSON(nil)))
	}
	for _, q := range r.quarantined() {
		all = append(all, string(q.AppendJSON(nil)))
	}
	return all
}

// facts are the facts of the foundation in USAGE.
func (r *rig) facts() []said {
	GinkgoHelper()
	return slices.DeleteFunc(r.usage(), func(s said) bool { return s.kind != events.TypeUsage })
}
