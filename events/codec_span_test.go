package events_test

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	daybookv1 "github.com/daybook-billing/daybook/proto/daybook/v1"
)

// alike draws a message whose spans have few different values, empty ones included.
func alike(t *rapid.T) *events.Metered {
	few := func(label string) string { return rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, label) }
	count := func(label string) events.Count {
		if n := rapid.Uint32Range(0, 2).Draw(t, label); n > 0 {
			return events.Some(n - 1)
		}
		return events.Count{}
	}
	spans := func(label string) (spans []events.Span) {
		for range rapid.IntRange(0, 3).Draw(t, label) {
			spans = append(spans, events.Span{
				Kind: few("kind"), Resource: few("resource"), App: few("app"), Tenant: few("tenant"),
				Space:     few("space"),
				SpaceName: few("space name"), Name: few("name"), Publication: few("publication"),
				Footprint: events.Footprint{Instances: count("instances"), Plan: few("plan"), PlanGUID: few("guid")},
			})
		}
		return spans
	}
	return &events.Metered{
		Tenant: few("frame's tenant"), Kind: few("frame's kind"), Resource: few("frame's resource"),
		Retracted: spans("retracted"), Closed: spans("closed"), Running: spans("running"),
	}
}

// merged is a span of a message as a reader of the proto3 JSON makes it.
func merged(m *daybookv1.Metered, s *daybookv1.Span) *daybookv1.Span {
	whole := &daybookv1.Span{Kind: m.GetKind(), Resource: m.GetResource(), Tenant: m.GetTenant()}
	proto.Merge(whole, m.GetShared())
	proto.Merge(whole, s)
	return whole
}

var _ = Describe("The spans of a message", func() {
	It("come back whole, whatever they share", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			m, got := alike(t), &events.Metered{}
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
			m, read := alike(t), &daybookv1.Metered{}
			complete(m)
			if err := protojson.Unmarshal(m.AppendJSON(nil), read); err != nil {
				t.Fatal(err)
			}
			for i, s := range read.GetClosed() {
				alone := events.Metered{Closed: m.Closed[i : i+1]}
				want := &daybookv1.Metered{}
				if err := protojson.Unmarshal(alone.AppendJSON(nil), want); err != nil {
					t.Fatal(err)
				}
				if got := merged(read, s); !proto.Equal(got, want.GetClosed()[0]) {
					t.Fatalf("merged to %v, and it was %v", got, want.GetClosed()[0])
				}
			}
		})
	})

	It("say once what they share", func() {
		span := events.Span{
			Kind: "app", Resource: "process", App: "app", Tenant: "org", Space: "space", Name: "shop",
			Footprint: events.Footprint{Instances: events.Some(2), MemoryMB: events.Some(512), ProcessType: "web"},
		}
		other := span
		other.Footprint.Instances = events.Some(3)
		m := events.Metered{
			Tenant: "org", Kind: "app", Resource: "app", Closed: []events.Span{span}, Running: []events.Span{other},
		}
		Expect(m.AppendJSON(nil)).To(MatchJSON(`{"tenant":"org","kind":"app","resource":"app",
			"shared":{"resource":"process","app":"app","space":"space","name":"shop",
				"footprint":{"memory_mb":512,"process_type":"web"}},
			"closed":[{"footprint":{"instances":2}}],"running":[{"footprint":{"instances":3}}]}`))
	})

	It("are read in any order of the fields", func() {
		var m, again events.Metered
		Expect(m.DecodeJSON(meteredFixture().AppendJSON(nil))).To(Succeed())
		var fields map[string]json.RawMessage
		Expect(json.Unmarshal(m.AppendJSON(nil), &fields)).To(Succeed())
		text, err := json.Marshal(fields) // sorted: closed before kind and shared
		Expect(err).NotTo(HaveOccurred())
		Expect(again.DecodeJSON(text)).To(Succeed())
		Expect(difference(&m, &again)).To(BeEmpty())
	})
})
