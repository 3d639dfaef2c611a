package proof_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
)

// TestFoundationsTellTheTruth lets foundations live with all faults at once, collects and meters
// them, and compares the bills with the truth.
//
// Where nothing was lost at the API, every span must be there, exactly. Where facts were gone
// before they could be collected (a purge, or a retention shorter than the collector's outage),
// there must be a gap, and every billed span must be true.
func TestFoundationsTellTheTruth(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, last := scale.Seeds(t)
	var all totals
	t.Cleanup(func() { // after the foundations, all at the same time
		scale.Figure(t, "%d foundations with all faults: %s", last-first+1, &all.counts)
	})
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			wrong, counts := prove(t, seed, key, allEvents)
			all.add(counts)
			if len(wrong) == 0 {
				return
			}
			events := allEvents
			for smaller := events / 2; smaller > 4; smaller /= 2 {
				if less, _ := prove(t, seed, key, smaller); len(less) > 0 {
					events, wrong = smaller, less
				}
			}
			for i, w := range wrong {
				if i == 10 {
					t.Errorf("and %d more", len(wrong)-i)
					break
				}
				t.Error(w)
			}
			t.Errorf("seed %d fails, with no more than %d events: %s=%d-%d DAYBOOK_PROOF_EVENTS=%d go "+
				"test ./internal/lab/proof", seed, events, scale.SeedsVariable, seed, seed, events)
		})
	}
}

// allEvents is about how many events a foundation has; DAYBOOK_PROOF_EVENTS asks for another
// number.
const allEvents = 350

// counts are of the life of one or more foundations.
type counts struct {
	polls, kills int
	messages     int // in USAGE
	gaps         int
	ran, right   time.Duration // how long resources ran, and were billed as they ran
}

func (c *counts) String() string {
	return fmt.Sprintf("%d polls, %d kills, %d messages in USAGE, %d gaps, ran %s, billed %s of it", c.polls, c.kills,
		c.messages, c.gaps, c.ran, c.right)
}

// totals are the counts of all foundations.
type totals struct {
	mu sync.Mutex
	counts
}

func (t *totals) add(c counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.polls, t.kills, t.messages, t.gaps = t.polls+c.polls, t.kills+c.kills, t.messages+c.messages, t.gaps+c.gaps
	t.ran, t.right = t.ran+c.ran, t.right+c.right
}

// prove lets a foundation live and returns the faults of its bill.
func prove(t *testing.T, seed uint64, key *rsa.PrivateKey, events int) ([]string, counts) {
	t.Helper()
	if asked, err := strconv.Atoi(os.Getenv("DAYBOOK_PROOF_EVENTS")); err == nil {
		events = min(events, asked)
	}
	f := newFoundation(t, seed, key, events, seed/4%2 == 1)
	f.live()
	return f.judge(), f.counts
}

// trouble is the faults of a foundation beside those common to all.
type trouble struct {
	purges      bool // tables are purged and reseeded
	outage      bool // the collector is down for longer than the API keeps rows
	keepRunning bool // the API keeps the rows of running resources, and knows WAS_RUNNING
}

func troubles(seed uint64) trouble {
	return [4]trouble{{}, {purges: true}, {outage: true}, {purges: true, outage: true, keepRunning: true}}[seed%4]
}

// foundation is one foundation with its collector and its counts.
type foundation struct {
	*testing.T
	seed      uint64
	trouble   trouble
	random    *mathrand.Rand
	sim       *cc.Foundation
	url       string
	store     *store
	collector *cf.Collector
	pageSize  int
	complete  bool
	counts
	fuse atomic.Int64 // requests until the collector is killed
	blow atomic.Value // context.CancelFunc
}

const (
	name   = "proof"
	minute = time.Minute
)

// clocks are how far the clocks of the API servers are off.
var clocks = []time.Duration{0, 3 * time.Second, -8 * time.Second}

