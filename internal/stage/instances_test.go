package stage_test

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

func ones(n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = 1
	}
	return sizes
}

// pair is two instances of a stage, the first of which is active: it has appended a first batch of
// 5,000 outputs, hangs in its second append, and the other one has noticed. The other one waits in
// its fourth look at the output stream.
type pair struct {
	w               *world
	active, standby *run
	faulty          *faulty
	hang, look      chan struct{} // closed to let them go on
	stored          int           // outputs
	answer          error         // of the hanging append; nil: it is stored
}

func newPair() *pair {
	GinkgoHelper()
	p := &pair{w: newWorld(server, ones(5000)...), hang: make(chan struct{}), look: make(chan struct{})}
	first, looking := make(chan struct{}), make(chan struct{})
	p.faulty = &faulty{Bus: p.w.bus}
	p.faulty.append = func(n int, store func() (uint64, error)) (uint64, error) {
		if n == 2 {
			close(first)
			<-p.hang
			if p.answer != nil {
				return 0, p.faulty.die()
			}
		}
		return store()
	}
	looks, appends := 0, 0
	other := &faulty{Bus: p.w.next}
	other.before = func(op string, _ int) error {
		if appends > 0 && op == "Stream" {
			if looks++; looks == 4 {
				close(looking)
				<-p.look
			}
		}
		return nil
	}
	other.append = func(_ int, store func() (uint64, error)) (uint64, error) {
		<-first
		appends++
		return store()
	}
	p.standby = p.w.start(options{bus: other})
	Eventually(p.standby.Ready).Should(Succeed()) // from the empty output stream
	p.active = p.w.start(options{bus: p.faulty})
	Eventually(looking).Should(BeClosed())
	p.stored = counter(p.active, "daybook_stage_outputs_total")
	return p
}

