package reconcile_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

var _ = Describe("The JSON of a plan", func() {
	It("has everything of it, with 0 instances as such", func() {
		at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		m := &reconcile.Material{
			Kind: "app", Resource: "r", App: "a", Tenant: "t", Space: "s", SpaceName: "prod", Name: "shop",
			Footprint: events.Footprint{Instances: events.Some(0), MemoryMB: events.Some(64), Buildpack: "go"},
			Since:     at, Proof: at, Sequence: 3, Held: "gap", Doubt: "d", Evidence: []byte(`{"guid":"r"}`),
		}
		plan := reconcile.Plan{
			ID: "p", Source: "cf", Foundation: "eu", Made: at, Expires: at, Seen: at, Horizon: at, Usage: 1, Metered: 2,
			Listings: []reconcile.Listing{{Kind: "app", Count: 1, Complete: true}},
			Remodels: []reconcile.Remodel{{ID: "x", Type: reconcile.MissingStop, Key: m.Key(), Billed: m, At: at}},
			Refused:  []reconcile.Refusal{{Kind: "app", Count: 4}},
			Notes:    []reconcile.Note{{Key: m.Key(), Code: "price", Text: "n"}},
		}
		text, err := json.Marshal(plan)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(ContainSubstring(`"Evidence":{"guid":"r"}`))
		var read reconcile.Plan
		Expect(json.Unmarshal(text, &read)).To(Succeed())
		Expect(read).To(Equal(plan))
	})
})
