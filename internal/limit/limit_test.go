package limit_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

var _ = Describe("the limits of a fact's strings", func() {
	It("cut a label between two characters, once, and mark it", func() {
		for _, character := range []string{"a", "é", "日", "😀"} {
			for shift := range 4 {
				long := strings.Repeat("x", shift) + strings.Repeat(character, limit.MaxLabel)
				short := limit.Label(long)
				Expect(len(short)).To(BeNumerically("<=", limit.MaxLabel))
				Expect(len(short)).To(BeNumerically(">", limit.MaxLabel-utf8.UTFMax))
				Expect(utf8.ValidString(short)).To(BeTrue())
				Expect(long).To(HavePrefix(strings.TrimSuffix(short, "…")))
				Expect(limit.Label(short)).To(Equal(short))
			}
		}
		whole := strings.Repeat("a", limit.MaxLabel)
		Expect(limit.Label(whole)).To(Equal(whole))
	})

	It("name the labels that are cut, whoever cut them, and the first id that is too long", func() {
		long := strings.Repeat("a", limit.MaxLabel+1)
		u := events.Usage{Name: long, SpaceName: "dev…", Footprint: events.Footprint{Plan: long, PlanGUID: long[1:]}}
		for range 2 {
			labels, id := limit.Usage(&u)
			Expect(labels).To(Equal([]string{"name", "plan"}))
			Expect(id).To(BeEmpty())
		}
		u.Tenant, u.Footprint.FlavorID = long, long
		_, id := limit.Usage(&u)
		Expect(id).To(Equal("tenant"))
	})

	It("cut the evidence of an observation, and it stays JSON", func() {
		for _, text := range []string{"a", "é", "\\u0001", `\"`, "<"} {
			a := events.Act{Observation: events.Observation{
				Name:     strings.Repeat("a", limit.MaxLabel+1),
				Evidence: []byte(`{"there":"` + strings.Repeat(text, limit.MaxEvidence) + `"}`),
			}}
			for range 2 {
				labels, id := limit.Act(&a)
				Expect(labels).To(Equal([]string{"observation.name", "observation.evidence"}))
				Expect(id).To(BeEmpty())
				Expect(len(a.Observation.Evidence)).To(BeNumerically("<=", limit.MaxEvidence))
				Expect(events.CheckRaw(a.Observation.Evidence)).To(Succeed())
			}
		}
		whole := []byte(`{"there":null}`)
		a := events.Act{Observation: events.Observation{Evidence: whole, Space: strings.Repeat("a", limit.MaxID+1)}}
		labels, id := limit.Act(&a)
		Expect(labels).To(BeEmpty())
		Expect(id).To(Equal("observation.space"))
		Expect(a.Observation.Evidence).To(Equal(whole))
	})

	It("cost an ordinary fact no memory", func() {
		u := events.Usage{Name: "shop", Tenant: "org"}
		Expect(testing.AllocsPerRun(10, func() { limit.Usage(&u) })).To(BeZero())
	})
})
