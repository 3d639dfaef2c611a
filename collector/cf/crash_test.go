package cf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

var _ = Describe("appending to USAGE", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete = true
		r.restart()
	})
	want := func(n int) (guids []string) {
		for i := range n {
			guids = append(guids, fmt.Sprintf("e%d", i))
		}
		return guids
	}

	// Two polls, with a late event between them, make eight appends.
	script := func(poll func()) {
		r.add(apps, started("e", 7, noon.Add(-20*time.Minute))...)
		poll()
		r.insert(apps, "e3", appEvent("late", "STARTED", "STOPPED", "l", noon.Add(-18*time.Minute)))
		r.pass(10 * time.Minute)
		r.add(apps, started("n", 2, noon.Add(time.Minute))...)
		poll()
	}
	result := append(want(7), "late after e2", "n0", "n1")

	for _, fault := range []struct {
		name string
		o    outcome
	}{
		{"was not stored", failsNotStored},
		{"was stored, and the answer lost", failsStored},
		{"was stored in part", failsTorn},
	} {
		It("is exact when any one append "+fault.name, func() {
			scale.Long(Skip)
			n := 0
			for i := 1; n == 0 || i <= n; i++ {
				r = newRig()
				r.settings.Complete = true
				r.restart()
				r.store.fault = func(at int) outcome {
					if at == i {
						return fault.o
					}
					return stores
				}
				script(r.poll)
				Expect(r.story()).To(Equal(result), "fault at append %d", i)
				n = r.store.appends
				Expect(n).To(BeNumerically("<", 20))
			}
			Expect(n).To(BeNumerically(">=", 6))
		})
	}

	It("is exact when the collector is killed before and after every append", func() {
		scale.Long(Skip)
		script(func() {
			for n := 1; n < 6; n++ {
				for _, how := range []outcome{killsBefore, killsAfter} {
					r.dies(n, how)
				}
			}
			r.poll()
		})
		Expect(r.story()).To(Equal(result))
	})

	It("is exact when the collector is killed at random moments, again and again", func() {
		scale.Long(Skip)
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 1))
		r.settings.PageSize = 40
		r.restart()
		rows := started("e", 1500, noon.Add(-30*time.Hour))
		r.add(apps, rows...)
		for killed := 0; killed < 40; {
			ctx, kill := context.WithCancel(context.Background())
			at := 1 + random.Int64N(12)
			var asked atomic.Int64
			r.hook(func(http.ResponseWriter, *http.Request) bool {
				if asked.Add(1) == at {
					kill()
				}
				return false
			})
			err := r.current.Poll(ctx)
			kill()
			r.heal()
			r.restart()
			if err == nil {
				break
			}
			killed++
		}
		r.poll()
		Expect(r.story()).To(Equal(want(1500)))
	})

	It("goes on when another collector's batch came in between", func() {
		r.add(apps, started("e", 2, noon.Add(-20*time.Minute))...)
		r.poll()
		state, err := shared.Stream(context.Background(), events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		_, err = shared.Append(context.Background(), events.StreamUsage,
			[]bus.Message{{Subject: events.UsageMarkerSubject(events.SourceCF, r.name), Data: []byte("{}")}},
			bus.Expect{Last: state.Last})
		Expect(err).NotTo(HaveOccurred())
		r.add(apps, appEvent("e2", "STARTED", "STOPPED", "p", noon.Add(-10*time.Minute)))
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()).To(Equal(want(3)))
		Expect(r.count("daybook_cf_append_retries_total", "")).To(Equal(1.0))
	})

	It("is shared by two collectors of one foundation without a fact twice or out of order", func() {
		scale.Long(Skip)
		r.settings.PageSize = 20
		r.restart()
		other, err := cf.New(cf.Config{Foundations: []cf.Foundation{r.settings}}, cf.Deps{Store: r.store})
		Expect(err).NotTo(HaveOccurred())
		defer other.Close()
		r.add(apps, started("e", 600, noon.Add(-20*time.Hour))...)
		done := make(chan error, 2)
		for _, c := range []*cf.Collector{r.current, other} {
			go func() {
				var err error
				for range 20 { // a poll gives up after six conflicts
					if err = c.Poll(context.Background()); err == nil {
						break
					}
				}
				done <- err
			}()
		}
		Eventually(done).Should(Receive(BeNil()))
		Eventually(done).Should(Receive(BeNil()))
		Expect(r.story()).To(Equal(want(600)))
	})

	It("says under which name its lists are complete, where a foundation has several collectors", func() {
		r.settings.Collector = "west"
		r.restart()
		r.poll()
		all := r.usage()
		Expect(all[len(all)-1].horizon.Collector).To(Equal("west"))
		r.restart()
		r.poll()
		Expect(r.usage()).To(HaveLen(len(all)))
	})
})

// stacks are those of all goroutines. The server in this process has some, too; they come and go.
func stacks() string {
	b := make([]byte, 8<<20)
	return string(b[:runtime.Stack(b, true)])
}

var _ = Describe("running", func() {
	It("polls until it is stopped, and leaves nothing behind", func() {
		r := newRig()
		r.settings.Schedule = time.Millisecond
		r.clock = time.Now
		func() {
			defer r.lock()()
			r.now = time.Now().UTC().Truncate(time.Second)
		}()
		r.add(apps, started("e", 3, r.now.Add(-time.Hour))...)
		r.restart()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.current.Run(ctx) }()
		Eventually(r.story).Should(Equal([]string{"gap app", "e0", "e1", "e2"}))
		r.add(apps, appEvent("more", "STARTED", "STOPPED", "p", r.now.Add(-10*time.Minute)))
		Eventually(r.story).Should(HaveLen(5))
		Expect(r.current.Ready(r.name)).To(Succeed())
		stop()
		Eventually(done).Should(Receive(BeNil()))
		Eventually(stacks).ShouldNot(Or(ContainSubstring("daybook/collector/cf.("),
			ContainSubstring("net/http.(*persistConn)")))
	})

	It("stops at once in the middle of a request", func() {
		r := newRig()
		release := make(chan struct{})
		defer close(release)
		reached := make(chan struct{}, 10)
		r.hook(func(_ http.ResponseWriter, q *http.Request) bool {
			reached <- struct{}{}
			select {
			case <-release:
			case <-q.Context().Done():
			}
			return false
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.current.Run(ctx) }()
		Eventually(reached).Should(Receive())
		stop()
		Eventually(done).Should(Receive(BeNil()))
	})
})
