package stage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

// actsStream has the acts of all worlds; the name of a world's stage tells whose they are.
const actsStream = "ACTS"

// initiated is a world with replays that acts begin.
type initiated struct {
	*world
	bus stage.Bus
}

// derivedAt is one with the outputs of a program.
func derivedAt(p program, sizes ...int) *initiated {
	GinkgoHelper()
	w := newWorld(server, sizes...)
	Expect(w.work(p)).To(Succeed())
	return &initiated{w, aged{w.bus}}
}

// aged is a bus on which every stream is old: a stream that a test made anew is one that lost its
// end.
type aged struct{ stage.Bus }

func (a aged) Stream(ctx context.Context, name string) (bus.StreamState, error) {
	state, err := a.Bus.Stream(ctx, name)
	state.Created = time.Time{}
	return state, err
}

func (i *initiated) config(p program) stage.Config {
	cfg := i.configOf(p)
	cfg.Name, cfg.Acts = "test"+i.id, actsStream
	cfg.Replays = &stage.Replayer{Processor: i.adders(p), Comparer: newComparer}
	return cfg
}

// begin stores an act.
func (i *initiated) begin(ctx context.Context, act *events.Act) error {
	for {
		state := must(i.world.bus.Stream(ctx, actsStream))
		_, err := i.world.bus.Append(ctx, actsStream, []bus.Message{{
			Subject: events.ActSubject(events.ActReplay, "", ""), Data: act.AppendJSON(nil),
			Header: events.AppendHeaders(nil, act.ID, events.TypeAct, "test"),
		}}, bus.Expect{Last: state.Last})
		if conflict := new(bus.ConflictError); !errors.As(err, &conflict) {
			return err
		}
	}
}

func (i *initiated) replay(b stage.Bus, p program, by string) (stage.Replayed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stage.Replay(ctx, i.config(p), b, i.adders(p), newComparer,
		stage.ReplayOptions{Begin: i.begin, By: by, At: time.Unix(1, 0)})
}

// start runs the stage of a program.
func (i *initiated) start(b stage.Bus, p program) *run {
	return i.world.start(options{change: func(c *stage.Config) { *c = i.config(p) }, extra: p.extra, bus: b})
}

// goesOn runs the stage of a program until every input has been worked off.
func (i *initiated) goesOn(p program) error {
	r := i.start(i.bus, p)
	r.worked()
	return r.stop()
}

// acts are those of the world.
func (i *initiated) acts() (acts []events.Act) {
	GinkgoHelper()
	_, err := i.world.bus.Each(context.Background(), actsStream, 1, bus.End, bus.ReadOptions{},
		func(m *bus.Stored) error {
			var a events.Act
			if err := a.DecodeJSON(m.Data); err != nil {
				return err
			}
			if a.Replay.Projection == "test"+i.id {
				acts = append(acts, a)
			}
			return nil
		})
	Expect(err).NotTo(HaveOccurred())
	return acts
}

