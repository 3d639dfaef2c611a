package stage_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

// mixed are inputs with no outputs, with some, and with more than two batches. They make three
// batches, two of which end in the middle of input 4.
var mixed = []int{1, 0, 3, 2500, 0, 2, 1}

const mixedBatches = 3

// small are inputs whose two batches are cut in the middle of input 3.
var small = []int{1, 0, 1100, 0, 2}

var _ = Describe("A stage", func() {
	It("puts out every output once and in order, with what a restart needs in the headers", func() {
		w := newWorld(server, mixed...)
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Done()).To(Equal(uint64(len(mixed))))
		Expect(counter(r, "daybook_stage_outputs_total")).To(Equal(len(w.expected())))
		Expect(counter(r, "daybook_stage_batches_total")).To(BeNumerically(">=", mixedBatches))
	})

	It("appends what there is when the input runs dry", func() {
		w := newWorld(server)
		r := w.start(options{})
		for _, size := range mixed {
			w.feed(size)
			Expect(r.worked()).To(BeTrue())
			Expect(w.verify()).To(Succeed())
		}
		Expect(r.stop()).To(Succeed())
	})

	It("says when it is restored, how far it is, and lets others wait for an input", func(ctx SpecContext) {
		w := newWorld(server, 1, 0)
		gate := make(chan struct{})
		r := w.start(options{bus: &faulty{Bus: w.bus, before: func(op string, _ int) error {
			if op == "Append" {
				<-gate
			}
			return nil
		}}})
		Eventually(r.Ready).Should(Succeed())
		Expect(r.Done()).To(BeZero(), "the outputs of input 1 are not stored")
		ended, cancel := context.WithCancel(ctx)
		cancel()
		Expect(r.Wait(ended, 1)).To(MatchError(context.Canceled))
		Expect(r.Wait(ended, 0)).To(Succeed())
		close(gate)
		Expect(r.Wait(ctx, 2)).To(Succeed())
		Expect(r.Done()).To(Equal(uint64(2)))
		Expect(r.stop()).To(Succeed())
	})

	It("ends with an error when the processor cannot go on, and keeps no snapshot of the half-done input", func() {
		w := newWorld(server, mixed...)
		Expect(w.start(options{failAfter: 4}).ended()).To(MatchError(ContainSubstring("message 4 of " + w.in)))
		Expect(w.snapshots()).To(BeEmpty())
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})

	It("reads from the server where the processor needs a time that memory does not tell", func() {
		w := newWorld(server, 1)
		r := w.start(options{timed: 5})
		Expect(r.worked()).To(BeTrue())
		Eventually(func() string { // some read from the server still, until it is fed
			w.feed(mixed...)
			Expect(r.worked()).To(BeTrue())
			return r.log.String()
		}).WithTimeout(scale.Patience).Should(MatchRegexp(`message \d+ of %s came from memory`, w.in))
		Expect(r.stop()).To(Succeed())
		Expect(w.verify()).To(Succeed())
	})

	It("says so even when it is being stopped at that moment", func() {
		w := newWorld(server, 1000, 1)
		f := &faulty{Bus: w.bus}
		f.append = func(_ int, store func() (uint64, error)) (uint64, error) { f.cancel(); return store() }
		// The append is the last thing that happens inside the step of input 1, before the
		// processor returns its error.
		Expect(w.start(options{bus: f, failAfter: 1}).ended()).To(MatchError(ContainSubstring("strange")))
		Expect(w.snapshots()).To(BeEmpty())
	})
})