var _ = Describe("Two instances", func() {
	It("do not both append: the second follows, with no more than a batch in memory", func() {
		p := newPair()
		Expect(counter(p.standby, "daybook_stage_standby")).To(Equal(1))
		Expect(counter(p.standby, "daybook_stage_conflicts_total")).To(Equal(1))
		Expect(p.standby.proc.stepped.Load()).To(BeNumerically("<=", p.stored+bus.MaxBatch))
		close(p.hang)
		Expect(p.active.worked()).To(BeTrue())
		close(p.look)
		Expect(p.standby.worked()).To(BeTrue())
		Expect(counter(p.standby, "daybook_stage_outputs_total")).To(BeZero())
		Expect(p.standby.stop()).To(Succeed())
		Expect(p.active.stop()).To(Succeed())
		Expect(p.w.verify()).To(Succeed())
	})

	It("hand over when the active one dies", func() {
		p := newPair()
		p.answer = errDead
		close(p.hang)
		Expect(p.active.ended()).To(Succeed())
		close(p.look)
		Expect(p.standby.worked()).To(BeTrue())
		Expect(counter(p.standby, "daybook_stage_outputs_total")).To(Equal(5000 - p.stored))
		Expect(counter(p.standby, "daybook_stage_standby")).To(BeZero())
		Expect(p.standby.log.String()).To(ContainSubstring("taking over"))
		Expect(p.standby.stop()).To(Succeed())
		Expect(p.w.verify()).To(Succeed())
	})

	It("hand over when the active one only hangs, which then follows in its turn", func() {
		p := newPair()
		close(p.look)
		Expect(p.standby.worked()).To(BeTrue())
		close(p.hang)
		Expect(p.active.worked()).To(BeTrue())
		Expect(counter(p.active, "daybook_stage_outputs_total")).To(Equal(p.stored))
		Expect(counter(p.active, "daybook_stage_restarts_total")).To(BeZero())
		Expect(p.standby.stop()).To(Succeed())
		Expect(p.active.stop()).To(Succeed())
		Expect(p.w.verify()).To(Succeed())
	})

	It("hand over when the active one is stopped, which drains", func() {
		p := newPair()
		p.active.cancel()
		close(p.hang)
		Expect(p.active.ended()).To(Succeed())
		Expect(p.w.snapshots()).To(HaveLen(1))
		close(p.look)
		Expect(p.standby.worked()).To(BeTrue())
		p.w.feed(mixed...)
		Expect(p.standby.worked()).To(BeTrue())
		Expect(p.standby.stop()).To(Succeed())
		Expect(p.w.verify()).To(Succeed())
	})

	It("stop at once when standing by, and append nothing then", func() {
		p := newPair()
		p.standby.cancel()
		close(p.look)
		Expect(p.standby.ended()).To(Succeed())
		Expect(counter(p.standby, "daybook_stage_outputs_total")).To(BeZero())
		close(p.hang)
		Expect(p.active.worked()).To(BeTrue())
		Expect(p.active.stop()).To(Succeed())
		Expect(p.w.verify()).To(Succeed())
	})

	It("put out the same when one is ahead in the middle of an input", func() {
		for batches := 1; batches <= 2; batches++ {
			w := newWorld(server, mixed...)
			_, err := w.finish(options{bus: &faulty{Bus: w.bus, append: func(n int, store func() (uint64,
				error),
			) (uint64, error) {
				if n == 1 { // the other one stores batches of the same outputs, and dies in the middle of input 4
					f := &faulty{Bus: w.next}
					f.append = func(n int, store func() (uint64, error)) (uint64, error) {
						last := must(store())
						if n == batches {
							return last, f.die()
						}
						return last, nil
					}
					check(w.start(options{bus: f}).ended())
				}
				return store()
			}}})
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("put out the same when their batches end at different places", func() {
		w := newWorld(server, 700)
		ahead := w.start(options{})
		Expect(ahead.worked()).To(BeTrue()) // one batch of 700
		Expect(ahead.stop()).To(Succeed())
		w.feed(700, 0, 900)
		fed := make(chan struct{})
		r := w.start(options{bus: &faulty{Bus: w.bus, append: func(n int, store func() (uint64, error)) (uint64,
			error,
		) {
			if n == 1 { // 1,000 of inputs 2 and 4; the other one has 900 of input 4 and more in its second batch
				w.feed(5, 1200)
				other := w.start(options{bus: w.next})
				other.worked()
				check(other.stop())
				close(fed)
			}
			return store()
		}}})
		Eventually(fed).Should(BeClosed())
		Expect(r.worked()).To(BeTrue())
		Expect(r.stop()).To(Succeed())
		Expect(w.verify()).To(Succeed())
	})
})

// Any inputs, fed in any portions, with two instances that are killed, stopped and started at any
// call of the bus: the outputs are always the same.
func TestOutputsAreTheSameWhateverHappens(t *testing.T) {
	cases := "30"
	if scale.Short() {
		cases = "3"
	}
	if err := flag.Set("rapid.checks", cases); err != nil {
		t.Fatal(err)
	}
	site := newSite(t.TempDir())
	defer site.close()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(site)
		w.markerEvery = rapid.IntRange(1, 5).Draw(t, "marker")
		size := rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 999, 1000, 1001, 2500})
		var running [2]*run
		var buses [2]*faulty
		end := func(i int, kill bool) {
			if running[i] == nil {
				return
			}
			if kill {
				buses[i].dead.Store(true)
			}
			if err := running[i].stop(); err != nil {
				t.Fatalf("instance %d: %v\n%s", i, err, running[i].log)
			}
			running[i] = nil
		}
		defer func() { end(0, true); end(1, true) }()
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "instance")
			switch what := rapid.SampledFrom([]string{
				"feed", "start", "start", "stop", "kill", "wait",
				"snapshots",
			}).Draw(t, "what"); what {
			case "feed":
				w.feed(rapid.SliceOfN(size, 1, 6).Draw(t, "sizes")...)
			case "start":
				end(i, false)
				buses[i] = chaos(t, []*bus.Bus{site.first, site.next}[i])
				running[i] = w.start(options{
					bus:    buses[i],
					change: func(c *stage.Config) { c.SnapshotEvery = 3 },
				})
			case "stop", "kill":
				end(i, what == "kill")
			case "wait":
				if running[i] != nil {
					running[i].worked()
				}
			case "snapshots":
				if running[0] == nil && running[1] == nil {
					w.dropSnapshots()
				}
			}
		}
		end(0, false)
		end(1, true)
		if _, err := w.finish(options{}); err != nil {
			t.Fatal(err)
		}
	})
}

// chaos is a bus that fails at some calls, loses some answers, and kills the process at some call,
// perhaps.
func chaos(t *rapid.T, b *bus.Bus) *faulty {
	f := &faulty{Bus: b}
	deadAt := rapid.IntRange(1, 40).Draw(t, "dead at call")
	failAt := rapid.IntRange(1, 40).Draw(t, "failing call")
	lostAt := rapid.IntRange(1, 6).Draw(t, "lost answer")
	f.before = func(_ string, n int) error {
		switch n {
		case deadAt:
			return f.die()
		case failAt:
			return errors.New("the bus fails")
		}
		return nil
	}
	f.append = func(n int, store func() (uint64, error)) (uint64, error) {
		last, err := store()
		if n == lostAt && err == nil {
			return 0, fmt.Errorf("%w: lost", bus.ErrOutcomeUnknown)
		}
		return last, err
	}
	return f
}
