package names_test

import (
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/names"
)

const (
	rawV3 = `{"guid": "e1", "state": {"current": "STARTED"}, "app": {"guid": "A", "name": "shop"},` +
		` "process": {"guid": "P", "type": "web"}, "task": {"guid": null, "name": null},` +
		` "space": {"name": "prod\u00e9", "guid": "S"}, "organization": {"guid": "o1"},` +
		` "buildpack": {"guid": "B", "name": "java"}, "note": "shop"}`
	rawV2 = `{"metadata":{"guid":"e1"},"entity":{"state":"STARTED","app_guid":"P","app_name":"shop-web",` +
		`"parent_app_guid":"A","parent_app_name":"shop","space_guid":"S","space_name":"prodé","org_guid":"o1",` +
		`"buildpack_name":"java"}}`
	rawTrove = `{"event_type":"trove.instance.create","payload":{"instance_id":"I","name":"shop","instance_name":"shop",` +
		`"tenant_id":"o1","instance_type":"m1.small"}}`
	rawService = `{"service_instance":{"guid":"D","name":"shop"},"service_plan":{"guid":"L","name":"small"},` +
		`"service_offering":{"guid":"F","name":"postgres"},"service_broker":{"guid":"K","name":"data"},` +
		`"space":{"guid":"S","name":"prodé"},"organization":{"guid":"o1"}}`
)

// stored is a message of a stream.
func stored(subject, kind string, data []byte) bus.Stored {
	return bus.NewStored(bus.Message{
		Subject: subject, Data: data, Header: []events.Header{{Key: events.HeaderType, Value: kind}},
	}, 1, time.Time{}, 0)
}

// masked is a message behind the erasures.
func masked(e *names.Erasures, subject, kind string, data []byte) string {
	m := stored(subject, kind, data)
	e.Message(&m)
	return string(m.Data)
}