var _ = Describe("Markers", func() {
	sizes := []int{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0}

	It("pass every stretch of inputs without outputs", func() {
		w := newWorld(server, sizes...)
		w.markerEvery = 5
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.expected()).To(HaveLen(3+4), "three outputs and four markers")
	})

	DescribeTable("are the same wherever the stage is restarted", func(step int, keep bool) {
		w := newWorld(server)
		w.markerEvery = 5
		for from := 0; from < len(sizes); from += step {
			w.feed(sizes[from:min(from+step, len(sizes))]...)
			_, err := w.finish(options{})
			Expect(err).NotTo(HaveOccurred())
			if !keep {
				w.dropSnapshots()
			}
		}
	},
		Entry("after each input", 1, true), Entry("without snapshots", 1, false),
		Entry("after three", 3, true), Entry("after four, without snapshots", 4, false),
	)
})

// faults is what can become of an append. again: it is tried again by the same process.
var faults = map[string]func(w *world, store func() (uint64, error)) (uint64, error){
	"refused for another reason, nothing stored": func(*world, func() (uint64, error)) (uint64, error) {
		return 0, errors.New("no connection: nothing was sent")
	},
	"not sent, without a connection": func(*world, func() (uint64, error)) (uint64, error) {
		return 0,
			bus.ErrNotConnected
	},
	"not stored, and no answer": func(*world, func() (uint64, error)) (uint64, error) {
		return 0,
			bus.ErrOutcomeUnknown
	},
	"stored, and the answer lost": func(_ *world, store func() (uint64, error)) (uint64, error) {
		must(store())
		return 0, bus.ErrOutcomeUnknown
	},
	"in conflict with a foreign message": func(w *world, store func() (uint64, error)) (uint64, error) {
		w.foreign("catalogue" + w.id + ".x")
		return store()
	},
	"in conflict with the same batch of another instance": func(_ *world, store func() (uint64, error)) (uint64,
		error,
	) {
		must(store())
		return store()
	},
	"in conflict with both": func(w *world, store func() (uint64, error)) (uint64, error) {
		w.foreign("catalogue" + w.id + ".x")
		_, _ = store() // refused
		w.foreign("catalogue" + w.id + ".y")
		return store()
	},
	"in conflict with another instance's batch and a foreign one behind it": func(w *world, store func() (uint64,
		error),
	) (uint64, error) {
		must(store())
		w.foreign("catalogue" + w.id + ".x")
		return store()
	},
	"in conflict with another instance that is far ahead": func(w *world, store func() (uint64, error)) (uint64,
		error,
	) {
		if _, err := w.finish(options{bus: w.next}); err != nil {
			return 0, err
		}
		return store()
	},
}

