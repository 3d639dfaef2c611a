package plans_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/plans"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Plans that are kept")
}

var _ = Describe("A comparison of sums", func() {
	It("says by how much they differ, or that they agree", func() {
		noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
		c := plans.Comparison{At: noon, Off: reconcile.Sums{Instances: 3, MemoryMB: -64}}
		Expect(c.Text()).To(Equal("differs from the platform at 2026-12-01T12:00:00Z: there are +3 instances, -64 MB"))
		c = plans.Comparison{At: noon, Agrees: true}
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
		all := plans.Stakes(p)
		Expect(all).To(HaveLen(1))
		Expect(all[0].TooMuch.String()).To(Equal("2.5"))
		Expect(all[0].TooLittle.String()).To(Equal("0.25"))
		text, err := json.Marshal(&plans.Planned{Plan: p, Dry: "x"})
		Expect(err).NotTo(HaveOccurred())
		var read plans.Planned
		Expect(json.Unmarshal(text, &read)).To(Succeed())
		Expect(&read).To(Equal(&plans.Planned{Plan: p, Dry: "x"}))
	})
})

// objects are a bucket, with the names of what was read.
type objects struct {
	all  map[string][]byte
	read []string
}

func (o *objects) GetObject(_ context.Context, _, name string) ([]byte, error) {
	o.read = append(o.read, name)
	if data, is := o.all[name]; is {
		return data, nil
	}
	return nil, bus.ErrNotFound
}

func (o *objects) PutObject(_ context.Context, _, name string, data []byte) error {
	o.all[name] = data
	return nil
}

var _ = Describe("A plan that is looked for by its id", func() {
	places := []plans.Place{{Source: "cf", Foundation: "a"}, {Source: "cf", Foundation: "b"}, {
		Source: "trove", Foundation: "c",
	}}
	var o *objects
	BeforeEach(func(ctx SpecContext) {
		o = &objects{all: map[string][]byte{}}
		for _, at := range places {
			Expect(plans.Keep(ctx, o, &plans.Planned{Plan: &reconcile.Plan{
				ID: "of-" + at.Foundation, Source: at.Source, Foundation: at.Foundation,
			}})).To(Succeed())
		}
	})
	whole := func() int {
		return len(slices.DeleteFunc(o.read, func(name string) bool { return !strings.HasSuffix(name, ".plan") }))
	}

	It("is the only one that is read", func(ctx SpecContext) {
		for _, at := range places {
			o.read = nil
			p, err := plans.Find(ctx, o, places, "of-"+at.Foundation)
			Expect(err).NotTo(HaveOccurred())
			Expect(p.Plan.Foundation).To(Equal(at.Foundation))
			Expect(whole()).To(Equal(1))
		}
	})

	It("is none among other foundations, and of another id", func(ctx SpecContext) {
		_, err := plans.Find(ctx, o, places[:2], "of-c")
		Expect(err).To(MatchError(plans.ErrNoPlan))
		_, err = plans.Find(ctx, o, places, "of-d")
		Expect(err).To(MatchError(plans.ErrNoPlan))
	})

	It("is found where a crash has left no head, or one of a plan that was not stored", func(ctx SpecContext) {
		delete(o.all, "cf.a.head")
		o.all["cf.b.head"] = o.all["trove.c.head"]
		for _, at := range places {
			p, err := plans.Find(ctx, o, places, "of-"+at.Foundation)
			Expect(err).NotTo(HaveOccurred(), at.Foundation)
			Expect(p.Plan.Foundation).To(Equal(at.Foundation))
		}
	})
})
