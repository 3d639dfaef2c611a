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
	})
})
