package service

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
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
		s.Known = &Sums{Tasks: 2}
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
		object, err = seal(&record{Version: stateVersion + 1})
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
		b := &reconcile.Blueprint{Materials: []reconcile.Material{one("doubted"), one("gone"), one("other"), one("same")}}
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
	It("takes what is held for there or not, and says the rest", func() {
		held := &Sums{Instances: 2, MemoryMB: 128}
		Expect(*(&Sums{Instances: 2, MemoryMB: 64}).beyond(held)).To(Equal(Sums{}))
		Expect(*(&Sums{Instances: 3, MemoryMB: -1, Tasks: 1}).beyond(held)).To(Equal(Sums{
			Instances: 1, MemoryMB: -1, Tasks: 1,
		}))
		c := Comparison{At: noon, Off: Sums{Instances: 3, MemoryMB: -64}}
		Expect(c.Text()).To(Equal("differs from the platform at 2026-12-01T12:00:00Z: there are +3 instances, -64 MB"))
		c = Comparison{At: noon, Agrees: true}
		Expect(c.Text()).To(Equal("agrees with the platform at 2026-12-01T12:00:00Z"))
	})
})

var _ = Describe("The money at stake of a plan", func() {
	It("is what is billed too much, and what too little", func() {
		p := &reconcile.Plan{Remodels: []reconcile.Remodel{
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "1.5"}}},
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "-0.25"}}},
			{Stake: []reconcile.Money{{Currency: "GBP", Amount: "1"}}},
		}}
		all := Stakes(p)
		Expect(all).To(HaveLen(1))
		Expect(all[0].TooMuch.String()).To(Equal("2.5"))
		Expect(all[0].TooLittle.String()).To(Equal("0.25"))
		text, err := json.Marshal(&Planned{Plan: p, Dry: "x"})
		Expect(err).NotTo(HaveOccurred())
		var read Planned
		Expect(json.Unmarshal(text, &read)).To(Succeed())
		Expect(&read).To(Equal(&Planned{Plan: p, Dry: "x"}))
	})
})