var _ = Describe("An append that fails", func() {
	It("for good makes the stage say that it is not ready, until one is stored", func() {
		w := newWorld(server, mixed...)
		var denied atomic.Bool
		denied.Store(true)
		f := &faulty{Bus: w.bus}
		f.append = func(_ int, store func() (uint64, error)) (uint64, error) {
			if denied.Load() {
				return 0, errors.New("denied")
			}
			return store()
		}
		r := w.start(options{bus: f})
		Eventually(r.Ready).Should(MatchError(ContainSubstring("failed, and tries again: ")))
		Consistently(r.Ready).WithTimeout(300 * time.Millisecond).WithPolling(time.Millisecond).ShouldNot(Succeed())
		denied.Store(false)
		Eventually(r.Ready).Should(Succeed())
		Expect(r.worked()).To(BeTrue())
		Expect(r.stop()).To(Succeed())
	})

	for name, fault := range faults {
		for _, dies := range []bool{false, true} {
			then := map[bool]string{false: "and the stage goes on", true: "and the process dies"}[dies]
			It(fmt.Sprintf("because it is %s, %s, leads to the same outputs", name, then), func() {
				for nth := 1; nth <= mixedBatches; nth++ {
					w := newWorld(server, mixed...)
					f := &faulty{Bus: w.bus}
					f.append = func(n int, store func() (uint64, error)) (uint64, error) {
						if n != nth {
							return store()
						}
						last, err := fault(w, store)
						if dies {
							return 0, f.die()
						}
						return last, err
					}
					r := w.start(options{bus: f})
					Expect(r.worked()).To(Equal(!dies), "batch %d", nth)
					Expect(r.stop()).To(Succeed())
					if !dies {
						Expect(w.verify()).To(Succeed(), "batch %d: %s", nth, r.log)
					}
					_, err := w.finish(options{})
					Expect(err).NotTo(HaveOccurred(), "batch %d", nth)
				}
			})
		}
	}

	DescribeTable("with an unknown outcome may be stored later", func(delay string) {
		for nth := 1; nth <= mixedBatches; nth++ {
			w := newWorld(server, mixed...)
			var late func() (uint64, error)
			f := &faulty{Bus: w.bus}
			f.append = func(n int, store func() (uint64, error)) (uint64, error) {
				switch {
				case n == nth:
					late = store
					return 0, bus.ErrOutcomeUnknown
				case n == nth+1 && delay == "before the next try":
					must(late())
					return store()
				case n == nth+1:
					last, err := store()
					_, refused := late()
					if conflict := new(bus.ConflictError); !errors.As(refused, &conflict) {
						panic(fmt.Sprint("stored twice: ", refused))
					}
					return last, err
				}
				return store()
			}
			r, err := w.finish(options{bus: f})
			Expect(err).NotTo(HaveOccurred())
			Expect(r.log.String()).NotTo(ContainSubstring("standing by"), "it was its own")
		}
	},
		Entry("before the next try", "before the next try"),
		Entry("or not at all, because the next try was faster", "after it"),
	)

	It("is tried again though the bus does not say what is stored", func() {
		w := newWorld(server, mixed...)
		failing := 0
		f := &faulty{Bus: w.bus}
		f.before = func(op string, _ int) error {
			if op == "Stream" && failing > 0 {
				failing--
				return errors.New("no answer")
			}
			return nil
		}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			last, err := store()
			if n == 2 {
				failing = 1
				return 0, bus.ErrOutcomeUnknown
			}
			return last, err
		}
		r, err := w.finish(options{bus: f})
		Expect(err).NotTo(HaveOccurred())
		Expect(counter(r, "daybook_stage_restarts_total")).To(BeZero())
	})

	It("does not turn a stage that stops meanwhile into one with a half-done state", func() {
		// The batch is cut in the middle of input 4. The stage means to open again, and is stopped
		// while it tries.
		w := newWorld(server, mixed...)
		f := &faulty{Bus: w.bus}
		failed := false
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 2 {
				failed = true
				return 0, errors.New("nothing was sent")
			}
			return store()
		}
		f.before = func(op string, _ int) error {
			if failed && op != "Append" && op != "PutObject" {
				f.cancel()
				return errors.New("no answer")
			}
			return nil
		}
		r := w.start(options{bus: f})
		Expect(r.ended()).To(Succeed())
		Expect(w.snapshots()).To(BeEmpty())
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})
})