// says are the contents of the output stream: subjects and bodies, where ids is set with the ids.
// No id is used twice.
func (i *initiated) says(ids bool) (all []string) {
	GinkgoHelper()
	used := map[string]bool{}
	_, err := i.world.bus.Each(context.Background(), i.out, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		id := m.Header(events.HeaderID)
		Expect(used).NotTo(HaveKey(id))
		used[id] = true
		text := strings.TrimPrefix(m.Subject, "own"+i.id) + " " + string(m.Data)
		if ids {
			text += " " + id
		}
		all = append(all, text)
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return all
}

var _ = Describe("A replay that an act begins", func() {
	sizes := []int{1, 0, 3, 500, 0, 2, 1}
	const batches = 4 // the first message, a full batch and the rest, and the last message

	It("stores the act before its first message, and none where nothing is published", func() {
		w := derivedAt(former, 1, 0, 3)
		_, err := w.replay(w.bus, former, "ann")
		Expect(err).NotTo(HaveOccurred())
		Expect(w.acts()).To(BeEmpty())
		_, err = stage.Replay(context.Background(), w.config(todays), w.bus, w.adders(todays), newComparer,
			stage.ReplayOptions{DryRun: true, Begin: w.begin})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.acts()).To(BeEmpty())
		last := w.length()
		_, err = w.replay(w.bus, todays, "ann")
		Expect(err).NotTo(HaveOccurred())
		Expect(w.acts()).To(HaveLen(1))
		act := w.acts()[0]
		Expect(act.By).To(Equal("ann"))
		Expect(act.Replay).To(Equal(events.Replay{
			Projection: "test" + w.id, Logic: "v2", Input: 3, Output: last,
		}))
		Expect(w.says(true)[last]).To(ContainSubstring(" "+act.ID+"-own"), "it is the cause")
	})

	for name, fault := range map[string]func(store func() (uint64, error)){
		"before it is stored":                    func(func() (uint64, error)) {},
		"when it is stored, and nobody hears it": func(store func() (uint64, error)) { must(store()) },
	} {
		It("killed at any batch "+name+" is finished by the stage when it starts, as if nothing had been", func() {
			undisturbed := derivedAt(former, sizes...)
			_, err := undisturbed.replay(undisturbed.bus, todays, "ann")
			Expect(err).NotTo(HaveOccurred())
			for nth := batches; nth > 0; nth -= scale.Stride() {
				w := derivedAt(former, sizes...)
				f := &faulty{Bus: w.bus, cancel: func() {}}
				f.append = func(n int, store func() (uint64, error)) (uint64, error) {
					if n < nth {
						return store()
					}
					fault(store)
					return 0, f.die()
				}
				_, err := w.replay(f, todays, "ann")
				Expect(err).To(MatchError(errDead))
				Expect(w.goesOn(todays)).To(Succeed())
				Expect(w.says(false)).To(Equal(undisturbed.says(false)), "batch %d", nth)
				Expect(w.acts()).To(HaveLen(1))
				w.feed(3)
				Expect(w.goesOn(todays)).To(Succeed())
				Expect(w.adds(todays)).To(Succeed())
			}
		})
	}

	It("is finished by the stage after a power cut that took its outputs, the same under the same ids", func() {
		w := derivedAt(former, sizes...)
		before := int(w.length())
		_, err := w.replay(w.bus, todays, "ann")
		Expect(err).NotTo(HaveOccurred())
		all, says := w.contents(), w.says(true)
		for _, left := range []int{before, before + 700, len(all) - 1, len(all)} {
			w.restored(all[:left])
			w.dropSnapshots()
			Expect(w.goesOn(todays)).To(Succeed())
			Expect(w.says(true)).To(Equal(says), "%d messages were left of %d", left, len(all))
		}
		Expect(w.acts()).To(HaveLen(1))
	})

	It("that mended a hole is finished after a power cut that took more than its outputs", func() {
		w := derivedAt(former, 1, 0, 3, 1200, 0, 2, 1) // the hole is a batch before the end
		all := w.contents()
		w.restored(slices.Delete(all, 5, 6))
		before := int(w.length())
		_, err := w.replay(w.bus, former, "ann")
		Expect(err).NotTo(HaveOccurred())
		Expect(w.adds(former)).To(Succeed())
		all, says := w.contents(), w.says(true)
		for _, left := range []int{before, before - 2} {
			w.restored(all[:left])
			w.dropSnapshots()
			w.feed(1) // meanwhile
			Expect(w.goesOn(former)).To(Succeed())
			Expect(w.says(true)[:len(says)]).To(Equal(says), "%d messages were left of %d", left, len(all))
			Expect(w.adds(former)).To(Succeed())
		}
	})

	It("is finished by nobody with other settings", func() {
		w := derivedAt(former, sizes...)
		f := &faulty{Bus: w.bus, cancel: func() {}}
		f.append = func(int, func() (uint64, error)) (uint64, error) { return 0, f.die() }
		before := w.length()
		_, err := w.replay(f, todays, "ann")
		Expect(err).To(MatchError(errDead))
		Expect(w.goesOn(former)).To(Succeed(), "nothing has happened")
		Expect(w.length()).To(Equal(before))
		f = &faulty{Bus: w.bus, cancel: func() {}}
		f.append = func(n int, store func() (uint64, error)) (uint64, error) {
			if n == 2 {
				return 0, f.die()
			}
			return store()
		}
		_, err = w.replay(f, todays, "bob")
		Expect(err).To(MatchError(errDead))
		Expect(w.acts()).To(HaveLen(1), "the second goes on with the first")
		Expect(w.goesOn(former)).To(MatchError(stage.ErrDiverged))
	})

	It("is nobody's to finish in a stream that was emptied since, and derived anew", func() {
		w := derivedAt(former, sizes...)
		_, err := w.replay(w.bus, todays, "ann")
		Expect(err).NotTo(HaveOccurred())
		w.api("STREAM.PURGE."+w.out, struct{}{})
		w.dropSnapshots()
		for range 2 {
			Expect(w.goesOn(todays)).To(Succeed())
			state := must(w.bus.Stream(context.Background(), w.out))
			Expect(state.Messages).To(Equal(uint64(507)))
		}
	})

	It("may run twice at once, beside the stages that finish it", func() {
		scale.Long(Skip)
		w := derivedAt(former, sizes...)
		var both sync.WaitGroup
		for by, b := range map[string]stage.Bus{"ann": w.bus, "bob": w.next} {
			both.Go(func() {
				defer GinkgoRecover()
				_, err := w.replay(b, todays, by)
				Expect(err).NotTo(HaveOccurred())
			})
		}
		both.Wait()
		Expect(w.adds(todays)).To(Succeed())
		all := w.contents()
		w.restored(all[:900])
		w.dropSnapshots()
		first, second := w.start(w.bus, todays), w.start(aged{w.next}, todays)
		Expect(first.worked()).To(BeTrue())
		Expect(second.worked()).To(BeTrue())
		Expect(first.stop()).To(Succeed())
		Expect(second.stop()).To(Succeed())
		Expect(w.adds(todays)).To(Succeed())
		w.says(true)
		w.feed(3)
		Expect(w.goesOn(todays)).To(Succeed())
		Expect(w.adds(todays)).To(Succeed())
	})
})
