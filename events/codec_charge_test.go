package events_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	daybookv1 "github.com/daybook-billing/daybook/proto/daybook/v1"
)

// alikeCharges draws a message whose charges have few different values, empty ones included.
func alikeCharges(t *rapid.T) *events.Billing {
	few := func(label string) string { return rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, label) }
	decimal := func(label string) events.Decimal {
		return events.NewDecimal(rapid.Int64Range(-1, 1).Draw(t, label), 0)
	}
	moment := func(label string) time.Time {
		if h := rapid.IntRange(0, 2).Draw(t, label); h > 0 {
			return time.Date(2026, 11, 1, h, 0, 0, 0, time.UTC)
		}
		return time.Time{}
	}
	m := &events.Billing{Tenant: few("frame's tenant"), Kind: few("frame's kind"), Resource: few("frame's resource")}
	for range rapid.IntRange(0, 4).Draw(t, "charges") {
		m.Charges = append(m.Charges, events.Charge{
			ID: few("id"), Entry: few("entry"), Reverses: few("reverses"), Period: few("period"), Span: few("span"),
			Kind: few("kind"), Resource: few("resource"), App: few("app"), Tenant: few("tenant"), Space: few("space"),
			Name: few("name"), Plan: few("plan"), Catalogue: few("catalogue"), Component: few("component"),
			Start: moment("start"), End: moment("end"), Seconds: decimal("seconds"), Quantity: decimal("quantity"),
			Unit: few("unit"), Amount: decimal("amount"), VATCode: few("code"), VAT: decimal("vat"),
			Currency: few("currency"), Flags: events.Flags(rapid.IntRange(0, 3).Draw(t, "flags")),
		})
	}
	return m
}

var _ = Describe("The charges of a message", func() {
	It("come back whole, whatever they share", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			m, got := alikeCharges(t), &events.Billing{}
			text := m.AppendJSON(nil)
			if err := got.DecodeJSON(text); err != nil {
				t.Fatal(err)
			}
			if d := difference(m, got); d != "" {
				t.Fatalf("came back changed (-sent +received):\n%s\n%s", d, text)
			}
		})
	})

	It("are merged by generated classes to the same", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			m, read := alikeCharges(t), &daybookv1.Billing{}
			completeCharges(m)
			if err := protojson.Unmarshal(m.AppendJSON(nil), read); err != nil {
				t.Fatal(err)
			}
			for i, c := range read.GetCharges() {
				alone := events.Billing{Charges: m.Charges[i : i+1]}
				want := &daybookv1.Billing{}
				if err := protojson.Unmarshal(alone.AppendJSON(nil), want); err != nil {
					t.Fatal(err)
				}
				got := &daybookv1.Charge{Kind: read.GetKind(), Resource: read.GetResource(), Tenant: read.GetTenant()}
				proto.Merge(got, read.GetShared())
				proto.Merge(got, c)
				if !proto.Equal(got, want.GetCharges()[0]) {
					t.Fatalf("merged to %v, and it was %v", got, want.GetCharges()[0])
				}
			}
		})
	})

	It("say once what they share", func() {
		charge := events.Charge{
			ID: "1", Entry: events.EntryCharge, Period: "2026-11", Span: "s", Kind: "app", Resource: "process",
			App:    "app",
			Tenant: "org", Space: "space", Name: "shop", Plan: "app", Catalogue: "v1", Component: "hour",
			Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-01T01:00:00Z"), Seconds: events.NewDecimal(3600, 0),
			Quantity: events.NewDecimal(1, 0), Amount: events.NewDecimal(2, 0), Currency: "GBP",
			Flags: events.InferredEnd,
		}
		other := charge
		other.ID, other.Component, other.Amount, other.VAT = "2", "memory", events.NewDecimal(3, 0),
			events.NewDecimal(6, -1)
		other.Unit, other.VATCode = "GiB-hour", "Standard"
		m := events.Billing{
			Tenant: "org", Kind: "app", Resource: "app", Charges: []events.Charge{charge, other},
		}
		Expect(m.AppendJSON(nil)).To(MatchJSON(`{"tenant":"org","kind":"app","resource":"app",
			"shared":{"entry":"charge","period":"2026-11","span":"s","resource":"process","app":"app","space":"space",
				"name":"shop","plan":"app","catalogue":"v1","start":"2026-11-01T00:00:00Z","end":"2026-11-01T01:00:00Z",
				"seconds":"3600","currency":"GBP","flags":["inferred_end"]},
			"charges":[{"id":"1","component":"hour","quantity":"1","amount":"2","vat":"0"},
				{"id":"2","component":"memory","unit":"GiB-hour","vat_code":"Standard","quantity":"1","amount":"3",
				"vat":"0.6"}]}`))
	})

	It("are read in any order of the fields", func() {
		var m, again events.Billing
		Expect(m.DecodeJSON(billingFixture().AppendJSON(nil))).To(Succeed())
		var fields map[string]json.RawMessage
		Expect(json.Unmarshal(m.AppendJSON(nil), &fields)).To(Succeed())
		text, err := json.Marshal(fields) // sorted: charges before kind and shared
		Expect(err).NotTo(HaveOccurred())
		Expect(again.DecodeJSON(text)).To(Succeed())
		Expect(difference(&m, &again)).To(BeEmpty())
	})
})