var _ = Describe("Stopping", func() {
	It("finishes the input under way, appends everything and takes a snapshot", func() {
		w := newWorld(server, mixed...)
		f := &faulty{Bus: w.bus}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 2 {
				f.cancel() // in the middle of the 2,500 outputs of input 4
			}
			return store()
		}
		Expect(w.start(options{bus: f}).ended()).To(Succeed())
		Expect(w.snapshots()).To(Equal([]string{fmt.Sprintf("%020d", 4)}))
		all := w.sizes
		w.sizes = all[:4]
		Expect(w.verify()).To(Succeed())
		w.sizes = all
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})

	// atEveryCall ends a run at its first call of the bus, and at later ones, until none is left.
	atEveryCall := func(prepare func(w *world), end func(f *faulty) error) {
		GinkgoHelper()
		scale.Long(Skip)
		for nth := 1; ; nth += scale.Stride() {
			Expect(nth).To(BeNumerically("<", 100))
			w := newWorld(server, small...)
			prepare(w)
			f := &faulty{Bus: w.bus}
			f.before = func(_ string, n int) error {
				if n == nth {
					return end(f)
				}
				return nil
			}
			r := w.start(options{bus: f})
			r.worked()
			Expect(r.stop()).To(Succeed())
			calls := int(f.calls.Load())
			_, err := w.finish(options{})
			Expect(err).NotTo(HaveOccurred(), "ended at call %d", nth)
			if calls < nth {
				Expect(nth).To(BeNumerically(">", 7), "the calls of the shortest run")
				return
			}
		}
	}
	// half leaves an output stream that ends in the middle of an input.
	half := func(w *world) {
		f := &faulty{Bus: w.bus}
		f.append = func(_ int, store func() (uint64, error)) (uint64, error) {
			must(store())
			return 0, f.die()
		}
		Expect(w.start(options{bus: f}).ended()).To(Succeed())
	}
	snapshotAndHalf := func(w *world) {
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.snapshots()).To(HaveLen(1))
		w.feed(0, 1, 1100, 2)
		half(w)
	}
	stop := func(f *faulty) error { f.cancel(); return nil }
	die := func(f *faulty) error { return f.die() }
	fail := func(*faulty) error { return errors.New("the bus fails") }
	nothing := func(*world) {}

	DescribeTable("at any call of the bus loses and repeats nothing", atEveryCall,
		Entry("stopped in a first run", nothing, stop),
		Entry("killed in a first run", nothing, die),
		Entry("a call fails in a first run", nothing, fail),
		Entry("stopped in a run that begins in the middle of an input", half, stop),
		Entry("killed in a run that begins in the middle of an input", half, die),
		Entry("a call fails in a run that begins in the middle of an input", half, fail),
		Entry("stopped in a run from a snapshot", snapshotAndHalf, stop),
		Entry("killed in a run from a snapshot", snapshotAndHalf, die),
		Entry("a call fails in a run from a snapshot", snapshotAndHalf, fail),
	)

	It("between two batches of the last input is made good without another input", func() {
		w := newWorld(server, 3, 2500)
		f := &faulty{Bus: w.bus}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			last, err := store()
			if n == 2 {
				return 0, f.die()
			}
			return last, err
		}
		Expect(w.start(options{bus: f}).ended()).To(Succeed())
		r := w.start(options{})
		Expect(r.worked()).To(BeTrue())
		Expect(w.verify()).To(Succeed(), "what Wait says is true")
		Expect(r.stop()).To(Succeed())
	})

	It("exactly at the last input leaves nothing to do", func() {
		w := newWorld(server, 3, 1)
		for range 3 {
			r, err := w.finish(options{})
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Done()).To(Equal(uint64(2)))
			w.dropSnapshots()
		}
		w.feed(0, 4)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})
})

var _ = Describe("Foreign messages on the output stream", func() {
	It("do not disturb", func() {
		w := newWorld(server)
		w.foreign("catalogue" + w.id + ".0")
		for i, size := range mixed {
			w.feed(size)
			_, err := w.finish(options{})
			Expect(err).NotTo(HaveOccurred())
			w.foreign(fmt.Sprintf("catalogue%s.%d", w.id, i))
		}
	})

	DescribeTable("on the stage's own subjects are refused", func(running bool) {
		w := newWorld(server, 1)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		var r *run
		if running {
			r = w.start(options{})
			Eventually(r.Ready).Should(Succeed())
		}
		w.foreign("own" + w.id + ".0")
		w.feed(1)
		if !running {
			r = w.start(options{})
		}
		Expect(r.ended()).To(And(MatchError(stage.ErrDiverged),
			MatchError(ContainSubstring("message 2 of "+w.out)), MatchError(ContainSubstring("`daybook replay "))))
		Expect(must(w.bus.Stream(context.Background(), w.out)).Last).To(Equal(uint64(2)))
	}, Entry("at the start", false), Entry("while it runs", true))
})
