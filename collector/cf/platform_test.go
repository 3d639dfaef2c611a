package cf_test

import (
	"context"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// platforms are what the markers of the foundation say: the platform, and the one before a move.
func (r *rig) platforms() (all []string) {
	GinkgoHelper()
	state, err := shared.Stream(context.Background(), events.StreamUsage)
	Expect(err).NotTo(HaveOccurred())
	scan := cf.Scan{Filters: []string{events.UsageMarkerSubject(events.SourceCF, r.name)}, From: 1, To: state.Last}
	Expect(cf.OnBus(shared).Scan(context.Background(), events.StreamUsage, scan, func(m *bus.Stored) error {
		say := m.Header(events.HeaderPlatform)
		if from := m.Header(events.HeaderMovedFrom); from != "" {
			say += " from " + from
		}
		if len(all) == 0 || all[len(all)-1] != say {
			all = append(all, say)
		}
		return nil
	})).To(Succeed())
	return all
}

var _ = Describe("the platform behind a foundation", func() {
	const eu, us = "https://api.eu.example.org", "https://api.us.example.org"
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.self = eu
		r.settings.Complete, r.settings.Schedule = true, time.Millisecond
		r.restart()
		r.add(apps, started("e", 2, noon.Add(-20*time.Minute))...)
		r.poll()
		r.add(apps, started("f", 1, noon.Add(-10*time.Minute))...)
	})

	It("is named by every batch, as the API names itself", func() {
		Expect(r.platforms()).To(Equal([]string{eu}))
		r.self = "HTTPS://API.EU.example.org:443/"
		r.restart()
		r.poll()
		Expect(r.platforms()).To(Equal([]string{eu}))
		Expect(r.story()).To(Equal([]string{"e0", "e1", "f0"}))
	})

	It("is the address that it is collected from where the API names none", func() {
		other := newRig()
		other.self = "none"
		other.poll()
		Expect(other.platforms()).To(Equal([]string{other.url}))
	})

	It("is another one: nothing of it is stored, and what to do is said", func() {
		r.self = us
		r.restart()
		messages := len(r.usage())
		err := r.current.Run(context.Background())
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring(`foundation "`+r.name+`" was collected from `+eu+", and "+us+
			" answers"), ContainSubstring("--cf-name"), ContainSubstring("--moved-from "+eu))))
		var another *collector.AnotherPlatformError
		Expect(errors.As(err, &another)).To(BeTrue())
		Expect(r.usage()).To(HaveLen(messages))
		Expect(r.platforms()).To(Equal([]string{eu}))
	})

	It("has moved, as the collector was told: a batch says so, once", func() {
		r.self, r.settings.MovedFrom = us, eu+"/"
		r.restart()
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "f0"}), "it is the same table")
		r.add(apps, started("g", 1, noon.Add(-8*time.Minute))...)
		r.poll()
		Expect(r.platforms()).To(Equal([]string{eu, us + " from " + eu, us}))

		By("leaving the setting, and taking it away")
		r.restart()
		r.poll()
		r.settings.MovedFrom = ""
		r.restart()
		r.pass(time.Minute)
		r.poll()
		Expect(r.platforms()).To(HaveLen(3))

		By("going on with the old one")
		r.self = eu
		r.restart()
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("--moved-from " + us)))
	})

	It("has moved from somewhere else than was said", func() {
		r.self, r.settings.MovedFrom = us, "https://api.asia.example.org"
		r.restart()
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring(
			"was collected from " + eu + ", not https://api.asia.example.org, which --moved-from names")))
		r.settings.MovedFrom = "api.eu"
		_, err := cf.New(cf.Config{Foundations: []cf.Foundation{r.settings}}, cf.Deps{Store: r.store})
		Expect(err).To(MatchError(ContainSubstring("the address before the move is wrong")))
	})

	It("is another one from one poll to the next: its list is not read for a pruned one", func() {
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, started("other", 3, noon.Add(-9*time.Minute))...)
		r.self = us
		for range 2 {
			Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("--moved-from " + eu)))
			Expect(r.current.Ready(r.name)).To(MatchError(ContainSubstring("--cf-name")))
		}
		Expect(r.story()).To(Equal([]string{"e0", "e1"}))
		r.self = eu
		r.poll()
		Expect(strings.Join(r.story(), " ")).To(Equal("e0 e1 gap app other0 other1 other2"))
	})
})
