package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The service of a reconciliation")
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

var _ = Describe("The state of a reconciliation", func() {
	key := func(kind, resource string) reconcile.Key { return reconcile.Key{Kind: kind, Resource: resource} }

	It("is read back as it was written", func() {
		s := newState()
		s.Former = &reconcile.Floorplan{
			Source: "cf", Foundation: "eu", Begun: noon, Seen: noon.Add(time.Second), AfterSequence: 7,
			Listings:  []reconcile.Listing{{Kind: "app", Count: 2, Complete: true}, {Kind: "task", Why: "half"}},
			Materials: []reconcile.Material{{Kind: "app", Resource: "a"}, {Kind: "app", Resource: "b"}},
		}
		s.Proofs[key("app", "a")], s.Proofs[key("app", "b")], s.Proofs[key("task", "c")] = noon, noon, noon.Add(1)
		s.Same[key("app", "a")], s.First[key("app", "z")] = noon, noon.Add(-time.Hour)
		s.Known = &reconcile.Sums{Tasks: 2}
		object, err := s.encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(decode("cf", "eu", object)).To(Equal(s))
		again, err := s.encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(object), "equal states are equal bytes")
	})

	It("is none where its bytes are damaged, or of another version", func() {
		object, err := newState().encode()
		Expect(err).NotTo(HaveOccurred())
		object[len(object)-1] ^= 1
		Expect(decode("cf", "eu", object)).Error().To(HaveOccurred())
		object, err = plans.Seal(&record{Version: stateVersion + 1})
		Expect(err).NotTo(HaveOccurred())
		Expect(decode("cf", "eu", object)).Error().To(MatchError(ContainSubstring("version 2")))
	})

	It("learns what a listing proves, and forgets what is neither billed nor there", func() {
		size := events.Footprint{Instances: events.Some(1), MemoryMB: events.Some(64)}
		one := func(resource string) reconcile.Material {
			return reconcile.Material{Kind: events.KindApp, Resource: resource, Footprint: size}
		}
		other := one("other")
		other.Footprint.Instances = events.Some(2)
		doubted := one("doubted")
		doubted.Doubt = "perhaps"
		s := newState()
		s.Proofs[key(events.KindApp, "old")], s.Proofs[key(events.KindApp, "gone")] = noon, noon
		b := &reconcile.Blueprint{Materials: []reconcile.Material{
			one("doubted"), one("gone"), one("other"), one("same"),
		}}
		f := &reconcile.Floorplan{
			Begun: noon.Add(time.Hour), Seen: noon.Add(time.Hour),
			Materials: []reconcile.Material{doubted, one("new"), other, one("same")},
		}
		s.learn(b, f, &reconcile.Plan{}, time.Minute)
		Expect(s.Proofs).To(Equal(map[reconcile.Key]time.Time{
			key("app", "gone"): noon, key("app", "new"): f.Begun, key("app", "other"): f.Begun,
			key("app", "same"): f.Begun,
		}))
		Expect(s.Same).To(HaveLen(1))
		Expect(s.Same).To(HaveKey(key("app", "same")))
		Expect(s.Former.Materials).To(HaveLen(4))

		soon := *f
		soon.Seen = f.Seen.Add(time.Second)
		s.learn(b, &soon, &reconcile.Plan{}, time.Minute)
		Expect(s.Former.Seen).To(Equal(f.Seen), "a listing a moment later proves no more")
	})
})

var _ = Describe("A comparison of sums", func() {
	It("takes what is held for there or not", func() {
		held := reconcile.Sums{Instances: 2, MemoryMB: 128}
		Expect(beyond(reconcile.Sums{Instances: 2, MemoryMB: 64}, held)).To(Equal(reconcile.Sums{}))
		Expect(beyond(reconcile.Sums{Instances: 3, MemoryMB: -1, Tasks: 1}, held)).To(Equal(reconcile.Sums{
			Instances: 1, MemoryMB: -1, Tasks: 1,
		}))
	})
})

var _ = Describe("What is known to differ", func() {
	It("is what the floorplan leaves out, and what the plan explains", func() {
		f := &reconcile.Floorplan{Beside: reconcile.Sums{Instances: 3, MemoryMB: 192, Tasks: 1}}
		p := &reconcile.Plan{Explained: reconcile.Sums{Instances: 1, MemoryMB: 64, Services: -1}}
		Expect(known(f, p)).To(Equal(reconcile.Sums{Instances: 4, MemoryMB: 256, Services: -1, Tasks: 1}))
	})
})

var _ = Describe("A token without the scope", func() {
	It("is said once, whatever comes of each round", func() {
		s := &Service{}
		lacks := fmt.Errorf("%w: grant it", cfapi.ErrNoGlobalRead)
		Expect(s.settled(lacks)).To(BeFalse())
		Expect(s.settled(lacks)).To(BeTrue())
		Expect(s.settled(errors.New("away"))).To(BeFalse())
		Expect(s.settled(errors.New("away"))).To(BeFalse())
		Expect(s.settled(lacks)).To(BeFalse())
		Expect(s.settled(nil)).To(BeFalse())
		Expect(s.Ready(context.Background())).To(Equal("reconciling"))
	})

	It("stands in the place of a comparison", func() {
		c := plans.Comparison{At: noon, Problem: "the token may not read"}
		Expect(c.Text()).To(Equal("is not compared with the platform since 2026-12-01T12:00:00Z: " +
			"the token may not read"))
	})
})

var _ = Describe("The next round", func() {
	It("comes soon where another listing may prove a stop, and nowhere else", func() {
		with := func(code string) *reconcile.Plan { return &reconcile.Plan{Notes: []reconcile.Note{{Code: code}}} }
		Expect(Unproven(with(reconcile.NoteWaits))).To(BeTrue())
		Expect(Unproven(with(reconcile.NoteProof))).To(BeFalse(), "half a listing may stay half for weeks")
	})
})

// oneMessage is a METERED with one message.
type oneMessage struct {
	Bus
	source string
	err    error
}

func (m oneMessage) Get(context.Context, string, uint64) (bus.Stored, error) {
	header := []events.Header{{Key: stage.HeaderSourceSeq, Value: m.source}}
	return bus.NewStored(bus.Message{Header: header}, 9, noon, 0), m.err
}

var _ = Describe("The position of a blueprint", func() {
	worked := func(last uint64, m oneMessage) (uint64, error) {
		return (&Service{deps: Deps{Bus: m}}).worked(context.Background(), last)
	}

	It("is the last message of USAGE that METERED is surely behind", func() {
		Expect(worked(9, oneMessage{source: "41"})).To(Equal(uint64(40)))
		Expect(worked(9, oneMessage{source: "foreign"})).To(BeZero())
		Expect(worked(0, oneMessage{err: errors.New("asked")})).To(BeZero())
		Expect(worked(9, oneMessage{err: errors.New("away")})).Error().To(MatchError("away"))
	})
})

var _ = Describe("A look at many databases", func() {
	It("asks for as many at once as may be, and keeps what it has seen", func() {
		keys := make([]reconcile.Key, 5)
		var parts []int
		look := func(some []reconcile.Key) (seen []reconcile.Sight, err error) {
			if parts = append(parts, len(some)); len(parts) == 3 {
				err = errors.New("enough")
			}
			return make([]reconcile.Sight, len(some)), err
		}
		all, err := inParts(keys, 2, look)
		Expect(err).To(MatchError("enough"))
		Expect(all).To(HaveLen(5))
		Expect(parts).To(Equal([]int{2, 2, 1}))
	})
})
