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

// alikeUnrated draws a message whose parts have few different values, empty ones included.
func alikeUnrated(t *rapid.T) *events.UnratedNotice {
	few := func(label string) string { return rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, label) }
	m := &events.UnratedNotice{
		Tenant: few("frame's tenant"), Kind: few("frame's kind"), Resource: few("frame's resource"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		hour := rapid.IntRange(0, 20).Draw(t, "hour")
		m.Unrated = append(m.Unrated, events.Unrated{
			ID: few("id"), Span: few("span"), Kind: few("kind"), Resource: few("resource"), Tenant: few("tenant"),
			Space: few("space"), Name: few("name"), Reason: few("reason"), Period: few("period"),
			Start: time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC),
			Footprint: events.Footprint{Plan: few("plan"), Region: few("region")},
		})
	}
	return m
}

var _ = Describe("The parts of a message without a price", func() {
	It("come back whole, whatever they share", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			m, got := alikeUnrated(t), &events.UnratedNotice{}
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
			m, read := alikeUnrated(t), &daybookv1.UnratedNotice{}
			completeUnrated(m)
			if err := protojson.Unmarshal(m.AppendJSON(nil), read); err != nil {
				t.Fatal(err)
			}
			for i, u := range read.GetUnrated() {
				alone := events.UnratedNotice{Unrated: m.Unrated[i : i+1]}
				want := &daybookv1.UnratedNotice{}
				if err := protojson.Unmarshal(alone.AppendJSON(nil), want); err != nil {
					t.Fatal(err)
				}
				got := &daybookv1.Unrated{Kind: read.GetKind(), Resource: read.GetResource(), Tenant: read.GetTenant()}
				proto.Merge(got, read.GetShared())
				proto.Merge(got, u)
				if !proto.Equal(got, want.GetUnrated()[0]) {
					t.Fatalf("merged to %v, and it was %v", got, want.GetUnrated()[0])
				}
			}
		})
	})

	It("say once what they share", func() {
		part := events.Unrated{
			ID: "1", Span: "s", Kind: "app", Resource: "process", Tenant: "org", Space: "space", Name: "shop",
			Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-01T01:00:00Z"),
			Footprint: events.Footprint{Buildpack: "ruby"}, Reason: "no plan",
		}
		other := part
		other.ID, other.Start, other.End = "2", at("2026-11-01T02:00:00Z"), at("2026-11-01T03:00:00Z")
		m := events.UnratedNotice{Tenant: "org", Kind: "app", Resource: "app", Unrated: []events.Unrated{part, other}}
		Expect(m.AppendJSON(nil)).To(MatchJSON(`{"tenant":"org","kind":"app","resource":"app",
			"shared":{"span":"s","resource":"process","space":"space","name":"shop","footprint":{"buildpack":"ruby"},
				"reason":"no plan"},
			"unrated":[{"id":"1","start":"2026-11-01T00:00:00Z","end":"2026-11-01T01:00:00Z"},
				{"id":"2","start":"2026-11-01T02:00:00Z","end":"2026-11-01T03:00:00Z"}]}`))
	})

	It("are read in any order of the fields", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			m, again := alikeUnrated(t), &events.UnratedNotice{}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(m.AppendJSON(nil), &fields); err != nil {
				t.Fatal(err)
			}
			if parts, ok := fields["unrated"]; ok { // parts before kind, resource, tenant and shared
				delete(fields, "unrated")
				rest, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				text := `{"unrated":` + string(parts)
				if len(fields) > 0 {
					text += "," + string(rest[1:])
				} else {
					text += "}"
				}
				if err := again.DecodeJSON([]byte(text)); err != nil {
					t.Fatal(err)
				}
				if d := difference(m, again); d != "" {
					t.Fatalf("came back changed (-sent +received):\n%s\n%s", d, text)
				}
			}
		})
	})
})
