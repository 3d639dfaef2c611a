package stage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// grown has worked off inputs in three parts, and has a snapshot after each: at 2, 4 and 6.
func grown() *world {
	GinkgoHelper()
	w := newWorld(server)
	for range 3 {
		w.feed(3, 1)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.snapshots()).To(Equal(positions(2, 4, 6)))
	return w
}

func positions(numbers ...int) []string {
	var names []string
	for _, n := range numbers {
		names = append(names, fmt.Sprintf("%020d", n))
	}
	return names
}

var _ = Describe("Snapshots", func() {
	It("are what a restart begins with, the newest first", func() {
		w := grown()
		w.feed(2)
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(1)))
	})

	It("are not needed", func() {
		w := grown()
		w.dropSnapshots()
		w.feed(2)
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(7)))
	})

	DescribeTable("that are damaged are passed over with a warning", func(damage func([]byte) []byte) {
		w := grown()
		spoil := func(name string) {
			good := must(w.bus.GetObject(context.Background(), w.bucket, name))
			check(w.bus.PutObject(context.Background(), w.bucket, name, damage(good)))
		}
		spoil(positions(6)[0])
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(2)), "from the snapshot at 4")
		Expect(r.log.String()).To(And(ContainSubstring("level=WARN"), ContainSubstring(positions(6)[0])))
		for _, name := range w.snapshots() {
			spoil(name)
		}
		w.feed(2)
		r, err = w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(7)), "from the start")
		r, err = w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(BeZero(), "from the snapshot that was taken since")
	},
		Entry("a flipped bit in its digest", flip(0)), Entry("at a quarter", flip(0.25)), Entry("in the middle",
			flip(0.5)),
		Entry("at three quarters", flip(0.75)), Entry("at the end", flip(1)),
		Entry("half of it is gone", func(b []byte) []byte { return b[:len(b)/2] }),
		Entry("the last byte is gone", func(b []byte) []byte { return b[:len(b)-1] }),
		Entry("there is something behind it", func(b []byte) []byte { return append(b, 0) }),
		Entry("nothing is left", func([]byte) []byte { return nil }),
		Entry("it is something else", func([]byte) []byte { return []byte(strings.Repeat("x", 1000)) }),
	)

	DescribeTable("of what the output stream does not hold are passed over, and go first", func(logic string) {
		w := newWorld(server)
		for range 3 {
			w.feed(3, 1)
			r := w.start(options{change: func(c *stage.Config) { c.Logic = logic }})
			Expect(r.worked()).To(BeTrue())
			Expect(r.stop()).To(Succeed())
		}
		w.api("STREAM.PURGE."+w.out, struct{}{})
		for range 3 { // each works off one more input, and its snapshot is below the old ones
			f := &faulty{Bus: w.bus}
			f.append = func(_ int, store func() (uint64, error)) (uint64, error) { f.cancel(); return store() }
			r := w.start(options{change: func(c *stage.Config) { c.SnapshotEvery = 1 }, bus: f})
			Expect(r.ended()).To(Succeed())
			Expect(r.proc.stepped.Load()).To(Equal(int64(1)))
		}
		Expect(w.snapshots()).To(Equal(positions(1, 2, 3)))
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(3)))
	}, Entry("of another logic", "v0"), Entry("ahead of a purged one", "v1"))

	It("are kept up to the last three, and one is taken every so many inputs", func() {
		w := newWorld(server, 1, 0, 2, 1, 0, 1, 1, 1, 0, 0, 1)
		r, err := w.finish(options{change: func(c *stage.Config) { c.SnapshotEvery = 2 }})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.log.String()).NotTo(ContainSubstring("WARN"))
		Expect(w.snapshots()).To(Equal(positions(8, 10, 11)))
	})

	It("may be ahead of the last output, by inputs without any", func() {
		w := newWorld(server, 1, 0, 0, 0)
		for range 3 {
			_, err := w.finish(options{})
			Expect(err).NotTo(HaveOccurred())
			w.feed(0, 0)
		}
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(2)))
		w.feed(0, 2, 0)
		_, err = w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})

	It("may be of a stage that has put out nothing", func() {
		w := newWorld(server, 0, 0)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		w.feed(2)
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(1)))
	})

	It("that cannot be saved stop nothing", func() {
		w := newWorld(server, mixed...)
		_, err := w.finish(options{bus: &faulty{Bus: w.bus, before: func(op string, _ int) error {
			if op == "PutObject" {
				return errors.New("no room")
			}
			return nil
		}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.snapshots()).To(BeEmpty())
	})

	It("that cannot be read just now are no reason to give up on a trimmed input", func() {
		w := grown()
		w.trim(5)
		w.feed(2)
		tries := 0
		r, err := w.finish(options{bus: &faulty{Bus: w.bus, before: func(op string, _ int) error {
			if op == "GetObject" {
				if tries++; tries <= 3 {
					return errors.New("no answer")
				}
			}
			return nil
		}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(counter(r, "daybook_stage_restarts_total")).To(Equal(1))
	})
})

func flip(at float64) func([]byte) []byte {
	return func(b []byte) []byte {
		b[int(at*float64(len(b)-1))] ^= 1
		return b
	}
}

// trim removes the inputs before the one of that sequence.
func (w *world) trim(first int) { w.api("STREAM.PURGE."+w.in, map[string]int{"seq": first}) }

// recreate makes the input stream anew, with other inputs.
func (w *world) recreate(sizes ...int) {
	w.api("STREAM.DELETE."+w.in, nil)
	w.createStream(w.in, "in"+w.id+".>")
	old := w.sizes
	w.sizes, w.others = nil, !slices.Equal(sizes, old)
	w.feed(sizes...)
	w.sizes, w.others = old, false
}

var _ = Describe("A stage refuses", func() {
	DescribeTable("an input stream that is not the one that its outputs rest on", func(change func(w *world),
		says string,
	) {
		for _, snapshots := range []bool{true, false} {
			w := grown()
			if !snapshots {
				w.dropSnapshots()
			}
			change(w)
			err := w.start(options{}).ended()
			Expect(err).To(MatchError(stage.ErrInputChanged))
			Expect(err).To(MatchError(And(ContainSubstring(says), ContainSubstring("Restore "+w.in),
				ContainSubstring("`daybook replay test`"))))
			Expect(w.verify()).To(Succeed(), "nothing is written")
		}
	},
		Entry("trimmed beyond the checkpoint", func(w *world) { w.feed(0, 0); w.trim(8); w.sizes = w.sizes[:6] },
			"message 6 of IN"),
		Entry("emptied", func(w *world) { w.api("STREAM.PURGE."+w.in, struct{}{}) }, "is gone"),
		Entry("made anew and empty", func(w *world) { w.recreate() }, "ends at 0"),
		Entry("shorter", func(w *world) { w.recreate(3, 1, 3) }, "ends at 3"),
		Entry("made anew and longer", func(w *world) { w.recreate(1, 1, 1, 1, 1, 1, 1, 1) }, "was derived from "+
			"input-6"),
	)

	It("no input stream that was made anew with the same inputs", func() {
		w := grown()
		w.recreate(w.sizes...)
		w.feed(2)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
	})

	It("an input stream whose beginning is gone, unless a snapshot has what came before", func() {
		w := grown()
		w.trim(5)
		w.feed(2)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		w.dropSnapshots()
		err = w.start(options{}).ended()
		Expect(err).To(MatchError(stage.ErrInputChanged))
		Expect(err).To(MatchError(And(ContainSubstring("starts at message 5"), ContainSubstring("Restore the stream "+
			"or the snapshot bucket "+w.bucket))))
		Expect(w.verify()).To(Succeed())
	})

	It("an input stream without a beginning when it has put out nothing yet", func() {
		w := newWorld(server, 1, 1)
		w.trim(2)
		Expect(w.start(options{}).ended()).To(MatchError(stage.ErrInputChanged))
	})

	It("an input stream that is made anew while it is read", func() {
		w := newWorld(server, 1, 1)
		r := w.start(options{bus: &faulty{Bus: w.bus}})
		Expect(r.worked()).To(BeTrue())
		Expect(r.stop()).To(Succeed())
		w.recreate(1, 1, 1)
		Expect(w.start(options{}).ended()).To(MatchError(stage.ErrInputChanged))
	})

	It("outputs of another logic", func() {
		w := grown()
		w.feed(1)
		err := w.start(options{change: func(c *stage.Config) { c.Logic = "v2" }}).ended()
		Expect(err).To(MatchError(stage.ErrDiverged))
		Expect(err).To(MatchError(And(ContainSubstring(`derived by "v1", this is "v2"`),
			ContainSubstring("version is v1 there and v2 here"), ContainSubstring("`daybook replay test`"))))
		w.sizes = w.sizes[:6]
		Expect(w.verify()).To(Succeed())
	})

	It("to go on as a program that derives other outputs", func() {
		w := grown()
		w.dropSnapshots()
		w.feed(1)
		err := w.start(options{extra: 1}).ended()
		Expect(err).To(MatchError(stage.ErrDiverged))
		Expect(err).To(MatchError(And(ContainSubstring("message 6 of "+w.in),
			ContainSubstring("`daybook replay test`"))))
		w.sizes = w.sizes[:6]
		Expect(w.verify()).To(Succeed())
	})

	It("to follow an instance that derives other outputs", func() {
		w := newWorld(server, mixed...)
		f := &faulty{Bus: w.bus, append: func(_ int, store func() (uint64, error)) (uint64, error) {
			r := w.start(options{bus: w.next, extra: 1})
			r.worked()
			check(r.stop())
			return store()
		}}
		Expect(w.start(options{bus: f}).ended()).To(MatchError(stage.ErrDiverged))
	})
})

var _ = Describe("A purged output stream", func() {
	It("is rebuilt from the start", func() {
		w := newWorld(server, mixed...)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		w.foreign("catalogue" + w.id + ".0")
		w.api("STREAM.PURGE."+w.out, struct{}{})
		_, err = w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(must(w.bus.Stream(context.Background(), w.out)).First).To(BeNumerically(">", 2500),
			"a purge keeps the last sequence")
	})

	It("is rebuilt from the start by a stage that finds out while it appends", func() {
		w := newWorld(server, mixed...)
		r, err := w.finish(options{bus: &faulty{Bus: w.bus, append: func(n int, store func() (uint64, error)) (uint64,
			error,
		) {
			if n == 2 {
				w.api("STREAM.PURGE."+w.out, struct{}{})
				w.foreign("catalogue" + w.id + ".0")
			}
			return store()
		}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(counter(r, "daybook_stage_restarts_total")).To(Equal(1))
	})

	It("is rebuilt by whoever comes first when two are running", func() {
		w := newWorld(server, mixed...)
		_, err := w.finish(options{bus: &faulty{Bus: w.bus, append: func(n int, store func() (uint64, error)) (uint64,
			error,
		) {
			if n == 3 {
				w.api("STREAM.PURGE."+w.out, struct{}{})
				other := &faulty{Bus: w.next}
				other.append = func(_ int, store func() (uint64, error)) (uint64, error) {
					must(store())
					return 0, other.die()
				}
				check(w.start(options{bus: other}).ended())
			}
			return store()
		}}})
		Expect(err).NotTo(HaveOccurred())
	})
})

var _ = Describe("Without the bus", func() {
	It("a stage that is stopped returns", func() {
		w := newWorld(server, 1)
		f := &faulty{Bus: w.bus, before: func(string, int) error { return &bus.ConflictError{} }}
		r := w.start(options{bus: f})
		Eventually(f.calls.Load).Should(BeNumerically(">", 1))
		Expect(r.stop()).To(Succeed())
		Expect(r.Ready()).NotTo(Succeed())
	})
})

var _ = Describe("A stage that is stopped while it restores its state", func() {
	It("returns, and leaves neither an output nor a snapshot of half a state, wherever it was", func() {
		w := grown()
		w.dropSnapshots()
		w.feed(2, 3)
		outputs := w.length()
		for nth, at := 1, ""; at != "Read"; nth++ { // it reads its inputs last
			f := &faulty{Bus: w.bus}
			f.before = func(op string, n int) error {
				if n == nth {
					at = op
					f.cancel()
				}
				return nil
			}
			r := w.start(options{bus: f})
			Expect(r.ended()).To(Succeed(), at)
			Expect(r.Ready()).To(MatchError("restoring the state"), at)
			Expect(w.length()).To(Equal(outputs), at)
			Expect(w.snapshots()).To(BeEmpty(), at)
		}
		r, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.proc.stepped.Load()).To(Equal(int64(8)))
	})
})
