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
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

var _ = Describe("A replay", func() {
	sizes := []int{1, 0, 3, 1200, 0, 2, 1}
	derivedBy := func(p program) *world {
		w := newWorld(server, sizes...)
		Expect(w.work(p)).To(Succeed())
		return w
	}

	It("publishes nothing where everything is as it should be", func() {
		w := derivedBy(former)
		before := w.length()
		r, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Changed).To(BeFalse())
		Expect(w.length()).To(Equal(before))
	})

	It("publishes the difference, from which the stage goes on with or without snapshots", func() {
		scale.Long(Skip)
		w := derivedBy(former)
		w.foreign("catalogue" + w.id + ".x")
		Expect(w.work(todays)).To(And(MatchError(stage.ErrDiverged),
			MatchError(ContainSubstring("`daybook replay test`"))))
		r, err := w.replay(w.bus, todays)
		Expect(err).NotTo(HaveOccurred())
		Expect(r).To(Equal(stage.Replayed{
			Input: w.in, Output: w.out, Position: 7, Changed: true, Messages: 2*1207 + 1,
			Reversed: 1207, Posted: 1207,
		}))
		Expect(w.adds(todays)).To(Succeed())
		Expect(w.checkAs(todays)).To(Succeed())
		Expect(w.work(former)).To(MatchError(stage.ErrDiverged))

		after := w.length()
		r, err = w.replay(w.bus, todays)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Changed).To(BeFalse())
		Expect(w.length()).To(Equal(after))

		for i := range 3 {
			w.feed(2, 0, 1)
			Expect(w.work(todays)).To(Succeed())
			Expect(w.adds(todays)).To(Succeed())
			Expect(w.checkAs(todays)).To(Succeed())
			if i == 1 {
				w.dropSnapshots()
			}
		}
	})

	It("leaves a snapshot, from which the stage goes on without stepping an input again", func() {
		w := derivedBy(former)
		_, err := w.replay(w.bus, todays)
		Expect(err).NotTo(HaveOccurred())
		w.feed(2)
		r := w.start(options{change: func(c *stage.Config) { c.Logic = todays.logic }, extra: todays.extra})
		Expect(r.worked()).To(BeTrue())
		Expect(r.stop()).To(Succeed())
		Expect(r.proc.stepped.Load()).To(Equal(int64(1)))
		Expect(w.adds(todays)).To(Succeed())
		Expect(w.checkAs(todays)).To(Succeed())
	})

	It("leaves a snapshot that older ones of higher positions do not push out", func() {
		w := derivedBy(former)
		for _, position := range []int{101, 102, 103} {
			check(w.bus.PutObject(context.Background(), w.bucket, fmt.Sprintf("%020d", position),
				[]byte("of another stream")))
		}
		_, err := w.replay(w.bus, todays)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.snapshots()).To(And(HaveLen(3), ContainElement(fmt.Sprintf("%020d", 7))))
	})

	It("is done though its snapshot can not be saved, and the first start saves one though no input has come "+
		"since", func() {
		w := derivedBy(former)
		f := &faulty{Bus: w.bus, before: func(op string, _ int) error {
			if op == "PutObject" {
				return errDead
			}
			return nil
		}}
		_, err := w.replay(f, todays)
		Expect(err).NotTo(HaveOccurred())
		for _, steps := range []int64{7, 0} {
			r := w.start(options{change: func(c *stage.Config) { c.Logic = todays.logic }, extra: todays.extra})
			Expect(r.worked()).To(BeTrue())
			Expect(r.stop()).To(Succeed())
			Expect(r.proc.stepped.Load()).To(Equal(steps))
		}
	})

	It("says the way out where the input is not whole, which works: to empty it of what was derived, and derive it "+
		"anew", func() {
		w := derivedBy(former)
		w.foreign("catalogue" + w.id + ".x")
		next := w.following()
		Expect(next.run()).To(Succeed())
		before := next.length()

		w.foreign("own" + w.id + ".1")
		w.api("STREAM.MSG.DELETE."+w.out, map[string]int{"seq": 5})
		_, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		_, err = next.replay()
		Expect(err).To(And(MatchError(stage.ErrInputChanged),
			MatchError(ContainSubstring("nats stream purge "+w.out+" --subject 'own"+w.id+".>'"))))
		Expect(next.length()).To(Equal(before))

		w.api("STREAM.PURGE."+w.out, map[string]string{"filter": "own" + w.id + ".>"})
		_, err = w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.checkAs(former)).To(Succeed())
		r, err := next.replay()
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{r.Reversed, r.Posted}).To(Equal([]int{0, 0}), "what was published stands")
		w.feed(2)
		Expect(w.work(former)).To(Succeed())
		Expect(next.run()).To(Succeed())
		Expect(next.verify()).To(Succeed())
	})

	It("goes back and forth between programs", func() {
		scale.Long(Skip)
		w := derivedBy(former)
		for _, p := range []program{todays, {"v3", 7}, former} {
			_, err := w.replay(w.bus, p)
			Expect(err).NotTo(HaveOccurred())
			w.feed(1, 0)
			Expect(w.work(p)).To(Succeed())
			Expect(w.adds(p)).To(Succeed())
			Expect(w.checkAs(p)).To(Succeed())
		}
	})

	It("takes over a change of program that makes no difference, with one message", func() {
		w := derivedBy(former)
		same := program{"v2", 0}
		r, err := w.replay(w.bus, same)
		Expect(err).NotTo(HaveOccurred())
		Expect([]any{r.Changed, r.Messages}).To(Equal([]any{true, 1}))
		Expect(w.work(same)).To(Succeed())
	})

	It("says what it would publish, and publishes nothing, when it is dry", func() {
		w := derivedBy(former)
		before := w.length()
		r, err := stage.Replay(context.Background(), w.configOf(todays), w.bus, w.adders(todays), newComparer,
			stage.ReplayOptions{DryRun: true})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{r.Messages, r.Reversed, r.Posted}).To(Equal([]int{2*1207 + 1, 1207, 1207}))
		Expect(w.length()).To(Equal(before))
	})

	It("derives an empty stream from the start", func() {
		w := derivedBy(former)
		w.restored(nil)
		w.dropSnapshots()
		r, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Rebuilt).To(BeTrue())
		Expect(w.verify()).To(Succeed())
	})

	It("brings outputs in line with an input that was made anew, and refuses one whose beginning or everything is "+
		"gone", func() {
		w := derivedBy(former)
		w.recreate(1, 2)
		w.sizes = []int{1, 2}
		Expect(w.work(former)).To(MatchError(stage.ErrInputChanged))
		_, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.adds(former)).To(Succeed())
		w.feed(3)
		Expect(w.work(former)).To(Succeed())
		Expect(w.adds(former)).To(Succeed())
		Expect(w.checkAs(former)).To(Succeed())
		w.trim(2)
		_, err = w.replay(w.bus, former)
		Expect(err).To(And(MatchError(stage.ErrInputChanged), MatchError(ContainSubstring("would be taken back"))))
		w.recreate()
		_, err = w.replay(w.bus, former)
		Expect(err).To(And(MatchError(stage.ErrInputChanged), MatchError(ContainSubstring("is empty"))))
	})

	It("repairs what was changed, removed or doubled", func() {
		w := derivedBy(former)
		all := w.contents()
		all[3].Data = []byte(`{"sum":0,"part":0}`)
		all = slices.Delete(all, 10, 12)
		all = slices.Insert(all, 500, all[499])
		w.restored(all[:len(all)-2])
		Expect(w.checkAs(former)).NotTo(Succeed())
		r, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Changed).To(BeTrue())
		Expect(w.work(former)).To(Succeed())
		Expect(w.adds(former)).To(Succeed())
		Expect(w.checkAs(former)).To(Succeed())
	})

	It("finds what is changed later in what it left as it was", func() {
		w := derivedBy(former)
		_, err := w.replay(w.bus, todays)
		Expect(err).NotTo(HaveOccurred())
		all := w.contents()
		all[3].Data = []byte(`{"sum":0,"part":0}`)
		w.restored(all)
		Expect(w.checkAs(todays)).To(MatchError(ContainSubstring("which a replay left as they were")))
	})

	const batches = 5 // the first message, two full batches and the rest, and the last message
	for name, fault := range map[string]func(w *world, store func() (uint64, error)) (uint64, error){
		"before it is stored": func(*world, func() (uint64, error)) (uint64, error) {
			return 0,
				errDead
		},
		"when it is stored, and nobody hears it": func(_ *world, store func() (uint64, error)) (uint64,
			error,
		) {
			must(store())
			return 0, errDead
		},
	} {
		It("interrupted at any batch "+name+" is finished by the next, and nobody goes on until then", func() {
			scale.Long(Skip)
			for nth := batches; nth > 0; nth -= scale.Stride() {
				w := derivedBy(former)
				f := &faulty{Bus: w.bus, cancel: func() {}}
				f.append = func(n int, store func() (uint64, error)) (uint64, error) {
					if n < nth {
						return store()
					}
					_, _ = fault(w, store)
					return 0, f.die()
				}
				before := w.length()
				_, err := w.replay(f, todays)
				Expect(err).To(MatchError(errDead))
				switch stored := w.length(); {
				case stored == before: // nothing happened
					Expect(w.work(former)).To(Succeed())
				case nth == batches && strings.HasPrefix(name, "when"): // all of it
					Expect(w.work(todays)).To(Succeed())
				default:
					for _, p := range []program{former, todays} {
						Expect(w.work(p)).To(And(MatchError(stage.ErrDiverged),
							MatchError(ContainSubstring("was interrupted. Run `daybook replay test` again"))))
					}
				}
				_, err = w.replay(w.bus, todays)
				Expect(err).NotTo(HaveOccurred())
				Expect(w.adds(todays)).To(Succeed())
				w.feed(3)
				Expect(w.work(todays)).To(Succeed())
				Expect(w.adds(todays)).To(Succeed())
				Expect(w.checkAs(todays)).To(Succeed())
			}
		})
	}

	for name, fault := range map[string]func(w *world, store func() (uint64, error)) (uint64, error){
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
	} {
		It("whose batch is "+name+" goes on", func() {
			scale.Long(Skip)
			for nth := batches; nth > 0; nth -= scale.Stride() {
				w := derivedBy(former)
				f := &faulty{Bus: w.bus}
				f.append = func(n int, store func() (uint64, error)) (uint64, error) {
					if n != nth {
						return store()
					}
					return fault(w, store)
				}
				_, err := w.replay(f, todays)
				Expect(err).NotTo(HaveOccurred())
				Expect(w.adds(todays)).To(Succeed())
				Expect(w.checkAs(todays)).To(Succeed())
			}
		})
	}

	It("begins anew when the stage puts something out meanwhile", func() {
		w := derivedBy(former)
		f := &faulty{Bus: w.bus}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 1 {
				w.feed(2)
				check(w.work(former))
			}
			return store()
		}
		r, err := w.replay(f, todays)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Position).To(Equal(uint64(8)))
		Expect(w.adds(todays)).To(Succeed())
	})

	It("that fills an empty stream stores nothing behind another program that came first", func() {
		w := newWorld(server, 2, 3)
		f := &faulty{Bus: w.bus}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 1 { // of all outputs
				check(w.work(todays))
			}
			return store()
		}
		_, err := w.replay(f, former)
		Expect(err).To(MatchError(stage.ErrDiverged))
		Expect(w.adds(todays)).To(Succeed())
		Expect(w.checkAs(todays)).To(Succeed())
	})

	It("ends where the outputs were purged and the input never had a message", func() {
		w := derivedBy(former)
		w.recreate()
		w.sizes = nil
		w.api("STREAM.PURGE."+w.out, struct{}{})
		_, err := w.replay(w.bus, former)
		Expect(err).NotTo(HaveOccurred())
	})

	It("stops a stage of the former program that runs, and does not stop one of its own", func() {
		w := derivedBy(former)
		old := w.start(options{})
		Expect(old.worked()).To(BeTrue())
		_, err := w.replay(w.next, todays)
		Expect(err).NotTo(HaveOccurred())
		w.feed(1)
		Expect(old.ended()).To(MatchError(stage.ErrDiverged))

		change := func(c *stage.Config) { c.Logic = todays.logic }
		own := w.start(options{change: change, extra: todays.extra})
		Expect(own.worked()).To(BeTrue())
		w.api("STREAM.MSG.DELETE."+w.out, map[string]int{"seq": int(w.length()) - 5})
		r, err := w.replay(w.next, todays)
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{r.Reversed, r.Posted}).To(Equal([]int{0, 1}))
		w.feed(1)
		Expect(own.worked()).To(BeTrue(), "%s", own.log)
		Expect(own.stop()).To(Succeed())
		Expect(w.adds(todays)).To(Succeed())
	})

	It("does not go on where another one does", func() {
		w := derivedBy(former)
		f := &faulty{Bus: w.bus}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 2 {
				_, err := w.replay(w.next, todays)
				check(err)
			}
			return store()
		}
		_, err := w.replay(f, todays)
		Expect(err).To(MatchError(ContainSubstring("somebody else replays it")))
		Expect(w.adds(todays)).To(Succeed())
		Expect(errors.Is(err, stage.ErrDiverged)).To(BeTrue())
	})
})
