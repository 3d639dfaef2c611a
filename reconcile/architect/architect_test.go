package architect_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/architect"
)

func TestArchitect(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Architect")
}

var _ = Describe("A blueprint", func() {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	message := func(foundation, kind, resource string, running []events.Span, held []events.Hold) *events.Metered {
		return &events.Metered{
			Source: "cf", Foundation: foundation, Tenant: "org", Kind: kind, Resource: resource, Running: running,
			Held: held, Cause: events.Cause{Sequence: 5},
		}
	}
	keys := func(b *reconcile.Blueprint) (all []string) {
		for i := range b.Materials {
			m := &b.Materials[i]
			all = append(all, m.Kind+" "+m.Resource+" "+m.Held)
		}
		return all
	}

	It("has what runs and what is held on and on of its foundation, in the order of keys", func() {
		d := architect.New("cf", "eu", at)
		span := func(kind, resource string) events.Span {
			return events.Span{Kind: kind, Resource: resource, Tenant: "org", Start: at.Add(time.Hour), Since: at}
		}
		d.Take(message("eu", "service", "db", []events.Span{span("service", "db")}, nil))
		d.Take(message("eu", "app", "shop", []events.Span{span("app", "web"), span("app", "worker")}, []events.Hold{
			{ID: "1", Kind: "app", Resource: "worker", Code: "gap", Start: at, End: at.Add(time.Minute)},
			{ID: "2", Kind: "app", Resource: "old", Code: "observed_gone", Start: at},
			{ID: "3", Kind: "app", Resource: "web", Code: "gap", Start: at},
		}))
		d.Take(message("clone", "app", "shop", []events.Span{span("app", "web")}, nil))
		d.Take(message("eu", "staging", "shop", []events.Span{span("staging", "shop")}, nil))
		b := d.Blueprint(at.Add(time.Hour), 9, 11)
		Expect(keys(b)).To(Equal([]string{"app old observed_gone", "app web ", "app worker ", "service db "}))
		Expect(b).To(And(HaveField("Usage", uint64(9)), HaveField("Metered", uint64(11)),
			HaveField("Horizon", at.Add(time.Hour)), HaveField("Epoch", at)))
		Expect(b.Materials[0].App).To(Equal("shop"))
		Expect(b.Materials[1].Proof).To(Equal(at), "a cut proves no life")
		Expect(b.Changed).To(BeNil())
	})

	It("has one material of each resource, and the times of late facts, of what ended, too", func() {
		d := architect.New("cf", "eu", time.Time{})
		d.Recent(at)
		span := func(since time.Time) []events.Span {
			return []events.Span{{Kind: "app", Resource: "web", Start: since, Since: since}}
		}
		old, moved := message("eu", "app", "shop", span(at.Add(-time.Hour)), nil), message("eu", "app", "shop",
			span(at.Add(time.Minute)), nil)
		old.Tenant = "before"
		moved.Cause.Time = at.Add(time.Minute)
		ended := message("eu", "task", "shop", nil, nil)
		ended.Cause.Time = at
		long := message("eu", "service", "db", nil, nil)
		long.Cause.Time = at.Add(-time.Second)
		for _, m := range []*events.Metered{moved, old, ended, long} {
			d.Take(m)
		}
		b := d.Blueprint(at, 0, 0)
		Expect(b.Materials).To(HaveLen(1))
		Expect(b.Materials[0].Since).To(Equal(at.Add(time.Minute)))
		Expect(b.Changed).To(Equal(map[reconcile.Key]time.Time{
			{Kind: "app", Resource: "shop"}: at.Add(time.Minute), {Kind: "task", Resource: "shop"}: at,
		}))
	})

	It("has what went silent within a month, and not what lives again", func() {
		d := architect.New("trove", "os", time.Time{})
		ended := func(resource string, end time.Time, flags events.Flags) *events.Metered {
			m := message("os", "instance", resource, nil, nil)
			m.Source = "trove"
			for _, kind := range []string{"instance", "volume"} {
				m.Closed = append(m.Closed, events.Span{
					Kind: kind, Resource: resource, Tenant: "org", Start: at, Since: at, End: end, Flags: flags,
				})
			}
			return m
		}
		d.Take(ended("lost", at.Add(time.Hour), events.ProvisionalEnd))
		d.Take(ended("gone", at.Add(time.Hour), events.InferredEnd))
		d.Take(ended("old", at.Add(-time.Second), events.ProvisionalEnd))
		lives := ended("back", at.Add(time.Hour), events.ProvisionalEnd)
		lives.Running = []events.Span{
			{Kind: "instance", Resource: "back", Start: at, Since: at},
			{Kind: "volume", Resource: "back", Start: at, Since: at},
		}
		d.Take(lives)
		b := d.Blueprint(at.Add(31*24*time.Hour), 0, 0)
		Expect(b.Silent).To(HaveExactElements(
			And(HaveField("Kind", "instance"), HaveField("Resource", "lost"), HaveField("Proof", at.Add(time.Hour))),
			And(HaveField("Kind", "volume"), HaveField("Resource", "lost"), HaveField("Since", at)),
		))
		Expect(b.FindSilent(reconcile.Key{Kind: "volume", Resource: "lost"}).Tenant).To(Equal("org"))
		Expect(keys(b)).To(Equal([]string{"instance back ", "volume back "}))
	})
})