var _ = Describe("An erasure", func() {
	var e *names.Erasures
	BeforeEach(func(ctx SpecContext) {
		b := newBus(ctx)
		erase(ctx, b, "eu", "o1")
		var err error
		e, err = names.LoadErasures(ctx, b)
		Expect(err).NotTo(HaveOccurred())
	})
	fact := func(foundation, org, kind, raw string) []byte {
		u := events.Usage{
			ID: "u", Source: "cf", Foundation: foundation, Tenant: org, Kind: kind, Resource: "P", App: "A", Space: "S",
			SpaceName: "prodé", Name: "shop", Time: at(1), Footprint: events.Footprint{Buildpack: "java"},
			Raw: []byte(raw),
		}
		return u.AppendJSON(nil)
	}

	It("puts guids in the places of names in observations of reconciliations, and in their evidence", func() {
		observed := func(org string) []byte {
			a := events.Act{
				ID: "a", Kind: events.ActObservation, Source: "cf", Foundation: "eu", Time: at(1),
				Observation: events.Observation{
					Finding: events.FindingGone, Plan: "p", Kind: "app", Resource: "P", App: "A", Tenant: org,
					Space:     "S",
					SpaceName: "prod", Name: "shop", Evidence: []byte(`{"billed":{"name":"shop"},"there":null}`),
				},
			}
			return a.AppendJSON(nil)
		}
		text := masked(e, "usage.act.observation.cf.eu", events.TypeAct, observed("o1"))
		Expect(text).NotTo(Or(ContainSubstring("shop"), ContainSubstring("prod")))
		Expect(text).To(ContainSubstring(`"evidence":{"billed":{"name":"A"},"there":null}`))
		Expect(masked(e, "usage.act.observation.cf.eu", events.TypeAct, observed("o2"))).To(
			Equal(string(observed("o2"))))
	})

	It("puts guids in the places of names in facts, and in the platform's JSON", func() {
		text := masked(e, "usage.x", events.TypeUsage, fact("eu", "o1", "app", rawV3))
		var u events.Usage
		Expect(u.DecodeJSON([]byte(text))).To(Succeed())
		Expect([]string{u.ID, u.Name, u.SpaceName, u.Footprint.Buildpack}).To(Equal([]string{"u", "A", "S", "java"}))
		Expect(string(u.Raw)).To(Equal(strings.NewReplacer(`"name": "shop"`, `"name": "A"`, `"name": "prod\u00e9"`,
			`"name": "S"`, `"note": "shop"`, `"note": "A"`).Replace(rawV3)))
	})

	It("knows the names of v2, of services and of Trove, and leaves those of the platform", func() {
		for _, raw := range []string{rawV2, rawTrove, rawService} {
			text := masked(e, "usage.x", events.TypeUsage, fact("eu", "o1", "task", raw))
			Expect(json.Valid([]byte(text))).To(BeTrue())
			Expect(text).NotTo(Or(ContainSubstring("shop"), ContainSubstring("prod")), raw)
		}
		Expect(masked(e, "usage.x", events.TypeUsage, fact("eu", "o1", "app", rawV2))).To(And(
			ContainSubstring(`"app_name":"P","parent_app_guid":"A","parent_app_name":"A"`),
			ContainSubstring(`"buildpack_name":"java"`)))
		Expect(masked(e, "usage.x", events.TypeUsage, fact("eu", "o1", "service", rawService))).To(
			And(ContainSubstring(`"small"`), ContainSubstring(`"postgres"`), ContainSubstring(`"data"`)))
	})

	It("is of one foundation, and of one tenant", func() {
		for _, data := range [][]byte{fact("us", "o1", "app", rawV3), fact("eu", "o2", "app", rawV3)} {
			Expect(masked(e, "usage.x", events.TypeUsage, data)).To(Equal(string(data)))
		}
		Expect(masked(nil, "usage.x", events.TypeUsage, fact("eu", "o1", "app", rawV3))).To(ContainSubstring("shop"))
	})

	It("is on spans, charges and parts without a price, and amounts stay", func() {
		span := events.Span{
			ID: "s", Kind: "app", Resource: "P", App: "A", Space: "S", SpaceName: "prodé", Name: "shop", Tenant: "o1",
		}
		m := events.Metered{
			ID: "m", Source: "cf", Foundation: "eu", Tenant: "o1", Kind: "app", Resource: "A",
			Retracted: []events.Span{span}, Closed: []events.Span{span}, Running: []events.Span{span},
		}
		got := masked(e, "metered.x", events.TypeMetered, m.AppendJSON(nil))
		for _, spans := range [][]events.Span{m.Retracted, m.Closed, m.Running} {
			spans[0].Name, spans[0].SpaceName = "A", "S"
		}
		Expect(got).To(Equal(string(m.AppendJSON(nil))))

		b := events.Billing{
			ID: "b", Source: "cf", Foundation: "eu", Tenant: "o1", Kind: "app", Resource: "A",
			Charges: []events.Charge{{
				ID: "c", Kind: "task", Resource: "T", App: "A", Name: "shop", Amount: events.NewDecimal(7, 0),
			}},
		}
		got = masked(e, "billing.charge.x", events.TypeBilling, b.AppendJSON(nil))
		b.Charges[0].Name = "T"
		Expect(got).To(Equal(string(b.AppendJSON(nil))))

		n := events.UnratedNotice{
			ID: "n", Source: "cf", Foundation: "eu", Tenant: "o1", Kind: "service", Resource: "D",
			Unrated: []events.Unrated{{ID: "u", Kind: "service", Resource: "D", Name: "shop-db", Reason: "no plan"}},
		}
		got = masked(e, "billing.unrated.x", events.TypeUnrated, n.AppendJSON(nil))
		n.Unrated[0].Name = "D"
		Expect(got).To(Equal(string(n.AppendJSON(nil))))
	})

	DescribeTable("is in quarantined input that has the tenant's guid", func(
		input, reason, wantInput, wantReason string,
	) {
		q := events.Quarantined{ID: "q", Source: "unknown", Foundation: "eu", Input: input, Reason: reason}
		text := masked(e, "quarantine.cf.eu", events.TypeQuarantined, q.AppendJSON(nil))
		var got events.Quarantined
		Expect(got.DecodeJSON([]byte(text))).To(Succeed())
		Expect([]string{got.Input, got.Reason, got.ID}).To(Equal([]string{wantInput, wantReason, "q"}))
	},
		Entry("by any member with a name", `{"app":{"name":"shop","guid":"A"},"odd_name":"shop two","org":"o1"}`, `found "shop"`,
			`{"app":{"name":"A","guid":"A"},"odd_name":"o1","org":"o1"}`, `found "A"`),
		Entry("in the text of a member", `{"oslo.message":"{\"payload\":{\"name\":\"shop\",\"tenant_id\":\"o1\"}}"}`, "",
			`{"oslo.message":"{\"payload\":{\"name\":\"o1\",\"tenant_id\":\"o1\"}}"}`, ""),
		Entry("as a whole where it is no JSON", `{"app":{"name":"shop"},"org":"o1"`, "broken", `{}`, "broken"),
		Entry("and not in another's", `{"app":{"name":"shop"},"org":"o2"}`, "r", `{"app":{"name":"shop"},"org":"o2"}`, "r"),
	)

	It("is in a message of QUARANTINE that no collector wrote, in the foundation of its subject", func() {
		const text, json = `shop of o1`, `{"name":"shop","org":"o1"}`
		Expect(masked(e, "quarantine.cf.eu", "", []byte(text))).To(Equal(`{}`))
		Expect(masked(e, "quarantine.cf.eu", "", []byte(json))).To(Equal(`{"name":"o1","org":"o1"}`))
		Expect(masked(e, "quarantine.cf.us", "", []byte(text))).To(Equal(text))
	})
})