func newFoundation(t *testing.T, seed uint64, key *rsa.PrivateKey, events int, quirks bool) *foundation {
	t.Helper()
	f := &foundation{T: t, seed: seed, trouble: troubles(seed), random: mathrand.New(mathrand.NewPCG(seed,
		0x70726f6f66))}
	knobs := cc.StandardKnobs()
	knobs.LateCommits, knobs.LateCommitMax = 0.15, cc.Duration(25*minute)
	knobs.ErrorRate, knobs.RateLimitRate, knobs.UnauthorizedRate, knobs.CutRate, knobs.GarbageRate = 0.02, 0.02, 0.02,
		0.02, 0.02
	knobs.UnknownStateRate, knobs.RetryAfter = 0.03, 0
	knobs.KeepRunning = f.trouble.keepRunning
	start := time.Date(2026, 9, 28, 6, 0, 0, 0, time.UTC)
	days := 4
	if f.trouble.outage {
		days = 45
	}
	var err error
	f.sim, err = cc.New(cc.Config{
		World: sim.Config{
			Seed: seed, Orgs: 2, Spaces: 3, Apps: 5, Services: 4, Instances: 1, Start: start, End: start.AddDate(0, 0,
				days), Events: events, Quirks: quirks,
			Clocks: clocks,
		},
		Knobs: &knobs, Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.fuse.Add(-1) == 0 {
			f.blow.Load().(context.CancelFunc)() //nolint:forcetypeassert // nothing else is stored there
		}
		f.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	f.store = newStore(f.random, f.sim.Now)
	f.store.refuse, f.store.lose = 0.01, 0.01
	f.pageSize, f.complete = 7+f.random.IntN(60), f.trouble == trouble{}
	f.begin()
	return f
}

// begin makes a collector with no memory but the store.
func (f *foundation) begin() {
	if f.collector != nil {
		f.collector.Close()
	}
	var err error
	f.collector, err = cf.New(cf.Config{Foundations: []cf.Foundation{{
		Name: name, API: f.url, ClientID: "daybook", ClientSecret: "daybook-secret", PageSize: f.pageSize,
		RetryWait: time.Microsecond, Retries: 8,
		Complete: f.complete,
	}}}, cf.Deps{Store: f.store, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
}

// poll collects once. One in ten polls is killed in its middle.
func (f *foundation) poll() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	killed := f.random.IntN(10) == 0
	if killed {
		f.blow.Store(cancel)
		f.fuse.Store(int64(1 + f.random.IntN(20)))
		f.kills++
	}
	f.polls++
	if err := f.collector.Poll(ctx); err != nil && os.Getenv("DAYBOOK_PROOF_LOG") != "" {
		f.Logf("%s: %v", f.sim.Now(), err)
	}
	if killed {
		f.fuse.Store(0)
		f.begin()
	}
}

// live lives to the end of the world and collects meanwhile.
func (f *foundation) live() {
	start := f.sim.Now()
	end := start.AddDate(0, 0, 4)
	if f.trouble.outage {
		end = start.AddDate(0, 0, 45)
	}
	purge := start.Add(time.Duration(f.random.Int64N(int64(3 * 24 * time.Hour))))
	down := start.AddDate(0, 0, 2).Add(time.Duration(f.random.Int64N(int64(24 * time.Hour))))
	backfill := start.AddDate(0, 0, 36)
	for f.sim.Now().Before(end) {
		now := f.sim.Now().Add(time.Duration(10+f.random.IntN(80)) * minute)
		if f.trouble.purges && now.After(purge) {
			f.sim.Advance(purge)
			f.sim.Purge(cc.List(f.random.IntN(2)))
			purge = purge.AddDate(0, 0, 1+f.random.IntN(20))
		}
		if f.trouble.outage && now.After(down) {
			now = down.AddDate(0, 0, 33+f.random.IntN(5))
			down = end
			if f.trouble.keepRunning {
				f.sim.Advance(backfill)
				f.sim.Backfill()
			}
		}
		f.sim.Advance(now)
		f.poll()
	}
	f.finish()
}

// finish collects the rest, without faults.
func (f *foundation) finish() {
	f.store.refuse, f.store.lose = 0, 0
	f.sim.ResetFaults()
	for range 4 { // late commits come to light, and everything grows older than the minimum age
		f.sim.Advance(f.sim.Now().Add(12 * minute))
		if err := f.collector.Poll(context.Background()); err != nil {
			f.Fatalf("the last polls: %v", err)
		}
	}
}

// meter derives the spans from the collected facts.
func (f *foundation) meter(cfg projector.Config) *outcome {
	f.Helper()
	o := newOutcome()
	f.each(cfg, o.apply, o)
	return o
}

// each derives the messages of METERED: yield has those about usage, o the others.
func (f *foundation) each(cfg projector.Config, yield func(m *events.Metered), o *outcome) {
	f.Helper()
	_, processor, err := projector.Contract(cfg)
	if err != nil {
		f.Fatal(err)
	}
	p := processor()
	var metered events.Metered
	for _, k := range f.store.streams[events.StreamUsage] {
		err := p.Step(&k.message, func(out stage.Output) {
			switch body := out.Body.(type) {
			case *events.Metered:
				if err := metered.DecodeJSON(body.AppendJSON(nil)); err != nil {
					f.Fatal(err)
				}
				yield(&metered)
			case *events.Horizon:
				o.horizon = body.Time
			case *events.Gap:
				o.gaps = append(o.gaps, *body)
			case *events.AnomalyNotice:
				o.wrong = append(o.wrong, body.Anomaly.Message)
			}
		})
		if err != nil {
			f.Fatal(err)
		}
	}
}

// judge compares the metered spans with the truth.
func (f *foundation) judge() []string {
	o := f.meter(projector.Config{})
	exact := f.trouble == trouble{}
	j := judge(f.sim.Truth(), o, exact)
	f.messages, f.gaps, f.ran, f.right = len(f.store.streams[events.StreamUsage]), len(o.gaps), j.ran, j.right
	f.Logf("seed %d %+v: %s", f.seed, f.trouble, &f.counts)
	if j.ran == 0 {
		j.found = append(j.found, "nothing ran")
	}
	for _, a := range o.lost { // what was lost, a gap covers
		j.found = append(j.found, "a contradiction where nothing is lost: "+a.Resource+": "+a.Message)
	}
	return j.found
}
